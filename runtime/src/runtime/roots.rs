//! The futures that threads are inside `block_on` for: where the tree of who waits for whom begins.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::*, fence};
use std::task::{Context, Poll};
use std::thread;

use parking_lot::Mutex;
use pin_project_lite::pin_project;
use slab::Slab;

use crate::context::{self, InRoot};
use crate::primitives::Arc;
use crate::scheduler::Shared;
use crate::task::{Note, Notes, Parties, Party, Seen, add_party};

/// Those of a runtime.
#[derive(Default)]
pub(crate) struct Roots(Mutex<Slab<Arc<Root>>>);

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

impl Roots {
    /// All that are there.
    pub(super) fn all(&self) -> Vec<Arc<Root>> {
        self.0.lock().iter().map(|(_, root)| Arc::clone(root)).collect()
    }
}

/// A call of `block_on` from there, on this thread, known until it is dropped.
pub(super) struct Listed<'a> {
    roots: &'a Roots,
    key: usize,
    root: Arc<Root>,
}

impl<'a> Listed<'a> {
    pub(super) fn new(shared: &'a Shared, location: &'static Location<'static>) -> Self {
        let root = Arc::new(Root::new(location));
        let key = shared.roots.0.lock().insert(Arc::clone(&root));
        Self { roots: &shared.roots, key, root }
    }

    /// What is polled on this thread, and is no task, notes here what it awaits until the guard is dropped.
    pub(super) fn begin(&self) -> InRoot<'_> {
        context::begin_root(&self.root)
    }

    /// The future of the call, whose polls are counted.
    pub(super) fn watch<F>(&self, future: F) -> Watched<'_, F> {
        Watched { future, root: &self.root }
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let root = self.roots.0.lock().try_remove(self.key);
        drop(root);
    }
}

pin_project! {
    /// See [`Listed::watch`].
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
