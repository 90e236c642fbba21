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
use crate::context;
use crate::primitives::atomic::AtomicU32;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::{Arc, Mutex, UnsafeCell};

/// What is known of a task beyond its header.
pub(crate) struct Entry {
    task: NonNull<Header>,
    name: Option<Box<str>>,
    location: &'static Location<'static>,
    born: Duration,
    shard: u32,
    /// The holder of the claim writes, everyone reads.
    polls: AtomicU32,
    /// Accessed under the shard's lock only.
    links: UnsafeCell<Links>,
    /// The task's context variables while it is not polled. Accessed as the stage is.
    vars: UnsafeCell<Option<Arc<Vars>>>,
    /// The panic that ended the task. Accessed as the stage is.
    panic: UnsafeCell<Option<Panic>>,
}

struct Links {
    linked: bool,
    prev: *const Entry,
    next: *const Entry,
}

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
            born: clock::coarse(),
            shard: u32::try_from(shard).expect("fewer shards than 2^32"),
            polls: AtomicU32::new(0),
            links: UnsafeCell::new(Links { linked: false, prev: ptr::null(), next: ptr::null() }),
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
        clock::coarse().saturating_sub(self.born)
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

    /// Leaves or takes the panic that ended the task.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    pub(super) unsafe fn panic<R>(&self, f: impl FnOnce(&mut Option<Panic>) -> R) -> R {
        self.panic.with_mut(|panic| {
            // SAFETY: the caller's right to the stage is exclusive, and covers the panic.
            f(unsafe { &mut *panic })
        })
    }
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
}

struct Shard {
    head: *const Entry,
    len: usize,
}

// SAFETY: the pointers are followed under the shard's lock only, to entries that are unlinked under that
// lock before they are freed; an entry's fields are `Send` and, but for its links and panic (which have
// rules of their own, see there), immutable.
unsafe impl Send for Shard {}

impl Registry {
    pub(crate) fn new(shards: usize) -> Self {
        let shard = || CachePadded::new(Mutex::new(Shard { head: ptr::null(), len: 0 }));
        Self { shards: (0..shards.max(1)).map(|_| shard()).collect() }
    }

    /// Links the entry of a task that is not complete, once.
    pub(super) fn insert(&self, entry: &Entry) {
        let mut shard = self.shards[entry.shard as usize].lock();
        let head = shard.head;
        entry.links.with_mut(|links| {
            // SAFETY: the shard's lock is held.
            let links = unsafe { &mut *links };
            *links = Links { linked: true, prev: ptr::null(), next: head };
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
        let mut shard = self.shards[entry.shard as usize].lock();
        let (prev, next) = entry.links.with_mut(|links| {
            // SAFETY: the shard's lock is held.
            let links = unsafe { &mut *links };
            if !links.linked {
                return (entry as *const Entry, ptr::null());
            }
            links.linked = false;
            (links.prev, links.next)
        });
        if ptr::eq(prev, entry) {
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
    }

    /// How many tasks are registered.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
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
        self.for_each(|header, entry| {
            if ptr::eq(entry, wanted)
                && let Some(f) = f.take()
            {
                found = Some(f(header, entry));
            }
        });
        found
    }
}
