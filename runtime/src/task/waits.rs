//! What a task awaits, as far as its last poll has told.
//!
//! A leaf future that returns `Pending` leaves a **note**: one word in the entry of the task that is polled, stamped with the
//! number of the poll. So nothing is written where nothing waits, nothing has to be taken back, and what an earlier poll has
//! noted is seen to be stale. A task in its first poll has no entry yet: its notes are kept in the thread's context, stamped
//! with its id, and move when it registers. Tasks that are awaited many at a time are a **party**: the note says which, and the
//! task's entry has a count of it.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use super::awaited::{Awaited, Resource};
use super::id::Id;
use crate::context;
use crate::primitives::{Arc, Statistic};

/// How many notes of a poll are kept, the last ones. The others are counted.
const KEPT: usize = 3;

/// A note: what kind of thing is awaited, in the upper eight bits, and which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note(u64);

const WHICH_BITS: u32 = 56;
const WHICH: u64 = (1 << WHICH_BITS) - 1;

const TASK: u8 = 1;
const PARTY: u8 = 2;
const TIMER: u8 = 3;
const READABLE: u8 = 4;
const WRITABLE: u8 = 5;
const READY: u8 = 6;
const JOB: u8 = 7;
/// From here on the kinds are resources.
const RESOURCE: u8 = 16;

impl Note {
    /// Nothing that anyone could name.
    pub(crate) const NONE: Note = Note(0);

    #[inline]
    fn new(kind: u8, which: u64) -> Self {
        Self(u64::from(kind) << WHICH_BITS | which.min(WHICH))
    }

    /// The end of a task.
    #[inline]
    pub(crate) fn task(id: Id) -> Self {
        Self::new(TASK, id.get())
    }

    /// A tick of the runtime's clock.
    #[inline]
    pub(crate) fn timer(tick: u64) -> Self {
        Self::new(TIMER, tick)
    }

    #[inline]
    pub(crate) fn readable(fd: i32) -> Self {
        Self::new(READABLE, u64::from(fd.cast_unsigned()))
    }

    #[inline]
    pub(crate) fn writable(fd: i32) -> Self {
        Self::new(WRITABLE, u64::from(fd.cast_unsigned()))
    }

    /// A descriptor, for more than one thing.
    #[inline]
    pub(crate) fn ready(fd: i32) -> Self {
        Self::new(READY, u64::from(fd.cast_unsigned()))
    }

    /// A job of an executor.
    #[inline]
    pub(crate) fn job(submitted_at: &'static Location<'static>) -> Self {
        Self::new(JOB, ptr::from_ref(submitted_at).expose_provenance() as u64)
    }

    /// A lock, a channel, or the like.
    #[inline]
    pub(crate) fn resource<T: ?Sized>(what: Resource, which: &T) -> Self {
        Self::new(RESOURCE + what as u8, ptr::from_ref(which).addr() as u64)
    }

    #[inline]
    fn party(party: &Arc<Party>) -> Self {
        Self::new(PARTY, Arc::as_ptr(party).addr() as u64)
    }

    fn kind(self) -> u8 {
        (self.0 >> WHICH_BITS) as u8
    }

    fn which(self) -> u64 {
        self.0 & WHICH
    }

    /// A timer's note with the nanoseconds left instead of the tick; others as they are.
    fn as_of(self, tick: u64) -> Self {
        if self.kind() == TIMER { Self::new(TIMER, self.which().saturating_sub(tick)) } else { self }
    }

    /// What it says, unless that is a party.
    fn read(self) -> Option<Awaited> {
        let which = self.which();
        let fd = (which as u32).cast_signed();
        Some(match self.kind() {
            TASK => Awaited::Task(Id::from_raw(which)?),
            TIMER => Awaited::Timer(Duration::from_nanos(which)),
            READABLE => Awaited::Readable(fd),
            WRITABLE => Awaited::Writable(fd),
            READY => Awaited::Ready(fd),
            JOB => {
                let location = ptr::with_exposed_provenance::<Location<'static>>(which as usize);
                // SAFETY: the word was made by `job`, from a reference to a static location.
                Awaited::Job(unsafe { &*location })
            }
            kind => Awaited::Resource {
                what: Resource::from_index(kind.checked_sub(RESOURCE)?)?,
                address: which as usize,
            },
        })
    }
}

/// The notes of one who is polled.
pub(crate) struct Notes {
    /// The stamp of the poll that left them, and below it, in the lower sixteen bits, how many it has left.
    head: Statistic,
    kept: [Statistic; KEPT],
}

const COUNT_BITS: u32 = 16;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

impl Notes {
    pub(crate) const fn new() -> Self {
        Self { head: Statistic::new(0), kept: [const { Statistic::new(0) }; KEPT] }
    }

    /// Adds a note of that poll, unless it is there. Only whoever polls calls this.
    #[inline]
    pub(crate) fn add(&self, stamp: u64, note: Note) {
        let head = self.head.load(Relaxed);
        let count = if head >> COUNT_BITS == stamp {
            if self.kept.iter().any(|kept| kept.load(Relaxed) == note.0) {
                return;
            }
            head & COUNT
        } else {
            for kept in &self.kept[1..] {
                kept.store(Note::NONE.0, Relaxed);
            }
            0
        };
        // The last ones are kept: of several it is the first that a future has most likely given up since.
        // Release pairs with the Acquire of `read`: who sees this note sees that the poll has begun.
        self.kept[count as usize % KEPT].store(note.0, Release);
        self.head.store(stamp << COUNT_BITS | (count + 1).min(COUNT), Release);
    }

