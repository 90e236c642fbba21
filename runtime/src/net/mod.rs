//! TCP sockets, and names and addresses.
//!
//! A socket belongs to the runtime it was made in: its driver watches it until it is dropped. It is registered
//! once, edge-triggered, for both directions, so that a busy connection costs no system calls but its reads
//! and writes.
//!
//! Sockets have reading and writing as methods of their own, so no trait has to be imported. They also have the
//! traits of [`futures_io`], and with the feature `tokio-io` those of tokio.
//!
//! ```
//! use windlass::net::{TcpListener, TcpStream};
//!
//! #[windlass::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!
//!     let server = windlass::spawn(async move {
//!         let (mut stream, _) = listener.accept().await?;
//!         let mut question = [0; 4];
//!         stream.read_exact(&mut question).await?;
//!         stream.write_all(b"pong").await
//!     });
//!
//!     let mut stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"ping").await?;
//!     let mut answer = Vec::new();
//!     stream.read_to_end(&mut answer).await?;
//!     assert_eq!(answer, b"pong");
//!     server.await.unwrap()
//! }
//! ```

mod addr;
mod sys;
pub mod tcp;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
