//! Everything at once, at random, on more workers than there are cores: tasks that spawn, wake, abort, join, yield,
//! wait, panic and drop each other, with threads outside that do the same, and shutdowns in the middle of it.
//!
//! What must hold whatever happens: every future is dropped exactly once, every handle ends, outputs are those of the
//! task joined, and nothing hangs. A failure prints its seed: `WINDLASS_STRESS_SEED` runs that script again (threads
//! are scheduled by the system, so it may take some rounds to fail again), and `WINDLASS_STRESS_ROUNDS` runs more of
//! them.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, AbortHandle, JoinHandle, JoinSet, LocalSet};
use windlass_tests::rounds::rounds;
use windlass_tests::{Flavor, Ledger, Tracked, poll_once, wake_self};

/// How many rounds each of the tests makes if nothing else is said.
const ROUNDS: u64 = 100;

/// How many tasks are spawned in a round at most.
const TASKS: usize = 1_500;

#[test]
fn two_workers() {
    stress(Flavor::MultiThread(2));
}

#[test]
fn four_workers() {
    stress(Flavor::MultiThread(4));
}

#[test]
fn sixteen_workers() {
    stress(Flavor::MultiThread(16));
}

#[test]
fn current_thread() {
    stress(Flavor::CurrentThread);
}

fn stress(flavor: Flavor) {
    rounds(flavor, ROUNDS, move |_, seed| Round::new(flavor, seed).run());
}

/// What the tasks of a round share.
struct World {
    handle: Handle,
    ledger: Arc<Ledger>,
    spawned: AtomicUsize,
    /// No task waits any more, and none is spawned.
    ending: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
    aborts: Mutex<Vec<AbortHandle>>,
}

type Life = Pin<Box<dyn Future<Output = usize> + Send>>;

impl World {
    /// A task at random, unless there have been enough.
    fn spawn(self: &Arc<Self>, random: &mut Rng) -> Option<(usize, JoinHandle<usize>)> {
        let number = self.spawned.fetch_add(1, Ordering::SeqCst);
        if number >= TASKS || self.ending.load(Ordering::SeqCst) {
            return None;
        }
        let life = self.clone().live(number, self.ledger.track(), random.fork());
        let task = match random.u32(..8) {
            0 => task::Builder::new().name("stress").spawn_on(life, &self.handle).unwrap(),
            _ => self.handle.spawn(life),
        };
        if random.u32(..4) == 0 {
            self.aborts.lock().push(task.abort_handle());
        }
        Some((number, task))
    }

    fn wake_one(&self, random: &mut Rng) {
        let waker = {
            let mut wakers = self.wakers.lock();
            if wakers.is_empty() {
                return;
            }
            let which = random.usize(..wakers.len());
            if random.bool() { wakers.swap_remove(which) } else { wakers[which].clone() }
        };
        if random.bool() { waker.wake() } else { waker.wake_by_ref() }
    }

    fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().for_each(Waker::wake);
    }

    fn abort_one(&self, random: &mut Rng) {
        let abort = {
            let mut aborts = self.aborts.lock();
            if aborts.is_empty() {
                return;
            }
            let which = random.usize(..aborts.len());
            aborts.swap_remove(which)
        };
        abort.abort();
    }

    /// Leaves a waker for the others, and waits until one of them used it, or the round ends.
    fn wait(self: &Arc<Self>) -> impl Future<Output = ()> + Send {
        let world = self.clone();
        let mut left = false;
        poll_fn(move |context| {
            if left || world.ending.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            left = true;
            world.wakers.lock().push(context.waker().clone());
            // Whoever ends the round may have been here just before.
            if world.ending.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// What a task does: a few things at random, and then it returns its number.
    fn live(self: Arc<Self>, number: usize, tracked: Tracked, mut random: Rng) -> Life {
        Box::pin(async move {
            let _tracked = tracked;
            let mut kept = Vec::new();
            for _ in 0..random.usize(..16) {
                match random.u32(..20) {
                    0 | 1 => task::yield_now().await,
                    2 | 3 => wake_self().await,
                    4..=8 => kept.extend(self.spawn(&mut random)),
                    9 => drop(self.spawn(&mut random)),
                    10 | 11 => {
                        if let Some((number, task)) = kept.pop() {
                            check(number, task.await);
                        }
                    }
                    12 => {
                        if let Some((number, task)) = kept.pop() {
                            task.abort();
                            check(number, task.await);
                        }
                    }
                    13 => {
                        if let Some((number, mut task)) = kept.pop() {
                            // Polled once, on behalf of nobody, and detached.
                            if let Poll::Ready(result) = poll_once(&mut task) {
                                check(number, result);
                            }
                        }
                    }
                    14 => self.wake_one(&mut random),
                    15 | 16 => self.wait().await,
                    17 => self.abort_one(&mut random),
                    18 => match random.u32(..8) {
                        0 => std::panic::resume_unwind(Box::new("stress")),
                        1 => {
                            if let Ok(value) = task::spawn_blocking(move || number).await {
                                assert_eq!(value, number);
                            }
                        }
                        2 => task::coop::unconstrained(wake_self()).await,
                        _ => {}
                    },
                    _ => task::coop::consume_budget().await,
                }
            }
            number
        })
    }
}

/// Asserts what is known of a result: it is the output of that very task, or the task was cancelled or panicked.
fn check(number: usize, result: Result<usize, task::JoinError>) {
    match result {
        Ok(output) => assert_eq!(output, number),
        Err(error) if error.is_panic() => {
            let payload = error.into_panic();
            assert_eq!(windlass_tests::payload_text(&*payload), "stress");
        }
        Err(error) => assert!(error.is_cancelled()),
    }
}

/// How a round ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// All tasks come to their ends, and the runtime is dropped.
    Quiet,
    /// The runtime is dropped in the middle.
    Drop,
    /// It is shut down in the background.
    Background,
    /// It is given some time.
    Timeout,
}

struct Round {
    runtime: Runtime,
    world: Arc<World>,
    random: Rng,
}

impl Round {
    fn new(flavor: Flavor, seed: u64) -> Self {
        let runtime = flavor.runtime();
        let world = Arc::new(World {
            handle: runtime.handle().clone(),
            ledger: Ledger::new(),
            spawned: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            wakers: Mutex::default(),
            aborts: Mutex::default(),
        });
        Round { runtime, world, random: Rng::with_seed(seed) }
    }

    fn run(self) {
        let Round { runtime, world, mut random } = self;
        let end = match random.u32(..6) {
            0 => End::Drop,
            1 => End::Background,
            2 => End::Timeout,
            _ => End::Quiet,
        };
        let outsiders: Vec<_> = (0..2)
            .map(|_| {
                let (world, random) = (world.clone(), random.fork());
                thread::spawn(move || outsider(&world, random))
            })
            .collect();

        // Guests: threads in `block_on`, this one among them, which a current-thread runtime cannot do without.
        let insides: Vec<_> = (0..3).map(|_| random.fork()).collect();
        thread::scope(|scope| {
            for random in insides {
                let (runtime, world) = (&runtime, &world);
                scope.spawn(move || guest(runtime, world, random, end));
            }
        });

        match end {
            End::Quiet => {
                world.ending.store(true, Ordering::SeqCst);
                let started = world.clone();
                let all = runtime.handle().metrics();
                runtime.block_on(async move {
                    while all.num_alive_tasks() > 0 {
                        started.wake_all();
                        task::yield_now().await;
                    }
                });
                drop(runtime);
            }
            End::Drop => drop(runtime),
            End::Background => runtime.shutdown_background(),
            End::Timeout => runtime.shutdown_timeout(Duration::from_secs(1_000)),
        }
        world.ending.store(true, Ordering::SeqCst);
        let mut tasks = Vec::new();
        for outsider in outsiders {
            tasks.extend(outsider.join().unwrap());
        }
        for (number, task) in tasks {
            check(number, futures::executor::block_on(task));
        }
        world.wake_all();
        if end == End::Background {
            let ledger = &world.ledger;
            windlass_tests::spin_until(|| ledger.dropped() == ledger.tracked());
        }
        world.ledger.assert_each_dropped_once(|_| true);
    }
}

/// What a thread outside does until the round ends; returns the handles that it has.
fn outsider(world: &Arc<World>, mut random: Rng) -> Vec<(usize, JoinHandle<usize>)> {
    let mut tasks = Vec::new();
    while !world.ending.load(Ordering::SeqCst) {
        match random.u32(..8) {
            0 | 1 => tasks.extend(world.spawn(&mut random)),
            2 => drop(world.spawn(&mut random)),
            3 | 4 => world.wake_one(&mut random),
            5 => world.abort_one(&mut random),
            6 => {
                if let Some((_, task)) = tasks.last() {
                    task.abort();
                }
            }
            _ => thread::yield_now(),
        }
    }
    tasks
}

/// What a thread in `block_on` does: it lives a few lives there, and joins what it spawned.
fn guest(runtime: &Runtime, world: &Arc<World>, mut random: Rng, end: End) {
    for _ in 0..random.usize(1..4) {
        let inner = random.fork();
        runtime.block_on(async {
            let mut random = inner;
            let mut set = JoinSet::new();
            let mut tasks = Vec::new();
            for _ in 0..random.usize(..40) {
                match random.u32(..6) {
                    0 | 1 => tasks.extend(world.spawn(&mut random)),
                    2 => {
                        set.spawn(wake_self());
                    }
                    3 => world.wake_one(&mut random),
                    4 => task::yield_now().await,
                    _ => {
                        LocalSet::new()
                            .run_until(async { task::spawn_local(wake_self()).await.unwrap() })
                            .await;
                    }
                }
            }
            while let Some(result) = set.join_next().await {
                result.unwrap();
            }
            if end == End::Quiet {
                for (number, task) in tasks {
                    // Those that wait are woken by the others, or by us.
                    let mut task = task;
                    let result = poll_fn(|context| {
                        world.wake_one(&mut random);
                        context.waker().wake_by_ref();
                        Pin::new(&mut task).poll(context)
                    });
                    check(number, result.await);
                }
            }
        });
    }
}
