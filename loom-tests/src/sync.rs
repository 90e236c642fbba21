//! What the models use of `sync`.

#[path = "../../runtime/src/sync/cancellation/mod.rs"]
pub(crate) mod cancellation;
#[path = "../../runtime/src/sync/notify.rs"]
pub(crate) mod notify;
#[path = "../../runtime/src/sync/rounds.rs"]
pub(crate) mod rounds;
#[path = "../../runtime/src/sync/wait/mod.rs"]
pub(crate) mod wait;
