//! `TcpStream`: reading, writing, peeking, attempts, and the ends of connections.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Buf, BytesMut};
use windlass::io::Interest;
use windlass::net::TcpStream;
use windlass_tests::tcp::{blocking_client, pair, would_block};
use windlass_tests::{CountingWaker, Flavor, on_every_flavor, poll_once, spin_until};

on_every_flavor!(
    echo,
    megabytes_both_ways,
    vectored,
    buffers,
    reads_to_the_end,
    read_exact_says_how_far_it_came,
    peeked_bytes_stay,
    attempts,
    readiness_is_for_any_number_of_tasks,
    one_wake_for_one_waiter,
    data_and_the_end_in_one_packet,
    a_short_read_before_the_rest_comes,
    half_close,
    shutdown_after_the_peer_is_gone,
    a_peer_that_resets_while_it_is_written_to,
    a_peer_that_resets_while_it_is_read_from,
    closing_ends_a_read,
    descriptor_numbers_are_used_again,
    options,
    from_std_and_back,
    a_waker_that_changes,
    custom_operations,
    a_ready_socket_keeps_nobody_waiting,
);

fn echo(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        let echoing = windlass::spawn(async move {
            let mut buffer = [0; 100];
            loop {
                match server.read(&mut buffer).await.unwrap() {
                    0 => break,
                    read => server.write_all(&buffer[..read]).await.unwrap(),
                }
            }
        });
        for round in 0..200u8 {
            let message = [round; 37];
            client.write_all(&message).await.unwrap();
            let mut answer = [0; 37];
            assert_eq!(client.read_exact(&mut answer).await.unwrap(), 37);
            assert_eq!(answer, message);
        }
        drop(client);
        echoing.await.unwrap();
    });
}

fn byte(at: usize) -> u8 {
    (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]
}

fn megabytes_both_ways(flavor: Flavor) {
    const LENGTH: usize = 4 << 20;
    async fn send(mut writer: windlass::net::tcp::OwnedWriteHalf) {
        let data: Vec<u8> = (0..LENGTH).map(byte).collect();
        writer.write_all(&data).await.unwrap();
    }
    async fn receive(mut reader: windlass::net::tcp::OwnedReadHalf) {
        let mut data = Vec::new();
        assert_eq!(reader.read_to_end(&mut data).await.unwrap(), LENGTH);
        assert!(data.iter().enumerate().all(|(at, &found)| found == byte(at)));
    }
    flavor.runtime().block_on(async {
        let (client, server) = pair().await;
        let (client_reader, client_writer) = client.into_split();
        let (server_reader, server_writer) = server.into_split();
        let tasks = [
            windlass::spawn(send(client_writer)),
            windlass::spawn(send(server_writer)),
            windlass::spawn(receive(client_reader)),
            windlass::spawn(receive(server_reader)),
        ];
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn vectored(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        assert!(client.is_write_vectored());
        let written = client.write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two")]).await.unwrap();
        assert_eq!(written, 7);
        let (mut first, mut second) = ([0; 2], [0; 5]);
        let mut read = 0;
        while read < 7 {
            let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            read += server.read_vectored(&mut slices).await.unwrap();
        }
        assert_eq!((&first, &second), (b"on", b"e two"));
    });
}

fn buffers(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        let mut chained = Buf::chain(&b"head "[..], &b"and body"[..]);
        client.write_all_buf(&mut chained).await.unwrap();
        assert!(!chained.has_remaining());
        let mut received = BytesMut::with_capacity(64);
        while received.len() < 13 {
            assert!(server.read_buf(&mut received).await.unwrap() > 0);
        }
        assert_eq!(&received[..], b"head and body");
        // There is no room, so nothing is read and nothing is waited for.
        assert_eq!(server.read_buf(&mut &mut [0; 0][..]).await.unwrap(), 0);
        assert_eq!(client.write_buf(&mut &b""[..]).await.unwrap(), 0);
        client.flush().await.unwrap();
    });
}

