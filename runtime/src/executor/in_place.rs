//! `block_in_place`: blocking code on a worker, which others stand in for.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Poll, Waker};

use windlass_blocking::{Executor, Job};

use crate::context::{self, Driving, Unseated};
use crate::primitives::Mutex;
use crate::runtime::Entered;
use crate::scheduler::{Role, Shared, block_on_as};

/// Calls a function that blocks on this very thread, and has the tasks of its worker run elsewhere meanwhile.
///
/// The worker's queue is handed to the others, and one more thread stands in for it until the function returns.
/// Other futures of the same task (of a `join!`, say) wait as long as the function takes; for those
/// [`spawn_blocking`](crate::task::spawn_blocking) is better. Inside, `block_on` is allowed. The slow-poll
/// warning does not count the time. Outside of a worker it only calls the function.
///
/// At a time as many can stand in as there are workers, and at least four; who blocks beyond that has the other workers
/// do what there is to do. Functions that wait for one another, in any number, belong into `spawn_blocking`.
///
/// # Panics
///
/// Inside a task of a current-thread runtime, where there is nobody to stand in. And with what the function
/// panics with.
///
/// # Examples
///
/// ```
/// #[windlass::main]
/// async fn main() {
///     let text = windlass::task::block_in_place(|| std::fs::read_to_string("Cargo.toml").unwrap());
///     assert!(text.contains("[package]"));
/// }
/// ```
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    let location = Location::caller();
    let shared = context::with_worker(|worker| worker.map(|worker| Arc::clone(worker.shared())));
    assert!(
        shared.as_ref().is_none_or(|shared| shared.config.workers > 0),
        "`block_in_place` cannot be used on a current-thread runtime, which has no other thread to run its tasks \
         meanwhile: use `spawn_blocking`, or a multi-thread runtime"
    );
    // In this order they end the other way round: the worker is back before its stand-in is told to go.
    let _stand_in = shared.map(|shared| {
        // No pulse shows its poll from here on.
        context::register_polled();
        let role = context::with_worker(|worker| {
            worker.map_or(Role::Worker, |worker| {
                worker.hand_over();
                worker.role()
            })
        });
        StandIn::call(&shared, role, location)
    });
    let _may_block = Driving::suspend();
    let _unseated = Unseated::new();
    f()
}

/// A thread that runs tasks for a worker that blocks. It goes when this is dropped.
struct StandIn(Arc<Mutex<Over>>);

/// Whether the worker is back; if not, whom to tell.
struct Over {
    is_over: bool,
    waker: Option<Waker>,
}

impl StandIn {
    /// Has a thread of the runtime's own sit down as a guest. Should it get none, then the other workers do
    /// what there is to do, as they would if this one computed.
    fn call(shared: &Arc<Shared>, role: Role, location: &'static Location<'static>) -> Self {
        let over = Arc::new(Mutex::new(Over { is_over: false, waker: None }));
        let job = {
            let (shared, over) = (Arc::clone(shared), Arc::clone(&over));
            move || {
                let _driving = Driving::try_new();
                let _entered = Entered::new(&shared);
                let until_over = poll_fn(|cx| {
                    let mut over = over.lock();
                    if over.is_over || shared.is_closing() {
                        return Poll::Ready(());
                    }
                    over.waker = Some(cx.waker().clone());
                    Poll::Pending
                });
                block_on_as(role, &shared, until_over);
            }
        };
        drop(shared.executors.stand_ins().try_execute(Job::with_location(job, location)));
        Self(over)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let waker = {
            let mut over = self.0.lock();
            over.is_over = true;
            over.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
