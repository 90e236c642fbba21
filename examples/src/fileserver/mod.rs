//! A server for the files of a folder, over HTTP/1.1 and HTTP/2; `src/bin/fileserver.rs` runs it on Windlass.
//!
//! A request is answered by one blocking call ([`Site::answer`]): it looks the path up beneath the root, weighs the
//! conditions and ranges that were asked for, and reads the first piece of what is to be sent. So a small file costs one trip
//! to the blocking pool, and everything that decides is plain code. What a large file has left is read
//! piece by piece as the client takes it ([`Body`]), one piece ahead.
//!
//! Nothing here knows a runtime: blocking calls go through [`Blocking`], time and spawned tasks through hyper's traits. So the
//! benchmarks can serve the same files with the same code on another runtime.
//!
//! # What is served, and what is not
//!
//! - Regular files, and a page for each folder, or the folder's `index.html`. Pipes, sockets and devices are never opened.
//! - Nothing outside of the root: the kernel resolves each path beneath it (`openat2`), symbolic links included, so there is no
//!   moment between a check and a use. Links with an absolute target are refused even where they lead back inside. A kernel
//!   without `openat2` gets a walk, folder by folder, that follows no link at all.
//! - Names that begin with a dot are not there, unless `--hidden` says so: the folder a developer serves has a `.git`,
//!   perhaps a `.env`.
//!
//! # What a client can hold up
//!
//! | a client that | meets |
//! | --- | --- |
//! | sends its request slowly, or nothing | `--header-timeout`, from the connection's begin or the end of its last answer |
//! | is silent when the server stops | a quarter of a second on HTTP/1; on HTTP/2, where it is asked whether it knows, one second |
//! | does not read its answer | `--request-timeout` without progress; on HTTP/2 that answer ends alone, if another gets on |
//! | sends a long target, or many or long headers | 414 above 8 KiB, 431 above 64 KiB or 100 headers |
//! | closes its side behind its request | its answer; it is gone when it refuses it, or does not take it |
//! | asks for much at once on one HTTP/2 connection | 32 answers at a time; more are refused, and may be asked for again |
//! | opens many connections | `--max-connections`; who comes later waits in the listener's queue |
//! | asks for many ranges | at most 16, and overlapping ones are merged; else it gets the whole file |
//!
//! # Memory per connection
//!
//! | | pieces of files, however large they are | besides |
//! | --- | --- | --- |
//! | HTTP/1 | 2 of 256 KiB | what hyper buffers, at most some 128 KiB |
//! | HTTP/2 | 32 streams with 3 of 64 KiB at most, 6 MiB; 2 MiB if the client takes nothing | the same, and the heads of these requests |
//!
//! A stream that is given up leaves nothing behind; the end of an answer that hyper has taken over stays until it is taken, or the
//! connection ends. A folder's page is made in memory and stays there until it is taken: some 150 bytes for each name, 10 000 names at most.

mod blocking;
mod body;
mod buffers;
mod conditional;
mod connection;
mod heard;
mod listing;
mod options;
mod path;
mod range;
mod report;
mod root;
mod serve;
mod service;
mod streams;
mod watch;

pub use blocking::Blocking;
pub use body::Body;
pub use connection::{Ended, serve_connection};
pub use options::Options;
pub use report::Served;
pub use root::Root;
pub use serve::Site;
pub use service::Server;
