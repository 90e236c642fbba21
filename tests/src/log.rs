//! What is logged through `tracing`, for test programs that look at it: the one subscriber that a process may have.

use std::fmt;
use std::panic::Location;
use std::sync::Once;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// How grave it is.
    pub level: Level,
    /// Who says it.
    pub target: String,
    /// What it says.
    pub message: String,
}

static LOG: Mutex<Vec<Line>> = Mutex::new(Vec::new());

struct Log;

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let metadata = event.metadata();
        LOG.lock().push(Line {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: message.0,
        });
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Begins to write the log, in this process from here on.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Log).expect("the only subscriber"));
}

/// What was logged so far by `target`.
pub fn lines_of(target: &str) -> Vec<Line> {
    LOG.lock().iter().filter(|line| line.target == target).cloned().collect()
}

/// What was logged so far by `target` that speaks of that line of that file.
pub fn lines_about(target: &str, file: &str, line: u32) -> Vec<Line> {
    lines_of(target).into_iter().filter(|entry| names(&entry.message, file, line)).collect()
}

/// Whether a message names that line, and not only one whose number begins like it.
pub fn names(message: &str, file: &str, line: u32) -> bool {
    let place = format!("{file}:{line}");
    message
        .match_indices(&place)
        .any(|(at, _)| !message[at + place.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

/// The line that this is called from.
#[track_caller]
pub fn line() -> u32 {
    Location::caller().line()
}
