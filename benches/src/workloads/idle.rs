//! Waiting until a pool is idle, without knowing it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Longer than any of the pools looks for work before its threads park.
const PAUSE: Duration = Duration::from_millis(1);

/// Pauses after which a thread that is still awake will stay so.
const PAUSES: usize = 20_000;

/// Sleeps until every other thread of this process sleeps too, so that what is submitted next has to wake one.
///
/// The system says so where it can (Linux); elsewhere a pause has to do.
pub(super) fn until_all_others_sleep() {
    for _ in 0..PAUSES {
        thread::sleep(PAUSE);
        if !another_is_awake().unwrap_or(false) {
            return;
        }
    }
    panic!("some thread never went to sleep");
}

/// Whether another thread of this process runs or is about to; `None` if that cannot be known.
fn another_is_awake() -> Option<bool> {
    let this = fs::read_link("/proc/thread-self").ok()?;
    let awake = fs::read_dir("/proc/self/task")
        .ok()?
        .filter_map(Result::ok)
        .filter(|thread| Some(thread.file_name().as_os_str()) != this.file_name())
        .any(|thread| is_awake(&thread.path()));
    Some(awake)
}

/// Whether this thread runs or is about to. One that has ended in the meantime does not.
fn is_awake(thread: &Path) -> bool {
    let Ok(stat) = fs::read_to_string(thread.join("stat")) else { return false };
    // `123 (name, which may hold anything) S ...`
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, Some('S' | 'Z' | 'X'))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::sync::mpsc;

    #[test]
    fn a_thread_that_runs_is_awake_and_one_that_waits_is_not() {
        let path = |name: &str| {
            fs::read_dir("/proc/self/task")
                .unwrap()
                .map(|thread| thread.unwrap().path())
                .find(|path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name))
        };
        let spin = AtomicBool::new(true);
        let (started, starts) = mpsc::channel();
        thread::scope(|scope| {
            let (_keep, waits) = mpsc::channel::<()>();
            let begin = started.clone();
            thread::Builder::new()
                .name("idle: waits".into())
                .spawn_scoped(scope, move || {
                    begin.send(()).unwrap();
                    waits.recv().unwrap_err();
                })
                .unwrap();
            let spin = &spin;
            thread::Builder::new()
                .name("idle: runs".into())
                .spawn_scoped(scope, move || {
                    started.send(()).unwrap();
                    while spin.load(Relaxed) {
                        std::hint::spin_loop();
                    }
                })
                .unwrap();
            starts.recv().unwrap();
            starts.recv().unwrap();
            assert!(is_awake(&path("idle: runs").unwrap()));
            assert_eq!(another_is_awake(), Some(true));
            spin.store(false, Relaxed);
            let waits = path("idle: waits").unwrap();
            while is_awake(&waits) {
                thread::yield_now();
            }
        });
    }
}
