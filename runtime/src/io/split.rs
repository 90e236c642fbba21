//! A reading and a writing half of any stream.

use std::fmt;
use std::io::{IoSlice, IoSliceMut, Result};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::primitives::{Arc, Mutex};

/// Splits a stream into a half that reads and a half that writes, which two tasks can own.
///
/// It is for streams that have no split of their own, such as TLS; a socket's costs less. Both halves poll the one stream under a lock,
/// which is held as long as the poll of a read or a write takes, so one thread may wait that long for the other. Each half has a
/// waker of its own in a stream that keeps them apart, as every stream of this crate does.
///
/// [`unsplit`](ReadHalf::unsplit) puts the halves together again. Dropping one half does not close the stream: close the writing
/// half, or drop both.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() -> std::io::Result<()> {
/// use windlass::io::{self, AsyncReadExt, AsyncWriteExt};
///
/// let (near, mut far) = io::duplex(64);
/// let (mut reader, mut writer) = io::split(near);
/// let writing = windlass::spawn(async move {
///     writer.write_all(b"ping").await?;
///     std::io::Result::Ok(writer)
/// });
/// let mut buffer = [0; 4];
/// far.read_exact(&mut buffer).await?;
/// far.write_all(&buffer).await?;
/// reader.read_exact(&mut buffer).await?;
/// assert_eq!(&buffer, b"ping");
///
/// let near = reader.unsplit(writing.await??);
/// # drop(near);
/// # Ok(())
/// # }
/// ```
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let stream = Arc::new(Mutex::new(Box::pin(stream)));
    (ReadHalf { stream: Arc::clone(&stream) }, WriteHalf { stream })
}

type Stream<T> = Arc<Mutex<Pin<Box<T>>>>;

/// The half that reads of a stream that was [`split`].
pub struct ReadHalf<T> {
    stream: Stream<T>,
}

// The lock says nothing of a panic under it, which is in the stream's own code: it is for the stream to be sound afterwards.
impl<T: UnwindSafe> UnwindSafe for ReadHalf<T> {}
impl<T: UnwindSafe> RefUnwindSafe for ReadHalf<T> {}
impl<T: UnwindSafe> UnwindSafe for WriteHalf<T> {}
impl<T: UnwindSafe> RefUnwindSafe for WriteHalf<T> {}

/// The half that writes of a stream that was [`split`].
///
/// # Examples
///
/// ```
/// use windlass::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (stream, mut peer) = duplex(64);
/// let (read, mut write) = split(stream);
/// assert!(write.is_pair_of(&read));
/// // One task reads, another writes.
/// windlass::spawn(async move { write.write_all(b"hello").await }).await.unwrap()?;
/// let mut word = [0; 5];
/// peer.read_exact(&mut word).await?;
/// # Ok(())
/// # }
/// ```
pub struct WriteHalf<T> {
    stream: Stream<T>,
}

impl<T> ReadHalf<T> {
    /// Whether both halves are of one stream.
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        Arc::ptr_eq(&self.stream, &other.stream)
    }

    /// Puts the halves of a stream together again.
    ///
    /// # Panics
    ///
    /// If they are halves of two streams; [`is_pair_of`](Self::is_pair_of) tells.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::io::{duplex, split};
    ///
    /// let (stream, _peer) = duplex(64);
    /// let (read, write) = split(stream);
    /// assert!(read.is_pair_of(&write) && write.is_pair_of(&read));
    /// let stream = read.unsplit(write);
    /// # drop(stream);
    /// ```
    #[track_caller]
    pub fn unsplit(self, other: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(
            self.is_pair_of(&other),
            "these are halves of two streams: unsplit those that one `split` gave, which `is_pair_of` tells"
        );
        drop(other);
        match Arc::try_unwrap(self.stream) {
            Ok(stream) => *Pin::into_inner(stream.into_inner()),
            Err(_) => unreachable!("a stream has two halves, and both are here"),
        }
    }
}

impl<T> WriteHalf<T> {
    /// Whether both halves are of one stream.
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        other.is_pair_of(self)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.stream.lock().as_mut().poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.stream.lock().as_mut().poll_read_vectored(cx, bufs)
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.stream.lock().as_mut().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.stream.lock().as_mut().poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream.lock().as_mut().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream.lock().as_mut().poll_close(cx)
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
