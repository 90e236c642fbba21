//! What the three queues have in common: who waits, how many items were not worked off, and the shutdown.

use std::fmt;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::task::{Context, Poll, ready};
use std::thread;

use super::queue_error::{QueueShutDown, TryGetError, TryPutError};
use super::wait::{Key, Looked, Waiters, Wakes};
use crate::primitives::Mutex;
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// How a queue keeps its items.
///
/// The order of items is the user's, and may panic: the panic is returned, so that the queue is put right before it goes on. No item
/// is lost by it.
pub(super) trait Store<T> {
    fn push(&mut self, item: T) -> thread::Result<()>;
    fn pop(&mut self) -> thread::Result<Option<T>>;
    fn len(&self) -> usize;
    /// Takes everything out.
    fn drain(&mut self) -> Self;
}

pub(super) struct Core<T, S: Store<T>> {
    maxsize: usize,
    state: Mutex<State<S>>,
    _item: std::marker::PhantomData<fn(T) -> T>,
}

struct State<S> {
    items: S,
    /// Who waits for an item. To be granted one is the right to the next one; it is in `items` until it is taken.
    getters: Waiters<()>,
    /// Who waits for room.
    putters: Waiters<()>,
    /// How many getters were granted an item and have not taken it: so many items are spoken for.
    granted_items: usize,
    /// How many putters were granted room and have not used it.
    granted_room: usize,
    /// How many items were put and not reported done.
    unfinished: usize,
    joiners: Waiters<()>,
    shut_down: bool,
}

impl<T, S: Store<T>> Core<T, S> {
    pub(super) fn new(items: S, maxsize: usize) -> Self {
        Self {
            maxsize: if maxsize == 0 { usize::MAX } else { maxsize },
            state: Mutex::new(State {
                items,
                getters: Waiters::new(),
                putters: Waiters::new(),
                granted_items: 0,
                granted_room: 0,
                unfinished: 0,
                joiners: Waiters::new(),
                shut_down: false,
            }),
            _item: std::marker::PhantomData,
        }
    }

    pub(super) fn maxsize(&self) -> usize {
        if self.maxsize == usize::MAX { 0 } else { self.maxsize }
    }

    pub(super) fn qsize(&self) -> usize {
        let state = self.state.lock();
        state.items.len() - state.granted_items
    }

    pub(super) fn full(&self) -> bool {
        self.state.lock().room::<T>(self.maxsize) == 0
    }

    pub(super) fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        if state.shut_down {
            drop(state);
            return Err(TryPutError::ShutDown(item));
        }
        if state.room::<T>(self.maxsize) == 0 {
            drop(state);
            return Err(TryPutError::Full(item));
        }
        let put = state.put(item, &mut wakes);
        drop(state);
        wakes.wake();
        put.unwrap_or_else(|panic| resume_unwind(panic));
        Ok(())
    }

    pub(super) fn try_get(&self) -> Result<T, TryGetError> {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        if state.items.len() == state.granted_items {
            return Err(if state.shut_down { TryGetError::ShutDown } else { TryGetError::Empty });
        }
        let item = state.get::<T>(self.maxsize, &mut wakes);
        drop(state);
        wakes.wake();
        Ok(item.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    pub(super) async fn put(&self, item: T) -> Result<(), QueueShutDown<T>> {
        let mut putter = Putter { core: self, key: None };
        let mut item = Some(item);
        poll_fn(|cx| {
            let Poll::Ready(step) = poll_proceed(cx) else {
                putter.queue_up(cx);
                return Poll::Pending;
            };
            let step = step.awaiting(Note::resource(Resource::Queue, self));
            let outcome = putter.poll(&mut item, cx);
            if outcome.is_ready() {
                step.made_progress();
            }
            outcome
        })
        .await;
        match item {
            None => Ok(()),
            Some(item) => Err(QueueShutDown(item)),
        }
    }

    pub(super) async fn get(&self) -> Result<T, QueueShutDown> {
        let mut getter = Getter { core: self, key: None };
        poll_fn(|cx| {
            let Poll::Ready(step) = poll_proceed(cx) else {
                getter.queue_up(cx);
                return Poll::Pending;
            };
            let step = step.awaiting(Note::resource(Resource::Queue, self));
            let outcome = getter.poll(cx);
            if outcome.is_ready() {
                step.made_progress();
            }
            outcome
        })
        .await
        .ok_or(QueueShutDown(()))
    }

    #[track_caller]
    pub(super) fn task_done(&self) {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        let was = state.unfinished;
        if was > 0 {
            state.done(1, &mut wakes);
        }
        drop(state);
        wakes.wake();
        assert!(was > 0, "task_done() called too many times: call it once for each item that was got");
    }

    pub(super) async fn join(&self) {
        let mut joiner = Joiner { core: self, key: None };
        let mut is_over = false;
        poll_fn(|cx| {
            let step = poll_proceed(cx);
            // Also where the budget is used up and others run first: what comes to pass until its next poll is for it, too.
            is_over = is_over || joiner.poll(cx).is_ready();
            let step = ready!(step).awaiting(Note::resource(Resource::Queue, self));
            if !is_over {
                return Poll::Pending;
            }
            step.made_progress();
            Poll::Ready(())
        })
        .await;
    }

    pub(super) fn shutdown(&self, immediate: bool) {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        state.shut_down = true;
        let drained = immediate.then(|| {
            let items = state.items.drain();
            state.granted_items = 0;
            let done = items.len().min(state.unfinished);
            state.done(done, &mut wakes);
            items
        });
        // They see it when they look. Those that were granted an item take it, if it is there still.
        let State { getters, putters, .. } = &mut *state;
        getters.take_wakers(|waker| wakes.push(waker));
        putters.take_wakers(|waker| wakes.push(waker));
        drop(state);
        wakes.wake();
        drop(drained);
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.state.lock().shut_down
    }

    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written to is the user's: not under the lock.
        let (qsize, unfinished, getters, putters, shut_down) = {
            let state = self.state.lock();
            let qsize = state.items.len() - state.granted_items;
            (qsize, state.unfinished, state.getters.len(), state.putters.len(), state.shut_down)
        };
        f.debug_struct(name)
            .field("maxsize", &self.maxsize())
            .field("qsize", &qsize)
            .field("unfinished", &unfinished)
            .field("getters", &getters)
            .field("putters", &putters)
            .field("shut_down", &shut_down)
            .finish()
    }
}

