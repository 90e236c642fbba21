//! HTTP/2 frame by frame, for tests that say exactly what a client sends and when.

use std::io::{Read, Write};

use crate::fileserver::Client;

/// A piece of an answer's body.
pub const DATA: u8 = 0;
/// The head of a request or an answer.
pub const HEADERS: u8 = 1;
/// The end of a stream that is given up.
pub const RST_STREAM: u8 = 3;
/// What one side asks of the other, or the word that it has been read.
pub const SETTINGS: u8 = 4;
/// A question whether the other side is there, or the answer.
pub const PING: u8 = 6;
/// Says which requests are the last.
pub const GOAWAY: u8 = 7;
/// Gives leave to send more.
pub const WINDOW_UPDATE: u8 = 8;

/// The flag of an answer to [`SETTINGS`] or [`PING`].
pub const ACK: u8 = 1;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// As in [`DATA`].
    pub kind: u8,
    /// What they mean depends on the kind.
    pub flags: u8,
    /// 0 is the connection.
    pub stream: u32,
    /// All behind the head.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether it is this frame of this stream.
    pub fn is(&self, kind: u8, stream: u32) -> bool {
        (self.kind, self.stream) == (kind, stream)
    }

    /// The status of an answer whose head this is.
    ///
    /// # Panics
    ///
    /// If the head begins with anything else.
    #[track_caller]
    pub fn status(&self) -> u16 {
        match self.payload[..] {
            [index @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(index - 0x88)],
            // The name is from the table, and the value three digits in Huffman's code.
            [0x48, 0x82 | 0x83, ..] => {
                let bits =
                    self.payload[2..].iter().take(3).fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
                let mut bits = bits << if self.payload[1] == 0x82 { 16 } else { 8 };
                (0..3).fold(0, |number, _| {
                    let (digit, length) = match bits >> 27 {
                        digit @ 0..=2 => (digit, 5),
                        _ => ((bits >> 26) - 0x16, 6),
                    };
                    bits <<= length;
                    10 * number + u16::try_from(digit).expect("a digit")
                })
            }
            _ => panic!("no status in {:?}", self.payload),
        }
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The beginning of a connection. The client takes `window` bytes of each stream before it is asked.
pub fn preface(window: u32) -> Vec<u8> {
    let mut settings = vec![0, 4];
    settings.extend(window.to_be_bytes());
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &settings));
    bytes.extend(frame(SETTINGS, ACK, 0, &[]));
    bytes
}

/// A GET request, with headers in lower case.
pub fn get(stream: u32, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    // `:method: GET` and `:scheme: http` from the static table; the rest is spelt out: `:path`, `:authority`, others.
    let mut head = vec![0x82, 0x86];
    let mut text = |name: &[u8], value: &str| {
        head.extend(name);
        head.push(u8::try_from(value.len()).expect("a short text"));
        head.extend(value.as_bytes());
    };
    text(&[0x04], path);
    text(&[0x01], "test");
    for (name, value) in headers {
        text(&[0x00], name);
        text(&[], value);
    }
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &head)
}

/// Leave to send so many more bytes.
pub fn window_update(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

impl Client {
    /// The next frame, if there is one before the connection ends.
    pub fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads frames to one that is wanted.
    ///
    /// # Panics
    ///
    /// If the connection ends before.
    #[track_caller]
    pub fn frame_where(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.frame().expect("a frame before the end of the connection");
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Asks whether the server is there; its answer is left to read. No matter if the connection has ended.
    pub fn ping(&mut self) {
        let _ = self.stream.get_mut().write_all(&frame(PING, 0, 0, b"pingping"));
    }
}
