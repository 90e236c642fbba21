//! What the models use of `sync`.

#[path = "../../runtime/src/sync/cancellation/mod.rs"]
pub(crate) mod cancellation;
#[path = "../../runtime/src/sync/notify.rs"]
pub(crate) mod notify;
#[path = "../../runtime/src/sync/wait/mod.rs"]
pub(crate) mod wait;
#[path = "../../runtime/src/sync/waiters.rs"]
pub(crate) mod waiters;
