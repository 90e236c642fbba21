//! What a runtime counts.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::Duration;

use super::seat::{Counter, Seat, Stats, Watched};
use super::shared::Shared;
use crate::context;
use crate::primitives::Arc;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::task::{AllTasks, Id, Party, Place, Registry, TaskInfo};

/// The counters of a runtime. Each call reads them anew; they are counted by every worker for itself, so
/// their sums are exact only when nothing runs.
///
/// # Examples
///
/// ```
/// let rt = windlass::runtime::Runtime::new().unwrap();
/// rt.block_on(async {
///     windlass::spawn(async {}).await.unwrap();
/// });
/// assert_eq!(rt.metrics().spawned_tasks_count(), 1);
/// ```
///
/// Each counter by its name:
///
/// ```
/// let runtime = windlass::runtime::Runtime::new().unwrap();
/// runtime.block_on(async { windlass::spawn(async {}).await.unwrap() });
/// let metrics = runtime.metrics();
/// println!("{} tasks alive, {} of them queued, {} in the injector",
///     metrics.num_alive_tasks(), metrics.num_queued_tasks(), metrics.global_queue_depth());
/// println!("{} polls, {} steals and {} from LIFO slots",
///     metrics.polls_count(), metrics.steals_count(), metrics.lifo_steals_count());
/// println!("{} times asleep, {} times woken, {} times moved from behind a stuck poll",
///     metrics.parks_count(), metrics.wakes_count(), metrics.rescues_count());
/// assert_eq!(metrics.unobserved_panics_count(), 0);
/// for worker in 0..metrics.num_workers() {
///     let asleep = if metrics.worker_park_unpark_count(worker) % 2 == 1 { ", and now" } else { "" };
///     println!("{worker}: {} polls, {} times asleep{asleep}, {} steals, {:?} busy",
///         metrics.worker_poll_count(worker), metrics.worker_park_count(worker),
///         metrics.worker_steal_count(worker), metrics.worker_total_busy_duration(worker));
/// }
/// ```
#[derive(Clone)]
pub struct RuntimeMetrics {
    shared: Arc<Shared>,
}

// It only reads counters.
impl UnwindSafe for RuntimeMetrics {}
impl RefUnwindSafe for RuntimeMetrics {}

impl RuntimeMetrics {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn sum(&self, counter: fn(&Stats) -> &Counter) -> u64 {
        self.shared.seats.iter().map(|seat| counter(&seat.stats).get()).sum()
    }

    #[track_caller]
    fn seat(&self, worker: usize) -> &Seat {
        let workers = self.num_workers();
        assert!(worker < workers, "there is no worker {worker}: the runtime has {workers}");
        &self.shared.seats[worker]
    }

    /// The number of workers; 1 on a current-thread runtime.
    pub fn num_workers(&self) -> usize {
        self.shared.config.workers.max(1)
    }

    /// The number of tasks that are not complete.
    pub fn num_alive_tasks(&self) -> usize {
        self.shared.counts().live as usize
    }

    /// The number of tasks that wait in a queue; on a current-thread runtime as of its last look outside.
    pub fn num_queued_tasks(&self) -> usize {
        let alone = self.shared.seats.len() == 1;
        let local = |seat: &Seat| {
            let queue = if alone { seat.queued.get() as usize } else { seat.stealer.len() };
            queue + usize::from(!seat.lifo.is_empty())
        };
        self.global_queue_depth() + self.shared.seats.iter().map(|seat| local(seat)).sum::<usize>()
    }

    /// The number of tasks that were queued from outside of the runtime and wait for a worker.
    pub fn global_queue_depth(&self) -> usize {
        self.shared.injector.len()
    }

    /// The number of tasks that were spawned.
    pub fn spawned_tasks_count(&self) -> u64 {
        self.shared.counts().spawned
    }

    /// The number of polls of tasks.
    pub fn polls_count(&self) -> u64 {
        self.sum(|stats| &stats.polls)
    }

    /// How often a worker took tasks from another one's queue.
    pub fn steals_count(&self) -> u64 {
        self.sum(|stats| &stats.steals)
    }

    /// How often a worker took the task that another one was to run next.
    pub fn lifo_steals_count(&self) -> u64 {
        self.sum(|stats| &stats.lifo_steals)
    }

    /// How often a worker went to sleep.
    pub fn parks_count(&self) -> u64 {
        self.shared.seats.iter().map(|seat| parks(seat)).sum()
    }

    /// How often a worker was woken because there was work.
    pub fn wakes_count(&self) -> u64 {
        self.shared.idle.wakes()
    }

    /// How many tasks the monitor took from behind a poll that did not return.
    pub fn rescues_count(&self) -> u64 {
        self.shared.monitor.rescues.load(Relaxed)
    }

    /// How many tasks and blocking jobs have panicked and had their handle dropped without anyone looking at
    /// that. Each was reported when it happened by the panic hook, and when it was dropped through `tracing`.
    pub fn unobserved_panics_count(&self) -> u64 {
        self.shared.unobserved.panics()
    }

    /// The number of polls of one worker.
    ///
    /// # Panics
    ///
    /// If there is no such worker, as in all that follow.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.seat(worker).stats.polls.get()
    }

    /// How often one worker went to sleep.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        parks(self.seat(worker))
    }

    /// How often one worker went to sleep and woke up, together: odd while it is asleep.
    #[track_caller]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.seat(worker).stats.parks_and_unparks.get()
    }

    /// How often one worker took tasks from another one's queue.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.seat(worker).stats.steals.get()
    }

    /// How long one worker has been awake, up to when it last went to sleep.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        Duration::from_nanos(self.seat(worker).stats.busy.get())
    }
}

