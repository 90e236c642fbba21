//! The `LocalSet`s that are polled in a runtime, for those who list its tasks.

use slab::Slab;

use super::Registry;
use crate::primitives::{Arc, Mutex};

/// The registries of the sets that are polled in one runtime.
pub(crate) struct LocalSets(Mutex<Slab<Arc<Registry>>>);

impl LocalSets {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Slab::new()))
    }

    pub(crate) fn registries(&self) -> Vec<Arc<Registry>> {
        self.0.lock().iter().map(|(_, registry)| Arc::clone(registry)).collect()
    }

    /// Puts a set on the list, until what this gives is dropped.
    pub(super) fn list(self: &Arc<Self>, registry: &Arc<Registry>) -> Listed {
        let at = self.0.lock().insert(Arc::clone(registry));
        Listed { sets: Arc::clone(self), at }
    }
}

/// A set that is on a list.
pub(super) struct Listed {
    sets: Arc<LocalSets>,
    at: usize,
}

impl Listed {
    #[inline]
    pub(super) fn is_in(&self, sets: &Arc<LocalSets>) -> bool {
        Arc::ptr_eq(&self.sets, sets)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.sets.0.lock().remove(self.at);
    }
}
