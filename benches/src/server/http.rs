//! What the client says to an HTTP server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::client::Talk;
use super::plaintext::TEXT;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const DATE: &[u8] = b"\r\ndate: ";
/// `Wed, 25 Nov 2026 16:31:00 GMT`
const DATE_LENGTH: usize = 29;

/// The same request again and again; every answer has to be like the first, but for the date.
pub struct HttpTalk {
    answer: Vec<u8>,
    /// Where the date begins.
    date: usize,
}

impl HttpTalk {
    /// Asks once, to learn what an answer looks like, and sees that it is one.
    pub fn learn(address: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(REQUEST)?;
        let mut answer = Vec::new();
        while !answer.ends_with(TEXT) {
            let mut part = [0; 1_024];
            let read = stream.read(&mut part)?;
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&part[..read]);
        }
        Self::of(answer).ok_or_else(|| io::Error::other("the answer is not the one expected"))
    }

    fn of(answer: Vec<u8>) -> Option<Self> {
        let length = format!("content-length: {}\r\n", TEXT.len());
        let has = |part: &[u8]| answer.windows(part.len()).any(|window| window == part);
        let date = answer.windows(DATE.len()).position(|window| window == DATE)? + DATE.len();
        let ok =
            answer.starts_with(b"HTTP/1.1 200 OK\r\n") && has(length.as_bytes()) && answer.ends_with(TEXT);
        (ok && answer[date..].len() > DATE_LENGTH).then_some(Self { answer, date })
    }
}

impl Talk for HttpTalk {
    fn message(&self, _: usize, _: u64) -> &[u8] {
        REQUEST
    }

    fn answer_length(&self) -> usize {
        self.answer.len()
    }

    fn is_right(&self, _: usize, _: u64, answer: &[u8]) -> bool {
        let end = self.date + DATE_LENGTH;
        answer[..self.date] == self.answer[..self.date] && answer[end..] == self.answer[end..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_date_may_differ() {
        let answer = |date: &str, text: &str| {
            format!("HTTP/1.1 200 OK\r\ncontent-length: 13\r\ndate: {date}\r\n\r\n{text}").into_bytes()
        };
        let talk = HttpTalk::of(answer("Wed, 25 Nov 2026 16:31:00 GMT", "Hello, World!")).unwrap();
        assert!(talk.is_right(0, 0, &answer("Wed, 25 Nov 2026 16:31:01 GMT", "Hello, World!")));
        assert!(!talk.is_right(0, 0, &answer("Wed, 25 Nov 2026 16:31:00 GMT", "Hello, world!")));
        assert!(HttpTalk::of(answer("Wed, 25 Nov 2026 16:31:00 GMT", "Hello, world!")).is_none());
    }
}
