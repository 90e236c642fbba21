//! Reading and writing as methods, the same on a stream and on its halves.

/// Methods of a type with `fn evented(&self) -> &Evented<std::net::TcpStream>`.
macro_rules! read_methods {
    () => {
        /// Reads some bytes, up to as many as there is room for in `buf`. 0 means that no more will come, unless
        /// `buf` is empty.
        ///
        /// # Errors
        ///
        /// The system's, such as that the peer has reset the connection.
        ///
        /// # Cancel safety
        ///
        /// Nothing is read if it is dropped before it is ready.
        pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            poll_fn(|cx| self.evented().poll_read(cx, buf)).await
        }

        /// Reads some bytes into several buffers, one after the other.
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read).
        ///
        /// # Cancel safety
        ///
        /// Nothing is read if it is dropped before it is ready.
        pub async fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
            poll_fn(|cx| self.evented().poll_read_vectored(cx, bufs)).await
        }

        /// Reads some bytes to the end of a buffer, whose spare room need not have been written before.
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read).
        ///
        /// # Cancel safety
        ///
        /// Nothing is read if it is dropped before it is ready.
        pub async fn read_buf<B: BufMut + ?Sized>(&mut self, buf: &mut B) -> io::Result<usize> {
            if !buf.has_remaining_mut() {
                return Ok(0);
            }
            poll_fn(|cx| poll_recv_buf(self.evented(), cx, buf)).await
        }

        /// Fills `buf`. Returns its length.
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read), and `UnexpectedEof` if the end comes first. How much of `buf` was written
        /// then is not known.
        ///
        /// # Cancel safety
        ///
        /// It is not cancel safe: what it has read is in `buf`, but how much that is is lost.
        pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let mut filled = 0;
            while filled < buf.len() {
                match poll_fn(|cx| self.evented().poll_read(cx, &mut buf[filled..])).await? {
                    0 => {
                        return Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            format!("the stream ended after {filled} of {} bytes", buf.len()),
                        ));
                    }
                    some => filled += some,
                }
            }
            Ok(filled)
        }

        /// Reads to the end, and appends it to `buf`. Returns how many bytes that were.
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read). What was read before is in `buf`.
        ///
        /// # Cancel safety
        ///
        /// What was read before it was dropped is in `buf`.
        pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
            let before = buf.len();
            while poll_fn(|cx| {
                if buf.capacity() == buf.len() {
                    buf.reserve(32);
                }
                poll_recv_buf(self.evented(), cx, buf)
            })
            .await?
                > 0
            {}
            Ok(buf.len() - before)
        }

        /// Reads to the end, and appends it to `buf`, which must be UTF-8. Returns how many bytes that were.
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read), and `InvalidData` if it is not UTF-8. `buf` is unchanged then.
        ///
        /// # Cancel safety
        ///
        /// It is not cancel safe: what it has read is lost.
        pub async fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
            let mut bytes = Vec::new();
            self.read_to_end(&mut bytes).await?;
            let text =
                str::from_utf8(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            buf.push_str(text);
            Ok(text.len())
        }
    };
}

/// Methods of a type with `evented`, as above, and `fn shut_down(&mut self) -> io::Result<()>`.
macro_rules! write_methods {
    () => {
        /// Writes some bytes, as many of `buf` as there is room for now. Returns how many.
        ///
        /// # Errors
        ///
        /// The system's, such as that the peer has closed the connection (`BrokenPipe`) or reset it.
        ///
        /// # Cancel safety
        ///
        /// Nothing is written if it is dropped before it is ready.
        pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            poll_fn(|cx| self.evented().poll_write(cx, buf)).await
        }

        /// Writes some bytes of several buffers, one after the other, in one system call.
        ///
        /// # Errors
        ///
        /// As [`write`](Self::write).
        ///
        /// # Cancel safety
        ///
        /// Nothing is written if it is dropped before it is ready.
        pub async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            poll_fn(|cx| self.evented().poll_write_vectored(cx, bufs)).await
        }

        /// Whether vectored writes are worth it: yes.
        pub fn is_write_vectored(&self) -> bool {
            true
        }

        /// Writes some bytes of a buffer, and advances it by as many.
        ///
        /// # Errors
        ///
        /// As [`write`](Self::write).
        ///
        /// # Cancel safety
        ///
        /// Nothing is written if it is dropped before it is ready.
        pub async fn write_buf<B: Buf>(&mut self, src: &mut B) -> io::Result<usize> {
            if !src.has_remaining() {
                return Ok(0);
            }
            poll_fn(|cx| poll_send_buf(self.evented(), cx, src)).await
        }

        /// Writes all of `buf`.
        ///
        /// # Errors
        ///
        /// As [`write`](Self::write). How much was written before is not known.
        ///
        /// # Cancel safety
        ///
        /// It is not cancel safe: how much it has written is lost.
        #[doc(alias = "sock_sendall")]
        pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
            while !buf.is_empty() {
                match poll_fn(|cx| self.evented().poll_write(cx, buf)).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    some => buf = &buf[some..],
                }
            }
            Ok(())
        }

        /// Writes all of a buffer, and advances it past what is written.
        ///
        /// # Errors
        ///
        /// As [`write`](Self::write). `src` has been advanced past what was written before.
        ///
        /// # Cancel safety
        ///
        /// `src` has been advanced past what was written before it was dropped.
        pub async fn write_all_buf<B: Buf>(&mut self, src: &mut B) -> io::Result<()> {
            while src.has_remaining() {
                if self.write_buf(src).await? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
            Ok(())
        }

        /// Does nothing: what is written to a socket is the system's at once.
        ///
        /// # Errors
        ///
        /// None.
        pub async fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }

        /// Says to the peer that no more will be written; it reads to the end. Reading goes on.
        ///
        /// # Errors
        ///
        /// The system's. That the peer has closed the connection is none.
        #[doc(alias = "write_eof")]
        pub async fn shutdown(&mut self) -> io::Result<()> {
            self.shut_down()
        }
    };
}

pub(super) use {read_methods, write_methods};

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut};
use socket2::SockRef;

use crate::driver::{Direction, Evented};

/// Reads into memory that need not have been written before. What the length says is written then.
#[inline]
pub(crate) fn poll_recv(
    io: &Evented<TcpStream>,
    cx: &mut Context<'_>,
    buf: &mut [MaybeUninit<u8>],
) -> Poll<io::Result<usize>> {
    let wanted = buf.len();
    io.registration().poll_transfer(cx, Direction::Read, wanted, || SockRef::from(&**io).recv(buf))
}

pub(super) fn poll_recv_buf<B: BufMut + ?Sized>(
    io: &Evented<TcpStream>,
    cx: &mut Context<'_>,
    buf: &mut B,
) -> Poll<io::Result<usize>> {
    let room = buf.chunk_mut();
    // SAFETY: the system writes bytes there, and takes none away.
    let room = unsafe { room.as_uninit_slice_mut() };
    let read = ready!(poll_recv(io, cx, room))?;
    // SAFETY: `recv` has written that many bytes to the chunk, which is at least as long.
    unsafe { buf.advance_mut(read) };
    Poll::Ready(Ok(read))
}

pub(super) fn poll_send_buf<B: Buf>(
    io: &Evented<TcpStream>,
    cx: &mut Context<'_>,
    buf: &mut B,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); 64];
    let count = buf.chunks_vectored(&mut slices);
    let written = ready!(io.poll_write_vectored(cx, &slices[..count]))?;
    buf.advance(written);
    Poll::Ready(Ok(written))
}
