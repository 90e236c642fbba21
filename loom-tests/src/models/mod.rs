//! The models: one file per protocol, one test per scenario.

mod blocking;
mod tasks;
mod workers;

mod bridge;
mod closing;
mod driver;
mod groups;
mod guest;
mod interrupt;
mod join;
mod lifo;
mod local_set;
mod monitor;
mod notify;
mod parker;
mod permits;
mod refs;
mod registry;
mod roster;
mod rounds;
mod search;
mod sleep;
mod source;
mod timers;
mod wake;
mod yielding;
