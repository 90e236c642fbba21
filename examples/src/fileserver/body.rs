//! What an answer's body consists of, and how the rest of a file follows its first piece.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::blocking::Blocking;
use super::buffers::Buffers;
use super::range::Span;
use super::service::InFlight;

/// How much of a file is read at once for HTTP/1.
pub(crate) const PIECE: usize = 256 * 1024;

/// How much of a file is read at once for HTTP/2, where many streams wait for the client, and what each is given at once, so
/// that what it has taken shows how far it got.
pub(crate) const FRAME: usize = 64 * 1024;

/// A part of a body.
#[derive(Debug)]
pub(crate) enum Part {
    Text(Bytes),
    File(Span),
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Part::Text(text) => text.len() as u64,
            Part::File(span) => span.length,
        }
    }
}

/// What is still to be read of a file.
#[derive(Debug)]
pub(crate) struct Source {
    file: OwnedFd,
    buffers: Arc<Buffers>,
    /// How much is read at once.
    piece: usize,
    part: Part,
    others: std::vec::IntoIter<Part>,
}

/// A piece of a body, and what follows it.
#[derive(Debug)]
pub(crate) struct Piece {
    bytes: Bytes,
    rest: Option<Source>,
}

/// All of a body.
#[derive(Debug)]
pub struct Content {
    /// How long it is, with what is still to be read.
    pub(crate) length: u64,
    pub(crate) first: Piece,
}

impl Content {
    pub(crate) fn empty() -> Content {
        Content::from(Bytes::new())
    }

    /// Reads the first piece of a body that has these parts, and at least one.
    pub(crate) fn read(
        file: OwnedFd,
        buffers: &Arc<Buffers>,
        piece: usize,
        parts: Vec<Part>,
    ) -> io::Result<Content> {
        let length = parts.iter().map(Part::length).sum();
        let mut others = parts.into_iter();
        let Some(part) = others.next() else { return Ok(Content::empty()) };
        let source = Source { file, buffers: Arc::clone(buffers), piece, part, others };
        Ok(Content { length, first: source.read()? })
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Content {
        Content { length: bytes.len() as u64, first: Piece { bytes, rest: None } }
    }
}

impl Source {
    /// Reads the next piece. It blocks.
    ///
    /// # Errors
    ///
    /// If the file has become too short for what was promised.
    fn read(mut self) -> io::Result<Piece> {
        let bytes = match &mut self.part {
            Part::Text(text) => std::mem::take(text),
            Part::File(span) => {
                let length = span.length.min(self.piece as u64);
                let bytes = read_at(&self.file, &self.buffers, span.offset, length as usize)?;
                span.offset += length;
                span.length -= length;
                bytes
            }
        };
        if self.part.length() == 0 {
            match self.others.next() {
                Some(part) => self.part = part,
                None => return Ok(Piece { bytes, rest: None }),
            }
        }
        Ok(Piece { bytes, rest: Some(self) })
    }
}

fn read_at(file: &OwnedFd, buffers: &Arc<Buffers>, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut bytes = buffers.take(length);
    while bytes.len() < length {
        let at = offset + bytes.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut bytes), at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            // Room for more than was asked for: a file that grows may give more than it promised.
            Ok(_) => bytes.truncate(length),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(buffers.freeze(bytes))
}

/// The body of an answer.
#[derive(Debug)]
pub struct Body<B: Blocking> {
    blocking: B,
    next: Next<B>,
    /// What has not been handed out.
    remaining: u64,
    in_flight: InFlight,
}

enum Next<B: Blocking> {
    Piece(Piece),
    Unread(Source),
    Reading(B::Job<io::Result<Piece>>),
    Nothing,
}

impl<B: Blocking> std::fmt::Debug for Next<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Next::Piece(_) => "Piece",
            Next::Unread(_) => "Unread",
            Next::Reading(_) => "Reading",
            Next::Nothing => "Nothing",
        })
    }
}

impl<B: Blocking> Body<B> {
    pub(crate) fn new(content: Content, blocking: B, in_flight: InFlight) -> Body<B> {
        let Content { length, first } = content;
        Body { blocking, next: Next::Piece(first), remaining: length, in_flight }
    }

    /// Hands out what there is of a piece. On HTTP/1 what follows it is read at once. A stream of HTTP/2 is given one piece
    /// while the last is on its way, so that it has one in advance without more.
    fn hand_out(&mut self, mut piece: Piece) -> Bytes {
        let multiplexed = self.in_flight.is_multiplexed();
        let bytes = if multiplexed && piece.bytes.len() > FRAME {
            piece.bytes.split_to(FRAME)
        } else {
            std::mem::take(&mut piece.bytes)
        };
        self.next = match piece {
            Piece { bytes, rest } if !bytes.is_empty() => Next::Piece(Piece { bytes, rest }),
            Piece { rest: Some(rest), .. } if multiplexed => Next::Unread(rest),
            Piece { rest: Some(rest), .. } => self.read(rest),
            Piece { rest: None, .. } => Next::Nothing,
        };
        self.remaining -= bytes.len() as u64;
        self.in_flight.sent(bytes.len(), self.remaining);
        bytes
    }

    fn read(&self, source: Source) -> Next<B> {
        Next::Reading(self.blocking.run(move || source.read()))
    }
}

impl<B: Blocking> hyper::body::Body for Body<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        loop {
            self.next = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Piece(piece) => {
                    let bytes = self.hand_out(piece);
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Next::Unread(source) => self.read(source),
                Next::Reading(mut job) => match Pin::new(&mut job).poll(cx) {
                    Poll::Pending => {
                        self.next = Next::Reading(job);
                        return Poll::Pending;
                    }
                    Poll::Ready(piece) => match piece.and_then(|piece| piece) {
                        Ok(piece) => Next::Piece(piece),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    },
                },
                Next::Nothing => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
