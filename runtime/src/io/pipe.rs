//! Bytes that go one way, in memory.

use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::task::{Context, Poll, Waker, ready};

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
        let mut inner = self.0.lock();
        if inner.bytes.is_empty() && !inner.closed && wanted > 0 {
            let old = leave(&mut inner.reader, cx);
            drop(inner);
            drop(old);
            return Poll::Pending;
        }
        let (first, second) = inner.bytes.as_slices();
        let taken = take(first, second);
        inner.bytes.drain(..taken);
        let writer = if taken > 0 { inner.writer.take() } else { None };
        drop(inner);
        writer.into_iter().for_each(Waker::wake);
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
        let mut inner = self.0.lock();
        if inner.closed || inner.broken {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let mut slices = slices.filter(|slice| !slice.is_empty()).peekable();
        let before = inner.bytes.len();
        if slices.peek().is_some() && before == inner.capacity {
            let old = leave(&mut inner.writer, cx);
            drop(inner);
            drop(old);
            return Poll::Pending;
        }
        for slice in slices {
            let room = inner.capacity - inner.bytes.len();
            inner.bytes.extend(&slice[..slice.len().min(room)]);
        }
        let written = inner.bytes.len() - before;
        let reader = if written > 0 { inner.reader.take() } else { None };
        drop(inner);
        reader.into_iter().for_each(Waker::wake);
        coop.made_progress();
        Poll::Ready(Ok(written))
    }

    /// The writer writes nothing more.
    pub(super) fn close(&self) {
        let mut inner = self.0.lock();
        inner.closed = true;
        let wakers = (inner.reader.take(), inner.writer.take());
        drop(inner);
        wake(wakers);
    }

    /// The reader is gone.
    pub(super) fn break_off(&self) {
        let mut inner = self.0.lock();
        inner.broken = true;
        let bytes = std::mem::take(&mut inner.bytes);
        let wakers = (inner.reader.take(), inner.writer.take());
        drop(inner);
        drop(bytes);
        wake(wakers);
    }
}

/// Leaves the waker there, and gives back the one before it: its drop may be the end of a task that owns the other side, so
/// not under the lock.
fn leave(place: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match place {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        place => place.replace(cx.waker().clone()),
    }
}

fn wake((reader, writer): (Option<Waker>, Option<Waker>)) {
    reader.into_iter().chain(writer).for_each(Waker::wake);
}
