//! A connection.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};
use socket2::{Domain, SockRef, Socket};

use super::listener::no_address;
use super::methods::{poll_recv_buf, poll_send_buf, read_methods, write_methods};
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::driver::{Direction, Evented, Interest, Ready, asked_for};
use crate::net::{ToSocketAddrs, lookup_host, sys};

/// A TCP connection.
///
/// It is read from and written to by its own methods, [`read`](Self::read), [`write_all`](Self::write_all) and so
/// on, by the traits of [`futures_io`], and with the feature `tokio-io` by those of tokio. These belong to one task
/// for each direction; [`split`](Self::split) and [`into_split`](Self::into_split) give each direction to a task
/// of its own. What takes `&self`, such as [`readable`](Self::readable) and [`peek`](Self::peek), any number of
/// tasks may wait for.
///
/// Dropping it closes the connection. To say that no more will be written, and still read, call
/// [`shutdown`](Self::shutdown).
///
/// # Examples
///
/// ```
/// use windlass::net::{TcpListener, TcpStream};
///
/// #[windlass::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let (mut server, _) = listener.accept().await?;
///
///     client.write_all(b"all there is").await?;
///     client.shutdown().await?;
///
///     let mut received = Vec::new();
///     server.read_to_end(&mut received).await?;
///     assert_eq!(received, b"all there is");
///     Ok(())
/// }
/// ```
///
/// What can be set, and how to get to std's type and back:
///
/// ```
/// use std::io::Read;
/// use std::time::Duration;
/// use windlass::io::Interest;
/// use windlass::net::{TcpListener, TcpStream};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let stream = TcpStream::connect(listener.local_addr()?).await?;
/// stream.set_nodelay(true)?;
/// stream.set_ttl(64)?;
/// stream.set_quickack(true)?;
/// stream.set_linger(Some(Duration::from_secs(1)))?;
/// assert!(stream.nodelay()? && stream.ttl()? == 64);
/// println!("{:?}, {}", stream.linger()?, stream.quickack()?);
/// assert!(stream.take_error()?.is_none());
///
/// let stream = TcpStream::from_std(stream.into_std()?)?;
/// // An operation that this type does not have, made as soon as it is possible.
/// stream.async_io(Interest::WRITABLE, || Ok(())).await?;
/// // The peer sees a reset.
/// stream.set_zero_linger()?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "open_connection")]
pub struct TcpStream {
    pub(super) io: Evented<net::TcpStream>,
}

