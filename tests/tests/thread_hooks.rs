//! The hooks that threads call when they start, stop, park and unpark: they may spawn, wake and panic, and nothing is
//! lost, hangs or dies of it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Poll, Waker};
use std::thread;

use futures::channel::oneshot;
use parking_lot::Mutex;
use windlass::runtime::{Builder, Handle, Runtime};
use windlass_tests::{
    Flavor, assert_all_workers_live, on_every_flavor, on_multi_thread, once, wake_self, yield_until,
};

on_every_flavor!(
    the_future_of_block_on_is_woken_by_the_park_hook,
    a_task_is_woken_by_the_park_hook,
    a_task_is_spawned_by_the_park_hook,
    a_task_is_woken_by_the_unpark_hook,
    a_task_is_spawned_by_the_unpark_hook,
    every_hook_panics,
    hooks_run_on_blocking_threads_as_well,
    a_blocking_job_submitted_by_a_hook,
    a_task_woken_by_the_stop_hook_of_a_blocking_thread,
);

on_multi_thread!(
    a_task_is_spawned_by_the_start_hook,
    tasks_are_spawned_by_the_stop_hook,
    tasks_are_woken_by_the_stop_hook,
    the_start_hook_panics,
    the_stop_hook_panics,
    the_park_hook_panics,
    the_unpark_hook_panics,
);

once!(a_name_function_that_panics);

/// What a hook may need of its runtime, put there once that is built and taken away before it goes.
struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot(Arc::default())
    }
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Slot(self.0.clone())
    }
}

impl<T> Slot<T> {
    fn put(&self, value: T) {
        *self.0.lock() = Some(value);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().take()
    }
}

/// A future that leaves its waker in the slot until `done` is set.
fn leaves_waker(slot: Slot<Waker>, done: Arc<AtomicBool>) -> impl Future<Output = ()> + Send {
    poll_fn(move |context| {
        if done.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        slot.put(context.waker().clone());
        Poll::Pending
    })
}

/// Which of the two hooks.
#[derive(Clone, Copy)]
enum When {
    Park,
    Unpark,
}

fn with_hook(flavor: Flavor, when: When, hook: impl Fn() + Send + Sync + 'static) -> Runtime {
    let mut builder = flavor.builder();
    match when {
        When::Park => builder.on_thread_park(hook),
        When::Unpark => builder.on_thread_unpark(hook),
    };
    builder.build().unwrap()
}

fn the_future_of_block_on_is_woken_by_the_park_hook(flavor: Flavor) {
    let (slot, done) = (Slot::<Waker>::default(), Arc::new(AtomicBool::new(false)));
    let (kept, setting) = (slot.clone(), done.clone());
    let runtime = with_hook(flavor, When::Park, move || {
        let waker = kept.take();
        if let Some(waker) = waker {
            setting.store(true, Ordering::SeqCst);
            waker.wake();
        }
    });
    // Without anybody to help, should the thread that parks miss the wake of its own hook.
    runtime.block_on(async {
        windlass::spawn(wake_self()).await.unwrap();
        leaves_waker(slot, done).await;
    });
}

fn task_woken_by(flavor: Flavor, when: When) {
    let (slot, done) = (Slot::<Waker>::default(), Arc::new(AtomicBool::new(false)));
    let (kept, setting) = (slot.clone(), done.clone());
    let runtime = with_hook(flavor, when, move || {
        let waker = kept.take();
        if let Some(waker) = waker {
            setting.store(true, Ordering::SeqCst);
            waker.wake();
        }
    });
    let task = runtime.spawn(leaves_waker(slot, done));
    // For something to unpark for.
    let other = runtime.spawn_blocking(|| {});
    runtime.block_on(async {
        other.await.unwrap();
        task.await.unwrap();
    });
}

fn a_task_is_woken_by_the_park_hook(flavor: Flavor) {
    for _ in 0..20 {
        task_woken_by(flavor, When::Park);
    }
}

fn a_task_is_woken_by_the_unpark_hook(flavor: Flavor) {
    // A worker that parks for the first time, and for the last, once the task waits would never call the hook again:
    // a thread keeps it coming back.
    let (slot, done) = (Slot::<Waker>::default(), Arc::new(AtomicBool::new(false)));
    let (kept, setting) = (slot.clone(), done.clone());
    let runtime = with_hook(flavor, When::Unpark, move || {
        let waker = kept.take();
        if let Some(waker) = waker {
            setting.store(true, Ordering::SeqCst);
            waker.wake();
        }
    });
    let task = runtime.spawn(leaves_waker(slot, done));
    thread::scope(|scope| {
        let finished = task.abort_handle();
        scope.spawn(|| runtime.block_on(task).unwrap());
        while !finished.is_finished() {
            runtime.spawn(async {});
            thread::yield_now();
        }
    });
}

