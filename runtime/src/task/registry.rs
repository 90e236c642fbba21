//! The registry: every live task that has returned `Pending` at least once, every named one, and those whose first poll no pulse shows.
//!
//! A shard per seat, each a table of entries under a lock of its own: a task joins the shard of the worker that polls it,
//! which nobody else locks but tasks that finish elsewhere and the few who list. An entry keeps its slot as long as it is there,
//! so a walk needs nothing but a number to go on from, and any number of them may be under way.

use std::ptr;

use crossbeam_utils::CachePadded;

use super::cell::Header;
use super::entry::{Entry, NOWHERE};
use super::waits::Party;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::{Arc, Mutex, MutexGuard};
use crate::slots::Slots;

/// The registry of a scheduler.
pub(crate) struct Registry {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
}

struct Shard(Slots<Entry>);

// SAFETY: the pointers are followed under the shard's lock only, to entries that are taken out under that lock before they are
// freed; what others than the holder of a task's claim do with an entry is sound on every thread (see the table in `entry`).
unsafe impl Send for Shard {}

pub(super) const MOST_SHARDS: usize = 1 << 16;

/// How many entries a walk looks at before it lets others have the lock: few enough for who wants it to get it while it spins.
/// So few in a model that it sees others come between.
const LOOKED_AT: usize = if cfg!(windlass_loom) { 2 } else { 16 };

/// The same of a search, which looks at addresses alone.
const COMPARED: usize = 512;

impl Registry {
    pub(crate) fn new(shards: usize) -> Self {
        // More seats than that share shards.
        let shards = shards.clamp(1, MOST_SHARDS);
        let shard = || CachePadded::new(Mutex::new(Shard(Slots::new())));
        Self { shards: (0..shards).map(|_| shard()).collect() }
    }

    /// Puts in the entry of a task that is not complete, once. Only the holder of the claim calls this.
    pub(super) fn insert(&self, entry: &Entry) {
        let mut shard = self.shards[entry.shard()].lock();
        entry.slot.store(shard.0.insert(entry), Relaxed);
    }

    /// Takes out the entry of a task that is about to be complete. Does nothing if it never was there. Only the holder of the
    /// claim calls this.
    pub(super) fn remove(&self, entry: &Entry) {
        let slot = entry.slot.load(Relaxed);
        if slot == NOWHERE {
            return;
        }
        // Freed once the lock is.
        let _memory = self.shards[entry.shard()].lock().0.remove(slot);
    }

    /// Adds to the parties that a task awaits. Only the holder of the claim calls this.
    pub(super) fn enter_party(&self, entry: &Entry, party: &Arc<Party>) {
        let _shard = self.shards[entry.shard()].lock();
        // SAFETY: the lock is held.
        unsafe { entry.enter_party(party) };
    }

    /// How many tasks are registered.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().0.len()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` with every registered task, its entry and its parties, and `meanwhile` every now and then without any lock.
    /// Tasks that come or go meanwhile may be seen or not; those that stay are, once.
    ///
    /// No lock is held for longer than it takes to look at a few, so that `f` may take a moment. It must not end a task.
    pub(crate) fn walk(&self, mut f: impl FnMut(&Header, &Entry, &[Arc<Party>]), meanwhile: impl FnMut()) {
        let look = |entry: *const Entry| {
            // SAFETY: it is there and the shard's lock is held, so it was not taken out, nor freed after that.
            let entry = unsafe { &*entry };
            // SAFETY: an entry that is there is that of a task which is not complete and therefore not freed.
            let task = unsafe { entry.task().as_ref() };
            // SAFETY: the shard's lock is held.
            unsafe { entry.parties(|parties| f(task, entry, parties)) };
            None::<()>
        };
        self.find_map(LOOKED_AT, look, meanwhile);
    }

    /// Calls `f` with the entry at that address if it is still registered. It waits for no walk that is under way.
    pub(crate) fn find<R>(&self, wanted: *const Entry, f: impl FnOnce(&Header, &Entry) -> R) -> Option<R> {
        let mut f = Some(f);
        let compare = |entry| {
            let f = if ptr::eq(entry, wanted) { f.take()? } else { return None };
            // SAFETY: it is there and the shard's lock is held, so it was not taken out, nor freed after that.
            let entry = unsafe { &*entry };
            // SAFETY: an entry that is there is that of a task which is not complete and therefore not freed.
            Some(f(unsafe { entry.task().as_ref() }, entry))
        };
        self.find_map(COMPARED, compare, || {})
    }

    /// What `f` first gives of an entry, with the lock of its shard held: after so `many` of them others may have it.
    /// `meanwhile` is called without.
    fn find_map<R>(
        &self,
        many: usize,
        mut f: impl FnMut(*const Entry) -> Option<R>,
        mut meanwhile: impl FnMut(),
    ) -> Option<R> {
        for shard in &self.shards {
            let (mut at, mut end) = (0, None);
            loop {
                let guard = shard.lock();
                let Shard(entries) = &*guard;
                // Who comes later may come behind that, and so for ever.
                let end = *end.get_or_insert(entries.end());
                for _ in 0..many {
                    if at == end {
                        break;
                    }
                    if let Some(found) = entries.step(&mut at).and_then(&mut f) {
                        return Some(found);
                    }
                }
                // To those who wait for it, if there are any: whoever unlocks and locks again is faster than they are.
                MutexGuard::unlock_fair(guard);
                meanwhile();
                if at == end {
                    break;
                }
            }
        }
        None
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use std::cell::Cell;

    use super::LOOKED_AT;
    use crate::runtime::Builder;

    /// A runtime of one worker with so many tasks that wait, and a walk through them.
    #[test]
    fn a_walk_unlocks_every_now_and_then() {
        const TASKS: usize = 10 * LOOKED_AT + 1;
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
        assert_eq!((most.get(), seen.get()), (LOOKED_AT, TASKS));
        drop(tasks);
    }

    /// Walks and searches wait for none that is under way, nor for each other.
    #[test]
    fn walks_and_searches_within_a_walk() {
        const TASKS: usize = 2 * LOOKED_AT;
        let runtime = Builder::new_current_thread().build().unwrap();
        let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
        let registry = &runtime.handle().shared().registry;
        runtime.block_on(async {
            while registry.len() < TASKS {
                crate::task::yield_now().await;
            }
        });
        let (mut entries, mut walks) = (Vec::new(), 0);
        registry.walk(|task, entry, _| entries.push((task.id(), std::ptr::from_ref(entry))), || {});
        registry.walk(
            |_, _, _| {},
            || {
                walks += 1;
                let mut seen = 0;
                registry.walk(|_, _, _| seen += 1, || {});
                assert_eq!(seen, TASKS);
                for (id, entry) in &entries {
                    assert_eq!(registry.find(*entry, |task, _| task.id()), Some(*id));
                }
                let nobody = std::ptr::without_provenance(8);
                assert_eq!(registry.find(nobody, |task, _| task.id()), None);
            },
        );
        assert!(walks >= TASKS / LOOKED_AT, "{walks}");
        drop(tasks);
    }

    /// Who ends meanwhile is passed over, wherever it is in the list, and all others are seen.
    #[test]
    fn tasks_that_end_during_a_walk() {
        const TASKS: usize = 3 * LOOKED_AT;
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
                    tasks.iter().position(|task| !task.is_finished() && !seen.borrow().contains(&task.id()));
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
