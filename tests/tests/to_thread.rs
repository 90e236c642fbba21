//! `to_thread`: a blocking call on the default executor that sees its caller's task-locals; and that the other ways
//! to a thread do not carry them.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use windlass::blocking::ThreadPoolExecutor;
use windlass::{run_in_executor, task, to_thread};
use windlass_tests::jobs::Gate;
use windlass_tests::{Flavor, on_every_flavor, once, payload_text};

windlass::task_local! {
    static NAME: String;
    static NUMBER: u32;
    static COUNTED: Counted;
    static NOT_CLONE: NotClone;
    static NOT_SEND: Rc<u32>;
    static SEND_NOT_SYNC: Cell<u32>;
}

on_every_flavor!(
    without_task_locals_it_is_run_in_executor,
    one_task_local,
    several_task_locals,
    of_nested_scopes_of_one_key_the_inner_value,
    the_outer_value_is_there_again_after_the_inner_scope,
    a_task_local_set_with_sync_scope,
    what_is_not_clone_or_not_send_stays,
    what_is_send_but_not_sync_goes_along,
    what_is_not_carried_hides_nothing_else,
    the_value_is_cloned_once_at_the_call,
    changes_inside_do_not_come_back,
    scopes_inside_the_call_nest_as_anywhere,
    the_thread_is_clean_afterwards,
    the_thread_is_clean_after_a_panic,
    from_a_call_to_another,
    a_call_that_is_never_run_drops_the_values,
    the_other_ways_do_not_carry,
    spawned_tasks_do_not_inherit_but_their_own_scopes_go_along,
    in_a_local_set,
    on_the_executor_that_was_set,
);

once!(a_clone_that_panics_panics_at_the_call);

#[derive(Debug)]
struct NotClone;

/// Counts the clones and drops of a value.
#[derive(Debug)]
struct Counted {
    clones: Arc<AtomicUsize>,
    drops: Arc<AtomicUsize>,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::SeqCst);
        Self { clones: self.clones.clone(), drops: self.drops.clone() }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
    }
}

fn counted() -> (Counted, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (clones, drops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    (Counted { clones: clones.clone(), drops: drops.clone() }, clones, drops)
}

fn number() -> Option<u32> {
    NUMBER.try_get().ok()
}

fn name() -> Option<String> {
    NAME.try_get().ok()
}

fn without_task_locals_it_is_run_in_executor(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let here = thread::current().id();
        assert_ne!(to_thread(|| thread::current().id()).await.unwrap(), here);
        let (call, line) = (to_thread(|| 6 * 7), line!());
        assert!(format!("{call:?}").contains(&format!("{}:{line}:", file!())), "{call:?}");
        assert_eq!(call.await.unwrap(), 42);
        let error = to_thread(|| panic!("there")).await.unwrap_err();
        assert_eq!(payload_text(&*error.into_panic()), "there");
    });
}

fn one_task_local(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let greeting =
            NAME.scope("ada".into(), async { to_thread(|| format!("hello {}", NAME.get())).await });
        assert_eq!(greeting.await.unwrap(), "hello ada");
        assert_eq!(to_thread(name).await.unwrap(), None);
    });
}

fn several_task_locals(flavor: Flavor) {
    let (value, clones, _) = counted();
    let task = NAME.scope(
        "ada".into(),
        NUMBER.scope(
            7,
            COUNTED.scope(value, async {
                to_thread(|| (name(), number(), COUNTED.try_with(|_| ()).is_ok())).await.unwrap()
            }),
        ),
    );
    let runtime = flavor.runtime();
    assert_eq!(runtime.block_on(runtime.spawn(task)).unwrap(), (Some("ada".into()), Some(7), true));
    assert_eq!(clones.load(Ordering::SeqCst), 1);
}

fn of_nested_scopes_of_one_key_the_inner_value(flavor: Flavor) {
    flavor.runtime().block_on(NUMBER.scope(
        1,
        NAME.scope(
            "ada".into(),
            NUMBER.scope(
                2,
                NUMBER.scope(3, async {
                    assert_eq!(
                        to_thread(|| (number(), name())).await.unwrap(),
                        (Some(3), Some("ada".into()))
                    );
                }),
            ),
        ),
    ));
}

