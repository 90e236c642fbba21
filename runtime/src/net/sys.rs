//! Sockets that neither block nor are inherited by other programs, in one system call where the system has one.

use std::io;
use std::net::{self, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// A TCP socket of the family of an address.
pub(super) fn tcp_socket(domain: Domain) -> io::Result<Socket> {
    let kind = Type::STREAM;
    #[cfg(target_os = "linux")]
    let kind = kind.nonblocking();
    // `new` makes it close-on-exec, in the same call where there is a flag for it.
    let socket = Socket::new(domain, kind, Some(Protocol::TCP))?;
    #[cfg(not(target_os = "linux"))]
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Begins to connect. The outcome is there when the socket is writable.
pub(super) fn begin_connect(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Ok(()),
        done => done,
    }
}

#[cfg(target_os = "linux")]
pub(super) fn accept(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    use rustix::net::{SocketFlags, acceptfrom_with};

    let (socket, address) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let address = address.ok_or(io::ErrorKind::InvalidData)?;
    Ok((net::TcpStream::from(socket), SocketAddr::try_from(address)?))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn accept(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    let (socket, address) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}
