//! `SIGINT` while [`run`](crate::run) is under way: the first one is for the program to end in good order, the next one ends it.
//!
//! This is no action of signal-hook-registry, as listeners are, since that never gives a disposition back. The handler takes the
//! place of the default one and of no other, and leaves it again. Whoever installs one meanwhile has the signal to himself, also if
//! he calls what he found there, as the registry does: **it acts only while it is the one that is installed.** It may also have been
//! called, on another thread, just before the default came back: then it does what that does.

use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering::Relaxed};
use std::task::Context;
use std::thread;

use libc::{SIG_DFL, SIGINT, c_int, sighandler_t};

use super::claim::{Claim, Ended, IDLE};
use super::notice::{Notice, Notifier, notify};

/// Whose the signal is. Where it is nobody's and somebody has put the handler back, it does what the system does by default.
static CLAIM: Claim = Claim::on(AtomicU8::new(IDLE));

/// What the handler tells by.
static NOTIFIER: AtomicI32 = AtomicI32::new(-1);

/// The process whose it is. A copy that `fork` has made is inside of no `run`: it has no thread but one, and shares the descriptor.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// Waits for the first `SIGINT` in the place of the default action, until it is dropped.
pub(crate) struct Interrupt {
    notice: Notice,
    /// The descriptor is the handler's until `disarm`.
    _notifier: Notifier,
}

impl Interrupt {
    /// Begins to wait, in the runtime this thread is in. `None` if the signal is not ours to take: on a thread that is not the main
    /// one, where it is ignored or has a handler, and where it cannot be had.
    pub(crate) fn arm() -> Option<Self> {
        // (A handler that another thread installs right now is lost, as it would be with any other way to install this one.)
        if !is_main_thread() || disposition() != Some(SIG_DFL) || !CLAIM.is_idle() {
            return None;
        }
        let (notice, notifier) = Notice::new().ok()?;
        NOTIFIER.store(notifier.as_fd().as_raw_fd(), Relaxed);
        OWNER.store(this_process(), Relaxed);
        CLAIM.arm();
        let interrupt = Self { notice, _notifier: notifier };
        install().then_some(interrupt)
    }

    /// Has this waker woken when the signal comes.
    pub(crate) fn listen(&self, cx: &mut Context<'_>) {
        // If it is ready, the signal has come; it fails only at the end of the runtime.
        let _ = self.notice.poll_beside(cx);
    }

    /// Whether the signal has come.
    #[inline]
    pub(crate) fn has_come(&self) -> bool {
        CLAIM.has_come()
    }

    /// Gives the signal back, and says whether it had come. One that comes during this or later does what it does by default.
    pub(crate) fn disarm(&self) -> bool {
        let came = loop {
            match CLAIM.try_end() {
                Ended::Before => return false,
                Ended::InVain => break false,
                Ended::Told => break true,
                // The handler is between two lines of its, on another thread: on this one it would have finished.
                Ended::NotYet => thread::yield_now(),
            }
        };
        if is_installed() {
            restore_default();
        }
        came
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.disarm();
    }
}

/// What is called on `SIGINT`, on any thread and between any two of its instructions. It calls nothing but what may be called
/// there, and none of that fails, so that `errno` is left alone.
extern "C" fn handler(_signal: c_int) {
    match disposition() {
        Some(now) if now == own() => {}
        // The main thread has given the signal back since it came to this one: it is one that comes later, and would be lost.
        Some(SIG_DFL) => die(),
        _ => return,
    }
    // (The owner was stored before the handler was installed, by a system call.)
    if OWNER.load(Relaxed) != this_process() || !CLAIM.take() {
        die();
    }
    // SAFETY: it was stored before the claim was armed, and `disarm` does not let it be closed before it is told.
    let notifier = unsafe { BorrowedFd::borrow_raw(NOTIFIER.load(Relaxed)) };
    notify(notifier);
    CLAIM.told();
}

/// Ends the process as `SIGINT` does by default, so that whoever started it sees that. Allowed in a signal handler.
pub(crate) fn die() -> ! {
    restore_default();
    unblock();
    // SAFETY: it may be called anywhere.
    unsafe { libc::raise(SIGINT) };
    // Still here: the first process of a container, which no signal ends by default. So it is what a shell would make of it.
    // SAFETY: it may be called anywhere.
    unsafe { libc::_exit(128 + SIGINT) }
}

/// What is done on `SIGINT` now.
fn disposition() -> Option<sighandler_t> {
    // SAFETY: a struct of C's that may be zero in all its fields.
    let mut now: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: it changes nothing, and writes to what is ours.
    let asked = unsafe { libc::sigaction(SIGINT, ptr::null(), &mut now) };
    (asked == 0).then_some(now.sa_sigaction)
}

fn own() -> sighandler_t {
    handler as *const () as sighandler_t
}

fn is_installed() -> bool {
    disposition() == Some(own())
}

fn install() -> bool {
    // SAFETY: a struct of C's that may be zero in all its fields, and then has an empty mask.
    let mut new: libc::sigaction = unsafe { mem::zeroed() };
    new.sa_sigaction = own();
    // System calls of the program's go on.
    new.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler has the signature that goes with this flag, and does only what is allowed in one.
    unsafe { libc::sigaction(SIGINT, &new, ptr::null_mut()) == 0 }
}

/// Lets the signal come on this thread, on which it is blocked in a handler, or because the program wants it so.
fn unblock() {
    // SAFETY: a set that may be zero, and is empty then.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: it writes to what is ours.
    unsafe { libc::sigaddset(&mut set, SIGINT) };
    // SAFETY: it reads what is ours.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut()) };
}

fn restore_default() {
    // SAFETY: it replaces no handler but ours, or the process ends with it.
    unsafe { libc::signal(SIGINT, SIG_DFL) };
}

fn this_process() -> c_int {
    rustix::process::getpid().as_raw_nonzero().get()
}

#[cfg(target_os = "linux")]
fn is_main_thread() -> bool {
    rustix::thread::gettid() == rustix::process::getpid()
}

/// As far as std tells: another thread may have the name of the main one.
#[cfg(not(target_os = "linux"))]
fn is_main_thread() -> bool {
    thread::current().name() == Some("main")
}
