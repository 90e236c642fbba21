//! What a descriptor can be ready for, and what is asked of it.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

const READABLE: u8 = 1;
const WRITABLE: u8 = 1 << 1;
const READ_CLOSED: u8 = 1 << 2;
const WRITE_CLOSED: u8 = 1 << 3;
const PRIORITY: u8 = 1 << 4;
const ERROR: u8 = 1 << 5;

const NAMES: [(u8, &str); 6] = [
    (READABLE, "READABLE"),
    (WRITABLE, "WRITABLE"),
    (READ_CLOSED, "READ_CLOSED"),
    (WRITE_CLOSED, "WRITE_CLOSED"),
    (PRIORITY, "PRIORITY"),
    (ERROR, "ERROR"),
];

/// What a descriptor is ready for.
///
/// ```
/// use windlass::io::Ready;
///
/// let ready = Ready::READABLE | Ready::WRITABLE;
/// assert!(ready.is_readable() && ready.contains(Ready::WRITABLE));
/// assert_eq!(format!("{ready:?}"), "Ready(READABLE | WRITABLE)");
/// ```
///
/// # Examples
///
/// ```
/// use windlass::io::Ready;
///
/// let closing = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(closing.is_read_closed() && !closing.is_write_closed());
/// assert!((Ready::ALL - closing).contains(Ready::WRITE_CLOSED | Ready::PRIORITY | Ready::ERROR));
/// assert!(Ready::EMPTY.is_empty());
/// assert!(!closing.is_writable() && !closing.is_priority() && !closing.is_error());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// There is something to read.
    pub const READABLE: Ready = Ready(READABLE);
    /// There is room to write.
    pub const WRITABLE: Ready = Ready(WRITABLE);
    /// The other side will send no more.
    pub const READ_CLOSED: Ready = Ready(READ_CLOSED);
    /// The other side will take no more. (A pipe without a reader is [`ERROR`](Self::ERROR) and `WRITABLE`: each attempt fails.)
    pub const WRITE_CLOSED: Ready = Ready(WRITE_CLOSED);
    /// There is something out of band, or an exceptional condition.
    pub const PRIORITY: Ready = Ready(PRIORITY);
    /// There is an error to be taken. Reading and writing are worth a try then, and this says so with it.
    pub const ERROR: Ready = Ready(ERROR);
    /// All of these.
    pub const ALL: Ready = Ready(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | PRIORITY | ERROR);

    /// What stays until an attempt in that direction shows the opposite: a direction is closed.
    pub(crate) const STICKY: Ready = Ready(READ_CLOSED | WRITE_CLOSED);

    /// Whether this is nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read would not wait: there is something, or nothing will come.
    pub const fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Whether a write would not wait: there is room, or an error to be returned.
    pub const fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Whether the other side will send no more.
    pub const fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether the other side will take no more.
    pub const fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether there is something out of band.
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether there is an error to be taken.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Whether all of `other` is in this.
    pub fn contains<T: Into<Self>>(self, other: T) -> bool {
        let other = other.into();
        self & other == other
    }

    /// What is to be asked for in order to hear of this.
    pub(crate) fn interest(self) -> Option<Interest> {
        Interest(self.0 & (READABLE | WRITABLE | PRIORITY | ERROR)).remove(Interest(0))
    }

    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The bits that stand for something, of a word that may have others.
    #[inline]
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Ready(bits & Ready::ALL.0)
    }
}

impl BitOr for Ready {
    type Output = Ready;
    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;
    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;
    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, "Ready", self.0)
    }
}

/// What of a descriptor is asked for.
///
/// ```
/// use windlass::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// ```
///
/// # Examples
///
/// ```
/// use windlass::io::Interest;
///
/// let urgent = Interest::READABLE.add(Interest::PRIORITY);
/// assert!(urgent.is_priority() && !urgent.is_error());
/// assert!(Interest::ERROR.is_error());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// To read, or to know that nothing will come.
    pub const READABLE: Interest = Interest(READABLE);
    /// To write, or to know that it is of no use.
    pub const WRITABLE: Interest = Interest(WRITABLE);
    /// To know of what is out of band.
    pub const PRIORITY: Interest = Interest(PRIORITY);
    /// To know of errors.
    pub const ERROR: Interest = Interest(ERROR);

    /// Whether reading is asked for.
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Whether writing is asked for.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Whether what is out of band is asked for.
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether errors are asked for.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Both.
    #[must_use]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// This without the other; `None` if that is nothing.
    #[must_use]
    pub const fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }

    /// The bits of readiness that answer it.
    pub(crate) const fn mask(self) -> Ready {
        let mut bits = 0;
        if self.is_readable() {
            bits |= READABLE | READ_CLOSED;
        }
        if self.is_writable() {
            bits |= WRITABLE | WRITE_CLOSED;
        }
        if self.is_priority() {
            bits |= PRIORITY | READ_CLOSED;
        }
        if self.is_error() {
            bits |= ERROR;
        }
        Ready(bits)
    }
}

impl BitOr for Interest {
    type Output = Interest;
    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, "Interest", self.0)
    }
}

impl From<Interest> for Ready {
    /// Only what is asked for by name: no closed directions.
    fn from(interest: Interest) -> Ready {
        Ready(interest.0)
    }
}

fn named(f: &mut fmt::Formatter<'_>, what: &str, bits: u8) -> fmt::Result {
    write!(f, "{what}(")?;
    let mut first = true;
    for (_, name) in NAMES.iter().filter(|(bit, _)| bits & bit != 0) {
        if !first {
            f.write_str(" | ")?;
        }
        first = false;
        f.write_str(name)?;
    }
    if first {
        f.write_str("EMPTY")?;
    }
    f.write_str(")")
}
