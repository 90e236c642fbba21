//! The limit: an echo server in one thread that waits in epoll, reads and writes. There is nothing to leave out.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// What every echo server reads at once, at most.
pub(super) const BUFFER: usize = 4_096;

/// Events taken from the system at once, at most: what tokio takes.
pub(super) const EVENTS: usize = 1_024;

const STDIN: u64 = 0;

/// Serves until there is nothing more to read from stdin.
pub(super) fn serve(listener: &TcpListener) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let key = |fd: i32| u64::from(fd.unsigned_abs());
    let listening = key(listener.as_raw_fd());
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, listening))?;
    epoll.add(io::stdin(), EpollEvent::new(EpollFlags::EPOLLIN, STDIN))?;
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut events = [EpollEvent::empty(); EVENTS];
    let mut buffer = [0; BUFFER];
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..count] {
            let key = event.data();
            if key == STDIN {
                if !super::serve::answer_question() {
                    return Ok(());
                }
            } else if key == listening {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let fd = stream.as_raw_fd().unsigned_abs();
                epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, fd.into()))?;
                let place = fd as usize;
                if streams.len() <= place {
                    streams.resize_with(place + 1, || None);
                }
                streams[place] = Some(stream);
            } else {
                let place = &mut streams[key as usize];
                let stream = place.as_ref().expect("a closed stream has no events");
                if !echo(stream, &mut buffer) {
                    *place = None;
                }
            }
        }
    }
}

/// Sends back what has come; says whether the connection goes on.
fn echo(mut stream: &TcpStream, buffer: &mut [u8]) -> bool {
    match stream.read(buffer) {
        Ok(0) => false,
        Ok(read) => write_all(stream, &buffer[..read]).is_ok(),
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// Writes all of it to a socket that does not block. That it is full happens to nobody who waits for each answer, so
/// it is waited for in the plainest way.
pub(super) fn write_all(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
