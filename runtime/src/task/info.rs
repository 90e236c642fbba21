//! What can be said about a task from outside.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::time::Duration;

use super::cell::Header;
use super::id::Id;
use super::registry::Entry;
use super::state::Snapshot;

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It waits in a queue to be polled.
    Queued,
    /// It is being polled, or has yielded and waits for its turn.
    Running,
    /// It waits to be woken.
    Idle,
    /// It is complete with an output or a panic.
    Finished,
    /// It was aborted; once it is complete, that may or may not have come in time.
    Cancelled,
}

impl TaskState {
    pub(crate) fn of(state: Snapshot) -> Self {
        if state.is_cancelled() {
            Self::Cancelled
        } else if state.is_complete() {
            Self::Finished
        } else if state.is_running() {
            Self::Running
        } else if state.is_notified() {
            Self::Queued
        } else {
            Self::Idle
        }
    }
}

/// A task as it was when somebody asked.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use windlass::task::{self, TaskState};
///
/// let task = task::Builder::new()
///     .name("worker")
///     .spawn(async { task::current().unwrap() })
///     .unwrap();
/// let info = task.await.unwrap();
/// assert_eq!(info.name(), Some("worker"));
/// assert_eq!(info.state(), TaskState::Running);
/// # });
/// ```
///
/// ```
/// use windlass::task::{self, TaskState};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = windlass::spawn(std::future::pending::<()>());
/// task::yield_now().await;
/// let all = task::all_tasks();
/// let info = all.iter().find(|info| info.id() == task.id()).unwrap();
/// assert_eq!((info.state(), info.polls()), (TaskState::Idle, 1));
/// println!("spawned at {}, {:?} ago", info.spawned_at(), info.age());
/// println!("{} more have not been started", all.not_started());
/// # }
/// ```
#[derive(Clone)]
pub struct TaskInfo {
    id: Id,
    name: Option<Box<str>>,
    location: &'static Location<'static>,
    state: TaskState,
    age: Duration,
    polls: u64,
}

impl TaskInfo {
    pub(crate) fn of(header: &Header) -> Self {
        match header.origin().entry() {
            Some(entry) => Self::registered(header, entry),
            None => Self::first_poll(header.id(), header.origin().location()),
        }
    }

    pub(crate) fn registered(header: &Header, entry: &Entry) -> Self {
        Self {
            id: header.id(),
            name: entry.name().map(Box::from),
            location: entry.location(),
            state: TaskState::of(header.state().load()),
            age: entry.age(),
            polls: entry.polls().into(),
        }
    }

    /// A task in its first poll, of which little is written down yet.
    pub(crate) fn first_poll(id: Id, location: &'static Location<'static>) -> Self {
        Self { id, name: None, location, state: TaskState::Running, age: Duration::ZERO, polls: 1 }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The name it was given by [`Builder::name`](super::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.location
    }

    /// What it was doing.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// How long ago it first waited, or was spawned if it has a name; zero in its first poll. Exact to a few
    /// milliseconds.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// How often it was polled.
    pub fn polls(&self) -> u64 {
        self.polls
    }
}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Task");
        out.field("id", &format_args!("{}", self.id));
        if let Some(name) = &self.name {
            out.field("name", name);
        }
        out.field("state", &self.state)
            .field("spawned_at", &format_args!("{}", Place(self.location)))
            .field("age", &self.age)
            .field("polls", &self.polls)
            .finish()
    }
}

/// The live tasks of a runtime, as they were when somebody asked.
///
/// # Examples
///
/// ```
/// use windlass::task;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let waiting = windlass::spawn(std::future::pending::<()>());
/// task::yield_now().await;
/// let tasks = task::all_tasks();
/// for task in tasks.iter() {
///     println!("{task:?}");
/// }
/// assert_eq!((tasks.len(), tasks.not_started()), (1, 0));
/// # waiting.abort();
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AllTasks {
    pub(crate) tasks: Vec<TaskInfo>,
    pub(crate) not_started: usize,
}

impl AllTasks {
    /// How many tasks more are queued for their first poll. Nothing is written down of a task before that,
    /// unless it has a name, so they are counted and not listed.
    pub fn not_started(&self) -> usize {
        self.not_started
    }
}

impl Deref for AllTasks {
    type Target = [TaskInfo];

    fn deref(&self) -> &[TaskInfo] {
        &self.tasks
    }
}

impl IntoIterator for AllTasks {
    type Item = TaskInfo;
    type IntoIter = std::vec::IntoIter<TaskInfo>;

    fn into_iter(self) -> Self::IntoIter {
        self.tasks.into_iter()
    }
}

/// `file:line`, as people look for it.
pub(crate) struct Place(pub(crate) &'static Location<'static>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}
