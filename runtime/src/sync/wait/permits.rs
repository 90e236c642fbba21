//! A count of permits and the line of those who wait for some: what locks, semaphores and bounded channels are
//! built on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Key, Looked, Waiters, Wakes, const_unless_model};
use crate::primitives::Mutex;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// No permit is given out any more.
const CLOSED: usize = 1;
/// Somebody is in line. Set and cleared under the lock only, and while it is set the count changes under the lock
/// only.
const WAITERS: usize = 2;
/// One permit.
const ONE: usize = 4;

/// So many permits, given out first come, first served.
pub(crate) struct Permits {
    /// The permits that are left, and the two flags.
    word: AtomicUsize,
    /// How many permits each in line waits for.
    line: Mutex<Waiters<usize>>,
}

/// No permit will be given out any more.
#[derive(Debug)]
pub(crate) struct Closed;

/// Why permits were not given out at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    TooFew,
}

impl Permits {
    /// The most there may be.
    pub(crate) const MAX: usize = usize::MAX >> 3;

    const_unless_model! {
        #[track_caller]
        pub(crate) fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX, "that is too many permits: MAX_PERMITS says how many there may be");
            Self { word: AtomicUsize::new(permits * ONE), line: Mutex::new(Waiters::new()) }
        }
    }

    const_unless_model! {
        /// Of which none will ever be given out.
        pub(crate) fn closed() -> Self {
            Self { word: AtomicUsize::new(CLOSED), line: Mutex::new(Waiters::new()) }
        }
    }

    /// How many are left. Those that are left while somebody waits are too few for him.
    pub(crate) fn available(&self) -> usize {
        self.word.load(Acquire) / ONE
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Acquire) & CLOSED != 0
    }

    /// How many are in line.
    pub(crate) fn waiters(&self) -> usize {
        self.line.lock().len()
    }

    /// Takes so many if they are there and nobody waits.
    #[inline]
    pub(crate) fn try_acquire(&self, many: usize) -> Result<(), Refused> {
        let mut word = self.word.load(Acquire);
        loop {
            if word & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            if many == 0 {
                return Ok(());
            }
            if word & WAITERS != 0 || word / ONE < many {
                return Err(Refused::TooFew);
            }
            // Acquire pairs with the Release of who gave them back: what he did before is done.
            match self.word.compare_exchange_weak(word, word - many * ONE, Acquire, Acquire) {
                Ok(_) => return Ok(()),
                Err(seen) => word = seen,
            }
        }
    }

    /// Takes so many, and waits for them in line; `what` is what they are for. Once it has returned `Ok` they are the caller's to give back.
    #[inline]
    pub(crate) fn acquire(&self, many: usize, what: Resource) -> Acquiring<'_> {
        Acquiring { permits: self, many, key: None, taken: false, what }
    }

    /// Gives so many back, or makes new ones.
    #[inline]
    #[track_caller]
    pub(crate) fn release(&self, many: usize) {
        let mut word = self.word.load(Relaxed);
        while word & WAITERS == 0 {
            check(word, many);
            // Release pairs with the Acquire of who takes them.
            match self.word.compare_exchange_weak(word, word + many * ONE, Release, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
        if many > 0 {
            self.release_to_the_line(many);
        }
    }

    #[cold]
    #[track_caller]
    fn release_to_the_line(&self, many: usize) {
        let mut wakes = Wakes::new();
        let mut line = self.line.lock();
        check(self.word.load(Relaxed), many);
        // Release: the line may be empty by now.
        self.word.fetch_add(many * ONE, Release);
        self.hand_out(&mut line, &mut wakes);
        drop(line);
        wakes.wake();
    }

    /// Grants the first in line what they wait for, as far as it goes.
    fn hand_out(&self, line: &mut Waiters<usize>, wakes: &mut Wakes) {
        loop {
            let word = self.word.load(Relaxed);
            let Some(&mut many) = line.front() else {
                if word & WAITERS != 0 {
                    self.word.fetch_and(!WAITERS, Relaxed);
                }
                return;
            };
            if word & CLOSED != 0 || word / ONE < many {
                return;
            }
            // The flag goes before the last in line is granted: who sees the grant may try for what is left at once.
            let flag = if line.len() == 1 { WAITERS } else { 0 };
            // Relaxed: what was given back without the lock was so before the flag was set, and all in line have acquired the
            // word since.
            self.word.fetch_sub(many * ONE + flag, Relaxed);
            wakes.push(line.grant_front());
        }
    }

    /// Makes that many fewer, as far as they are there. Returns how many it were.
    pub(crate) fn forget(&self, many: usize) -> usize {
        // Nobody else changes the count while it is locked if somebody waits; if nobody does, anybody may.
        let _line = self.line.lock();
        let mut word = self.word.load(Acquire);
        loop {
            let forgotten = many.min(word / ONE);
            match self.word.compare_exchange_weak(word, word - forgotten * ONE, AcqRel, Acquire) {
                Ok(_) => return forgotten,
                Err(seen) => word = seen,
            }
        }
    }

    /// Gives out none any more, and sends away who waits.
    pub(crate) fn close(&self) {
        let mut wakes = Wakes::new();
        let mut line = self.line.lock();
        self.word.fetch_or(CLOSED, AcqRel);
        wakes.reserve(line.len());
        line.take_wakers(|waker| wakes.push(waker));
        drop(line);
        wakes.wake();
    }

    /// Takes them, or goes to the end of the line.
    #[cold]
    fn join_line(&self, many: usize, cx: &mut Context<'_>) -> Result<Option<Key>, Closed> {
        let waker = cx.waker().clone();
        let mut line = self.line.lock();
        let mut word = self.word.load(Acquire);
        loop {
            if word & CLOSED != 0 {
                drop(line);
                return Err(Closed);
            }
            if word & WAITERS != 0 {
                break;
            }
            // Who gives one back either comes before this, and it is seen here, or sees the flag, and comes for
            // the lock.
            let enough = word / ONE >= many;
            let next = if enough { word - many * ONE } else { word | WAITERS };
            match self.word.compare_exchange_weak(word, next, Acquire, Acquire) {
                Ok(_) if enough => {
                    drop(line);
                    return Ok(None);
                }
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        Ok(Some(line.push(many, waker)))
    }

    fn look(
        &self,
        key: &mut Option<Key>,
        cx: &mut Context<'_>,
    ) -> (Poll<Result<(), Closed>>, impl Sized + use<>) {
        let mut wakes = Wakes::new();
        let mut line = self.line.lock();
        match line.look(key, cx.waker()) {
            Looked::Granted(_) => (Poll::Ready(Ok(())), (None, None)),
            Looked::Waits(old) if self.word.load(Relaxed) & CLOSED != 0 => {
                let left = line.remove(key.take().expect("it waits"));
                self.hand_out(&mut line, &mut wakes);
                (Poll::Ready(Err(Closed)), (old, Some(left)))
            }
            Looked::Waits(old) => (Poll::Pending, (old, None)),
        }
    }

    /// Leaves the line. What was granted and not seen goes to the next.
    #[cold]
    fn abandon(&self, key: Key) {
        let mut wakes = Wakes::new();
        let mut line = self.line.lock();
        let left = line.remove(key);
        if left.was_granted {
            self.word.fetch_add(left.note * ONE, Release);
        }
        // Also if it was not granted: it may have been the one who wanted more than there is.
        self.hand_out(&mut line, &mut wakes);
        drop(line);
        wakes.wake();
    }
}

#[inline]
#[track_caller]
fn check(word: usize, many: usize) {
    if many > Permits::MAX - word / ONE {
        too_many();
    }
}

#[cold]
#[track_caller]
fn too_many() -> ! {
    panic!("that is too many permits: MAX_PERMITS says how many there may be");
}

/// The future of [`Permits::acquire`].
#[must_use]
pub(crate) struct Acquiring<'a> {
    permits: &'a Permits,
    many: usize,
    key: Option<Key>,
    /// They were taken, in a poll that had no budget left to say so.
    taken: bool,
    /// What the permits are for.
    what: Resource,
}

impl Acquiring<'_> {
    /// Takes the permits or a place in line, on behalf of a task whose budget is used up: who comes after it must not
    /// overtake it while it lets others run.
    #[cold]
    fn queue_up(&mut self, cx: &mut Context<'_>) {
        if self.key.is_some() || self.taken {
            return;
        }
        match self.permits.try_acquire(self.many) {
            Ok(()) => self.taken = true,
            // Seen by the next poll.
            Err(Refused::Closed) => {}
            Err(Refused::TooFew) => {
                if let Ok(key) = self.permits.join_line(self.many, cx) {
                    self.taken = key.is_none();
                    self.key = key;
                }
            }
        }
    }
}

impl Future for Acquiring<'_> {
    type Output = Result<(), Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Poll::Ready(step) = poll_proceed(cx) else {
            this.queue_up(cx);
            return Poll::Pending;
        };
        if std::mem::take(&mut this.taken) {
            step.made_progress();
            return Poll::Ready(Ok(()));
        }
        if this.key.is_none() {
            match this.permits.try_acquire(this.many) {
                Ok(()) => {}
                Err(Refused::Closed) => return Poll::Ready(Err(Closed)),
                Err(Refused::TooFew) => match this.permits.join_line(this.many, cx) {
                    Ok(None) => {}
                    Ok(key) => {
                        this.key = key;
                        step.awaits(Note::resource(this.what, this.permits));
                        return Poll::Pending;
                    }
                    Err(closed) => return Poll::Ready(Err(closed)),
                },
            }
            step.made_progress();
            return Poll::Ready(Ok(()));
        }
        // SAFETY: the line is in `permits`, which this borrows.
        if unsafe { Key::take_granted(&mut this.key) } {
            step.made_progress();
            return Poll::Ready(Ok(()));
        }
        // What is not needed any more is dropped outside of the lock.
        let (outcome, _garbage) = this.permits.look(&mut this.key, cx);
        match outcome {
            Poll::Ready(_) => step.made_progress(),
            Poll::Pending => step.awaits(Note::resource(this.what, this.permits)),
        }
        outcome
    }
}

impl Drop for Acquiring<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.permits.abandon(key);
        } else if self.taken {
            self.permits.release(self.many);
        }
    }
}
