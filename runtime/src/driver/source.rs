//! What is known of one descriptor: its readiness, and who waits for it. `README.md` has the protocol.

use std::task::{Context, Poll, Waker};

use slab::Slab;

use super::ready::{Interest, Ready};
use crate::primitives::Mutex;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// The runtime is gone: nothing more will be reported.
const GONE: usize = 1 << 7;

/// One event: the bits above those of the readiness count them.
const TICK: usize = 1 << 8;

/// A direction in which one task may wait without being listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    #[inline]
    pub(crate) const fn mask(self) -> Ready {
        match self {
            Direction::Read => Interest::READABLE.mask(),
            Direction::Write => Interest::WRITABLE.mask(),
        }
    }
}

/// Readiness as it was seen, with the number of the event that brought it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadyEvent {
    pub(crate) ready: Ready,
    /// What was asked about.
    asked: Ready,
    seen: usize,
    gone: bool,
}

impl ReadyEvent {
    /// Whether the runtime is gone, so that nothing will be reported any more.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether something out of band had been reported by then.
    #[inline]
    pub(crate) fn is_out_of_band(&self) -> bool {
        Ready::from_bits(self.seen as u8).is_priority()
    }

    /// The one direction that was asked about and is closed by what was seen.
    #[inline]
    pub(crate) fn closed(&self) -> Option<Direction> {
        if (self.ready & Ready::STICKY).is_empty() {
            return None;
        }
        [Direction::Read, Direction::Write].into_iter().find(|direction| direction.mask() == self.asked)
    }

    /// The same event, of which no more than this is to be cleared.
    pub(crate) fn with_ready(self, ready: Ready) -> Self {
        Self { ready, ..self }
    }
}

/// A descriptor, as the driver and those who wait for it share it.
pub(crate) struct Source {
    /// The readiness, `GONE`, and the count of events.
    state: AtomicUsize,
    waiters: Mutex<Waiters>,
}

/// Who waits.
struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Those who wait besides, in any number.
    listed: Slab<Listed>,
}

struct Listed {
    mask: Ready,
    /// `None` from an event until its owner looks again.
    waker: Option<Waker>,
}

/// The place of one who is listed.
#[derive(Debug)]
pub(crate) struct Place(usize);

impl Source {
    pub(crate) fn new() -> Self {
        let waiters = Waiters { reader: None, writer: None, listed: Slab::new() };
        Self { state: AtomicUsize::new(0), waiters: Mutex::new(waiters) }
    }

    /// An event came: adds to the readiness, and gives the wakers of those who wait for that.
    pub(crate) fn report(&self, ready: Ready, wakers: &mut Vec<Waker>) {
        self.add(ready.bits().into());
        // After the bits are set: who stores a waker after this lock sees them when it looks again.
        let mut waiters = self.waiters.lock();
        if !(ready & Direction::Read.mask()).is_empty() {
            wakers.extend(waiters.reader.take());
        }
        if !(ready & Direction::Write.mask()).is_empty() {
            wakers.extend(waiters.writer.take());
        }
        if !waiters.listed.is_empty() {
            waiters.take_listed(ready, wakers);
        }
    }

    /// The system has forgotten the descriptor with an event: gives the wakers of all who wait, whatever for, so that they
    /// have it watched again.
    #[cold]
    pub(crate) fn rouse_all(&self, wakers: &mut Vec<Waker>) {
        let mut waiters = self.waiters.lock();
        wakers.extend(waiters.reader.take());
        wakers.extend(waiters.writer.take());
        waiters.take_listed(Ready::ALL, wakers);
    }

    /// What somebody waits for.
    pub(crate) fn awaited(&self) -> Ready {
        let waiters = self.waiters.lock();
        let mut awaited = Ready::EMPTY;
        if waiters.reader.is_some() {
            awaited |= Direction::Read.mask();
        }
        if waiters.writer.is_some() {
            awaited |= Direction::Write.mask();
        }
        for (_, listed) in waiters.listed.iter().filter(|(_, listed)| listed.waker.is_some()) {
            awaited |= listed.mask;
        }
        awaited
    }

    /// The runtime is gone: gives the wakers of all who wait.
    pub(crate) fn report_gone(&self, wakers: &mut Vec<Waker>) {
        self.add(GONE);
        let mut waiters = self.waiters.lock();
        wakers.extend(waiters.reader.take());
        wakers.extend(waiters.writer.take());
        waiters.take_listed(Ready::ALL, wakers);
    }

