//! `AsyncFd`: a descriptor of somebody else's, waited for.

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use windlass::io::{AsyncFd, AsyncFdReadyGuard, Interest, Ready};
use windlass_tests::tcp::would_block;
use windlass_tests::{
    CountingWaker, Flavor, calls_when_cloned, on_every_flavor, once, panics_at_its_caller, poll_once,
    spin_until,
};

on_every_flavor!(
    writable_at_first,
    readable_until_it_is_said_otherwise,
    writable_again_once_there_is_room,
    a_short_read_ends_nothing,
    dropping_it_closes_the_descriptor,
    taken_out_and_registered_again,
    the_guard_tells_of_would_block,
    attempts,
    several_waiters,
    polls_of_one_direction_wake_the_last_waker,
    some_of_the_readiness_is_cleared,
    an_event_since_the_guard_keeps_it_ready,
    out_of_band_data,
    the_end_is_readiness,
    an_error_wakes_who_reads,
    an_error_that_was_taken_is_over,
    an_error_closes_nothing,
    a_pipe_without_a_reader_is_for_trying,
    mutable_access,
    a_plain_file_is_refused,
    a_closed_number_is_refused,
    two_runtimes_watch_one_pipe_each,
    a_waker_that_waits_for_the_descriptor_too_as_it_is_cloned,
    deprecated_constructors_work,
);
once!(the_end_of_the_runtime_wakes_who_waits, after_the_end_of_the_runtime, panics_outside_of_a_runtime);

/// A socket that notes when it is dropped.
#[derive(Debug)]
struct End {
    stream: UnixStream,
    dropped: Arc<AtomicBool>,
}

impl AsRawFd for End {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

impl Read for &End {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.stream).read(buf)
    }
}

fn end(stream: UnixStream) -> End {
    stream.set_nonblocking(true).unwrap();
    End { stream, dropped: Arc::default() }
}

fn ends() -> (AsyncFd<End>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (register(end(ours)), theirs)
}

fn register<T: AsRawFd>(inner: T) -> AsyncFd<T> {
    // SAFETY: every type of these tests has one descriptor for as long as it lives.
    unsafe { AsyncFd::register(inner) }.unwrap()
}

fn drain(end: &End) -> usize {
    let mut drained = 0;
    loop {
        match (&*end).read(&mut [0; 4096]) {
            Ok(0) => return drained,
            Ok(some) => drained += some,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return drained,
            Err(error) => panic!("{error}"),
        }
    }
}

fn is_pending<F: Future>(future: F) -> bool {
    poll_once(&mut Box::pin(future)).is_pending()
}

/// Takes readiness back until it is gone: the driver may hold an event of before it was used up, and tell of it later.
fn ends_being_ready<T: AsRawFd>(fd: &AsyncFd<T>, interest: Interest) {
    // Fewer than a poll has in its budget, after which it would be pending too.
    for _ in 0..100 {
        let Poll::Ready(guard) = poll_once(&mut Box::pin(fd.ready(interest))) else { return };
        guard.unwrap().clear_ready_matching(interest.into());
        std::thread::yield_now();
    }
    panic!("it stays ready for {interest:?}");
}

fn writable_at_first(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, _theirs) = ends();
        let guard = fd.writable().await.unwrap();
        assert!(guard.ready().is_writable());
        drop(guard);
        assert!(is_pending(fd.readable()));
    });
}

fn readable_until_it_is_said_otherwise(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        assert!(is_pending(fd.readable()));
        theirs.write_all(b"x").unwrap();
        let mut guard = fd.readable().await.unwrap();
        guard.retain_ready();
        drop(guard);
        // It is ready as long as nobody says that it is not, whatever was read.
        drain(fd.get_ref());
        let mut guard = fd.readable().await.unwrap();
        guard.clear_ready();
        assert_eq!(guard.ready(), Ready::EMPTY);
        guard.clear_ready();
        drop(guard);
        ends_being_ready(&fd, Interest::READABLE);
        theirs.write_all(b"y").unwrap();
        let _guard = fd.readable().await.unwrap();
    });
}

