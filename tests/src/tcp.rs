//! Connections over loopback.

use std::io;

use windlass::net::{TcpListener, TcpStream};

/// A listener on a free port of loopback.
pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

/// The client's and the server's end of a connection.
pub async fn pair() -> (TcpStream, TcpStream) {
    let listener = listener().await;
    let client = TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("it listens");
    let (server, peer) = listener.accept().await.expect("a connection waits");
    assert_eq!(peer, client.local_addr().expect("it is connected"));
    (client, server)
}

/// As [`pair`], with a client of std's that blocks.
pub async fn blocking_client() -> (std::net::TcpStream, TcpStream) {
    let listener = listener().await;
    let client =
        std::net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (server, _) = listener.accept().await.expect("a connection waits");
    (client, server)
}

/// Whether that failed because it would have had to wait.
pub fn would_block<T>(done: &io::Result<T>) -> bool {
    matches!(done, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
