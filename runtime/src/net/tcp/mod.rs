//! The parts of a TCP socket.
//!
//! # Examples
//!
//! A stream and its halves have the same methods. Whole buffers, and what a trait would have to be imported for:
//!
//! ```
//! use std::io::{IoSlice, IoSliceMut};
//! use bytes::{Bytes, BytesMut};
//! use windlass::net::{TcpListener, TcpStream};
//!
//! # #[windlass::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let (client, server) = futures_lite::future::try_zip(TcpStream::connect(listener.local_addr()?), listener.accept()).await?;
//! let (mut read, mut write) = client.into_split();
//! let mut server = server.0;
//! let (mut server_read, mut server_write) = server.split();
//! assert_eq!((read.peer_addr()?, write.local_addr()?), (server_read.local_addr()?, server_write.peer_addr()?));
//!
//! write.write_all(b"one ").await?;
//! write.write_all_buf(&mut Bytes::from_static(b"two ")).await?;
//! let written = write.write(b"three ").await?;
//! assert_eq!(written + write.write_buf(&mut Bytes::from_static(b"four ")).await?, 11);
//! assert!(write.is_write_vectored());
//! write.write_vectored(&[IoSlice::new(b"fi"), IoSlice::new(b"ve")]).await?;
//! write.flush().await?;
//!
//! let mut four = [0; 4];
//! server_read.peek(&mut four).await?;
//! assert_eq!(&four, b"one ", "it is still there");
//! server_read.read_exact(&mut four).await?;
//! let mut buffer = BytesMut::with_capacity(2);
//! assert!(server_read.read_buf(&mut buffer).await? > 0);
//! let mut more = [0; 2];
//! assert!(server_read.read(&mut more).await? > 0);
//! assert!(server_read.read_vectored(&mut [IoSliceMut::new(&mut more)]).await? > 0);
//!
//! // The peer reads to the end once this direction is shut down.
//! write.shutdown().await?;
//! let mut rest = String::new();
//! server_read.read_to_string(&mut rest).await?;
//! assert!(rest.ends_with("five"));
//! server_write.shutdown().await?;
//! assert_eq!(read.read_to_end(&mut Vec::new()).await?, 0);
//!
//! // Two halves of one stream are put together again.
//! let stream = read.reunite(write).unwrap();
//! # drop(stream);
//! # Ok(())
//! # }
//! ```
//!
//! Waiting and trying apart, for who wants to hold no buffer while nothing comes:
//!
//! ```
//! use std::io::{ErrorKind, IoSlice, IoSliceMut};
//! use std::future::poll_fn;
//! use windlass::io::Interest;
//! use windlass::net::{TcpListener, TcpStream};
//!
//! # #[windlass::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let (client, server) = futures_lite::future::try_zip(TcpStream::connect(listener.local_addr()?), listener.accept()).await?;
//! let server = server.0;
//!
//! server.writable().await?;
//! assert!(server.ready(Interest::WRITABLE).await?.is_writable());
//! poll_fn(|cx| server.poll_write_ready(cx)).await?;
//! server.try_write(b"abc")?;
//! server.try_write_vectored(&[IoSlice::new(b"d"), IoSlice::new(b"e")])?;
//!
//! client.readable().await?;
//! poll_fn(|cx| client.poll_read_ready(cx)).await?;
//! let mut byte = [0];
//! poll_fn(|cx| client.poll_peek(cx, &mut byte)).await?;
//! client.try_read(&mut byte)?;
//! client.try_read_vectored(&mut [IoSliceMut::new(&mut byte)])?;
//! let mut rest = Vec::with_capacity(8);
//! while rest.len() < 3 {
//!     client.readable().await?;
//!     match client.try_read_buf(&mut rest) {
//!         Ok(_) => {}
//!         // It was not ready after all, or is not any more.
//!         Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
//!         Err(error) => return Err(error),
//!     }
//! }
//! assert_eq!(rest, b"cde");
//! # Ok(())
//! # }
//! ```

mod backoff;
mod listener;
mod methods;
mod socket;
mod split;
mod split_owned;
mod stream;
mod stream_options;
mod traits;

#[cfg(feature = "tokio-io")]
mod tokio_io;

pub use listener::TcpListener;
pub use socket::TcpSocket;
pub use split::{ReadHalf, WriteHalf};
pub use split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use stream::TcpStream;

#[cfg(feature = "hyper")]
pub(crate) use methods::poll_recv;
