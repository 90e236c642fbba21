//! Where a name of tokio's is here, it is found under tokio's paths, and the parameters of a function that may be written out are
//! tokio's in number and order. That these compile is the test.

use std::sync::Arc;

use windlass::sync::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, OwnedRwLockMappedWriteGuard,
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockWriteGuard,
};
use windlass::task::coop::unconstrained;

#[test]
fn paths_of_named_futures_and_builders() {
    fn notified<'a>(notify: &'a windlass::sync::Notify) -> windlass::sync::futures::Notified<'a> {
        notify.notified()
    }
    fn owned(notify: Arc<windlass::sync::Notify>) -> windlass::sync::futures::OwnedNotified {
        notify.notified_owned()
    }
    fn builder(set: &mut windlass::task::JoinSet<u32>) -> windlass::task::join_set::Builder<'_, u32> {
        set.build_task()
    }
    let notify = Arc::new(windlass::sync::Notify::new());
    drop((notified(&notify), owned(notify.clone())));
    let mut set: windlass::task::join_set::JoinSet<u32> = windlass::task::JoinSet::new();
    builder(&mut set).name("n1");
}

type Pair = (u32, &'static str);

#[test]
fn parts_of_a_mutex() {
    let lock = Arc::new(Mutex::<Pair>::new((1, "one")));
    let part = MutexGuard::map::<u32, _>(lock.try_lock().unwrap(), |pair| &mut pair.0);
    let part = MappedMutexGuard::map::<u32, _>(part, |part| part);
    let part = MappedMutexGuard::try_map::<u32, _>(part, |part| Some(part)).unwrap();
    drop(part);
    drop(MutexGuard::try_map::<u32, _>(lock.try_lock().unwrap(), |pair| Some(&mut pair.0)));

    let guard = || lock.clone().try_lock_owned().unwrap();
    let part = OwnedMutexGuard::map::<u32, _>(guard(), |pair| &mut pair.0);
    let part = OwnedMappedMutexGuard::map::<u32, _>(part, |part| part);
    let part = OwnedMappedMutexGuard::try_map::<u32, _>(part, |part| Some(part)).unwrap();
    drop(part);
    drop(OwnedMutexGuard::try_map::<u32, _>(guard(), |pair| Some(&mut pair.0)));
}

#[test]
fn parts_of_a_lock_of_readers_and_writers() {
    let lock = RwLock::<Pair>::new((1, "one"));
    let part = RwLockReadGuard::map::<_, u32>(lock.try_read().unwrap(), |pair| &pair.0);
    drop(RwLockReadGuard::try_map::<_, u32>(part, |part| Some(part)));
    let guard = || lock.try_write().unwrap();
    let part = RwLockWriteGuard::map::<_, u32>(guard(), |pair| &mut pair.0);
    let part = RwLockMappedWriteGuard::map::<_, u32>(part, |part| part);
    drop(RwLockMappedWriteGuard::try_map::<_, u32>(part, |part| Some(part)));
    drop(RwLockWriteGuard::try_map::<_, u32>(guard(), |pair| Some(&mut pair.0)));
    drop(RwLockWriteGuard::downgrade_map::<_, u32>(guard(), |pair| &pair.0));
    drop(RwLockWriteGuard::try_downgrade_map::<_, u32>(guard(), |pair| Some(&pair.0)));
}

#[test]
fn parts_of_a_lock_that_guards_keep_alive() {
    let lock = Arc::new(RwLock::<Pair>::new((1, "one")));
    let part = OwnedRwLockReadGuard::map::<_, u32>(lock.clone().try_read_owned().unwrap(), |pair| &pair.0);
    drop(OwnedRwLockReadGuard::try_map::<_, u32>(part, |part| Some(part)));
    let guard = || lock.clone().try_write_owned().unwrap();
    let part = OwnedRwLockWriteGuard::map::<_, u32>(guard(), |pair| &mut pair.0);
    let part = OwnedRwLockMappedWriteGuard::map::<_, u32>(part, |part| part);
    drop(OwnedRwLockMappedWriteGuard::try_map::<_, u32>(part, |part| Some(part)));
    drop(OwnedRwLockWriteGuard::try_map::<_, u32>(guard(), |pair| Some(&mut pair.0)));
    drop(OwnedRwLockWriteGuard::downgrade_map::<_, u32>(guard(), |pair| &pair.0));
    drop(OwnedRwLockWriteGuard::try_downgrade_map::<_, u32>(guard(), |pair| Some(&pair.0)));
}

windlass::task_local! {
    static NUMBER: u32;
}

#[test]
fn task_locals_and_futures() {
    let number: u64 = NUMBER.sync_scope::<_, u64>(1, || NUMBER.with::<_, u64>(|number| u64::from(*number)));
    assert_eq!(number, 1);
    assert!(NUMBER.try_with::<_, u32>(|number| *number).is_err());
    fn scoped<F: Future>(future: F) -> windlass::task::futures::TaskLocalFuture<u32, F> {
        NUMBER.scope(2, future)
    }
    assert_eq!(futures::executor::block_on(scoped(async { NUMBER.get() })), 2);
    // It becomes a future later, if at all.
    fn later<F>(future: F) -> windlass::task::coop::Unconstrained<F> {
        unconstrained(future)
    }
    assert_eq!(futures::executor::block_on(later(async { 3 })), 3);
}