fn reads_to_the_end(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        let sending = windlass::spawn(async move {
            for chunk in 0..50 {
                client.write_all(&[chunk; 1000]).await.unwrap();
                windlass::task::yield_now().await;
            }
        });
        let mut all = b"kept".to_vec();
        assert_eq!(server.read_to_end(&mut all).await.unwrap(), 50_000);
        assert_eq!(&all[..4], b"kept");
        assert!(all[4..].iter().enumerate().all(|(at, &byte)| usize::from(byte) == at / 1000));
        assert_eq!(server.read_to_end(&mut all).await.unwrap(), 0, "the end stays the end");
        sending.await.unwrap();

        let (mut client, mut server) = pair().await;
        client.write_all(b"\xff").await.unwrap();
        drop(client);
        let mut text = String::from("kept");
        let error = server.read_to_string(&mut text).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(text, "kept");
    });
}

fn read_exact_says_how_far_it_came(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"abc").await.unwrap();
        drop(client);
        let mut buffer = [0; 5];
        let error = server.read_exact(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(error.to_string().contains("3 of 5"), "{error}");
    });
}

fn peeked_bytes_stay(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        let mut buffer = [0; 16];
        {
            let mut peek = Box::pin(server.peek(&mut buffer));
            assert!(poll_once(&mut peek).is_pending());
        }
        client.write_all(b"peek").await.unwrap();
        assert_eq!(server.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(poll_fn(|cx| server.poll_peek(cx, &mut buffer)).await.unwrap(), 4);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"peek");
        let (mut reader, _writer) = server.into_split();
        client.write_all(b"half").await.unwrap();
        assert_eq!(reader.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"half");
    });
}

fn attempts(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = pair().await;
        client.writable().await.unwrap();
        server.writable().await.unwrap();
        let mut buffer = [0; 64];
        assert!(would_block(&server.try_read(&mut buffer)));

        assert_eq!(client.try_write(b"hello").unwrap(), 5);
        server.readable().await.unwrap();
        assert_eq!(server.try_read(&mut buffer).unwrap(), 5);
        assert!(would_block(&server.try_read(&mut buffer)));

        assert_eq!(client.try_write_vectored(&[IoSlice::new(b"he"), IoSlice::new(b"llo")]).unwrap(), 5);
        server.readable().await.unwrap();
        assert_eq!(server.try_read_vectored(&mut [IoSliceMut::new(&mut buffer)]).unwrap(), 5);

        assert_eq!(client.try_write(b"hello").unwrap(), 5);
        server.readable().await.unwrap();
        let mut bytes = Vec::with_capacity(64);
        assert_eq!(server.try_read_buf(&mut bytes).unwrap(), 5);
        assert_eq!(bytes, b"hello");

        // Until there is no room.
        let chunk = vec![7; 64 << 10];
        let mut written = 0;
        // What the peer's system takes in late makes room once more.
        while poll_once(&mut Box::pin(client.writable())).is_ready() {
            match client.try_write(&chunk) {
                Ok(some) => written += some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
        let mut read = 0;
        while read < written {
            server.readable().await.unwrap();
            match server.try_read(&mut bytes_of(64 << 10)) {
                Ok(some) => read += some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(read, written);
        client.writable().await.unwrap();
        assert_eq!(client.try_write(b"!").unwrap(), 1);
        drop(client);
        let ready = server.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_readable());
    });
}

fn bytes_of(length: usize) -> Vec<u8> {
    vec![0; length]
}

fn readiness_is_for_any_number_of_tasks(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let server = Arc::new(server);
        let waiting: Vec<_> = (0..8)
            .map(|n| {
                let server = server.clone();
                windlass::spawn(async move {
                    if n % 2 == 0 {
                        server.readable().await.unwrap();
                    } else {
                        assert_eq!(server.peek(&mut [0; 4]).await.unwrap(), 1);
                    }
                })
            })
            .collect();
        client.write_all(b"x").await.unwrap();
        for task in waiting {
            task.await.unwrap();
        }
        let ready = server.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert!(ready.is_readable() || ready.is_writable());
    });
}

fn one_wake_for_one_waiter(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        server.writable().await.unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(server.poll_read_ready(&mut cx).is_pending());
        assert!(server.poll_read_ready(&mut cx).is_pending());
        client.write_all(b"x").await.unwrap();
        server.readable().await.unwrap();
        assert!(server.poll_read_ready(&mut cx).is_ready());
        assert!(server.poll_write_ready(&mut cx).is_ready());
        // The readiness is seen before whoever brings it has woken.
        spin_until(|| counter.wakes() > 0);
        // Where the system reports once, whoever waits is woken by any event, to ask it again.
        if cfg!(not(windlass_portable_poll = "oneshot")) {
            assert_eq!(counter.wakes(), 1);
        }
    });
}

