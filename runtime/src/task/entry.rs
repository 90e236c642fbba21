//! An entry: what is known of a task beyond its header, for diagnostics and failures.
//!
//! It belongs to its task (`Origin`), and is freed with it. What few tasks have is in a part of its own.
//!
//! | field | may be accessed by |
//! | --- | --- |
//! | `task`, `location`, `birth`, `name` | everyone, read only |
//! | `slot` | the holder of the claim |
//! | `polls`, `notes`, `panicked` | the holder of the claim writes, everyone reads |
//! | `rare` | the holder of the claim makes it, once, everyone reads |
//! | `parties` | who holds the lock of the shard |
//! | `vars`, `panic` | as the stage is (see `cell`) |

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::time::Duration;

use super::cell::Header;
use super::clock;
use super::context_var::Vars;
use super::registry::MOST_SHARDS;
use super::unobserved::Panic;
use super::waits::{self, Note, Notes, Parties, Party, Seen};
use crate::context;
use crate::primitives::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::primitives::atomic::{AtomicBool, AtomicPtr, AtomicU32, fence};
use crate::primitives::{Arc, UnsafeCell};

/// What is known of a task beyond its header.
pub(crate) struct Entry {
    task: NonNull<Header>,
    location: &'static Location<'static>,
    birth: Birth,
    /// Where it is in its shard, or [`NOWHERE`]. Only the holder of the claim puts it there and takes it out.
    pub(super) slot: AtomicU32,
    polls: AtomicU32,
    notes: Notes,
    /// What few tasks have, or null. It is made once, and freed with the entry.
    rare: AtomicPtr<Rare>,
}

/// A million idle tasks have a million of these.
#[cfg(all(target_pointer_width = "64", not(windlass_loom)))]
const _: () = assert!(size_of::<Entry>() <= 72);

/// The slot of an entry that is in none.
pub(super) const NOWHERE: u32 = u32::MAX;

/// What few tasks have: a name, context variables, a panic, or tasks that they await together.
struct Rare {
    name: Option<Box<str>>,
    /// Whether a panic ended the task.
    panicked: AtomicBool,
    parties: UnsafeCell<Parties>,
    /// The task's context variables while it is not polled.
    vars: UnsafeCell<Option<Arc<Vars>>>,
    /// The panic that ended the task, until somebody takes it.
    panic: UnsafeCell<Option<Box<Panic>>>,
}

impl Rare {
    fn new(name: Option<Box<str>>) -> Self {
        Self {
            name,
            panicked: AtomicBool::new(false),
            parties: UnsafeCell::new(None),
            vars: UnsafeCell::new(None),
            panic: UnsafeCell::new(None),
        }
    }
}

/// When an entry was made, in milliseconds by the coarse clock, which 48 bits count for longer than anything runs; and in the
/// lower sixteen its shard.
#[derive(Clone, Copy)]
struct Birth(u64);

const SHARD_BITS: u32 = MOST_SHARDS.ilog2();

impl Birth {
    /// Now, in that shard; in another if there are not so many.
    fn new(shard: usize) -> Self {
        Self(milliseconds(clock::coarse()) << SHARD_BITS | (shard % MOST_SHARDS) as u64)
    }

    fn shard(self) -> usize {
        self.0 as usize % MOST_SHARDS
    }

    fn age(self) -> Duration {
        Duration::from_millis(milliseconds(clock::coarse()).saturating_sub(self.0 >> SHARD_BITS))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
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
            location: header.origin().location(),
            birth: Birth::new(shard),
            slot: AtomicU32::new(NOWHERE),
            polls: AtomicU32::new(0),
            notes: Notes::new(),
            rare: AtomicPtr::new(ptr::null_mut()),
        };
        if name.is_some() {
            entry.make_rare(Rare::new(name));
        }
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

    /// The shard that it is in if it is in one.
    #[inline]
    pub(super) fn shard(&self) -> usize {
        self.birth.shard()
    }

