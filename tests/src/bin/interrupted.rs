//! What `run_interrupted` sends SIGINT to: a program whose main thread is inside of `run`, as that of a test never is.
//!
//! `interrupted SCENARIO [WORKERS]`, no workers being a current-thread runtime. It says on its output how far it is.

use std::future::pending;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{env, fs, hint, mem, ptr, thread};

use futures::channel::oneshot;
use libc::{SIG_DFL, SIG_IGN, SIGINT, c_int, sighandler_t};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use windlass::runtime::{Handle, Runtime};
use windlass::signal::unix::{SignalKind, signal};
use windlass::task;
use windlass_tests::{Flavor, OnDrop, panics, poll_once};

fn main() {
    // Nothing is left of it where the test has failed.
    set_parent_process_death_signal(Some(Signal::KILL)).expect("it can be set");
    let mut arguments = env::args().skip(1);
    let scenario = arguments.next().expect("a scenario");
    let flavor = match arguments.next().map(|workers| workers.parse().expect("a number of workers")) {
        None | Some(0) => Flavor::CurrentThread,
        Some(workers) => Flavor::MultiThread(workers),
    };
    let run = move || flavor.runtime();
    if scenario != "ignored" {
        // Whoever runs the tests may have it ignored, as a shell does in the background.
        dispose(SIG_DFL);
    }
    match scenario.as_str() {
        "waits" => run().run(waits()),
        "waits_in_run" => windlass::run(waits()),
        "waits_in_main" => waits_in_main(),
        "waits_on_current_thread" => waits_on_current_thread(),
        "yields" => run().run(yields()),
        "waits_for_another" => run().run(waits_for_another()),
        "hangs_in_its_destructor" => run().run(hangs_in_its_destructor()),
        "hangs_in_a_blocking_job" => run().run(hangs_in_a_blocking_job()),
        "stuck_in_a_poll" => run().run(async { stuck() }),
        "stuck_at_the_end" => stuck_at_the_end(run()),
        "listens" => run().run(listens()),
        "listens_from_before" => listens_from_before(run()),
        "listened" => listened(run),
        "has_a_handler" => has_a_handler(run()),
        "gets_a_handler" => gets_a_handler(run()),
        "ignored" => ignored(run()),
        "on_another_thread" => thread::spawn(move || run().run(waits())).join().expect("it does not end"),
        "blocks_on" => run().block_on(waits()),
        "is_over" => is_over(run),
        "ends_meanwhile" => ends_meanwhile(run()),
        "panics_in_its_destructor" => panics_in_its_destructor(run),
        "blocks_the_signal" => run().run(blocks_the_signal()),
        "sends_a_second" => sends_a_second(run),
        "inside_of_another" => inside_of_another(run),
        "forks" => run().run(forks()),
        "no_descriptor_left" => no_descriptor_left(),
        "is_not_awaited" => run().run(is_not_awaited()),
        _ => panic!("no such scenario: {scenario}"),
    }
}

/// Tells the test. Not through std's buffer, which is not to matter here.
fn say(what: &str) {
    let line = format!("{what}\n");
    rustix::io::write(io::stdout(), line.as_bytes()).expect("the test listens");
}

fn says(what: &'static str) -> OnDrop<impl FnOnce()> {
    OnDrop::new(move || say(what))
}

/// Blocks this thread for good.
fn stuck() {
    say("ready");
    // The test sends nothing.
    let _ = io::stdin().read(&mut [0]);
    unreachable!("it is killed before");
}

async fn waits() {
    let _main = says("the main future is dropped");
    let (begins, begun) = oneshot::channel();
    drop(windlass::spawn(async move {
        let _task = says("a task is dropped");
        begins.send(()).expect("it is waited for");
        pending::<()>().await;
    }));
    begun.await.expect("it begins");
    // What std's buffer keeps is printed too.
    print!("a line without an end");
    say("ready");
    pending::<()>().await;
}

#[windlass::main(worker_threads = 2)]
async fn waits_in_main() {
    waits().await;
}

#[windlass::main(flavor = "current_thread")]
async fn waits_on_current_thread() {
    waits().await;
}

windlass::context_var! { static VALUE: i32 = 0; }

async fn yields() {
    VALUE.set(1);
    let _main = OnDrop::new(|| {
        // It finds what a poll of the future would.
        assert_eq!(VALUE.get(), 1);
        drop(windlass::spawn(async {}));
        say("the main future is dropped");
    });
    say("ready");
    loop {
        task::yield_now().await;
    }
}

