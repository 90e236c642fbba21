//! What a task is made of, what it is called and which one is running: CPython's test_tasks.py, the cases about `Task`,
//! `ensure_future` and `current_task`.
//!
//! inexpressible: test_tasks.py::BaseTaskTests::test_generic_alias: types are not looked at as they run
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_cancel_message_getter: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_cancel_message_setter: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_del_collect: there is no garbage collector
//! inexpressible: test_tasks.py::BaseTaskTests::test_ensure_future_neither: the compiler refuses it
//! inexpressible: test_tasks.py::BaseTaskTests::test_ensure_future_error_msg: the compiler refuses it
//! inexpressible: test_tasks.py::BaseTaskTests::test_get_stack: a future has no frames
//! inexpressible: test_tasks.py::BaseTaskTests::test_get_coro: a task's future is its own, and nobody else can have it
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_set_name_pylong: a name is text
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_repr_name_not_str: a name is text
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_set_methods: a handle has no way to set an output
//! inexpressible: test_tasks.py::BaseTaskTests::test_exception_chaining_after_await: an error has the source it is given, and no other context
//! inexpressible: test_tasks.py::BaseTaskTests::test_exception_chaining_after_await_with_context_cycle: an error has the source it is given, and no other context
//! inexpressible: test_tasks.py::BaseTaskTests::test_exception_traceback: an error has no traceback
//! inexpressible: test_tasks.py::BaseTaskTests::test_uncancel_resets_must_cancel: an abort cannot be taken back
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancellation_exception_context: an abort raises nothing
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_traceback_for_future_result: an abort raises nothing
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_traceback_for_future_exception: an abort raises nothing
//! different: test_tasks.py::BaseTaskTests::test_stop_while_run_in_complete: nothing stops a runtime before the future in `block_on` is done
//! inexpressible: test_tasks.py::BaseTaskTests::test_as_completed_reverse_wait: the next one can be waited for, and only then the one after it
//! inexpressible: test_tasks.py::BaseTaskTests::test_sleep_when_delay_is_nan: a duration is a number
//! inexpressible: test_tasks.py::BaseTaskTests::test_iscoroutinefunction: the compiler knows
//! inexpressible: test_tasks.py::BaseTaskTests::test_error_in_call_soon: queueing a task cannot fail
//! inexpressible: test_tasks.py::BaseTaskTests::test_create_task_with_noncoroutine: the compiler refuses it
//! inexpressible: test_tasks.py::CTask_CFuture_Tests::test_refleaks_in_task___init__: nothing is initialised twice
//! inexpressible: test_tasks.py::CTask_CFuture_Tests::test_del__log_destroy_pending_segfault: nothing can be deleted from a task
//! inexpressible: test_tasks.py::CTask_Future_Tests::test_foobar: a runtime is no class to derive from
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__register_task_1: only the runtime has tasks to register
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__register_task_2: only the runtime has tasks to register
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__register_task_3: only the runtime has tasks to register
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__enter_task: only the runtime says which task is running
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__enter_task_failure: only the runtime says which task is running
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__leave_task: only the runtime says which task is running
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__leave_task_failure1: only the runtime says which task is running
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__leave_task_failure2: only the runtime says which task is running
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__unregister_task: only the runtime has tasks to register
//! inexpressible: test_tasks.py::BaseTaskIntrospectionTests::test__unregister_task_not_registered: only the runtime has tasks to register
//! inexpressible: test_tasks.py::GenericTaskTests::test_future_subclass: a handle is no promise
//! inexpressible: test_tasks.py::GenericTaskTests::test_asyncio_module_compiled: there is one implementation
//! inexpressible: test_tasks.py::GatherTestsBase::test_env_var_debug: there is no debug mode
//! inexpressible: test_tasks.py::CoroutineGatherTests::test_issue46672: the compiler refuses it
//! inexpressible: test_tasks.py::RunCoroutineThreadsafeTests::test_run_coroutine_threadsafe_task_factory_exception: there is no task factory

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::oneshot;
use windlass::aio::{Promise, as_completed, gather, shield};
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, Builder, Id, JoinHandle};
use windlass_tests::{
    Flavor, OnDrop, on_conformance_flavors, panics_at_its_caller, payload_text, yield_until,
};

