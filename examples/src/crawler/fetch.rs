//! One page, over hyper's client.

use std::error::Error;
use std::pin::pin;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use windlass::compat::hyper::HyperIo;
use windlass::net::TcpStream;

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// The page, if it is HTML.
    pub(super) fn html(&self) -> Option<String> {
        let media_type = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        media_type.starts_with("text/html").then(|| String::from_utf8_lossy(&self.body).into_owned())
    }

    /// Where it says that the page is instead.
    pub(super) fn location(&self) -> Option<&str> {
        self.status.is_redirection().then(|| self.headers.get(LOCATION)?.to_str().ok())?
    }
}

/// Fetches a page of at most so many bytes.
///
/// Dropping the future closes the connection: nothing of it is a task of its own.
pub(super) async fn fetch(url: &Uri, most: usize) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let authority = url.authority().ok_or("a URL without a host")?;
    // The brackets of an IPv6 address are the URL's, and not the address's.
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(HyperIo::new(stream)).await?;

    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::get(target).header(HOST, authority.as_str()).body(Empty::<Bytes>::new())?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, most).collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    };

    let mut exchange = pin!(exchange);
    windlass::select! {
        answer = &mut exchange => answer,
        // hyper's side of the connection: it ends by itself after the last answer has been read.
        ended = connection => {
            ended?;
            exchange.await
        }
    }
}
