//! What a task waits for, as `task::all_tasks` says it: one scenario for each kind of thing.

use std::future::{Future, pending};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use windlass::aio::{self, Promise, ReturnWhen, TaskGroup};
use windlass::blocking::ThreadPoolExecutor;
use windlass::io::{AsyncFd, AsyncReadExt, AsyncWriteExt, duplex};
use windlass::net::{TcpListener, TcpStream};
use windlass::sync::{
    Barrier, BoundedSemaphore, CancellationToken, CapacityLimiter, Condition, Event, Mutex, Notify, OnceCell,
    Queue, RwLock, Semaphore, TaskTracker, broadcast, mpsc, oneshot, watch,
};
use windlass::task::{self, Awaited, Id, JoinHandle, JoinSet, Resource, TaskInfo, TaskState};
use windlass::time::{sleep, timeout};
use windlass_tests::{Flavor, on_every_flavor, wake_self, yield_until};

on_every_flavor!(
    locks,
    semaphores,
    a_cell_that_another_fills,
    channels,
    queues,
    events_and_the_like,
    a_barrier,
    cancellation_and_trackers,
    a_promise,
    a_pipe,
    a_timer,
    sockets,
    a_join,
    a_join_of_a_blocking_call,
    jobs_of_executors,
    a_join_set,
    a_join_set_that_is_used_for_long,
    gathers,
    waits_for_handles,
    a_task_group,
    several_things_at_once,
    more_things_than_are_remembered,
    something_of_another_crate,
    nothing_where_it_does_not_wait,
    what_it_waited_for_before_is_forgotten,
    the_first_poll_counts_too,
    the_same_thing_has_the_same_address,
);

/// What the task of that id waits for, once it waits.
async fn once_idle(id: Id) -> TaskInfo {
    let mut found = None;
    yield_until(|| {
        found = task::all_tasks().into_iter().find(|task| task.id() == id && task.state() == TaskState::Idle);
        found.is_some()
    })
    .await;
    found.unwrap()
}

fn awaits(info: &TaskInfo) -> Vec<Awaited> {
    info.awaits().collect()
}

/// Spawns the future, lets it wait, aborts it, and gives what it has waited for.
async fn waits_of<F>(future: F) -> Vec<Awaited>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = windlass::spawn(future);
    let info = once_idle(task.id()).await;
    task.abort();
    let _ = task.await;
    awaits(&info)
}

/// Asserts that the future waits for one thing of that kind, whether in the first poll of its task or a later one.
fn assert_waits<F>(flavor: Flavor, what: Resource, future: impl Fn() -> F)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    flavor.runtime().block_on(async {
        let first = future();
        let later = future();
        let later = async move {
            wake_self().await;
            later.await
        };
        for seen in [waits_of(first).await, waits_of(later).await] {
            let resources: Vec<_> = seen.iter().filter_map(Awaited::resource).collect();
            assert_eq!((resources, seen.len()), (vec![what], 1), "{seen:?}");
        }
    });
}

fn locks(flavor: Flavor) {
    let mutex = Arc::new(Mutex::new(()));
    let _held = mutex.try_lock().unwrap();
    assert_waits(flavor, Resource::Mutex, || mutex.clone().lock_owned());

    let lock = Arc::new(RwLock::new(()));
    let _held = lock.try_write().unwrap();
    assert_waits(flavor, Resource::RwLock, || lock.clone().read_owned());
    assert_waits(flavor, Resource::RwLock, || lock.clone().write_owned());
}

fn semaphores(flavor: Flavor) {
    let semaphore = Arc::new(Semaphore::new(1));
    assert_waits(flavor, Resource::Semaphore, || semaphore.clone().acquire_many_owned(2));

    let bounded = Arc::new(BoundedSemaphore::new(1));
    let _permit = bounded.try_acquire().unwrap();
    assert_waits(flavor, Resource::Semaphore, || {
        let bounded = bounded.clone();
        async move { drop(bounded.acquire().await) }
    });

    let limiter = Arc::new(CapacityLimiter::new(1));
    let _token = limiter.try_acquire().unwrap();
    assert_waits(flavor, Resource::CapacityLimiter, || {
        let limiter = limiter.clone();
        async move { drop(limiter.acquire().await) }
    });
}