on_conformance_flavors!(
    futures_are_awaited_in_turn,
    a_task_of_a_future,
    a_task_runs_where_it_was_spawned,
    a_function_that_waits_for_nothing,
    a_promise_as_an_output,
    a_task_of_an_async_function,
    a_task_of_what_is_a_future_by_hand,
    a_future_becomes_a_task,
    a_task_remains_itself,
    a_task_remains_itself_wherever_it_is_kept,
    what_can_be_awaited_becomes_a_task,
    a_promise_becomes_a_task,
    a_promise_of_another_runtime,
    a_task_knows_the_line_that_spawned_it,
    a_task_without_a_name,
    debug_of_a_task_that_waits,
    a_panic_while_it_is_aborted,
    no_task_is_running_outside,
    nor_is_it_an_error_to_ask,
    the_running_task,
    shields_need_a_runtime,
    shields_on_a_runtime_that_was_entered,
    tasks_complete_without_a_runtime_around,
    gathers_within_a_runtime,
    gathers_on_a_runtime_that_was_entered,
    gathers_of_nothing_on_a_runtime_that_was_entered,
);

/// ported: test_tasks.py::BaseTaskTests::test_task_basics
fn futures_are_awaited_in_turn(flavor: Flavor) {
    let one = async || 42;
    let other = async || 1000;
    let outer = async move { one().await + other().await };
    assert_eq!(flavor.runtime().block_on(outer), 1042);
}

/// ported: test_tasks.py::BaseTaskTests::test_bare_create_task
fn a_task_of_a_future(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(async { "done" });
        assert_eq!(task.await.unwrap(), "done");
    });
}

/// The tasks that have waited at least once, of the runtime that runs the caller.
fn has_task(handle: &Handle, id: Id) -> bool {
    handle.all_tasks().iter().any(|task| task.id() == id)
}

/// ported: test_tasks.py::BaseTaskTests::test_task_class
fn a_task_runs_where_it_was_spawned(flavor: Flavor) {
    let (runtime, other) = (flavor.runtime(), flavor.runtime());
    let look = |on: &Runtime, other: &Runtime| {
        let (here, there) = (on.handle().clone(), other.handle().clone());
        let task = on.spawn(async move {
            let id = task::id();
            assert!(has_task(&Handle::current(), id));
            assert!(has_task(&here, id) && !has_task(&there, id));
            "ok"
        });
        on.block_on(async {
            yield_until(|| task.is_finished()).await;
            assert_eq!(task.await.unwrap(), "ok");
        });
    };
    look(&runtime, &other);
    look(&other, &runtime);
}

/// ported: test_tasks.py::BaseTaskTests::test_coroutine_non_gen_function
fn a_function_that_waits_for_nothing(flavor: Flavor) {
    let function = async || "test";
    assert_eq!(flavor.runtime().block_on(function()), "test");
}

/// ported: test_tasks.py::BaseTaskTests::test_coroutine_non_gen_function_return_future
fn a_promise_as_an_output(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<&str>::new();
        let gives = promise.clone();
        let one = windlass::spawn(async move { gives });
        let sets = promise.clone();
        let other = windlass::spawn(async move { sets.set_result("test").unwrap() });
        // The promise itself, which nobody has awaited.
        let given: Promise<&str> = one.await.unwrap();
        other.await.unwrap();
        assert_eq!(given.result().unwrap().unwrap(), "test");
    });
}

async fn named_function() -> u32 {
    7
}

/// ported: test_tasks.py::BaseTaskTests::test_create_task_with_async_function
fn a_task_of_an_async_function(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // One function makes any number of tasks.
        for _ in 0..2 {
            assert_eq!(windlass::spawn(named_function()).await.unwrap(), 7);
        }
    });
}

/// A future that no `async` made.
struct ByHand {
    polled: bool,
}

