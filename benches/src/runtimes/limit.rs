//! The limit: a single-threaded executor without any synchronisation.
//!
//! One thread, one queue, counts that are plain integers. It boxes a future, polls it and frees it, and does nothing
//! that a second thread would need: what a scheduler with threads costs beyond this is the price of the threads.
//!
//! Its wakers are `Waker`s by type and not by nature: they must stay on the thread that runs the tasks. The workloads
//! that bound their runtime by [`Runtime`] alone have no way to another thread, and debug builds check it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::runtime::{Flavor, Runtime};

/// Tasks run between two looks at `block_on`'s own future, as a real scheduler does.
const BATCH: usize = 64;

thread_local! {
    /// The tasks that were woken and not yet polled.
    ///
    /// Nothing is dropped with the thread, since [`Limit`] empties it; a thread-local that has nothing to drop is read
    /// without asking whether it still exists.
    static READY: ManuallyDrop<RefCell<VecDeque<Rc<dyn Run>>>> =
        const { ManuallyDrop::new(RefCell::new(VecDeque::new())) };
    /// Whether the future inside `block_on` was woken.
    static MAIN_WOKEN: Cell<bool> = const { Cell::new(false) };
    /// Whether this is a thread that runs tasks, the only kind their wakers may be used on.
    static HOME: Cell<bool> = const { Cell::new(false) };
}

/// The executor. One at a time per thread.
pub struct Limit(PhantomData<Rc<()>>);

impl Drop for Limit {
    fn drop(&mut self) {
        // Outside of the borrow, since a future may own anything; again, since it may wake another when dropped.
        loop {
            let left = READY.with(|ready| ready.take());
            if left.is_empty() {
                break;
            }
        }
    }
}

/// A task of any type, as the queue knows it.
trait Run {
    fn run(self: Rc<Self>);
}

/// A task with this output, as its join handle knows it.
trait Joinable<T> {
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<T>;
}

/// A spawned future, in one allocation.
struct Task<F: Future> {
    stage: RefCell<Stage<F>>,
    /// In the queue: another wake has nothing to do.
    queued: Cell<bool>,
    /// Who waits for the output.
    joiner: Cell<Option<Waker>>,
}

enum Stage<F: Future> {
    Running(F),
    Done(F::Output),
    Taken,
}

impl<F: Future + 'static> Task<F> {
    const VTABLE: RawWakerVTable =
        RawWakerVTable::new(Self::clone_waker, Self::wake, Self::wake_by_ref, Self::drop_waker);

    fn schedule(self: Rc<Self>) {
        if !self.queued.replace(true) {
            READY.with(|ready| ready.borrow_mut().push_back(self));
        }
    }

    /// # Safety
    ///
    /// `data` comes from `Rc::into_raw` of an `Rc<Self>` of this thread, whose count covers this waker.
    unsafe fn clone_waker(data: *const ()) -> RawWaker {
        debug_assert!(HOME.get(), "a waker of the limit executor left its thread");
        // SAFETY: by this function's contract the pointer is an `Rc`'s and the count is at least one.
        unsafe { Rc::increment_strong_count(data.cast::<Self>()) };
        RawWaker::new(data, &Self::VTABLE)
    }

    /// # Safety
    ///
    /// As for [`clone_waker`](Self::clone_waker); consumes the waker's count.
    unsafe fn wake(data: *const ()) {
        debug_assert!(HOME.get(), "a waker of the limit executor left its thread");
        // SAFETY: by this function's contract the pointer is an `Rc`'s and one count is ours to consume.
        unsafe { Rc::from_raw(data.cast::<Self>()) }.schedule();
    }

    /// # Safety
    ///
    /// As for [`clone_waker`](Self::clone_waker).
    unsafe fn wake_by_ref(data: *const ()) {
        debug_assert!(HOME.get(), "a waker of the limit executor left its thread");
        // SAFETY: the waker keeps its count: `ManuallyDrop` never gives it back.
        let task = ManuallyDrop::new(unsafe { Rc::from_raw(data.cast::<Self>()) });
        Rc::clone(&task).schedule();
    }

    /// # Safety
    ///
    /// As for [`wake`](Self::wake).
    unsafe fn drop_waker(data: *const ()) {
        debug_assert!(HOME.get(), "a waker of the limit executor left its thread");
        // SAFETY: by this function's contract the pointer is an `Rc`'s and one count is ours to consume.
        drop(unsafe { Rc::from_raw(data.cast::<Self>()) });
    }
}

