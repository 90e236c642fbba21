//! The one allocation that a job and its future share.
//!
//! | field | who may touch it, and when |
//! | --- | --- |
//! | `state` | anyone, through its methods |
//! | `vtable`, `location` | anyone; never written after the start |
//! | `watchers` | anyone, under its lock |
//! | `result` | written by the producer in RUNNING; borrowed by anyone in FINISHED while a consumer handle is borrowed or before SETTLED; moved out by the consumer once `is_ready` |
//! | `body` | whoever took the state out of PENDING: the producer to run it, the canceller to drop it; before that, nobody |
//!
//! It has two owners: the [`Producer`], which is in a job or a promise, and the [`Consumer`], which is in a
//! future. The last one frees it.

use super::state::{Cancel, Finish, Seen, Start, State, Watch};
use super::watchers::{Callback, Key, Watchers};
use crate::error::JobError;
use crate::panics::swallow;
use crate::primitives::UnsafeCell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

/// A core with the body whose type only the producer knows. The core comes first, so that a pointer to the
/// one is a pointer to the other.
#[repr(C)]
pub(super) struct Cell<T, B> {
    core: Core<T>,
    body: UnsafeCell<Option<B>>,
}

/// What both owners know.
pub(super) struct Core<T> {
    state: State,
    vtable: &'static VTable,
    location: &'static Location<'static>,
    watchers: Watchers<T>,
    result: UnsafeCell<Option<Result<T, JobError>>>,
}

/// What depends on the type of the body. Both take a pointer to the core.
struct VTable {
    /// Drops the body. The caller took the state out of PENDING.
    drop_body: unsafe fn(NonNull<()>),
    /// Frees the cell. The caller is its last owner.
    free: unsafe fn(NonNull<()>),
}

/// Makes a cell and its two owners.
pub(super) fn pair<T, B>(body: B, location: &'static Location<'static>) -> (Producer<T, B>, Consumer<T>) {
    let cell = Box::new(Cell {
        core: Core {
            state: State::new(),
            vtable: &Cell::<T, B>::VTABLE,
            location,
            watchers: Watchers::new(),
            result: UnsafeCell::new(None),
        },
        body: UnsafeCell::new(Some(body)),
    });
    let cell = NonNull::from(Box::leak(cell));
    (Producer { cell, owns: PhantomData }, Consumer { core: cell.cast(), owns: PhantomData })
}

impl<T, B> Cell<T, B> {
    const VTABLE: VTable = VTable { drop_body: Self::drop_body, free: Self::free };

    /// # Safety
    /// The cell is alive and is a `Cell<T, B>`. The caller has taken the state out of PENDING and takes the
    /// body once.
    unsafe fn take_body(core: NonNull<Core<T>>) -> Option<B> {
        // SAFETY: alive, and of this type, as the caller promises.
        let cell = unsafe { core.cast::<Self>().as_ref() };
        cell.body.with_mut(|body| {
            // SAFETY: leaving PENDING gave the body to the caller alone.
            unsafe { &mut *body }.take()
        })
    }

    unsafe fn drop_body(core: NonNull<()>) {
        // SAFETY: the caller's promise is ours.
        drop(unsafe { Self::take_body(core.cast()) });
    }

    unsafe fn free(core: NonNull<()>) {
        // SAFETY: `pair` made the cell from a box of this type, and its last owner gives it up.
        let cell = unsafe { Box::from_raw(core.cast::<Self>().as_ptr()) };
        let observed = cell.core.look().is_observed();
        let panicked = |result: *const Option<Result<T, JobError>>| {
            // SAFETY: there is nobody else.
            matches!(unsafe { &*result }, Some(Err(error)) if error.is_panic())
        };
        if !observed && cell.core.result.with(panicked) {
            crate::panics::count_unobserved();
        }
        drop(cell);
    }
}

