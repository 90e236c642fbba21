//! The parts of a TCP socket.

mod backoff;
mod listener;
mod methods;
mod socket;
mod split;
mod split_owned;
mod stream;
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
