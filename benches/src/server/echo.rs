//! The echo server, on any runtime: a task for each connection.

use std::io;
use std::net;

use super::raw::BUFFER;
use crate::runtime::Sockets;

/// Accepts for ever.
pub(super) async fn serve<R: Sockets>(listener: net::TcpListener) {
    let listener = R::listener(listener).expect("the runtime takes the listener");
    loop {
        let stream = R::accept(&listener).await.expect("a connection");
        R::spawn_detached(async move {
            // A client that goes away is no failure of the server.
            let _ = echo::<R>(stream).await;
        });
    }
}

async fn echo<R: Sockets>(mut stream: R::Stream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let read = R::read(&mut stream, &mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        R::write_all(&mut stream, &buffer[..read]).await?;
    }
}
