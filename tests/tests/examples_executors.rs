//! The examples of `concurrent.futures` and its bridge do what they say.

use windlass_tests::example;

/// How many threads and jobs the example has.
const THREADS: usize = 5;
const JOBS: usize = 10;

/// The state that a line of the example says a future is in, if it is one about a future.
fn state(line: &str) -> Option<&str> {
    let (state, location) = line.strip_prefix("Future { state: ")?.split_once(", submitted_at: ")?;
    assert!(location.contains("thread_pool.rs:") && location.ends_with(" }"), "{line}");
    Some(state)
}

#[test]
fn the_thread_pool_example() {
    const POOL: &str =
        "ThreadPoolExecutor { max_workers: 5, threads: 0, idle_threads: 0, queued: 0, shut_down: true }\n";
    let stdout = example::output("thread_pool", &["20"]);
    let stdout = stdout.strip_suffix(POOL).expect("at the end the pool is empty");

    let (mut printed, mut states) = (Vec::new(), Vec::new());
    for line in stdout.lines() {
        let Some(state) = state(line) else {
            printed.push(line.parse::<usize>().expect("the other lines are the jobs' numbers"));
            continue;
        };
        // Jobs start in order, so each after the fifth starts when one more has printed its number and ended.
        let job = states.len();
        match state {
            "Pending" => assert!(job < JOBS && !printed.contains(&job), "{stdout}"),
            "Running" => assert!(job < JOBS && printed.len() + THREADS > job, "{stdout}"),
            "Finished" => assert!(printed.contains(&(job % JOBS)), "{stdout}"),
            _ => panic!("{line}"),
        }
        states.push(state);
    }

    assert_eq!(states.len(), 2 * JOBS, "{stdout}");
    assert!(states[JOBS..].iter().all(|state| *state == "Finished"), "{stdout}");
    for (ended, &job) in printed.iter().enumerate() {
        assert!(ended + THREADS > job, "{job} was one of more than {THREADS} at once\n{stdout}");
    }
    printed.sort_unstable();
    assert_eq!(printed, Vec::from_iter(0..JOBS), "{stdout}");
}

#[test]
fn the_thread_pool_example_says_how_it_is_used() {
    let run = example::run("thread_pool", &["soon"]);
    assert!(!run.status.success() && run.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(stderr.contains(r#"usage: thread_pool [MILLISECONDS], not \"soon\""#), "{stderr}");
}

#[test]
fn the_run_in_executor_example() {
    let stdout = example::output("run_in_executor", &["20"]);
    let (first, rest) = stdout.split_once('\n').expect("several lines");
    let thread =
        first.strip_prefix("default thread pool 123, on ").expect("the first line is the default pool's");
    assert!(!thread.is_empty() && !thread.contains("custom"), "{thread}");
    // The first job's thread is on its way to its rest, and may be late for the second job, which gets another then.
    let expected =
        |number| format!("custom thread pool 123, on custom_0\nwrapped future 123, on custom_{number}\n");
    assert!(rest == expected(0) || rest == expected(1), "{stdout}");
}

#[test]
fn the_download_example() {
    let stdout = example::output("download", &[]);
    let lines: Vec<&str> = stdout.lines().collect();
    let [begun, ended, compared] = lines.chunks(3).collect::<Vec<_>>()[..] else { panic!("{stdout}") };

    // The tasks run at once, so the lines of a kind are in any order. No file is there before all have been asked for.
    let address = begun[0].split('/').nth(2).expect("a URL");
    assert!(address.starts_with("127.0.0.1:"), "{stdout}");
    let mut begun: Vec<String> = begun.iter().map(|line| line.replace(address, "server")).collect();
    begun.sort_unstable();
    assert_eq!(
        begun,
        [
            "downloading http://server/g24/1488x0_1_autohomecar__lighthouse.jpg",
            "downloading http://server/g26/1488x0_1_autohomecar__harbour.jpg",
            "downloading http://server/g26/1488x0_1_autohomecar__windlass.jpg",
        ]
    );
    let mut ended = ended.to_vec();
    ended.sort_unstable();
    assert_eq!(ended, ["downloaded 1048577 bytes", "downloaded 158779 bytes", "downloaded 65536 bytes"]);
    assert_eq!(
        compared,
        [
            "harbour.jpg has the 158779 bytes that were served",
            "lighthouse.jpg has the 65536 bytes that were served",
            "windlass.jpg has the 1048577 bytes that were served",
        ]
    );
}
