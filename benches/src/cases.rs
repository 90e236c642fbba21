//! All cases, with the parameters of tokio's own benches.

use std::time::Duration;

use crate::case::Case;
use crate::runtime::Flavor;
use crate::server::{ServerCase, Service};
use crate::workloads::blocking_latency::{BlockingLatency, Until};
use crate::workloads::blocking_sleepers::BlockingSleepers;
use crate::workloads::blocking_throughput::BlockingThroughput;
use crate::workloads::chained_spawn::ChainedSpawn;
use crate::workloads::gather::{Gather, Group};
use crate::workloads::locks::{Contended, Hold, Locks};
use crate::workloads::mpsc_contention::MpscContention;
use crate::workloads::notify::{By, Notify};
use crate::workloads::ping_pong::PingPong;
use crate::workloads::queues::{Queues, Through};
use crate::workloads::remote_busy::{Background, RemoteBusy};
use crate::workloads::remote_spawn::RemoteSpawn;
use crate::workloads::request_reply::RequestReply;
use crate::workloads::respawning::Respawning;
use crate::workloads::spawn_blocking::SpawnBlocking;
use crate::workloads::spawn_join::SpawnJoin;
use crate::workloads::spawn_many_local::SpawnManyLocal;
use crate::workloads::spawn_many_remote::SpawnManyRemote;
use crate::workloads::timer_churn::{Churn, TimerChurn};
use crate::workloads::timer_fired::{TimerFired, Without};
use crate::workloads::timer_late::TimerLate;
use crate::workloads::timer_remote::TimerRemote;
use crate::workloads::yield_many::YieldMany;

const WORKERS: usize = 4;
const MULTI: Flavor = Flavor::Multi(WORKERS);
const CURRENT: Flavor = Flavor::Current;
/// Threads of a blocking pool.
const POOL: usize = 4;

/// Every case, in the order it is shown.
pub fn all() -> Vec<Case> {
    let mut cases = scheduler();
    cases.extend(current_thread());
    cases.extend(spawn_join());
    cases.extend(remote_spawn());
    cases.extend(channels());
    cases.extend(meeting());
    cases.extend(spawn_blocking());
    cases.extend(blocking_pool());
    cases.extend(timer_churn());
    cases.extend(timers());
    cases.extend(servers());
    cases
}

/// The cases `glob` selects; `*` matches across slashes.
pub fn matching(glob: &glob::Pattern) -> Vec<Case> {
    all().into_iter().filter(|case| glob.matches(&case.name)).collect()
}

fn scheduler() -> Vec<Case> {
    vec![
        Case::new(
            "spawn_many_local",
            "10 000 tasks spawned inside block_on, which blocks its thread until the last has run",
            SpawnManyLocal { flavor: MULTI, tasks: 10_000 },
        ),
        Case::new(
            "spawn_many_remote_idle",
            "10 000 tasks spawned from outside, then all awaited",
            SpawnManyRemote { flavor: MULTI, tasks: 10_000 },
        ),
        Case::threaded(
            "spawn_many_remote_busy1",
            "the same while 8 tasks loop over a yield and a stall of 10 us",
            RemoteBusy { workers: WORKERS, background: Background::Yielding, tasks: 10_000 },
        ),
        Case::threaded(
            "spawn_many_remote_busy2",
            "1 000 of them while 4 chains of tasks stall for 10 us and respawn",
            RemoteBusy { workers: WORKERS, background: Background::Respawning, tasks: 1_000 },
        ),
        Case::new(
            "ping_pong",
            "1 000 pairs of tasks answer each other over two oneshot channels",
            PingPong { flavor: MULTI, pairs: 1_000 },
        ),
        Case::new(
            "yield_many",
            "200 tasks yield 1 000 times each; one operation is one yield",
            YieldMany { flavor: MULTI, tasks: 200, yields: 1_000 },
        ),
        Case::new(
            "chained_spawn",
            "1 000 tasks, each spawned by the one before",
            ChainedSpawn { flavor: MULTI, depth: 1_000 },
        ),
    ]
}

