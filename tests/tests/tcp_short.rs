//! `TcpStream`: reads and writes that do less than they were asked for, though more could be done at once.

use std::io::{IoSlice, IoSliceMut};

use rustix::net::{SendFlags, send};
use windlass_tests::tcp::pair;
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(
    more_buffers_than_the_system_writes_at_once,
    more_buffers_than_the_system_reads_at_once,
    what_is_out_of_band_divides_what_is_read,
);

/// More than any system takes in one call.
const BUFFERS: usize = 5000;

fn more_buffers_than_the_system_writes_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        let slices = [IoSlice::new(b"x"); BUFFERS];
        let mut written = client.write_vectored(&slices).await.unwrap();
        assert!(written < BUFFERS, "the system takes fewer at a time");
        while written < BUFFERS {
            let (some, left) = (written, &slices[written..]);
            written += match client.try_write_vectored(left) {
                Ok(some) => some,
                Err(_) => client.write_vectored(left).await.unwrap(),
            };
            assert!(written > some);
        }
        server.read_exact(&mut [0; BUFFERS]).await.unwrap();
    });
}

fn more_buffers_than_the_system_reads_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        client.write_all(&[b'x'; BUFFERS]).await.unwrap();
        // All of it is there, and told of once.
        while server.peek(&mut [0; BUFFERS]).await.unwrap() < BUFFERS {
            windlass::task::yield_now().await;
        }
        let mut bytes = [[0]; BUFFERS];
        let mut slices: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
        let mut read = server.read_vectored(&mut slices).await.unwrap();
        assert!(read < BUFFERS, "the system fills fewer at a time");
        while read < BUFFERS {
            read += server.read_vectored(&mut slices[read..]).await.unwrap();
        }
        assert_eq!(bytes, [[b'x']; BUFFERS]);
    });
}

fn what_is_out_of_band_divides_what_is_read(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, mut server) = pair().await;
        for (bytes, flags) in
            [(&b"before"[..], SendFlags::empty()), (b"!", SendFlags::OOB), (b"after", SendFlags::empty())]
        {
            send(&client, bytes, flags).unwrap();
        }
        // A read ends before what is out of band, and the next one begins behind it.
        let mut buffer = [0; 64];
        assert_eq!(server.read(&mut buffer).await.unwrap(), 6);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5);
        assert_eq!(buffer[..5], *b"after");
    });
}