fn task_spawned_by(flavor: Flavor, when: When) {
    let slot = Slot::<(Handle, oneshot::Sender<()>)>::default();
    let kept = slot.clone();
    let runtime = with_hook(flavor, when, move || {
        let given = kept.take();
        if let Some((handle, tx)) = given {
            handle.spawn(async move { tx.send(()).unwrap() });
        }
    });
    for _ in 0..20 {
        let (tx, rx) = oneshot::channel();
        runtime.block_on(async {
            windlass::spawn(wake_self()).await.unwrap();
            slot.put((Handle::current(), tx));
            if matches!(when, When::Unpark) {
                windlass::task::spawn_blocking(|| {}).await.unwrap();
            }
            rx.await.unwrap();
        });
    }
}

fn a_task_is_spawned_by_the_park_hook(flavor: Flavor) {
    task_spawned_by(flavor, When::Park);
}

fn a_task_is_spawned_by_the_unpark_hook(flavor: Flavor) {
    // The task is spawned by whoever parks next and comes back; a thread keeps somebody coming back.
    let slot = Slot::<(Handle, oneshot::Sender<()>)>::default();
    let kept = slot.clone();
    let runtime = with_hook(flavor, When::Unpark, move || {
        let given = kept.take();
        if let Some((handle, tx)) = given {
            handle.spawn(async move { tx.send(()).unwrap() });
        }
    });
    let (tx, rx) = oneshot::channel();
    slot.put((runtime.handle().clone(), tx));
    thread::scope(|scope| {
        let waits = scope.spawn(|| runtime.block_on(rx).unwrap());
        while !waits.is_finished() {
            runtime.spawn(async {});
            thread::yield_now();
        }
    });
}

/// Does a bit of everything that a runtime is for.
fn works(runtime: &Runtime) {
    for _ in 0..20 {
        let out = runtime.block_on(async {
            let task = windlass::spawn(async {
                wake_self().await;
                windlass::task::spawn_blocking(|| 1).await.unwrap()
            });
            task.await.unwrap() + windlass::spawn(async { 1 }).await.unwrap()
        });
        assert_eq!(out, 2);
    }
}

fn every_hook_panics(flavor: Flavor) {
    let runtime = flavor
        .builder()
        .on_thread_start(|| panic!("in the start hook"))
        .on_thread_stop(|| panic!("in the stop hook"))
        .on_thread_park(|| panic!("in the park hook"))
        .on_thread_unpark(|| panic!("in the unpark hook"))
        .build()
        .unwrap();
    works(&runtime);
    drop(runtime);
}

fn hooks_run_on_blocking_threads_as_well(flavor: Flavor) {
    let started = Arc::new(Mutex::new(Vec::new()));
    let stopped = Arc::new(Mutex::new(Vec::new()));
    let (start, stop) = (started.clone(), stopped.clone());
    let runtime = flavor
        .builder()
        .on_thread_start(move || start.lock().push(thread::current().id()))
        .on_thread_stop(move || stop.lock().push(thread::current().id()))
        .build()
        .unwrap();
    let there = runtime.block_on(runtime.spawn_blocking(|| thread::current().id())).unwrap();
    assert!(started.lock().contains(&there));
    drop(runtime);
    assert!(stopped.lock().contains(&there));
    let (mut started, mut stopped) = (started.lock().clone(), stopped.lock().clone());
    started.sort_by_key(|id| format!("{id:?}"));
    stopped.sort_by_key(|id| format!("{id:?}"));
    assert_eq!(started, stopped);
}

fn a_blocking_job_submitted_by_a_hook(flavor: Flavor) {
    let slot = Slot::<(Handle, std_mpsc::Sender<()>)>::default();
    let kept = slot.clone();
    let runtime = with_hook(flavor, When::Park, move || {
        let given = kept.take();
        if let Some((handle, tx)) = given {
            handle.spawn_blocking(move || tx.send(()).unwrap());
        }
    });
    let (tx, rx) = std_mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    slot.put((runtime.handle().clone(), tx));
    thread::scope(|scope| {
        scope.spawn(|| runtime.block_on(stopped).unwrap());
        runtime.spawn(wake_self());
        rx.recv().unwrap();
        stop.send(()).unwrap();
    });
}

fn a_task_woken_by_the_stop_hook_of_a_blocking_thread(flavor: Flavor) {
    for _ in 0..10 {
        let (slot, done) = (Slot::<Waker>::default(), Arc::new(AtomicBool::new(false)));
        let kept = slot.clone();
        let runtime = flavor
            .builder()
            .on_thread_stop(move || {
                let waker = kept.take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            })
            .build()
            .unwrap();
        let task = runtime.spawn(leaves_waker(slot.clone(), done));
        runtime.block_on(async {
            windlass::task::spawn_blocking(|| {}).await.unwrap();
            yield_until(|| slot.0.lock().is_some()).await;
        });
        drop(runtime);
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    }
}

