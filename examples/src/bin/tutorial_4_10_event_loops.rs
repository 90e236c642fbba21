//! The same code on another event loop: an echo server and its clients, on one thread and on all cores.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_10_event_loops`
//!
//! In Python one exchanges asyncio's loop for uvloop's, and changes nothing else:
//!
//! ```python
//! asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
//! asyncio.run(...)
//! ```
//!
//! Here it is the runtime that is built differently. How these compare with each other and with asyncio and uvloop is measured by another
//! program, server and client in processes of their own, as `benches/RESULTS.md` says:
//!
//! `cargo run --release -p windlass-benches --bin compare -- --case 'echo/*/1' --against asyncio,uvloop --pin`

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use windlass::aio::gather_results;
use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::Builder;
use windlass::spawn;

const CONNECTIONS: usize = 16;
const MESSAGES: usize = 500;

fn main() -> io::Result<()> {
    let loops = [
        ("one thread", Builder::new_current_thread().build()?),
        ("all cores", Builder::new_multi_thread().build()?),
    ];
    for (name, event_loop) in loops {
        let start = Instant::now();
        let messages = event_loop.block_on(echo())?;
        let rate = messages as f64 / start.elapsed().as_secs_f64();
        println!("{name}: {messages} messages there and back, {rate:.0} per second");
    }
    Ok(())
}

/// Serves clients that all talk at once; how many messages came back.
async fn echo() -> io::Result<usize> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn(serve(listener));

    let mut messages = 0;
    for client in gather_results((0..CONNECTIONS).map(|_| talk(address))).await {
        messages += client??;
    }
    Ok(messages)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(read) if stream.write_all(&buffer[..read]).await.is_err() => return,
                    Ok(_) => {}
                }
            }
        });
    }
}

/// Sends one message after the other, each when the one before has come back.
async fn talk(server: SocketAddr) -> io::Result<usize> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    for number in 0..MESSAGES {
        let message = [number as u8; 1024];
        stream.write_all(&message).await?;
        let mut answer = [0; 1024];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, message, "an echo says what it was told");
    }
    Ok(MESSAGES)
}
