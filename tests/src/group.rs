//! What the tests of `TaskGroup` share.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use windlass::aio::ErrorGroup;

use crate::OnDrop;

/// An error that a child of a group ends with.
#[derive(Debug, PartialEq)]
pub struct Oops(pub &'static str);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Oops {}

/// The errors in the group, none of which may be a panic.
#[track_caller]
pub fn errors<E>(group: ErrorGroup<E>) -> Vec<E> {
    group.into_iter().map(|failure| failure.into_error().expect("an error")).collect()
}

/// A future that says that it runs and when it is dropped, and never ends.
pub fn hangs(
    started: &Arc<AtomicUsize>,
    dropped: &Arc<AtomicUsize>,
) -> impl Future<Output = Result<(), Oops>> + use<> {
    let (started, dropped) = (started.clone(), dropped.clone());
    async move {
        let _on_drop = OnDrop::new(move || {
            dropped.fetch_add(1, Ordering::SeqCst);
        });
        started.fetch_add(1, Ordering::SeqCst);
        pending().await
    }
}
