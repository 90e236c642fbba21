//! The server of a site as hyper's service: each request is one blocking call, and its answer is watched to the end.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper::service::Service;

use super::blocking::Blocking;
use super::body::{Body, Content};
use super::options::Options;
use super::report::Served;
use super::serve::Site;
use super::watch::{Limits, Watch};

/// A site, where its blocking calls are run, and what was served of it.
#[derive(Debug)]
pub struct Server<B> {
    pub(crate) shared: Arc<Shared>,
    blocking: B,
}

#[derive(Debug)]
pub(crate) struct Shared {
    site: Site,
    log: bool,
    pub(crate) limits: Limits,
    pub(crate) served: Served,
}

impl<B: Clone> Clone for Server<B> {
    fn clone(&self) -> Server<B> {
        Server { shared: Arc::clone(&self.shared), blocking: self.blocking.clone() }
    }
}

impl<B> Server<B> {
    /// A server of a site with the limits of the options.
    pub fn new(site: Site, options: &Options, blocking: B) -> Server<B> {
        let limits = Limits { header: options.header_timeout, request: options.request_timeout };
        let shared = Shared { site, log: options.log, limits, served: Served::default() };
        Server { shared: Arc::new(shared), blocking }
    }

    /// What was served so far.
    pub fn served(&self) -> &Served {
        &self.shared.served
    }
}

/// The service of one connection.
#[derive(Debug)]
pub(crate) struct Requests<B> {
    pub(crate) server: Server<B>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) peer: SocketAddr,
}

impl<B: Blocking> Service<Request<Incoming>> for Requests<B> {
    type Response = Response<Body<B>>;
    type Error = Infallible;
    type Future = Answering<B>;

    fn call(&self, request: Request<Incoming>) -> Answering<B> {
        let (request, body) = request.into_parts();
        let shared = Arc::clone(&self.server.shared);
        let log = shared.log.then(|| Line::new(self.peer, &request));
        let multiplexed = request.version == Version::HTTP_2;
        let in_flight = InFlight {
            request: self.watch.begin(!body.is_end_stream()),
            watch: Arc::clone(&self.watch),
            shared: Arc::clone(&shared),
            multiplexed,
            sent: 0,
            complete: false,
            log,
        };
        let blocking = self.server.blocking.clone();
        let job = blocking.run(move || shared.site.answer(&request));
        Answering { job, blocking, in_flight: Some(in_flight) }
    }
}

/// The future of an answer.
pub struct Answering<B: Blocking> {
    job: B::Job<Response<Content>>,
    blocking: B,
    in_flight: Option<InFlight>,
}

impl<B: Blocking> fmt::Debug for Answering<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

impl<B: Blocking> Future for Answering<B> {
    type Output = Result<Response<Body<B>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.job).poll(cx));
        let mut answer = answer.unwrap_or_else(|_| {
            let mut answer = Response::new(Content::empty());
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            answer
        });
        let mut in_flight = self.in_flight.take().expect("it is polled until it is ready, and no longer");
        in_flight.answer(&mut answer);
        let blocking = self.blocking.clone();
        Poll::Ready(Ok(answer.map(|content| Body::new(content, blocking, in_flight))))
    }
}

/// A request until its answer is handed to the socket, or will not be.
#[derive(Debug)]
pub(crate) struct InFlight {
    request: usize,
    watch: Arc<Watch>,
    shared: Arc<Shared>,
    multiplexed: bool,
    sent: u64,
    complete: bool,
    log: Option<Line>,
}

impl InFlight {
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.multiplexed
    }

    fn answer(&mut self, answer: &mut Response<Content>) {
        let status = answer.status();
        self.shared.served.answer(status);
        self.complete = answer.body().length == 0;
        if let Some(line) = &mut self.log {
            line.status = Some(status);
        }
        self.watch.progress(self.request);
        if !self.multiplexed && self.watch.is_draining() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// So much was handed out, and so much is left.
    pub(crate) fn sent(&mut self, bytes: usize, remaining: u64) {
        self.sent += bytes as u64;
        self.complete = remaining == 0;
        self.watch.progress(self.request);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.watch.end(self.request);
        self.shared.served.end(self.sent, self.complete);
        if let Some(line) = &self.log {
            line.print(self.sent, self.complete);
        }
    }
}

/// A line of the access log.
#[derive(Debug)]
struct Line {
    peer: SocketAddr,
    /// The method, target and version; hyper lets no control characters through.
    request: String,
    status: Option<StatusCode>,
}

impl Line {
    fn new(peer: SocketAddr, request: &http::request::Parts) -> Line {
        let request = format!("{} {} {:?}", request.method, request.uri, request.version);
        Line { peer, request, status: None }
    }

    fn print(&self, sent: u64, complete: bool) {
        let Line { peer, request, status } = self;
        let status = status.map_or("-".into(), |status| status.as_str().to_owned());
        let end = if complete { "" } else { " cut short" };
        // Nobody may read the log any more; `println!` would panic.
        let _ = writeln!(io::stdout(), "{peer} \"{request}\" {status} {sent}{end}");
    }
}