async fn waits_for_another() {
    let _main = says("the main future is dropped");
    let awaited = async {
        let _awaited = says("what it waits for is dropped");
        say("ready");
        pending::<()>().await;
    };
    awaited.await;
}

async fn hangs_in_its_destructor() {
    let _main = OnDrop::new(stuck);
    say("ready");
    pending::<()>().await;
}

async fn hangs_in_a_blocking_job() {
    let _main = says("the main future is dropped");
    drop(task::spawn_blocking(stuck));
    pending::<()>().await;
}

/// The future ends, and the shutdown waits for a job.
fn stuck_at_the_end(runtime: Runtime) {
    runtime.run(async {
        let (begins, begun) = oneshot::channel();
        drop(task::spawn_blocking(move || {
            begins.send(()).expect("it is waited for");
            while disposition() != SIG_DFL {
                thread::yield_now();
            }
            stuck();
        }));
        begun.await.expect("it begins");
    });
}

async fn listens() {
    let _main = says("the main future is dropped");
    let mut interrupt = signal(SignalKind::interrupt()).expect("it can be listened for");
    for _ in 0..2 {
        say("ready");
        interrupt.recv().await.expect("the runtime is there");
    }
    say("heard twice");
}

fn listens_from_before(runtime: Runtime) {
    let other = Runtime::new().expect("a runtime starts");
    let mut before = {
        let _inside = other.enter();
        signal(SignalKind::interrupt()).expect("it can be listened for")
    };
    runtime.run(async move {
        let _main = says("the main future is dropped");
        let (hears, heard) = oneshot::channel();
        drop(other.spawn(async move {
            say("ready");
            before.recv().await.expect("the runtime is there");
            hears.send(()).expect("it is waited for");
        }));
        heard.await.expect("it is told");
        say("heard");
        other.shutdown_background();
    });
}

/// Somebody listened during one run, and nobody does during the next: what the documentation of `signal` says holds.
fn listened(run: impl Fn() -> Runtime) {
    run().run(async {
        assert!(poll_once(&mut Box::pin(windlass::signal::ctrl_c())).is_pending());
        raise();
    });
    run().run(async {
        raise();
        task::yield_now().await;
        let mut interrupt = signal(SignalKind::interrupt()).expect("it can be listened for");
        raise();
        interrupt.recv().await.expect("the runtime is there");
    });
    raise();
    say("it goes on");
}

extern "C" fn own_handler(_signal: c_int) {
    // SAFETY: it is open from the beginning to the end. (`io::stdout` would allocate.)
    let output = unsafe { BorrowedFd::borrow_raw(1) };
    let _ = rustix::io::write(output, b"handled\n");
}

fn own() -> sighandler_t {
    own_handler as *const () as sighandler_t
}

fn has_a_handler(runtime: Runtime) {
    dispose(own());
    runtime.run(async {
        raise();
        task::yield_now().await;
        assert_eq!(disposition(), own());
    });
    assert_eq!(disposition(), own());
    say("it goes on");
}

fn gets_a_handler(runtime: Runtime) {
    runtime.run(async {
        let found = disposition();
        assert!(found != SIG_DFL && found != own());
        dispose(own());
        raise();
        task::yield_now().await;
    });
    assert_eq!(disposition(), own());
    say("it goes on");
}

fn ignored(runtime: Runtime) {
    runtime.run(async {
        let _main = says("the main future is dropped");
        assert_eq!(disposition(), SIG_IGN);
        say("ready");
        let go_on = task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
        go_on.await.expect("it is no panic").expect("it can be read");
    });
    assert_eq!(disposition(), SIG_IGN);
    say("it goes on");
}

fn is_over(run: impl Fn() -> Runtime) {
    for _ in 0..3 {
        run().run(async { assert_ne!(disposition(), SIG_DFL) });
        assert_eq!(disposition(), SIG_DFL);
    }
    // Somebody who had installed a handler meanwhile puts back what he found.
    let found = run().run(async { disposition() });
    dispose(found);
    stuck();
}

fn ends_meanwhile(runtime: Runtime) {
    runtime.run(async {
        let _main = says("the main future is dropped");
        // It comes before this returns.
        raise();
        OnDrop::new(|| say("its output is dropped"))
    });
    say("it goes on");
}

fn panics_in_its_destructor(run: impl Fn() -> Runtime) {
    let panicked = panics(|| {
        run().run(async {
            let _main = OnDrop::new(|| panic!("in its cleanup"));
            raise();
            pending::<()>().await;
        });
    });
    say(&panicked.message);
    assert_eq!(disposition(), SIG_DFL);
    // As good as new.
    assert_eq!(
        run().run(async {
            task::yield_now().await;
            7
        }),
        7
    );
    run().run(waits());
}