impl<T> Core<T> {
    #[inline]
    pub(super) fn look(&self) -> Seen {
        self.state.look()
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Calls what watches, in the phase that has just become final, and then lets the result be taken.
    ///
    /// Only the owner that made it final calls this, and is an owner until this returns.
    #[cold]
    fn tell(&self) {
        let callbacks = self.watchers.take_callbacks();
        if !callbacks.is_empty() {
            let is_cancelled = self.look().is_cancelled();
            let cancelled = Err(JobError::cancelled());
            let is_shown = callbacks.iter().any(|callback| matches!(callback, Callback::Done(_)));
            let result = if is_cancelled {
                Some(&cancelled)
            } else if is_shown {
                self.state.observe();
                // SAFETY: we have written the result, and with such a callback nobody takes it until we settle.
                Some(unsafe { self.finished_result() })
            } else {
                // It may be taken by now.
                None
            };
            for callback in callbacks {
                swallow(|| match (callback, result) {
                    (Callback::Done(callback), Some(result)) => callback(result),
                    (Callback::Cancelled(callback), _) if is_cancelled => callback(),
                    (callback, _) => drop(callback),
                });
            }
        }
        self.state.settle();
        for (_, waker) in self.watchers.take_wakers() {
            swallow(|| waker.wake());
        }
    }

    /// # Safety
    /// The phase is FINISHED, and nobody moves the result out as long as it is borrowed.
    unsafe fn finished_result(&self) -> &Result<T, JobError> {
        let result = self.result.with(|result| {
            // SAFETY: it was written before FINISHED, which the caller saw, and is not written again.
            unsafe { &*result }
        });
        result.as_ref().expect("a finished future has its result until it is taken")
    }

    /// Adds a callback, or gives it back if the future is done.
    pub(super) fn add_callback(&self, callback: Callback<T>) -> Result<(), Callback<T>> {
        self.watchers.with(|list| {
            let watch = match callback {
                Callback::Done(_) => self.state.watch_done(),
                Callback::Cancelled(_) => self.state.watch_cancelled(),
            };
            match watch {
                Watch::Watching => {
                    list.callbacks.push(callback);
                    Ok(())
                }
                Watch::Over => Err(callback),
            }
        })
    }

    /// Has `waker` woken when the result may be taken; a later one of the same `key` replaces it. False if it
    /// may be taken already.
    pub(super) fn add_waker(&self, key: Key, waker: &Waker) -> bool {
        let waker = waker.clone();
        // What is replaced is dropped after the lock is released: a waker's drop is code of others.
        let (watching, _replaced) = self.watchers.with(|list| match self.state.watch_ready() {
            Watch::Watching => (true, list.set_waker(key, waker)),
            Watch::Over => (false, Some(waker)),
        });
        watching
    }

    pub(super) fn remove_waker(&self, key: Key) {
        self.watchers.remove_waker(key);
    }
}

/// Cancels if it has not started. True if it is cancelled afterwards.
///
/// Takes a pointer, since a reference to the core does not reach the body behind it.
///
/// # Safety
/// An owner keeps the cell alive until this returns.
unsafe fn cancel<T>(core: NonNull<Core<T>>) -> bool {
    // SAFETY: alive, as the caller promises.
    let this = unsafe { core.as_ref() };
    match this.state.cancel() {
        Cancel::Before => true,
        Cancel::TooLate => false,
        Cancel::Now { watched } => {
            swallow(|| {
                // SAFETY: alive, and the state left PENDING by our `cancel`.
                unsafe { (this.vtable.drop_body)(core.cast()) }
            });
            if watched {
                this.tell();
            }
            true
        }
    }
}

/// Frees the cell of its last owner.
///
/// # Safety
/// The caller is the last owner and uses the cell no more.
#[cold]
unsafe fn free<T>(core: NonNull<Core<T>>) {
    // SAFETY: alive until the call below.
    let vtable = unsafe { core.as_ref() }.vtable;
    // SAFETY: the vtable came with the cell, whose last owner is the caller.
    unsafe { (vtable.free)(core.cast()) };
}

/// The owner that brings about the result. Dropping it without one cancels, or breaks if it had started.
pub(super) struct Producer<T, B> {
    cell: NonNull<Cell<T, B>>,
    owns: PhantomData<(T, B)>,
}

// SAFETY: a producer gives access to the body and the result by value only, and either may be dropped on
// whichever thread is last. The rest of the cell is Sync.
unsafe impl<T: Send, B: Send> Send for Producer<T, B> {}
// SAFETY: by reference it gives access to the state, the location and the list of watchers, which is behind a
// lock and whose contents are Send.
unsafe impl<T: Send, B: Send> Sync for Producer<T, B> {}

impl<T, B> Producer<T, B> {
    pub(super) fn core(&self) -> &Core<T> {
        // SAFETY: an owner keeps the cell alive.
        unsafe { self.cell.cast().as_ref() }
    }

    /// Starts: the body is to be run. `None` if it was cancelled; the producer has nothing left to do then.
    #[track_caller]
    pub(super) fn start(&self) -> Option<B> {
        match self.core().state.start() {
            Start::Started => {
                // SAFETY: alive and of this type; it is we who took it out of PENDING just now.
                unsafe { Cell::<T, B>::take_body(self.cell.cast()) }
            }
            Start::Cancelled => None,
            Start::Already => panic!("the job of this promise is running already, or was finished"),
        }
    }