fn the_outer_value_is_there_again_after_the_inner_scope(flavor: Flavor) {
    flavor.runtime().block_on(NUMBER.scope(1, async {
        let inner = NUMBER.scope(2, async {
            task::yield_now().await;
            to_thread(number).await.unwrap()
        });
        // Both are polled in turn, and each time the scopes are those of who is polled.
        let outer = async {
            let mut seen = Vec::new();
            for _ in 0..5 {
                seen.push(to_thread(number).await.unwrap());
                task::yield_now().await;
            }
            seen
        };
        let (inner, outer) = futures::join!(inner, outer);
        assert_eq!((inner, outer), (Some(2), vec![Some(1); 5]));
    }));
}

fn a_task_local_set_with_sync_scope(flavor: Flavor) {
    let runtime = flavor.runtime();
    let _guard = runtime.enter();
    let call = NUMBER.sync_scope(1, || {
        let inner = NUMBER.sync_scope(2, || to_thread(number));
        (inner, to_thread(number))
    });
    let after = to_thread(number);
    let mut seen = Vec::new();
    for call in [call.0, call.1, after] {
        seen.push(runtime.block_on(call).unwrap());
    }
    assert_eq!(seen, [Some(2), Some(1), None]);
}

fn what_is_not_clone_or_not_send_stays(flavor: Flavor) {
    flavor.runtime().block_on(NOT_CLONE.scope(
        NotClone,
        NOT_SEND.scope(
            Rc::new(1),
            NUMBER.scope(7, async {
                let there = to_thread(|| {
                    assert_eq!(number(), Some(7));
                    (NOT_CLONE.try_with(|_| ()).is_err(), NOT_SEND.try_with(|_| ()).is_err())
                });
                assert_eq!(there.await.unwrap(), (true, true));
                assert!(NOT_CLONE.try_with(|_| ()).is_ok() && NOT_SEND.with(|value| **value == 1));
                assert_eq!(NOT_SEND.with(Rc::strong_count), 1);
            }),
        ),
    ));
}

fn what_is_send_but_not_sync_goes_along(flavor: Flavor) {
    flavor.runtime().block_on(SEND_NOT_SYNC.scope(Cell::new(5), async {
        assert_eq!(to_thread(|| SEND_NOT_SYNC.with(|cell| cell.replace(6))).await.unwrap(), 5);
        assert_eq!(SEND_NOT_SYNC.with(Cell::get), 5);
    }));
}

fn what_is_not_carried_hides_nothing_else(flavor: Flavor) {
    // Outside, between and inside of those that are.
    flavor.runtime().block_on(NOT_SEND.scope(
        Rc::new(1),
        NUMBER.scope(
            1,
            NOT_CLONE.scope(
                NotClone,
                NAME.scope(
                    "ada".into(),
                    NOT_SEND.scope(Rc::new(2), async {
                        assert_eq!(
                            to_thread(|| (number(), name())).await.unwrap(),
                            (Some(1), Some("ada".into()))
                        );
                    }),
                ),
            ),
        ),
    ));
}

fn the_value_is_cloned_once_at_the_call(flavor: Flavor) {
    let (value, clones, drops) = counted();
    flavor.runtime().block_on(COUNTED.scope(value, async {
        let pool_is_busy = to_thread(|| ());
        assert_eq!(clones.load(Ordering::SeqCst), 1);
        pool_is_busy.await.unwrap();
        to_thread(|| ()).await.unwrap();
        assert_eq!(clones.load(Ordering::SeqCst), 2);
    }));
    assert_eq!(drops.load(Ordering::SeqCst), 3);
}

fn changes_inside_do_not_come_back(flavor: Flavor) {
    flavor.runtime().block_on(SEND_NOT_SYNC.scope(Cell::new(1), async {
        to_thread(|| SEND_NOT_SYNC.with(|cell| cell.set(2))).await.unwrap();
        assert_eq!(SEND_NOT_SYNC.with(Cell::get), 1);
        SEND_NOT_SYNC.with(|cell| cell.set(3));
        assert_eq!(to_thread(|| SEND_NOT_SYNC.with(Cell::get)).await.unwrap(), 3);
    }));
}

fn scopes_inside_the_call_nest_as_anywhere(flavor: Flavor) {
    flavor.runtime().block_on(NUMBER.scope(1, async {
        let seen = to_thread(|| {
            let inner = NUMBER.sync_scope(2, number);
            (inner, number())
        });
        assert_eq!(seen.await.unwrap(), (Some(2), Some(1)));
    }));
}