impl Future for ByHand {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        if std::mem::replace(&mut self.polled, true) {
            return Poll::Ready(42);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// ported: test_tasks.py::BaseTaskTests::test_create_task_with_asynclike_function
fn a_task_of_what_is_a_future_by_hand(flavor: Flavor) {
    flavor.runtime().block_on(async {
        assert_eq!(windlass::spawn(ByHand { polled: false }).await.unwrap(), 42);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_ensure_future_coroutine
fn a_future_becomes_a_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let shielded = shield(async { (task::try_id(), "ok") });
        let id = shielded.get_ref().id();
        assert_eq!(shielded.await.unwrap(), (Some(id), "ok"));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_ensure_future_task
fn a_task_remains_itself(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(async { "ok" });
        let id = task.id();
        let same: JoinHandle<&str> = shield(task).into_inner();
        assert_eq!(same.id(), id);
        let same: JoinHandle<&str> = shield(same).into_inner();
        assert_eq!(same.id(), id);
        assert_eq!(same.await.unwrap(), "ok");
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_ensure_future_task_awaitable
fn a_task_remains_itself_wherever_it_is_kept(flavor: Flavor) {
    struct Keeps(JoinHandle<&'static str>);

    impl IntoFuture for Keeps {
        type Output = Result<&'static str, task::JoinError>;
        type IntoFuture = JoinHandle<&'static str>;

        fn into_future(self) -> Self::IntoFuture {
            self.0
        }
    }

    flavor.runtime().block_on(async {
        let task = windlass::spawn(async { "ok" });
        let id = task.id();
        let same = Keeps(task).into_future();
        assert_eq!(same.id(), id);
        assert_eq!(Keeps(same).await.unwrap(), "ok");
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_ensure_future_awaitable
fn what_can_be_awaited_becomes_a_task(flavor: Flavor) {
    struct Awaitable(u32);

    impl IntoFuture for Awaitable {
        type Output = u32;
        type IntoFuture = std::future::Ready<u32>;

        fn into_future(self) -> Self::IntoFuture {
            ready(self.0)
        }
    }

    flavor.runtime().block_on(async {
        let shielded = shield(Awaitable(7).into_future());
        assert_eq!(shielded.await.unwrap(), 7);
    });
}

/// different: test_tasks.py::BaseTaskTests::test_ensure_future_future: a promise is awaited by a task, like anything else, and is not one
fn a_promise_becomes_a_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        promise.set_result("ko").unwrap();
        let shielded = shield(promise.clone().into_future());
        assert_eq!(shielded.await.unwrap().unwrap(), "ko");
        assert!(promise.done());
    });
}

/// different: test_tasks.py::BaseTaskTests::test_other_loop_future: a promise may be awaited on any runtime
fn a_promise_of_another_runtime(flavor: Flavor) {
    let (runtime, other) = (flavor.runtime(), flavor.runtime());
    let promise = Promise::<u8>::new_on(other.handle());
    let awaits = promise.clone();
    let task = runtime.spawn(async move { awaits.await.unwrap() });
    other.block_on(async { promise.set_result(7).unwrap() });
    assert_eq!(runtime.block_on(task).unwrap(), 7);
}

/// ported: test_tasks.py::BaseTaskTests::test_task_source_traceback
fn a_task_knows_the_line_that_spawned_it(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let line = line!() + 1;
        let task = windlass::spawn(async { task::current().unwrap().spawned_at() });
        let place = format!("{}:{line}", file!());
        assert!(format!("{task:?}").contains(&place), "{task:?} does not name {place}");
        let location = task.await.unwrap();
        assert_eq!((location.file(), location.line()), (file!(), line));
    });
}

/// different: test_tasks.py::BaseTaskTests::test_task_repr_autogenerated: a task that was given no name has none; its id tells it from others
fn a_task_without_a_name(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (one, other) = (windlass::spawn(async {}), windlass::spawn(async {}));
        assert_ne!(one.id(), other.id());
        assert!(!format!("{one:?}").contains("name"));
        assert!(format!("{one:?}").contains(&format!("id: {}", one.id())));
        let named = Builder::new().name("n1").spawn(async {}).unwrap();
        assert!(format!("{named:?}").contains("n1"));
    });
}

/// different: test_tasks.py::BaseTaskTests::test_task_repr_wait_for: Debug says that a task waits, and not for what
fn debug_of_a_task_that_waits(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(pending::<()>());
        yield_until(|| format!("{task:?}").contains("Idle")).await;
        task.abort();
    });
}

/// different: test_tasks.py::BaseTaskTests::test_baseexception_during_cancel: a panic, be it what it may, stays in its task
fn a_panic_while_it_is_aborted(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (begins, begun) = oneshot::channel();
        let task = windlass::spawn(async move {
            let _cleanup = OnDrop::new(|| panic!("as it was aborted"));
            begins.send(()).unwrap();
            pending::<()>().await;
        });
        begun.await.unwrap();
        task.abort();
        yield_until(|| task.is_finished()).await;
        let error = task.await.unwrap_err();
        assert!(!error.is_cancelled());
        assert_eq!(payload_text(&*error.into_panic()), "as it was aborted");
    });
}

