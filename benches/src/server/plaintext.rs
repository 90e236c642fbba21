//! HTTP/1.1 by hyper, the same service on every runtime: a short text for every request.

use std::convert::Infallible;
use std::net::TcpListener;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use windlass::compat::hyper::{HyperIo, HyperTimer};

/// What every response carries.
pub(super) const TEXT: &[u8] = b"Hello, World!";

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(TEXT)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

/// Serves on Windlass, with its adapters.
pub(super) async fn serve_windlass(listener: TcpListener) {
    let listener = windlass::net::TcpListener::from_std(listener).expect("the runtime takes the listener");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket's option");
        drop(windlass::spawn(async move {
            let served = http1::Builder::new()
                .timer(HyperTimer::new())
                .serve_connection(HyperIo::new(stream), service_fn(hello))
                .await;
            // A client that goes away is no failure of the server.
            drop(served);
        }));
    }
}

/// Serves on tokio, with hyper-util's adapters; hyper's limit on how long a request's head may take is on.
pub(super) async fn serve_tokio(listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("tokio takes the listener");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket's option");
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service_fn(hello))
                .await;
            // A client that goes away is no failure of the server.
            drop(served);
        });
    }
}
