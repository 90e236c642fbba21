//! G1: with finitely many tasks and bounded polls, every woken task is polled within a bounded number of polls.
//!
//! Where one thread runs all the tasks, polls are counted: so many of the others between two of the task watched, and
//! no more. Where several do, how many polls one makes while another is preempted says nothing, and the task watched
//! must finish.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use windlass::runtime::Runtime;
use windlass::task::{self, JoinHandle};
use windlass_tests::{Flavor, on_every_flavor, on_flavor, spin_until, wake_self, yield_until};

on_every_flavor!(
    yielders_let_a_yielder_through,
    self_wakers_let_a_yielder_through,
    self_wakers_let_a_self_waker_through,
    yielders_let_a_self_waker_through,
    ping_pong_pairs_let_a_yielder_through,
    ping_pong_pairs_let_another_pair_through,
    tasks_that_respawn_let_a_yielder_through,
    a_crowd_of_all_kinds_lets_everyone_through,
    remote_spawns_let_local_tasks_through,
    local_tasks_let_remote_spawns_through,
    local_tasks_let_remote_wakes_through,
    ping_pong_pairs_let_remote_wakes_through,
    tasks_let_the_future_of_block_on_through,
    the_future_of_block_on_lets_tasks_through,
    spawning_without_end_lets_others_through,
);

on_flavor!(
    counted_on_current_thread,
    windlass_tests::Flavor::CurrentThread,
    polls_between_turns_among_yielders,
    polls_between_turns_among_self_wakers,
    polls_between_turns_among_ping_pong_pairs,
    polls_between_turns_among_respawners,
    polls_between_turns_among_remote_spawns,
    polls_of_block_on_between_turns,
);

on_flavor!(
    counted_on_one_worker,
    windlass_tests::Flavor::MultiThread(1),
    polls_between_turns_among_yielders,
    polls_between_turns_among_self_wakers,
    polls_between_turns_among_ping_pong_pairs,
    polls_between_turns_among_respawners,
    polls_between_turns_among_remote_spawns,
);

/// Who competes with the task that is watched.
#[derive(Clone, Copy)]
enum Rival {
    Yielder,
    SelfWaker,
    /// A pair of tasks that wake each other.
    PingPong,
    /// A task that spawns its successor and ends.
    Respawner,
}

/// Counts polls of the rivals, and how many the task watched had to wait for.
#[derive(Default)]
struct Arena {
    stop: AtomicBool,
    polls: AtomicUsize,
    at_last_turn: AtomicUsize,
    longest_wait: AtomicUsize,
}

