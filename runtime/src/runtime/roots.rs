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

use crate::context;
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

/// Makes a future known as one that `block_on` was called with, there, on this thread.
pub(super) fn rooted<'a, F: Future>(
    shared: &'a Shared,
    location: &'static Location<'static>,
    future: F,
) -> Rooted<'a, F> {
    let root = Arc::new(Root::new(location));
    let key = shared.roots.0.lock().insert(Arc::clone(&root));
    Rooted { future, listed: Listed { roots: &shared.roots, key, root } }
}

pin_project! {
    /// See [`rooted`].
    pub(super) struct Rooted<'a, F> {
        #[pin]
        future: F,
        listed: Listed<'a>,
    }
}

struct Listed<'a> {
    roots: &'a Roots,
    key: usize,
    root: Arc<Root>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let root = self.roots.0.lock().try_remove(self.key);
        drop(root);
    }
}

impl<F: Future> Future for Rooted<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let root = &*this.listed.root;
        let _in_root = context::begin_root(root);
        let _poll = Beat::new(&root.beat);
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