    #[inline]
    fn rare(&self) -> Option<&Rare> {
        // Acquire pairs with the Release of `make_rare`: it is complete.
        // SAFETY: null, or a leaked box that only the entry's drop frees.
        unsafe { self.rare.load(Acquire).as_ref() }
    }

    /// The rare part, if need be a new one. Only the holder of the claim calls this.
    #[cold]
    fn rare_or_new(&self) -> &Rare {
        match self.rare() {
            Some(rare) => rare,
            None => self.make_rare(Rare::new(None)),
        }
    }

    /// Attaches the rare part. Only the holder of the claim calls this, and only once.
    fn make_rare(&self, rare: Rare) -> &Rare {
        debug_assert!(self.rare().is_none());
        let rare = Box::into_raw(Box::new(rare));
        // Release pairs with the Acquire of `rare`.
        self.rare.store(rare, Release);
        // SAFETY: it was a box a moment ago, and only the entry's drop frees it.
        unsafe { &*rare }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.rare()?.name.as_deref()
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// How long ago the entry was made.
    pub(crate) fn age(&self) -> Duration {
        self.birth.age()
    }

    /// Whether a panic ended the task.
    pub(crate) fn has_panicked(&self) -> bool {
        // The state says before that the task is complete; `finish` has made and written this before that.
        self.rare().is_some_and(|rare| rare.panicked.load(Relaxed))
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

    /// Adds to the parties that the task awaits. Only the holder of the claim calls this.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of the entry's shard.
    pub(super) unsafe fn enter_party(&self, party: &Arc<Party>) {
        self.rare_or_new().parties.with_mut(|parties| {
            // SAFETY: the premise.
            waits::enter(unsafe { &mut *parties }, party);
        });
    }

    /// Calls `f` with the parties that the task awaits.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of the entry's shard.
    pub(super) unsafe fn parties<R>(&self, f: impl FnOnce(&[Arc<Party>]) -> R) -> R {
        let Some(rare) = self.rare() else { return f(&[]) };
        rare.parties.with(|parties| {
            // SAFETY: the premise.
            let parties = unsafe { &*parties };
            f(parties.as_deref().map_or(&[], Vec::as_slice))
        })
    }

    /// Leaves the task's context variables. Only the holder of the claim calls this.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    pub(super) unsafe fn leave_vars(&self, vars: Option<Arc<Vars>>) {
        self.rare_or_new().vars.with_mut(|kept| {
            // SAFETY: the caller's right to the stage is exclusive, and covers the variables.
            unsafe { *kept = vars };
        });
    }

    /// Takes the task's context variables.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    #[inline]
    pub(super) unsafe fn take_vars(&self) -> Option<Arc<Vars>> {
        self.rare()?.vars.with_mut(|kept| {
            // SAFETY: the caller's right to the stage is exclusive, and covers the variables.
            unsafe { (*kept).take() }
        })
    }

    /// Says that a panic ended the task, and leaves it here. Only the holder of the claim calls this.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    pub(super) unsafe fn set_panic(&self, panic: Panic) {
        let rare = self.rare_or_new();
        rare.panicked.store(true, Relaxed);
        rare.panic.with_mut(|kept| {
            // SAFETY: the caller's right to the stage is exclusive, and covers the panic.
            unsafe { *kept = Some(Box::new(panic)) };
        });
    }

    /// Takes the panic that ended the task.
    ///
    /// # Safety
    ///
    /// The caller has the right to the stage.
    pub(super) unsafe fn take_panic(&self) -> Option<Box<Panic>> {
        self.rare()?.panic.with_mut(|kept| {
            // SAFETY: the caller's right to the stage is exclusive, and covers the panic.
            unsafe { (*kept).take() }
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Nobody else looks any more, and what they did is seen by who frees the task.
        let rare = self.rare.load(Relaxed);
        if !rare.is_null() {
            // SAFETY: `make_rare` made it from a box, and `&mut self` says that nobody else looks.
            drop(unsafe { Box::from_raw(rare) });
        }
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