fn a_cell_that_another_fills(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let cell = Arc::new(OnceCell::new());
        let fill = |cell: Arc<OnceCell<u32>>| async move { *cell.get_or_init(pending::<u32>).await };
        let fills = windlass::spawn(fill(cell.clone()));
        once_idle(fills.id()).await;
        let seen = waits_of(fill(cell)).await;
        assert_eq!(seen.iter().filter_map(Awaited::resource).collect::<Vec<_>>(), [Resource::OnceCell]);
        fills.abort();
    });
}

fn channels(flavor: Flavor) {
    assert_waits(flavor, Resource::Oneshot, || async {
        let (_sender, receiver) = oneshot::channel::<()>();
        receiver.await
    });
    assert_waits(flavor, Resource::Oneshot, || async {
        let (mut sender, _receiver) = oneshot::channel::<()>();
        sender.closed().await;
    });
    assert_waits(flavor, Resource::Mpsc, || async {
        let (_sender, mut receiver) = mpsc::unbounded_channel::<()>();
        receiver.recv().await
    });
    assert_waits(flavor, Resource::Mpsc, || async {
        let (_sender, mut receiver) = mpsc::channel::<()>(1);
        receiver.recv_many(&mut Vec::new(), 3).await
    });
    // Room for a message.
    assert_waits(flavor, Resource::Mpsc, || async {
        let (sender, _receiver) = mpsc::channel(1);
        sender.send(()).await.unwrap();
        sender.send(()).await
    });
    assert_waits(flavor, Resource::Mpsc, || async {
        let (sender, _receiver) = mpsc::channel::<()>(1);
        sender.closed().await;
    });
    assert_waits(flavor, Resource::Broadcast, || async {
        let (_sender, mut receiver) = broadcast::channel::<u32>(1);
        receiver.recv().await
    });
    assert_waits(flavor, Resource::Watch, || async {
        let (_sender, mut receiver) = watch::channel(1);
        receiver.changed().await
    });
}

fn queues(flavor: Flavor) {
    assert_waits(flavor, Resource::Queue, || async { Queue::<()>::new().get().await });
    assert_waits(flavor, Resource::Queue, || async {
        let queue = Queue::with_maxsize(1);
        queue.put(()).await.unwrap();
        queue.put(()).await
    });
    assert_waits(flavor, Resource::Queue, || async {
        let queue = Queue::new();
        queue.put(()).await.unwrap();
        queue.join().await;
    });
}

fn events_and_the_like(flavor: Flavor) {
    assert_waits(flavor, Resource::Event, || async { Event::new().wait().await });
    assert_waits(flavor, Resource::Notify, || async { Notify::new().notified().await });
    assert_waits(flavor, Resource::Condition, || async {
        let condition = Condition::new(());
        drop(condition.lock().await.wait().await);
    });
}

fn a_barrier(flavor: Flavor) {
    assert_waits(flavor, Resource::Barrier, || async { Barrier::new(2).wait().await });
}

fn cancellation_and_trackers(flavor: Flavor) {
    assert_waits(flavor, Resource::CancellationToken, || CancellationToken::new().cancelled_owned());
    assert_waits(flavor, Resource::TaskTracker, || async {
        let tracker = TaskTracker::new();
        let _token = tracker.token();
        tracker.close();
        tracker.wait().await;
    });
}

fn a_promise(flavor: Flavor) {
    assert_waits(flavor, Resource::Promise, || async { Promise::<()>::new().await });
}

fn a_pipe(flavor: Flavor) {
    assert_waits(flavor, Resource::Pipe, || async {
        let (mut here, _there) = duplex(1);
        here.read(&mut [0]).await
    });
    assert_waits(flavor, Resource::Pipe, || async {
        let (mut here, _there) = duplex(1);
        here.write_all(b"two").await
    });
}

fn a_timer(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(sleep(Duration::from_secs(60)));
        assert_eq!(awaits(&once_idle(task.id()).await), [Awaited::Timer(Duration::from_secs(60))]);
        windlass::time::advance(Duration::from_secs(20)).await;
        assert_eq!(awaits(&once_idle(task.id()).await), [Awaited::Timer(Duration::from_secs(40))]);
        task.abort();
    });
}