fn writable_again_once_there_is_room(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        let mut written = 0;
        let mut guard = fd.writable().await.unwrap();
        while let Ok(some) = guard.try_io(|fd| (&fd.get_ref().stream).write(&[0; 4096])) {
            written += some.unwrap();
        }
        drop(guard);
        ends_being_ready(&fd, Interest::WRITABLE);
        let mut buffer = vec![0; written];
        theirs.read_exact(&mut buffer).unwrap();
        let _guard = fd.writable().await.unwrap();
    });
}

fn a_short_read_ends_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        theirs.write_all(b"abc").unwrap();
        let mut guard = fd.readable().await.unwrap();
        let mut buffer = [0; 16];
        assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut buffer)).unwrap().unwrap(), 3);
        assert!(guard.ready().is_readable());
        drop(guard);
        let mut guard = fd.readable().await.unwrap();
        assert!(guard.try_io(|fd| fd.get_ref().read(&mut buffer)).is_err());
    });
}

fn dropping_it_closes_the_descriptor(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        let dropped = fd.get_ref().dropped.clone();
        let _guard = fd.writable().await.unwrap();
        drop(_guard);
        drop(fd);
        assert!(dropped.load(Ordering::SeqCst));
        assert_eq!(theirs.read(&mut [0; 1]).unwrap(), 0);
    });
}

fn taken_out_and_registered_again(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        let number = fd.as_raw_fd();
        let inner = fd.into_inner();
        assert!(!inner.dropped.load(Ordering::SeqCst));
        let fd = register(inner);
        assert_eq!(fd.as_raw_fd(), number);
        theirs.write_all(b"x").unwrap();
        let _guard = fd.readable().await.unwrap();
    });
}

fn the_guard_tells_of_would_block(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        theirs.write_all(b"x").unwrap();
        let mut guard = fd.readable().await.unwrap();
        assert_eq!(guard.get_inner().as_raw_fd(), fd.as_raw_fd());
        assert_eq!(guard.get_ref().as_raw_fd(), fd.as_raw_fd());
        assert!(guard.try_io(|_| Ok(())).unwrap().is_ok());
        let error = guard.try_io(|_| Err::<(), _>(io::ErrorKind::NotFound.into())).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        // Neither ends the readiness.
        drop(fd.readable().await.unwrap());
        drain(fd.get_ref());
        let error = guard.try_io(|_| Err::<(), _>(io::ErrorKind::WouldBlock.into())).unwrap_err();
        assert!(error.to_string().contains("wait"));
        ends_being_ready(&fd, Interest::READABLE);
    });
}

fn attempts(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        let never: io::Result<()> = fd.try_io(Interest::READABLE, |_| unreachable!("it is not ready"));
        assert!(would_block(&never));
        drop(fd.writable().await.unwrap());
        fd.try_io(Interest::WRITABLE, |_| Ok(())).unwrap();
        theirs.write_all(b"x").unwrap();
        drop(fd.readable().await.unwrap());
        drain(fd.get_ref());
        let mut fd = fd;
        let failed: io::Result<()> =
            fd.try_io_mut(Interest::READABLE, |_| Err(io::ErrorKind::WouldBlock.into()));
        assert!(would_block(&failed));
        ends_being_ready(&fd, Interest::READABLE);
        // The other direction is none of its business.
        drop(fd.writable().await.unwrap());

        theirs.write_all(b"y").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(fd.async_io(Interest::READABLE, |end| (&*end).read(&mut buffer)).await.unwrap(), 1);
        let reading = fd.async_io_mut(Interest::READABLE, |end| (&*end).read(&mut buffer));
        let mut reading = Box::pin(reading);
        assert!(poll_once(&mut reading).is_pending());
        theirs.write_all(b"z").unwrap();
        assert_eq!(reading.await.unwrap(), 1);
    });
}

