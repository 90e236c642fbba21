//! What a task may wait for, in words.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::Id;
use super::info::Place;

/// Something that a task waits for; see [`TaskInfo::awaits`](super::TaskInfo::awaits).
///
/// It prints in a few words, such as `task 7`, `a timer due in 59.9s` or `a mutex (0x7f3c5c001040)`.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Builder::new_current_thread().build().unwrap();
/// # rt.block_on(async {
/// use windlass::task::{self, Awaited};
///
/// let one = windlass::spawn(std::future::pending::<()>());
/// let id = one.id();
/// let other = windlass::spawn(one);
/// task::yield_now().await;
///
/// let info = task::all_tasks().into_iter().find(|task| task.id() == other.id()).unwrap();
/// assert_eq!(info.awaits().collect::<Vec<_>>(), [Awaited::Task(id)]);
/// # other.abort();
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// The end of a task: through its handle, or together with others in a `JoinSet`, a `gather`, a `TaskGroup` and the like.
    Task(Id),
    /// A moment, that was so far ahead.
    Timer(Duration),
    /// A socket or another descriptor, to be readable.
    Readable(i32),
    /// A socket or another descriptor, to be writable.
    Writable(i32),
    /// A descriptor, for several things.
    Ready(i32),
    /// A job that was submitted there to an executor, or room for it.
    Job(&'static Location<'static>),
    /// A lock, a channel, or the like.
    Resource {
        /// What it is.
        what: Resource,
        /// Where it is in memory: the same for two tasks that wait for the same thing at the same time.
        address: usize,
    },
}

impl Awaited {
    /// The task that is awaited, if it is one.
    pub fn task(&self) -> Option<Id> {
        match self {
            Self::Task(id) => Some(*id),
            _ => None,
        }
    }

    /// The kind of lock, channel or the like that is awaited, if it is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::task::{Awaited, Resource};
    ///
    /// let awaited = Awaited::Resource { what: Resource::Mutex, address: 0x1000 };
    /// assert_eq!(awaited.resource(), Some(Resource::Mutex));
    /// assert_eq!(awaited.to_string(), "a mutex (0x1000)");
    /// ```
    pub fn resource(&self) -> Option<Resource> {
        match self {
            Self::Resource { what, .. } => Some(*what),
            _ => None,
        }
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(id) => write!(f, "task {id}"),
            Self::Timer(Duration::ZERO) => f.write_str("a timer that is due"),
            Self::Timer(left) => write!(f, "a timer due in {left:.1?}"),
            Self::Readable(fd) => write!(f, "descriptor {fd} to be readable"),
            Self::Writable(fd) => write!(f, "descriptor {fd} to be writable"),
            Self::Ready(fd) => write!(f, "descriptor {fd}"),
            Self::Job(location) => write!(f, "a job submitted at {}", Place(location)),
            Self::Resource { what, address } => write!(f, "{what} ({address:#x})"),
        }
    }
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A kind of lock, channel, or the like.
        ///
        /// # Examples
        ///
        /// ```
        /// assert_eq!(windlass::task::Resource::Semaphore.to_string(), "a semaphore");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Resource {
            $($(#[$doc])* $name,)+
        }

        impl Resource {
            const ALL: &[Self] = &[$(Self::$name),+];
        }

        impl fmt::Display for Resource {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)+
                })
            }
        }
    };
}

resources! {
    /// A [`Mutex`](crate::sync::Mutex).
    Mutex = "a mutex",
    /// An [`RwLock`](crate::sync::RwLock).
    RwLock = "a reader-writer lock",
    /// A [`Semaphore`](crate::sync::Semaphore) or [`BoundedSemaphore`](crate::sync::BoundedSemaphore).
    Semaphore = "a semaphore",
    /// A [`CapacityLimiter`](crate::sync::CapacityLimiter).
    CapacityLimiter = "a capacity limiter",
    /// A [`OnceCell`](crate::sync::OnceCell) that another task fills.
    OnceCell = "a once cell",
    /// A [`oneshot`](crate::sync::oneshot) channel.
    Oneshot = "a oneshot channel",
    /// An [`mpsc`](crate::sync::mpsc) channel: a message, room for one, or its end.
    Mpsc = "an mpsc channel",
    /// A [`broadcast`](crate::sync::broadcast) channel.
    Broadcast = "a broadcast channel",
    /// A [`watch`](crate::sync::watch) channel.
    Watch = "a watch channel",
    /// A [`Queue`](crate::sync::Queue), of whichever kind: an item, room for one, or its last `task_done`.
    Queue = "a queue",
    /// An [`Event`](crate::sync::Event).
    Event = "an event",
    /// A [`Notify`](crate::sync::Notify).
    Notify = "a notify",
    /// A [`Condition`](crate::sync::Condition).
    Condition = "a condition",
    /// A [`Barrier`](crate::sync::Barrier).
    Barrier = "a barrier",
    /// A [`CancellationToken`](crate::sync::CancellationToken).
    CancellationToken = "a cancellation token",
    /// A [`TaskTracker`](crate::sync::TaskTracker).
    TaskTracker = "a task tracker",
    /// A [`Promise`](crate::aio::Promise).
    Promise = "a promise",
    /// The other end of a [`duplex`](crate::io::duplex) pipe.
    Pipe = "a pipe",
}

impl Resource {
    pub(super) fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}