fn sockets(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, fd) = (listener.local_addr().unwrap(), listener.as_raw_fd());
        let accepts = windlass::spawn(async move { listener.accept().await.unwrap().0 });
        assert_eq!(awaits(&once_idle(accepts.id()).await), [Awaited::Readable(fd)]);

        let mut stream = TcpStream::connect(address).await.unwrap();
        let _peer = accepts.await.unwrap();
        let fd = stream.as_raw_fd();
        let seen = waits_of(async move {
            loop {
                stream.write_all(&[0; 1 << 16]).await.unwrap();
            }
        });
        assert_eq!(seen.await, [Awaited::Writable(fd)]);

        let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let fd = here.as_raw_fd();
        let seen = waits_of(async move {
            // SAFETY: the descriptor of a std socket is its own, and the same for its whole life.
            let here = unsafe { AsyncFd::register(here) }.unwrap();
            here.readable().await.map(|_| ())
        });
        assert_eq!(seen.await, [Awaited::Readable(fd)]);
    });
}

fn a_join(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let inner = windlass::spawn(pending::<()>());
        let id = inner.id();
        let outer = windlass::spawn(inner);
        assert_eq!(awaits(&once_idle(outer.id()).await), [Awaited::Task(id)]);
        let outermost = windlass::spawn(async move {
            wake_self().await;
            aio::shield::<Result<(), _>, _>(outer).await
        });
        let seen = awaits(&once_idle(outermost.id()).await);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].task().is_some_and(|task| task != id && task != outermost.id()));
    });
}

fn a_join_of_a_blocking_call(flavor: Flavor) {
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    flavor.runtime().block_on(async {
        let call = task::spawn_blocking(move || may_go_on.recv().is_ok());
        let id = call.id();
        assert_eq!(waits_of(call).await, [Awaited::Task(id)]);
        drop(go_on);
    });
}

fn jobs_of_executors(flavor: Flavor) {
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = Arc::new(std::sync::Mutex::new(may_go_on));
    let call = || {
        let may_go_on = may_go_on.clone();
        move || may_go_on.lock().unwrap().recv().is_ok()
    };
    flavor.runtime().block_on(async {
        let check = |seen: Vec<Awaited>, line| match seen[..] {
            [Awaited::Job(location)] => assert_eq!((location.file(), location.line()), (file!(), line)),
            _ => panic!("{seen:?}"),
        };
        let (first, line) = (windlass::run_in_executor(Some(&pool), call()), line!());
        check(waits_of(first).await, line);
        let (second, line) =
            (windlass::wrap_future(windlass::blocking::ExecutorExt::submit(&pool, call())), line!());
        check(waits_of(second).await, line);
        let (third, line) = (windlass::to_thread(call()), line!());
        check(waits_of(third).await, line);
        drop(go_on);
    });
}

/// Tasks that wait, and their ids.
fn waiting(many: usize) -> (Vec<JoinHandle<()>>, Vec<Id>) {
    let tasks: Vec<_> = (0..many).map(|_| windlass::spawn(pending::<()>())).collect();
    let ids = tasks.iter().map(JoinHandle::id).collect();
    (tasks, ids)
}

/// Waits until a task is seen to wait for these tasks and nothing else.
async fn until_it_awaits(id: Id, mut tasks: Vec<Id>) {
    tasks.sort_unstable();
    let mut last = None;
    yield_until(|| {
        let list = task::all_tasks();
        let Some(info) = list.iter().find(|info| info.id() == id) else { return false };
        let mut seen: Vec<Id> = info.awaits().filter_map(|awaited| awaited.task()).collect();
        seen.sort_unstable();
        let found = seen == tasks && info.awaits().count() == tasks.len();
        last = Some(info.clone());
        found
    })
    .await;
    assert_eq!(last.unwrap().awaits_others(), 0);
}

