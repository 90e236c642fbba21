//! G5 in what tasks wait for each other with: a waker, an order or a drop of the user's that panics, or that comes back to
//! what calls it, costs nobody else his wakeup, item or output.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};

use futures::channel::oneshot;
use windlass::aio::{Promise, TaskGroup, gather, timeout_scope};
use windlass::sync::{self, CapacityLimiter, Condition, Notify, PriorityQueue, Queue, broadcast};
use windlass_tests::{
    CountingWaker, Flavor, on_every_flavor, panics_when_dropped, panics_when_woken, poll_once, yield_until,
};

on_every_flavor!(
    a_waker_that_panics_keeps_nobody_from_a_promise,
    a_value_that_a_promise_refuses_may_use_it_as_it_goes,
    a_waker_that_panics_costs_a_gather_no_output,
    a_waker_that_panics_costs_a_task_group_no_task,
    an_order_that_panics_in_a_put_leaves_the_item_to_a_getter,
    an_order_that_panics_in_a_get_leaves_the_item,
    what_a_description_is_written_to_may_use_what_is_described,
    a_message_may_use_its_channel_as_it_is_copied,
    a_waker_that_panics_as_it_is_dropped_costs_no_message,
);

/// Panics as user code does, but without a line in the log.
fn quiet_panic() -> ! {
    resume_unwind(Box::new("boom"))
}

/// Polls with a waker that panics when it is woken.
fn poll_with_a_panic<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&panics_when_woken()))
}

fn a_waker_that_panics_keeps_nobody_from_a_promise(flavor: Flavor) {
    let runtime = flavor.runtime();
    let promise = Promise::new_on(runtime.handle());
    let (mut first, mut second) = ((&promise).into_future(), (&promise).into_future());
    assert!(poll_with_a_panic(&mut first).is_pending());
    let (wakes, waker) = CountingWaker::new();
    assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&waker)).is_pending());
    let (called, may_go_on) = oneshot::channel();
    promise.add_done_callback(move |promise| called.send(promise.result().unwrap().unwrap()).unwrap());
    promise.set_result(7).unwrap();
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(runtime.block_on(may_go_on).unwrap(), 7);
}

/// Asks its promise as it goes.
#[derive(Clone)]
struct Asks(Promise<Arc<Asks>>, Arc<AtomicBool>);

impl Drop for Asks {
    fn drop(&mut self) {
        let id = self.0.add_done_callback(|_| {});
        self.0.remove_done_callback(id);
        self.1.store(true, SeqCst);
    }
}

fn a_value_that_a_promise_refuses_may_use_it_as_it_goes(flavor: Flavor) {
    let runtime = flavor.runtime();
    let promise = Promise::new_on(runtime.handle());
    assert!(promise.cancel());
    let gone = Arc::new(AtomicBool::new(false));
    assert!(promise.set_result(Arc::new(Asks(promise.clone(), gone.clone()))).is_err());
    assert!(gone.load(SeqCst));
}

fn a_waker_that_panics_costs_a_gather_no_output(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (go_on, may_go_on) = oneshot::channel();
    let _in_it = runtime.enter();
    let mut gathered = gather([async move { may_go_on.await.unwrap() }]);
    assert!(poll_with_a_panic(&mut gathered).is_pending());
    go_on.send(42).unwrap();
    assert_eq!(runtime.block_on(gathered).unwrap(), [42]);
}

fn a_waker_that_panics_costs_a_task_group_no_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (go_on, may_go_on) = oneshot::channel::<u32>();
    let _in_it = runtime.enter();
    let group = TaskGroup::<()>::new();
    let task = group.spawn(async move { Ok(may_go_on.await.unwrap()) });
    let mut joined = pin!(group.join());
    assert!(poll_with_a_panic(&mut joined).is_pending());
    go_on.send(42).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), 42);
    runtime.block_on(joined).unwrap();
}

/// An item whose order panics while it is told to.
struct Item(u32, Arc<AtomicBool>);

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.1.load(SeqCst) {
            quiet_panic();
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

fn an_order_that_panics_in_a_put_leaves_the_item_to_a_getter(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let panics = Arc::new(AtomicBool::new(false));
        let item = |n| Item(n, panics.clone());
        let queue = Arc::new(PriorityQueue::new());
        // Two items are granted, and one more getter waits when the third comes.
        let mut getters: Vec<_> = (0..3).map(|_| Box::pin(queue.get())).collect();
        assert!(getters.iter_mut().all(|getter| poll_once(getter).is_pending()));
        queue.try_put(item(1)).unwrap();
        panics.store(true, SeqCst);
        let put = catch_unwind(AssertUnwindSafe(|| queue.try_put(item(2)).is_ok()));
        panics.store(false, SeqCst);
        assert!(put.is_err(), "the panic is the caller's");
        let mut got = Vec::new();
        for getter in &mut getters[..2] {
            let Poll::Ready(item) = poll_once(getter) else { panic!("an item is in, and nobody is told") };
            got.push(item.unwrap().0);
        }
        assert_eq!(got, [1, 2]);
        // Each of them is to be done, and no more.
        queue.task_done();
        queue.task_done();
        queue.join().await;
    });
}