fn parks(seat: &Seat) -> u64 {
    seat.stats.parks_and_unparks.get().div_ceil(2)
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("workers", &self.num_workers())
            .field("alive_tasks", &self.num_alive_tasks())
            .field("queued_tasks", &self.num_queued_tasks())
            .field("spawned_tasks", &self.spawned_tasks_count())
            .field("polls", &self.polls_count())
            .field("steals", &self.steals_count())
            .field("lifo_steals", &self.lifo_steals_count())
            .field("parks", &self.parks_count())
            .field("wakes", &self.wakes_count())
            .field("rescues", &self.rescues_count())
            .field("unobserved_panics", &self.unobserved_panics_count())
            .finish()
    }
}

/// After how many tasks a list gives up the processor, about once a millisecond: where workers have no other one, the system would
/// let them wait for all of its time slice.
const LISTED_AT_ONCE: usize = 8192;

/// For how long. To yield it is not enough: that leaves it to those who wait for this one, while in a sleep the system gives it to
/// some who wait for another.
const PAUSE: Duration = Duration::from_micros(50);

/// Tasks that are being listed.
struct List {
    /// From where the timers that they wait for are counted.
    tick: u64,
    tasks: Vec<TaskInfo>,
    /// The parties that some of them await, with where these are in `tasks`.
    parties: Vec<(usize, Vec<Arc<Party>>)>,
}

impl List {
    fn new(tick: u64, capacity: usize) -> Self {
        Self { tick, tasks: Vec::with_capacity(capacity), parties: Vec::new() }
    }

    fn add_all_of(&mut self, registry: &Registry) {
        // What is looked at under a lock goes into a small list, so that no lock is held while a large one grows.
        let few = RefCell::new(Vec::with_capacity(256));
        registry.walk(
            |task, entry, parties| {
                let info = TaskInfo::registered(task, entry, self.tick);
                let parties = info.awaits_party().then(|| parties.to_vec());
                few.borrow_mut().push((info, parties));
            },
            || {
                for (info, parties) in few.borrow_mut().drain(..) {
                    self.parties.extend(parties.map(|parties| (self.tasks.len(), parties)));
                    self.tasks.push(info);
                    if self.tasks.len().is_multiple_of(LISTED_AT_ONCE) {
                        thread::sleep(PAUSE);
                    }
                }
            },
        );
    }

    /// The tasks; those that await parties with their members, as far as these are there.
    fn finish(self) -> Vec<TaskInfo> {
        let Self { mut tasks, parties, .. } = self;
        if !parties.is_empty() {
            let there: HashSet<Id> = tasks.iter().map(TaskInfo::id).collect();
            for (at, parties) in parties {
                tasks[at].add_members(&parties, |id| there.contains(&id));
            }
        }
        tasks
    }
}

impl Shared {
    /// Every live task that something is known of.
    pub(crate) fn all_tasks(&self) -> AllTasks {
        // A task of a `LocalSet` that asks is there, too, whose poll no pulse shows.
        context::register_polled();
        // Before the walk: whose first poll is over by now is in the registry, and whose is not may join behind the walk.
        let first_polls = self.first_polls();
        let mut list = List::new(self.driver.timers().clock().tick(), self.registry.len());
        list.add_all_of(&self.registry);
        for (id, location) in first_polls {
            if !list.tasks.iter().any(|task| task.id() == id) {
                list.tasks.push(TaskInfo::first_poll(id, location));
            }
        }
        let not_started = (self.counts().live as usize).saturating_sub(list.tasks.len());
        for registry in self.local_sets.registries() {
            list.add_all_of(&registry);
        }
        AllTasks { tasks: list.finish(), not_started }
    }

    /// The tasks that workers poll for the first time.
    fn first_polls(&self) -> Vec<(Id, &'static Location<'static>)> {
        let occupied = self.seats.iter().filter(|seat| seat.is_occupied());
        let watched = occupied.filter_map(|seat| seat.pulse.look(seat.pulse.beat()));
        let first_poll = |watched| match watched {
            Watched::FirstPoll(id, location) => Some((id, location)),
            _ => None,
        };
        watched.filter_map(first_poll).collect()
    }

    /// Says which tasks keep a shutdown from its end.
    #[cold]
    pub(crate) fn report_stuck(&self) {
        let own = context::with_worker_of(self, |worker| worker.map(|worker| worker.index()));
        for (index, seat) in self.seats.iter().enumerate() {
            if !seat.is_occupied() || own == Some(index) {
                continue;
            }
            let beat = seat.pulse.beat();
            let (id, location) = match seat.pulse.look(beat) {
                Some(Watched::FirstPoll(id, location)) => (id, location),
                Some(Watched::Registered(entry)) => {
                    match self.registry.find(entry, |task, entry| (task.id(), entry.location())) {
                        Some(found) if seat.pulse.beat() == beat => found,
                        _ => continue,
                    }
                }
                Some(Watched::BlockOn) | None => continue,
            };
            let place = Place(location);
            tracing::warn!(
                target: "windlass::runtime",
                task_id = id.get(),
                spawned_at = %place,
                "the runtime is shut down, and the task spawned at {place} is in a poll; what it holds up is \
                 dropped once that returns"
            );
        }
    }
}