fn a_task_is_spawned_by_the_start_hook(flavor: Flavor) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    let (tx, rx) = std_mpsc::channel();
    let tx = Mutex::new(tx);
    let runtime = flavor
        .builder()
        .on_thread_start(move || {
            let tx = tx.lock().clone();
            // The thread is one of the runtime's already.
            windlass::spawn(async move { tx.send(()).unwrap() });
        })
        .build()
        .unwrap();
    for _ in 0..workers {
        rx.recv().unwrap();
    }
    works(&runtime);
}

fn tasks_are_spawned_by_the_stop_hook(flavor: Flavor) {
    for _ in 0..20 {
        let (tx, rx) = std_mpsc::channel();
        let tx = Mutex::new(tx);
        let handle = Slot::<Handle>::default();
        let kept = handle.clone();
        let runtime = flavor
            .builder()
            .on_thread_stop(move || {
                let handle = kept.0.lock().clone();
                if let Some(handle) = handle {
                    tx.lock().send(handle.spawn(std::future::pending::<()>())).unwrap();
                }
            })
            .build()
            .unwrap();
        handle.put(runtime.handle().clone());
        drop(runtime);
        // The hook holds the handle that holds the hook.
        handle.take();
        for task in rx.try_iter() {
            assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        }
    }
}

fn tasks_are_woken_by_the_stop_hook(flavor: Flavor) {
    const TASKS: usize = 50;
    for _ in 0..20 {
        let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
        let waking = wakers.clone();
        let runtime = flavor
            .builder()
            .on_thread_stop(move || {
                let wakers = waking.lock().clone();
                for waker in wakers {
                    waker.wake();
                }
            })
            .build()
            .unwrap();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let wakers = wakers.clone();
                let mut left = false;
                runtime.spawn(poll_fn(move |context| {
                    if !std::mem::replace(&mut left, true) {
                        wakers.lock().push(context.waker().clone());
                    }
                    Poll::<()>::Pending
                }))
            })
            .collect();
        runtime.block_on(yield_until(|| wakers.lock().len() == TASKS));
        drop(runtime);
        for task in tasks {
            assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        }
    }
}

/// Asserts that a runtime with this hook has all of its workers, works, and goes.
fn survives(flavor: Flavor, hook: impl FnOnce(&mut Builder, Arc<AtomicUsize>)) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    let calls = Arc::new(AtomicUsize::new(0));
    let mut builder = flavor.builder();
    hook(&mut builder, calls.clone());
    let runtime = builder.build().unwrap();
    for _ in 0..5 {
        assert_all_workers_live(&runtime, workers);
    }
    works(&runtime);
    drop(runtime);
    assert!(calls.load(Ordering::SeqCst) > 0, "the hook was never called");
}

fn the_start_hook_panics(flavor: Flavor) {
    survives(flavor, |builder, calls| {
        builder.on_thread_start(move || {
            calls.fetch_add(1, Ordering::SeqCst);
            panic!("in the start hook");
        });
    });
}

fn the_stop_hook_panics(flavor: Flavor) {
    survives(flavor, |builder, calls| {
        builder.on_thread_stop(move || {
            calls.fetch_add(1, Ordering::SeqCst);
            panic!("in the stop hook");
        });
    });
}

fn the_park_hook_panics(flavor: Flavor) {
    survives(flavor, |builder, calls| {
        builder.on_thread_park(move || {
            calls.fetch_add(1, Ordering::SeqCst);
            panic!("in the park hook");
        });
    });
}

fn the_unpark_hook_panics(flavor: Flavor) {
    survives(flavor, |builder, calls| {
        builder.on_thread_unpark(move || {
            calls.fetch_add(1, Ordering::SeqCst);
            panic!("in the unpark hook");
        });
    });
}

fn a_name_function_that_panics() {
    // Building it fails in whatever way, or works without; a runtime there is works and goes.
    let built = std::panic::catch_unwind(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name_fn(|| panic!("in the name function"))
            .build()
    });
    if let Ok(Ok(runtime)) = built {
        assert_all_workers_live(&runtime, 2);
    }
    // The third thread's name: the first two are running when it panics.
    let names = AtomicUsize::new(0);
    let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Builder::new_multi_thread()
            .worker_threads(4)
            .thread_name_fn(move || {
                assert!(names.fetch_add(1, Ordering::SeqCst) < 2, "in the name function");
                "crew".to_owned()
            })
            .build()
    }));
    if let Ok(Ok(runtime)) = built {
        assert_all_workers_live(&runtime, 4);
    }
}
