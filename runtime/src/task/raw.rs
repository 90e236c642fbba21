//! What can be done with a task whose future's type is not known any more, through its vtable.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::cell::{Cell, Header, Payload, Stage};
use super::context_var::{Vars, within_vars};
use super::entry::Entry;
use super::error::JoinError;
use super::id::Id;
use super::registry::Registry;
use super::state::{Complete, Pending, Start};
use super::token::{Ran, Token};
use super::unobserved::{Panic, Unobserved};
use super::waits::Party;
use super::waker;
use crate::context;
use crate::primitives::{Alive, Arc, UnsafeCell};
use crate::quietly;

/// Who runs a task. A scheduler is alive as long as one of its tasks is not complete.
pub(crate) trait Schedule: Sized + 'static {
    /// Whether queueing a task may call somebody else's waker.
    const CALLS_WAKERS: bool = false;

    /// Whether its tasks may be in the registry. If so, each that is there at the end is idle, or its token gets to the scheduler.
    const LISTS: bool = true;

    /// Queues a task that was woken or aborted.
    ///
    /// # Safety
    ///
    /// `this` is the scheduler the token's task was made for.
    unsafe fn schedule(this: NonNull<Self>, token: Token);

    /// Where its tasks register.
    fn registry(&self) -> &Registry;

    /// The shard of the registry to take on this thread.
    fn shard(&self) -> usize;

    /// Who counts the panics of its tasks that nobody looks at.
    fn unobserved(&self) -> Arc<Unobserved>;
}

pub(super) struct Vtable {
    /// How large the task is.
    pub(super) size: usize,
    pub(super) poll: unsafe fn(NonNull<Header>) -> Ran,
    pub(super) schedule: unsafe fn(NonNull<Header>),
    /// Reads the output into a `Poll<Result<T, JoinError>>`.
    pub(super) read_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Where the output is, or null if there is none.
    pub(super) peek_output: unsafe fn(NonNull<Header>) -> *const (),
    pub(super) drop_output: unsafe fn(NonNull<Header>),
    pub(super) free: unsafe fn(NonNull<Header>),
    /// Registers the task, whose first poll is under way; for the holder of the claim.
    pub(super) register: unsafe fn(NonNull<Header>),
    /// Adds to the parties that the task awaits; for the holder of the claim.
    pub(super) enter_party: unsafe fn(NonNull<Header>, &Arc<Party>),
}

struct Typed<F, S>(PhantomData<(F, S)>);

impl<F: Future, S: Schedule> Typed<F, S> {
    const VTABLE: Vtable = Vtable {
        size: size_of::<Cell<F>>(),
        poll: poll::<F, S>,
        schedule: schedule::<S>,
        read_output: read_output::<F>,
        peek_output: peek_output::<F>,
        drop_output: drop_output::<F>,
        free: free::<F>,
        register: register_polled_of::<S>,
        enter_party: enter_party_of::<S>,
    };
}

/// Allocates a task. The caller gets its token's reference (the live one) and the join handle's.
pub(super) fn allocate<F: Future, S: Schedule>(
    future: F,
    scheduler: NonNull<S>,
    id: Id,
    location: &'static Location<'static>,
) -> NonNull<Header> {
    let cell = Box::new(Cell {
        header: Header::new(&Typed::<F, S>::VTABLE, scheduler.cast(), id, location),
        stage: UnsafeCell::new(Stage::Future(future)),
        alive: Alive::new(),
    });
    NonNull::from(Box::leak(cell)).cast()
}

/// Registers a task under a name before it is first polled.
///
/// # Safety
///
/// The caller holds the token, and `S` is the scheduler's type.
pub(super) unsafe fn register_named<S: Schedule>(task: NonNull<Header>, name: Box<str>) {
    // SAFETY: the token keeps the task alive.
    let header = unsafe { task.as_ref() };
    // SAFETY: the task is not complete, so its scheduler, an `S`, is alive.
    let scheduler = unsafe { header.scheduler.cast::<S>().as_ref() };
    register(header, task, scheduler, Some(name));
}

/// Gives context variables to a task that was not polled yet.
///
/// # Safety
///
/// As for `register_named`.
#[cold]
pub(super) unsafe fn carry_vars<S: Schedule>(task: NonNull<Header>, vars: Arc<Vars>) {
    // SAFETY: the premise.
    let entry = unsafe { register_unpolled::<S>(task) };
    // SAFETY: it is freed with the task, which the token keeps alive.
    let entry = unsafe { entry.as_ref() };
    // SAFETY: the token is the right to the stage.
    unsafe { entry.leave_vars(Some(vars)) };
}

