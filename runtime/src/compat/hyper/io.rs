//! Streams for hyper.

use std::any::Any;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use pin_project_lite::pin_project;

use crate::net::TcpStream;
use crate::net::tcp::poll_recv;

/// What is initialised at most for one read of a stream that reads into nothing else. A TLS record is no longer.
const INITIALISED: usize = 16 << 10;

pin_project! {
    /// A stream as hyper wants it, and a stream of hyper's as others want it.
    ///
    /// It wraps a [`TcpStream`], or anything else that has the traits of [`futures_io`], such as a TLS stream over
    /// it. Nothing is buffered in between. A `TcpStream` reads into hyper's buffer as it is, without filling it
    /// with zeros first, and writes several pieces in one system call.
    ///
    /// The other way round, around a [`hyper::upgrade::Upgraded`] connection, it has the traits of `futures_io`.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::compat::hyper::HyperIo;
    /// # use windlass::net::{TcpListener, TcpStream};
    /// # #[windlass::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let address = listener.local_addr()?;
    /// let stream = TcpStream::connect(address).await?;
    /// let (mut sender, connection) = hyper::client::conn::http1::handshake(HyperIo::new(stream)).await?;
    /// windlass::spawn(connection);
    /// # windlass::spawn(async move {
    /// #     let (mut server, _) = listener.accept().await.unwrap();
    /// #     server.read(&mut [0; 1024]).await.unwrap();
    /// #     server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    /// # });
    /// let request = hyper::Request::new(http_body_util::Empty::<&[u8]>::new());
    /// let response = sender.send_request(request).await?;
    /// assert!(response.status().is_success());
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct HyperIo<T> {
        #[pin]
        inner: T,
    }
}

impl<T> HyperIo<T> {
    /// Wraps a stream.
    pub fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The stream inside.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::compat::hyper::HyperIo;
    /// use windlass::io::duplex;
    ///
    /// let (near, _far) = duplex(64);
    /// let mut io = HyperIo::new(near);
    /// println!("{:?}", io.inner());
    /// println!("{:?}", io.inner_mut());
    /// let near = io.into_inner();
    /// # drop(near);
    /// ```
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// The stream inside.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// That stream, if it is a socket. Decided when it is compiled.
#[inline]
fn as_socket<T: 'static>(stream: &T) -> Option<&TcpStream> {
    (stream as &dyn Any).downcast_ref()
}

impl<T: AsyncRead + 'static> Read for HyperIo<T> {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = self.project().inner;
        let read = if let Some(socket) = as_socket(inner.as_ref().get_ref()) {
            // SAFETY: the system writes bytes there, and takes none away.
            let room = unsafe { buf.as_mut() };
            ready!(poll_recv(socket.evented(), cx, room))?
        } else {
            let room = buf.remaining().min(INITIALISED);
            let read = ready!(inner.poll_read(cx, buf.initialize_unfilled_to(room)))?;
            assert!(read <= room, "a stream says that it has read more than there was room for");
            read
        };
        // SAFETY: that many bytes were written there: by `recv`, or before by `initialize_unfilled_to`.
        unsafe { buf.advance(read) };
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + 'static> Write for HyperIo<T> {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_close(cx)
    }

    /// Of other streams nobody knows; hyper puts the pieces together for them.
    fn is_write_vectored(&self) -> bool {
        as_socket(&self.inner).is_some()
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

impl<T: Read> AsyncRead for HyperIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.project().inner.poll_read(cx, buf.unfilled()))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: Write> AsyncWrite for HyperIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }
}
