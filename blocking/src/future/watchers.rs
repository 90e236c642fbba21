//! Who is to be told when a future is done.

use crate::error::JobError;
use crate::primitives::Mutex;
use std::task::Waker;

/// A callback that looks at the result.
type DoneCallback<T> = dyn FnOnce(&Result<T, JobError>) + Send;

/// What a future's end calls.
pub(super) enum Callback<T> {
    /// At every end, with the result.
    Done(Box<DoneCallback<T>>),
    /// If it is cancelled; else it is dropped.
    Cancelled(Box<dyn FnOnce() + Send>),
}

/// Tells one waiting reader of a future from another. Readers of one future choose different keys.
pub(super) type Key = usize;

/// The list, locked only by those who join it and, if the state says that someone did, by the one who ends
/// the future. It is allocated by the first who joins: most futures have nobody, and all of them are smaller so.
pub(super) struct Watchers<T>(Mutex<Option<Box<List<T>>>>);

pub(super) struct List<T> {
    pub(super) callbacks: Vec<Callback<T>>,
    wakers: Vec<(Key, Waker)>,
}

impl<T> Watchers<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Runs `f` with the list locked, for someone who may join it.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut List<T>) -> R) -> R {
        f(self.0.lock().get_or_insert_with(|| Box::new(List { callbacks: Vec::new(), wakers: Vec::new() })))
    }

    pub(super) fn take_callbacks(&self) -> Vec<Callback<T>> {
        self.0.lock().as_mut().map_or_else(Vec::new, |list| std::mem::take(&mut list.callbacks))
    }

    pub(super) fn take_wakers(&self) -> Vec<(Key, Waker)> {
        self.0.lock().as_mut().map_or_else(Vec::new, |list| std::mem::take(&mut list.wakers))
    }

    /// Takes the waker of `key` off, if it is there.
    pub(super) fn remove_waker(&self, key: Key) {
        // The waker is dropped after the lock is released: its drop is code of others.
        let _gone = self.0.lock().as_mut().and_then(|list| {
            let index = list.wakers.iter().position(|(other, _)| *other == key)?;
            Some(list.wakers.swap_remove(index))
        });
    }
}

impl<T> List<T> {
    /// Puts the waker on, in place of an earlier one of the same reader, which is given back.
    pub(super) fn set_waker(&mut self, key: Key, waker: Waker) -> Option<Waker> {
        match self.wakers.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => Some(std::mem::replace(old, waker)),
            None => {
                self.wakers.push((key, waker));
                None
            }
        }
    }
}
