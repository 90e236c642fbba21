//! The one allocation of a task, and who may access which field of it when.
//!
//! | field | may be accessed by |
//! | --- | --- |
//! | `state` | everyone with a reference |
//! | `vtable`, `scheduler`, `id` | everyone with a reference, read only |
//! | `origin` | the spawner and the holder of the claim write, everyone reads |
//! | `join_waker` | the join handle while `JOIN_WAKER` is unset; with it set, whoever completes the task |
//! | `stage` | the holder of the claim until `COMPLETE`; then the join handle, or without one the completer |

use std::any::Any;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use super::entry::Entry;
use super::id::Id;
use super::raw::Vtable;
use super::state::State;
use crate::primitives::atomic::AtomicPtr;
use crate::primitives::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::primitives::{Alive, UnsafeCell};

/// What every task begins with, whatever its future.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static Vtable,
    /// Whom the task belongs to: alive as long as the task is not complete, and not to be touched after.
    pub(super) scheduler: NonNull<()>,
    pub(super) id: Id,
    origin: Origin,
    pub(super) join_waker: UnsafeCell<Option<Waker>>,
}

/// A task: the header, then what depends on the future's type.
#[repr(C)]
pub(super) struct Cell<F: Future> {
    pub(super) header: Header,
    pub(super) stage: UnsafeCell<Stage<F>>,
    pub(super) alive: Alive,
}

/// The future, and after it its output.
pub(super) enum Stage<F: Future> {
    Future(F),
    Output(F::Output),
    /// The output was taken or dropped, or there is none: the task was cancelled or panicked.
    Gone,
}

impl Header {
    pub(super) fn new(
        vtable: &'static Vtable,
        scheduler: NonNull<()>,
        id: Id,
        location: &'static Location<'static>,
    ) -> Self {
        Self {
            state: State::new(),
            vtable,
            scheduler,
            id,
            origin: Origin::new(location),
            join_waker: UnsafeCell::new(None),
        }
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Whom the task belongs to.
    pub(crate) fn scheduler(&self) -> NonNull<()> {
        self.scheduler
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Where a task was spawned: the location itself, or from its registration on the registry's entry, which
/// knows the location too. One word, tagged in its lowest bit.
pub(crate) struct Origin(AtomicPtr<()>);

const ENTRY: usize = 1;

impl Origin {
    fn new(location: &'static Location<'static>) -> Self {
        Self(AtomicPtr::new(std::ptr::from_ref(location).cast_mut().cast()))
    }

    /// The spawn location.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.look().map_or_else(|location| location, Entry::location)
    }

    /// The registry's entry, if the task has one. It lives as long as the task's allocation.
    #[inline]
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.look().ok()
    }

    /// The registry's entry, or the location if there is none yet, in one look: the task may be registered between two.
    #[inline]
    fn look(&self) -> Result<&Entry, &'static Location<'static>> {
        // Acquire pairs with the Release of `set_entry`: the entry is complete.
        let word = self.0.load(Acquire);
        if word.addr() & ENTRY == 0 {
            // SAFETY: without the tag the word is what `new` stored, a reference to a static location.
            return Err(unsafe { &*word.cast::<Location<'static>>() });
        }
        let entry = word.map_addr(|addr| addr & !ENTRY).cast::<Entry>();
        // SAFETY: a tagged word is a leaked box of an entry (`set_entry`) that only `take_entry` frees, and
        // that takes `&mut self`.
        Ok(unsafe { &*entry })
    }

    /// The word as it is, for those who compare it and do not look behind it.
    #[inline]
    pub(crate) fn word(&self) -> *mut () {
        self.0.load(Relaxed)
    }

    /// Attaches the entry. Only the holder of the claim calls this, and only once.
    pub(super) fn set_entry(&self, entry: Box<Entry>) -> &Entry {
        debug_assert!(self.entry().is_none());
        let entry = Box::into_raw(entry);
        // Release pairs with the Acquire of `entry`.
        self.0.store(entry.map_addr(|addr| addr | ENTRY).cast(), Release);
        // SAFETY: it was a box a moment ago and is freed only through `&mut self`.
        unsafe { &*entry }
    }

    /// Detaches the entry when the task is freed.
    fn take_entry(&mut self) -> Option<Box<Entry>> {
        let word = self.0.load(Acquire);
        if word.addr() & ENTRY == 0 {
            return None;
        }
        let entry = word.map_addr(|addr| addr & !ENTRY).cast::<Entry>();
        // SAFETY: `set_entry` made it from a box, and `&mut self` says that nobody else looks.
        let entry = unsafe { Box::from_raw(entry) };
        self.0 = AtomicPtr::new(std::ptr::null_mut());
        Some(entry)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(entry) = self.take_entry() {
            entry.recycle();
        }
    }
}

/// Splits what a word published by `Origin::word` says, without following it.
pub(crate) fn published_origin(word: *mut ()) -> Published {
    if word.is_null() {
        Published::Nothing
    } else if word.addr() & ENTRY == 0 {
        // SAFETY: an untagged word is a reference to a static location (`Origin::new`).
        Published::At(unsafe { &*word.cast::<Location<'static>>() })
    } else {
        Published::Entry(word.map_addr(|addr| addr & !ENTRY).cast())
    }
}

/// What a seat publishes about the task it polls.
pub(crate) enum Published {
    /// No task.
    Nothing,
    /// A task in its first poll, spawned there.
    At(&'static Location<'static>),
    /// A registered task: ask the registry whether the entry is still there before looking into it.
    Entry(*const Entry),
}

/// The payload of a panic, as `catch_unwind` gives it.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;
