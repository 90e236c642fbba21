//! `io::duplex`: a pipe both ways in memory.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt;
use windlass::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use windlass_tests::{
    CountingWaker, Flavor, calls_when_cloned, on_every_flavor, once, panics_at_its_caller, panics_when_woken,
};

on_every_flavor!(ping_pong, bytes_of_any_sizes_in_order, it_gives_way, a_reader_is_told_of_the_end);

once!(
    no_more_than_its_capacity,
    what_is_written_is_read_after_the_end,
    closing_ends_one_way_only,
    a_write_after_the_other_is_gone_fails,
    a_write_that_waits_is_told_that_the_other_is_gone,
    reads_and_writes_wake_each_other_once,
    vectored,
    no_bytes_are_no_reason_to_wait,
    a_capacity_of_nothing_is_a_panic,
    a_waker_that_owns_the_other_side,
    a_waker_that_panics_costs_nobody_else_anything,
    a_waker_that_uses_the_other_side_as_it_is_cloned,
);

fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    future.now_or_never()
}

fn is_send_sync_unpin<T: Send + Sync + Unpin>() {}

fn no_more_than_its_capacity() {
    is_send_sync_unpin::<DuplexStream>();
    let (mut near, mut far) = duplex(4);
    assert_eq!(now(near.write(b"012345")).unwrap().unwrap(), 4);
    assert!(now(near.write(b"45")).is_none());
    let mut bytes = [0; 3];
    assert_eq!(now(far.read(&mut bytes)).unwrap().unwrap(), 3);
    assert_eq!(&bytes, b"012");
    assert_eq!(now(near.write(b"456789")).unwrap().unwrap(), 3);
    // Around the end of the ring.
    let mut bytes = [0; 10];
    assert_eq!(now(far.read(&mut bytes)).unwrap().unwrap(), 4);
    assert_eq!(&bytes[..4], b"3456");
    assert!(now(far.read(&mut bytes)).is_none());
    // The other way has room of its own.
    assert_eq!(now(far.write(b"01234")).unwrap().unwrap(), 4);
}

fn what_is_written_is_read_after_the_end() {
    let (mut near, mut far) = duplex(64);
    now(near.write_all(b"last words")).unwrap().unwrap();
    drop(near);
    let mut text = String::new();
    now(far.read_to_string(&mut text)).unwrap().unwrap();
    assert_eq!(text, "last words");
    assert_eq!(now(far.read(&mut [0])).unwrap().unwrap(), 0);
}

fn closing_ends_one_way_only() {
    let (mut near, mut far) = duplex(64);
    now(near.close()).unwrap().unwrap();
    assert_eq!(now(near.write(b"x")).unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(now(far.read(&mut [0])).unwrap().unwrap(), 0);
    now(far.write_all(b"hello")).unwrap().unwrap();
    let mut bytes = [0; 5];
    now(near.read_exact(&mut bytes)).unwrap().unwrap();
    assert_eq!(&bytes, b"hello");
    now(near.close()).unwrap().unwrap();
    now(near.flush()).unwrap().unwrap();
}

fn a_write_after_the_other_is_gone_fails() {
    let (mut near, far) = duplex(64);
    drop(far);
    assert_eq!(now(near.write(b"x")).unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(now(near.read(&mut [0])).unwrap().unwrap(), 0);
}

fn a_write_that_waits_is_told_that_the_other_is_gone() {
    let (mut near, far) = duplex(1);
    let (wakes, waker) = CountingWaker::new();
    let mut writing = pin!(near.write_all(b"xyz"));
    assert!(writing.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(far);
    assert_eq!(wakes.wakes(), 1);
    assert_eq!(now(writing).unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

fn reads_and_writes_wake_each_other_once() {
    let (mut near, mut far) = duplex(2);
    let (read_wakes, waker) = CountingWaker::new();
    let mut bytes = [0; 2];
    {
        let mut reading = pin!(far.read(&mut bytes));
        assert!(reading.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(reading.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        now(near.write_all(b"x")).unwrap().unwrap();
        now(near.write_all(b"y")).unwrap().unwrap();
        assert_eq!(read_wakes.wakes(), 1);
        let (write_wakes, waker) = CountingWaker::new();
        let mut writing = pin!(near.write(b"z"));
        assert!(writing.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(now(reading).unwrap().unwrap(), 2);
        assert_eq!(write_wakes.wakes(), 1);
        assert_eq!(now(writing).unwrap().unwrap(), 1);
    }
    assert_eq!(&bytes, b"xy");
}

fn vectored() {
    let (mut near, mut far) = duplex(8);
    let slices = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two"), IoSlice::new(b"three")];
    assert_eq!(now(near.write_vectored(&slices)).unwrap().unwrap(), 8);
    assert!(now(near.write_vectored(&slices)).is_none());
    let (mut first, mut second) = ([0; 3], [0; 10]);
    let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut []), IoSliceMut::new(&mut second)];
    assert_eq!(now(far.read_vectored(&mut slices)).unwrap().unwrap(), 8);
    assert_eq!((&first, &second[..5]), (b"one", &b"twoth"[..]));
    now(near.write_all(b"more")).unwrap().unwrap();
    now(near.close()).unwrap().unwrap();
    assert_eq!(now(far.read_vectored(&mut [IoSliceMut::new(&mut second)])).unwrap().unwrap(), 4);
    assert_eq!(now(far.read_vectored(&mut [IoSliceMut::new(&mut second)])).unwrap().unwrap(), 0);
    assert!(now(near.write_vectored(&[IoSlice::new(b"x")])).unwrap().is_err());
}

fn no_bytes_are_no_reason_to_wait() {
    let (mut near, mut far) = duplex(1);
    now(near.write_all(b"x")).unwrap().unwrap();
    assert_eq!(now(near.write(b"")).unwrap().unwrap(), 0);
    assert_eq!(now(far.read(&mut [])).unwrap().unwrap(), 0);
    now(far.read(&mut [0])).unwrap().unwrap();
    assert_eq!(now(far.read(&mut [])).unwrap().unwrap(), 0);
}

fn a_capacity_of_nothing_is_a_panic() {
    panics_at_its_caller(|| duplex(0));
}

fn ping_pong(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = duplex(64);
        let serving = windlass::spawn(async move {
            let mut bytes = [0; 4];
            while server.read_exact(&mut bytes).await.is_ok() {
                assert_eq!(&bytes, b"ping");
                server.write_all(b"pong").await.unwrap();
            }
        });
        for _ in 0..200 {
            let mut bytes = [0; 4];
            client.write_all(b"ping").await.unwrap();
            client.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"pong");
        }
        drop(client);
        serving.await.unwrap();
    });
}

fn bytes_of_any_sizes_in_order(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let (mut near, mut far) = duplex(37);
        let writing = windlass::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut next = 0_u8;
            for _ in 0..1_000 {
                let bytes: Vec<u8> = (0..random.usize(..100)).map(|n| next.wrapping_add(n as u8)).collect();
                next = next.wrapping_add(bytes.len() as u8);
                near.write_all(&bytes).await.unwrap();
            }
            next
        });
        let mut random = fastrand::Rng::with_seed(!seed);
        let mut next = 0_u8;
        loop {
            let mut bytes = vec![0; random.usize(1..100)];
            let count = far.read(&mut bytes).await.unwrap();
            if count == 0 {
                break;
            }
            for &byte in &bytes[..count] {
                assert_eq!(byte, next);
                next = next.wrapping_add(1);
            }
        }
        assert_eq!(writing.await.unwrap(), next);
    });
}

