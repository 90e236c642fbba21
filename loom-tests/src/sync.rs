//! What the models use of `sync`.

#[path = "../../runtime/src/sync/cancellation/mod.rs"]
pub(crate) mod cancellation;
#[path = "../../runtime/src/sync/waiters.rs"]
pub(crate) mod waiters;