/// Of the main thread, so that another one has to take it.
async fn blocks_the_signal() {
    let _main = says("the main future is dropped");
    block_here(true);
    say("ready");
    pending::<()>().await;
}

/// The second one comes on another thread, while this one gives the signal back.
fn sends_a_second(run: impl Fn() -> Runtime) {
    static IS_DROPPED: AtomicBool = AtomicBool::new(false);
    // On every thread but that one.
    block_here(true);
    thread::spawn(|| {
        block_here(false);
        while !IS_DROPPED.load(Relaxed) {
            hint::spin_loop();
        }
        // The time until it is given back, more or less.
        for _ in 0..fastrand::u32(..2_000) {
            hint::spin_loop();
        }
        raise();
    });
    run().run(async {
        let _main = OnDrop::new(|| IS_DROPPED.store(true, Relaxed));
        drop(task::spawn_blocking(stuck));
        pending::<()>().await;
    });
}

/// A run inside of another, on the same thread, has no claim on the signal; the outer one keeps it.
fn inside_of_another(run: impl Fn() -> Runtime) {
    run().run(async {
        let _main = says("the main future is dropped");
        let outer = disposition();
        task::block_in_place(|| {
            run().run(async {
                let _inner = says("the inner one has ended");
                assert_eq!(disposition(), outer);
                raise();
                task::yield_now().await;
            });
        });
        assert_eq!(disposition(), outer);
        pending::<()>().await;
    });
}

/// What `fork` makes is inside of no run: it does as any program, and the run is not told.
async fn forks() {
    let _main = says("the main future is dropped");
    // SAFETY: the child does nothing but what is allowed in a signal handler.
    let child = unsafe { libc::fork() };
    if child == 0 {
        raise();
        // SAFETY: it may be called anywhere.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: it writes to what is ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == SIGINT, "{status}");
    for _ in 0..100 {
        task::yield_now().await;
    }
    say("ready");
    pending::<()>().await;
}

/// With no descriptor left to be told by, `run` runs, and the signal does what it does by default.
fn no_descriptor_left() {
    // What is opened the first time something is used.
    windlass::run(async {});
    let open = fs::read_dir("/proc/self/fd").expect("/proc is mounted").count() as u64;
    let most = limit_descriptors(open + 64);
    let fewest = (0..64)
        .map(|more| open + more)
        .find(|&descriptors| {
            limit_descriptors(descriptors);
            Flavor::CurrentThread.builder().build().is_ok()
        })
        .expect("a runtime needs fewer");
    let runtime = Flavor::CurrentThread.runtime();
    let output = runtime.run(async move {
        limit_descriptors(most);
        (disposition(), fewest)
    });
    assert_eq!(output, (SIG_DFL, fewest));
    say("it runs");
}

fn limit_descriptors(current: u64) -> u64 {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum }).expect("a limit can be lowered");
    current
}

/// The signal is nothing that the main future awaits. On the current thread that waits while the task runs.
async fn is_not_awaited() {
    let listing = windlass::spawn(async { Handle::current().dump().to_string() }).await.expect("no panic");
    let root = listing.lines().find(|line| line.starts_with("block_on")).expect("it is listed");
    assert!(root.contains("idle") && !root.contains("descriptor"), "{listing}");
    say("it runs");
}

/// Sends the signal to this thread, and returns when it was handled, unless it is blocked.
fn raise() {
    // SAFETY: nothing is asked of it.
    assert_eq!(unsafe { libc::raise(SIGINT) }, 0);
}

/// Whether the signal is blocked on this thread, and those that it starts, from here on.
fn block_here(is_blocked: bool) {
    let how = if is_blocked { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: a set of C's that may be zero.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: it writes to what is ours.
    unsafe { libc::sigaddset(&mut set, SIGINT) };
    // SAFETY: it reads what is ours.
    unsafe { libc::pthread_sigmask(how, &set, ptr::null_mut()) };
}

fn dispose(handler: sighandler_t) {
    // SAFETY: one of the two constants, or a function that may be called at any time.
    unsafe { libc::signal(SIGINT, handler) };
}

fn disposition() -> sighandler_t {
    // SAFETY: a struct of C's that may be zero.
    let mut now: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: it changes nothing, and writes to what is ours.
    assert_eq!(unsafe { libc::sigaction(SIGINT, ptr::null(), &mut now) }, 0);
    now.sa_sigaction
}