fn the_thread_is_clean_afterwards(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let first = NUMBER.scope(1, async { to_thread(|| thread::current().id()).await.unwrap() }).await;
        let (second, seen) = to_thread(|| (thread::current().id(), number())).await.unwrap();
        assert_eq!((first, seen), (second, None));
    });
}

fn the_thread_is_clean_after_a_panic(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let fails = NUMBER.scope(1, async { to_thread(|| panic!("{:?}", number())).await });
        assert_eq!(fails.await.unwrap_err().panic_message(), Some("Some(1)"));
        assert_eq!(to_thread(number).await.unwrap(), None);
    });
}

fn from_a_call_to_another(flavor: Flavor) {
    flavor.runtime().block_on(NUMBER.scope(1, async {
        // The caller of the inner one is a job, whose task-locals are those it was given.
        let inner = to_thread(|| (to_thread(number), run_in_executor(None, number))).await.unwrap();
        assert_eq!((inner.0.await.unwrap(), inner.1.await.unwrap()), (Some(1), None));
    }));
}

fn a_call_that_is_never_run_drops_the_values(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (gate, job) = Gate::new();
    let busy = runtime.spawn_blocking(job);
    gate.wait_begun();
    let (value, clones, drops) = counted();
    runtime.block_on(COUNTED.scope(value, async {
        let call = to_thread(|| unreachable!("it was cancelled"));
        assert_eq!(clones.load(Ordering::SeqCst), 1);
        drop::<windlass::RunInExecutor<()>>(call);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }));
    gate.open();
    runtime.block_on(busy).unwrap();
}

fn the_other_ways_do_not_carry(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    flavor.runtime().block_on(NUMBER.scope(1, async {
        assert_eq!(run_in_executor(None, number).await.unwrap(), None);
        assert_eq!(run_in_executor(Some(&pool), number).await.unwrap(), None);
        assert_eq!(task::spawn_blocking(number).await.unwrap(), None);
        assert_eq!(task::try_spawn_blocking(number).unwrap().await.unwrap(), None);
    }));
}

fn spawned_tasks_do_not_inherit_but_their_own_scopes_go_along(flavor: Flavor) {
    flavor.runtime().block_on(NUMBER.scope(1, async {
        let none = windlass::spawn(async { to_thread(number).await.unwrap() });
        let own = windlass::spawn(NUMBER.scope(2, async { to_thread(number).await.unwrap() }));
        assert_eq!((none.await.unwrap(), own.await.unwrap()), (None, Some(2)));
    }));
}

fn in_a_local_set(flavor: Flavor) {
    let set = task::LocalSet::new();
    let seen = flavor.runtime().block_on(set.run_until(async {
        let task =
            task::spawn_local(NUMBER.scope(4, NOT_SEND.scope(Rc::new(1), async { to_thread(number).await })));
        task.await.unwrap().unwrap()
    }));
    assert_eq!(seen, Some(4));
}

fn on_the_executor_that_was_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(ThreadPoolExecutor::builder().thread_name_prefix("mine").build());
    let (seen, thread) = runtime.block_on(NUMBER.scope(1, async {
        to_thread(|| (number(), thread::current().name().unwrap().to_owned())).await.unwrap()
    }));
    assert_eq!((seen, &*thread), (Some(1), "mine_0"));
}

fn a_clone_that_panics_panics_at_the_call() {
    struct PanicsOnClone;
    impl Clone for PanicsOnClone {
        fn clone(&self) -> Self {
            panic!("no clone")
        }
    }
    windlass::task_local! { static KEY: PanicsOnClone; }
    let runtime = Flavor::CurrentThread.runtime();
    let _guard = runtime.enter();
    let (tx, rx) = mpsc::channel();
    let panicked = KEY.sync_scope(PanicsOnClone, || {
        let panicked = windlass_tests::panics(|| to_thread(move || tx.send(()).unwrap()));
        // The scope is as it was.
        assert!(KEY.try_with(|_| ()).is_ok());
        panicked
    });
    assert_eq!(panicked.message, "no clone");
    assert!(rx.recv().is_err(), "it was not run");
    assert_eq!(runtime.block_on(to_thread(|| 1)).unwrap(), 1);
}
