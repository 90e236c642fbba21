//! Halves that share the stream.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};

use super::TcpStream;
use super::methods::{poll_recv_buf, poll_send_buf, read_methods, write_methods};
use super::split::{half, read_half, write_half};
use crate::driver::{Evented, Interest, Ready};

/// The half of a [`TcpStream`] to read; made by [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(Arc<TcpStream>);

/// The half of a [`TcpStream`] to write; made by [`TcpStream::into_split`].
///
/// Dropping it shuts the direction down, so that the peer reads to the end; [`forget`](Self::forget) does not.
///
/// # Examples
///
/// ```
/// use windlass::net::{TcpListener, TcpStream};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let (read, write) = TcpStream::connect(listener.local_addr()?).await?.into_split();
/// // The stream stays open both ways, for as long as the other half is there.
/// write.forget();
/// # drop(read);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    shut_down_on_drop: bool,
}

pub(super) fn split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    (OwnedReadHalf(Arc::clone(&stream)), OwnedWriteHalf { stream, shut_down_on_drop: true })
}

impl OwnedReadHalf {
    fn stream(&self) -> &TcpStream {
        &self.0
    }

    /// Makes a stream of two halves again.
    ///
    /// # Errors
    ///
    /// If they are not of the same stream; the error has both.
    ///
    /// # Examples
    ///
    /// ```
    /// # use windlass::net::{TcpListener, TcpStream};
    /// # #[windlass::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (reader, writer) = stream.into_split();
    /// let stream = reader.reunite(writer).expect("they were split from one stream");
    /// # Ok(())
    /// # }
    /// ```
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Arc::ptr_eq(&self.0, &other.stream) {
            return Err(ReuniteError(self, other));
        }
        other.forget();
        Ok(Arc::into_inner(self.0).expect("there are two halves, and one of them is gone"))
    }

    read_half!();
    half!();
}

impl OwnedWriteHalf {
    fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Makes a stream of two halves again.
    ///
    /// # Errors
    ///
    /// If they are not of the same stream; the error has both.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }

    /// Drops it without shutting the direction down. It is closed with the other half.
    pub fn forget(mut self) {
        self.shut_down_on_drop = false;
    }

    pub(super) fn shut_down(&mut self) -> io::Result<()> {
        let done = self.stream.shut_down();
        if done.is_ok() {
            self.shut_down_on_drop = false;
        }
        done
    }

    write_half!();
    half!();
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shut_down_on_drop {
            let _ = self.stream.shut_down();
        }
    }
}

impl AsRef<TcpStream> for OwnedReadHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.0
    }
}

impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}

/// Two halves that were to be reunited and are not of the same stream.
///
/// # Examples
///
/// ```
/// use windlass::net::TcpStream;
/// use windlass::net::tcp::ReuniteError;
/// # use windlass::net::TcpListener;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let (read, _write) = TcpStream::connect(listener.local_addr()?).await?.into_split();
/// let (_read, write) = TcpStream::connect(listener.local_addr()?).await?.into_split();
/// // Of different streams: both come back.
/// let ReuniteError(read, write) = read.reunite(write).unwrap_err();
/// # drop((read, write));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these halves are not of the same stream")
    }
}

impl Error for ReuniteError {}
