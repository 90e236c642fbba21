//! The side that is connected to.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use socket2::{Domain, SockRef};

use super::TcpStream;
use super::backoff::{Backoff, Failure, pause};
use crate::driver::{Direction, Evented, Interest};
use crate::net::{ToSocketAddrs, lookup_host, sys};

/// The connections that may wait to be accepted, where nothing else is said.
const BACKLOG: i32 = 1024;

/// A socket that listens for TCP connections.
///
/// Any number of tasks may [`accept`](Self::accept) from it.
///
/// # Running out of descriptors
///
/// When the process has as many files open as it may (`EMFILE`), and likewise for `ENFILE`, `ENOBUFS` and
/// `ENOMEM`, accepting does not fail: it would fail again at once, and a loop of it would spin. The listener
/// waits and tries again, first after a millisecond, then after twice as long each time, up to a second, until
/// it succeeds. It says so once with `tracing::warn!`. Errors that belong to a connection which is gone already
/// (`ECONNABORTED` and such) are passed over as well. So an error from `accept` is about the listener itself.
///
/// # Examples
///
/// ```
/// use windlass::net::{TcpListener, TcpStream};
///
/// #[windlass::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = windlass::spawn(TcpStream::connect(listener.local_addr()?));
///     let (mut stream, peer) = listener.accept().await?;
///     assert!(peer.ip().is_loopback());
///     stream.write_all(b"hello").await?;
///     drop(client);
///     Ok(())
/// }
/// ```
///
/// To std's type and back, in a `poll` method, and what can be set:
///
/// ```
/// use std::future::poll_fn;
/// use windlass::net::{TcpListener, TcpStream};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::from_std(TcpListener::bind("127.0.0.1:0").await?.into_std()?)?;
/// listener.set_ttl(64)?;
/// assert_eq!(listener.ttl()?, 64);
/// assert!(listener.take_error()?.is_none());
/// let client = windlass::spawn(TcpStream::connect(listener.local_addr()?));
/// let (_stream, _peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
/// client.await.unwrap()?;
/// # Ok(())
/// # }
/// ```
#[doc(alias("start_server", "create_server"))]
pub struct TcpListener {
    io: Evented<net::TcpListener>,
    backoff: Backoff,
}

impl TcpListener {
    /// Listens on an address, the first that works of those given.
    ///
    /// Port 0 lets the system choose one; [`local_addr`](Self::local_addr) tells which. `SO_REUSEADDR` is set,
    /// and up to 1024 connections may wait to be accepted: [`TcpSocket`](super::TcpSocket) can do otherwise.
    ///
    /// # Errors
    ///
    /// The last address's, if none works; or that of the look-up.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, when it is polled.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let mut failed = None;
        for address in lookup_host(addr).await? {
            match Self::bind_to(address) {
                Ok(listener) => return Ok(listener),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(no_address))
    }

    fn bind_to(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = sys::tcp_socket(Domain::for_address(address))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Self::new(socket.into())
    }

    #[track_caller]
    pub(super) fn new(listener: net::TcpListener) -> io::Result<TcpListener> {
        let io = Evented::new(listener, Interest::READABLE)?;
        Ok(TcpListener { io, backoff: Backoff::new() })
    }

    /// Accepts a connection.
    ///
    /// # Errors
    ///
    /// What is wrong with the listener. Too many open files are no error, see [above](Self#running-out-of-descriptors).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: a connection is either returned or still there.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, when it is polled.
    #[doc(alias = "sock_accept")]
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let registration = self.io.registration();
        loop {
            match registration.async_io(Interest::READABLE, || sys::accept(&self.io)).await {
                Ok(accepted) => return self.accepted(accepted),
                Err(error) => match self.backoff.failed(&error) {
                    Failure::NoRoom(length) => pause(length).await,
                    Failure::Connection => {}
                    Failure::Listener => return Err(error),
                },
            }
        }
    }

    /// Accepts a connection, for hand-written futures. Of several tasks that call it, only the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let registration = self.io.registration();
        loop {
            ready!(self.backoff.poll_paused(cx));
            match ready!(registration.poll_io(cx, Direction::Read, || sys::accept(&self.io))) {
                Ok(accepted) => return Poll::Ready(self.accepted(accepted)),
                Err(error) => match self.backoff.failed(&error) {
                    Failure::NoRoom(length) => self.backoff.pause(length),
                    Failure::Connection => {}
                    Failure::Listener => return Poll::Ready(Err(error)),
                },
            }
        }
    }

    #[inline]
    fn accepted(
        &self,
        (stream, address): (net::TcpStream, SocketAddr),
    ) -> io::Result<(TcpStream, SocketAddr)> {
        self.backoff.succeeded();
        Ok((TcpStream::new(stream)?, address))
    }

    /// Makes a listener of one of std's, such as one that was handed to the process by whoever started it.
    ///
    /// It is made non-blocking.
    ///
    /// # Errors
    ///
    /// If it cannot be made non-blocking or watched.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let listener = windlass::net::TcpListener::from_std(listener)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Self::new(listener)
    }

    /// Makes a listener of std's of this. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// If the watch cannot be ended.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        self.io.into_inner()
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The time to live of the packets it sends (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets the time to live of the packets it sends, which its connections inherit (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }

    /// An error that the system has noted on the socket (`SO_ERROR`), which is then forgotten.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        SockRef::from(&*self.io).take_error()
    }
}

pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address at all")
}

impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// As [`from_std`](Self::from_std).
    fn try_from(listener: net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (*self.io).as_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