impl<S> State<S> {
    /// How much room there is that nobody was granted.
    fn room<T>(&self, maxsize: usize) -> usize
    where
        S: Store<T>,
    {
        maxsize.saturating_sub(self.items.len() + self.granted_room)
    }

    /// Puts an item in; there is room.
    fn put<T>(&mut self, item: T, wakes: &mut Wakes) -> thread::Result<()>
    where
        S: Store<T>,
    {
        let pushed = self.items.push(item);
        self.unfinished += 1;
        self.grant_items::<T>(wakes);
        pushed
    }

    /// Takes an item out that nobody else was granted.
    fn get<T>(&mut self, maxsize: usize, wakes: &mut Wakes) -> thread::Result<T>
    where
        S: Store<T>,
    {
        match self.items.pop() {
            Ok(item) => {
                self.grant_room::<T>(maxsize, wakes);
                Ok(item.expect("there are more items than were granted"))
            }
            Err(panic) => {
                // It is there still, and whoever asked for it does not get it.
                self.grant_items::<T>(wakes);
                Err(panic)
            }
        }
    }

    /// Grants items that are not spoken for to those who wait.
    fn grant_items<T>(&mut self, wakes: &mut Wakes)
    where
        S: Store<T>,
    {
        while self.items.len() > self.granted_items && !self.getters.is_empty() {
            self.granted_items += 1;
            wakes.push(self.getters.grant_front());
        }
    }

    /// Grants room that is not spoken for to those who wait.
    fn grant_room<T>(&mut self, maxsize: usize, wakes: &mut Wakes)
    where
        S: Store<T>,
    {
        while !self.putters.is_empty() && !self.shut_down && self.room::<T>(maxsize) > 0 {
            self.granted_room += 1;
            wakes.push(self.putters.grant_front());
        }
    }

    /// So many items are worked off.
    fn done(&mut self, many: usize, wakes: &mut Wakes) {
        self.unfinished -= many;
        if self.unfinished == 0 {
            while !self.joiners.is_empty() {
                wakes.push(self.joiners.grant_front());
            }
        }
    }
}

struct Putter<'a, T, S: Store<T>> {
    core: &'a Core<T, S>,
    key: Option<Key>,
}

