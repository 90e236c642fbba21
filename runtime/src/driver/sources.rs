//! The descriptors of a runtime, by the keys under which the poller reports them.

use std::sync::Arc;
use std::task::Waker;

use slab::Slab;

use super::source::Source;
use crate::primitives::Mutex;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::poller::{Events, Key};

/// Every descriptor that is registered.
pub(crate) struct Sources {
    inner: Mutex<Inner>,
    /// How many there are; a hint.
    len: AtomicUsize,
}

struct Inner {
    slab: Slab<Entry>,
    /// How many there have ever been.
    count: u32,
    gone: bool,
}

struct Entry {
    source: Arc<Source>,
    /// Tells an event of this descriptor from a late one of another that had the same place.
    generation: u32,
}

impl Sources {
    pub(crate) fn new() -> Self {
        let inner = Inner { slab: Slab::new(), count: 0, gone: false };
        Self { inner: Mutex::new(inner), len: AtomicUsize::new(0) }
    }

    /// How many there are, or were a moment ago.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// A place for one more. `None` if the runtime is gone.
    pub(crate) fn insert(&self, source: &Arc<Source>) -> Option<Key> {
        let mut inner = self.inner.lock();
        if inner.gone {
            return None;
        }
        inner.count = inner.count.wrapping_add(1);
        let generation = inner.count;
        let at = inner.slab.insert(Entry { source: Arc::clone(source), generation });
        self.len.store(inner.slab.len(), Relaxed);
        let at = u32::try_from(at).expect("there are fewer descriptors than that");
        Some(Key(u64::from(generation) << 32 | u64::from(at)))
    }

    /// Gives the place back: events that come later are about nobody.
    pub(crate) fn remove(&self, key: Key) {
        let removed = {
            let mut inner = self.inner.lock();
            let removed = inner.find(key).is_some().then(|| inner.slab.remove(at(key)));
            self.len.store(inner.slab.len(), Relaxed);
            removed
        };
        drop(removed);
    }

    /// Passes events on to those they are about, and collects who waits for them; if the system forgets a descriptor with an
    /// event, whoever waits for it at all.
    pub(crate) fn report(&self, events: &Events, forgotten: bool, wakers: &mut Vec<Waker>) {
        let inner = self.inner.lock();
        for &(key, ready) in events {
            if let Some(entry) = inner.find(key) {
                entry.source.report(ready, wakers);
                if forgotten {
                    entry.source.rouse_all(wakers);
                }
            }
        }
    }

    /// The runtime is gone: nothing is registered from here on, and all who wait are to be told.
    pub(crate) fn close(&self, wakers: &mut Vec<Waker>) {
        let mut inner = self.inner.lock();
        inner.gone = true;
        for (_, entry) in &inner.slab {
            entry.source.report_gone(wakers);
        }
    }
}

impl Inner {
    fn find(&self, key: Key) -> Option<&Entry> {
        self.slab.get(at(key)).filter(|entry| u64::from(entry.generation) == key.0 >> 32)
    }
}

fn at(key: Key) -> usize {
    key.0 as u32 as usize
}
