//! What lies on a seat's desk: only the worker that sits there touches it.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::seat::Seat;
use crate::primitives::deque::{Injector, Steal, Stealer, Worker as Deque};
use crate::primitives::hint;
use crate::task::{SpareEntries, Token};

/// How many tasks a worker takes from the injector in one go: as many as one steal moves.
const INJECTOR_BATCH: usize = 32;

/// How many tasks a worker takes from the injector at most before it runs one.
const INJECTOR_SHARE: usize = 256;

/// The private part of a seat. It stays when the worker goes.
pub(crate) struct Desk {
    queue: Queue,
    pub(crate) spare_entries: SpareEntries,
}

/// The local queue, first in, first out.
enum Queue {
    /// Others take from it through the seat's stealer.
    Shared(Deque<Token>),
    /// There are no others: the only seat of a current-thread runtime needs no synchronisation.
    Alone(RefCell<VecDeque<Token>>),
}

/// Who can come for what was queued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The worker itself and no other: there are no others.
    Itself,
    /// Other workers too.
    Others,
}

impl Desk {
    /// A desk and the stealer of its queue.
    pub(crate) fn new(alone: bool) -> (Self, Stealer<Token>) {
        let deque = Deque::new_fifo();
        let stealer = deque.stealer();
        let queue = if alone { Queue::Alone(RefCell::default()) } else { Queue::Shared(deque) };
        (Self { queue, spare_entries: SpareEntries::new() }, stealer)
    }

    #[inline]
    pub(crate) fn push(&self, token: Token) -> Reach {
        match &self.queue {
            Queue::Shared(deque) => {
                deque.push(token);
                Reach::Others
            }
            Queue::Alone(queue) => {
                queue.borrow_mut().push_back(token);
                Reach::Itself
            }
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Token> {
        match &self.queue {
            Queue::Shared(deque) => deque.pop(),
            Queue::Alone(queue) => queue.borrow_mut().pop_front(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.queue {
            Queue::Shared(deque) => deque.len(),
            Queue::Alone(queue) => queue.borrow().len(),
        }
    }

    /// Takes this worker's share of the injector into the queue, and gives the task to run next: with one
    /// seat the longest queued, so that order is kept; else the first of the share. The share is one of
    /// `workers` equal parts, so that tasks from outside wait for one round of those at hand, however many
    /// they are.
    pub(crate) fn take_injected(&self, injector: &Injector<Token>, workers: usize) -> Option<Token> {
        if injector.is_empty() {
            return None;
        }
        match &self.queue {
            Queue::Shared(deque) => {
                let first = insist(|| injector.steal_batch_with_limit_and_pop(deque, INJECTOR_BATCH))?;
                let more = (injector.len() / workers).min(INJECTOR_SHARE);
                for _ in 0..more / INJECTOR_BATCH {
                    if insist(|| injector.steal_batch_with_limit(deque, INJECTOR_BATCH)).is_none() {
                        break;
                    }
                }
                Some(first)
            }
            Queue::Alone(queue) => {
                let mut queue = queue.borrow_mut();
                queue.extend(std::iter::from_fn(|| insist(|| injector.steal())).take(INJECTOR_SHARE));
                queue.pop_front()
            }
        }
    }

    /// Takes about half of another worker's queue into this one, but for the first task.
    pub(crate) fn steal_from(&self, seat: &Seat) -> Steal<Token> {
        match &self.queue {
            Queue::Shared(deque) => seat.stealer.steal_batch_and_pop(deque),
            Queue::Alone(_) => Steal::Empty,
        }
    }
}

/// Tries again as long as another thread is in the way.
fn insist<T>(steal: impl Fn() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(stolen) => return Some(stolen),
            Steal::Empty => return None,
            Steal::Retry => hint::spin_loop(),
        }
    }
}
