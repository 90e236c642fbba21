//! SIGINT while `run` is under way: the main future is dropped, the runtime shut down, and the process ends as by that signal.
//!
//! `run` has a claim on the signal on the main thread only, so all of this happens in a program of its own, which says how far it is
//! before it is sent the signal: `tests/src/bin/interrupted.rs` has its half of each scenario.
//!
//! inexpressible: test_runners.py::RunnerTests::test_interrupt_cancelled_task: nobody can cancel a main future but the signal

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use windlass_tests::{Flavor, on_conformance_flavors, once};

on_conformance_flavors!(
    a_future_that_waits_is_dropped_and_so_is_the_rest,
    a_future_that_never_waits_is_dropped,
    what_the_future_waits_for_is_dropped,
    without_a_descriptor_it_runs_all_the_same,
    a_second_one_ends_it_while_a_destructor_hangs,
    a_second_one_ends_it_while_a_blocking_job_hangs,
    a_second_one_ends_it_while_the_thread_is_stuck,
    a_listener_has_precedence,
    a_listener_from_before_has_precedence,
    a_handler_from_before_stays,
    a_handler_of_meanwhile_stays,
    ignored_it_stays_ignored,
    on_another_thread_the_default_stays,
    block_on_leaves_the_default,
    after_it_the_default_is_back,
    one_that_comes_as_the_future_ends_is_not_lost,
    a_panic_in_the_cleanup_goes_on_from_run,
);
once!(
    run_does_it,
    the_attribute_does_it,
    the_shutdown_of_a_future_that_ended_is_cut_short,
    once_listened_for_it_stays_so,
    where_the_main_thread_blocks_it_another_one_takes_it,
    a_second_one_that_comes_as_the_signal_is_given_back_is_not_lost,
    the_outer_one_of_two_has_it,
    a_forked_process_has_no_part_in_it,
    it_is_not_among_what_the_main_future_awaits,
);

/// The program in one of its scenarios.
struct Program {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Held open.
    input: Option<ChildStdin>,
}

/// How the program ended, and what it said before that was not read yet.
struct Ended {
    status: ExitStatus,
    said: String,
}

impl Program {
    fn start(scenario: &str, workers: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_interrupted"));
        command.args([scenario, &workers.to_string()]);
        Self::spawn(command)
    }

    fn on(flavor: Flavor, scenario: &str) -> Self {
        Self::start(scenario, workers(flavor))
    }

    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).env_remove("WINDLASS_WORKER_THREADS");
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let input = child.stdin.take();
        Self { child, lines, input }
    }

    /// Waits until it says this next.
    #[track_caller]
    fn says(&mut self, what: &str) {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it can be read");
        assert_eq!(line.trim_end(), what);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn interrupt(&self) {
        kill_process(self.pid(), Signal::INT).expect("it is there");
    }

    /// As `interrupt`, and waits until it is on its way through the handler: two that are not handled yet would be one.
    fn interrupt_and_see(&self) {
        self.interrupt();
        let number = Signal::INT.as_raw();
        loop {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid().as_raw_nonzero()))
                .expect("it does not end before the second one");
            let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).expect("it has one");
            let pending = u64::from_str_radix(pending.trim(), 16).expect("a set of signals");
            if pending & (1 << (number - 1)) == 0 {
                return;
            }
            thread::yield_now();
        }
    }

    /// Waits for its end.
    fn ends(mut self) -> Ended {
        let mut said = String::new();
        self.lines.read_to_string(&mut said).expect("it can be read");
        Ended { status: self.child.wait().expect("it ends"), said }
    }

    #[track_caller]
    fn dies_and_says(self, what: &str) {
        let Ended { status, said } = self.ends();
        assert_eq!(said, what, "{status}");
        assert_eq!(status.signal(), Some(Signal::INT.as_raw()), "{status}");
    }

    #[track_caller]
    fn succeeds_and_says(self, what: &str) {
        let Ended { status, said } = self.ends();
        assert_eq!(said, what, "{status}");
        assert!(status.success(), "{status}");
    }
}

fn workers(flavor: Flavor) -> usize {
    match flavor {
        Flavor::CurrentThread => 0,
        Flavor::MultiThread(workers) => workers,
    }
}

const ALL_DROPPED: &str = "the main future is dropped\na task is dropped\na line without an end";

fn a_future_that_waits_is_dropped_and_so_is_the_rest(flavor: Flavor) {
    let mut program = Program::on(flavor, "waits");
    program.says("ready");
    program.interrupt();
    program.dies_and_says(ALL_DROPPED);
}

fn run_does_it() {
    let mut program = Program::start("waits_in_run", 0);
    program.says("ready");
    program.interrupt();
    program.dies_and_says(ALL_DROPPED);
}

fn the_attribute_does_it() {
    for scenario in ["waits_in_main", "waits_on_current_thread"] {
        let mut program = Program::start(scenario, 0);
        program.says("ready");
        program.interrupt();
        program.dies_and_says(ALL_DROPPED);
    }
}

/// ported: test_runners.py::RunnerTests::test_interrupt_call_soon
fn a_future_that_never_waits_is_dropped(flavor: Flavor) {
    let mut program = Program::on(flavor, "yields");
    program.says("ready");
    program.interrupt();
    program.dies_and_says("the main future is dropped\n");
}

