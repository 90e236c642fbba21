//! Wakers of tasks: a pointer to the header, with a reference.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::cell::Header;
use super::entry::Entry;
use super::raw::release;
use super::state::WakeRelease;
use super::token::Token;
use crate::primitives::fetch;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// A waker without a reference of its own, for the length of a poll.
pub(super) struct BorrowedWaker(ManuallyDrop<Waker>);

/// Lends the task's waker to a poll.
///
/// # Safety
///
/// The task stays alive as long as the borrowed waker.
#[inline]
pub(super) unsafe fn borrow(task: NonNull<Header>) -> BorrowedWaker {
    let data = task.as_ptr().cast_const().cast();
    // SAFETY: the functions of `VTABLE` keep the contract of `RawWaker`: they are thread-safe, and a clone
    // has a reference of its own. This one is never dropped or used up, so it needs none.
    let waker = unsafe { Waker::new(data, &VTABLE) };
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
    waker.data() == task.cast() && is_of_a_task(waker)
}

/// Whether `waker` wakes a task.
#[inline]
pub(crate) fn is_of_a_task(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &VTABLE)
}

/// Has the headers fetched of the tasks that these wakers wake, then what the headers say is where: the futures, and the entries. So what is not in the
/// cache is waited for together, and not for one task after the other, by who wakes them and by who polls them.
pub(crate) fn fetch_tasks<'w>(wakers: impl Iterator<Item = &'w Waker> + Clone) {
    if cfg!(windlass_loom) {
        // A model has no cache, and would see a look at the header as a step.
        return;
    }
    let tasks = wakers.filter(|waker| is_of_a_task(waker));
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
    vtable == std::ptr::from_ref(&VTABLE).addr()
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

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the data of a waker of ours.
    let task = unsafe { header(data) };
    // SAFETY: the waker's reference, or the poll it was lent to, keeps the task alive.
    unsafe { task.as_ref() }.state.retain();
    RawWaker::new(data, &VTABLE)
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
