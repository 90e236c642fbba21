//! Locks, semaphores, queues and channels under tasks that are aborted at random while they wait: nothing is lost, nothing
//! is had twice, nothing hangs. A failure prints its seed; `WINDLASS_STRESS_SEED` runs that script again, and
//! `WINDLASS_STRESS_ROUNDS` runs more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fastrand::Rng;
use windlass::sync::{CapacityLimiter, Condition, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc};
use windlass::task::JoinHandle;
use windlass_tests::Flavor;

/// How many rounds each of the tests makes if nothing else is said.
const ROUNDS: u64 = 15;
const TASKS: usize = 100;

/// Runs a scenario with one seed after another, on several threads.
fn rounds(name: &str, scenario: impl AsyncFn(&mut Rng) + Copy + Send + 'static) {
    windlass_tests::rounds::rounds(name, ROUNDS, move |number, seed| {
        let runtime = Flavor::MultiThread(if number % 2 == 0 { 2 } else { 8 }).runtime();
        runtime.block_on(scenario(&mut Rng::with_seed(seed)));
    });
}

/// Aborts some of the tasks at random, and waits for all. Returns how many ended by themselves.
async fn abort_some(random: &mut Rng, tasks: Vec<JoinHandle<()>>) -> usize {
    for task in &tasks {
        match random.u8(..4) {
            0 => task.abort(),
            1 => windlass::task::yield_now().await,
            _ => {}
        }
    }
    let mut ended = 0;
    for task in tasks {
        match task.await {
            Ok(()) => ended += 1,
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    ended
}

async fn yields(many: u8) {
    for _ in 0..many {
        windlass::task::yield_now().await;
    }
}

#[test]
fn a_mutex_is_held_by_one_and_free_in_the_end() {
    rounds("mutex", async |random| {
        let lock = Arc::new(Mutex::new(()));
        let inside = Arc::new(AtomicBool::new(false));
        let tasks = (0..TASKS)
            .map(|_| {
                let (lock, inside, pause) = (lock.clone(), inside.clone(), random.u8(..3));
                windlass::spawn(async move {
                    for _ in 0..10 {
                        let guard = lock.lock().await;
                        assert!(!inside.swap(true, Ordering::Relaxed));
                        std::hint::spin_loop();
                        assert!(inside.swap(false, Ordering::Relaxed));
                        yields(pause).await;
                        drop(guard);
                    }
                })
            })
            .collect();
        abort_some(random, tasks).await;
        assert!(lock.try_lock().is_ok());
    });
}

#[test]
fn readers_and_writers_leave_the_lock_free() {
    rounds("rwlock", async |random| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let tasks = (0..TASKS)
            .map(|_| {
                let (lock, writes, pause) = (lock.clone(), random.u8(..3) == 0, random.u8(..3));
                windlass::spawn(async move {
                    for _ in 0..10 {
                        if writes {
                            let mut guard = lock.write().await;
                            guard.0 += 1;
                            guard.1 += 1;
                            let reading = guard.downgrade();
                            assert_eq!(reading.0, reading.1);
                        } else {
                            let guard = lock.read().await;
                            yields(pause).await;
                            assert_eq!(guard.0, guard.1);
                        }
                    }
                })
            })
            .collect();
        abort_some(random, tasks).await;
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn permits_are_conserved() {
    rounds("semaphore", async |random| {
        const PERMITS: usize = 7;
        let semaphore = Arc::new(Semaphore::new(PERMITS));
        let out = Arc::new(AtomicUsize::new(0));
        let tasks = (0..TASKS)
            .map(|_| {
                let (semaphore, out) = (semaphore.clone(), out.clone());
                let (many, pause) = (random.u32(1..=PERMITS as u32), random.u8(..3));
                windlass::spawn(async move {
                    for _ in 0..10 {
                        let permits = semaphore.acquire_many(many).await.unwrap();
                        let now = out.fetch_add(many as usize, Ordering::Relaxed) + many as usize;
                        assert!(now <= PERMITS, "{now} permits are out");
                        out.fetch_sub(many as usize, Ordering::Relaxed);
                        yields(pause).await;
                        drop(permits);
                    }
                })
            })
            .collect();
        abort_some(random, tasks).await;
        assert_eq!(semaphore.available_permits(), PERMITS);
    });
}

#[test]
fn tokens_are_conserved_while_their_number_changes() {
    rounds("limiter", async |random| {
        let limiter = CapacityLimiter::new(3);
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (limiter, pause) = (limiter.clone(), random.u8(..3));
                windlass::spawn(async move {
                    for _ in 0..10 {
                        let _token = limiter.acquire().await;
                        yields(pause).await;
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            limiter.set_total_tokens(random.usize(..5));
            yields(2).await;
        }
        limiter.set_total_tokens(2);
        abort_some(random, tasks).await;
        assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, 2));
    });
}

#[test]
fn every_message_that_was_sent_is_received() {
    rounds("mpsc", async |random| {
        let (sender, mut receiver) = mpsc::channel(random.usize(1..5));
        let sent = Arc::new(AtomicUsize::new(0));
        let tasks = (0..TASKS)
            .map(|_| {
                let (sender, sent) = (sender.clone(), sent.clone());
                windlass::spawn(async move {
                    for _ in 0..10 {
                        let permit = sender.reserve().await.unwrap();
                        sent.fetch_add(1, Ordering::Relaxed);
                        permit.send(());
                    }
                })
            })
            .collect();
        drop(sender);
        let receiving = windlass::spawn(async move {
            let mut received = 0;
            while receiver.recv().await.is_some() {
                received += 1;
            }
            assert_eq!(receiver.capacity(), receiver.max_capacity());
            received
        });
        abort_some(random, tasks).await;
        assert_eq!(receiving.await.unwrap(), sent.load(Ordering::Relaxed));
    });
}

#[test]
fn a_notification_reaches_one_that_lives() {
    rounds("notify", async |random| {
        let notify = Arc::new(Notify::new());
        let tasks: Vec<_> = (0..TASKS).map(|_| windlass::spawn(notify.clone().notified_owned())).collect();
        // So many that everyone has one, whoever is aborted with one or without.
        let ringing = windlass::spawn({
            let (notify, pause) = (notify.clone(), random.u8(..2));
            async move {
                for _ in 0..TASKS {
                    notify.notify_one();
                    yields(pause).await;
                    // A notification that is kept is one only: the next must find it gone.
                    windlass_tests::yield_until(|| !format!("{notify:?}").contains("notified: true")).await;
                }
            }
        });
        abort_some(random, tasks).await;
        ringing.abort();
        let _ = ringing.await;
    });
}

#[test]
fn a_condition_loses_no_notification() {
    rounds("condition", async |random| {
        let stock = Arc::new(Condition::new(0usize));
        let eaten = Arc::new(AtomicUsize::new(0));
        let eaters: Vec<_> = (0..TASKS)
            .map(|_| {
                let (stock, eaten) = (stock.clone(), eaten.clone());
                windlass::spawn(async move {
                    let mut stock = stock.lock().await.wait_for(|stock| *stock > 0).await;
                    *stock -= 1;
                    eaten.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        let cook = windlass::spawn({
            let stock = stock.clone();
            async move {
                for _ in 0..TASKS {
                    let mut stock = stock.lock().await;
                    *stock += 1;
                    stock.notify(1);
                }
            }
        });
        // Every one that is not aborted eats: a notification of an aborted one must have gone on.
        let ended = abort_some(random, eaters).await;
        cook.await.unwrap();
        assert_eq!(ended, eaten.load(Ordering::Relaxed));
        assert_eq!(*stock.lock().await, TASKS - ended);
    });
}

#[test]
fn receivers_of_a_broadcast_come_and_go() {
    rounds("broadcast", async |random| {
        let (sender, keep) = broadcast::channel(16);
        let tasks: Vec<_> = (0..TASKS / 5)
            .map(|_| {
                let mut receiver = sender.subscribe();
                windlass::spawn(async move {
                    let mut next = None;
                    loop {
                        match receiver.recv().await {
                            Ok(n) => {
                                assert!(next.is_none_or(|next| n == next), "{n} instead of {next:?}");
                                next = Some(n + 1);
                            }
                            Err(broadcast::error::RecvError::Lagged(missed)) => {
                                next = next.map(|next| next + missed);
                            }
                            Err(broadcast::error::RecvError::Closed) => break,
                        }
                    }
                })
            })
            .collect();
        for n in 0..500u64 {
            sender.send(n).unwrap();
            if random.u8(..4) == 0 {
                windlass::task::yield_now().await;
            }
        }
        assert_eq!(keep.len(), 500);
        drop(sender);
        abort_some(random, tasks).await;
    });
}
