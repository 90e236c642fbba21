//! The registry: every live task that has returned `Pending` at least once, and every named one.
//!
//! A shard per seat, each a doubly linked list of entries under a lock of its own: a task joins the shard of
//! the worker that polls it, which nobody else locks but tasks that finish elsewhere and the few who list.
//! An entry belongs to its task (`Origin`) and holds what only diagnostics and failures need.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::cell::Header;
use super::clock;
use super::context_var::Vars;
use super::unobserved::Panic;
use super::waits::{self, Note, Notes, Parties, Party, Seen};
use crate::context;
use crate::primitives::atomic::Ordering::{Acquire, Relaxed};
use crate::primitives::atomic::{AtomicBool, AtomicU32, fence};
use crate::primitives::{Arc, Mutex, MutexGuard, UnsafeCell};

/// What is known of a task beyond its header.
pub(crate) struct Entry {
    task: NonNull<Header>,
    name: Option<Box<str>>,
    location: &'static Location<'static>,
    /// In nanoseconds, by the coarse clock.
    born: u64,
    shard: u16,
    /// Whether a panic ended the task.
    panicked: AtomicBool,
    /// The holder of the claim writes, everyone reads.
    polls: AtomicU32,
    /// The holder of the claim writes, everyone reads.
    notes: Notes,
    /// Accessed under the shard's lock only.
    links: UnsafeCell<Links>,
    /// The task's context variables while it is not polled. Accessed as the stage is.
    vars: UnsafeCell<Option<Arc<Vars>>>,
    /// The panic that ended the task. Accessed as the stage is.
    panic: UnsafeCell<Option<Box<Panic>>>,
}

/// A million idle tasks have a million of these.
#[cfg(all(target_pointer_width = "64", not(windlass_loom)))]
const _: () = assert!(size_of::<Entry>() <= 120);

struct Links {
    /// [`NOT_LINKED`] if the entry is not.
    prev: *const Entry,
    next: *const Entry,
    parties: Parties,
}

const NOT_LINKED: *const Entry = ptr::dangling();

impl Entry {
    /// An entry for that task, in a spare box if this thread has one.
    pub(super) fn new(
        task: NonNull<Header>,
        header: &Header,
        shard: usize,
        name: Option<Box<str>>,
    ) -> Box<Self> {
        let entry = Self {
            task,
            name,
            location: header.origin().location(),
            born: nanoseconds(clock::coarse()),
            // `Registry::new` makes no more.
            shard: (shard % MOST_SHARDS) as u16,
            panicked: AtomicBool::new(false),
            polls: AtomicU32::new(0),
            notes: Notes::new(),
            links: UnsafeCell::new(Links { prev: NOT_LINKED, next: ptr::null(), parties: None }),
            vars: UnsafeCell::new(None),
            panic: UnsafeCell::new(None),
        };
        match context::with_worker(|worker| worker.and_then(|worker| worker.desk().spare_entries.take())) {
            Some(spare) => Box::write(spare, entry),
            None => Box::new(entry),
        }
    }

    /// Drops the entry of a task that is freed, and keeps the box if this thread is a worker.
    pub(super) fn recycle(self: Box<Self>) {
        context::with_worker(|worker| match worker {
            Some(worker) => worker.desk().spare_entries.keep(self),
            None => drop(self),
        });
    }

    /// The task, for those who hold the lock of its shard.
    pub(super) fn task(&self) -> NonNull<Header> {
        self.task
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// How long ago the task was registered.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_nanos(nanoseconds(clock::coarse()).saturating_sub(self.born))
    }

    /// Whether a panic ended the task.
    pub(crate) fn has_panicked(&self) -> bool {
        // The state says before that the task is complete; `finish` has written this before that.
        self.panicked.load(Relaxed)
    }

    /// How often the future was polled.
    pub(crate) fn polls(&self) -> u32 {
        self.polls.load(Relaxed)
    }