fn data_and_the_end_in_one_packet(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..20 {
            // Both are there before the server has looked for the first time.
            let (mut client, mut server) = blocking_client().await;
            client.write_all(b"last words").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut buffer = [0; 1024];
            let mut read = 0;
            while read < 10 {
                read += server.read(&mut buffer).await.unwrap();
            }
            assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
            server.write_all(b"bye").await.unwrap();
            drop(server);
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "bye");
        }
    });
}

fn a_short_read_before_the_rest_comes(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = blocking_client().await;
        let mut buffer = [0; 64];
        for _ in 0..50 {
            client.write_all(b"some").unwrap();
            let mut read = 0;
            while read < 4 {
                read += server.read(&mut buffer).await.unwrap();
            }
            // It has been told that there is nothing, and now there is.
            client.write_all(b"more").unwrap();
            let mut read = 0;
            while read < 4 {
                read += server.read(&mut buffer).await.unwrap();
            }
        }
    });
}

fn half_close(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut question = String::new();
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        // The other direction is open.
        for _ in 0..100 {
            server.write_all(&[1; 1000]).await.unwrap();
        }
        drop(server);
        let mut answer = Vec::new();
        assert_eq!(client.read_to_end(&mut answer).await.unwrap(), 100_000);
    });
}

fn shutdown_after_the_peer_is_gone(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        server.set_zero_linger().unwrap();
        drop(server);
        assert!(client.read(&mut [0; 8]).await.is_err());
        client.shutdown().await.unwrap();
    });
}

fn a_peer_that_resets_while_it_is_written_to(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let writing = windlass::spawn(async move {
            let chunk = vec![1; 64 << 10];
            loop {
                if let Err(error) = client.write_all(&chunk).await {
                    return (error.kind(), client.write(&chunk).await.unwrap_err().kind());
                }
            }
        });
        // So much that the writer has to wait in between.
        let mut server = server;
        let mut buffer = vec![0; 64 << 10];
        let mut read = 0;
        while read < 4 << 20 {
            read += server.read(&mut buffer).await.unwrap();
        }
        server.set_zero_linger().unwrap();
        drop(server);
        let (first, second) = writing.await.unwrap();
        assert!(matches!(first, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe), "{first}");
        assert_eq!(second, io::ErrorKind::BrokenPipe);
    });
}

fn a_peer_that_resets_while_it_is_read_from(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let reading = windlass::spawn(async move { client.read(&mut [0; 8]).await });
        windlass::task::yield_now().await;
        server.set_zero_linger().unwrap();
        drop(server);
        let error = reading.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

fn closing_ends_a_read(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let reading = windlass::spawn(async move { client.read(&mut [0; 8]).await });
        windlass::task::yield_now().await;
        drop(server);
        assert_eq!(reading.await.unwrap().unwrap(), 0);
    });
}

fn descriptor_numbers_are_used_again(flavor: Flavor) {
    use std::os::fd::AsRawFd;
    flavor.runtime().block_on(async {
        let mut seen = std::collections::HashSet::new();
        let mut again = 0;
        for round in 0..100u8 {
            let (mut client, mut server) = pair().await;
            if !seen.insert(server.as_raw_fd()) {
                again += 1;
            }
            // Leaves an event that nobody has fetched yet for a descriptor that is closed at once.
            server.write_all(&[round]).await.unwrap();
            let mut byte = [0];
            client.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, [round]);
            server.write_all(b"unread").await.unwrap();
        }
        assert!(again > 0, "no number was used again, so this has shown nothing");
    });
}

fn options(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, _server) = pair().await;
        assert!(!client.nodelay().unwrap());
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_ttl(33).unwrap();
        assert_eq!(client.ttl().unwrap(), 33);
        assert_eq!(client.linger().unwrap(), None);
        client.set_zero_linger().unwrap();
        assert_eq!(client.linger().unwrap(), Some(std::time::Duration::ZERO));
        assert!(client.take_error().unwrap().is_none());
        #[cfg(target_os = "linux")]
        {
            client.set_quickack(false).unwrap();
            assert!(!client.quickack().unwrap());
        }
        assert!(format!("{client:?}").contains("127.0.0.1"), "{client:?}");
    });
}

