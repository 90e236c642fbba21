//! Which types may go to other threads and through panics: a promise to users that a private field can break.

#![allow(dead_code, reason = "whether a fallback below is used depends on the traits that a type has")]

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;

use windlass::aio::{Gather, Slots, gather};
use windlass::io;
use windlass::net::{TcpListener, TcpStream, lookup_host, tcp};
use windlass::runtime::{Builder, EnterGuard, Handle, Runtime, RuntimeMetrics, TryCurrentError};
use windlass::sync;
use windlass::task::{
    AbortHandle, AllTasks, Id, JoinError, JoinHandle, JoinSet, LocalEnterGuard, LocalSet, TaskInfo, TaskState,
};
use windlass::{RunInExecutor, WrapFuture};

/// Whether a type has a trait, where a trait bound could only say that it has.
macro_rules! has {
    ($type:ty: $trait:path) => {{
        /// Falls back to `No` unless the inherent constant exists.
        trait No {
            const HAS: bool = false;
        }
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized> No for Probe<T> {}
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        <Probe<$type>>::HAS
    }};
}

macro_rules! assert_send_sync {
    ($($type:ty: $send:literal, $sync:literal;)+) => {
        $(
            assert_eq!(has!($type: Send), $send, "whether {} is Send", stringify!($type));
            assert_eq!(has!($type: Sync), $sync, "whether {} is Sync", stringify!($type));
            assert!(has!($type: Unpin), "{} is not Unpin", stringify!($type));
        )+
    };
}

/// Whether a value has a trait, by its type.
macro_rules! is {
    ($trait:path: $value:expr) => {{
        trait No {
            fn has(&self) -> bool {
                false
            }
        }
        struct Probe<T>(T);
        impl<T> No for &Probe<T> {}
        impl<T: $trait> Probe<T> {
            fn has(&self) -> bool {
                true
            }
        }
        (&Probe($value)).has()
    }};
}

macro_rules! is_send {
    ($value:expr) => {
        is!(Send: $value)
    };
}

#[test]
fn send_and_sync() {
    assert_send_sync! {
        Runtime: true, true;
        Handle: true, true;
        Builder: true, true;
        RuntimeMetrics: true, true;
        TryCurrentError: true, true;
        EnterGuard<'static>: false, true;
        JoinHandle<u32>: true, true;
        JoinHandle<Cell<u32>>: true, true;
        JoinHandle<Rc<u32>>: false, false;
        JoinSet<u32>: true, true;
        JoinSet<Cell<u32>>: true, true;
        JoinSet<Rc<u32>>: false, false;
        AbortHandle: true, true;
        JoinError: true, true;
        Id: true, true;
        TaskInfo: true, true;
        TaskState: true, true;
        AllTasks: true, true;
        LocalSet: false, false;
        LocalEnterGuard: false, false;
    }
}

#[test]
fn what_is_waited_for() {
    assert_send_sync! {
        sync::Mutex<Cell<u32>>: true, true;
        sync::Mutex<Rc<u32>>: false, false;
        sync::RwLock<Cell<u32>>: true, false;
        sync::Semaphore: true, true;
        sync::Notify: true, true;
        sync::Event: true, true;
        sync::Condition<u32>: true, true;
        sync::Barrier: true, true;
        sync::Queue<Cell<u32>>: true, true;
        sync::Queue<Rc<u32>>: false, false;
        sync::CapacityLimiter: true, true;
        sync::mpsc::Sender<Cell<u32>>: true, true;
        sync::broadcast::Sender<u32>: true, true;
        sync::broadcast::Receiver<u32>: true, true;
        // Receivers clone a message at the same time, under no lock.
        sync::broadcast::Sender<Cell<u32>>: false, false;
        sync::broadcast::Receiver<Cell<u32>>: false, false;
        sync::broadcast::WeakSender<Cell<u32>>: false, false;
        sync::broadcast::Receiver<std::sync::Arc<std::sync::Mutex<Cell<u32>>>>: true, true;
        sync::Notified<'static>: true, true;
        sync::OwnedNotified: true, true;
    }
    let (notify, semaphore, mutex) = (sync::Notify::new(), sync::Semaphore::new(1), sync::Mutex::new(1));
    let (event, lock, queue) = (sync::Event::new(), sync::RwLock::new(1), sync::Queue::<u32>::new());
    assert!(is_send!(notify.notified()));
    assert!(is_send!(semaphore.acquire()));
    assert!(is_send!(mutex.lock()));
    assert!(is_send!(event.wait()));
    assert!(is_send!(lock.read()));
    assert!(is_send!(lock.write()));
    assert!(is_send!(queue.get()));
    let (mutex, queue) = (sync::Mutex::new(Rc::new(1)), sync::Queue::<Rc<u32>>::new());
    assert!(!is_send!(mutex.lock()));
    assert!(!is_send!(queue.get()));
}

