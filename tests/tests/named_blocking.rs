//! Blocking jobs with a name.

use std::sync::mpsc;
use std::thread;

use windlass::task;
use windlass_tests::{Flavor, watchdog};

#[test]
fn the_name_of_a_job_is_in_its_handle() {
    watchdog("the_name_of_a_job_is_in_its_handle", || {
        let runtime = Flavor::MultiThread(1).runtime();
        runtime.block_on(async {
            let job = task::Builder::new().name("reads").spawn_blocking(|| 7).unwrap();
            assert!(format!("{job:?}").contains("name: \"reads\""), "{job:?}");
            assert_eq!(job.await.unwrap(), 7);
        });
    });
}

/// The end of the tasks must not wait for jobs, which have an end of their own.
#[test]
fn a_runtime_ends_with_named_jobs_queued_and_running() {
    watchdog("a_runtime_ends_with_named_jobs_queued_and_running", || {
        let runtime = windlass::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let (started, starts) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let running = task::Builder::new()
            .name("running")
            .spawn_blocking_on(
                move || {
                    started.send(()).unwrap();
                    let _ = stopped.recv();
                },
                runtime.handle(),
            )
            .unwrap();
        let queued = task::Builder::new().name("queued").spawn_blocking_on(|| (), runtime.handle()).unwrap();
        starts.recv().unwrap();
        let ends = thread::spawn(move || drop(runtime));
        let other = Flavor::CurrentThread.runtime();
        assert!(other.block_on(queued).unwrap_err().is_cancelled());
        drop(stop);
        other.block_on(running).unwrap();
        ends.join().unwrap();
    });
}
