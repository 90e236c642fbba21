//! The models: one file per protocol, one test per scenario.

mod tasks;

mod join;