fn an_order_that_panics_in_a_get_leaves_the_item(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let panics = Arc::new(AtomicBool::new(false));
        let item = |n| Item(n, panics.clone());
        let queue = Arc::new(PriorityQueue::with_maxsize(3));
        for n in [1, 2, 3] {
            queue.try_put(item(n)).unwrap();
        }
        let putter = windlass::spawn({
            let (queue, item) = (queue.clone(), item(4));
            async move { queue.put(item).await.is_ok() }
        });
        yield_until(|| format!("{queue:?}").contains("putters: 1")).await;
        panics.store(true, SeqCst);
        assert!(catch_unwind(AssertUnwindSafe(|| queue.try_get().is_ok())).is_err());
        panics.store(false, SeqCst);
        assert_eq!(queue.qsize(), 3);
        let mut got = Vec::new();
        for _ in 0..4 {
            got.push(queue.get().await.unwrap().0);
            queue.task_done();
        }
        // In whatever order a heap is that was left by a panic.
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3, 4]);
        assert!(putter.await.unwrap());
        queue.join().await;
    });
}

/// Calls a function for every piece that is written to it.
struct Calls<F: Fn()>(F);

impl<F: Fn()> Write for Calls<F> {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        (self.0)();
        Ok(())
    }
}

fn what_a_description_is_written_to_may_use_what_is_described(flavor: Flavor) {
    // As a log does that goes through a queue.
    let queue = Queue::new();
    write!(Calls(|| queue.try_put(()).unwrap()), "{queue:?}").unwrap();
    assert!(queue.qsize() > 0);
    let notify = Notify::new();
    write!(Calls(|| notify.notify_one()), "{notify:?}").unwrap();
    let limiter = CapacityLimiter::new(1);
    write!(Calls(|| drop(limiter.try_acquire().unwrap())), "{limiter:?}").unwrap();
    let condition = Condition::new(());
    write!(Calls(|| drop(condition.try_lock().map(|guard| guard.notify_all()))), "{condition:?}").unwrap();
    let runtime = flavor.runtime();
    let promise = Promise::<()>::new_on(runtime.handle());
    write!(
        Calls(|| {
            promise.add_done_callback(|_| {});
        }),
        "{promise:?}"
    )
    .unwrap();
    let error = runtime.block_on(runtime.spawn(async { quiet_panic() })).unwrap_err();
    write!(Calls(|| assert!(format!("{error:?}").contains("boom"))), "{error}").unwrap();
    runtime
        .block_on(timeout_scope(None, async |scope| {
            write!(Calls(|| scope.reschedule(None).unwrap()), "{scope:?}").unwrap();
        }))
        .unwrap();
}

/// A message that, copied for one receiver, is received by another one, and sent.
struct Curious(Arc<parking_lot::Mutex<Option<Ends>>>);

type Ends = (broadcast::Sender<Curious>, broadcast::Receiver<Curious>);

impl Clone for Curious {
    fn clone(&self) -> Self {
        let ends = self.0.lock().take();
        if let Some((sender, mut receiver)) = ends {
            assert!(receiver.try_recv().is_ok());
            sender.send(Curious(Arc::default())).unwrap_or_else(|_| panic!("there are receivers"));
        }
        Self(self.0.clone())
    }
}

fn a_message_may_use_its_channel_as_it_is_copied(flavor: Flavor) {
    let (sender, mut one) = broadcast::channel(4);
    let (other, third) = (sender.subscribe(), sender.subscribe());
    let ends = Arc::new(parking_lot::Mutex::new(Some((sender.clone(), other))));
    assert_eq!(sender.send(Curious(ends)).ok(), Some(3));
    flavor.runtime().block_on(async {
        assert!(one.recv().await.is_ok());
        assert!(one.recv().await.is_ok(), "what was sent meanwhile");
    });
    assert_eq!(third.len(), 2);
}

fn a_waker_that_panics_as_it_is_dropped_costs_no_message(_: Flavor) {
    let panics: &'static AtomicBool = Box::leak(Box::default());
    let of_sender = panics_when_dropped(panics);
    for sends in [true, false] {
        let (mut sender, mut receiver) = sync::oneshot::channel();
        assert!(sender.poll_closed(&mut Context::from_waker(&of_sender)).is_pending());
        let (wakes, waker) = CountingWaker::new();
        assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)).is_pending());
        panics.store(true, SeqCst);
        let went =
            catch_unwind(AssertUnwindSafe(|| if sends { sender.send(7).unwrap() } else { drop(sender) }));
        panics.store(false, SeqCst);
        assert!(went.is_err(), "the panic is the caller's");
        assert_eq!(wakes.wakes(), 1, "and the receiver is told");
        assert_eq!(poll_once(&mut receiver).map(Result::ok), Poll::Ready(sends.then_some(7)));
    }
}
