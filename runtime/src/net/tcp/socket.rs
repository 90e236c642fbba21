//! A socket before it is connected or listens.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Socket};

use super::{TcpListener, TcpStream};
use crate::net::sys;

/// A TCP socket that is neither connected nor listens yet, to set options on before it does.
///
/// What is set on a listener's socket its connections inherit, where the system has it so.
///
/// # Examples
///
/// ```
/// use windlass::net::TcpSocket;
///
/// #[windlass::main]
/// async fn main() -> std::io::Result<()> {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuseaddr(true)?;
///     socket.set_nodelay(true)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(64)?;
///
///     let client = TcpSocket::new_v4()?.connect(listener.local_addr()?).await?;
///     assert_eq!(client.peer_addr()?, listener.local_addr()?);
///     Ok(())
/// }
/// ```
///
/// Everything that can be set before a connection is made:
///
/// ```
/// use std::time::Duration;
/// use windlass::net::TcpSocket;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.set_reuseport(true)?;
/// socket.set_keepalive(true)?;
/// socket.set_nodelay(true)?;
/// assert!(socket.reuseaddr()? && socket.reuseport()? && socket.keepalive()? && socket.nodelay()?);
/// socket.set_send_buffer_size(64 << 10)?;
/// socket.set_recv_buffer_size(64 << 10)?;
/// // The system may give more than was asked for.
/// assert!(socket.send_buffer_size()? >= 64 << 10 && socket.recv_buffer_size()? >= 64 << 10);
/// socket.set_linger(Some(Duration::from_secs(1)))?;
/// assert_eq!(socket.linger()?, Some(Duration::from_secs(1)));
/// // A reset instead of a close in good order.
/// socket.set_zero_linger()?;
/// socket.set_tos_v4(0x10)?;
/// assert_eq!(socket.tos_v4()?, 0x10);
/// assert_eq!(socket.device()?, None);
/// socket.bind_device(None)?;
/// assert!(socket.take_error()?.is_none());
/// # Ok(())
/// # }
/// ```
///
/// ```no_run
/// use windlass::net::TcpSocket;
///
/// # #[windlass::main]
/// # async fn main() -> std::io::Result<()> {
/// let socket = TcpSocket::new_v6()?;
/// socket.set_tclass_v6(0x10)?;
/// println!("{}", socket.tclass_v6()?);
/// // One that was made, and configured, by other means.
/// # let by_other_means = std::net::TcpStream::connect("host:80")?;
/// let socket = TcpSocket::from_std_stream(by_other_means);
/// # drop(socket);
/// # Ok(())
/// # }
/// ```
pub struct TcpSocket {
    inner: Socket,
}

