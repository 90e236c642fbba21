//! What this thread is doing: which runtime it is in, which worker it is, which task it polls.
//!
//! One thread-local without a destructor, so it can be asked at any time, in the last moments of a thread
//! too.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::Waker;

use crate::primitives::{Arc, thread_static};
use crate::runtime::Root;
use crate::scheduler::{Shared, Worker};
use crate::task::coop::UNCONSTRAINED;
use crate::task::{self, Header, LocalShared, Note, Notes, Party, Scope, Vars};

struct Context {
    /// The runtime that `spawn` spawns on: of the innermost `enter` or `block_on`, or the worker's.
    runtime: Cell<*const Shared>,
    /// The number of the innermost `enter` that was not left, and of the last one: each has its own, so that
    /// one left out of order is seen.
    entry: Cell<usize>,
    last_entry: Cell<usize>,
    /// The worker this thread is, while it sits on a seat.
    worker: Cell<*const Worker>,
    /// The worker this thread was until it went to block in place, and is again after that.
    away: Cell<*const Worker>,
    /// Whether this thread drives futures, so that blocking it would stall others.
    driving: Cell<bool>,
    /// The task being polled.
    task: Cell<*const Header>,
    /// The innermost `block_on`, or null: whose future is being polled if it is no task's.
    root: Cell<*const Root>,
    /// What a task in its first poll has noted, stamped with its id.
    first_notes: Notes,
    /// The operations the poll under way has left.
    budget: Cell<u32>,
    /// Whether the task being polled asked to let others go first.
    yielded: Cell<bool>,
    /// The innermost scope of a task-local.
    scope: Cell<*const Scope>,
    /// The `LocalSet` that `spawn_local` spawns on; a count of its `Arc` is ours.
    local_set: Cell<*const LocalShared>,
    /// The context variables of what is being polled, or null if there are none; a count of its `Arc` is ours.
    vars: Cell<*const Vars>,
}

impl Context {
    /// The worker this thread is, or the last one that it was further up its stack.
    fn innermost_worker(&self) -> *const Worker {
        let worker = self.worker.get();
        if worker.is_null() { self.away.get() } else { worker }
    }
}

thread_static! {
    static CONTEXT: Context = Context {
        runtime: Cell::new(ptr::null()),
        entry: Cell::new(0),
        last_entry: Cell::new(0),
        worker: Cell::new(ptr::null()),
        away: Cell::new(ptr::null()),
        driving: Cell::new(false),
        task: Cell::new(ptr::null()),
        root: Cell::new(ptr::null()),
        first_notes: Notes::new(),
        budget: Cell::new(UNCONSTRAINED),
        yielded: Cell::new(false),
        scope: Cell::new(ptr::null()),
        local_set: Cell::new(ptr::null()),
        vars: Cell::new(ptr::null()),
    }
}

/// The operations the poll under way has left.
#[inline]
pub(crate) fn budget() -> u32 {
    CONTEXT.with(|c| c.budget.get())
}

#[inline]
pub(crate) fn set_budget(budget: u32) {
    CONTEXT.with(|c| c.budget.set(budget));
}

/// Begins the poll of a task, or of `block_on`'s own future (null): sets the budget, and says what is being
/// polled until the guard is dropped.
#[inline]
pub(crate) fn begin_poll(task: *const Header, budget: u32) -> Polling {
    CONTEXT.with(|c| Polling {
        outer_task: c.task.replace(task),
        outer_budget: c.budget.replace(budget),
        outer_yielded: c.yielded.replace(false),
        outer_vars: c.vars.replace(ptr::null()),
    })
}

/// A poll; keeps what is being polled around it, if anything.
#[must_use]
pub(crate) struct Polling {
    outer_task: *const Header,
    outer_budget: u32,
    outer_yielded: bool,
    outer_vars: *const Vars,
}

impl Drop for Polling {
    #[inline]
    fn drop(&mut self) {
        CONTEXT.with(|c| {
            c.task.set(self.outer_task);
            c.budget.set(self.outer_budget);
            c.yielded.set(self.outer_yielded);
            let vars = c.vars.replace(self.outer_vars);
            if !vars.is_null() {
                // SAFETY: as in `replace_vars`.
                drop(unsafe { Arc::from_raw(vars) });
            }
        });
    }
}