fn current_thread() -> Vec<Case> {
    vec![
        Case::new(
            "current/spawn_many_local",
            "1 000 tasks spawned inside block_on, then all awaited",
            SpawnJoin { flavor: CURRENT, tasks: 1_000, yields: 0 },
        ),
        Case::new(
            "current/spawn_many_remote_idle",
            "1 000 tasks spawned outside of block_on, then all awaited",
            SpawnManyRemote { flavor: CURRENT, tasks: 1_000 },
        ),
        Case::new(
            "current/spawn_many_remote_busy",
            "the same while one task respawns itself for ever",
            Respawning { tasks: 1_000 },
        ),
        Case::new(
            "current/ping_pong",
            "as ping_pong, on one thread",
            PingPong { flavor: CURRENT, pairs: 1_000 },
        ),
        Case::new(
            "current/yield_many",
            "as yield_many, on one thread",
            YieldMany { flavor: CURRENT, tasks: 200, yields: 1_000 },
        ),
        Case::new(
            "current/chained_spawn",
            "as chained_spawn, on one thread",
            ChainedSpawn { flavor: CURRENT, depth: 1_000 },
        ),
    ]
}

fn spawn_join() -> Vec<Case> {
    const ABOUT: &str = "a block_on that spawns this many tasks, which yield once, and awaits them";
    [("current", CURRENT), ("multi", Flavor::Multi(1))]
        .into_iter()
        .flat_map(|(name, flavor)| {
            [1, 10].map(|tasks| {
                Case::new(format!("spawn_join/{name}/{tasks}"), ABOUT, SpawnJoin { flavor, tasks, yields: 1 })
            })
        })
        .collect()
}

fn remote_spawn() -> Vec<Case> {
    const ABOUT: &str = "12 800 tasks spawned by this many outside threads at once, then all awaited";
    [1, 2, 4, 8]
        .map(|threads| {
            let workload = RemoteSpawn { flavor: Flavor::default_workers(), threads, tasks: 12_800 };
            Case::threaded(format!("remote_spawn/threads/{threads}"), ABOUT, workload)
        })
        .into()
}

fn channels() -> Vec<Case> {
    const ASK: &str = "block_on asks a task 1 000 times over mpsc, the answer comes over a oneshot channel";
    const SEND: &str = "5 tasks send 1 000 messages each to block_on over one mpsc channel";
    let contention =
        |capacity| MpscContention { flavor: Flavor::Multi(6), capacity, senders: 5, messages: 1_000 };
    vec![
        Case::new("request_reply/current", ASK, RequestReply { flavor: CURRENT, requests: 1_000 }),
        Case::new("request_reply/multi", ASK, RequestReply { flavor: Flavor::Multi(1), requests: 1_000 }),
        Case::new("mpsc_contention/roomy", SEND, contention(1_000_000)),
        Case::new("mpsc_contention/full", SEND, contention(100)),
    ]
}

/// What tasks meet at, each runtime's own, on one thread and with workers.
fn meeting() -> Vec<Case> {
    [("current", CURRENT), ("1", Flavor::Multi(1)), ("2", Flavor::Multi(2)), ("4", Flavor::Multi(4))]
        .into_iter()
        .flat_map(|(name, flavor)| meeting_on(name, flavor))
        .collect()
}

