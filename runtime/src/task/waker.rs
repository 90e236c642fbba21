//! Wakers of tasks: a pointer to the header, with a reference.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::cell::Header;
use super::entry::Entry;
use super::raw::{Schedule, release};
use super::state::WakeRelease;
use super::token::Token;
use crate::primitives::fetch;

/// Of tasks whose waking does nothing but queue them.
static QUEUES: RawWakerVTable = RawWakerVTable::new(clone_of_queues, wake, wake_by_ref, drop);

/// Of tasks whose waking may call somebody else's waker.
static CALLS: RawWakerVTable = RawWakerVTable::new(clone_of_calls, wake, wake_by_ref, drop);

/// A waker without a reference of its own, for the length of a poll.
pub(super) struct BorrowedWaker(ManuallyDrop<Waker>);

/// Lends the waker of a task of that scheduler to a poll.
///
/// # Safety
///
/// The task stays alive as long as the borrowed waker.
#[inline]
pub(super) unsafe fn borrow<S: Schedule>(task: NonNull<Header>) -> BorrowedWaker {
    let data = task.as_ptr().cast_const().cast();
    let vtable = if S::CALLS_WAKERS { &CALLS } else { &QUEUES };
    // SAFETY: the functions of both tables keep the contract of `RawWaker`: they are thread-safe, and a clone
    // has a reference of its own. This one is never dropped or used up, so it needs none.
    let waker = unsafe { Waker::new(data, vtable) };
    BorrowedWaker(ManuallyDrop::new(waker))
}

impl Deref for BorrowedWaker {
    type Target = Waker;

    #[inline]
    fn deref(&self) -> &Waker {
        &self.0
    }
}

/// Whether `waker` wakes that task.
#[inline]
pub(crate) fn is_of(waker: &Waker, task: *const Header) -> bool {
    waker.data() == task.cast() && is_of_tasks(std::ptr::from_ref(waker.vtable()).addr())
}

/// Whether `waker` does nothing but queue a task. Any other may be anybody's code, and block: also that of a task in a `LocalSet`, which wakes whoever
/// polls the set.
#[inline]
pub(crate) fn only_queues(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &QUEUES)
}

/// Has the headers fetched of the tasks that these wakers wake, then what the headers say is where: the futures, and the entries. So what is not in the
/// cache is waited for together, and not for one task after the other, by who wakes them and by who polls them.
pub(crate) fn fetch_tasks<'w>(wakers: impl Iterator<Item = &'w Waker> + Clone) {
    if cfg!(windlass_loom) {
        // A model has no cache, and would see a look at the header as a step.
        return;
    }
    let tasks = wakers.filter(|waker| only_queues(waker));
    for waker in tasks.clone() {
        fetch(waker.data(), size_of::<Header>());
    }
    for waker in tasks {
        // SAFETY: the data of a waker of ours.
        let task = unsafe { header(waker.data()) };
        // SAFETY: the waker's reference keeps the task alive.
        let header = unsafe { task.as_ref() };
        fetch(task.as_ptr(), header.vtable.size.min(MOST_FETCHED));
        fetch(header.origin().word(), size_of::<Entry>());
    }
}

/// How much of a task is fetched at most: of a large one it is not known what the poll will look at.
const MOST_FETCHED: usize = 512;

/// Whether that is where the functions of the tasks' wakers are.
#[inline]
pub(crate) fn is_of_tasks(vtable: usize) -> bool {
    [&QUEUES, &CALLS].into_iter().any(|ours| vtable == std::ptr::from_ref(ours).addr())
}

/// Wakes the task.
#[inline]
pub(super) fn wake_task(task: NonNull<Header>) {
    // SAFETY: the caller has a reference.
    if unsafe { task.as_ref() }.state.wake() {
        // SAFETY: `wake` made the token and left it to us.
        unsafe { Token::from_raw(task) }.schedule();
    }
}

/// # Safety
///
/// `data` is the data of a waker of ours.
#[inline]
unsafe fn header(data: *const ()) -> NonNull<Header> {
    // SAFETY: `borrow` made the data from a reference.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn clone_of_queues(data: *const ()) -> RawWaker {
    // SAFETY: the data of a waker of ours.
    unsafe { retain(data) };
    RawWaker::new(data, &QUEUES)
}

unsafe fn clone_of_calls(data: *const ()) -> RawWaker {
    // SAFETY: the data of a waker of ours.
    unsafe { retain(data) };
    RawWaker::new(data, &CALLS)
}

/// # Safety
///
/// `data` is the data of a waker of ours.
#[inline]
unsafe fn retain(data: *const ()) {
    // SAFETY: the premise.
    let task = unsafe { header(data) };
    // SAFETY: the waker's reference, or the poll it was lent to, keeps the task alive.
    unsafe { task.as_ref() }.state.retain();
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the data of a waker of ours.
    let task = unsafe { header(data) };
    // SAFETY: the waker's reference keeps the task alive until it is given up here.
    let header = unsafe { task.as_ref() };
    match header.state.wake_and_release() {
        WakeRelease::Nothing => {}
        // SAFETY: `wake_and_release` made the token and left it to us.
        WakeRelease::MadeToken => unsafe { Token::from_raw(task) }.schedule(),
        // SAFETY: that was the last reference.
        WakeRelease::Last => unsafe { (header.vtable.free)(task) },
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the data of a waker of ours, whose reference stays where it is.
    wake_task(unsafe { header(data) });
}

unsafe fn drop(data: *const ()) {
    // SAFETY: the data of a waker of ours, whose reference is given up.
    release(unsafe { header(data) });
}
