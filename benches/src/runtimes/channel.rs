//! The pool people write themselves: some threads, each waiting in the `recv` of one channel.

use std::io;
use std::thread;

use crossbeam_channel::{Receiver, Sender};

use crate::pool::{Pool, Trip};

type Job = Box<dyn FnOnce() + Send>;

/// Threads and their channel.
pub struct Channel {
    /// Dropped to stop the threads.
    sender: Option<Sender<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
}

fn work(receiver: &Receiver<Job>) {
    while let Ok(job) = receiver.recv() {
        job();
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.sender = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("a job panicked");
        }
    }
}

impl Pool for Channel {
    type Submitter = Sender<Job>;

    fn with_threads(threads: usize) -> io::Result<Self> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let mut pool = Self { sender: Some(sender), threads: Vec::new() };
        for _ in 0..threads {
            let receiver = receiver.clone();
            pool.threads.push(thread::Builder::new().name("channel".into()).spawn(move || work(&receiver))?);
        }
        Ok(pool)
    }

    fn submitter(&self) -> Self::Submitter {
        self.sender.clone().expect("the pool has not ended")
    }

    fn submit<F>(submitter: &Self::Submitter, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        submitter.send(Box::new(job)).expect("the threads wait for jobs");
    }

    fn call<T, F>(&self, job: F) -> Trip<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let submitter = self.sender.as_ref().expect("the pool has not ended");
        Trip::blocked(|| {
            let (sender, receiver) = crossbeam_channel::bounded(1);
            Self::submit(submitter, move || sender.send(job()).expect("nobody waits"));
            receiver.recv().expect("the job failed")
        })
    }
}
