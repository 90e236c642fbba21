//! The models of the blocking pool and its futures.

mod pools;

mod boot;
mod closing;
mod expiry;
mod futures;
mod nested;
mod park;
mod room;
mod start;
