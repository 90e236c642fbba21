//! What both channels have in common: the queue, who is at its ends, and how it is closed.
//!
//! The receiver takes the whole queue out under one lock and then receives from what it took, so a message in a burst
//! costs it no lock. How much room there is, is a matter of [`Limit`].

use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::error::TryRecvError;
use crate::primitives::Mutex;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::quietly;
use crate::sync::wait::{Bell, Permits};
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// How many messages a channel may have.
pub(super) trait Limit {
    /// So many messages were received.
    fn received(&self, many: usize);
    /// No room is given out any more.
    fn close(&self);
    /// Whether nobody has room that he may still use.
    fn is_idle(&self) -> bool;
}

/// At most so many: a message has a permit from before it is sent until it is received.
pub(super) struct Bound {
    pub(super) max: usize,
    pub(super) permits: Permits,
}

impl Limit for Bound {
    #[inline]
    fn received(&self, many: usize) {
        self.permits.release(many);
    }

    fn close(&self) {
        self.permits.close();
    }

    fn is_idle(&self) -> bool {
        self.permits.available() == self.max
    }
}

/// As many as there is memory for.
pub(super) struct Boundless;

impl Limit for Boundless {
    #[inline]
    fn received(&self, _many: usize) {}

    fn close(&self) {}

    fn is_idle(&self) -> bool {
        true
    }
}

pub(super) struct Chan<T, L> {
    state: Mutex<State<T>>,
    pub(super) limit: L,
    senders: AtomicUsize,
    weak: AtomicUsize,
    /// Rings when the receiver closes.
    closed: Bell,
}

struct State<T> {
    queue: VecDeque<T>,
    rx_waker: Option<Waker>,
    /// The receiver wants no more. What has room is still taken.
    closed: bool,
    /// The receiver is gone.
    gone: bool,
    /// No sender is left, and none will be.
    senders_gone: bool,
}

// No code of a user runs while a lock is held, so a panic leaves everything whole.
impl<T, L> UnwindSafe for Chan<T, L> {}
impl<T, L> RefUnwindSafe for Chan<T, L> {}
impl<T, L: Limit> UnwindSafe for Rx<T, L> {}
impl<T, L: Limit> RefUnwindSafe for Rx<T, L> {}

impl<T, L: Limit> Chan<T, L> {
    /// A channel with one sender and one receiver.
    pub(super) fn pair(limit: L) -> (Tx<T, L>, Rx<T, L>) {
        let chan = Arc::new(Chan {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                rx_waker: None,
                closed: false,
                gone: false,
                senders_gone: false,
            }),
            limit,
            senders: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            closed: Bell::new(),
        });
        (Tx { chan: chan.clone() }, Rx { chan, taken: Mutex::new(VecDeque::new()) })
    }

    /// Puts a message in, or gives it back if the channel is closed to those who have no room in it.
    #[inline]
    fn push(&self, message: T, has_room: bool) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.gone || (state.closed && !has_room) {
            drop(state);
            return Err(message);
        }
        state.queue.push_back(message);
        let waker = state.rx_waker.take();
        drop(state);
        wake(waker);
        Ok(())
    }

    /// Puts in a message that has room, or gives it back if the receiver is gone.
    #[inline]
    pub(super) fn push_with_room(&self, message: T) -> Result<(), T> {
        self.push(message, true)
    }

    /// Puts a message in, or gives it back if the channel is closed.
    #[inline]
    pub(super) fn push_without_room(&self, message: T) -> Result<(), T> {
        self.push(message, false)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Waits until the receiver closes.
    pub(super) async fn closed(&self) {
        self.closed.listen_unless(Resource::Mpsc, || self.is_closed()).await;
    }

    fn close(&self, gone: bool) {
        let mut state = self.state.lock();
        let first = !std::mem::replace(&mut state.closed, true);
        state.gone |= gone;
        drop(state);
        if first {
            self.limit.close();
            self.closed.ring();
        }
    }

    /// Room that was not used came back: the receiver of a closed channel may have waited for just that.
    #[cold]
    fn room_came_back(&self) {
        let mut state = self.state.lock();
        let waker = if state.closed { state.rx_waker.take() } else { None };
        drop(state);
        wake(waker);
    }

    pub(super) fn strong_count(&self) -> usize {
        self.senders.load(Acquire)
    }

    pub(super) fn weak_count(&self) -> usize {
        self.weak.load(Acquire)
    }
}

impl<T> Chan<T, Bound> {
    /// Whether the receiver is gone, so that room is of no use.
    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        self.limit.permits.is_closed() && self.state.lock().gone
    }

    /// Gives back room that was not used.
    pub(super) fn give_back(&self, many: usize) {
        self.limit.permits.release(many);
        if self.limit.permits.is_closed() {
            self.room_came_back();
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        quietly(|| waker.wake());
    }
}

/// A sender's end: counted.
pub(super) struct Tx<T, L: Limit> {
    pub(super) chan: Arc<Chan<T, L>>,
}

