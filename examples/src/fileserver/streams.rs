//! How one stream of an HTTP/2 connection is given up without the others.
//!
//! hyper does not ask a body for anything while its client takes nothing, so a body cannot end by itself. But hyper has each
//! stream's future run by the executor it is given, and a stream whose future is dropped is reset.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::Executor;

use super::watch::Watch;

/// The executor of a connection, whose watch may end each stream.
#[derive(Clone, Debug)]
pub struct Streams<E> {
    pub(crate) executor: E,
    pub(crate) watch: Arc<Watch>,
}

impl<E, F> Executor<F> for Streams<E>
where
    E: Executor<Stream<F>>,
    F: Future<Output = ()> + Unpin,
{
    /// hyper comes here with a stream right after the call that began its request.
    fn execute(&self, future: F) {
        let stream = Stream { future, request: self.watch.take_begun(), watch: Arc::clone(&self.watch) };
        self.executor.execute(stream);
    }
}

/// The future of a stream, until it is given up.
#[derive(Debug)]
pub struct Stream<F> {
    future: F,
    /// Its key at the watch.
    request: Option<usize>,
    watch: Arc<Watch>,
}

impl<F: Future<Output = ()> + Unpin> Future for Stream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.request {
            Some(request) if self.watch.is_given_up(request, cx.waker()) => Poll::Ready(()),
            _ => Pin::new(&mut self.future).poll(cx),
        }
    }
}