    /// Counts a poll. Only the holder of the claim calls this, so load and store need not be one step.
    #[inline]
    pub(super) fn count_poll(&self) {
        self.polls.store(self.polls.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Notes what the poll under way awaits. Only the holder of the claim calls this.
    pub(crate) fn note(&self, note: Note) {
        self.notes.add(self.polls().into(), note);
    }

    /// Takes over what the first poll has noted before there was an entry. The poll has been counted.
    pub(super) fn adopt(&self, notes: &Notes, stamp: u64) {
        self.notes.adopt(self.polls().into(), notes, stamp);
    }

    /// What the task awaits. It was idle when the caller looked, and `is_idle` says whether it is still.
    pub(super) fn awaits(&self, is_idle: impl Fn() -> bool) -> Seen {
        let polls = self.polls();
        if !is_idle() {
            return Seen::NOTHING;
        }
        // The look at the state was an Acquire one: the notes of the last poll are there.
        let seen = self.notes.read(polls.into());
        // A note of a later poll may have been read; then its count is there too (see `Notes::add`).
        fence(Acquire);
        if self.polls() == polls { seen } else { Seen::NOTHING }
    }

    /// Leaves or takes the task's context variables.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    #[inline]
    pub(super) unsafe fn vars<R>(&self, f: impl FnOnce(&mut Option<Arc<Vars>>) -> R) -> R {
        self.vars.with_mut(|vars| {
            // SAFETY: the caller's right to the stage is exclusive, and covers the variables.
            f(unsafe { &mut *vars })
        })
    }

    /// Says that a panic ended the task, and leaves it here.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    pub(super) unsafe fn set_panic(&self, panic: Panic) {
        self.panicked.store(true, Relaxed);
        // SAFETY: the premise.
        unsafe { self.panic(|slot| *slot = Some(Box::new(panic))) };
    }

    /// Leaves or takes the panic that ended the task.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    pub(super) unsafe fn panic<R>(&self, f: impl FnOnce(&mut Option<Box<Panic>>) -> R) -> R {
        self.panic.with_mut(|panic| {
            // SAFETY: the caller's right to the stage is exclusive, and covers the panic.
            f(unsafe { &mut *panic })
        })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The boxes of entries a worker keeps for the next tasks: most entries live for a moment only, and their
/// allocation was a third of what registering costs.
#[expect(clippy::vec_box, reason = "the boxes are what is kept")]
pub(crate) struct SpareEntries(Cell<Vec<Box<MaybeUninit<Entry>>>>);

// SAFETY: what is kept is memory only; the entries that were in it are dropped.
unsafe impl Send for SpareEntries {}

impl SpareEntries {
    /// As many as tasks that wait at the same time are common.
    const MOST: usize = 512;

    pub(crate) const fn new() -> Self {
        Self(Cell::new(Vec::new()))
    }

    fn take(&self) -> Option<Box<MaybeUninit<Entry>>> {
        let mut boxes = self.0.take();
        let spare = boxes.pop();
        self.0.set(boxes);
        spare
    }

    fn keep(&self, entry: Box<Entry>) {
        let mut boxes = self.0.take();
        if boxes.len() < Self::MOST {
            let entry = Box::into_raw(entry);
            // SAFETY: it was a box a moment ago, and is only memory from here on.
            unsafe { entry.drop_in_place() };
            // SAFETY: the pointer came from `into_raw`; uninitialised memory has the same layout.
            boxes.push(unsafe { Box::from_raw(entry.cast()) });
        }
        self.0.set(boxes);
    }
}

/// The registry of a scheduler.
pub(crate) struct Registry {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    /// Held by the one who walks.
    walk: Mutex<()>,
}

struct Shard {
    head: *const Entry,
    len: usize,
    /// Where a walk goes on, or null.
    walk: *const Entry,
}

const MOST_SHARDS: usize = 1 << 16;

/// How many entries a walk looks at before it lets others have the lock: few enough for who wants it to get it while it spins.
const CHUNK: usize = 16;

// SAFETY: the pointers are followed under the shard's lock only, to entries that are unlinked under that
// lock before they are freed; an entry's fields are `Send` and, but for its links and panic (which have
// rules of their own, see there), immutable.
unsafe impl Send for Shard {}

impl Registry {
    pub(crate) fn new(shards: usize) -> Self {
        let shard = || Shard { head: ptr::null(), len: 0, walk: ptr::null() };
        // More seats than that share shards.
        let shards = shards.clamp(1, MOST_SHARDS);
        Self {
            shards: (0..shards).map(|_| CachePadded::new(Mutex::new(shard()))).collect(),
            walk: Mutex::new(()),
        }
    }

    /// Links the entry of a task that is not complete, once.
    pub(super) fn insert(&self, entry: &Entry) {
        let mut shard = self.shards[usize::from(entry.shard)].lock();
        let head = shard.head;
        entry.links.with_mut(|links| {
            // SAFETY: the shard's lock is held.
            let links = unsafe { &mut *links };
            (links.prev, links.next) = (ptr::null(), head);
        });
        // SAFETY: `head` is linked in the shard whose lock is held, or null.
        if let Some(head) = unsafe { head.as_ref() } {
            head.links.with_mut(|links| {
                // SAFETY: the shard's lock is held.
                unsafe { (*links).prev = entry };
            });
        }
        shard.head = entry;
        shard.len += 1;
    }

    /// Unlinks the entry of a task that is about to be complete. Does nothing if it never was linked.
    pub(super) fn remove(&self, entry: &Entry) {
        let mut shard = self.shards[usize::from(entry.shard)].lock();
        let (prev, next) = entry.links.with_mut(|links| {
            // SAFETY: the shard's lock is held.
            let links = unsafe { &mut *links };
            (std::mem::replace(&mut links.prev, NOT_LINKED), links.next)
        });
        if prev == NOT_LINKED {
            return;
        }
        // SAFETY: neighbours in the list of the shard whose lock is held, or null.
        match unsafe { prev.as_ref() } {
            None => shard.head = next,
            Some(prev) => prev.links.with_mut(|links| {
                // SAFETY: the shard's lock is held.
                unsafe { (*links).next = next };
            }),
        }
        // SAFETY: as for `prev`.
        if let Some(next) = unsafe { next.as_ref() } {
            next.links.with_mut(|links| {
                // SAFETY: the shard's lock is held.
                unsafe { (*links).prev = prev };
            });
        }
        shard.len -= 1;
        if ptr::eq(shard.walk, entry) {
            shard.walk = next;
        }
    }

    /// Adds to the parties that a task awaits.
    pub(super) fn enter_party(&self, entry: &Entry, party: &Arc<Party>) {
        let _shard = self.shards[usize::from(entry.shard)].lock();
        entry.links.with_mut(|links| {
            // SAFETY: the shard's lock is held.
            waits::enter(unsafe { &mut (*links).parties }, party);
        });
    }

    /// How many tasks are registered.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` with every registered task, its entry and its parties, and `meanwhile` every now and then without any lock.
    /// Tasks that come or go meanwhile may be seen or not; those that stay are.
    ///
    /// No lock is held for longer than it takes to look at a few, so that `f` may take a moment. It must not end a task.
    pub(crate) fn walk(
        &self,
        mut f: impl FnMut(&Header, &Entry, Option<&[Arc<Party>]>),
        mut meanwhile: impl FnMut(),
    ) {
        let _walk = self.walk.lock();
        for shard in &self.shards {
            let mut guard = shard.lock();
            guard.walk = guard.head;
            let mut looked = 0;
            // SAFETY: linked in the shard whose lock is held, or null: `remove` sees to it.
            while let Some(entry) = unsafe { guard.walk.as_ref() } {
                guard.walk = entry.links.with(|links| {
                    // SAFETY: the shard's lock is held.
                    let links = unsafe { &*links };
                    // SAFETY: a linked entry's task is not complete and therefore not freed.
                    f(
                        unsafe { entry.task.as_ref() },
                        entry,
                        links.parties.as_ref().map(|parties| &parties[..]),
                    );
                    links.next
                });
                looked += 1;
                if looked % CHUNK == 0 {
                    // To those who wait for it, if there are any: whoever unlocks and locks again is faster than they are.
                    MutexGuard::unlock_fair(guard);
                    meanwhile();
                    guard = shard.lock();
                }
            }
            drop(guard);
            meanwhile();
        }
    }

    /// Calls `f` with every registered task and its entry, one shard's lock held at a time. `f` must not
    /// end a task.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&Header, &Entry)) {
        for shard in &self.shards {
            let shard = shard.lock();
            let mut at = shard.head;
            // SAFETY: linked in the shard whose lock is held, or null.
            while let Some(entry) = unsafe { at.as_ref() } {
                // SAFETY: a linked entry's task is not complete and therefore not freed.
                f(unsafe { entry.task.as_ref() }, entry);
                at = entry.links.with(|links| {
                    // SAFETY: the shard's lock is held.
                    unsafe { (*links).next }
                });
            }
        }
    }

    /// Calls `f` with the entry at that address if it is still registered.
    pub(crate) fn find<R>(&self, wanted: *const Entry, f: impl FnOnce(&Header, &Entry) -> R) -> Option<R> {
        let mut f = Some(f);
        let mut found = None;
        self.walk(
            |header, entry, _| {
                if ptr::eq(entry, wanted)
                    && let Some(f) = f.take()
                {
                    found = Some(f(header, entry));
                }
            },
            || {},
        );
        found
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use std::cell::Cell;

    use super::CHUNK;
    use crate::runtime::Builder;

    /// A runtime of one worker with so many tasks that wait, and a walk through them.
    #[test]
    fn a_walk_unlocks_every_now_and_then() {
        const TASKS: usize = 10 * CHUNK + 1;
        let runtime = Builder::new_current_thread().build().unwrap();
        let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
        let registry = &runtime.handle().shared().registry;
        runtime.block_on(async {
            while registry.len() < TASKS {
                crate::task::yield_now().await;
            }
        });
        let (locked, most, seen) = (Cell::new(0), Cell::new(0), Cell::new(0));
        registry.walk(
            |_, _, _| {
                locked.set(locked.get() + 1);
                most.set(most.get().max(locked.get()));
                seen.set(seen.get() + 1);
            },
            || {
                locked.set(0);
                // Would wait for ever if a lock was held.
                assert_eq!(registry.len(), TASKS);
            },
        );
        assert_eq!((most.get(), seen.get()), (CHUNK, TASKS));
        drop(tasks);
    }

    /// Who ends meanwhile is passed over, wherever it is in the list, and all others are seen.
    #[test]
    fn tasks_that_end_during_a_walk() {
        const TASKS: usize = 3 * CHUNK;
        let runtime = Builder::new_current_thread().build().unwrap();
        let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
        let shared = runtime.handle().shared();
        runtime.block_on(async {
            while shared.registry.len() < TASKS {
                crate::task::yield_now().await;
            }
        });
        let seen = std::cell::RefCell::new(Vec::new());
        shared.registry.walk(
            |task, _, _| seen.borrow_mut().push(task.id()),
            || {
                // The next one, where the walk would go on, and one far from there.
                let next =
                    tasks.iter().rposition(|task| !task.is_finished() && !seen.borrow().contains(&task.id()));
                for task in next.into_iter().chain([0]) {
                    tasks[task].abort();
                }
                runtime.block_on(async {
                    while next.is_some_and(|next| !tasks[next].is_finished()) {
                        crate::task::yield_now().await;
                    }
                });
            },
        );
        let seen = seen.into_inner();
        for task in tasks.iter().filter(|task| !task.is_finished()) {
            assert_eq!(seen.iter().filter(|id| **id == task.id()).count(), 1);
        }
        let passed_over = tasks.iter().filter(|task| !seen.contains(&task.id())).count();
        assert!((2..=4).contains(&passed_over), "{passed_over}");
    }
}