#[test]
fn unwind_safety() {
    macro_rules! assert_unwind_safe {
        ($($type:ty),+ $(,)?) => {
            $(
                assert!(has!($type: UnwindSafe), "{} is not UnwindSafe", stringify!($type));
                assert!(has!($type: RefUnwindSafe), "{} is not RefUnwindSafe", stringify!($type));
            )+
        };
    }
    assert_unwind_safe!(JoinHandle<()>, JoinHandle<Cell<u32>>, AbortHandle, Handle, Runtime, RuntimeMetrics);
    assert_unwind_safe!(TcpStream, TcpListener, tcp::ReadHalf<'static>, tcp::WriteHalf<'static>);
    assert_unwind_safe!(tcp::OwnedReadHalf, tcp::OwnedWriteHalf, tcp::ReuniteError);
    assert_unwind_safe!(io::ReadHalf<TcpStream>, io::WriteHalf<TcpStream>);
    assert_unwind_safe!(sync::TaskTracker, sync::CancellationToken, sync::Notify);
}

windlass::task_local! {
    static NUMBER: u32;
    static NOT_SEND: Rc<u32>;
}

type SendFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
type AnyFuture = Pin<Box<dyn Future<Output = ()>>>;

#[test]
fn futures() {
    let send = || Box::pin(async {}) as SendFuture;
    let any = || Box::pin(async {}) as AnyFuture;
    assert!(is_send!(NUMBER.scope(1, send())));
    assert!(!is_send!(NUMBER.scope(1, any())));
    assert!(!is_send!(NOT_SEND.scope(Rc::new(1), send())));
    assert!(is_send!(windlass::task::coop::unconstrained(send())));
    assert!(!is_send!(windlass::task::coop::unconstrained(any())));
    assert!(is_send!(windlass::task::yield_now()));
    assert!(is_send!(windlass::task::coop::consume_budget()));
    let mut set = JoinSet::<u32>::new();
    assert!(is_send!(set.join_next()));
    assert!(is_send!(set.shutdown()));
    let mut set = JoinSet::<Rc<u32>>::new();
    assert!(!is_send!(set.join_next()));
    let local = LocalSet::new();
    assert!(!is_send!(local.run_until(send())));
}

#[test]
fn calls_on_other_threads_and_what_awaits_them() {
    assert_send_sync! {
        RunInExecutor<u32>: true, true;
        RunInExecutor<Cell<u32>>: true, true;
        RunInExecutor<Rc<u32>>: false, false;
        WrapFuture<Cell<u32>>: true, true;
    }
    assert!(is!(Sync: TcpStream::connect("localhost:1")));
    assert!(is!(Sync: TcpListener::bind("localhost:1")));
    assert!(is!(Sync: lookup_host("localhost:1")));
}

#[test]
fn what_a_gather_keeps_prints() {
    fn has_slots_that_print<S: Slots + fmt::Debug>(_: fn() -> Gather<S>) {}
    has_slots_that_print(|| gather([async { Cell::new(1) }]));
    has_slots_that_print(|| gather((async { 1 }, async { "two" })));
}