fn several_waiters(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        let fd = Arc::new(fd);
        let waiting: Vec<_> = (0..10)
            .map(|n| {
                let fd = fd.clone();
                windlass::spawn(async move {
                    let interest =
                        if n % 2 == 0 { Interest::READABLE } else { Interest::READABLE | Interest::PRIORITY };
                    assert!(fd.ready(interest).await.unwrap().ready().is_readable());
                })
            })
            .collect();
        windlass::task::yield_now().await;
        theirs.write_all(b"x").unwrap();
        for task in waiting {
            task.await.unwrap();
        }
    });
}

fn polls_of_one_direction_wake_the_last_waker(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        let (first, first_waker) = CountingWaker::new();
        let (last, last_waker) = CountingWaker::new();
        assert!(fd.poll_read_ready(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(fd.poll_read_ready(&mut Context::from_waker(&last_waker)).is_pending());
        theirs.write_all(b"x").unwrap();
        drop(fd.readable().await.unwrap());
        // The readiness is seen before whoever brings it has woken.
        spin_until(|| last.wakes() > 0);
        // Where the system reports once, whoever waits is woken by any event, to ask it again.
        if cfg!(not(windlass_portable_poll = "oneshot")) {
            assert_eq!((first.wakes(), last.wakes()), (0, 1));
        }
        let mut fd = fd;
        poll_fn(|cx| fd.poll_read_ready_mut(cx).map_ok(|_| ())).await.unwrap();
        poll_fn(|cx| fd.poll_write_ready_mut(cx).map_ok(|_| ())).await.unwrap();
        poll_fn(|cx| fd.poll_write_ready(cx).map_ok(|_| ())).await.unwrap();
    });
}

fn some_of_the_readiness_is_cleared(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut fd, mut theirs) = ends();
        theirs.write_all(b"x").unwrap();
        drop(fd.readable().await.unwrap());
        drop(fd.writable().await.unwrap());
        let mut guard = fd.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
        drain(fd.get_ref());
        guard.clear_ready_matching(Ready::READABLE);
        assert_eq!(guard.ready(), Ready::WRITABLE);
        drop(guard);
        ends_being_ready(&fd, Interest::READABLE);
        let mut guard = fd.ready_mut(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert_eq!(guard.ready(), Ready::WRITABLE);
        guard.clear_ready_matching(Ready::WRITABLE);
        assert_eq!(guard.ready(), Ready::EMPTY);
    });
}

fn an_event_since_the_guard_keeps_it_ready(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        theirs.write_all(b"x").unwrap();
        let mut old = fd.readable().await.unwrap();
        drain(fd.get_ref());
        fd.readable().await.unwrap().clear_ready();
        theirs.write_all(b"y").unwrap();
        drop(fd.readable().await.unwrap());
        // What it knows is out of date.
        old.clear_ready();
        drop(fd.readable().await.unwrap());
    });
}

#[cfg(target_os = "linux")]
fn out_of_band_data(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = windlass_tests::tcp::blocking_client().await;
        let server = server.into_std().unwrap();
        // SAFETY: a stream of std's has one descriptor for as long as it lives.
        let server = unsafe { AsyncFd::register_with_interest(server, Interest::PRIORITY) }.unwrap();
        assert!(is_pending(server.ready(Interest::PRIORITY)));
        rustix::net::send(&client, b"!", rustix::net::SendFlags::OOB).unwrap();
        assert!(server.ready(Interest::PRIORITY).await.unwrap().ready().is_priority());
    });
}

fn the_end_is_readiness(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fd, theirs) = ends();
        drop(theirs);
        let mut guard = fd.readable().await.unwrap();
        assert!(guard.ready().is_read_closed());
        guard.clear_ready();
        drop(guard);
        // It cannot be taken back: nothing would tell of it again.
        assert!(fd.readable().await.unwrap().ready().is_read_closed());
    });
}