/// Asks for another poll behind the other tasks, on behalf of the task or future `waker` belongs to.
#[inline]
pub(crate) fn yield_to_others(waker: &Waker) {
    let task = CONTEXT.with(|c| c.task.get());
    if task.is_null() {
        with_worker(|worker| worker.into_iter().for_each(Worker::yield_of_root));
    } else if task::is_of(waker, task) {
        CONTEXT.with(|c| c.yielded.set(true));
        return;
    }
    waker.wake_by_ref();
}

/// Whether the poll that has just returned asked to let others go first.
#[inline]
pub(crate) fn take_yield() -> bool {
    CONTEXT.with(|c| c.yielded.replace(false))
}

/// Calls `f` with the task being polled on this thread, if there is one.
pub(crate) fn with_task<R>(f: impl FnOnce(Option<&Header>) -> R) -> R {
    let task = CONTEXT.with(|c| c.task.get());
    // SAFETY: `begin_poll` was given a task that lives as long as its guard, or null.
    f(unsafe { task.as_ref() })
}

/// What is being polled on this thread, to tell it from what is polled around it: the task, or else the innermost `block_on`.
pub(crate) fn polled() -> *const () {
    CONTEXT.with(|c| {
        let task = c.task.get();
        if task.is_null() { c.root.get().cast() } else { task.cast() }
    })
}

/// Says whose future it is that is being polled where it is no task's, until the guard is dropped.
pub(crate) fn begin_root(root: &Root) -> InRoot<'_> {
    InRoot { outer: CONTEXT.with(|c| c.root.replace(root)), _root: PhantomData }
}

/// See [`begin_root`].
pub(crate) struct InRoot<'a> {
    outer: *const Root,
    _root: PhantomData<&'a Root>,
}

impl Drop for InRoot<'_> {
    fn drop(&mut self) {
        CONTEXT.with(|c| c.root.set(self.outer));
    }
}

/// Notes what is awaited by what is being polled on this thread.
pub(crate) fn note(note: Note) {
    if cfg!(windlass_loom) {
        // It orders nothing, and the looks at the task's state would only add schedules.
        return;
    }
    CONTEXT.with(|c| {
        // SAFETY: `begin_poll` was given a task that lives as long as its guard, or null.
        if let Some(task) = unsafe { c.task.get().as_ref() } {
            match task.origin().entry() {
                Some(entry) => entry.note(note),
                None => c.first_notes.add(task.id().get(), note),
            }
            return;
        }
        // SAFETY: `begin_root` was given a root that lives as long as its guard, or it is null.
        if let Some(root) = unsafe { c.root.get().as_ref() } {
            root.note(note);
        }
    });
}

/// Adds to the parties that what is being polled on this thread awaits.
pub(crate) fn enter_party(party: &Arc<Party>) {
    let (task, root) = CONTEXT.with(|c| (c.task.get(), c.root.get()));
    if let Some(task) = NonNull::new(task.cast_mut()) {
        // SAFETY: `begin_poll` was given a task that lives as long as its guard: for a poll or the drop of the future, of which
        // this thread has the claim, or the drop of an output, when it is complete.
        unsafe { task::enter_party(task, party) };
        return;
    }
    // SAFETY: `begin_root` was given a root that lives as long as its guard, or it is null.
    if let Some(root) = unsafe { root.as_ref() } {
        root.enter_party(party);
    }
}

/// Registers the task that is being polled on this thread, unless it is: what it does next may take a while, where no pulse shows it.
pub(crate) fn register_polled() {
    if let Some(task) = NonNull::new(CONTEXT.with(|c| c.task.get()).cast_mut()) {
        // SAFETY: as in `enter_party`.
        unsafe { task::register_polled(task) };
    }
}

/// What the task in its first poll on this thread has noted.
#[inline]
pub(crate) fn with_first_notes(f: impl FnOnce(&Notes)) {
    CONTEXT.with(|c| f(&c.first_notes));
}

/// Calls `f` with this thread's worker, if it is one.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    let worker = CONTEXT.with(|c| c.worker.get());
    // SAFETY: the worker outlives the `Seated` guard that put it here.
    f(unsafe { worker.as_ref() })
}

/// Calls `f` with this thread's worker if it sits in that runtime.
#[inline]
pub(crate) fn with_worker_of<R>(shared: *const Shared, f: impl FnOnce(Option<&Worker>) -> R) -> R {
    with_worker(|worker| f(worker.filter(|worker| worker.belongs_to(shared))))
}

