//! loom, and a queue with crossbeam-channel's orderings and no more.

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
pub(crate) use loom::thread_local;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

loom::lazy_static! {
    static ref FENCES: AtomicUsize = AtomicUsize::new(0);
}

/// loom's fence, and for the strongest one a step on a word that all of them share.
///
/// To loom two fences are independent, so of two orders of them it explores one, and misses what happens in
/// the other. The step makes it explore both. It orders nothing by itself: no thread switch comes between it
/// and its fence, and those have one order already.
pub(crate) fn fence(order: Ordering) {
    if order == Ordering::SeqCst {
        FENCES.fetch_add(1, Ordering::Relaxed);
    }
    loom::sync::atomic::fence(order);
}

std::thread_local! {
    /// See [`awake`]. (loom's threads are coroutines of one thread, which is the model's.)
    static AWAKE: Cell<isize> = const { Cell::new(0) };
    /// How many cells there are.
    static CELLS: Cell<isize> = const { Cell::new(0) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How many threads of the model beside its first one are neither over nor wait for another to wake them. Not
/// watched by loom, so that to ask adds no schedules.
pub(crate) fn awake() -> isize {
    AWAKE.get()
}

/// How many cells there are: at the end of an execution, what was not freed.
pub(crate) fn cells() -> isize {
    CELLS.get()
}

/// Begins an execution: what all fences share is made before there are threads, so that its making orders
/// nothing.
pub(crate) fn begin() {
    AWAKE.set(0);
    CELLS.set(0);
    NOW.set(Duration::ZERO);
    fence(Ordering::SeqCst);
}

/// Time stands still but where a model says that it passes.
#[derive(Clone, Copy)]
pub(crate) struct Instant(Duration);

/// Lets time pass. Who waits for it is to be unparked.
pub(crate) fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

impl Instant {
    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        NOW.get() - self.0
    }

    pub(crate) fn checked_add(&self, time: Duration) -> Option<Self> {
        self.0.checked_add(time).map(Self)
    }

    pub(crate) fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Threads whose starts can fail, and a way to park them of our own: loom's forgets a permit that it gives to a
/// thread at a lock.
pub(crate) mod thread {
    use super::{AWAKE, Arc, Condvar, Duration, Mutex};
    pub(crate) use loom::thread::{JoinHandle, yield_now};
    use std::io;

    loom::thread_local! {
        static CURRENT: Thread = Thread::new();
    }

    /// A handle to a thread, by which it is unparked.
    #[derive(Clone)]
    pub(crate) struct Thread(Arc<Permit>);

    /// A lock orders a little more than std's permit does: who unparks sees what the parked one did before.
    struct Permit {
        given: Mutex<bool>,
        wake: Condvar,
        name: Option<String>,
    }

    impl Thread {
        fn new() -> Self {
            let name = loom::thread::current().name().map(str::to_owned);
            Self(Arc::new(Permit { given: Mutex::new(false), wake: Condvar::new(), name }))
        }

        pub(crate) fn name(&self) -> Option<&str> {
            self.0.name.as_deref()
        }

        pub(crate) fn unpark(&self) {
            let mut given = self.0.given.lock();
            *given = true;
            self.0.wake.notify_all();
        }
    }

    pub(crate) fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    pub(crate) fn park() {
        let thread = current();
        let mut given = thread.0.given.lock();
        while !*given {
            thread.0.wake.wait(&mut given);
        }
        *given = false;
    }

    /// A timed park does not end by itself: a model lets the time pass and unparks.
    pub(crate) fn park_timeout(_: Duration) {
        park();
    }

    /// loom's, but it fails where std's panics, at a NUL in the name: a model makes a start fail by that.
    pub(crate) struct Builder {
        inner: loom::thread::Builder,
        fails: bool,
    }

    impl Builder {
        pub(crate) fn new() -> Self {
            Self { inner: loom::thread::Builder::new(), fails: false }
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self { fails: name.contains('\0'), inner: self.inner.name(name) }
        }

        pub(crate) fn stack_size(self, size: usize) -> Self {
            Self { inner: self.inner.stack_size(size), ..self }
        }

        pub(crate) fn spawn<F, R>(self, f: F) -> io::Result<JoinHandle<R>>
        where
            F: FnOnce() -> R + Send + 'static,
            R: Send + 'static,
        {
            if self.fails {
                return Err(io::Error::other("a model wants no thread here"));
            }
            AWAKE.set(AWAKE.get() + 1);
            self.inner.spawn(|| {
                let result = f();
                AWAKE.set(AWAKE.get() - 1);
                result
            })
        }
    }

    /// loom cannot tell; handles are kept until they are joined.
    pub(crate) fn is_finished(_: &JoinHandle<()>) -> bool {
        false
    }

    /// Whether it is the handle of the calling thread.
    pub(crate) fn is_of_caller(handle: &JoinHandle<()>) -> bool {
        handle.thread().id() == loom::thread::current().id()
    }
}

/// Models look once and park: a longer look adds schedules and no behaviour.
pub(crate) const SPINS: bool = false;

pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        CELLS.set(CELLS.get() + 1);
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.0.with(f)
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

impl<T> Drop for UnsafeCell<T> {
    /// Freeing is an access like any other: who frees must come after all who used it.
    fn drop(&mut self) {
        CELLS.set(CELLS.get() - 1);
        if !std::thread::panicking() {
            self.0.with_mut(|_| ());
        }
    }
}

/// loom's mutex with parking_lot's interface.
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("a model panicked while it held a lock")))
    }
}