/// Registers a task that was not polled yet, unless it is.
///
/// # Safety
///
/// As for `register_named`.
pub(super) unsafe fn register_unpolled<S: Schedule>(task: NonNull<Header>) -> NonNull<Entry> {
    // SAFETY: the token keeps the task alive.
    let header = unsafe { task.as_ref() };
    // SAFETY: the task is not complete, so its scheduler, an `S`, is alive.
    let scheduler = unsafe { header.scheduler.cast::<S>().as_ref() };
    let entry = header.origin().entry().unwrap_or_else(|| register(header, task, scheduler, None));
    NonNull::from(entry)
}

fn register<'t, S: Schedule>(
    header: &'t Header,
    task: NonNull<Header>,
    scheduler: &S,
    name: Option<Box<str>>,
) -> &'t Entry {
    let entry = header.origin().set_entry(Entry::new(task, header, scheduler.shard(), name));
    scheduler.registry().insert(entry);
    entry
}

/// Registers a task whose first poll is under way or has just returned; with what that has noted.
fn register_in_first_poll<'t, S: Schedule>(
    header: &'t Header,
    task: NonNull<Header>,
    scheduler: &S,
) -> &'t Entry {
    let entry = register(header, task, scheduler, None);
    entry.count_poll();
    context::with_first_notes(|notes| entry.adopt(notes, header.id().get()));
    entry
}

/// Calls `f` with the future of a task that was not started yet.
///
/// # Safety
///
/// `task` is a live `Cell<F>` whose token the caller holds, and the future is not pinned by anyone's promise:
/// it is `Unpin`, which the bound says.
pub(crate) unsafe fn with_future<F: Future + Unpin, R>(
    task: NonNull<Header>,
    f: impl FnOnce(&mut F) -> R,
) -> R {
    // SAFETY: the premise.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    cell.stage.with_mut(|stage| {
        // SAFETY: the token is the right to the future.
        let Stage::Future(future) = (unsafe { &mut *stage }) else {
            unreachable!("a task that was not started has its future")
        };
        f(future)
    })
}

/// # Safety
///
/// `task` is a live `Cell<F>` whose token the caller gives up.
unsafe fn poll<F: Future, S: Schedule>(task: NonNull<Header>) -> Ran {
    // SAFETY: the premise; the reference is not used after the task is given away.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    let header = &cell.header;
    match header.state.start() {
        Start::Cancel => {
            // SAFETY: `start` gave us the claim, and with it the stage.
            let vars = header.origin().entry().and_then(|entry| unsafe { entry.take_vars() });
            let panic = within_vars(vars, || {
                // SAFETY: as above.
                unsafe { drop_stage(cell) }.err()
            });
            // SAFETY: the claim is ours and the future is gone.
            unsafe { finish::<F, S>(task, true, panic) };
            return Ran::Done;
        }
        Start::Poll => {}
    }
    if let Some(entry) = header.origin().entry() {
        entry.count_poll();
        // SAFETY: `start` gave us the claim, and with it the stage.
        if let Some(vars) = unsafe { entry.take_vars() } {
            // Until the end of the poll, of which whoever runs the token has told the context.
            context::replace_vars(Some(vars));
        }
    }
    // SAFETY: the claim keeps the task alive for the whole poll.
    let waker = unsafe { waker::borrow::<S>(task) };
    let mut cx = Context::from_waker(&waker);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        cell.stage.with_mut(|stage| {
            // SAFETY: the claim is ours and with it the stage.
            let Stage::Future(future) = (unsafe { &mut *stage }) else {
                unreachable!("a task that is not complete has its future")
            };
            // SAFETY: the future stays where it is in the task's allocation until it is dropped there.
            unsafe { Pin::new_unchecked(future) }.poll(&mut cx)
        })
    }));
    let panic = match polled {
        Ok(Poll::Pending) => {
            if header.origin().entry().is_none() {
                // SAFETY: the task is not complete, so its scheduler, an `S`, is alive.
                let scheduler = unsafe { header.scheduler.cast::<S>().as_ref() };
                register_in_first_poll(header, task, scheduler);
            }
            if context::has_vars()
                && let Some(entry) = header.origin().entry()
            {
                // SAFETY: the claim is ours and with it the stage.
                unsafe { entry.leave_vars(context::replace_vars(None)) };
            }
            if context::take_yield() {
                // The claim is kept: see `state`.
                // SAFETY: we hold the claim, which is what the token stands for after a yield.
                return Ran::Yielded(unsafe { Token::from_raw(task) });
            }
            return match header.state.finish_pending() {
                Pending::Idle => Ran::Idle,
                // SAFETY: `finish_pending` says that we still hold the token.
                Pending::Woken => Ran::Woken(unsafe { Token::from_raw(task) }),
            };
        }
        Ok(Poll::Ready(output)) => {
            // SAFETY: the claim is ours and with it the stage.
            match unsafe { drop_stage(cell) } {
                Ok(()) => {
                    cell.stage.with_mut(|stage| {
                        // SAFETY: as above; what is overwritten is `Gone`, which needs no drop.
                        unsafe { stage.write(Stage::Output(output)) };
                    });
                    None
                }
                Err(payload) => {
                    // Nobody gets it, and its drop may panic as well.
                    quietly(|| drop(output));
                    Some(payload)
                }
            }
        }
        Err(payload) => {
            // SAFETY: the claim is ours and with it the stage.
            if let Err(second) = unsafe { drop_stage(cell) } {
                quietly(|| drop(second));
            }
            Some(payload)
        }
    };
    // SAFETY: the claim is ours and the future is gone.
    unsafe { finish::<F, S>(task, panic.is_some(), panic) };
    Ran::Done
}

