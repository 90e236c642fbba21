//! `copy_bidirectional`: a proxy between two streams, each way closed as its source ends.

use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use windlass::io::{
    self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, DuplexStream, copy_bidirectional,
    copy_bidirectional_with_sizes,
};
use windlass::task::JoinHandle;
use windlass_tests::{Flavor, on_every_flavor, once, panics};

on_every_flavor!(
    both_ways_and_both_counts,
    one_way_goes_on_after_the_other_has_ended,
    one_way_that_is_stuck_does_not_hold_the_other,
    an_error_ends_it_at_once,
    nothing_stays_in_a_buffer,
    it_gives_way,
    a_way_that_is_always_ready_leaves_the_other_its_share,
    random_bytes_through_small_buffers,
);

once!(a_buffer_of_no_bytes_is_a_panic);

/// Has so many bytes to read, all there, and takes whatever is written.
struct Ready {
    left: usize,
    taken: Arc<AtomicUsize>,
}

impl AsyncRead for Ready {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        let read = self.left.min(buf.len());
        self.left -= read;
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Ready {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.taken.fetch_add(buf.len(), Ordering::Relaxed);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn a_way_that_is_always_ready_leaves_the_other_its_share(flavor: Flavor) {
    const MUCH: usize = 64 << 20;
    const LITTLE: usize = 1024;
    flavor.runtime().block_on(async {
        for swapped in [false, true] {
            let (of_much, of_little) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut much = Ready { left: MUCH, taken: of_little.clone() };
            let mut little = Ready { left: LITTLE, taken: of_much.clone() };
            let mut copy: Pin<Box<dyn Future<Output = _>>> = if swapped {
                Box::pin(copy_bidirectional(&mut little, &mut much))
            } else {
                Box::pin(copy_bidirectional(&mut much, &mut little))
            };
            let mut much_by_then = None;
            poll_fn(|cx| {
                let copied = copy.as_mut().poll(cx);
                if of_little.load(Ordering::Relaxed) == LITTLE {
                    much_by_then.get_or_insert_with(|| of_much.load(Ordering::Relaxed));
                }
                copied
            })
            .await
            .unwrap();
            let much_by_then = much_by_then.expect("all is copied");
            assert!(much_by_then <= MUCH / 8, "the other way waited for {much_by_then} bytes");
        }
    });
}

/// A proxy between two streams whose other ends these are.
fn proxy() -> (DuplexStream, JoinHandle<Result<(u64, u64)>>, DuplexStream) {
    let (client, mut front) = io::duplex(64);
    let (mut back, server) = io::duplex(64);
    let task = windlass::spawn(async move { copy_bidirectional(&mut front, &mut back).await });
    (client, task, server)
}

async fn send(to: &mut DuplexStream, text: &str) {
    to.write_all(text.as_bytes()).await.unwrap();
}

async fn receive(from: &mut DuplexStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    from.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, text.as_bytes());
}

fn both_ways_and_both_counts(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, proxy, mut server) = proxy();
        send(&mut client, "ping").await;
        receive(&mut server, "ping").await;
        send(&mut server, "a pong").await;
        receive(&mut client, "a pong").await;
        drop(client);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        drop(server);
        assert_eq!(proxy.await.unwrap().unwrap(), (4, 6));
    });
}

fn one_way_goes_on_after_the_other_has_ended(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for swapped in [false, true] {
            let (client, proxy, server) = proxy();
            let (mut ends, mut goes_on) = if swapped { (server, client) } else { (client, server) };
            send(&mut ends, "bye").await;
            ends.close().await.unwrap();
            let mut text = String::new();
            goes_on.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "bye");
            for _ in 0..10 {
                send(&mut goes_on, "still here").await;
                receive(&mut ends, "still here").await;
            }
            goes_on.close().await.unwrap();
            assert_eq!(ends.read(&mut [0]).await.unwrap(), 0);
            let expected = if swapped { (100, 3) } else { (3, 100) };
            assert_eq!(proxy.await.unwrap().unwrap(), expected);
        }
    });
}

fn one_way_that_is_stuck_does_not_hold_the_other(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, proxy, mut server) = proxy();
        // Nobody reads at the server: this fills every buffer on the way.
        let filling = windlass::spawn(async move {
            let sent = client.write_all(&[7; 100_000]).await;
            (client, sent)
        });
        send(&mut server, "hello").await;
        // The client's end is with the task that fills, so look at it through the proxy's count, at the end.
        let mut received = Vec::new();
        let mut chunk = [0; 1_000];
        while received.len() < 100_000 {
            let count = server.read(&mut chunk).await.unwrap();
            received.extend_from_slice(&chunk[..count]);
        }
        let (mut client, sent) = filling.await.unwrap();
        sent.unwrap();
        receive(&mut client, "hello").await;
        drop((client, server));
        assert_eq!(proxy.await.unwrap().unwrap(), (100_000, 5));

        let (mut client, proxy, mut server) = self::proxy();
        let mut stuck = Box::pin(client.write_all(&[7; 100_000]));
        windlass_tests::poll_once(&mut stuck).is_pending().then_some(()).expect("it does not fit");
        drop(stuck);
        for _ in 0..100 {
            send(&mut server, "there").await;
            receive(&mut client, "there").await;
        }
        proxy.abort();
        assert!(proxy.await.unwrap_err().is_cancelled());
    });
}