    /// Takes over what was noted under another stamp.
    pub(crate) fn adopt(&self, stamp: u64, from: &Self, from_stamp: u64) {
        let head = from.head.load(Relaxed);
        if head >> COUNT_BITS != from_stamp {
            return;
        }
        for (to, from) in self.kept.iter().zip(&from.kept) {
            to.store(from.load(Relaxed), Relaxed);
        }
        self.head.store(stamp << COUNT_BITS | head & COUNT, Release);
    }

    /// The notes of that poll. It is for the caller to see to it that no other has begun meanwhile.
    pub(crate) fn read(&self, stamp: u64) -> Seen {
        let head = self.head.load(Acquire);
        let count = if head >> COUNT_BITS == stamp { (head & COUNT) as u32 } else { 0 };
        let mut kept = [Note::NONE; KEPT];
        for (to, from) in kept.iter_mut().zip(&self.kept).take(count as usize) {
            *to = Note(from.load(Acquire));
        }
        Seen { kept, count }
    }
}

/// Notes that were read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    kept: [Note; KEPT],
    count: u32,
}

impl Seen {
    pub(crate) const NOTHING: Seen = Seen { kept: [Note::NONE; KEPT], count: 0 };

    /// As they are at that tick.
    pub(crate) fn as_of(mut self, tick: u64) -> Self {
        self.kept = self.kept.map(|note| note.as_of(tick));
        self
    }

    /// What they say, but for parties.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Awaited> + '_ {
        self.kept.iter().take(self.count as usize).filter_map(|note| note.read())
    }

    /// Whether one of them names that party.
    pub(crate) fn names(&self, party: &Arc<Party>) -> bool {
        self.kept.contains(&Note::party(party))
    }

    /// Whether one of them names a party.
    pub(crate) fn names_a_party(&self) -> bool {
        self.kept.iter().any(|note| note.kind() == PARTY)
    }

    /// How many there were more than could be kept.
    pub(crate) fn others(&self) -> usize {
        (self.count as usize).saturating_sub(KEPT)
    }
}

/// Tasks that somebody awaits together. Those that have ended may be still in it.
#[derive(Default)]
pub(crate) struct Party {
    tasks: parking_lot::Mutex<Vec<Id>>,
}

impl Party {
    pub(crate) fn new(tasks: Vec<Id>) -> Arc<Self> {
        Arc::new(Self { tasks: parking_lot::Mutex::new(tasks) })
    }

    /// Calls `f` with the tasks.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Vec<Id>) -> R) -> R {
        f(&mut self.tasks.lock())
    }
}

/// The parties that a task has awaited and may await still.
pub(crate) type Parties = Option<Box<Vec<Arc<Party>>>>;

/// Adds a party, and drops those that nobody else has any more.
pub(crate) fn enter(parties: &mut Parties, party: &Arc<Party>) {
    let parties = parties.get_or_insert_default();
    if !parties.iter().any(|known| Arc::ptr_eq(known, party)) {
        parties.retain(|known| Arc::strong_count(known) > 1);
        parties.push(Arc::clone(party));
    }
}

/// The tasks that a set, a gather or the like awaits, for its notes. It costs a push for each task until the set is awaited in
/// earnest.
#[derive(Default)]
pub(crate) struct Followed {
    /// Those that are not in the party yet.
    fresh: Vec<Id>,
    party: Option<Arc<Party>>,
    /// How many are in the party.
    known: usize,
    /// The task that has entered the party among its own last.
    by: Option<Id>,
}

impl Followed {
    /// One more task.
    #[inline]
    pub(crate) fn push(&mut self, task: Id) {
        self.fresh.push(task);
    }

    /// How many there are, those that have ended included.
    pub(crate) fn len(&self) -> usize {
        self.known + self.fresh.len()
    }

    /// These are the tasks now.
    pub(crate) fn replace(&mut self, tasks: impl Iterator<Item = Id>) {
        self.fresh = tasks.collect();
        self.known = 0;
        if let Some(party) = &self.party {
            party.with(Vec::clear);
        }
    }

    /// Notes that what is being polled on this thread awaits them.
    #[cold]
    pub(crate) fn note(&mut self) {
        let party = match &self.party {
            Some(party) => {
                if !self.fresh.is_empty() {
                    self.known += self.fresh.len();
                    party.with(|tasks| tasks.append(&mut self.fresh));
                }
                party
            }
            None => {
                self.known = self.fresh.len();
                self.party.insert(Party::new(std::mem::take(&mut self.fresh)))
            }
        };
        let by = context::with_task(|task| task.map(|task| task.id()));
        if by.is_none() || by != self.by {
            context::enter_party(party);
            self.by = by;
        }
        context::note(Note::party(party));
    }
}

/// Notes that what is being polled on this thread awaits the tasks of that party.
pub(crate) fn note_party(party: &Arc<Party>) {
    context::enter_party(party);
    context::note(Note::party(party));
}
