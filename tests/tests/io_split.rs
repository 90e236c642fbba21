//! `io::split`: two halves of one stream.

use std::io::{IoSlice, IoSliceMut, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use windlass::io::{
    self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split,
};
use windlass_tests::{Flavor, on_every_flavor, once, panics_at_its_caller};

on_every_flavor!(halves_in_two_tasks, a_write_that_waits_does_not_hold_a_read);

once!(
    halves_are_send_and_sync,
    who_is_a_pair,
    put_together_again,
    halves_of_two_streams_are_a_panic,
    every_method_reaches_the_stream,
    one_half_does_not_close_it_and_both_do,
);

/// Notes what is called.
#[derive(Default, Debug)]
struct Noted(Vec<&'static str>);

impl AsyncRead for Noted {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.0.push("read");
        buf[0] = b'z';
        Poll::Ready(Ok(1))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.0.push("read_vectored");
        Poll::Ready(Ok(2))
    }
}

impl AsyncWrite for Noted {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<usize>> {
        self.0.push("write");
        Poll::Ready(Ok(1))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.0.push("write_vectored");
        Poll::Ready(Ok(2))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.push("flush");
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.push("close");
        Poll::Ready(Ok(()))
    }
}

fn halves_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<ReadHalf<DuplexStream>>();
    check::<WriteHalf<DuplexStream>>();
}

fn who_is_a_pair() {
    let (read, write) = split(Noted::default());
    let (other_read, other_write) = split(Noted::default());
    assert!(read.is_pair_of(&write) && write.is_pair_of(&read));
    assert!(!read.is_pair_of(&other_write) && !other_write.is_pair_of(&read));
    assert!(other_read.is_pair_of(&other_write));
}

fn put_together_again() {
    let (mut read, write) = split(Noted::default());
    futures::executor::block_on(read.read(&mut [0])).unwrap();
    assert_eq!(read.unsplit(write).0, ["read"]);
}

fn halves_of_two_streams_are_a_panic() {
    let (read, _write) = split(Noted::default());
    let (_read, write) = split(Noted::default());
    let panicked = panics_at_its_caller(|| read.unsplit(write));
    assert!(panicked.message.contains("is_pair_of"), "{}", panicked.message);
}

fn every_method_reaches_the_stream() {
    futures::executor::block_on(async {
        let (mut read, mut write) = split(Noted::default());
        let mut byte = [0];
        assert_eq!(read.read(&mut byte).await.unwrap(), 1);
        assert_eq!(&byte, b"z");
        assert_eq!(read.read_vectored(&mut [IoSliceMut::new(&mut byte)]).await.unwrap(), 2);
        assert_eq!(write.write(b"x").await.unwrap(), 1);
        assert_eq!(write.write_vectored(&[IoSlice::new(b"x")]).await.unwrap(), 2);
        write.flush().await.unwrap();
        write.close().await.unwrap();
        let calls = read.unsplit(write).0;
        assert_eq!(calls, ["read", "read_vectored", "write", "write_vectored", "flush", "close"]);
    });
}

fn one_half_does_not_close_it_and_both_do() {
    futures::executor::block_on(async {
        let (near, mut far) = io::duplex(64);
        let (mut read, mut write) = split(near);
        far.write_all(b"hello").await.unwrap();
        write.write_all(b"bye").await.unwrap();
        drop(write);
        let mut bytes = [0; 5];
        read.read_exact(&mut bytes).await.unwrap();
        far.read_exact(&mut bytes[..3]).await.unwrap();
        let mut end = Box::pin(async { far.read(&mut [0]).await.unwrap() });
        assert!(windlass_tests::poll_once(&mut end).is_pending());
        drop(read);
        assert_eq!(end.await, 0);
    });
}

fn halves_in_two_tasks(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let bytes: Arc<[u8]> = (0..50_000).map(|_| fastrand::u8(..)).collect();
        let (near, far) = io::duplex(100);
        let tasks = [near, far].map(|end| {
            let (mut read, mut write) = split(end);
            let (sent, expected) = (bytes.clone(), bytes.clone());
            let writing = windlass::spawn(async move {
                write.write_all(&sent).await.unwrap();
                write.close().await.unwrap();
                write
            });
            windlass::spawn(async move {
                let mut received = Vec::new();
                read.read_to_end(&mut received).await.unwrap();
                assert!(received == *expected);
                drop(read.unsplit(writing.await.unwrap()));
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn a_write_that_waits_does_not_hold_a_read(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (near, mut far) = io::duplex(4);
        let (mut read, mut write) = split(near);
        let writing = windlass::spawn(async move { write.write_all(&[7; 100]).await });
        for _ in 0..10 {
            far.write_all(b"ping").await.unwrap();
            let mut bytes = [0; 4];
            read.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"ping");
        }
        far.read_exact(&mut [0; 100]).await.unwrap();
        writing.await.unwrap().unwrap();
    });
}
