//! hyper 1.x on this runtime: connections, tasks and timers.
//!
//! hyper knows of no runtime; it is given a stream to read from and write to, an executor for what it spawns
//! (HTTP/2), and a timer.
//!
//! **Without `.timer(HyperTimer::new())` hyper has no time limits:** that of 30 seconds for the head of a request
//! is silently off, and a slow client holds its connection for ever.
//!
//! # Examples
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http_body_util::Full;
//! use hyper::body::{Bytes, Incoming};
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//! use windlass::compat::hyper::{HyperIo, HyperTimer};
//! use windlass::net::{TcpListener, TcpStream};
//!
//! async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(Response::new(Full::new(Bytes::from("hello"))))
//! }
//!
//! #[windlass::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     windlass::spawn(async move {
//!         while let Ok((stream, _)) = listener.accept().await {
//!             let connection = hyper::server::conn::http1::Builder::new()
//!                 .timer(HyperTimer::new())
//!                 .serve_connection(HyperIo::new(stream), service_fn(hello));
//!             windlass::spawn(async move {
//!                 if let Err(error) = connection.await {
//!                     eprintln!("a connection failed: {error}");
//!                 }
//!             });
//!         }
//!     });
//!
//!     let mut client = TcpStream::connect(address).await?;
//!     client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await?;
//!     let mut answer = String::new();
//!     client.read_to_string(&mut answer).await?;
//!     assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"));
//!     Ok(())
//! }
//! ```

mod executor;
mod io;
mod timer;

pub use executor::HyperExecutor;
pub use io::HyperIo;
pub use timer::{HyperSleep, HyperTimer};