impl<F: Future + 'static> Run for Task<F> {
    fn run(self: Rc<Self>) {
        self.queued.set(false);
        // SAFETY: the vtable's functions take a pointer from an `Rc<Self>`. `ManuallyDrop` lends this call's count to
        // the waker instead of consuming it, and `self` outlives the waker.
        let waker = ManuallyDrop::new(unsafe { Waker::new(Rc::as_ptr(&self).cast(), &Self::VTABLE) });
        let mut stage = self.stage.borrow_mut();
        let Stage::Running(future) = &mut *stage else { return };
        // SAFETY: the future lies in an `Rc`'s allocation and is never moved: it is dropped in place below, or with
        // the task.
        let future = unsafe { Pin::new_unchecked(future) };
        if let Poll::Ready(output) = future.poll(&mut Context::from_waker(&waker)) {
            *stage = Stage::Done(output);
            drop(stage);
            if let Some(joiner) = self.joiner.take() {
                joiner.wake();
            }
        }
    }
}

impl<F: Future> Joinable<F::Output> for Task<F> {
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut stage = self.stage.borrow_mut();
        match &*stage {
            Stage::Running(_) => {
                self.joiner.set(Some(cx.waker().clone()));
                Poll::Pending
            }
            Stage::Done(_) => match std::mem::replace(&mut *stage, Stage::Taken) {
                Stage::Done(output) => Poll::Ready(output),
                Stage::Running(_) | Stage::Taken => unreachable!("it was done"),
            },
            Stage::Taken => panic!("a task's output was taken twice"),
        }
    }
}

/// Waits for a task of the limit executor.
pub struct LimitJoin<T>(Rc<dyn Joinable<T>>);

impl<T> Future for LimitJoin<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.poll_join(cx)
    }
}

fn spawn<F: Future + 'static>(future: F) -> Rc<Task<F>> {
    assert!(HOME.get(), "spawned on a thread without a limit executor");
    let task = Rc::new(Task {
        stage: RefCell::new(Stage::Running(future)),
        queued: Cell::new(false),
        joiner: Cell::new(None),
    });
    Rc::clone(&task).schedule();
    task
}

/// Pending once.
struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The waker of `block_on`'s own future: a flag of this thread, so there is nothing to count.
fn main_waker() -> Waker {
    const VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| RawWaker::new(std::ptr::null(), &VTABLE), wake, wake, |_| {});
    fn wake(_: *const ()) {
        debug_assert!(HOME.get(), "a waker of the limit executor left its thread");
        MAIN_WOKEN.set(true);
    }
    // SAFETY: the vtable's functions use no data, and thread-locals are each thread's own.
    unsafe { Waker::new(std::ptr::null(), &VTABLE) }
}

impl Runtime for Limit {
    type Join<T: Send + 'static> = LimitJoin<T>;

    fn new(_: Flavor) -> io::Result<Self> {
        HOME.set(true);
        Ok(Self(PhantomData))
    }

    fn has_workers(_: Flavor) -> bool {
        false
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = main_waker();
        let mut cx = Context::from_waker(&waker);
        MAIN_WOKEN.set(true);
        loop {
            if MAIN_WOKEN.replace(false)
                && let Poll::Ready(output) = future.as_mut().poll(&mut cx)
            {
                return output;
            }
            for _ in 0..BATCH {
                let Some(task) = READY.with(|ready| ready.borrow_mut().pop_front()) else {
                    assert!(MAIN_WOKEN.get(), "everything waits for something else");
                    break;
                };
                task.run();
            }
        }
    }

    fn spawn_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        LimitJoin(spawn(future))
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        LimitJoin(spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        YieldNow(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_in_any_order() {
        let limit = Limit::new(Flavor::Current).unwrap();
        let sum = limit.block_on(async {
            let slow = Limit::spawn(async {
                for _ in 0..10 {
                    Limit::yield_now().await;
                }
                1
            });
            let quick = Limit::spawn(async { 2 });
            slow.await + quick.await
        });
        assert_eq!(sum, 3);
    }

    #[test]
    fn drops_what_never_ran() {
        let witness = std::sync::Arc::new(());
        let limit = Limit::new(Flavor::Current).unwrap();
        let held = std::sync::Arc::clone(&witness);
        limit.spawn_outside_detached(async move { drop(held) });
        drop(limit);
        assert_eq!(std::sync::Arc::strong_count(&witness), 1);
    }

    #[test]
    #[should_panic = "everything waits for something else"]
    fn says_that_it_would_hang() {
        Limit::new(Flavor::Current).unwrap().block_on(std::future::pending::<()>());
    }
}