impl Arena {
    fn goes_on(&self) -> bool {
        self.polls.fetch_add(1, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }

    /// To be called in each poll of the task watched.
    fn turn(&self) {
        let polls = self.polls.load(Ordering::Relaxed);
        let last = self.at_last_turn.swap(polls, Ordering::Relaxed);
        self.longest_wait.fetch_max(polls - last, Ordering::Relaxed);
    }

    /// Spawns a rival on the runtime of the caller, and says how to wait for its end.
    fn enter(self: &Arc<Self>, rival: Rival) {
        let arena = self.clone();
        match rival {
            Rival::Yielder => drop(windlass::spawn(async move {
                while arena.goes_on() {
                    task::yield_now().await;
                }
            })),
            Rival::SelfWaker => drop(windlass::spawn(async move {
                while arena.goes_on() {
                    wake_self().await;
                }
            })),
            Rival::PingPong => {
                let (ping, mut pings) = mpsc::unbounded();
                let (pong, mut pongs) = mpsc::unbounded();
                let other = arena.clone();
                windlass::spawn(async move {
                    while arena.goes_on() && ping.unbounded_send(()).is_ok() && pongs.next().await.is_some() {
                    }
                });
                windlass::spawn(async move {
                    while pings.next().await.is_some() && other.goes_on() && pong.unbounded_send(()).is_ok() {
                    }
                });
            }
            Rival::Respawner => respawn(arena),
        }
    }
}

fn respawn(arena: Arc<Arena>) {
    windlass::spawn(async move {
        if arena.goes_on() {
            respawn(arena);
        }
    });
}

/// Waits for a task that runs on the workers alone, or on this thread where there are none.
fn drive<T>(runtime: &Runtime, flavor: Flavor, task: JoinHandle<T>) -> T {
    if flavor.is_current_thread() { runtime.block_on(task) } else { futures::executor::block_on(task) }
        .unwrap()
}

/// Runs a task that gives way `turns` times among the rivals given, and returns how many of their polls it had to wait
/// for at most between two of its own.
fn contest(flavor: Flavor, rivals: &[Rival], turns: usize, yields: bool) -> usize {
    let runtime = flavor.runtime();
    let arena = Arc::new(Arena::default());
    let (entering, rivals) = (arena.clone(), rivals.to_vec());
    let task = runtime.spawn(async move {
        for rival in rivals {
            entering.enter(rival);
        }
        // They run before the count begins.
        let arena = entering;
        yield_until(|| arena.polls.load(Ordering::Relaxed) > 100).await;
        arena.turn();
        arena.longest_wait.store(0, Ordering::Relaxed);
        for _ in 0..turns {
            if yields {
                task::yield_now().await
            } else {
                wake_self().await
            }
            arena.turn();
        }
        arena.stop.store(true, Ordering::Relaxed);
    });
    drive(&runtime, flavor, task);
    arena.longest_wait.load(Ordering::Relaxed)
}

fn yielders_let_a_yielder_through(flavor: Flavor) {
    contest(flavor, &[Rival::Yielder; 10], 500, true);
}

fn self_wakers_let_a_yielder_through(flavor: Flavor) {
    contest(flavor, &[Rival::SelfWaker; 10], 500, true);
}

fn self_wakers_let_a_self_waker_through(flavor: Flavor) {
    contest(flavor, &[Rival::SelfWaker; 10], 500, false);
}

fn yielders_let_a_self_waker_through(flavor: Flavor) {
    contest(flavor, &[Rival::Yielder; 10], 500, false);
}

fn ping_pong_pairs_let_a_yielder_through(flavor: Flavor) {
    contest(flavor, &[Rival::PingPong; 5], 500, true);
}

fn tasks_that_respawn_let_a_yielder_through(flavor: Flavor) {
    contest(flavor, &[Rival::Respawner; 5], 500, true);
}

fn a_crowd_of_all_kinds_lets_everyone_through(flavor: Flavor) {
    use Rival::{PingPong, Respawner, SelfWaker, Yielder};
    let crowd = [Yielder, SelfWaker, PingPong, Respawner, PingPong, SelfWaker, Yielder, Respawner];
    contest(flavor, &crowd, 500, true);
    contest(flavor, &crowd, 500, false);
}

fn ping_pong_pairs_let_another_pair_through(flavor: Flavor) {
    let runtime = flavor.runtime();
    let arena = Arc::new(Arena::default());
    let entering = arena.clone();
    let task = runtime.spawn(async move {
        for _ in 0..5 {
            entering.enter(Rival::PingPong);
        }
        let (ping, mut pings) = mpsc::unbounded();
        let (pong, mut pongs) = mpsc::unbounded();
        windlass::spawn(async move {
            while let Some(i) = pings.next().await {
                pong.unbounded_send(i).unwrap();
            }
        });
        for i in 0..500 {
            ping.unbounded_send(i).unwrap();
            assert_eq!(pongs.next().await.unwrap(), i);
        }
        entering.stop.store(true, Ordering::Relaxed);
    });
    drive(&runtime, flavor, task);
}

/// Keeps up to a hundred tasks on their way into the runtime, until told to stop; returns how many it spawned.
fn flood(runtime: &Runtime, arena: &Arc<Arena>) -> usize {
    let handle = runtime.handle().clone();
    let under_way = Arc::new(AtomicUsize::new(0));
    let mut spawned = 0;
    while !arena.stop.load(Ordering::Relaxed) {
        if under_way.load(Ordering::Relaxed) >= 100 {
            thread::yield_now();
            continue;
        }
        spawned += 1;
        under_way.fetch_add(1, Ordering::Relaxed);
        let (arena, under_way) = (arena.clone(), under_way.clone());
        handle.spawn(async move {
            arena.goes_on();
            under_way.fetch_sub(1, Ordering::Relaxed);
        });
    }
    spawned
}

/// Local tasks among a flood of tasks spawned by another thread; returns the longest wait.
fn among_remote_spawns(flavor: Flavor) -> usize {
    let runtime = flavor.runtime();
    let arena = Arc::new(Arena::default());
    thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(&runtime, &arena));
        let turns = arena.clone();
        let task = runtime.spawn(async move {
            yield_until(|| turns.polls.load(Ordering::Relaxed) > 100).await;
            turns.turn();
            turns.longest_wait.store(0, Ordering::Relaxed);
            for _ in 0..500 {
                task::yield_now().await;
                turns.turn();
            }
            turns.stop.store(true, Ordering::Relaxed);
        });
        drive(&runtime, flavor, task);
        assert!(flooding.join().unwrap() > 0);
    });
    arena.longest_wait.load(Ordering::Relaxed)
}

