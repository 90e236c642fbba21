//! What the programs in `src/bin/` are made of, where that is more than one file.

pub mod crawler;
pub mod fileserver;
pub mod nap;
pub mod redis_server;
pub mod virtual_time;
