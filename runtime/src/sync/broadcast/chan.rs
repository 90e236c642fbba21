//! What senders and receivers share.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::primitives::Mutex;
use crate::primitives::atomic::AtomicUsize;
use crate::sync::wait::{Bell, Waiters};

pub(super) struct Chan<T> {
    pub(super) capacity: usize,
    pub(super) state: Mutex<State<T>>,
    pub(super) senders: AtomicUsize,
    pub(super) weak: AtomicUsize,
    /// Rings when the last receiver goes.
    pub(super) closed: Bell,
}

pub(super) struct State<T> {
    pub(super) messages: VecDeque<Message<T>>,
    /// The number of the next message.
    pub(super) next: u64,
    pub(super) receivers: usize,
    pub(super) senders_gone: bool,
    pub(super) line: Waiters<()>,
}

pub(super) struct Message<T> {
    pub(super) value: Arc<T>,
    /// How many receivers have not received it.
    pub(super) unread: usize,
}

impl<T> State<T> {
    /// The number of the oldest message.
    pub(super) fn oldest(&self) -> u64 {
        self.next - self.messages.len() as u64
    }

    /// Takes out what everyone has received.
    pub(super) fn trim(&mut self) -> Option<Arc<T>> {
        let mut last = None;
        while self.messages.front().is_some_and(|message| message.unread == 0) {
            last = self.messages.pop_front().map(|message| message.value);
        }
        last
    }
}
