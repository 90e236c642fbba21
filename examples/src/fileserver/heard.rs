//! What the bytes of a client tell without being read as requests: which version of HTTP it speaks, and whether more of a
//! request has begun.

/// What HTTP/2 begins with, and no request of HTTP/1.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What was heard of a client.
#[derive(Debug)]
pub(crate) struct Heard {
    version: Version,
    /// The bytes that came last.
    last: [u8; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// So much of the preface has come, and nothing else.
    Open(usize),
    Http1,
    Http2,
}

impl Heard {
    pub(crate) fn new() -> Heard {
        Heard { version: Version::Open(0), last: [0; 3] }
    }

    /// Takes note of what has come.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        if let Version::Open(come) = self.version {
            let missing = &PREFACE[come..];
            let length = missing.len().min(bytes.len());
            self.version = if bytes[..length] != missing[..length] {
                Version::Http1
            } else if length == missing.len() {
                Version::Http2
            } else {
                Version::Open(come + length)
            };
        }
        for &byte in &bytes[bytes.len().saturating_sub(self.last.len())..] {
            self.last = [self.last[1], self.last[2], byte];
        }
    }

    /// Whether the client speaks HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.version == Version::Http2
    }

    /// Whether an empty line came last, as at the end of a head. If a request without a body came last, nothing follows it.
    pub(crate) fn ends_a_head(&self) -> bool {
        matches!(self.last, [b'\n', b'\r', b'\n'] | [_, b'\n', b'\n'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(pieces: &[&[u8]]) -> Heard {
        let mut heard = Heard::new();
        for piece in pieces {
            heard.hear(piece);
        }
        heard
    }

    #[test]
    fn versions() {
        assert!(heard(&[PREFACE]).is_http2());
        assert!(heard(&[PREFACE, b"more"]).is_http2());
        assert!(heard(&[&[PREFACE, b"more"].concat()]).is_http2());
        assert!(heard(&PREFACE.chunks(1).collect::<Vec<_>>()).is_http2());
        for at in 0..PREFACE.len() {
            assert!(!heard(&[&PREFACE[..at]]).is_http2(), "{at} bytes of it");
            assert!(!heard(&[&PREFACE[..at], b"?", PREFACE]).is_http2(), "something else after {at} bytes");
        }
        assert!(!heard(&[b"GET / HTTP/1.1\r\n\r\n", PREFACE]).is_http2(), "it begins otherwise");
    }

    #[test]
    fn ends_of_heads() {
        for pieces in [
            &[&b"GET / HTTP/1.0\r\n\r\n"[..]][..],
            &[b"GET / HTTP/1.0\r\n\r", b"\n"],
            &[b"GET / HTTP/1.0\r", b"\n", b"\r", b"\n", b""],
            &[b"GET / HTTP/1.0\n\n"],
        ] {
            assert!(heard(pieces).ends_a_head(), "{pieces:?}");
        }
        for pieces in [
            &[][..],
            &[&b"\r\n"[..]],
            &[b"GET / HTTP/1.0\r\n"],
            &[b"GET / HTTP/1.0\r\n\r\nG"],
            &[b"GET / HTTP/1.0\r\n\r\n", b"G"],
        ] {
            assert!(!heard(pieces).ends_a_head(), "{pieces:?}");
        }
    }
}