/// Drops the future or the output and leaves `Gone`; the payload if that panics.
///
/// # Safety
///
/// The caller has the right to the stage.
unsafe fn drop_stage<F: Future>(cell: &Cell<F>) -> Result<(), Payload> {
    cell.stage.with_mut(|stage| {
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the premise; it is overwritten below before anyone can look at it again.
            unsafe { stage.drop_in_place() };
        }));
        // SAFETY: the premise; what was there was dropped above, as far as it would.
        unsafe { stage.write(Stage::Gone) };
        dropped
    })
}

/// Completes a task whose future is gone; it `failed` if there is no output.
///
/// # Safety
///
/// The caller holds the claim of a `Cell<F>` and gives it up; the stage is not `Future`.
unsafe fn finish<F: Future, S: Schedule>(task: NonNull<Header>, failed: bool, panic: Option<Payload>) {
    // SAFETY: the claim keeps the task alive; the reference is not used after the task is given away.
    let header = unsafe { task.as_ref() };
    // SAFETY: the task is not complete yet, so its scheduler, an `S`, is alive.
    let scheduler = unsafe { header.scheduler.cast::<S>().as_ref() };
    if let Some(payload) = panic {
        let entry = match header.origin().entry() {
            Some(entry) => entry,
            // For the panic alone: the task ends here and is not registered any more.
            None => header.origin().set_entry(Entry::new(task, header, scheduler.shard(), None)),
        };
        let panic = Panic::new(payload, entry.location(), scheduler.unobserved());
        // SAFETY: the claim is the right to the stage.
        unsafe { entry.set_panic(panic) };
    }
    if let Some(entry) = header.origin().entry() {
        scheduler.registry().remove(entry);
    }
    match header.state.finish_ready(failed) {
        Complete::Released => {}
        Complete::Sole => {
            // SAFETY: no one else has a reference; both rights come with that.
            unsafe { drop_output::<F>(task) };
            // SAFETY: as above.
            unsafe { free::<F>(task) };
        }
        Complete::Watched => release(task),
        Complete::WakeJoiner => {
            let waker = header.join_waker.with_mut(|waker| {
                // SAFETY: `WakeJoiner` gives the waker's field to the completer.
                unsafe { (*waker).take() }
            });
            if let Some(waker) = waker {
                quietly(|| waker.wake());
            }
            release(task);
        }
        Complete::Unwatched => {
            // SAFETY: without a join handle the output is the completer's.
            unsafe { drop_output::<F>(task) };
            release(task);
        }
    }
}

/// Releases one reference, and with the last of them the task.
#[inline]
pub(super) fn release(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the task alive until `release`.
    let header = unsafe { task.as_ref() };
    if header.state.release() {
        // SAFETY: that was the last reference.
        unsafe { (header.vtable.free)(task) };
    }
}

/// # Safety
///
/// `task` belongs to an `S`; the caller holds its token and gives it up.
unsafe fn schedule<S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the token keeps the task alive.
    let scheduler = unsafe { task.as_ref() }.scheduler.cast::<S>();
    // SAFETY: the caller gives up the token.
    let token = unsafe { Token::from_raw(task) };
    // SAFETY: it is the scheduler the task was made for.
    unsafe { S::schedule(scheduler, token) };
}