    /// Ends RUNNING with `result`.
    pub(super) fn finish(self, result: Result<T, JobError>) {
        let this = ManuallyDrop::new(self);
        let core = this.core();
        core.result.with_mut(|slot| {
            // SAFETY: RUNNING gives the slot to the producer alone.
            unsafe { *slot = Some(result) };
        });
        match core.state.finish() {
            Finish::Gone { last: false } => {}
            Finish::Gone { last: true } => swallow(|| {
                // SAFETY: the last owner, and `this` is never dropped.
                unsafe { free(this.cell.cast::<Core<T>>()) }
            }),
            Finish::Watched => {
                core.tell();
                drop(ManuallyDrop::into_inner(this));
            }
        }
    }
}

impl<T, B> Drop for Producer<T, B> {
    fn drop(&mut self) {
        let core = self.core();
        if core.look().is_running() {
            // Started and abandoned. A producer of its own, so that `finish` does what it always does.
            let same = Self { cell: self.cell, owns: PhantomData };
            same.finish(Err(JobError::broken("its promise was dropped without a result")));
            return;
        }
        // SAFETY: an owner until it releases, below.
        unsafe { cancel(self.cell.cast::<Core<T>>()) };
        if core.state.release() {
            swallow(|| {
                // SAFETY: the last owner, in its drop.
                unsafe { free(self.cell.cast::<Core<T>>()) }
            });
        }
    }
}

/// The owner that gets the result.
pub(super) struct Consumer<T> {
    core: NonNull<Core<T>>,
    owns: PhantomData<T>,
}

// SAFETY: the result and the body are moved out or dropped on whichever thread is last; both are Send (`pair` is
// only given bodies that are, or none). The rest of the cell is Sync.
unsafe impl<T: Send> Send for Consumer<T> {}
// SAFETY: by reference it gives access to a `T` by reference only in functions that ask for `T: Sync`.
unsafe impl<T: Send> Sync for Consumer<T> {}

impl<T> Consumer<T> {
    pub(super) fn core(&self) -> &Core<T> {
        // SAFETY: an owner keeps the cell alive.
        unsafe { self.core.as_ref() }
    }

    /// Cancels if it has not started. True if it is cancelled afterwards.
    pub(super) fn cancel(&self) -> bool {
        // SAFETY: an owner keeps the cell alive.
        unsafe { cancel(self.core) }
    }

    /// The result, if it has finished, by reference.
    pub(super) fn peek(&self) -> Option<&Result<T, JobError>>
    where
        T: Sync,
    {
        let finished = self.finished();
        if finished.is_some() {
            self.core().state.observe();
        }
        finished
    }

    /// As `peek`, for those who only look whether it is an error.
    fn finished(&self) -> Option<&Result<T, JobError>> {
        let seen = self.core().look();
        if !seen.is_done() || seen.is_cancelled() {
            return None;
        }
        // SAFETY: finished; it is moved out through `&mut self` only, which the borrow of `self` excludes.
        Some(unsafe { self.core().finished_result() })
    }

    /// Whether it finished with an error. A cancelled one has not finished.
    pub(super) fn failed(&self) -> bool {
        self.finished().is_some_and(Result::is_err)
    }

    /// Moves the result out, if it is ready.
    ///
    /// # Panics
    /// If it was moved out before.
    pub(super) fn take(&mut self) -> Option<Result<T, JobError>> {
        let seen = self.core().look();
        if !seen.is_ready() {
            return None;
        }
        if seen.is_cancelled() {
            return Some(Err(JobError::cancelled()));
        }
        let result = self.core().result.with_mut(|slot| {
            // SAFETY: ready, so the producer and its callbacks are done with it, and `&mut self` excludes the
            // consumer's other borrows.
            unsafe { &mut *slot }.take()
        });
        Some(result.expect("the result of this future was taken before"))
    }

    /// Takes the body back from a job that was not accepted. None if it has started or was cancelled.
    ///
    /// # Safety
    /// `B` is the type of this cell's body.
    pub(super) unsafe fn reclaim<B>(&self) -> Option<B> {
        match self.core().state.cancel() {
            Cancel::Now { .. } => {
                // SAFETY: alive, of this type by the caller's promise, and taken out of PENDING just now.
                unsafe { Cell::<T, B>::take_body(self.core) }
            }
            Cancel::Before | Cancel::TooLate => None,
        }
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        if self.core().state.release() {
            // SAFETY: the last owner, in its drop.
            unsafe { free(self.core) }
        }
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    /// A cell is allocated by the submitter and mostly freed by a thread of the pool. The C library's allocator frees
    /// up to 120 bytes without its lock, which the submitter would contend for with every job.
    #[test]
    fn a_cell_with_a_few_captures_is_freed_without_a_lock() {
        assert!(size_of::<Cell<u64, [usize; 4]>>() <= 120, "{}", size_of::<Cell<u64, [usize; 4]>>());
    }
}
