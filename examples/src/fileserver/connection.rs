//! One connection, from its first byte to its end.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Sleep, Timer, Write};
use hyper_util::server::conn::auto::{Builder, HttpServerConnExec};

use super::blocking::Blocking;
use super::body::Body;
use super::serve::MOST_HEADERS;
use super::service::{Answering, Requests, Server};
use super::streams::Streams;
use super::watch::{Verdict, Watch};

/// The largest head of a request, which is also how much hyper buffers of an answer before it asks for more.
const LONGEST_HEAD: usize = 64 * 1024;

/// How many requests of one HTTP/2 connection are answered at once. Each holds memory, whether or not its answer is taken.
const MOST_STREAMS: u32 = 32;

/// How much is read at once of what a client sends; hyper asks for no more at first.
const MOST_AT_ONCE: usize = 8 * 1024;

/// How much is read of what a client sends after the last answer.
const MOST_DISCARDED: usize = 1024 * 1024;

/// How a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// By the client, or by the server after its last answer.
    Closed,
    /// The client was too slow.
    TooSlow,
    /// By an error of the protocol or the network.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Serves the requests of a connection until it ends. When `stop` is done, those are finished that have begun.
pub async fn serve_connection<B, I, T, E>(
    server: &Server<B>,
    io: I,
    peer: SocketAddr,
    timer: T,
    executor: E,
    stop: impl Future<Output = ()>,
) -> Ended
where
    B: Blocking,
    I: Read + Write + Send + Unpin + 'static,
    T: Timer + Clone + Send + Sync + 'static,
    Streams<E>: HttpServerConnExec<Answering<B>, Body<B>>,
{
    let shared = &server.shared;
    shared.served.connection();
    let watch = Watch::new(shared.limits);
    let requests = Requests { server: server.clone(), watch: Arc::clone(&watch), peer };
    let io = Watched { io, watch: Arc::clone(&watch), discarded: 0 };

    let executor = Streams { executor, watch: Arc::clone(&watch) };
    let builder = builder(executor, timer.clone());
    let mut connection = pin!(builder.serve_connection(io, requests));
    let mut stop = pin!(stop);
    let mut alarm = Alarm { timer, sleep: None };
    let mut draining = false;
    let ended = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended.map_or_else(Ended::Failed, |()| Ended::Closed));
            }
            if !draining && stop.as_mut().poll(cx).is_ready() {
                draining = true;
                watch.drain();
            }
            // Deadlines come nearer than the alarm knows of only while the connection ends.
            if draining || watch.is_closing() {
                alarm.sleep = None;
            }
            match ready!(alarm.poll(cx, &watch)) {
                Verdict::Finish => connection.as_mut().graceful_shutdown(),
                Verdict::Over => return Poll::Ready(Ended::Closed),
                Verdict::TooSlow | Verdict::Until(_) => return Poll::Ready(Ended::TooSlow),
            }
        }
    })
    .await;
    if matches!(ended, Ended::TooSlow) {
        shared.served.dropped();
    }
    ended
}

fn builder<E, T>(executor: E, timer: T) -> Builder<E>
where
    T: Timer + Clone + Send + Sync + 'static,
{
    let mut builder = Builder::new(executor);
    builder
        .http1()
        .timer(timer.clone())
        // Who closes its side behind its last request waits for the answer. Who is gone is noticed when it does not take it.
        .half_close(true)
        // The watch has this limit, with one timer for all limits of a connection.
        .header_read_timeout(None)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD);
    builder
        .http2()
        .timer(timer)
        .max_concurrent_streams(MOST_STREAMS)
        .max_send_buf_size(LONGEST_HEAD)
        .max_header_list_size(LONGEST_HEAD as u32);
    builder
}

/// The timer of a connection.
struct Alarm<T> {
    timer: T,
    sleep: Option<Pin<Box<dyn Sleep>>>,
}

impl<T: Timer> Alarm<T> {
    /// Ready with what is to be done, unless that is to wait.
    fn poll(&mut self, cx: &mut Context<'_>, watch: &Watch) -> Poll<Verdict> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
            }
            match (watch.verdict(Instant::now()), &mut self.sleep) {
                (Verdict::Until(deadline), Some(sleep)) => self.timer.reset(sleep, deadline),
                (Verdict::Until(deadline), sleep) => *sleep = Some(self.timer.sleep_until(deadline)),
                (verdict, _) => return Poll::Ready(verdict),
            }
        }
    }
}

/// A socket that tells the watch what it does.
struct Watched<I> {
    io: I,
    watch: Arc<Watch>,
    /// How much came after the last answer.
    discarded: usize,
}

impl<I> Watched<I> {
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.watch.stalled(),
            Poll::Ready(_) => self.watch.wrote(),
        }
        written
    }
}

impl<I: Read + Unpin> Read for Watched<I> {
    /// Reads into memory of its own first: what is in a cursor cannot be looked at. It is little that clients send.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::uninit(); MOST_AT_ONCE];
        let room = space.len().min(buf.remaining());
        let mut space = ReadBuf::uninit(&mut space[..room]);
        ready!(Pin::new(&mut self.io).poll_read(cx, space.unfilled()))?;
        self.watch.read(space.filled());
        buf.put_slice(space.filled());
        Poll::Ready(Ok(()))
    }
}

impl<I: Read + Write + Unpin> Write for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Says that nothing more comes, and reads what is still on its way: a socket that is closed with something unread resets
    /// the connection, and what was written last is lost to the client.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.watch.is_closing() {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            self.watch.close();
        }
        while self.discarded < MOST_DISCARDED {
            let mut space = [MaybeUninit::uninit(); 4096];
            let mut space = ReadBuf::uninit(&mut space);
            match ready!(Pin::new(&mut self.io).poll_read(cx, space.unfilled())) {
                Ok(()) if !space.filled().is_empty() => self.discarded += space.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
