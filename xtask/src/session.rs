//! One call of the program: its steps, their times, and what to do where one fails.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The steps run so far.
pub(crate) struct Session {
    started: Instant,
    done: Vec<(String, Duration)>,
}

impl Session {
    pub(crate) fn start() -> Self {
        Session { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step. `rerun` is the command that runs just this step again.
    pub(crate) fn step(
        &mut self,
        name: &str,
        rerun: &str,
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        println!("\n── {name} {}", "─".repeat(70_usize.saturating_sub(name.len())));
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        match result {
            Ok(()) => {
                println!("── {name}: ok, {}", human(took));
                self.done.push((name.to_string(), took));
                Ok(())
            }
            Err(failure) => Err(failure
                .in_context(&format!("the step `{name}` failed after {}", human(took)))
                .fix(format!("to run just this step again: {rerun}"))),
        }
    }

    /// The time since the program started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Prints every step's time, where there was more than one.
    pub(crate) fn finish(&self) {
        if self.done.len() < 2 {
            return;
        }
        println!("\n── times {}", "─".repeat(65));
        for (name, took) in &self.done {
            println!("{name:<34} {:>10}", human(*took));
        }
        println!("{:<34} {:>10}", "all", human(self.elapsed()));
    }
}

/// `850 ms`, `12.3 s` or `4 min 05 s`.
pub(crate) fn human(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 {
        format!("{} ms", time.as_millis())
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(human(Duration::from_millis(850)), "850 ms");
        assert_eq!(human(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(human(Duration::from_secs(245)), "4 min 05 s");
    }

    #[test]
    fn a_failed_step_says_how_to_run_it_again() {
        let mut session = Session::start();
        session.step("first", "cargo xtask first", || Ok(())).unwrap();
        let failure = session.step("second", "cargo xtask second", || Err(Failure::new("no"))).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("the step `second` failed after"), "{text}");
        assert!(text.contains("to run just this step again: cargo xtask second"), "{text}");
        assert_eq!(session.done.len(), 1);
    }
}
