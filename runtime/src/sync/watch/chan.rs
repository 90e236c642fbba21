//! What the two sides share.

use crate::primitives::RwLock;
use crate::primitives::atomic::AtomicUsize;
use crate::sync::wait::Bell;

pub(super) struct Chan<T> {
    pub(super) value: RwLock<T>,
    /// How often the value changed, times two, and whether there is no sender any more. Changed while the value is locked,
    /// but for that flag.
    pub(super) version: AtomicUsize,
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    /// Rings when the value changes or the last sender goes.
    pub(super) changed: Bell,
    /// Rings when the last receiver goes.
    pub(super) closed: Bell,
}

pub(super) const NO_SENDER: usize = 1;
pub(super) const ONE: usize = 2;