/// # Safety
///
/// `task` is a `Cell<F>` that is complete, the caller has the right to the stage, and `into` points to a
/// `Poll<Result<F::Output, JoinError>>`.
unsafe fn read_output<F: Future>(task: NonNull<Header>, into: *mut ()) {
    // SAFETY: the premise.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    let stage = cell.stage.with_mut(|stage| {
        // SAFETY: the premise.
        std::mem::replace(unsafe { &mut *stage }, Stage::Gone)
    });
    let id = cell.header.id;
    let result = match stage {
        Stage::Output(output) => Ok(output),
        Stage::Future(_) => unreachable!("a complete task has no future"),
        Stage::Gone => {
            // SAFETY: the premise.
            let panic = cell.header.origin().entry().and_then(|entry| unsafe { entry.take_panic() });
            Err(match panic {
                Some(panic) => JoinError::panic(id, panic.observe()),
                None => JoinError::cancelled(id),
            })
        }
    };
    // SAFETY: the premise.
    unsafe { *into.cast::<Poll<Result<F::Output, JoinError>>>() = Poll::Ready(result) };
}

/// Adds to the parties that a task awaits.
///
/// # Safety
///
/// The caller holds the task's claim, or a reference to a task that is complete.
pub(crate) unsafe fn enter_party(task: NonNull<Header>, party: &Arc<Party>) {
    // SAFETY: the claim or the reference keeps the task alive.
    let header = unsafe { task.as_ref() };
    // The destructor of an output may await something, of a task whose scheduler may be gone.
    if !header.state.load().is_complete() {
        // SAFETY: the caller has the claim, since nobody completes a task for somebody who has it.
        unsafe { (header.vtable.enter_party)(task, party) };
    }
}

/// Registers a task in its first poll before that returns, so that others see it.
///
/// # Safety
///
/// As for `enter_party`.
pub(crate) unsafe fn register_polled(task: NonNull<Header>) {
    // SAFETY: the claim or the reference keeps the task alive.
    let header = unsafe { task.as_ref() };
    if header.origin().entry().is_none() && !header.state.load().is_complete() {
        // SAFETY: as in `enter_party`.
        unsafe { (header.vtable.register)(task) };
    }
}

/// # Safety
///
/// `task` belongs to an `S` and is not registered, and the caller holds its claim.
unsafe fn register_polled_of<S: Schedule>(task: NonNull<Header>) {
    if !S::LISTS {
        return;
    }
    // SAFETY: the claim keeps the task alive.
    let header = unsafe { task.as_ref() };
    // SAFETY: the task is not complete, so its scheduler, an `S`, is alive.
    let scheduler = unsafe { header.scheduler.cast::<S>().as_ref() };
    register_in_first_poll(header, task, scheduler);
}

/// # Safety
///
/// `task` belongs to an `S`, and the caller holds its claim.
unsafe fn enter_party_of<S: Schedule>(task: NonNull<Header>, party: &Arc<Party>) {
    if !S::LISTS {
        return;
    }
    // SAFETY: the claim keeps the task alive.
    let header = unsafe { task.as_ref() };
    // SAFETY: the task is not complete, so its scheduler, an `S`, is alive.
    let scheduler = unsafe { header.scheduler.cast::<S>().as_ref() };
    let entry = match header.origin().entry() {
        Some(entry) => entry,
        // In its first poll, of which it will hardly come out complete.
        None => register_in_first_poll(header, task, scheduler),
    };
    scheduler.registry().enter_party(entry, party);
}

/// # Safety
///
/// `task` is a `Cell<F>` that is complete, and the caller has the right to the stage.
unsafe fn peek_output<F: Future>(task: NonNull<Header>) -> *const () {
    // SAFETY: the premise.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    cell.stage.with(|stage| {
        // SAFETY: the premise.
        match unsafe { &*stage } {
            Stage::Output(output) => std::ptr::from_ref(output).cast(),
            Stage::Future(_) | Stage::Gone => std::ptr::null(),
        }
    })
}

/// # Safety
///
/// `task` is a `Cell<F>` and the caller has the right to the stage.
unsafe fn drop_output<F: Future>(task: NonNull<Header>) {
    // SAFETY: the premise.
    let cell = unsafe { task.cast::<Cell<F>>().as_ref() };
    // SAFETY: the premise.
    if let Err(payload) = unsafe { drop_stage(cell) } {
        quietly(|| drop(payload));
    }
    // SAFETY: the premise.
    if let Some(panic) = cell.header.origin().entry().and_then(|entry| unsafe { entry.take_panic() }) {
        // Nobody has looked at it: its drop says so.
        drop(panic);
    }
}

/// # Safety
///
/// `task` is a `Cell<F>` without references, whose stage was seen to.
unsafe fn free<F: Future>(task: NonNull<Header>) {
    // SAFETY: `allocate` made it from a box, and no one else can see it any more.
    let cell = unsafe { Box::from_raw(task.cast::<Cell<F>>().as_ptr()) };
    if cfg!(windlass_loom) {
        // Freeing writes to every field, which a model does not see of itself.
        cell.stage.with_mut(|_| ());
        cell.header.join_waker.with_mut(|_| ());
    }
    quietly(|| drop(cell));
}