/// A socket whose peer is gone: what it sends is refused.
fn refused() -> UdpSocket {
    let (ours, theirs) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    ours.connect(theirs.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    ours
}

fn an_error_wakes_who_reads(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // Readable is all that is asked for, and an error is all that comes.
        // SAFETY: a socket of std's has one descriptor for as long as it lives.
        let socket = unsafe { AsyncFd::register_with_interest(refused(), Interest::READABLE) }.unwrap();
        let mut received =
            std::pin::pin!(socket.async_io(Interest::READABLE, |socket| socket.recv(&mut [0; 8])));
        assert!(is_pending(received.as_mut()));
        socket.get_ref().send(b"?").unwrap();
        assert_eq!(received.await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    });
}

fn an_error_that_was_taken_is_over(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // SAFETY: as above.
        let socket = unsafe { AsyncFd::register_with_interest(refused(), Interest::ERROR) }.unwrap();
        for _ in 0..3 {
            socket.get_ref().send(b"?").unwrap();
            let mut guard = socket.ready(Interest::ERROR).await.unwrap();
            assert!(socket.get_ref().take_error().unwrap().is_some());
            guard.clear_ready();
            drop(guard);
            ends_being_ready(&socket, Interest::ERROR);
        }
    });
}

fn an_error_closes_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let socket = register(refused());
        socket.get_ref().send(b"?").unwrap();
        let refused = socket.async_io(Interest::READABLE, |socket| socket.recv(&mut [0; 8])).await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        for interest in [Interest::READABLE, Interest::WRITABLE] {
            ends_being_ready(&socket, interest);
        }
        // Somebody is there again.
        let theirs = UdpSocket::bind(socket.get_ref().peer_addr().unwrap()).unwrap();
        theirs.connect(socket.get_ref().local_addr().unwrap()).unwrap();
        theirs.send(b"!").unwrap();
        assert_eq!(socket.async_io(Interest::READABLE, |socket| socket.recv(&mut [0; 8])).await.unwrap(), 1);
    });
}

fn a_pipe_without_a_reader_is_for_trying(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        // SAFETY: an owned descriptor is one for as long as it lives.
        let writer = unsafe { AsyncFd::register_with_interest(writer, Interest::WRITABLE) }.unwrap();
        let write = |writer: &OwnedFd| Ok(rustix::io::write(writer, &[0; 4096])?);
        while write(writer.get_ref()).is_ok() {}
        ends_being_ready(&writer, Interest::WRITABLE);
        let mut written = std::pin::pin!(writer.async_io(Interest::WRITABLE, write));
        assert!(is_pending(written.as_mut()));
        drop(reader);
        assert_eq!(written.await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let again = writer.async_io(Interest::WRITABLE, write).await;
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

fn mutable_access(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut fd, mut theirs) = ends();
        theirs.write_all(b"abc").unwrap();
        let mut guard = fd.readable_mut().await.unwrap();
        let read = guard.try_io(|fd| (&*fd.get_mut()).read(&mut [0; 3])).unwrap().unwrap();
        assert_eq!(read, 3);
        let _: &mut End = guard.get_inner_mut();
        assert_eq!(guard.get_inner().as_raw_fd(), guard.get_ref().as_raw_fd());
        guard.get_mut();
        assert!(guard.try_io(|_| Err::<(), _>(io::ErrorKind::WouldBlock.into())).is_err());
        drop(guard);
        ends_being_ready(&fd, Interest::READABLE);
        drop(fd.writable_mut().await.unwrap());
        assert!(format!("{fd:?}").starts_with("AsyncFd { inner: End"));
    });
}

fn a_plain_file_is_refused(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let number = file.as_raw_fd();
        // SAFETY: a file has one descriptor for as long as it lives.
        let error = unsafe { AsyncFd::register(file) }.unwrap_err();
        let (file, cause) = error.into_parts();
        assert_eq!(file.as_raw_fd(), number);
        assert_eq!(cause.kind(), io::ErrorKind::PermissionDenied);
    });
}

fn a_closed_number_is_refused(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // SAFETY: it is refused, so nothing is done with it.
        let error = unsafe { AsyncFd::register(-1) }.unwrap_err();
        assert_eq!(error.to_string(), io::Error::from(rustix::io::Errno::BADF).to_string());
    });
}

