//! The memory that pieces of files are read into, used again.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::body::{FRAME, PIECE};

/// What fits in here gets memory of its own size.
const SMALL: usize = 16 * 1024;

/// How many spare buffers of a size are kept.
const MOST_SPARE: usize = 32;

/// Spare buffers of the two sizes that files are read in: who reads little at once does not hold on to more.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    frames: Mutex<Vec<Vec<u8>>>,
    pieces: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// An empty vector with room for `length` bytes, at most a piece.
    pub(crate) fn take(&self, length: usize) -> Vec<u8> {
        if length <= SMALL {
            return Vec::with_capacity(length);
        }
        let (spare, size) = if length <= FRAME { (&self.frames, FRAME) } else { (&self.pieces, PIECE) };
        let spare = spare.lock().pop();
        spare.unwrap_or_else(|| Vec::with_capacity(size))
    }

    /// The bytes of a vector from [`take`](Self::take). It comes back when nobody holds them any more.
    pub(crate) fn freeze(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        if bytes.capacity() < FRAME {
            return bytes.into();
        }
        Bytes::from_owner(Lent { bytes, home: Arc::clone(self) })
    }

    fn put(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let spare = if buffer.capacity() < PIECE { &self.frames } else { &self.pieces };
        let mut spare = spare.lock();
        if spare.len() < MOST_SPARE {
            spare.push(buffer);
        }
    }
}

struct Lent {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.put(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again() {
        let buffers = Arc::new(Buffers::default());
        let mut first = buffers.take(FRAME + 1);
        first.extend_from_slice(b"piece");
        let address = first.as_ptr();
        let bytes = buffers.freeze(first);
        let slice = bytes.slice(1..3);
        drop(bytes);
        let other = buffers.take(PIECE);
        assert_ne!(other.as_ptr(), address, "somebody holds it");
        assert_eq!(slice, "ie");
        drop(slice);
        let again = buffers.take(PIECE);
        assert_eq!(again.as_ptr(), address);
        assert!(again.is_empty());
        let small = buffers.freeze(buffers.take(FRAME));
        drop(small);
        assert!(buffers.take(SMALL + 1).capacity() < PIECE, "it is of the smaller size");
    }

    #[test]
    fn spare_buffers_are_few() {
        let buffers = Arc::new(Buffers::default());
        let many: Vec<_> = (0..MOST_SPARE + 5).map(|_| buffers.freeze(buffers.take(PIECE))).collect();
        drop(many);
        drop(buffers.freeze(buffers.take(1)));
        assert_eq!(buffers.pieces.lock().len(), MOST_SPARE);
    }
}
