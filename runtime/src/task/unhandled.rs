//! What a runtime's owner is told of a failure that nobody looks at.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;

use super::info::Place;
use crate::primitives::Arc;

/// What [`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled) set.
pub(crate) type UnhandledHook = Arc<dyn Fn(&Unhandled<'_>) + Send + Sync>;

/// A failure that nobody looked at, as [`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled) is told of it;
/// the `context` of asyncio's exception handler.
///
/// Its [`Display`](fmt::Display) says all of it in a sentence.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use windlass::runtime::{Builder, UnhandledKind};
///
/// let (tell, told) = mpsc::channel();
/// let runtime = Builder::new_current_thread()
///     .on_unhandled(move |unhandled| {
///         assert_eq!(unhandled.kind(), UnhandledKind::Task);
///         assert!(unhandled.payload().is_some() && unhandled.error_ref().is_none());
///         tell.send(format!("{}: {}", unhandled.location().line(), unhandled.message())).unwrap();
///     })
///     .build()
///     .unwrap();
/// runtime.block_on(async {
///     drop(windlass::spawn(async { panic!("overboard") }));
///     windlass::task::yield_now().await;
/// });
/// assert!(told.recv().unwrap().ends_with("overboard"));
/// ```
pub struct Unhandled<'a> {
    kind: UnhandledKind,
    at: &'static Location<'static>,
    failure: Failure<'a>,
}

/// What failed.
///
/// # Examples
///
/// ```
/// use windlass::runtime::{Builder, UnhandledKind};
///
/// let runtime = Builder::new_multi_thread()
///     .on_unhandled(|unhandled| match unhandled.kind() {
///         UnhandledKind::Unclosed => eprintln!("warning: {unhandled}"),
///         _ => eprintln!("error: {unhandled}"),
///     })
///     .build()
///     .unwrap();
/// # drop(runtime);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnhandledKind {
    /// A task or a blocking call panicked, and its handle was dropped without a look at that.
    Task,
    /// A [`Promise`](crate::aio::Promise) was given an error, and nobody asked for its result.
    Promise,
    /// A callback panicked, or was not called, since its promise was set after the end of its runtime.
    Callback,
    /// A [`TaskGroup`](crate::aio::TaskGroup) was dropped with the failures of its tasks.
    TaskGroup,
    /// Something with an asynchronous close was dropped without it.
    Unclosed,
}

/// What there is to see of a failure.
pub(super) enum Failure<'a> {
    Panic(&'a (dyn Any + Send)),
    Error(&'a (dyn Error + 'static)),
    Other(&'a str),
}

impl<'a> Unhandled<'a> {
    /// A panic with this payload, of what was made there.
    pub(crate) fn panic(
        kind: UnhandledKind,
        at: &'static Location<'static>,
        payload: &'a (dyn Any + Send),
    ) -> Self {
        Self { kind, at, failure: Failure::Panic(payload) }
    }

    /// An error, of what was made there.
    pub(crate) fn error(
        kind: UnhandledKind,
        at: &'static Location<'static>,
        error: &'a (dyn Error + 'static),
    ) -> Self {
        Self { kind, at, failure: Failure::Error(error) }
    }

    /// Something else, of what was made there.
    pub(crate) fn other(kind: UnhandledKind, at: &'static Location<'static>, what: &'a str) -> Self {
        Self { kind, at, failure: Failure::Other(what) }
    }

    /// What failed.
    pub fn kind(&self) -> UnhandledKind {
        self.kind
    }

    /// Where it was spawned, or made.
    pub fn location(&self) -> &'static Location<'static> {
        self.at
    }

    /// The payload, if it was a panic.
    pub fn payload(&self) -> Option<&'a (dyn Any + Send)> {
        match self.failure {
            Failure::Panic(payload) => Some(payload),
            _ => None,
        }
    }

    /// The error, if it was one.
    pub fn error_ref(&self) -> Option<&'a (dyn Error + 'static)> {
        match self.failure {
            Failure::Error(error) => Some(error),
            _ => None,
        }
    }

    /// What the panic or the error says.
    pub fn message(&self) -> String {
        match self.failure {
            Failure::Panic(payload) => payload
                .downcast_ref::<&'static str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "a panic whose payload is no text".to_owned()),
            Failure::Error(error) => error.to_string(),
            Failure::Other(what) => what.to_owned(),
        }
    }
}

impl fmt::Display for Unhandled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = Place(self.at);
        let message = self.message();
        match self.kind {
            UnhandledKind::Task => write!(
                f,
                "what was spawned at {place} panicked, and its handle was dropped without a look at that: {message}"
            ),
            UnhandledKind::Promise => {
                write!(f, "the promise made at {place} failed, and nobody asked for its result: {message}")
            }
            UnhandledKind::Callback if self.payload().is_some() => {
                write!(f, "the callback added at {place} panicked: {message}")
            }
            UnhandledKind::Callback => write!(f, "of the callback added at {place}: {message}"),
            UnhandledKind::TaskGroup => {
                write!(f, "the task group made at {place} was dropped with a failure: {message}")
            }
            UnhandledKind::Unclosed => write!(f, "what was opened at {place} was not closed: {message}"),
        }
    }
}

impl fmt::Debug for Unhandled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unhandled")
            .field("kind", &self.kind)
            .field("at", &format_args!("{}", Place(self.at)))
            .field("message", &self.message())
            .finish()
    }
}