fn two_runtimes_watch_one_pipe_each(flavor: Flavor) {
    let other = Flavor::MultiThread(1).runtime();
    flavor.runtime().block_on(async {
        let (fd, mut theirs) = ends();
        let far = other.spawn(async {
            let (fd, mut theirs) = ends();
            theirs.write_all(b"x").unwrap();
            fd.readable().await.unwrap().clear_ready();
        });
        // One that belongs to this runtime is waited for in the other one.
        let near = other.spawn(async move { drain(fd.readable().await.unwrap().get_inner()) });
        theirs.write_all(b"x").unwrap();
        far.await.unwrap();
        assert_eq!(near.await.unwrap(), 1);
    });
}

fn a_waker_that_waits_for_the_descriptor_too_as_it_is_cloned(flavor: Flavor) {
    let runtime = flavor.runtime();
    let _inside = runtime.enter();
    let (fd, peer) = ends();
    let fd = Arc::new(fd);
    let waker = {
        let fd = fd.clone();
        calls_when_cloned(move || assert!(is_pending(fd.ready(Interest::READABLE))))
    };
    let mut cx = Context::from_waker(&waker);
    assert!(fd.poll_read_ready(&mut cx).is_pending());
    let mut listed = Box::pin(fd.readable());
    assert!(listed.as_mut().poll(&mut cx).is_pending());
    drop((listed, peer));
}

#[allow(deprecated)]
fn deprecated_constructors_work(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let reader = AsyncFd::with_interest(reader, Interest::READABLE).unwrap();
        let writer: AsyncFd<OwnedFd> = AsyncFd::try_with_interest(writer, Interest::WRITABLE).unwrap();
        drop(writer.writable().await.unwrap());
        assert!(is_pending(reader.readable()));
        drop(writer.into_inner());
        drop(reader.readable().await.unwrap());
        let (one, other) = UnixStream::pair().unwrap();
        assert!(AsyncFd::new(one).is_ok() && AsyncFd::try_new(other).is_ok());
    });
}

fn the_end_of_the_runtime_wakes_who_waits() {
    for _ in 0..20 {
        let runtime = Flavor::MultiThread(2).runtime();
        let (fd, _theirs) = runtime.block_on(async { ends() });
        let (counter, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        let mut readable = Box::pin(fd.readable());
        assert!(readable.as_mut().poll(&mut cx).is_pending());
        assert!(fd.poll_read_ready(&mut cx).is_pending());
        let racing = std::thread::spawn(move || drop(runtime));
        // Woken by the end, or polled after it.
        let error = loop {
            if let Poll::Ready(done) = readable.as_mut().poll(&mut cx) {
                break done.map(|_: AsyncFdReadyGuard<'_, End>| ()).unwrap_err();
            }
            std::thread::yield_now();
        };
        assert!(error.to_string().contains("shut down"), "{error}");
        racing.join().unwrap();
        assert!(counter.wakes() >= 1);
        assert!(matches!(fd.poll_read_ready(&mut cx), Poll::Ready(Err(_))));
    }
}

fn after_the_end_of_the_runtime() {
    let runtime = Flavor::CurrentThread.runtime();
    let (fd, mut theirs) = runtime.block_on(async { ends() });
    theirs.write_all(b"x").unwrap();
    let mut guard = runtime.block_on(fd.readable()).unwrap();
    drop(runtime);
    guard.clear_ready();
    let mut readable = Box::pin(fd.readable());
    match Pin::new(&mut readable).poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(done) => assert!(done.is_err()),
        Poll::Pending => panic!("nothing would ever wake it"),
    }
    drop(readable);
    assert_eq!(drain(&fd.into_inner()), 1);
}

fn panics_outside_of_a_runtime() {
    let (one, _other) = UnixStream::pair().unwrap();
    // SAFETY: a stream of std's has one descriptor for as long as it lives.
    let panicked = panics_at_its_caller(|| unsafe { AsyncFd::register(one) });
    assert!(panicked.message.contains("block_on"), "{}", panicked.message);
}