/// Whether this thread's worker is one of that runtime's.
/// A runtime's task may drop another runtime, whose tasks then run on a seat of that one on the same thread:
/// each of the workers on the stack counts.
pub(crate) fn is_worker_of(shared: *const Shared) -> bool {
    let mut at = CONTEXT.with(Context::innermost_worker);
    // SAFETY: a worker outlives the `Seated` guard that put it here, and the workers around it outlive it.
    while let Some(worker) = unsafe { at.as_ref() } {
        if worker.belongs_to(shared) {
            return true;
        }
        at = worker.outer();
    }
    false
}

/// Makes this thread's worker known until the guard is dropped.
pub(crate) struct Seated {
    outer: *const Worker,
}

impl Seated {
    /// # Safety
    ///
    /// The worker outlives the guard, and does not move.
    pub(crate) unsafe fn new(worker: &Worker) -> Self {
        CONTEXT.with(|c| {
            worker.set_outer(c.innermost_worker());
            Self { outer: c.worker.replace(worker) }
        })
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        CONTEXT.with(|c| c.worker.set(self.outer));
    }
}

/// Takes this thread off its seat, as far as it can tell itself, until the guard is dropped: what is woken and
/// spawned goes to where others find it, and nothing is counted against the budget of the poll around it. The
/// worker is told, so that nobody is warned of its long poll.
pub(crate) struct Unseated {
    worker: *const Worker,
    outer_away: *const Worker,
    outer_budget: u32,
}

impl Unseated {
    pub(crate) fn new() -> Self {
        set_in_place(true);
        CONTEXT.with(|c| {
            let worker = c.worker.replace(ptr::null());
            let away = if worker.is_null() { c.away.get() } else { worker };
            Self { worker, outer_away: c.away.replace(away), outer_budget: c.budget.replace(UNCONSTRAINED) }
        })
    }
}

fn set_in_place(in_place: bool) {
    with_worker(|worker| {
        if let Some(worker) = worker {
            worker.seat().set_in_place(in_place);
        }
    });
}

impl Drop for Unseated {
    fn drop(&mut self) {
        CONTEXT.with(|c| {
            c.worker.set(self.worker);
            c.away.set(self.outer_away);
            c.budget.set(self.outer_budget);
        });
        set_in_place(false);
    }
}

/// Marks this thread as one that drives futures until the guard is dropped.
pub(crate) struct Driving(());

impl Driving {
    /// `None` if it does so already.
    pub(crate) fn try_new() -> Option<Self> {
        CONTEXT.with(|c| !c.driving.replace(true)).then(|| Self(()))
    }
}

impl Driving {
    /// Allows this thread to block until the guard is dropped.
    pub(crate) fn suspend() -> Suspended {
        Suspended { outer: CONTEXT.with(|c| c.driving.replace(false)) }
    }
}

/// A thread that drives futures and may block all the same.
pub(crate) struct Suspended {
    outer: bool,
}

impl Drop for Suspended {
    fn drop(&mut self) {
        CONTEXT.with(|c| c.driving.set(self.outer));
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        CONTEXT.with(|c| c.driving.set(false));
    }
}

/// Calls `f` with the runtime this thread is in, if it is in one.
#[inline]
pub(crate) fn with_runtime<R>(f: impl FnOnce(Option<&Arc<Shared>>) -> R) -> R {
    let runtime = CONTEXT.with(|c| c.runtime.get());
    if runtime.is_null() {
        return f(None);
    }
    // SAFETY: `enter` was given a pointer of an `Arc` that lives until `leave`; that one's count is borrowed
    // here, not taken.
    let runtime = ManuallyDrop::new(unsafe { Arc::from_raw(runtime) });
    f(Some(&runtime))
}

/// Puts this thread into a runtime until [`leave`].
///
/// # Safety
///
/// The `Arc` lives until `leave` is called with what this returned.
pub(crate) unsafe fn enter(runtime: &Arc<Shared>) -> Outer {
    CONTEXT.with(|c| {
        let entry = c.last_entry.get() + 1;
        c.last_entry.set(entry);
        Outer { runtime: c.runtime.replace(Arc::as_ptr(runtime)), entry, outer_entry: c.entry.replace(entry) }
    })
}

/// The runtime around the one that was entered.
pub(crate) struct Outer {
    runtime: *const Shared,
    entry: usize,
    outer_entry: usize,
}

// SAFETY: a shared reference gives access to nothing but `leave`, whose caller has the thread it is about.
unsafe impl Sync for Outer {}

