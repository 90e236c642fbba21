//! What can be said about a task from outside.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::time::Duration;

use super::awaited::Awaited;
use super::cell::Header;
use super::entry::Entry;
use super::id::Id;
use super::waits::{Party, Seen};
use crate::primitives::Arc;

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It waits in a queue to be polled.
    Queued,
    /// It is being polled, or has yielded and waits for its turn.
    Running,
    /// It waits to be woken; see [`TaskInfo::awaits`] for what it waits for.
    Idle,
    /// It was aborted, and is not complete yet: a poll is under way, or it waits in a queue to be dropped.
    Cancelling,
    /// It is complete with an output.
    Finished,
    /// It is complete with a panic.
    Panicked,
    /// It is complete without an output: it was aborted in time.
    Cancelled,
}

impl TaskState {
    pub(crate) fn of(header: &Header) -> Self {
        let state = header.state().load();
        if state.is_complete() {
            if !state.has_failed() {
                Self::Finished
            } else if header.origin().entry().is_some_and(Entry::has_panicked) {
                Self::Panicked
            } else {
                Self::Cancelled
            }
        } else if state.is_cancelled() {
            Self::Cancelling
        } else if state.is_running() {
            Self::Running
        } else if state.is_notified() {
            Self::Queued
        } else {
            Self::Idle
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Idle => "idle",
            Self::Cancelling => "cancelling",
            Self::Finished => "finished",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What somebody waits for, as far as is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits {
    seen: Seen,
    /// The tasks of the parties that are named in `seen`.
    members: Box<[Id]>,
}

impl Waits {
    /// What was noted, with those of these parties that it names.
    pub(crate) fn new(seen: Seen, parties: &[Arc<Party>]) -> Self {
        let named = parties.iter().filter(|party| seen.names(party));
        Self { seen, members: named.flat_map(|party| party.with(|tasks| tasks.clone())).collect() }
    }

    /// Forgets those members that are not there any more.
    pub(crate) fn keep(&mut self, is_there: impl Fn(Id) -> bool) {
        let mut members = std::mem::take(&mut self.members).into_vec();
        members.retain(|id| is_there(*id));
        self.members = members.into();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Awaited> + '_ {
        self.seen.iter().chain(self.members.iter().map(|id| Awaited::Task(*id)))
    }

    /// How many there are besides.
    pub(crate) fn others(&self) -> usize {
        self.seen.others()
    }

    /// Whether it is several tasks together that are awaited, whether they are known or not.
    pub(crate) fn has_party(&self) -> bool {
        self.seen.names_a_party()
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
    waits: Waits,
}

impl TaskInfo {
    /// The task that is being polled on this thread.
    pub(crate) fn of(header: &Header) -> Self {
        match header.origin().entry() {
            Some(entry) => Self::registered(header, entry, 0),
            None => Self::first_poll(header.id(), header.origin().location()),
        }
    }

    /// A task as it is at that tick, with its waits but for its parties.
    pub(crate) fn registered(header: &Header, entry: &Entry, tick: u64) -> Self {
        let state = TaskState::of(header);
        let seen = match state {
            TaskState::Idle => entry.awaits(|| TaskState::of(header) == TaskState::Idle).as_of(tick),
            _ => Seen::NOTHING,
        };
        Self {
            id: header.id(),
            name: entry.name().map(Box::from),
            location: entry.location(),
            state,
            age: entry.age(),
            polls: entry.polls().into(),
            waits: Waits { seen, ..Waits::default() },
        }
    }

    /// Whether it awaits a party.
    pub(crate) fn awaits_party(&self) -> bool {
        self.waits.has_party()
    }

    /// Adds the tasks of the parties it awaits, as far as they are there.
    pub(crate) fn add_members(&mut self, parties: &[Arc<Party>], is_there: impl Fn(Id) -> bool) {
        self.waits = Waits::new(self.waits.seen, parties);
        self.waits.keep(is_there);
    }

    pub(crate) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// A task in its first poll, of which little is written down yet.
    pub(crate) fn first_poll(id: Id, location: &'static Location<'static>) -> Self {
        Self {
            id,
            name: None,
            location,
            state: TaskState::Running,
            age: Duration::ZERO,
            polls: 1,
            waits: Waits::default(),
        }
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

    /// What it waited for, if it was idle.
    ///
    /// These are the operations of this crate that its last poll left unfinished: several inside a `select!` or a `join!`, every task
    /// that is awaited together with others. Three are remembered, and of more how many there are
    /// ([`awaits_others`](Self::awaits_others)); the tasks of a `gather`, a `JoinSet` and the like are all there. It is empty
    /// where the task waits for nothing that this crate knows of, such as another crate's channel.
    ///
    /// It cannot know what a future gave up within the same poll: what a branch of a `select!` waited for that lost right
    /// then is there until the next poll. And what polls only those of its futures that were woken, such as a
    /// `FuturesUnordered`, shows only those.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Builder::new_current_thread().build().unwrap();
    /// # rt.block_on(async {
    /// use windlass::sync::Event;
    /// use windlass::task::{self, Resource};
    ///
    /// let task = windlass::spawn(async { Event::new().wait().await });
    /// task::yield_now().await;
    ///
    /// let info = task::all_tasks().into_iter().find(|info| info.id() == task.id()).unwrap();
    /// assert_eq!(info.awaits().next().unwrap().resource(), Some(Resource::Event));
    /// assert_eq!(info.awaits_others(), 0);
    /// # task.abort();
    /// # });
    /// ```
    pub fn awaits(&self) -> impl Iterator<Item = Awaited> + '_ {
        self.waits.iter()
    }

    /// How many things more it waited for than [`awaits`](Self::awaits) gives.
    pub fn awaits_others(&self) -> usize {
        self.waits.others()
    }
}

/// In one line, without what it waits for.
impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        let polls = if self.polls == 1 { "poll" } else { "polls" };
        write!(f, " at {}, {}, {} {polls}, ", Place(self.location), self.state, self.polls)?;
        if self.age < Duration::from_secs(1) {
            write!(f, "{}ms old", self.age.as_millis())
        } else {
            write!(f, "{:.1?} old", self.age)
        }
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
            .field("polls", &self.polls);
        if self.state == TaskState::Idle {
            out.field("awaits", &Listed(self));
        }
        out.finish()
    }
}

/// What a task awaits, as a list.
struct Listed<'a>(&'a TaskInfo);

impl fmt::Debug for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for awaited in self.0.awaits() {
            list.entry(&format_args!("{awaited}"));
        }
        list.finish()
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
    /// How many tasks more are queued for their first poll, or run on the blocking pool. Nothing is written down of a task before
    /// its first poll returns, unless it has a name, so they are counted and not listed.
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

impl<'a> IntoIterator for &'a AllTasks {
    type Item = &'a TaskInfo;
    type IntoIter = std::slice::Iter<'a, TaskInfo>;

    fn into_iter(self) -> Self::IntoIter {
        self.tasks.iter()
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
