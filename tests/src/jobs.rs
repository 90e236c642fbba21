//! Blocking jobs that a test holds in its hands, and executors that are none of ours.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use windlass::blocking::{Executor, Job, Rejected};
use windlass::runtime::Runtime;
use windlass::task::JoinHandle;

/// Holds a job between its beginning and its end. Dropping it lets the job end, as [`open`](Self::open) does.
#[derive(Debug)]
pub struct Gate {
    begins: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

impl Gate {
    /// A gate and the job that waits at it.
    pub fn new() -> (Self, impl FnOnce() + Send + 'static) {
        let (begun, begins) = mpsc::channel();
        let (open, is_open) = mpsc::channel::<()>();
        let job = move || {
            let _ = begun.send(());
            let _ = is_open.recv();
        };
        (Self { begins, open }, job)
    }

    /// Returns when the job has begun.
    #[track_caller]
    pub fn wait_begun(&self) {
        self.begins.recv().expect("the job was dropped and has not begun");
    }

    /// Whether the job has begun, as far as nobody was told before.
    pub fn has_begun(&self) -> bool {
        self.begins.try_recv().is_ok()
    }

    /// Lets the job end.
    pub fn open(self) {
        drop(self.open);
    }
}

/// A job of the runtime's blocking pool that has begun and waits at its gate.
#[track_caller]
pub fn held_job(runtime: &Runtime) -> (JoinHandle<()>, Gate) {
    let (gate, job) = Gate::new();
    let handle = runtime.spawn_blocking(job);
    gate.wait_begun();
    (handle, gate)
}

/// A job of an executor that has begun and waits at its gate.
#[track_caller]
pub fn occupy(executor: &dyn Executor) -> Gate {
    let (gate, job) = Gate::new();
    executor.try_execute(Job::new(job)).expect("the executor takes a job");
    gate.wait_begun();
    gate
}

/// rayon's pool.
#[derive(Clone, Debug)]
pub struct Rayon(Arc<rayon_core::ThreadPool>);

impl Rayon {
    /// A pool of that many threads, named `rayon-0` and so on.
    pub fn new(threads: usize) -> Self {
        let builder = rayon_core::ThreadPoolBuilder::new().num_threads(threads);
        let builder = builder.thread_name(|number| format!("rayon-{number}"));
        Self(Arc::new(builder.build().expect("rayon starts its threads")))
    }
}

impl Executor for Rayon {
    fn try_execute(&self, job: Job) -> Result<(), Rejected> {
        self.0.spawn(move || job.run());
        Ok(())
    }

    /// It ends by itself when its last handle is gone.
    fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
}

/// A thread for each job.
#[derive(Clone, Copy, Debug)]
pub struct ThreadPerJob;

impl Executor for ThreadPerJob {
    fn try_execute(&self, job: Job) -> Result<(), Rejected> {
        thread::spawn(move || job.run());
        Ok(())
    }

    fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
}