impl TcpStream {
    /// Connects to an address, the first that works of those given.
    ///
    /// # Errors
    ///
    /// The last address's, if none works; or that of the look-up.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left of the attempt when it is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, when it is polled.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let mut stream = windlass::net::TcpStream::connect("example.org:80").await?;
    /// stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "create_connection")]
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let mut failed = None;
        for address in lookup_host(addr).await? {
            let connected = match sys::tcp_socket(Domain::for_address(address)) {
                Ok(socket) => Self::connect_socket(socket, address).await,
                Err(error) => Err(error),
            };
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(no_address))
    }

    pub(super) async fn connect_socket(socket: Socket, address: SocketAddr) -> io::Result<TcpStream> {
        // Registered after that: a socket that does not even try to connect counts as closed.
        sys::begin_connect(&socket, address)?;
        let stream = Self::new(socket.into())?;
        poll_fn(|cx| stream.poll_write_ready(cx)).await?;
        match stream.take_error()? {
            None => Ok(stream),
            Some(error) => Err(error),
        }
    }

    #[inline]
    #[track_caller]
    pub(super) fn new(stream: net::TcpStream) -> io::Result<TcpStream> {
        // What is out of band too: a read stops there, and one that is short for that must be told from others.
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        Ok(TcpStream { io: Evented::new(stream, interest)? })
    }

    #[inline]
    pub(crate) fn evented(&self) -> &Evented<net::TcpStream> {
        &self.io
    }

    /// Makes a stream of one of std's. It is made non-blocking.
    ///
    /// # Errors
    ///
    /// If it cannot be made non-blocking or watched.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Self::new(stream)
    }

    /// Makes a stream of std's of this. It stays non-blocking: call `set_nonblocking(false)` on it to have it
    /// block.
    ///
    /// # Errors
    ///
    /// If the watch cannot be ended.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        self.io.into_inner()
    }

    read_methods!();
    write_methods!();

    #[inline]
    pub(super) fn shut_down(&self) -> io::Result<()> {
        match self.io.shutdown(Shutdown::Write) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }

    /// Reads some bytes and leaves them to be read again.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.registration().async_io(Interest::READABLE, || self.io.peek(buf)).await
    }

    /// As [`peek`](Self::peek), for hand-written futures. Of several tasks that wait for the same direction by `poll_`
    /// methods only the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.registration().poll_io(cx, Direction::Read, || self.io.peek(buf))
    }

    /// Waits until the stream is ready for something of what is asked for, and says for what.
    ///
    /// It may be ready no more when the next attempt is made, which then fails with `WouldBlock`; after that this
    /// waits again.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::io::Interest;
    /// # use windlass::net::{TcpListener, TcpStream};
    /// # #[windlass::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let ready = stream.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// if ready.is_writable() {
    ///     match stream.try_write(b"hello") {
    ///         Ok(written) => assert_eq!(written, 5),
    ///         Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {} // wait again
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.io.registration().ready(interest).await?.ready)
    }

    /// Waits until there is something to read, or nothing will come.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[doc(alias = "add_reader")]
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until there is room to write, or it is of no use.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[doc(alias = "add_writer")]
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// As [`readable`](Self::readable), for hand-written futures. Of several tasks that wait for the same direction by
    /// `poll_` methods only the last one is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_ready(cx, Direction::Read).map_ok(drop)
    }

    /// As [`writable`](Self::writable), for hand-written futures. Of several tasks that wait for the same direction by
    /// `poll_` methods only the last one is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_ready(cx, Direction::Write).map_ok(drop)
    }

    /// Reads what there is now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, or nothing that the runtime has heard of: await
    /// [`readable`](Self::readable) first. Otherwise as [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = buf.len();
        self.io.registration().try_transfer(Direction::Read, wanted, || (&*self.io).read(buf))
    }

    /// Reads what there is now into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let wanted = asked_for(bufs);
        self.io.registration().try_transfer(Direction::Read, wanted, || (&*self.io).read_vectored(bufs))
    }

    /// Reads what there is now to the end of a buffer, whose spare room need not have been written before.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        let room = buf.chunk_mut();
        // SAFETY: the system writes bytes there, and takes none away.
        let room = unsafe { room.as_uninit_slice_mut() };
        let wanted = room.len();
        let recv = || SockRef::from(&*self.io).recv(room);
        let read = self.io.registration().try_transfer(Direction::Read, wanted, recv)?;
        // SAFETY: `recv` has written that many bytes to the chunk, which is at least as long.
        unsafe { buf.advance_mut(read) };
        Ok(read)
    }

    /// Writes what there is room for now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, or none that the runtime has heard of: await
    /// [`writable`](Self::writable) first. Otherwise as [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.registration().try_transfer(Direction::Write, buf.len(), || (&*self.io).write(buf))
    }

    /// Writes what there is room for now of several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted = asked_for(bufs);
        self.io.registration().try_transfer(Direction::Write, wanted, || (&*self.io).write_vectored(bufs))
    }

    /// Makes an attempt of the caller's own on the socket, if it is ready for what is asked for. If that fails with
    /// `WouldBlock` it is not ready any more.
    ///
    /// `f` must make one attempt that does not wait, and return its `WouldBlock` as it is.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not ready; otherwise what `f` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use windlass::io::Interest;
    /// # use windlass::net::{TcpListener, TcpStream};
    /// # #[windlass::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # client.write_all(b"!").await?;
    /// let mut byte = [0];
    /// loop {
    ///     stream.readable().await?;
    ///     let read = stream.try_io(Interest::READABLE, || (&*socket2::SockRef::from(&stream)).read(&mut byte));
    ///     match read {
    ///         Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
    ///         read => break assert_eq!(read?, 1),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.registration().try_io(interest, f)
    }

    /// Makes an attempt of the caller's own on the socket as soon as it is ready for what is asked for, again
    /// and again until it does not fail with `WouldBlock`.
    ///
    /// `f` must make one attempt that does not wait, and return its `WouldBlock` as it is.
    ///
    /// # Errors
    ///
    /// What `f` returns, and if the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// `f` is not called any more once it is dropped.
    pub async fn async_io<R>(&self, interest: Interest, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.io.registration().async_io(interest, f).await
    }

    /// Splits it into a half to read and a half to write, which borrow it: for one task that does both at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use windlass::net::{TcpListener, TcpStream};
    /// # #[windlass::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut stream, _) = listener.accept().await?;
    /// # client.write_all(b"echo").await?;
    /// # client.shutdown().await?;
    /// let (mut reader, mut writer) = stream.split();
    /// let mut buffer = [0; 1024];
    /// loop {
    ///     let read = reader.read(&mut buffer).await?;
    ///     if read == 0 {
    ///         break;
    ///     }
    ///     writer.write_all(&buffer[..read]).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn split<'a>(&'a mut self) -> (ReadHalf<'a>, WriteHalf<'a>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Splits it into a half to read and a half to write, which can go to different tasks.
    ///
    /// Dropping the half to write shuts that direction down, so that the peer reads to the end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use windlass::net::{TcpListener, TcpStream};
    /// # #[windlass::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// let (mut reader, mut writer) = stream.into_split();
    /// let sending = windlass::spawn(async move { writer.write_all(b"hello").await });
    /// # let mut hello = Vec::new();
    /// # server.read_to_end(&mut hello).await?;
    /// # assert_eq!(hello, b"hello");
    /// # drop(server);
    /// let mut answer = Vec::new();
    /// reader.read_to_end(&mut answer).await?;
    /// sending.await.unwrap()
    /// # }
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        super::split_owned::split(self)
    }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// As [`from_std`](Self::from_std).
    fn try_from(stream: net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}

impl AsRef<TcpStream> for TcpStream {
    fn as_ref(&self) -> &TcpStream {
        self
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
