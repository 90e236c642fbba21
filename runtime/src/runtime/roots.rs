//! The futures that threads are inside `block_on` for: where the tree of who waits for whom begins.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::*, fence};
use std::task::{Context, Poll};
use std::thread;

use parking_lot::Mutex;
use pin_project_lite::pin_project;

use crate::context;
use crate::primitives::Arc;
use crate::scheduler::Shared;
use crate::slots::Slots;
use crate::task::{Note, Notes, Parties, Party, Seen, add_party};

/// Those of a runtime. Each is on the stack of its `block_on`, and in the table as long as that is under way.
pub(crate) struct Roots(Mutex<Table>);

struct Table(Slots<Root>);

// SAFETY: the pointers are followed under the table's lock only, to roots that are taken out under that lock before they end.
// What others than their own threads look at there is `Sync`.
unsafe impl Send for Table {}

impl Default for Roots {
    fn default() -> Self {
        Self(Mutex::new(Table(Slots::new())))
    }
}

/// The future of one call of `block_on`.
pub(crate) struct Root {
    location: &'static Location<'static>,
    thread: thread::Thread,
    /// Counts the polls, twice each: odd while one is under way.
    beat: AtomicU64,
    notes: Notes,
    parties: Mutex<Parties>,
}

impl Root {
    fn new(location: &'static Location<'static>) -> Self {
        Self {
            location,
            thread: thread::current(),
            beat: AtomicU64::new(0),
            notes: Notes::new(),
            parties: Mutex::new(None),
        }
    }

    /// The future of the call, whose polls are counted.
    pub(super) fn watch<F>(&self, future: F) -> Watched<'_, F> {
        Watched { future, root: self }
    }

    /// Notes what the poll under way awaits, on the thread that polls.
    pub(crate) fn note(&self, note: Note) {
        self.notes.add(self.beat.load(Relaxed), note);
    }

    /// Adds to the parties that it awaits.
    pub(crate) fn enter_party(&self, party: &Arc<Party>) {
        add_party(&mut self.parties.lock(), party);
    }

    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    pub(super) fn thread(&self) -> &thread::Thread {
        &self.thread
    }

    pub(super) fn polls(&self) -> u64 {
        self.beat.load(Relaxed).div_ceil(2)
    }

    /// What it awaits, and the parties among that; `None` while it is polled.
    pub(super) fn awaits(&self) -> Option<(Seen, Vec<Arc<Party>>)> {
        // Acquire pairs with the Release of the poll's end: its notes are there.
        let beat = self.beat.load(Acquire);
        if beat % 2 == 1 {
            return None;
        }
        let seen = self.notes.read(beat.wrapping_sub(1));
        let parties = self.parties.lock().iter().flat_map(|parties| parties.iter().cloned()).collect();
        // A note of a later poll may have been read; then its beat is there too (see `Notes::add`).
        fence(Acquire);
        (self.beat.load(Relaxed) == beat).then_some((seen, parties))
    }
}

/// Calls `f` with the root of a call of `block_on` from there. It is known until `f` returns, and what is polled on this thread
/// meanwhile, and is no task, notes there what it awaits.
#[inline]
pub(super) fn with_root<R>(
    shared: &Shared,
    location: &'static Location<'static>,
    f: impl FnOnce(&Root) -> R,
) -> R {
    let root = Root::new(location);
    let _listed = Listed::new(&shared.roots, &root);
    let _in_root = context::begin_root(&root);
    f(&root)
}

impl Roots {
    /// What `f` says of each that is there. The table is locked meanwhile.
    pub(super) fn map<T>(&self, mut f: impl FnMut(&Root) -> T) -> Vec<T> {
        let table = self.0.lock();
        // SAFETY: it is there and the lock is held, so it was not taken out, and has not ended.
        table.0.iter().map(|root| f(unsafe { &*root })).collect()
    }
}

/// A root in the table, until this is dropped. Never forgotten: `with_root` keeps it to itself.
struct Listed<'a> {
    roots: &'a Roots,
    slot: u32,
}

impl<'a> Listed<'a> {
    #[inline]
    fn new(roots: &'a Roots, root: &'a Root) -> Self {
        let slot = roots.0.lock().0.insert(root);
        Self { roots, slot }
    }
}

impl Drop for Listed<'_> {
    #[inline]
    fn drop(&mut self) {
        let _memory = self.roots.0.lock().0.remove(self.slot);
    }
}

pin_project! {
    /// See [`Root::watch`].
    pub(super) struct Watched<'a, F> {
        #[pin]
        future: F,
        root: &'a Root,
    }
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _beat = Beat::new(&this.root.beat);
        this.future.poll(cx)
    }
}

/// A poll that is under way.
struct Beat<'a>(&'a AtomicU64);

impl<'a> Beat<'a> {
    fn new(beat: &'a AtomicU64) -> Self {
        // Only this thread writes it.
        beat.store(beat.load(Relaxed) + 1, Relaxed);
        Self(beat)
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        // Release pairs with the Acquire of `awaits`.
        self.0.store(self.0.load(Relaxed) + 1, Release);
    }
}
