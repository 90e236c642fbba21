//! Blocking jobs as tasks: a future that calls a function when it is polled, run by the blocking pool.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::context;
use crate::primitives::Arc;
use crate::scheduler::Shared;
use crate::task::coop::UNCONSTRAINED;
use crate::task::{self, JoinHandle};

pub(crate) use pool::{Pool, PoolConfig};

/// The default executor of a runtime.
mod pool {
    use crate::primitives::Arc;
    use crate::scheduler::Hooks;
    use std::time::Duration;
    pub(crate) struct PoolConfig {
        pub(crate) max_threads: usize,
        pub(crate) keep_alive: Duration,
        pub(crate) stack_size: Option<usize>,
        pub(crate) thread_name: Arc<dyn Fn() -> String + Send + Sync>,
        pub(crate) hooks: Hooks,
    }
    pub(crate) struct Pool;
    impl Pool {
        pub(crate) fn new(_: PoolConfig) -> Self {
            Self
        }
        pub(crate) fn execute(&self, job: Box<dyn FnOnce() + Send>) {
            std::thread::spawn(job);
        }
        pub(crate) fn shut_down(&self, _: Option<Duration>) {}
    }
}

/// A function as a future.
struct Call<F>(Option<F>);

impl<F> Unpin for Call<F> {}

impl<F: FnOnce() -> T, T> Future for Call<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let call = self.0.take().expect("a call is made once");
        Poll::Ready(call())
    }
}

impl Shared {
    /// Runs `f` on the blocking pool.
    pub(crate) fn spawn_blocking<F, T>(
        self: &Arc<Self>,
        f: F,
        location: &'static Location<'static>,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (token, join) = self.create(Call(Some(f)), None, location);
        if self.is_closing() {
            token.cancel();
            return join;
        }
        let shared = Arc::clone(self);
        self.blocking.execute(Box::new(move || {
            // SAFETY: `shared` lives as long as this job.
            let outer = unsafe { context::enter(&shared) };
            {
                let _polling = context::begin_poll(token.header(), UNCONSTRAINED);
                let task::Ran::Done = token.run() else { unreachable!("a call is ready at once") };
            }
            let in_order = context::leave(&outer);
            debug_assert!(in_order, "the job's guards are gone");
        }));
        join
    }
}
