//! Between two streams, both ways at once.

use std::future::poll_fn;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::copy::{BUFFER, Transfer};

/// Copies both ways between two streams, as a proxy does, until both have come to their ends; returns how many bytes went
/// from `a` to `b`, and from `b` to `a`.
///
/// When one stream ends, the other one's writing side is flushed and closed, and the other direction goes on. Whenever a
/// stream has nothing for now, what it sent before is flushed. Neither direction waits for the other: where both have something
/// they take turns.
///
/// # Errors
///
/// The first one of either stream, at once; what was not copied in the other direction then stays so. Otherwise as
/// [`copy`](super::copy()).
///
/// # Cancel safety
///
/// What was read and not written is lost when it is dropped.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() -> std::io::Result<()> {
/// use windlass::io::{self, AsyncReadExt, AsyncWriteExt};
///
/// let (mut client, mut front) = io::duplex(64);
/// let (mut back, mut server) = io::duplex(64);
/// let proxy = windlass::spawn(async move { io::copy_bidirectional(&mut front, &mut back).await });
///
/// client.write_all(b"ping").await?;
/// client.close().await?;
/// let mut request = String::new();
/// server.read_to_string(&mut request).await?;
/// server.write_all(b"a pong").await?;
/// drop(server);
///
/// assert_eq!(request, "ping");
/// assert_eq!(proxy.await??, (4, 6));
/// # Ok(())
/// # }
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    between(a, b, Direction::new(BUFFER), Direction::new(BUFFER)).await
}

/// [`copy_bidirectional`] with buffers of these sizes, instead of 8 KiB each.
///
/// # Errors
///
/// Those of [`copy_bidirectional`].
///
/// # Panics
///
/// If a size is 0.
///
/// # Cancel safety
///
/// That of [`copy_bidirectional`].
///
/// # Examples
///
/// ```
/// use windlass::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes, duplex};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut client, mut near) = duplex(1024);
/// let (mut far, mut server) = duplex(1024);
/// client.write_all(b"ping").await?;
/// client.close().await?;
/// server.write_all(b"pong!").await?;
/// server.close().await?;
/// // Little is asked, and much is answered.
/// assert_eq!(copy_bidirectional_with_sizes(&mut near, &mut far, 1024, 65536).await?, (4, 5));
/// let mut asked = String::new();
/// server.read_to_string(&mut asked).await?;
/// assert_eq!(asked, "ping");
/// # Ok(())
/// # }
/// ```
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b: usize,
    b_to_a: usize,
) -> Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b > 0 && b_to_a > 0, "a buffer to copy through holds one byte at least");
    between(a, b, Direction::new(a_to_b), Direction::new(b_to_a)).await
}

async fn between<A, B>(
    a: &mut A,
    b: &mut B,
    mut a_to_b: Direction,
    mut b_to_a: Direction,
) -> Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    // Whose turn it is to be first: a direction that is always ready may take all that a poll may do.
    let mut there_first = false;
    poll_fn(|cx| {
        there_first = !there_first;
        let (there, back);
        if there_first {
            there = a_to_b.poll(cx, Pin::new(a), Pin::new(b))?;
            back = b_to_a.poll(cx, Pin::new(b), Pin::new(a))?;
        } else {
            back = b_to_a.poll(cx, Pin::new(b), Pin::new(a))?;
            there = a_to_b.poll(cx, Pin::new(a), Pin::new(b))?;
        }
        Poll::Ready(Ok((ready!(there), ready!(back))))
    })
    .await
}

#[derive(Debug)]
enum Direction {
    Copying(Transfer),
    Closing(u64),
    Closed(u64),
}

impl Direction {
    fn new(size: usize) -> Self {
        Self::Copying(Transfer::new(size))
    }

    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        if let Self::Copying(transfer) = self {
            *self = Self::Closing(ready!(transfer.poll(cx, reader, writer.as_mut()))?);
        }
        if let Self::Closing(copied) = *self {
            ready!(writer.poll_close(cx))?;
            *self = Self::Closed(copied);
        }
        match *self {
            Self::Closed(copied) => Poll::Ready(Ok(copied)),
            _ => unreachable!("it was closed above"),
        }
    }
}
