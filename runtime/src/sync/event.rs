//! A flag that tasks wait for.

use std::fmt;

use super::wait::{Bell, const_unless_model};
use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::{Acquire, Release};
use crate::task::Resource;

/// A flag that tasks wait for; asyncio's `Event`.
///
/// Who waited when it was set goes on, even if it is cleared before he runs.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use std::sync::Arc;
/// use windlass::sync::Event;
///
/// let ready = Arc::new(Event::new());
/// let task = windlass::spawn({
///     let ready = ready.clone();
///     async move { ready.wait().await }
/// });
/// ready.set();
/// task.await.unwrap();
/// assert!(ready.is_set());
/// # });
/// ```
#[doc(alias("asyncio.Event", "ManualResetEvent"))]
pub struct Event {
    /// Written under the bell's lock only.
    is_set: AtomicBool,
    bell: Bell,
}

impl Event {
    const_unless_model! {
        /// A flag that is not set.
        ///
        /// # Examples
        ///
        /// ```
        /// static READY: windlass::sync::Event = windlass::sync::Event::new();
        /// assert!(!READY.is_set());
        /// ```
        pub fn new() -> Self {
            Self { is_set: AtomicBool::new(false), bell: Bell::new() }
        }
    }

    /// Sets it, and lets everyone go on who waits. Nothing if it is set already.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = windlass::sync::Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    pub fn set(&self) {
        // Release pairs with the Acquire in `is_set`: what was done before it was set is done for who sees it.
        self.bell.ring_if(|| {
            self.is_set.store(true, Release);
            true
        });
    }

    /// Clears it: who waits from now on waits until it is set again.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = windlass::sync::Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        self.bell.silent(|| self.is_set.store(false, Release));
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.is_set.load(Acquire)
    }

    /// Waits until it is set; returns at once if it is.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let event = windlass::sync::Event::new();
    /// event.set();
    /// event.wait().await;
    /// # });
    /// ```
    pub async fn wait(&self) {
        self.bell.listen_unless(Resource::Event, || self.is_set()).await;
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).field("waiters", &self.bell.listeners()).finish()
    }
}
