//! Everything that can be awaited can be awaited in a task that is spawned, with values that hold references and trait objects: whether
//! the compiler can see that such a task is `Send` hangs on private fields. That these compile is the test; nothing is run.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use windlass::aio::{
    Promise, ReturnWhen, TaskGroup, TimeoutScope, as_completed, closing, gather, gather_results, shield,
    timeout_scope, try_gather, try_wait, wait, wait_for,
};
use windlass::net::{TcpListener, TcpStream, lookup_host};
use windlass::task::{self, JoinSet, yield_now};
use windlass::{blocking, io, spawn, sync, time};

type Failure = Box<dyn Error + Send + Sync>;

/// What [`spawn`] asks for. Nothing is called.
fn can_be_spawned<F>(_: impl FnOnce() -> F)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
}

async fn same(text: &'static str) -> &'static str {
    text
}

async fn length(text: &'static str) -> usize {
    text.len()
}

#[test]
fn gathers_of_references() {
    can_be_spawned(|| async { gather([async { "x" }]).await.unwrap() });
    can_be_spawned(|| async {
        let texts: Vec<&str> = gather(vec![spawn(async { "x" })]).await.unwrap();
        texts
    });
    can_be_spawned(|| async { gather((async { 1 }, async { "x" })).await.unwrap() });
    can_be_spawned(|| async {
        let both: (i32, &str) = gather((spawn(async { 1 }), async { "x" })).await.unwrap();
        both
    });
    can_be_spawned(|| async { gather(["a", "b"].map(same)).await.unwrap() });
    can_be_spawned(|| async { gather(["a", "b"].iter().map(|text| length(text))).await.unwrap() });
    can_be_spawned(|| async {
        gather(["a", "b"].into_iter().map(|text| async move { text.len() })).await.unwrap()
    });
    can_be_spawned(|| async {
        gather(vec!["a", "b"].into_iter().map(|text| async move { text })).await.unwrap()
    });
    can_be_spawned(|| async { gather_results([async { "x" }]).await });
    can_be_spawned(|| async { try_gather([async { Err::<u8, &str>("x") }]).await });
    can_be_spawned(|| async {
        try_gather((async { Err::<u8, &str>("x") }, async { Ok::<&str, &str>("x") })).await
    });
    can_be_spawned(|| async { gather([async { Cow::Borrowed("x") }]).await });
    can_be_spawned(|| async { gather([async { Location::caller() }]).await });
    can_be_spawned(|| async { gather([async { None::<fn(&str) -> u8> }]).await });
}

#[test]
fn gathers_of_trait_objects() {
    can_be_spawned(|| async { try_gather([async { Ok::<u8, Failure>(1) }]).await });
    can_be_spawned(|| async { gather([async { Ok::<u8, Failure>(1) }]).await });
    can_be_spawned(|| async {
        let futures: Vec<Pin<Box<dyn Future<Output = u8> + Send>>> = Vec::new();
        gather(futures).await
    });
    can_be_spawned(|| async { gather_results([async { Box::new(1) as Box<dyn Any + Send> }]).await });
    can_be_spawned(|| async { gather([async { Arc::new(|| ()) as Arc<dyn Fn() + Send + Sync> }]).await });
}

#[test]
fn waits_for_tasks() {
    can_be_spawned(|| async { shield(async { "x" }).await });
    can_be_spawned(|| async { wait([spawn(async { "x" })], None, ReturnWhen::AllCompleted).await });
    can_be_spawned(|| async {
        try_wait([spawn(async { Ok::<&str, &str>("x") })], None, ReturnWhen::AllCompleted).await
    });
    can_be_spawned(|| async {
        try_wait([spawn(async { Ok::<u8, Failure>(1) })], None, ReturnWhen::AllCompleted).await
    });
    can_be_spawned(|| async {
        let mut completed = as_completed([spawn(async { "x" })], None);
        while let Some(task) = completed.next().await {
            task.unwrap().await.unwrap();
        }
    });
    can_be_spawned(|| async { wait_for(spawn(async { "x" }), Duration::ZERO).await });
    can_be_spawned(|| async { time::timeout(Duration::ZERO, async { "x" }).await });
    can_be_spawned(|| async {
        let mut set = JoinSet::new();
        set.spawn(async { "x" });
        set.join_next().await;
        set.join_all().await
    });
}

#[test]
fn scopes_and_groups() {
    can_be_spawned(|| async {
        let text = String::new();
        let text = &text;
        timeout_scope(Duration::ZERO, async |_| {
            yield_now().await;
            text.len()
        })
        .await
    });
    can_be_spawned(|| async {
        let mut text = String::new();
        let text = &mut text;
        timeout_scope(Duration::ZERO, async |_: TimeoutScope| -> Result<u8, Failure> {
            yield_now().await;
            text.push('a');
            Ok(1)
        })
        .await
    });
    can_be_spawned(|| async {
        let group = TaskGroup::<&str>::new();
        group.spawn(async { Ok("x") }).await.ok();
        group.spawn_blocking(|| Ok("x")).await.ok();
        group.join().await
    });
    can_be_spawned(|| async {
        let group = TaskGroup::<Failure>::new();
        let started = group.start(async |status| {
            yield_now().await;
            status.started("x");
            Ok(())
        });
        started.await.ok();
        group.join().await
    });
    can_be_spawned(|| async {
        TaskGroup::<&str>::scope(async |group| {
            group.spawn(async { Ok("x") }).await.ok();
            Ok("y")
        })
        .await
    });
    can_be_spawned(|| async {
        let promise = Promise::new();
        promise.set_result("x").unwrap();
        (&promise).await.ok();
        promise.await
    });
    can_be_spawned(|| async {
        closing("x", async |text: &str| {
            yield_now().await;
            text.len()
        })
        .close()
        .await;
    });
}

#[test]
fn blocking_calls() {
    can_be_spawned(|| async { windlass::run_in_executor(None, || "x").await });
    can_be_spawned(|| async { windlass::to_thread(|| "x").await });
    can_be_spawned(|| async { windlass::wrap_future(blocking::Promise::<&str>::new().1).await });
    can_be_spawned(|| async { task::spawn_blocking(|| "x").await });
    can_be_spawned(|| async { sync::CapacityLimiter::new(1).to_thread(|| "x").await.is_ok() });
}

#[test]
fn locks_and_queues() {
    can_be_spawned(|| async {
        let queue = sync::Queue::new();
        queue.put("x").await.ok();
        queue.get().await.ok();
        queue.join().await;
    });
    can_be_spawned(|| async {
        let queue = sync::PriorityQueue::new();
        queue.put("x").await.ok();
        queue.get().await.ok();
        queue.join().await;
    });
    can_be_spawned(|| async {
        let condition = sync::Condition::new("x");
        let guard = condition.lock().await.wait().await;
        drop(guard.wait_for(|text| text.len() == 1).await);
    });
    can_be_spawned(|| async {
        let mutex = sync::Mutex::new("x");
        let guard = mutex.lock().await;
        yield_now().await;
        drop(guard);
    });
    can_be_spawned(|| async {
        let cell = sync::OnceCell::new();
        cell.get_or_init(|| async { "x" }).await;
        cell.get_or_try_init(|| async { Ok::<_, &str>("x") }).await.ok();
    });
}

#[test]
fn channels() {
    can_be_spawned(|| async {
        let (sender, mut receiver) = sync::mpsc::channel(1);
        sender.send("x").await.ok();
        receiver.recv().await;
        let permit = sender.reserve().await.unwrap();
        yield_now().await;
        permit.send("x");
    });
    can_be_spawned(|| async {
        let (sender, mut receiver) = sync::watch::channel("x");
        receiver.changed().await.ok();
        receiver.wait_for(|text| text.len() == 1).await.ok();
        sender.closed().await;
    });
    can_be_spawned(|| async {
        let (sender, mut receiver) = sync::broadcast::channel(3);
        sender.send("x").ok();
        receiver.recv().await
    });
    can_be_spawned(|| async {
        let (sender, receiver) = sync::oneshot::channel();
        sender.send("x").ok();
        receiver.await
    });
}

#[test]
fn shutdown() {
    can_be_spawned(|| async {
        let tracker = sync::TaskTracker::new();
        tracker.spawn(async { "x" });
        tracker.close();
        tracker.wait().await;
        tracker.track_future(async { "x" }).await
    });
    can_be_spawned(|| async {
        let token = sync::CancellationToken::new();
        token.run_until_cancelled(async { "x" }).await;
        token.run_until_cancelled_owned(async { "x" }).await
    });
    can_be_spawned(|| async {
        let graceful = sync::Graceful::new();
        graceful.spawn(async { "x" }).await.ok();
        graceful.track(async { "x" }).await
    });
}

#[test]
fn sockets_and_streams() {
    can_be_spawned(|| async {
        for _ in lookup_host("localhost:1").await.unwrap() {
            yield_now().await;
        }
    });
    can_be_spawned(|| async {
        let name = String::from("a");
        for _ in lookup_host((name.as_str(), 1)).await.unwrap() {
            yield_now().await;
        }
        TcpStream::connect((name.as_str(), 1)).await.ok();
        TcpListener::bind("127.0.0.1:0").await.ok();
    });
    can_be_spawned(|| async {
        let ((mut one, _), (mut other, _)) = (io::duplex(1), io::duplex(1));
        io::copy_bidirectional(&mut one, &mut other).await.ok();
        io::copy(&mut one, &mut other).await
    });
}

#[test]
fn macros() {
    can_be_spawned(|| async {
        windlass::select! {
            _ = async { "x" } => yield_now().await,
            _ = async { "y" } => {}
        }
    });
    can_be_spawned(|| async { windlass::join!(async { "x" }, async { "y" }) });
    can_be_spawned(|| async {
        windlass::try_join!(async { Ok::<_, &str>("x") }, async { Ok::<_, &str>("y") })
    });
    windlass::task_local! {
        static LOCAL: &'static str;
    }
    windlass::context_var! {
        static VAR: &'static str = "x";
    }
    can_be_spawned(|| async {
        let get = async {
            yield_now().await;
            LOCAL.get()
        };
        LOCAL.scope("x", get).await
    });
    can_be_spawned(|| async {
        let get = async {
            yield_now().await;
            VAR.get()
        };
        VAR.scope("x", get).await
    });
}