fn remote_spawns_let_local_tasks_through(flavor: Flavor) {
    among_remote_spawns(flavor);
}

/// Runs `body` on this thread while rivals keep the runtime busy, on another thread where it has none of its own.
fn while_busy(flavor: Flavor, rivals: &[Rival], body: impl FnOnce(&Runtime)) {
    let runtime = flavor.runtime();
    let arena = Arc::new(Arena::default());
    let (stop, stopped) = oneshot::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            if flavor.is_current_thread() {
                runtime.block_on(stopped).unwrap();
            } else {
                futures::executor::block_on(stopped).unwrap();
            }
        });
        let (entering, rivals) = (arena.clone(), rivals.to_vec());
        runtime.spawn(async move {
            for rival in rivals {
                entering.enter(rival);
            }
        });
        spin_until(|| arena.polls.load(Ordering::Relaxed) > 100);
        body(&runtime);
        arena.stop.store(true, Ordering::Relaxed);
        stop.send(()).unwrap();
    });
}

fn local_tasks_let_remote_spawns_through(flavor: Flavor) {
    while_busy(flavor, &[Rival::Yielder, Rival::SelfWaker, Rival::PingPong, Rival::Respawner], |runtime| {
        for i in 0..200 {
            assert_eq!(futures::executor::block_on(runtime.spawn(async move { i })).unwrap(), i);
        }
    });
}

/// A task that a thread wakes two hundred times, waiting for an answer each time.
fn remote_wakes(runtime: &Runtime) {
    let (ping, mut pings) = mpsc::unbounded();
    let (pong, pongs) = std::sync::mpsc::channel();
    let task = runtime.spawn(async move {
        while let Some(i) = pings.next().await {
            pong.send(i).unwrap();
        }
    });
    for i in 0..200 {
        ping.unbounded_send(i).unwrap();
        assert_eq!(pongs.recv().unwrap(), i);
    }
    drop(ping);
    futures::executor::block_on(task).unwrap();
}

fn local_tasks_let_remote_wakes_through(flavor: Flavor) {
    while_busy(flavor, &[Rival::Yielder, Rival::SelfWaker, Rival::Respawner], remote_wakes);
}

fn ping_pong_pairs_let_remote_wakes_through(flavor: Flavor) {
    while_busy(flavor, &[Rival::PingPong; 5], remote_wakes);
}