macro_rules! options {
    ($($(#[$get_doc:meta])* $get:ident, $(#[$set_doc:meta])* $set:ident($type:ty)
        = $inner_get:ident, $inner_set:ident;)*) => {$(
        $(#[$get_doc])*
        ///
        /// # Errors
        ///
        /// The system's.
        pub fn $get(&self) -> io::Result<$type> {
            self.inner.$inner_get()
        }

        $(#[$set_doc])*
        ///
        /// # Errors
        ///
        /// The system's.
        pub fn $set(&self, $get: $type) -> io::Result<()> {
            self.inner.$inner_set($get)
        }
    )*};
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn new_v4() -> io::Result<TcpSocket> {
        Ok(TcpSocket { inner: sys::tcp_socket(Domain::IPV4)? })
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn new_v6() -> io::Result<TcpSocket> {
        Ok(TcpSocket { inner: sys::tcp_socket(Domain::IPV6)? })
    }

    /// Makes a socket of one of std's that is not connected, such as one that another crate has made. It is
    /// made non-blocking.
    pub fn from_std_stream(std_stream: net::TcpStream) -> TcpSocket {
        Self::adopt(std_stream.into())
    }

    fn adopt(inner: Socket) -> TcpSocket {
        // It fails for what is no open descriptor, and whatever is done with it next fails as well.
        let _ = inner.set_nonblocking(true);
        TcpSocket { inner }
    }

    options! {
        /// Whether the system looks from time to time whether the peer is still there (`SO_KEEPALIVE`).
        keepalive,
        /// Has the system look from time to time whether the peer is still there (`SO_KEEPALIVE`).
        set_keepalive(bool) = keepalive, set_keepalive;
        /// Whether an address may be bound that is still in use by connections that have ended
        /// (`SO_REUSEADDR`).
        reuseaddr,
        /// Allows to bind an address that is still in use by connections that have ended (`SO_REUSEADDR`).
        set_reuseaddr(bool) = reuse_address, set_reuse_address;
        /// Whether several sockets may listen on the same address (`SO_REUSEPORT`).
        reuseport,
        /// Allows several sockets to listen on the same address; the system spreads the connections over them
        /// (`SO_REUSEPORT`).
        set_reuseport(bool) = reuse_port, set_reuse_port;
        /// Whether small writes are sent at once (`TCP_NODELAY`).
        nodelay,
        /// Sends small writes at once, rather than wait for more while data is under way (`TCP_NODELAY`).
        set_nodelay(bool) = tcp_nodelay, set_tcp_nodelay;
    }

    /// The size of the buffer for what is sent (`SO_SNDBUF`). Linux makes it twice as large as it was set.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.inner.send_buffer_size().map(|size| size as u32)
    }

    /// Sets the size of the buffer for what is sent (`SO_SNDBUF`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_send_buffer_size(size as usize)
    }

    /// The size of the buffer for what is received (`SO_RCVBUF`). Linux makes it twice as large as it was set.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.inner.recv_buffer_size().map(|size| size as u32)
    }

    /// Sets the size of the buffer for what is received (`SO_RCVBUF`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_recv_buffer_size(size as usize)
    }

    /// How long closing it waits until what was written is sent (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.inner.linger()
    }

    /// Sets how long closing it waits until what was written is sent (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// The system's.
    #[deprecated = "with SO_LINGER the drop of a socket blocks its thread: use `set_zero_linger`, or `shutdown` and \
                    read to the end"]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        self.inner.set_linger(dur)
    }

    /// Has closing it reset the connection, and throw away what was written and not sent (`SO_LINGER` of zero).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.inner.set_linger(Some(Duration::ZERO))
    }

    /// The type of service of IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.inner.tos_v4()
    }

    /// Sets the type of service of IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.inner.set_tos_v4(tos)
    }

    /// The old name of [`tos_v4`](Self::tos_v4).
    ///
    /// # Errors
    ///
    /// The system's.
    #[deprecated = "it is about IPv4 only: use `tos_v4`"]
    #[doc(hidden)]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// The old name of [`set_tos_v4`](Self::set_tos_v4).
    ///
    /// # Errors
    ///
    /// The system's.
    #[deprecated = "it is about IPv4 only: use `set_tos_v4`"]
    #[doc(hidden)]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// The traffic class of IPv6 packets (`IPV6_TCLASS`).
    ///
    /// # Errors
    ///
    /// The system's.
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.inner.tclass_v6()
    }

    /// Sets the traffic class of IPv6 packets (`IPV6_TCLASS`).
    ///
    /// # Errors
    ///
    /// The system's.
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.inner.set_tclass_v6(tclass)
    }

    /// The network interface it is bound to (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    ///
    /// The system's.
    #[cfg(target_os = "linux")]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.inner.device()
    }

    /// Binds it to a network interface, or to none (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    ///
    /// The system's.
    #[cfg(target_os = "linux")]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.inner.bind_device(interface)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.inner.local_addr()?;
        address.as_socket().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// An error that the system has noted on the socket (`SO_ERROR`), which is then forgotten.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Binds it to an address. Port 0 lets the system choose one.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.bind(&addr.into())
    }

    /// Connects it.
    ///
    /// # Errors
    ///
    /// The system's, such as that the connection was refused.
    ///
    /// # Cancel safety
    ///
    /// The socket is closed when it is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, when it is polled.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect_socket(self.inner, addr).await
    }

    /// Has it listen. Up to `backlog` connections may wait to be accepted; the system may lower that.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.inner.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::new(self.inner.into())
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl From<TcpSocket> for OwnedFd {
    fn from(socket: TcpSocket) -> OwnedFd {
        socket.inner.into()
    }
}

impl FromRawFd for TcpSocket {
    /// # Safety
    ///
    /// The descriptor is open, a TCP socket, and nobody else's.
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: as the caller promises.
        Self::adopt(unsafe { Socket::from_raw_fd(fd) })
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}