/// ported: test_runners.py::RunnerTests::test_interrupt_wait
fn what_the_future_waits_for_is_dropped(flavor: Flavor) {
    let mut program = Program::on(flavor, "waits_for_another");
    program.says("ready");
    program.interrupt();
    program.dies_and_says("what it waits for is dropped\nthe main future is dropped\n");
}

/// ported: test_runners.py::RunnerTests::test_signal_install_not_supported_ok
fn without_a_descriptor_it_runs_all_the_same(flavor: Flavor) {
    Program::on(flavor, "no_descriptor_left").succeeds_and_says("it runs\n");
}

fn a_second_one_ends_it_while_a_destructor_hangs(flavor: Flavor) {
    let mut program = Program::on(flavor, "hangs_in_its_destructor");
    program.says("ready");
    program.interrupt();
    // The destructor.
    program.says("ready");
    program.interrupt();
    program.dies_and_says("");
}

fn a_second_one_ends_it_while_a_blocking_job_hangs(flavor: Flavor) {
    let mut program = Program::on(flavor, "hangs_in_a_blocking_job");
    program.says("ready");
    program.interrupt();
    program.says("the main future is dropped");
    program.interrupt();
    program.dies_and_says("");
}

fn a_second_one_ends_it_while_the_thread_is_stuck(flavor: Flavor) {
    let mut program = Program::on(flavor, "stuck_in_a_poll");
    program.says("ready");
    program.interrupt_and_see();
    program.interrupt();
    program.dies_and_says("");
}

fn the_shutdown_of_a_future_that_ended_is_cut_short() {
    let mut program = Program::start("stuck_at_the_end", 2);
    program.says("ready");
    program.interrupt();
    program.dies_and_says("");
}

fn a_listener_has_precedence(flavor: Flavor) {
    let mut program = Program::on(flavor, "listens");
    for _ in 0..2 {
        program.says("ready");
        program.interrupt();
    }
    program.succeeds_and_says("heard twice\nthe main future is dropped\n");
}

fn a_listener_from_before_has_precedence(flavor: Flavor) {
    let mut program = Program::on(flavor, "listens_from_before");
    program.says("ready");
    program.interrupt();
    program.succeeds_and_says("heard\nthe main future is dropped\n");
}

fn once_listened_for_it_stays_so() {
    Program::start("listened", 1).succeeds_and_says("it goes on\n");
}

fn a_handler_from_before_stays(flavor: Flavor) {
    Program::on(flavor, "has_a_handler").succeeds_and_says("handled\nit goes on\n");
}

fn a_handler_of_meanwhile_stays(flavor: Flavor) {
    Program::on(flavor, "gets_a_handler").succeeds_and_says("handled\nit goes on\n");
}

/// As `nohup` does, and a shell that starts something in the background.
fn ignored_it_stays_ignored(flavor: Flavor) {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_interrupted"), "ignored"]);
    command.arg(workers(flavor).to_string());
    let mut program = Program::spawn(command);
    program.says("ready");
    program.interrupt();
    // It goes on when this is at its end.
    drop(program.input.take());
    program.succeeds_and_says("the main future is dropped\nit goes on\n");
}

fn on_another_thread_the_default_stays(flavor: Flavor) {
    let mut program = Program::on(flavor, "on_another_thread");
    program.says("ready");
    program.interrupt();
    program.dies_and_says("");
}

fn block_on_leaves_the_default(flavor: Flavor) {
    let mut program = Program::on(flavor, "blocks_on");
    program.says("ready");
    program.interrupt();
    program.dies_and_says("");
}

fn after_it_the_default_is_back(flavor: Flavor) {
    let mut program = Program::on(flavor, "is_over");
    program.says("ready");
    program.interrupt();
    program.dies_and_says("");
}

fn one_that_comes_as_the_future_ends_is_not_lost(flavor: Flavor) {
    Program::on(flavor, "ends_meanwhile")
        .dies_and_says("the main future is dropped\nits output is dropped\n");
}

fn a_panic_in_the_cleanup_goes_on_from_run(flavor: Flavor) {
    let mut program = Program::on(flavor, "panics_in_its_destructor");
    program.says("in its cleanup");
    program.says("ready");
    program.interrupt();
    program.dies_and_says(ALL_DROPPED);
}

fn where_the_main_thread_blocks_it_another_one_takes_it() {
    let mut program = Program::start("blocks_the_signal", 1);
    program.says("ready");
    program.interrupt();
    program.dies_and_says("the main future is dropped\n");
}

fn a_second_one_that_comes_as_the_signal_is_given_back_is_not_lost() {
    // Again and again: what it forbids is a race.
    for _ in 0..200 {
        let mut program = Program::start("sends_a_second", 2);
        program.says("ready");
        program.interrupt();
        program.dies_and_says("");
    }
}

fn the_outer_one_of_two_has_it() {
    Program::start("inside_of_another", 1)
        .dies_and_says("the inner one has ended\nthe main future is dropped\n");
}

fn a_forked_process_has_no_part_in_it() {
    let mut program = Program::start("forks", 2);
    program.says("ready");
    program.interrupt();
    program.dies_and_says("the main future is dropped\n");
}

fn it_is_not_among_what_the_main_future_awaits() {
    Program::start("is_not_awaited", 0).succeeds_and_says("it runs\n");
}
