//! Halves that borrow the stream.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, SocketAddr};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};

use super::TcpStream;
use super::methods::{poll_recv_buf, poll_send_buf, read_methods, write_methods};
use crate::driver::{Evented, Interest, Ready};

/// The half of a [`TcpStream`] to read, borrowed; made by [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The half of a [`TcpStream`] to write, borrowed; made by [`TcpStream::split`].
///
/// Dropping it does not shut the direction down.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

macro_rules! read_half {
    () => {
        read_methods!();

        /// As [`TcpStream::peek`].
        ///
        /// # Errors
        ///
        /// The system's.
        pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            poll_fn(|cx| self.poll_peek(cx, buf)).await
        }

        /// As [`TcpStream::poll_peek`].
        ///
        /// # Errors
        ///
        /// The system's.
        pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            self.stream().poll_peek(cx, buf)
        }

        /// As [`TcpStream::readable`].
        ///
        /// # Errors
        ///
        /// If the runtime is gone.
        pub async fn readable(&self) -> io::Result<()> {
            self.stream().readable().await
        }

        /// As [`TcpStream::try_read`].
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is nothing now; the system's.
        pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
            self.stream().try_read(buf)
        }

        /// As [`TcpStream::try_read_vectored`].
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is nothing now; the system's.
        pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
            self.stream().try_read_vectored(bufs)
        }

        /// As [`TcpStream::try_read_buf`].
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is nothing now; the system's.
        pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
            self.stream().try_read_buf(buf)
        }
    };
}

macro_rules! write_half {
    () => {
        write_methods!();

        /// As [`TcpStream::writable`].
        ///
        /// # Errors
        ///
        /// If the runtime is gone.
        pub async fn writable(&self) -> io::Result<()> {
            self.stream().writable().await
        }

        /// As [`TcpStream::try_write`].
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is no room now; the system's.
        pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
            self.stream().try_write(buf)
        }

        /// As [`TcpStream::try_write_vectored`].
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is no room now; the system's.
        pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            self.stream().try_write_vectored(bufs)
        }
    };
}

/// What both halves have, of a type with `fn stream(&self) -> &TcpStream`.
macro_rules! half {
    () => {
        #[inline]
        pub(crate) fn evented(&self) -> &Evented<net::TcpStream> {
            self.stream().evented()
        }

        /// As [`TcpStream::ready`].
        ///
        /// # Errors
        ///
        /// If the runtime is gone.
        pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
            self.stream().ready(interest).await
        }

        /// The address of the other side.
        ///
        /// # Errors
        ///
        /// The system's.
        pub fn peer_addr(&self) -> io::Result<SocketAddr> {
            self.stream().peer_addr()
        }

        /// The address of this side.
        ///
        /// # Errors
        ///
        /// The system's.
        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            self.stream().local_addr()
        }
    };
}

pub(super) use {half, read_half, write_half};

impl<'a> ReadHalf<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        Self(stream)
    }

    fn stream(&self) -> &TcpStream {
        self.0
    }

    read_half!();
    half!();
}

impl<'a> WriteHalf<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Self {
        Self(stream)
    }

    fn stream(&self) -> &TcpStream {
        self.0
    }

    pub(super) fn shut_down(&mut self) -> io::Result<()> {
        self.0.shut_down()
    }

    write_half!();
    half!();
}

impl AsRef<TcpStream> for ReadHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}

impl AsRef<TcpStream> for WriteHalf<'_> {
    fn as_ref(&self) -> &TcpStream {
        self.0
    }
}
