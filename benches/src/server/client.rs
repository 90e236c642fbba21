//! The client: connections with one message on the way each, one thread, epoll, every byte checked.
//!
//! It is the same for all servers. What it costs is what a system call and a comparison cost: messages are parts of one
//! random text, sent from where they lie and compared with it when they come back.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::raw::{EVENTS, write_all};

/// What is said on a connection.
pub trait Talk {
    /// The message with this number on this connection.
    fn message(&self, connection: usize, number: u64) -> &[u8];

    /// How long every answer is.
    fn answer_length(&self) -> usize;

    /// Whether that is the answer.
    fn is_right(&self, connection: usize, number: u64, answer: &[u8]) -> bool;
}

struct Connection {
    stream: TcpStream,
    /// Messages sent.
    number: u64,
    sent: Instant,
    received: usize,
    answer: Box<[u8]>,
}

/// A client and its connections.
pub struct Client {
    talk: Box<dyn Talk>,
    epoll: Epoll,
    connections: Vec<Connection>,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// At this time, with messages on their way.
    At(Instant),
    /// When each connection has had so many answers from now on, and nothing is on its way.
    Each(u64),
}

/// What came back.
#[derive(Debug, Default)]
pub struct Answers {
    /// Round trips in nanoseconds, one for each answer, in the order they ended.
    pub round_trips: Vec<u64>,
}

impl Client {
    /// Opens the connections.
    pub fn connect(talk: Box<dyn Talk>, address: SocketAddr, connections: usize) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut client = Self { talk, epoll, connections: Vec::with_capacity(connections) };
        for number in 0..connections {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            client.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            let answer = vec![0; client.talk.answer_length()].into();
            let sent = Instant::now();
            client.connections.push(Connection { stream, number: 0, sent, received: 0, answer });
        }
        Ok(client)
    }

    /// Sends a message on every connection. Once, before the first [`run`](Self::run) or after one that left nothing
    /// on its way.
    pub fn begin(&mut self) -> io::Result<()> {
        (0..self.connections.len()).try_for_each(|connection| self.send(connection))
    }

    fn send(&mut self, number: usize) -> io::Result<()> {
        let connection = &mut self.connections[number];
        connection.sent = Instant::now();
        write_all(&connection.stream, self.talk.message(number, connection.number))?;
        connection.number += 1;
        connection.received = 0;
        Ok(())
    }

    /// Answers each answer with the next message until it is time to stop.
    pub fn run(&mut self, stop: Stop) -> io::Result<Answers> {
        let mut answers = Answers { round_trips: Vec::with_capacity(1 << 18) };
        let mut events = vec![EpollEvent::empty(); EVENTS];
        let (until, enough) = match stop {
            Stop::At(time) => (Some(time), 0),
            Stop::Each(count) => (None, count * self.connections.len() as u64),
        };
        let last: Vec<u64> = match stop {
            Stop::At(_) => Vec::new(),
            // The message on its way is one of them.
            Stop::Each(count) => self.connections.iter().map(|each| each.number + count - 1).collect(),
        };
        loop {
            let count = self.epoll.wait(&mut events, EpollTimeout::NONE)?;
            let mut now = None;
            for event in &events[..count] {
                let number = event.data() as usize;
                let Some(time) = self.receive(number, &mut answers)? else { continue };
                now = Some(time);
                if last.get(number).is_none_or(|last| self.connections[number].number < *last) {
                    self.send(number)?;
                }
            }
            let over = match until {
                Some(until) => now.is_some_and(|now| now >= until),
                None => answers.round_trips.len() as u64 >= enough,
            };
            if over {
                return Ok(answers);
            }
        }
    }

    /// Takes what has come; when that completes the answer, checks it and says when it came.
    fn receive(&mut self, number: usize, answers: &mut Answers) -> io::Result<Option<Instant>> {
        let connection = &mut self.connections[number];
        let rest = &mut connection.answer[connection.received..];
        if rest.is_empty() {
            return Err(io::Error::other(format!("connection {number} got more than an answer")));
        }
        match connection.stream.read(rest) {
            Ok(0) => return Err(io::Error::other(format!("the server closed connection {number}"))),
            Ok(read) => connection.received += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        if connection.received < connection.answer.len() {
            return Ok(None);
        }
        let now = Instant::now();
        answers.round_trips.push((now - connection.sent).as_nanos() as u64);
        if !self.talk.is_right(number, connection.number - 1, &connection.answer) {
            return Err(io::Error::other(format!("connection {number} got a wrong answer")));
        }
        Ok(Some(now))
    }
}

/// Bytes of an echoed message.
pub const MESSAGE: usize = 1_024;

/// Bytes of the text that messages are parts of.
const TEXT: usize = 1 << 16;

/// Messages that come back as they are.
pub struct EchoTalk {
    text: Vec<u8>,
}

impl EchoTalk {
    /// A random text, always the same.
    #[expect(clippy::new_without_default, reason = "nothing about it is a default")]
    pub fn new() -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        Self { text: (0..TEXT + MESSAGE).map(|_| next()).collect() }
    }

    /// Another part of the text for each message of each connection.
    fn part(&self, connection: usize, number: u64) -> &[u8] {
        let start = (connection as u64 * 31 + number * 7_919) as usize % TEXT;
        &self.text[start..start + MESSAGE]
    }
}

impl Talk for EchoTalk {
    fn message(&self, connection: usize, number: u64) -> &[u8] {
        self.part(connection, number)
    }

    fn answer_length(&self) -> usize {
        MESSAGE
    }

    fn is_right(&self, connection: usize, number: u64, answer: &[u8]) -> bool {
        self.part(connection, number) == answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_time_and_space_have_different_messages() {
        let talk = EchoTalk::new();
        assert!(talk.is_right(3, 4, talk.message(3, 4)));
        for (connection, number) in [(3, 3), (3, 5), (2, 4), (4, 4)] {
            assert!(!talk.is_right(3, 4, talk.message(connection, number)));
        }
    }
}