/// Empty only while its owner waits on a [`Condvar`].
pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("its owner waits")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("its owner waits")
    }
}

/// loom's condition variable with parking_lot's interface; waits on it never time out.
pub(crate) struct Condvar {
    inner: loom::sync::Condvar,
    /// How many wait that were not notified. Changed with the mutex locked.
    waiting: std::sync::atomic::AtomicIsize,
}

/// The answer of a timed wait.
pub(crate) struct WaitTimeoutResult;

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self { inner: loom::sync::Condvar::new(), waiting: 0.into() }
    }

    pub(crate) fn notify_all(&self) {
        AWAKE.set(AWAKE.get() + self.waiting.swap(0, Ordering::Relaxed));
        self.inner.notify_all();
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        AWAKE.set(AWAKE.get() - 1);
        let inner = guard.0.take().expect("its owner waits");
        guard.0 = Some(self.inner.wait(inner).expect("a model panicked while it held a lock"));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult
    }
}

/// Stands in for crossbeam-channel, whose inside loom cannot see.
///
/// The order of items and their hand-over live under a lock that only `push` and a *successful* `pop` take,
/// since crossbeam's slots hand over with Release and Acquire as well. What the protocol's rechecks rely on,
/// `is_empty` and a `pop` that finds nothing, reads the two indices with crossbeam's own orderings (a
/// compare-exchange advances them, SeqCst, which loom treats as AcqRel), so that no ordering is supplied here
/// that the real queue does not supply.
pub(crate) struct Queue<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    capacity: Option<usize>,
    items: Mutex<VecDeque<T>>,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            capacity,
            items: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut items = self.items.lock();
        if self.capacity.is_some_and(|capacity| items.len() >= capacity) {
            return Err(item);
        }
        items.push_back(item);
        // Pairs with the loads in `is_empty` and `pop`.
        self.tail.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut items = self.items.lock();
        let item = items.pop_front();
        if item.is_some() {
            // Pairs with the loads in `len`. Under the lock, so that who comes too late knows.
            self.head.fetch_add(1, Ordering::AcqRel);
        }
        item
    }

    /// How many there are now, which `len` may be late to see.
    pub(crate) fn newest_len(&self) -> usize {
        self.items.lock().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.len() >= capacity)
    }

    pub(crate) fn len(&self) -> usize {
        // Both pair with the advances in `push` and `pop`.
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Acquire);
        tail.saturating_sub(head)
    }
}
