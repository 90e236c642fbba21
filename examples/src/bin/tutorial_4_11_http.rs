//! What aiohttp is for Python, hyper is for Rust: pages fetched side by side, from a server of our own on the loopback.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_11_http`
//!
//! The client is this program:
//!
//! ```python
//! async def fetch(session, url):
//!     async with session.get(url) as response:
//!         return response.status, await response.text()
//!
//! async def main():
//!     async with aiohttp.ClientSession() as session:
//!         pages = await asyncio.gather(*(fetch(session, url) for url in urls))
//!     for url, (status, text) in zip(urls, pages):
//!         print(url, status, text)
//!
//! asyncio.run(main())
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use windlass::aio::gather;
use windlass::compat::hyper::{HyperIo, HyperTimer};
use windlass::net::{TcpListener, TcpStream};
use windlass::spawn;
use windlass::sync::Barrier;

type Error = Box<dyn std::error::Error + Send + Sync>;

const PATHS: [&str; 3] = ["/harbour", "/lighthouse", "/atlantis"];

#[windlass::main]
async fn main() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    spawn(serve(listener));

    let pages = gather(PATHS.map(|path| fetch(address, path))).await?;
    for (path, page) in PATHS.iter().zip(pages) {
        let (status, text) = page?;
        println!("{path} {status} {text}");
    }
    Ok(())
}

/// The status and the text of a page.
async fn fetch(address: SocketAddr, path: &str) -> Result<(StatusCode, String), Error> {
    let stream = TcpStream::connect(address).await?;
    let (mut session, connection) = client::handshake(HyperIo::new(stream)).await?;
    // It does the reading and writing, and ends with the session.
    let connection = spawn(connection);

    let request = Request::get(path).header("host", address.to_string()).body(Empty::<Bytes>::new())?;
    let response = session.send_request(request).await?;
    let status = response.status();
    let text = response.into_body().collect().await?.to_bytes();

    drop(session);
    connection.await??;
    Ok((status, String::from_utf8(text.into())?))
}

async fn serve(listener: TcpListener) -> Result<(), Error> {
    // Nobody gets an answer before all have asked: fetches that wait for each other would get none.
    let asked = Arc::new(Barrier::new(PATHS.len()));
    loop {
        let (stream, _) = listener.accept().await?;
        let asked = Arc::clone(&asked);
        let service = service_fn(move |request| page(request, Arc::clone(&asked)));
        let connection =
            server::Builder::new().timer(HyperTimer::new()).serve_connection(HyperIo::new(stream), service);
        spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

async fn page(request: Request<Incoming>, asked: Arc<Barrier>) -> Result<Response<Full<Bytes>>, http::Error> {
    asked.wait().await;
    let (status, text) = match request.uri().path() {
        "/harbour" => (StatusCode::OK, "ships at rest"),
        "/lighthouse" => (StatusCode::OK, "a light each five seconds"),
        _ => (StatusCode::NOT_FOUND, "no such place"),
    };
    Response::builder().status(status).body(Full::from(text))
}
