//! `TcpSocket`: options before a socket is connected or listens.

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::time::Duration;

use windlass::net::{TcpListener, TcpSocket, TcpStream};
use windlass_tests::{Flavor, on_every_flavor, panics_at_its_caller};

on_every_flavor!(
    listens_and_connects,
    bound_before_it_connects,
    options_are_kept,
    several_listen_on_one_port,
    without_reuseaddr_a_port_is_taken,
    made_of_stds,
    a_refused_connection_is_an_error,
);

fn listens_and_connects(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let listener = socket.listen(u32::MAX).unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
        let connecting = windlass::spawn(TcpSocket::new_v4().unwrap().connect(address));
        let (mut server, _) = listener.accept().await.unwrap();
        let mut client = connecting.await.unwrap().unwrap();
        client.write_all(b"x").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
    });
}

fn bound_before_it_connects(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = windlass_tests::tcp::listener().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mine = socket.local_addr().unwrap();
        let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        assert_eq!(client.local_addr().unwrap(), mine);
        assert_eq!(listener.accept().await.unwrap().1, mine);
    });
}

fn options_are_kept(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_keepalive(true).unwrap();
        assert!(socket.keepalive().unwrap());
        socket.set_reuseaddr(true).unwrap();
        assert!(socket.reuseaddr().unwrap());
        socket.set_reuseport(true).unwrap();
        assert!(socket.reuseport().unwrap());
        socket.set_nodelay(true).unwrap();
        assert!(socket.nodelay().unwrap());
        socket.set_send_buffer_size(32 << 10).unwrap();
        assert!(socket.send_buffer_size().unwrap() >= 32 << 10);
        socket.set_recv_buffer_size(32 << 10).unwrap();
        assert!(socket.recv_buffer_size().unwrap() >= 32 << 10);
        assert_eq!(socket.linger().unwrap(), None);
        socket.set_zero_linger().unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
        socket.set_tos_v4(0x10).unwrap();
        assert_eq!(socket.tos_v4().unwrap(), 0x10);
        assert!(socket.take_error().unwrap().is_none());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.device().unwrap(), None);

        let listener = windlass_tests::tcp::listener().await;
        let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(client.nodelay().unwrap());
    });
}

fn several_listen_on_one_port(flavor: Flavor) {
    fn listen(address: std::net::SocketAddr) -> io::Result<TcpListener> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(16)
    }
    flavor.runtime().block_on(async {
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let second = listen(first.local_addr().unwrap()).unwrap();
        let client = TcpStream::connect(first.local_addr().unwrap()).await.unwrap();
        let (first, second) = (Box::pin(first.accept()), Box::pin(second.accept()));
        let accepted = futures::future::select(first, second).await.factor_first().0.unwrap();
        assert_eq!(accepted.1, client.local_addr().unwrap());
    });
}

fn without_reuseaddr_a_port_is_taken(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = windlass_tests::tcp::listener().await;
        let socket = TcpSocket::new_v4().unwrap();
        let error = socket.bind(listener.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    });
}

fn made_of_stds(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = windlass_tests::tcp::listener().await;
        let raw = TcpSocket::new_v4().unwrap().into_raw_fd();
        // SAFETY: it is open, a socket, and was given up by its owner.
        let socket = unsafe { TcpSocket::from_raw_fd(raw) };
        let std = std::net::TcpStream::from(std::os::fd::OwnedFd::from(socket));
        std.set_nonblocking(false).unwrap();
        let socket = TcpSocket::from_std_stream(std);
        let mut client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(b"x").await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
        assert_eq!(client.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

fn a_refused_connection_is_an_error(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let bound = TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting = TcpSocket::new_v4().unwrap().connect(bound.local_addr().unwrap());
        assert_eq!(connecting.await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn listening_outside_of_a_runtime_panics() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let panicked = panics_at_its_caller(|| socket.listen(1));
    assert!(panicked.message.contains("block_on"), "{}", panicked.message);
}