fn meeting_on(on: &str, flavor: Flavor) -> Vec<Case> {
    const GATHER: &str = "10 000 ready futures spawned and joined in order: `gather`, `join_all` of handles";
    const GROUP: &str = "10 000 children of a group, until all have ended: `TaskGroup`, `JoinSet`";
    const QUEUE: &str =
        "8 tasks put 1 000 items each, 8 get them: `Queue`, a `Mutex` around the receiver of a channel";
    const MPSC: &str =
        "8 tasks send 1 000 items each to 8 channels in turn, each of which one task receives from";
    const UNBOUNDED: &str = "the same, through channels without a bound: each of the 8 yields after a turn";
    const MUTEX: &str = "16 tasks take a lock 500 times each and hold it across a yield";
    const BRIEF: &str = "the same, but they give it back at once";
    const SEMAPHORE: &str = "16 tasks take one of 4 permits 500 times each and hold it across a yield";
    const NOTIFY: &str = "500 tasks wait 20 times each; one operation is one of them woken";
    let queues = |through| Queues { flavor, through, pairs: 8, items: 1_000 };
    let locks = |contended, hold| Locks { flavor, contended, hold, tasks: 16, times: 500 };
    let notify = |by| Notify { flavor, by, waiters: 500, rounds: 20 };
    vec![
        Case::meeting(format!("gather/{on}"), GATHER, Gather { flavor, tasks: 10_000 }),
        Case::meeting(format!("task_group/{on}"), GROUP, Group { flavor, tasks: 10_000 }),
        Case::meeting(format!("queue/{on}"), QUEUE, queues(Through::Queue(100))),
        Case::meeting(format!("mpsc/bounded/{on}"), MPSC, queues(Through::Channels(100))),
        Case::meeting(format!("mpsc/unbounded/{on}"), UNBOUNDED, queues(Through::Unbounded)),
        Case::meeting(format!("mutex/yield/{on}"), MUTEX, locks(Contended::Mutex, Hold::AcrossYield)),
        Case::meeting(format!("mutex/brief/{on}"), BRIEF, locks(Contended::Mutex, Hold::Briefly)),
        Case::meeting(
            format!("semaphore/yield/{on}"),
            SEMAPHORE,
            locks(Contended::Semaphore(4), Hold::AcrossYield),
        ),
        Case::meeting(format!("semaphore/brief/{on}"), BRIEF, locks(Contended::Semaphore(4), Hold::Briefly)),
        Case::meeting(format!("notify/all/{on}"), NOTIFY, notify(By::All)),
        Case::meeting(format!("notify/one/{on}"), NOTIFY, notify(By::One)),
    ]
}

fn spawn_blocking() -> Vec<Case> {
    const ABOUT: &str = "this many tasks await 100 batches of 16 trivial blocking jobs each";
    [1, 2, 4, 8, 16]
        .map(|tasks| {
            let workload = SpawnBlocking { flavor: Flavor::default_workers(), tasks, batches: 100, jobs: 16 };
            Case::threaded(format!("spawn_blocking/concurrency/{tasks}"), ABOUT, workload)
        })
        .into()
}

fn blocking_pool() -> Vec<Case> {
    const START: &str = "from the submitting call to the job's first instruction, on an idle pool";
    const RETURN: &str = "from the submitting call until the submitter has the result, on an idle pool";
    const MANY: &str = "this many threads each submit their share of jobs that long, then wait for the last";
    const SLEEP: &str = "100 jobs that sleep 50 ms each on a new pool, until all have slept";
    let latency = |until| BlockingLatency { threads: POOL, until, jobs: 100 };
    let mut cases = vec![
        Case::pool("blocking_latency/start", START, latency(Until::Start)),
        Case::pool("blocking_latency/round_trip", RETURN, latency(Until::Return)),
    ];
    for (name, micros, jobs) in [("1us", 1, 9_600), ("100us", 100, 320)] {
        for submitters in [1, 16] {
            let job = Duration::from_micros(micros);
            let jobs = jobs / submitters as u64;
            let workload = BlockingThroughput { threads: POOL, job, submitters, jobs };
            cases.push(Case::pool(format!("blocking_throughput/{name}/{submitters}"), MANY, workload));
        }
    }
    let sleepers = BlockingSleepers { threads: 100, sleep: Duration::from_millis(50) };
    cases.push(Case::pool("blocking_sleepers", SLEEP, sleepers));
    cases
}

fn timer_churn() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, churn, about) in [
        ("timer_created/sleep", Churn::Sleep, "a task per worker creates sleeps and drops them unpolled"),
        ("timer_created/timeout", Churn::Timeout, "a task per worker awaits what is ready, with a timeout"),
        (
            "timer_cancelled",
            Churn::Cancelled,
            "a task per worker polls a sleep once and drops it, and the next",
        ),
        ("timer_timeout_yield", Churn::TimeoutYield, "a task per worker awaits yields, each with a timeout"),
        ("timer_reset", Churn::Reset, "a task per worker gives a sleep new deadlines and polls it"),
    ] {
        for workers in [1, 2, 4] {
            let workload = TimerChurn { workers, churn, times: 10_000, standing: 0 };
            cases.push(Case::timers(format!("{name}/{workers}"), about, workload));
        }
    }
    let about = "as timer_cancelled, while 100 other timers are registered that fire before it would";
    for workers in [1, 2] {
        let standing = TimerChurn { workers, churn: Churn::Cancelled, times: 10_000, standing: 100 };
        cases.push(Case::timers(format!("timer_cancelled/standing/{workers}"), about, standing));
    }
    cases
}