impl<T, L: Limit> Clone for Tx<T, L> {
    fn clone(&self) -> Self {
        // Relaxed: it is not the last, since there is this one.
        self.chan.senders.fetch_add(1, Relaxed);
        Self { chan: self.chan.clone() }
    }
}

impl<T, L: Limit> Drop for Tx<T, L> {
    fn drop(&mut self) {
        // Both: what the others did before they went is done when the receiver sees the end.
        if self.chan.senders.fetch_sub(1, AcqRel) == 1 {
            let mut state = self.chan.state.lock();
            state.senders_gone = true;
            let waker = state.rx_waker.take();
            drop(state);
            wake(waker);
        }
    }
}

impl<T, L: Limit> Tx<T, L> {
    pub(super) fn downgrade(&self) -> WeakTx<T, L> {
        self.chan.weak.fetch_add(1, Relaxed);
        WeakTx { chan: self.chan.clone() }
    }
}

/// What can become a sender as long as there is one.
pub(super) struct WeakTx<T, L: Limit> {
    pub(super) chan: Arc<Chan<T, L>>,
}

impl<T, L: Limit> Clone for WeakTx<T, L> {
    fn clone(&self) -> Self {
        self.chan.weak.fetch_add(1, Relaxed);
        Self { chan: self.chan.clone() }
    }
}

impl<T, L: Limit> Drop for WeakTx<T, L> {
    fn drop(&mut self) {
        self.chan.weak.fetch_sub(1, Relaxed);
    }
}

impl<T, L: Limit> WeakTx<T, L> {
    pub(super) fn upgrade(&self) -> Option<Tx<T, L>> {
        let more = |senders| if senders == 0 { None } else { Some(senders + 1) };
        self.chan.senders.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Tx { chan: self.chan.clone() })
    }
}

/// The receiver's end.
pub(super) struct Rx<T, L: Limit> {
    pub(super) chan: Arc<Chan<T, L>>,
    /// What was taken out of the queue and not received yet. It counts as being in the channel. Nobody else has it: the lock is
    /// for `len`, and for a receiver that is shared though its messages may not be.
    taken: Mutex<VecDeque<T>>,
}

impl<T, L: Limit> Rx<T, L> {
    #[inline]
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let step = ready!(poll_proceed(cx)).awaiting(Note::resource(Resource::Mpsc, &*self.chan));
        if self.taken.get_mut().is_empty() {
            ready!(self.poll_take(cx));
        }
        step.made_progress();
        let message = self.taken.get_mut().pop_front();
        if message.is_some() {
            self.chan.limit.received(1);
        }
        Poll::Ready(message)
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let step = ready!(poll_proceed(cx)).awaiting(Note::resource(Resource::Mpsc, &*self.chan));
        if self.taken.get_mut().len() < limit {
            self.take_more();
        }
        if self.taken.get_mut().is_empty() {
            ready!(self.poll_take(cx));
        }
        step.made_progress();
        let taken = self.taken.get_mut();
        let many = limit.min(taken.len());
        buffer.extend(taken.drain(..many));
        self.chan.limit.received(many);
        Poll::Ready(many)
    }

    /// Takes what is there; ready with nothing if nothing can come any more.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.chan.state.lock();
        if !state.queue.is_empty() {
            std::mem::swap(&mut state.queue, self.taken.get_mut());
            return Poll::Ready(());
        }
        if state.senders_gone || (state.closed && self.chan.limit.is_idle()) {
            return Poll::Ready(());
        }
        let old = match &state.rx_waker {
            Some(old) if old.will_wake(cx.waker()) => None,
            _ => state.rx_waker.replace(cx.waker().clone()),
        };
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// Takes what is there, behind what was taken before.
    fn take_more(&mut self) {
        let mut state = self.chan.state.lock();
        if self.taken.get_mut().is_empty() {
            std::mem::swap(&mut state.queue, self.taken.get_mut());
        } else {
            self.taken.get_mut().append(&mut state.queue);
        }
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if self.taken.get_mut().is_empty() {
            let mut state = self.chan.state.lock();
            std::mem::swap(&mut state.queue, self.taken.get_mut());
            if self.taken.get_mut().is_empty() {
                let over = state.senders_gone || (state.closed && self.chan.limit.is_idle());
                return Err(if over { TryRecvError::Disconnected } else { TryRecvError::Empty });
            }
        }
        let message = self.taken.get_mut().pop_front().expect("it is not empty");
        self.chan.limit.received(1);
        Ok(message)
    }

    pub(super) fn close(&mut self) {
        self.chan.close(false);
    }

    /// Closed by the receiver, or without senders.
    pub(super) fn is_closed(&self) -> bool {
        let state = self.chan.state.lock();
        state.closed || state.senders_gone
    }

    pub(super) fn len(&self) -> usize {
        self.taken.lock().len() + self.chan.state.lock().queue.len()
    }
}

impl<T, L: Limit> Drop for Rx<T, L> {
    fn drop(&mut self) {
        self.chan.close(true);
        let mut state = self.chan.state.lock();
        let garbage = (std::mem::take(&mut state.queue), state.rx_waker.take());
        drop(state);
        drop(garbage);
    }
}
