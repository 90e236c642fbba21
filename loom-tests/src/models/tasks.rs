//! Tasks without a scheduler behind them: a queue that keeps their tokens until the model runs them.

use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use crate::context;
use crate::primitives::{Arc, Mutex};
use crate::task::coop::BUDGET;
use crate::task::{self, Header, JoinHandle, Ran, Registry, Schedule, Token, Unobserved};

/// A scheduler whose tasks the model runs by hand. It outlives them: the model keeps it to its end.
pub(super) struct ByHand {
    queue: Mutex<Vec<Token>>,
    registry: Registry,
    unobserved: Arc<Unobserved>,
}

impl ByHand {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Vec::new()),
            registry: Registry::new(1),
            unobserved: Arc::default(),
        })
    }

    /// A new task and its token.
    pub(super) fn create<F: Future>(self: &Arc<Self>, future: F) -> (Token, JoinHandle<F::Output>) {
        let scheduler = NonNull::new(Arc::as_ptr(self).cast_mut()).expect("an `Arc` points somewhere");
        // SAFETY: the model keeps the scheduler to its end, and its threads are those of one OS thread.
        unsafe { task::create(future, scheduler, None, Location::caller()) }
    }

    pub(super) fn push(&self, token: Token) {
        let mut queue = self.queue.lock();
        let there = |other: &Token| std::ptr::eq(other.header(), token.header());
        let twice = queue.iter().any(there);
        let complete = token.header().state().load().is_complete();
        if twice || complete {
            std::mem::forget(token);
            assert!(!twice, "a task has one token");
            panic!("a complete task is not queued");
        }
        queue.push(token);
    }

    pub(super) fn pop(&self) -> Option<Token> {
        self.queue.lock().pop()
    }

    /// Runs one task if one is queued.
    pub(super) fn run_one(&self) -> bool {
        let Some(token) = self.pop() else { return false };
        self.run(token);
        true
    }

    /// Runs tasks until none is queued.
    pub(super) fn run_all(&self) {
        while self.run_one() {}
    }

    pub(super) fn run(&self, token: Token) {
        match run(token) {
            Ran::Done | Ran::Idle => {}
            Ran::Woken(token) | Ran::Yielded(token) => self.push(token),
        }
    }
}

/// Polls a task once, as a worker does.
pub(super) fn run(token: Token) -> Ran {
    let _polling = context::begin_poll(token.header(), BUDGET);
    token.run()
}

impl Schedule for ByHand {
    unsafe fn schedule(this: NonNull<Self>, token: Token) {
        // SAFETY: the model keeps the scheduler to its end.
        unsafe { this.as_ref() }.push(token);
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn shard(&self) -> usize {
        0
    }

    fn unobserved(&self) -> Arc<Unobserved> {
        Arc::clone(&self.unobserved)
    }
}

/// Polls a future once with that waker.
pub(super) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A waker that counts how often it was woken; not watched by loom, so look once the threads are joined.
pub(super) struct Wakes(std::sync::atomic::AtomicUsize);

impl Wakes {
    pub(super) fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self(std::sync::atomic::AtomicUsize::new(0)))
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl std::task::Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Counts how often it was dropped.
pub(super) struct Drops(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Drops {
    pub(super) fn new() -> (Self, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
        let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        (Self(std::sync::Arc::clone(&count)), count)
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Wakers that a future leaves for the model's threads.
pub(super) type Left = std::sync::Arc<std::sync::Mutex<Vec<Waker>>>;

pub(super) fn left() -> Left {
    Left::default()
}

pub(super) fn take(left: &Left) -> Waker {
    left.lock().unwrap().pop().expect("the future left a waker")
}

/// Leaves `n` wakers.
pub(super) fn leave(left: &Left, cx: &Context<'_>, n: usize) {
    left.lock().unwrap().extend((0..n).map(|_| cx.waker().clone()));
}