fn timers() -> Vec<Case> {
    const FIRED: &str =
        "this many tasks sleep and are joined; CPU time without that of tasks that do not sleep";
    const YIELD: &str = "the same; CPU time without that of tasks that yield instead of their sleep";
    const REMOTE: &str = "a task registers batches of sleeps, a thread outside of the runtime drops them";
    const LATE: &str =
        "a task sleeps that long again and again, on an idle runtime: how much later it wakes up";
    let fired = |workers, sleepers, [shortest, spread]: [u64; 2], without| {
        let [shortest, spread] = [shortest, spread].map(Duration::from_millis);
        TimerFired { workers, sleepers, shortest, spread, without }
    };
    let mut cases = Vec::new();
    for (name, about, without) in
        [("timer_fired", FIRED, Without::Waiting), ("timer_fired_yield", YIELD, Without::Sleeping)]
    {
        let few = fired(2, 10_000, [10, 100], without);
        cases.push(Case::timers(format!("{name}/10k/2"), about, few));
        for workers in [1, 2, 4] {
            let million = fired(workers, 1_000_000, [500, 1_000], without);
            cases.push(Case::timers(format!("{name}/1M/{workers}"), about, million));
        }
    }
    for workers in [1, 2, 4] {
        let remote = TimerRemote { workers, timers: 10_000 };
        cases.push(Case::timers(format!("timer_cancelled_remote/{workers}"), REMOTE, remote));
    }
    for (name, micros, times) in [("100us", 100, 100), ("5ms", 5_000, 10), ("20ms", 20_000, 3)] {
        let late = TimerLate { workers: 2, sleep: Duration::from_micros(micros), times };
        cases.push(Case::timers(format!("timer_late/{name}"), LATE, late));
    }
    cases
}

fn servers() -> Vec<Case> {
    const ECHO: &str = "1 KiB there and back on each of so many connections, again and again";
    const PLAINTEXT: &str = "a request of HTTP/1.1 to hyper on each of so many connections, again and again";
    let mut cases = Vec::new();
    for (name, service, about) in
        [("echo", Service::Echo, ECHO), ("plaintext", Service::Plaintext, PLAINTEXT)]
    {
        for connections in [1, 64, 1_000] {
            for workers in [1, 2] {
                let server = ServerCase { service, workers, connections };
                cases.push(Case::server(format!("{name}/{connections}/{workers}"), about, server));
            }
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::RuntimeName;

    fn names(glob: &str) -> Vec<String> {
        matching(&glob::Pattern::new(glob).unwrap()).into_iter().map(|case| case.name).collect()
    }

    #[test]
    fn a_glob_selects_by_the_whole_name_and_across_slashes() {
        assert_eq!(names("ping_pong"), ["ping_pong"]);
        assert_eq!(names("*ping_pong"), ["ping_pong", "current/ping_pong"]);
        assert_eq!(names("remote_spawn/*/[14]"), ["remote_spawn/threads/1", "remote_spawn/threads/4"]);
        assert_eq!(names("spawn_join*").len(), 4);
        assert_eq!(names("*").len(), all().len());
        assert!(names("ping").is_empty());
    }

    #[test]
    fn no_two_cases_share_a_name() {
        let mut names = names("*");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all().len());
    }

    #[test]
    fn every_case_completes_on_every_runtime_that_can_run_it() {
        // A million tasks are many for a build without optimisations; ten thousand are the same code.
        for case in all().iter().filter(|case| case.ops < 1_000_000) {
            for runtime in RuntimeName::ALL {
                if let Ok(mut prepared) = case.prepare(runtime) {
                    case.iterate(&mut prepared);
                    case.iterate(&mut prepared);
                }
            }
        }
    }
}