/// ported: test_tasks.py::BaseCurrentLoopTests::test_current_task_no_running_loop
fn no_task_is_running_outside(flavor: Flavor) {
    let runtime = flavor.runtime();
    // Though it has one.
    let task = runtime.spawn(pending::<()>());
    let _entered = runtime.enter();
    assert!(task::current().is_none() && task::try_id().is_none());
    task.abort();
}

/// different: test_tasks.py::BaseCurrentLoopTests::test_current_task_no_running_loop_implicit: outside of a runtime no task is running, which is no error
fn nor_is_it_an_error_to_ask(_: Flavor) {
    assert!(task::current().is_none() && task::try_id().is_none());
}

/// ported: test_tasks.py::BaseCurrentLoopTests::test_current_task_with_implicit_loop
fn the_running_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async { (task::current().unwrap().id(), task::try_id(), task::id()) });
    let id = task.id();
    assert_eq!(runtime.block_on(task).unwrap(), (id, Some(id), id));
    assert!(task::current().is_none());
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_coroutine_without_loop
fn shields_need_a_runtime(_: Flavor) {
    let panicked = panics_at_its_caller(|| shield(async { 42 }));
    assert!(panicked.message.contains("runtime"), "{}", panicked.message);
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_coroutine_use_global_loop
fn shields_on_a_runtime_that_was_entered(flavor: Flavor) {
    let runtime = flavor.runtime();
    let shielded = {
        let _entered = runtime.enter();
        shield(async { (task::id(), 42) })
    };
    let id = shielded.get_ref().id();
    assert_eq!(runtime.block_on(shielded).unwrap(), (id, 42));
}

/// different: test_tasks.py::BaseTaskTests::test_as_completed_coroutine_without_loop: it takes tasks, which have a runtime already
fn tasks_complete_without_a_runtime_around(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async { 42 });
    let mut completed = as_completed([task], None);
    let output = runtime.block_on(async { completed.next().await.unwrap().unwrap().await });
    assert_eq!(output.unwrap(), 42);
}

/// ported: test_tasks.py::CoroutineGatherTests::test_constructor_use_running_loop
fn gathers_within_a_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = runtime.handle().clone();
    let mut gathered = None;
    runtime.block_on(async {
        gathered = Some(gather([0, 1].map(|_| {
            let here = here.clone();
            async move { has_task(&here, task::id()) }
        })));
    });
    // Called there, awaited here.
    assert_eq!(runtime.block_on(gathered.unwrap()).unwrap(), [true, true]);
}

/// ported: test_tasks.py::CoroutineGatherTests::test_constructor_use_global_loop
fn gathers_on_a_runtime_that_was_entered(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = runtime.handle().clone();
    let gathered = {
        let _entered = runtime.enter();
        gather([0, 1].map(|_| {
            let here = here.clone();
            async move { has_task(&here, task::id()) }
        }))
    };
    assert_eq!(runtime.block_on(gathered).unwrap(), [true, true]);
}

/// ported: test_tasks.py::FutureGatherTests::test_constructor_empty_sequence_use_global_loop
fn gathers_of_nothing_on_a_runtime_that_was_entered(flavor: Flavor) {
    let runtime = flavor.runtime();
    let gathered = {
        let _entered = runtime.enter();
        gather(Vec::<std::future::Ready<u8>>::new())
    };
    assert_eq!(runtime.block_on(gathered).unwrap(), Vec::<u8>::new());
}