fn a_join_set(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (_tasks, _) = waiting(3);
        let mut set = JoinSet::new();
        let aborts: Vec<_> = (0..10).map(|_| set.spawn(pending::<()>())).collect();
        let mut ids: Vec<_> = aborts.iter().map(task::AbortHandle::id).collect();
        let (more, mut comes) = mpsc::unbounded_channel::<()>();
        let joins = windlass::spawn(async move {
            while set.join_next().await.is_some() {}
            comes.recv().await;
            let abort = set.spawn(pending::<()>());
            (abort.id(), set)
        });
        until_it_awaits(joins.id(), ids.clone()).await;
        for abort in aborts.iter().take(9) {
            abort.abort();
            ids.remove(0);
            until_it_awaits(joins.id(), ids.clone()).await;
        }
        aborts[9].abort();
        more.send(()).unwrap();
        // Awaited by another task than before.
        let (id, mut set) = joins.await.unwrap();
        let joins = windlass::spawn(async move { set.join_next().await });
        until_it_awaits(joins.id(), vec![id]).await;
        joins.abort();
    });
}

fn a_join_set_that_is_used_for_long(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let joins = windlass::spawn(async {
            let mut set = JoinSet::new();
            set.spawn(pending::<()>());
            for _ in 0..1_000 {
                set.spawn(wake_self());
                set.join_next().await.unwrap().unwrap();
            }
            set.join_next().await
        });
        let info = loop {
            let info = once_idle(joins.id()).await;
            if task::all_tasks().len() == 2 && info.awaits().count() == 1 {
                break info;
            }
            wake_self().await;
        };
        assert_ne!(info.awaits().next().unwrap().task(), Some(joins.id()));
        joins.abort();
    });
}

fn gathers(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tasks, mut ids) = waiting(2);
        let inner = windlass::spawn(async { aio::gather::<Vec<()>, _>(tasks).await });
        until_it_awaits(inner.id(), ids.clone()).await;
        inner.abort();

        let (handles, handle_ids) = waiting(1);
        let spawned = windlass::spawn(async { aio::gather((0..3).map(|_| pending::<()>())).await });
        yield_until(|| {
            let list = task::all_tasks();
            let info = list.iter().find(|info| info.id() == spawned.id());
            ids = info.iter().flat_map(|info| info.awaits().filter_map(|awaited| awaited.task())).collect();
            ids.len() == 3
        })
        .await;
        assert!(!ids.contains(&handle_ids[0]) && !ids.contains(&spawned.id()), "{ids:?}");
        drop(handles);
        spawned.abort();
    });
}

fn waits_for_handles(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tasks, ids) = waiting(5);
        let waits = windlass::spawn(aio::wait(tasks, None, ReturnWhen::AllCompleted));
        until_it_awaits(waits.id(), ids).await;
        waits.abort();

        let (tasks, ids) = waiting(2);
        let seen = waits_of(aio::wait(tasks, Some(Duration::from_secs(3_600)), ReturnWhen::FirstCompleted));
        let seen = seen.await;
        assert!(matches!(seen[0], Awaited::Timer(_)), "{seen:?}");
        assert!(
            seen[1..].iter().all(|awaited| awaited.task().is_some_and(|id| ids.contains(&id))),
            "{seen:?}"
        );

        let (tasks, ids) = waiting(4);
        let mut completed = aio::as_completed(tasks, None);
        let next = windlass::spawn(async move { completed.next().await.is_some() });
        until_it_awaits(next.id(), ids).await;
        next.abort();
    });
}

fn a_task_group(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<()>::new();
        let mut ids: Vec<_> =
            (0..3).map(|_| group.spawn(pending::<Result<(), ()>>()).id().unwrap()).collect();
        let spawner = group.spawner();
        let joins = windlass::spawn(group.join());
        until_it_awaits(joins.id(), ids.clone()).await;
        // One that comes while the end is awaited already.
        ids.push(spawner.spawn(pending::<Result<(), ()>>()).id().unwrap());
        until_it_awaits(joins.id(), ids).await;
        spawner.cancel();
        joins.await.unwrap().unwrap();
    });
}

