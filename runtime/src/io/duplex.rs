//! Two streams in memory that are connected with each other.

use std::io::{IoSlice, IoSliceMut, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::pipe::Pipe;
use crate::primitives::Arc;

/// Two streams in memory: what is written to one is read from the other, with room for `capacity` bytes each way.
///
/// A write waits when there is no room, a read when there is nothing. It stands for a socket in tests, and connects what reads with
/// what writes inside a program.
///
/// # Panics
///
/// If `capacity` is 0.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() -> std::io::Result<()> {
/// use windlass::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (mut client, mut server) = windlass::io::duplex(64);
/// client.write_all(b"ping").await?;
/// let mut buffer = [0; 4];
/// server.read_exact(&mut buffer).await?;
/// assert_eq!(&buffer, b"ping");
///
/// drop(client);
/// assert_eq!(server.read(&mut buffer).await?, 0);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn duplex(capacity: usize) -> (DuplexStream, DuplexStream) {
    assert!(
        capacity > 0,
        "a duplex stream needs room for one byte at least, or every write would wait forever"
    );
    let there = Arc::new(Pipe::new(capacity));
    let back = Arc::new(Pipe::new(capacity));
    let one = DuplexStream { read: Arc::clone(&back), write: Arc::clone(&there) };
    (one, DuplexStream { read: there, write: back })
}

/// One of two connected streams in memory; see [`duplex`].
///
/// Closing it, or dropping it, lets the other one read what is left and then come to the end. Once it is dropped, the other one's
/// writes fail with [`BrokenPipe`](std::io::ErrorKind::BrokenPipe).
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
}

impl AsyncRead for DuplexStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.read.poll_read(cx, buf.len(), |first, second| {
            let (head, tail) = buf.split_at_mut(first.len().min(buf.len()));
            copy(first, head) + copy(second, tail)
        })
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.read.poll_read(cx, wanted, |mut first, mut second| {
            let mut taken = 0;
            for buf in bufs {
                let head = copy(first, buf);
                let tail = copy(second, &mut buf[head..]);
                (first, second) = (&first[head..], &second[tail..]);
                taken += head + tail;
            }
            taken
        })
    }
}

/// Copies what fits, and returns how much that was.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let length = from.len().min(to.len());
    to[..length].copy_from_slice(&from[..length]);
    length
}

impl AsyncWrite for DuplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.write.poll_write(cx, std::iter::once(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.write.poll_write(cx, bufs.iter().map(|buf| &**buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.write.close();
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "tokio-io")]
impl tokio::io::AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let read = self.read.poll_read(cx, buf.remaining(), |first, second| {
            let before = buf.remaining();
            buf.put_slice(&first[..first.len().min(before)]);
            buf.put_slice(&second[..second.len().min(buf.remaining())]);
            before - buf.remaining()
        });
        read.map_ok(drop)
    }
}

#[cfg(feature = "tokio-io")]
impl tokio::io::AsyncWrite for DuplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        AsyncWrite::poll_write(self, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        AsyncWrite::poll_write_vectored(self, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        AsyncWrite::poll_flush(self, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        AsyncWrite::poll_close(self, cx)
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        self.write.close();
        self.read.break_off();
    }
}

#[cfg(all(test, feature = "tokio-io"))]
mod tests {
    use std::io::ErrorKind;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::duplex;

    #[test]
    fn tokios_traits() {
        let cx = &mut Context::from_waker(Waker::noop());
        let (mut near, mut far) = duplex(4);
        assert!(matches!(Pin::new(&mut near).poll_write(cx, b"012345"), Poll::Ready(Ok(4))));
        assert!(Pin::new(&mut near).poll_write(cx, b"45").is_pending());

        let mut bytes = [0; 3];
        let mut buf = ReadBuf::new(&mut bytes);
        assert!(matches!(Pin::new(&mut far).poll_read(cx, &mut buf), Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"012");
        assert!(matches!(Pin::new(&mut near).poll_write(cx, b"456"), Poll::Ready(Ok(3))));
        assert!(matches!(Pin::new(&mut near).poll_flush(cx), Poll::Ready(Ok(()))));
        assert!(matches!(Pin::new(&mut near).poll_shutdown(cx), Poll::Ready(Ok(()))));

        let mut bytes = [0; 8];
        let mut buf = ReadBuf::new(&mut bytes);
        assert!(matches!(Pin::new(&mut far).poll_read(cx, &mut buf), Poll::Ready(Ok(()))));
        assert!(matches!(Pin::new(&mut far).poll_read(cx, &mut buf), Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"3456");
        match Pin::new(&mut near).poll_write(cx, b"x") {
            Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
            other => panic!("{other:?} after the end"),
        }
    }
}