impl<T, S: Store<T>> Putter<'_, T, S> {
    /// Takes a place in line, on behalf of a task whose budget is used up: who comes after it must not overtake it while it lets
    /// others run.
    #[cold]
    fn queue_up(&mut self, cx: &mut Context<'_>) {
        let waker = cx.waker().clone();
        let mut wakes = Wakes::new();
        let mut state = self.core.state.lock();
        if self.key.is_none() && !state.shut_down {
            self.key = Some(state.putters.push((), waker));
            state.grant_room::<T>(self.core.maxsize, &mut wakes);
        }
        drop(state);
        wakes.wake();
    }

    /// Ready when the item was put, or, if it is still there, the queue was shut down.
    fn poll(&mut self, item: &mut Option<T>, cx: &mut Context<'_>) -> Poll<()> {
        let mut wakes = Wakes::new();
        let mut state = self.core.state.lock();
        let (mut looked, mut left) = (None, None);
        let outcome = if self.key.is_some() {
            match state.putters.look(&mut self.key, cx.waker()) {
                Looked::Granted(()) => {
                    state.granted_room -= 1;
                    Poll::Ready(())
                }
                waits => {
                    looked = Some(waits);
                    if state.shut_down {
                        left = self.key.take().map(|key| state.putters.remove(key));
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }
            }
        } else if state.shut_down || state.room::<T>(self.core.maxsize) > 0 {
            Poll::Ready(())
        } else {
            self.key = Some(state.putters.push((), cx.waker().clone()));
            Poll::Pending
        };
        let put = if outcome.is_ready() && !state.shut_down {
            state.put(item.take().expect("polled after it was put"), &mut wakes)
        } else {
            Ok(())
        };
        drop(state);
        drop((looked, left));
        wakes.wake();
        put.unwrap_or_else(|panic| resume_unwind(panic));
        outcome
    }
}

impl<T, S: Store<T>> Drop for Putter<'_, T, S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut wakes = Wakes::new();
            let mut state = self.core.state.lock();
            let left = state.putters.remove(key);
            if left.was_granted {
                state.granted_room -= 1;
                state.grant_room::<T>(self.core.maxsize, &mut wakes);
            }
            drop(state);
            wakes.wake();
        }
    }
}

struct Getter<'a, T, S: Store<T>> {
    core: &'a Core<T, S>,
    key: Option<Key>,
}

impl<T, S: Store<T>> Getter<'_, T, S> {
    /// As [`Putter::queue_up`].
    #[cold]
    fn queue_up(&mut self, cx: &mut Context<'_>) {
        let waker = cx.waker().clone();
        let mut wakes = Wakes::new();
        let mut state = self.core.state.lock();
        if self.key.is_none() && !state.shut_down {
            self.key = Some(state.getters.push((), waker));
            state.grant_items::<T>(&mut wakes);
        }
        drop(state);
        wakes.wake();
    }

    /// `None` if the queue was shut down and has nothing left.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut wakes = Wakes::new();
        let mut state = self.core.state.lock();
        let (mut looked, mut left) = (None, None);
        let outcome = if self.key.is_some() {
            match state.getters.look(&mut self.key, cx.waker()) {
                // What it was granted is gone if the queue was shut down at once.
                Looked::Granted(()) if state.granted_items == 0 => Poll::Ready(None),
                Looked::Granted(()) => {
                    state.granted_items -= 1;
                    Poll::Ready(Some(state.get(self.core.maxsize, &mut wakes)))
                }
                waits => {
                    looked = Some(waits);
                    if state.shut_down {
                        left = self.key.take().map(|key| state.getters.remove(key));
                        Poll::Ready(None)
                    } else {
                        Poll::Pending
                    }
                }
            }
        } else if state.items.len() > state.granted_items {
            Poll::Ready(Some(state.get(self.core.maxsize, &mut wakes)))
        } else if state.shut_down {
            Poll::Ready(None)
        } else {
            self.key = Some(state.getters.push((), cx.waker().clone()));
            Poll::Pending
        };
        drop(state);
        drop((looked, left));
        wakes.wake();
        outcome.map(|got| got.map(|item| item.unwrap_or_else(|panic| resume_unwind(panic))))
    }
}

impl<T, S: Store<T>> Drop for Getter<'_, T, S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut wakes = Wakes::new();
            let mut state = self.core.state.lock();
            let left = state.getters.remove(key);
            if left.was_granted && state.granted_items > 0 {
                state.granted_items -= 1;
                state.grant_items::<T>(&mut wakes);
            }
            drop(state);
            wakes.wake();
        }
    }
}

struct Joiner<'a, T, S: Store<T>> {
    core: &'a Core<T, S>,
    key: Option<Key>,
}

impl<T, S: Store<T>> Joiner<'_, T, S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.is_some() {
            // The lock is released before what was looked at is dropped.
            let looked = self.core.state.lock().joiners.look(&mut self.key, cx.waker());
            return match looked {
                Looked::Granted(()) => Poll::Ready(()),
                Looked::Waits(_) => Poll::Pending,
            };
        }
        let mut state = self.core.state.lock();
        if state.unfinished == 0 {
            drop(state);
            return Poll::Ready(());
        }
        self.key = Some(state.joiners.push((), cx.waker().clone()));
        Poll::Pending
    }
}

impl<T, S: Store<T>> Drop for Joiner<'_, T, S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let left = self.core.state.lock().joiners.remove(key);
            drop(left);
        }
    }
}