fn tasks_let_the_future_of_block_on_through(flavor: Flavor) {
    let runtime = flavor.runtime();
    let arena = Arc::new(Arena::default());
    runtime.block_on(async {
        for rival in [Rival::Yielder, Rival::SelfWaker, Rival::PingPong, Rival::Respawner] {
            arena.enter(rival);
        }
        for _ in 0..500 {
            task::yield_now().await;
        }
        for _ in 0..500 {
            wake_self().await;
        }
        for _ in 0..100 {
            windlass::spawn(wake_self()).await.unwrap();
        }
        arena.stop.store(true, Ordering::Relaxed);
    });
}

fn the_future_of_block_on_lets_tasks_through(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let task = windlass::spawn(async {
            for _ in 0..500 {
                task::yield_now().await;
            }
        });
        while !task.is_finished() {
            wake_self().await;
        }
    });
}

fn spawning_without_end_lets_others_through(flavor: Flavor) {
    // A task that spawns in every poll, more than can be run meanwhile.
    let runtime = flavor.runtime();
    let stop = Arc::new(AtomicBool::new(false));
    let spawning = stop.clone();
    let spawner = runtime.spawn(async move {
        while !spawning.load(Ordering::Relaxed) {
            for _ in 0..4 {
                windlass::spawn(async {});
            }
            task::yield_now().await;
        }
    });
    let task = runtime.spawn(async move {
        for _ in 0..100 {
            task::yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
    });
    drive(&runtime, flavor, task);
    drive(&runtime, flavor, spawner);
}

/// So many polls of ten rivals may come between two of the task watched. Round robin would be ten; slots that jump the
/// queue and queues that are looked at now and then add to that, by a factor that is a constant.
const BOUND: usize = 2_000;

#[track_caller]
fn assert_bounded(waited: usize) {
    assert!(waited <= BOUND, "{waited} polls of others between two of the task watched");
}

fn polls_between_turns_among_yielders(flavor: Flavor) {
    assert_bounded(contest(flavor, &[Rival::Yielder; 10], 2_000, true));
    assert_bounded(contest(flavor, &[Rival::Yielder; 10], 2_000, false));
}

fn polls_between_turns_among_self_wakers(flavor: Flavor) {
    assert_bounded(contest(flavor, &[Rival::SelfWaker; 10], 2_000, true));
    assert_bounded(contest(flavor, &[Rival::SelfWaker; 10], 2_000, false));
}

fn polls_between_turns_among_ping_pong_pairs(flavor: Flavor) {
    assert_bounded(contest(flavor, &[Rival::PingPong; 5], 2_000, true));
    assert_bounded(contest(flavor, &[Rival::PingPong; 5], 2_000, false));
}

fn polls_between_turns_among_respawners(flavor: Flavor) {
    assert_bounded(contest(flavor, &[Rival::Respawner; 10], 2_000, true));
    assert_bounded(contest(flavor, &[Rival::Respawner; 10], 2_000, false));
}

fn polls_between_turns_among_remote_spawns(flavor: Flavor) {
    assert_bounded(among_remote_spawns(flavor));
}

fn polls_of_block_on_between_turns(flavor: Flavor) {
    let runtime = flavor.runtime();
    let arena = Arc::new(Arena::default());
    let turns = arena.clone();
    let mut task = runtime.spawn(async move {
        for _ in 0..2_000 {
            turns.turn();
            task::yield_now().await;
        }
    });
    runtime.block_on(poll_fn(|context| {
        arena.goes_on();
        // Never waits, and asks for its next turn before it gives this one up.
        context.waker().wake_by_ref();
        Pin::new(&mut task).poll(context).map(|result| result.unwrap())
    }));
    assert_bounded(arena.longest_wait.load(Ordering::Relaxed));
    // And the other way round.
    let arena = Arc::new(Arena::default());
    runtime.block_on(async {
        for _ in 0..10 {
            arena.enter(Rival::SelfWaker);
        }
        let mut turns = 0;
        poll_fn(|context| {
            arena.turn();
            context.waker().wake_by_ref();
            turns += 1;
            if turns > 2_000 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        arena.stop.store(true, Ordering::Relaxed);
    });
    assert_bounded(arena.longest_wait.load(Ordering::Relaxed));
}
