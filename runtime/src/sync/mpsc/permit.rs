//! Room in a bounded channel that was taken and not used yet.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use super::Sender;
use super::chan::{Bound, Chan};

/// Room for one message; given back if it is dropped.
#[must_use = "the room is given back when it is dropped"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T, Bound>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(chan: &'a Chan<T, Bound>) -> Self {
        Self { chan }
    }

    /// Sends the message. It is never refused; if the receiver is gone it is dropped.
    #[inline]
    pub fn send(self, value: T) {
        let chan = self.chan;
        std::mem::forget(self);
        drop(chan.push_with_room(value));
    }

    /// The same, but for a message that is given back if the receiver is gone.
    #[inline]
    pub(super) fn try_send(self, value: T) -> Result<(), T> {
        let chan = self.chan;
        std::mem::forget(self);
        chan.push_with_room(value)
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back(1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Room for several messages, as permits; what is left is given back when it is dropped.
#[must_use = "the room is given back when it is dropped"]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T, Bound>,
    left: usize,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(chan: &'a Chan<T, Bound>, left: usize) -> Self {
        Self { chan, left }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.left = self.left.checked_sub(1)?;
        Some(Permit::new(self.chan))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}

impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.left > 0 {
            self.chan.give_back(self.left);
        }
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("left", &self.left).finish()
    }
}

/// Room for one message that keeps a sender; given back if it is dropped.
#[must_use = "the room is given back when it is dropped"]
pub struct OwnedPermit<T> {
    /// `None` once it was used.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        Self { sender: Some(sender) }
    }

    fn sender(&self) -> &Sender<T> {
        self.sender.as_ref().expect("it is there until the permit is used")
    }

    /// Sends the message, and returns the sender. It is never refused; if the receiver is gone it is dropped.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.sender.take().expect("it is there until the permit is used");
        drop(sender.tx.chan.push_with_room(value));
        sender
    }

    /// Gives the room back, and returns the sender.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.sender.take().expect("it is there until the permit is used");
        sender.tx.chan.give_back(1);
        sender
    }

    /// Whether it is room in the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.same_channel_as_sender(other.sender())
    }

    /// Whether it is room in the channel that one sends to.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.sender().tx.chan, &sender.tx.chan)
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.tx.chan.give_back(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