fn from_std_and_back(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, mut server) = blocking_client().await;
        let mut client = TcpStream::from_std(client).unwrap();
        {
            let mut buffer = [0; 4];
            let mut read = Box::pin(client.read(&mut buffer));
            assert!(poll_once(&mut read).is_pending(), "it was made non-blocking");
        }
        client.write_all(b"async").await.unwrap();
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).await.unwrap();

        let mut client = client.into_std().unwrap();
        assert_eq!(client.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.set_nonblocking(false).unwrap();
        client.write_all(b"block").unwrap();
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"block");

        // And once more, as another registration of the same socket.
        let mut client = TcpStream::try_from(client).unwrap();
        server.write_all(b"again").await.unwrap();
        client.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"again");
    });
}

fn a_waker_that_changes(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        let mut buffer = [0; 8];
        {
            // Polled here, by this waker, ...
            let mut read = Box::pin(server.read(&mut buffer));
            assert!(poll_once(&mut read).is_pending());
        }
        // ... and by a task's.
        let reading = windlass::spawn(async move {
            let mut buffer = [0; 8];
            server.read(&mut buffer).await
        });
        windlass::task::yield_now().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 1);
    });
}

fn custom_operations(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let mut tries = 0;
        let reading = server.async_io(Interest::READABLE, || {
            tries += 1;
            rustix::net::recv(&server, &mut [0u8; 4], rustix::net::RecvFlags::empty())
                .map(|(_, length)| length)
                .map_err(io::Error::from)
        });
        let mut reading = Box::pin(reading);
        assert!(poll_once(&mut reading).is_pending());
        client.write_all(b"abc").await.unwrap();
        assert_eq!(reading.await.unwrap(), 3);
        assert!(tries >= 1);

        let refused: io::Result<()> =
            server.async_io(Interest::WRITABLE, || Err(io::Error::other("of its own"))).await;
        assert_eq!(refused.unwrap_err().to_string(), "of its own");

        client.write_all(b"d").await.unwrap();
        server.readable().await.unwrap();
        let mut called = false;
        let done = server.try_io(Interest::READABLE, || {
            called = true;
            rustix::net::recv(&server, &mut [0u8; 4], rustix::net::RecvFlags::empty())?;
            Err::<(), _>(io::ErrorKind::WouldBlock.into())
        });
        assert!(called && would_block(&done));
        // The event of the last byte may come only now: then it is ready once more, and no further.
        let mut calls = 0;
        for _ in 0..2 {
            let done: io::Result<()> = server.try_io(Interest::READABLE, || {
                calls += 1;
                Err(io::ErrorKind::WouldBlock.into())
            });
            assert!(would_block(&done));
        }
        assert!(calls <= 1, "it is not ready any more");
    });
}

/// A task that reads from a socket which always has something gives way in time.
fn a_ready_socket_keeps_nobody_waiting(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        client.write_all(&[1; 10_000]).await.unwrap();
        server.readable().await.unwrap();
        let mut reads = 0;
        let yielded = poll_fn(|cx| {
            let mut byte = [0];
            let read = std::pin::pin!(server.read(&mut byte));
            match Future::poll(read, cx) {
                Poll::Ready(read) => {
                    assert_eq!(read.unwrap(), 1);
                    reads += 1;
                    assert!(reads <= 10_000);
                    cx.waker().wake_by_ref();
                    Poll::Ready(false)
                }
                Poll::Pending => Poll::Ready(true),
            }
        });
        let mut yielded = Box::pin(yielded);
        // In one poll of this future.
        let reads_in_one_poll = poll_fn(|cx| {
            let mut count = 0;
            loop {
                match yielded.as_mut().poll(cx) {
                    Poll::Ready(true) | Poll::Pending => return Poll::Ready(count),
                    Poll::Ready(false) => count += 1,
                }
            }
        })
        .await;
        assert!((1..=128).contains(&reads_in_one_poll), "{reads_in_one_poll} reads in one poll");
    });
}
