//! Many connections at random: they echo, stop reading, close one direction or both, reset, are cancelled in the middle of a
//! read, and some are still open when the runtime goes.
//!
//! What must hold whatever happens: what comes back is what was sent, byte for byte, as far as it comes, and all of it
//! where nobody broke off; and nothing hangs. A failure prints its seed: `WINDLASS_STRESS_SEED` runs that script again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use fastrand::Rng;
use windlass::net::{TcpListener, TcpStream};
use windlass::task::JoinSet;
use windlass::time::timeout;
use windlass_tests::Flavor;
use windlass_tests::rounds::rounds;

const ROUNDS: u64 = 6;
const CONNECTIONS: usize = 150;

#[test]
fn two_workers() {
    stress(Flavor::MultiThread(2));
}

#[test]
fn eight_workers() {
    stress(Flavor::MultiThread(8));
}

#[test]
fn current_thread() {
    stress(Flavor::CurrentThread);
}

fn stress(flavor: Flavor) {
    rounds(flavor, ROUNDS, move |_, seed| run(flavor, seed));
}

fn run(flavor: Flavor, seed: u64) {
    let runtime = flavor.runtime();
    let whole = Arc::new(AtomicUsize::new(0));
    let expected = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        windlass::spawn(serve(listener));
        let mut clients = JoinSet::new();
        let mut random = Rng::with_seed(seed);
        let mut expected = 0;
        for _ in 0..CONNECTIONS {
            let ending = Ending::at_random(&mut random);
            expected += usize::from(ending.is_orderly());
            clients.spawn(client(address, random.u64(..), ending, Arc::clone(&whole)));
        }
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        // Left open, with a task on either side that waits.
        for _ in 0..10 {
            let mut open = TcpStream::connect(address).await.unwrap();
            windlass::spawn(async move { open.read(&mut [0]).await });
        }
        expected
    });
    drop(runtime);
    assert_eq!(whole.load(Relaxed), expected, "who was not broken off got all of it back");
}

async fn serve(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        windlass::spawn(async move {
            let mut buf = vec![0; 1 + fastrand::usize(..16 * 1024)];
            // A client that resets is an error here, and the end of it.
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                if stream.write_all(&buf[..n]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// Everything was read before.
    Drop,
    /// The end is sent first, and read back.
    HalfClose,
    /// With something unread, or not sent yet.
    Reset,
    /// The task is dropped wherever it is.
    Cancel,
}

impl Ending {
    fn at_random(random: &mut Rng) -> Self {
        match random.u8(..4) {
            0 => Ending::Drop,
            1 => Ending::HalfClose,
            2 => Ending::Reset,
            _ => Ending::Cancel,
        }
    }

    fn is_orderly(self) -> bool {
        matches!(self, Ending::Drop | Ending::HalfClose)
    }
}

async fn client(address: SocketAddr, seed: u64, ending: Ending, whole: Arc<AtomicUsize>) {
    let stream = TcpStream::connect(address).await.unwrap();
    match ending {
        Ending::Drop | Ending::HalfClose => {
            converse(stream, seed, matches!(ending, Ending::HalfClose)).await;
            whole.fetch_add(1, Relaxed);
        }
        Ending::Reset => {
            stream.set_zero_linger().unwrap();
            let (mut read, mut write) = stream.into_split();
            let mut random = Rng::with_seed(seed);
            let sent = chunk(&mut random, 100_000);
            write.write_all(&sent).await.unwrap();
            let mut buf = vec![0; 1_000];
            let n = read.read(&mut buf).await.unwrap();
            assert_eq!(buf[..n], sent[..n]);
        }
        Ending::Cancel => {
            let patience = Duration::from_micros(Rng::with_seed(seed).u64(..3_000));
            let _ = timeout(patience, converse(stream, seed, false)).await;
        }
    }
}

/// Sends and reads back, in pieces of any size, sometimes with a read that is given up and begun again.
async fn converse(stream: TcpStream, seed: u64, half_close: bool) {
    let mut random = Rng::with_seed(seed);
    let mut check = random.clone();
    let chunks = random.usize(1..20);
    let _ = check.usize(1..20);
    let (mut read, mut write) = stream.into_split();
    let writer = windlass::spawn(async move {
        for _ in 0..chunks {
            let sent = chunk(&mut random, 20_000);
            write.write_all(&sent).await.unwrap();
            if sent.len().is_multiple_of(7) {
                windlass::task::yield_now().await;
            }
        }
        if half_close { drop(write) } else { write.forget() }
    });
    let mut buf = vec![0; 1 + seed as usize % 5_000];
    for _ in 0..chunks {
        let expected = chunk(&mut check, 20_000);
        let mut got = 0;
        while got < expected.len() {
            let most = buf.len().min(expected.len() - got);
            let patience = Duration::from_micros(50 * (got as u64 % 3));
            let n = match timeout(patience, read.read(&mut buf[..most])).await {
                Ok(n) => n.unwrap(),
                // Cut off before it had anything: nothing is lost.
                Err(_) => read.read(&mut buf[..most]).await.unwrap(),
            };
            assert!(n > 0, "the end came {got} bytes into a chunk of {}", expected.len());
            assert_eq!(buf[..n], expected[got..got + n], "{got} bytes into a chunk");
            got += n;
        }
    }
    writer.await.unwrap();
    if half_close {
        assert_eq!(read.read(&mut buf).await.unwrap(), 0, "the end comes after the last byte");
    }
}

fn chunk(random: &mut Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.usize(1..most)];
    random.fill(&mut bytes);
    bytes
}