    #[inline]
    fn add(&self, bits: usize) {
        let mut state = self.state.load(Relaxed);
        loop {
            let new = (state | bits).wrapping_add(TICK);
            // Release pairs with the Acquire of `look`: what the kernel has reported is there for who sees it.
            match self.state.compare_exchange_weak(state, new, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    /// What of `mask` is ready now.
    #[inline]
    pub(crate) fn look(&self, mask: Ready) -> ReadyEvent {
        let seen = self.state.load(Acquire);
        ReadyEvent { ready: Ready::from_bits(seen as u8) & mask, asked: mask, seen, gone: seen & GONE != 0 }
    }

    /// Takes the readiness of an event back, because the next attempt would wait: unless another event has come since, and but for
    /// what stays.
    #[inline]
    pub(crate) fn clear(&self, event: ReadyEvent) {
        self.take_back(event, event.ready - Ready::STICKY);
    }

    /// The same, and also that a direction is closed, which turned out not to be so, or not any more.
    #[cold]
    pub(crate) fn disprove(&self, event: ReadyEvent) {
        self.take_back(event, event.ready);
    }

    #[inline]
    fn take_back(&self, event: ReadyEvent, ready: Ready) {
        let bits = usize::from(ready.bits());
        let mut state = self.state.load(Relaxed);
        while state / TICK == event.seen / TICK && state & bits != 0 {
            match self.state.compare_exchange_weak(state, state & !bits, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    /// Waits for a direction. Of several tasks that do so the last one is woken.
    #[inline]
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<ReadyEvent> {
        let event = self.look(direction.mask());
        if event.is_something() { Poll::Ready(event) } else { self.wait(cx, direction) }
    }

    #[cold]
    fn wait(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<ReadyEvent> {
        // Cloned and dropped with no lock held: either is the user's code, and the drop may be the end of a task.
        let waker = cx.waker().clone();
        let (event, old) = {
            let mut waiters = self.waiters.lock();
            let slot = match direction {
                Direction::Read => &mut waiters.reader,
                Direction::Write => &mut waiters.writer,
            };
            let old = slot.replace(waker);
            // Under the lock: an event that came before it is seen here, one that comes after finds the waker.
            (self.look(direction.mask()), old)
        };
        drop(old);
        if event.is_something() { Poll::Ready(event) } else { Poll::Pending }
    }

    /// Waits for what `mask` says, in a place that is kept from one call to the next and given back when done.
    pub(crate) fn poll_listed(
        &self,
        cx: &mut Context<'_>,
        mask: Ready,
        place: &mut Option<Place>,
    ) -> Poll<ReadyEvent> {
        let event = self.look(mask);
        if event.is_something() {
            self.unlist(place);
            return Poll::Ready(event);
        }
        // As in `wait`.
        let waker = cx.waker().clone();
        let (event, old) = {
            let mut waiters = self.waiters.lock();
            let waiters = &mut *waiters;
            let at = place.get_or_insert_with(|| Place(waiters.listed.insert(Listed { mask, waker: None })));
            let old = waiters.listed[at.0].waker.replace(waker);
            (self.look(mask), old)
        };
        drop(old);
        if !event.is_something() {
            return Poll::Pending;
        }
        self.unlist(place);
        Poll::Ready(event)
    }

    /// Gives a place back.
    pub(crate) fn unlist(&self, place: &mut Option<Place>) {
        if let Some(Place(at)) = place.take() {
            let old = self.waiters.lock().listed.try_remove(at);
            drop(old);
        }
    }

    /// Forgets the tasks that wait for a direction each, since nobody is left to wait.
    pub(crate) fn forget_waiters(&self) {
        let (reader, writer) = {
            let mut waiters = self.waiters.lock();
            (waiters.reader.take(), waiters.writer.take())
        };
        drop((reader, writer));
    }
}

impl ReadyEvent {
    #[inline]
    fn is_something(&self) -> bool {
        !self.ready.is_empty() || self.gone
    }
}

impl Waiters {
    #[cold]
    fn take_listed(&mut self, ready: Ready, wakers: &mut Vec<Waker>) {
        // They keep their places, and give them back themselves.
        for (_, listed) in &mut self.listed {
            if !(listed.mask & ready).is_empty() {
                wakers.extend(listed.waker.take());
            }
        }
    }
}