/// Leaves what [`enter`] entered. False if guards were dropped out of order; then the runtime stays set, and
/// the caller must keep it alive.
#[must_use]
pub(crate) fn leave(outer: &Outer) -> bool {
    CONTEXT.with(|c| {
        let in_order = c.entry.get() == outer.entry;
        if in_order {
            c.entry.set(outer.outer_entry);
            c.runtime.set(outer.runtime);
        }
        in_order
    })
}

/// Leaves what [`enter`] entered, and all that was entered inside and not left: guards that were forgotten, or
/// that outlive the call they were made in, and mean nothing from here on. What was entered around it must
/// be there still.
pub(crate) fn leave_all(outer: &Outer) {
    CONTEXT.with(|c| {
        c.entry.set(outer.outer_entry);
        c.runtime.set(outer.runtime);
    });
}

/// The innermost scope of a task-local this thread is in, or null.
pub(crate) fn scope() -> *const Scope {
    CONTEXT.with(|c| c.scope.get())
}

/// Goes into that scope, which lives until the next call, or out of one, to the scope around it.
pub(crate) fn replace_scope(scope: *const Scope) {
    CONTEXT.with(|c| c.scope.set(scope));
}

/// The context variables of what is being polled on this thread.
#[inline]
pub(crate) fn vars() -> Option<Arc<Vars>> {
    let vars = CONTEXT.with(|c| c.vars.get());
    if vars.is_null() {
        return None;
    }
    // SAFETY: `replace_vars` put a count of an `Arc` there, which is borrowed here, not taken.
    let borrowed = ManuallyDrop::new(unsafe { Arc::from_raw(vars) });
    Some(Arc::clone(&borrowed))
}

/// Whether what is being polled on this thread has context variables.
#[inline]
pub(crate) fn has_vars() -> bool {
    CONTEXT.with(|c| !c.vars.get().is_null())
}

/// Calls `f` with the context variables of what is being polled on this thread. It must not replace them.
pub(crate) fn with_vars<R>(f: impl FnOnce(Option<&Vars>) -> R) -> R {
    let vars = CONTEXT.with(|c| c.vars.get());
    // SAFETY: the count that `replace_vars` put there keeps them, until they are replaced.
    f(unsafe { vars.as_ref() })
}

/// Exchanges the context variables.
#[inline]
pub(crate) fn replace_vars(vars: Option<Arc<Vars>>) -> Option<Arc<Vars>> {
    let vars = vars.map_or(ptr::null(), Arc::into_raw);
    let old = CONTEXT.with(|c| c.vars.replace(vars));
    // SAFETY: what is there came from `into_raw`, and is taken out of circulation by being replaced.
    (!old.is_null()).then(|| unsafe { Arc::from_raw(old) })
}

/// Calls `f` with the `LocalSet` this thread is in, if it is in one.
pub(crate) fn with_local_set<R>(f: impl FnOnce(Option<&Arc<LocalShared>>) -> R) -> R {
    let set = CONTEXT.with(|c| c.local_set.get());
    if set.is_null() {
        return f(None);
    }
    // SAFETY: `enter_local_set` put a count of an `Arc` there, which is borrowed here, not taken.
    let borrowed = ManuallyDrop::new(unsafe { Arc::from_raw(set) });
    // A count of our own: `f` may run a destructor that leaves the set.
    let set = Arc::clone(&borrowed);
    f(Some(&set))
}

/// Puts this thread into a `LocalSet`, or out of all. Returns the one it was in.
pub(crate) fn enter_local_set(set: Option<Arc<LocalShared>>) -> Option<Arc<LocalShared>> {
    let set = set.map_or(ptr::null(), Arc::into_raw);
    let outer = CONTEXT.with(|c| c.local_set.replace(set));
    // SAFETY: what is there came from `into_raw`, and is taken out of circulation by being replaced.
    (!outer.is_null()).then(|| unsafe { Arc::from_raw(outer) })
}

/// Takes this thread out of its `LocalSet` until the guard is dropped.
pub(crate) fn leave_local_set() -> OutOfSet {
    OutOfSet(enter_local_set(None))
}

/// See [`leave_local_set`].
pub(crate) struct OutOfSet(Option<Arc<LocalShared>>);

impl Drop for OutOfSet {
    fn drop(&mut self) {
        drop(enter_local_set(self.0.take()));
    }
}

/// A thread, to ask whether it is this one: the address of its context. A thread that has ended may have
/// left its address to another, which is then as good as it: there is never more than one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadToken(usize);

impl ThreadToken {
    #[inline]
    pub(crate) fn current() -> Self {
        Self(CONTEXT.with(|c| ptr::from_ref(c).addr()))
    }

    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}
