//! From a reader to a writer, through a buffer of our own.

use std::future::poll_fn;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::task::coop;

pub(super) const BUFFER: usize = 8 * 1024;

/// Copies all that a reader has to a writer, and returns how many bytes that were.
///
/// The writer is flushed at the end, and whenever the reader has nothing for now, so that nothing stays behind in a buffer.
///
/// # Errors
///
/// The first one of the reader or the writer, but for [`ErrorKind::Interrupted`], after which it goes on;
/// [`ErrorKind::WriteZero`] if the writer takes nothing more.
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
/// use windlass::io::{self, Cursor};
///
/// let mut reader: &[u8] = b"hello";
/// let mut writer = Cursor::new(Vec::new());
/// assert_eq!(io::copy(&mut reader, &mut writer).await?, 5);
/// assert_eq!(writer.into_inner(), b"hello");
/// # Ok(())
/// # }
/// ```
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut transfer = Transfer::new(BUFFER);
    poll_fn(|cx| transfer.poll(cx, Pin::new(reader), Pin::new(writer))).await
}

/// A copy under way.
#[derive(Debug)]
pub(super) struct Transfer {
    buffer: Box<[u8]>,
    /// What of the buffer was read and is not written yet.
    start: usize,
    end: usize,
    copied: u64,
    at_end: bool,
    flushed: bool,
}

impl Transfer {
    pub(super) fn new(size: usize) -> Self {
        let buffer = vec![0; size].into_boxed_slice();
        Self { buffer, start: 0, end: 0, copied: 0, at_end: false, flushed: true }
    }

    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            ready!(coop::poll_proceed(cx)).made_progress();
            if self.start < self.end {
                ready!(self.poll_write(cx, writer.as_mut()))?;
            } else if self.at_end {
                ready!(writer.poll_flush(cx))?;
                return Poll::Ready(Ok(self.copied));
            } else if self.poll_read(cx, reader.as_mut())?.is_pending() {
                if !self.flushed {
                    ready!(writer.poll_flush(cx))?;
                    self.flushed = true;
                }
                return Poll::Pending;
            }
        }
    }

    fn poll_read<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
    ) -> Poll<Result<()>> {
        if let Some(read) = ready!(unless_interrupted(reader.poll_read(cx, &mut self.buffer)))? {
            self.start = 0;
            self.end = read;
            self.at_end = read == 0;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Poll<Result<()>> {
        let bytes = &self.buffer[self.start..self.end];
        if let Some(written) = ready!(unless_interrupted(writer.poll_write(cx, bytes)))? {
            self.start += some(written)?;
            self.copied += written as u64;
            self.flushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// `None` for what is to be tried again.
pub(super) fn unless_interrupted<T>(poll: Poll<Result<T>>) -> Poll<Result<Option<T>>> {
    match poll {
        Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => Poll::Ready(Ok(None)),
        poll => poll.map_ok(Some),
    }
}

/// An error if a writer has taken nothing of something.
pub(super) fn some(written: usize) -> Result<usize> {
    if written == 0 {
        return Err(Error::new(ErrorKind::WriteZero, "the writer takes nothing more"));
    }
    Ok(written)
}
