//! `TcpStream::connect`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use windlass::net::{TcpListener, TcpSocket, TcpStream};
use windlass_tests::tcp::listener;
use windlass_tests::{Flavor, on_every_flavor, poll_once};

on_every_flavor!(
    connects_by_whatever_names_an_address,
    goes_on_to_the_next_address,
    a_refused_connection_is_an_error,
    no_address_is_an_error,
    a_malformed_address_is_an_error,
    many_at_once,
    a_dropped_attempt_closes_its_socket,
    ipv6,
);

fn connects_by_whatever_names_an_address(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let port = address.port();
        for connected in [
            TcpStream::connect(address).await,
            TcpStream::connect(address.to_string()).await,
            TcpStream::connect(format!("localhost:{port}")).await,
            TcpStream::connect(("localhost", port)).await,
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await,
        ] {
            let stream = connected.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
            assert_eq!(listener.accept().await.unwrap().1, stream.local_addr().unwrap());
        }
    });
}

/// A port of loopback on which nobody listens.
fn refused() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn goes_on_to_the_next_address(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let (_bound, refused) = refused();
        let stream = TcpStream::connect(&[refused, listener.local_addr().unwrap()][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    });
}

fn a_refused_connection_is_an_error(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (_bound, refused) = refused();
        for _ in 0..20 {
            let error = TcpStream::connect(refused).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
    });
}

fn no_address_is_an_error(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let error = TcpStream::connect(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}

fn a_malformed_address_is_an_error(flavor: Flavor) {
    flavor.runtime().block_on(async {
        assert!(TcpStream::connect("no port in it").await.is_err());
    });
}

fn many_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..100).map(|_| windlass::spawn(TcpStream::connect(address))).collect();
        let mut servers = Vec::new();
        for _ in 0..100 {
            servers.push(listener.accept().await.unwrap());
        }
        let mut peers: Vec<_> = servers.iter().map(|(_, peer)| *peer).collect();
        let mut addresses = Vec::new();
        for client in clients {
            addresses.push(client.await.unwrap().unwrap().local_addr().unwrap());
        }
        peers.sort();
        addresses.sort();
        assert_eq!(peers, addresses);
    });
}

fn a_dropped_attempt_closes_its_socket(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let mut connect = Box::pin(TcpStream::connect(address));
        if poll_once(&mut connect).is_pending() {
            drop(connect);
            let (mut server, _) = listener.accept().await.unwrap();
            assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0, "it was connected and closed");
        }
    });
}

fn ipv6(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = match TcpListener::bind("[::1]:0").await {
            Ok(listener) => listener,
            Err(error) => return eprintln!("ipv6: skipped, this machine has no ::1 ({error})"),
        };
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
    });
}
