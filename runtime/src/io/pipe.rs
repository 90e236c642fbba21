//! Bytes that go one way, in memory.

use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::task::{Context, Poll, Waker, ready};

use crate::driver::wake;
use crate::primitives::Mutex;
use crate::task::{Note, Resource, coop};

/// One direction between two ends.
#[derive(Debug)]
pub(super) struct Pipe(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Nothing more is written: the reader comes to the end.
    closed: bool,
    /// Nothing more is read: the writer is told.
    broken: bool,
    /// The one who waits for bytes, and the one who waits for room.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Mutex::new(Inner {
            bytes: VecDeque::new(),
            capacity,
            closed: false,
            broken: false,
            reader: None,
            writer: None,
        }))
    }

    /// Hands the bytes that are there, in two slices, to `take`, which says how many of them it took. Waits for the first one, if
    /// any is wanted.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        wanted: usize,
        take: impl FnOnce(&[u8], &[u8]) -> usize,
    ) -> Poll<Result<usize>> {
        let coop = ready!(coop::poll_proceed(cx)).awaiting(Note::resource(Resource::Pipe, self));
        let waits = |inner: &Inner| inner.bytes.is_empty() && !inner.closed && wanted > 0;
        let waker;
        let mut inner = self.0.lock();
        if waits(&inner) {
            drop(inner);
            // Cloned and dropped with no lock held: either is the user's code, and the drop may be the end of a task that owns the
            // other side.
            waker = cx.waker().clone();
            inner = self.0.lock();
            if waits(&inner) {
                let old = inner.reader.replace(waker);
                drop(inner);
                drop(old);
                return Poll::Pending;
            }
        }
        let (first, second) = inner.bytes.as_slices();
        let taken = take(first, second);
        inner.bytes.drain(..taken);
        let writer = if taken > 0 { inner.writer.take() } else { None };
        drop(inner);
        writer.into_iter().for_each(wake);
        coop.made_progress();
        Poll::Ready(Ok(taken))
    }

    /// Takes as much of these slices as there is room for.
    pub(super) fn poll_write<'a>(
        &self,
        cx: &mut Context<'_>,
        slices: impl Iterator<Item = &'a [u8]>,
    ) -> Poll<Result<usize>> {
        let coop = ready!(coop::poll_proceed(cx)).awaiting(Note::resource(Resource::Pipe, self));
        let mut slices = slices.filter(|slice| !slice.is_empty()).peekable();
        let is_some = slices.peek().is_some();
        let waits = |inner: &Inner| is_some && inner.bytes.len() == inner.capacity && !inner.is_over();
        let waker;
        let mut inner = self.0.lock();
        if waits(&inner) {
            drop(inner);
            // As in `poll_read`.
            waker = cx.waker().clone();
            inner = self.0.lock();
            if waits(&inner) {
                let old = inner.writer.replace(waker);
                drop(inner);
                drop(old);
                return Poll::Pending;
            }
        }
        if inner.is_over() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let before = inner.bytes.len();
        for slice in slices {
            let room = inner.capacity - inner.bytes.len();
            inner.bytes.extend(&slice[..slice.len().min(room)]);
        }
        let written = inner.bytes.len() - before;
        let reader = if written > 0 { inner.reader.take() } else { None };
        drop(inner);
        reader.into_iter().for_each(wake);
        coop.made_progress();
        Poll::Ready(Ok(written))
    }

    /// The writer writes nothing more.
    pub(super) fn close(&self) {
        let mut inner = self.0.lock();
        inner.closed = true;
        let wakers = [inner.reader.take(), inner.writer.take()];
        drop(inner);
        wakers.into_iter().flatten().for_each(wake);
    }

    /// The reader is gone.
    pub(super) fn break_off(&self) {
        let mut inner = self.0.lock();
        inner.broken = true;
        let bytes = std::mem::take(&mut inner.bytes);
        let wakers = [inner.reader.take(), inner.writer.take()];
        drop(inner);
        drop(bytes);
        wakers.into_iter().flatten().for_each(wake);
    }
}

impl Inner {
    /// Whether nothing can be written any more.
    fn is_over(&self) -> bool {
        self.closed || self.broken
    }
}
