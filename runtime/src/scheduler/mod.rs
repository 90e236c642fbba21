//! The scheduler: workers on seats, their queues, who sleeps and who is woken. `README.md` has the protocol.

mod config;
mod desk;
mod guest;
mod idle;
pub(crate) mod metrics;
#[cfg(windlass_loom)]
pub(crate) mod model;
pub(crate) mod monitor;
mod pace;
mod parker;
mod root;
mod roster;
mod seat;
mod shared;
mod shutdown;
mod worker;

pub(crate) use config::{Config, Hook, Hooks};
pub(crate) use desk::Desk;
pub(crate) use guest::{block_on_as, block_on_parked, block_on_seated};
pub(crate) use idle::Role;
pub(crate) use roster::Close;
pub(crate) use shared::Shared;
pub(crate) use worker::Worker;