fn it_gives_way(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let busy = windlass::spawn(async {
            let (mut near, mut far) = duplex(64);
            loop {
                near.write_all(b"always room").await.unwrap();
                far.read_exact(&mut [0; 11]).await.unwrap();
            }
        });
        windlass::spawn(windlass::task::yield_now()).await.unwrap();
        busy.abort();
        assert!(busy.await.unwrap_err().is_cancelled());
    });
}

fn a_reader_is_told_of_the_end(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for close in [false, true] {
            let (mut near, mut far) = duplex(64);
            let reading = windlass::spawn(async move { far.read(&mut [0]).await.unwrap() });
            windlass::task::yield_now().await;
            if close {
                near.close().await.unwrap();
            }
            drop(near);
            assert_eq!(reading.await.unwrap(), 0);
        }
    });
}

/// As with executors whose wakers keep their tasks, and whose tasks keep what they use.
struct Owner(#[expect(dead_code, reason = "dropped with it")] DuplexStream);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

fn a_waker_that_owns_the_other_side() {
    let (mut near, far) = duplex(4);
    let mut bytes = [0; 4];
    let mut poll = |waker: &Waker| pin!(near.read(&mut bytes)).poll(&mut Context::from_waker(waker));
    assert!(poll(&Waker::from(Arc::new(Owner(far)))).is_pending());
    assert!(poll(Waker::noop()).is_pending(), "the other side goes with the waker, after the look");
    assert!(matches!(poll(Waker::noop()), Poll::Ready(Ok(0))));
}

fn a_waker_that_panics_costs_nobody_else_anything() {
    let (mut near, mut far) = duplex(4);
    let read = |near: &mut DuplexStream| {
        let (waker, mut bytes) = (panics_when_woken(), [0; 4]);
        Pin::new(near).poll_read(&mut Context::from_waker(&waker), &mut bytes).map(Result::unwrap)
    };
    assert!(read(&mut near).is_pending());
    assert_eq!(now(far.write(b"1")).unwrap().unwrap(), 1, "that is for who writes to know");
    assert_eq!(read(&mut near), Poll::Ready(1));
    assert!(read(&mut near).is_pending());
    // One task reads, and another one writes.
    assert_eq!(now(near.write(b"1234")).unwrap().unwrap(), 4);
    let (wakes, waker) = CountingWaker::new();
    assert!(Pin::new(&mut near).poll_write(&mut Context::from_waker(&waker), b"5").is_pending());
    drop(far);
    assert_eq!(wakes.wakes(), 1, "the other side is gone, and who writes is not told");
}

fn a_waker_that_uses_the_other_side_as_it_is_cloned() {
    let (mut near, far) = duplex(4);
    let far = Mutex::new(far);
    let waker = calls_when_cloned(move || {
        now(far.lock().unwrap().write(b"1234")).unwrap().unwrap();
    });
    let read = pin!(near.read(&mut [0; 4])).poll(&mut Context::from_waker(&waker));
    assert!(matches!(read, Poll::Ready(Ok(4))), "what came meanwhile is seen");
    let (mut near, far) = duplex(4);
    let far = Mutex::new(far);
    let waker = calls_when_cloned(move || {
        now(far.lock().unwrap().read(&mut [0; 4])).unwrap().unwrap();
    });
    assert_eq!(now(near.write(b"1234")).unwrap().unwrap(), 4);
    let write = pin!(near.write(b"5")).poll(&mut Context::from_waker(&waker));
    assert!(matches!(write, Poll::Ready(Ok(1))), "what was read meanwhile has made room");
}
