//! From a reader that has a buffer to a writer.

use std::future::poll_fn;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncBufRead, AsyncWrite};

use super::copy::{some, unless_interrupted};
use crate::task::coop;

/// Copies all that a buffered reader has to a writer, and returns how many bytes that were.
///
/// It writes out of the reader's own buffer; otherwise it is [`copy`](super::copy()).
///
/// # Errors
///
/// Those of [`copy`](super::copy()).
///
/// # Cancel safety
///
/// What was not written is still in the reader when it is dropped. How much was written is lost.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() -> std::io::Result<()> {
/// use windlass::io::{self, BufReader};
///
/// let (mut writer, end) = windlass::io::duplex(64);
/// let mut reader = BufReader::new(&b"hello"[..]);
/// assert_eq!(io::copy_buf(&mut reader, &mut writer).await?, 5);
/// # drop(end);
/// # Ok(())
/// # }
/// ```
pub async fn copy_buf<R, W>(reader: &mut R, writer: &mut W) -> Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let (mut copied, mut flushed) = (0, true);
    poll_fn(|cx| poll(cx, Pin::new(reader), Pin::new(writer), &mut copied, &mut flushed)).await
}

fn poll<R, W>(
    cx: &mut Context<'_>,
    mut reader: Pin<&mut R>,
    mut writer: Pin<&mut W>,
    copied: &mut u64,
    flushed: &mut bool,
) -> Poll<Result<u64>>
where
    R: AsyncBufRead + ?Sized,
    W: AsyncWrite + ?Sized,
{
    loop {
        ready!(coop::poll_proceed(cx)).made_progress();
        match unless_interrupted(reader.as_mut().poll_fill_buf(cx))? {
            Poll::Pending => {
                if !*flushed {
                    ready!(writer.poll_flush(cx))?;
                    *flushed = true;
                }
                return Poll::Pending;
            }
            Poll::Ready(None) => {}
            Poll::Ready(Some([])) => {
                ready!(writer.poll_flush(cx))?;
                return Poll::Ready(Ok(*copied));
            }
            Poll::Ready(Some(bytes)) => {
                if let Some(written) = ready!(unless_interrupted(writer.as_mut().poll_write(cx, bytes)))? {
                    reader.as_mut().consume(some(written)?);
                    *copied += written as u64;
                    *flushed = false;
                }
            }
        }
    }
}