/// Never reads, and fails at what it is told to fail at.
struct Broken {
    reads: bool,
}

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize>> {
        if self.reads { Poll::Ready(Err(ErrorKind::ConnectionReset.into())) } else { Poll::Pending }
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn an_error_ends_it_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for reads in [false, true] {
            let (mut client, mut front) = io::duplex(64);
            send(&mut client, "ping").await;
            let error = copy_bidirectional(&mut front, &mut Broken { reads }).await.unwrap_err();
            let error_swapped = {
                send(&mut client, "ping").await;
                copy_bidirectional(&mut Broken { reads }, &mut front).await.unwrap_err()
            };
            if reads {
                assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
                assert_eq!(error_swapped.kind(), ErrorKind::ConnectionReset);
            } else {
                assert_eq!(
                    (error.kind(), error_swapped.kind()),
                    (ErrorKind::BrokenPipe, ErrorKind::BrokenPipe)
                );
            }
        }
    });
}

/// A stream whose writes wait in a buffer until they are flushed.
struct Buffered(BufWriter<DuplexStream>);

impl AsyncRead for Buffered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        Pin::new(self.0.get_mut()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

fn nothing_stays_in_a_buffer(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, front) = io::duplex(64);
        let (back, mut server) = io::duplex(64);
        let (mut front, mut back) = (Buffered(BufWriter::new(front)), Buffered(BufWriter::new(back)));
        let proxy = windlass::spawn(async move { copy_bidirectional(&mut front, &mut back).await });
        for _ in 0..10 {
            send(&mut client, "ping").await;
            receive(&mut server, "ping").await;
            send(&mut server, "pong").await;
            receive(&mut client, "pong").await;
        }
        drop((client, server));
        assert_eq!(proxy.await.unwrap().unwrap(), (40, 40));
    });
}

/// Always reads, and takes all that is written.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn it_gives_way(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let endless = windlass::spawn(async { copy_bidirectional(&mut Endless, &mut Endless).await });
        windlass::spawn(windlass::task::yield_now()).await.unwrap();
        endless.abort();
        assert!(endless.await.unwrap_err().is_cancelled());
    });
}

fn random_bytes_through_small_buffers(flavor: Flavor) {
    async fn send_all(mut writer: impl AsyncWrite + Unpin, bytes: Vec<u8>) {
        for chunk in bytes.chunks(fastrand::usize(1..200)) {
            writer.write_all(chunk).await.unwrap();
        }
        writer.close().await.unwrap();
    }
    async fn receive_all(mut reader: impl AsyncRead + Unpin) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await.unwrap();
        bytes
    }
    flavor.runtime().block_on(async {
        let bytes = || (0..fastrand::usize(..20_000)).map(|_| fastrand::u8(..)).collect::<Vec<u8>>();
        for _ in 0..5 {
            let (there, back) = (bytes(), bytes());
            let (client, mut front) = io::duplex(fastrand::usize(1..100));
            let (mut far, server) = io::duplex(fastrand::usize(1..100));
            let sizes = (fastrand::usize(1..100), fastrand::usize(1..100));
            let proxy = windlass::spawn(async move {
                copy_bidirectional_with_sizes(&mut front, &mut far, sizes.0, sizes.1).await
            });
            let (client_reads, client_writes) = io::split(client);
            let (server_reads, server_writes) = io::split(server);
            let sending = [
                windlass::spawn(send_all(client_writes, there.clone())),
                windlass::spawn(send_all(server_writes, back.clone())),
            ];
            let (received, answered) = windlass::join!(
                windlass::spawn(receive_all(server_reads)),
                windlass::spawn(receive_all(client_reads)),
            );
            for task in sending {
                task.await.unwrap();
            }
            let (copied_there, copied_back) = proxy.await.unwrap().unwrap();
            assert_eq!((copied_there, copied_back), (there.len() as u64, back.len() as u64));
            assert!(received.unwrap() == there && answered.unwrap() == back);
        }
    });
}

fn a_buffer_of_no_bytes_is_a_panic() {
    for sizes in [(0, 1), (1, 0)] {
        panics(|| {
            let copying =
                async { copy_bidirectional_with_sizes(&mut Endless, &mut Endless, sizes.0, sizes.1).await };
            futures::executor::block_on(copying)
        });
    }
}
