//! Runtimes: building, entering, blocking on, shutting down.

mod builder;
mod callbacks;
mod dump;
mod handle;
mod roots;
mod run;
#[allow(clippy::module_inception, reason = "the type is called that in tokio too")]
mod runtime;
mod watch;

pub use crate::scheduler::metrics::RuntimeMetrics;
pub use crate::task::{Unhandled, UnhandledKind};
pub use builder::Builder;
pub use callbacks::TimerHandle;
pub use dump::Dump;
pub use handle::{EnterGuard, Handle, RuntimeFlavor, TryCurrentError};
pub use run::run;
pub use runtime::Runtime;
pub use watch::WatchHandle;

pub(crate) use callbacks::Callbacks;
pub(crate) use handle::{Entered, in_runtime};
pub(crate) use roots::{Root, Roots};