fn several_things_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let inner = windlass::spawn(pending::<()>());
        let id = inner.id();
        let (sender, mut receiver) = mpsc::unbounded_channel::<()>();
        let seen = waits_of(async move {
            windlass::select! {
                biased;
                _ = receiver.recv() => {}
                _ = inner => {}
                _ = sleep(Duration::from_secs(3_600)) => {}
            }
        })
        .await;
        assert!(
            matches!(seen[..], [
                Awaited::Resource { what: Resource::Mpsc, .. },
                Awaited::Task(task),
                Awaited::Timer(_),
            ] if task == id),
            "{seen:?}"
        );
        drop(sender);

        let (_sender, receiver) = oneshot::channel::<()>();
        let seen = waits_of(timeout(Duration::from_secs(3_600), receiver)).await;
        assert_eq!(seen.len(), 2, "{seen:?}");
    });
}

fn more_things_than_are_remembered(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let events: Vec<_> = (0..10).map(|_| Event::new()).collect();
        let task =
            windlass::spawn(async move { futures::future::join_all(events.iter().map(Event::wait)).await });
        let info = once_idle(task.id()).await;
        assert_eq!((info.awaits().count(), info.awaits_others()), (3, 7));
        task.abort();
    });
}

fn something_of_another_crate(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (_sender, receiver) = futures::channel::oneshot::channel::<()>();
        assert_eq!(waits_of(receiver).await, []);
        assert_eq!(waits_of(pending::<()>()).await, []);
    });
}

fn nothing_where_it_does_not_wait(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(async {
            let notify = Arc::new(Notify::new());
            let waits = windlass::spawn({
                let notify = notify.clone();
                async move {
                    notify.notified().await;
                    task::current().unwrap()
                }
            });
            once_idle(waits.id()).await;
            notify.notify_one();
            waits.await.unwrap()
        });
        let info = task.await.unwrap();
        assert_eq!((info.state(), info.awaits().count()), (TaskState::Running, 0));
    });
}

fn what_it_waited_for_before_is_forgotten(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (sender, receiver) = oneshot::channel::<()>();
        let (_other, foreign) = futures::channel::oneshot::channel::<()>();
        let task = windlass::spawn(async move {
            receiver.await.unwrap();
            let _ = foreign.await;
        });
        assert_eq!(awaits(&once_idle(task.id()).await).len(), 1);
        sender.send(()).unwrap();
        yield_until(|| {
            let list = task::all_tasks();
            let info = list.iter().find(|info| info.id() == task.id()).unwrap();
            info.state() == TaskState::Idle && info.polls() == 2
        })
        .await;
        assert_eq!(awaits(&once_idle(task.id()).await), []);
        task.abort();
    });
}

fn the_first_poll_counts_too(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // Many tasks, each in its first poll, on the same threads.
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                windlass::spawn(async move {
                    match n % 3 {
                        0 => Event::new().wait().await,
                        1 => Notify::new().notified().await,
                        _ => pending().await,
                    }
                })
            })
            .collect();
        for (n, task) in tasks.iter().enumerate() {
            let seen = awaits(&once_idle(task.id()).await);
            let wanted = [Some(Resource::Event), Some(Resource::Notify), None][n % 3];
            assert_eq!(seen.first().and_then(Awaited::resource), wanted, "task {n}: {seen:?}");
        }
        tasks.iter().for_each(JoinHandle::abort);
    });
}

fn the_same_thing_has_the_same_address(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let _held = (one.try_lock().unwrap(), other.try_lock().unwrap());
        let first = waits_of(one.clone().lock_owned()).await;
        assert_eq!(first, waits_of(one.clone().lock_owned()).await);
        assert_ne!(first, waits_of(other.clone().lock_owned()).await);

        // A limiter is its own handle: clones of it are the same.
        let limiter = CapacityLimiter::new(0);
        let acquired = |limiter: CapacityLimiter| async move { drop(limiter.acquire().await) };
        let (one, other) = (acquired(limiter.clone()), acquired(limiter.clone()));
        let tasks = [windlass::spawn(one), windlass::spawn(other)];
        let (first, second) = (once_idle(tasks[0].id()).await, once_idle(tasks[1].id()).await);
        assert_eq!(first.awaits().collect::<Vec<_>>(), second.awaits().collect::<Vec<_>>());
        tasks.iter().for_each(JoinHandle::abort);
    });
}
