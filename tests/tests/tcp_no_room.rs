//! A listener in a process that has as many files open as it may. Each scenario has a process of its own.

use std::fs::File;
use std::future::poll_fn;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::Level;
use windlass::net::{TcpListener, TcpStream};
use windlass_tests::tcp::{listener, pair};
use windlass_tests::{Flavor, child, is_child, log, once, poll_once, run_to_success};

once!(
    waits_and_goes_on,
    poll_accept_waits_and_goes_on,
    does_not_spin,
    says_so_once_for_each_time,
    connecting_and_binding_are_errors,
    ten_thousand_connections,
);

/// Runs a scenario in a process of its own.
fn alone(name: &str, scenario: impl FnOnce()) {
    if is_child() {
        scenario();
    } else {
        print!("{}", run_to_success(child(&format!("once::{name}"))));
    }
}

/// Opens files until none is left.
struct Full(Vec<File>);

impl Full {
    fn new() -> Self {
        let highest = File::open("/dev/null").unwrap();
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = Some(highest.as_raw_fd() as u64 + 20);
        drop(highest);
        setrlimit(Resource::Nofile, limit).unwrap();
        let mut full = Full(Vec::new());
        full.fill();
        full
    }

    fn fill(&mut self) {
        while let Ok(file) = File::open("/dev/null") {
            self.0.push(file);
        }
    }

    fn make_room(&mut self, count: usize) {
        self.0.truncate(self.0.len() - count);
    }
}

fn paused() -> windlass::runtime::Runtime {
    let mut builder = Flavor::CurrentThread.builder();
    builder.start_paused(true).build().unwrap()
}

/// A listener to which somebody has connected whom nobody can accept.
async fn one_waits() -> (TcpListener, TcpStream, Full) {
    // The path of `accept`'s first use, which may open files of its own.
    drop(pair().await);
    let listener = listener().await;
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (listener, client, Full::new())
}

fn waits_and_goes_on() {
    alone("waits_and_goes_on", || {
        paused().block_on(async {
            let (listener, client, mut full) = one_waits().await;
            let accepting = windlass::spawn(async move { listener.accept().await.unwrap().1 });
            windlass::time::sleep(Duration::from_secs(60)).await;
            assert!(!accepting.is_finished());
            full.make_room(1);
            let start = windlass::time::Instant::now();
            assert_eq!(accepting.await.unwrap(), client.local_addr().unwrap());
            assert!(start.elapsed() <= Duration::from_millis(1100), "{:?}", start.elapsed());
        });
    });
}

fn poll_accept_waits_and_goes_on() {
    alone("poll_accept_waits_and_goes_on", || {
        paused().block_on(async {
            let (listener, client, mut full) = one_waits().await;
            let mut accepting = Box::pin(poll_fn(|cx| listener.poll_accept(cx)));
            let waited = windlass::time::timeout(Duration::from_secs(60), &mut accepting).await;
            assert!(waited.is_err());
            full.make_room(1);
            assert_eq!(accepting.await.unwrap().1, client.local_addr().unwrap());
        });
    });
}

fn does_not_spin() {
    fn processor_time() -> Duration {
        let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(usage.tv_sec as u64, usage.tv_nsec as u32)
    }
    alone("does_not_spin", || {
        Flavor::MultiThread(2).runtime().block_on(async {
            let (listener, client, mut full) = one_waits().await;
            let accepting = windlass::spawn(async move { listener.accept().await.unwrap().1 });
            let before = processor_time();
            windlass::time::sleep(Duration::from_secs(1)).await;
            let spent = processor_time() - before;
            assert!(
                spent < Duration::from_millis(200),
                "a second of waiting took {spent:?} of processor time"
            );
            full.make_room(1);
            let start = Instant::now();
            assert_eq!(accepting.await.unwrap(), client.local_addr().unwrap());
            assert!(start.elapsed() < Duration::from_secs(3));
        });
    });
}

fn says_so_once_for_each_time() {
    alone("says_so_once_for_each_time", || {
        log::listen();
        paused().block_on(async {
            let (listener, _client, mut full) = one_waits().await;
            let mut kept = Vec::new();
            for spell in 1..=2 {
                {
                    let mut accept = Box::pin(listener.accept());
                    assert!(windlass::time::timeout(Duration::from_secs(10), &mut accept).await.is_err());
                    let mut another = Box::pin(listener.accept());
                    assert!(poll_once(&mut another).is_pending());
                }
                let lines = log::lines_of("windlass::net");
                assert_eq!(lines.len(), spell, "{lines:?}");
                assert!(
                    lines
                        .iter()
                        .all(|line| line.level == Level::WARN && line.message.contains("cannot accept"))
                );
                full.make_room(2);
                kept.push(listener.accept().await.unwrap().0);
                // For the second time.
                kept.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
                full.fill();
            }
        });
    });
}

fn connecting_and_binding_are_errors() {
    alone("connecting_and_binding_are_errors", || {
        Flavor::CurrentThread.runtime().block_on(async {
            let (listener, _client, _full) = one_waits().await;
            let address = listener.local_addr().unwrap();
            let errors = [
                TcpStream::connect(address).await.map(drop),
                TcpListener::bind("127.0.0.1:0").await.map(drop),
            ];
            for error in errors {
                let error = error.unwrap_err().raw_os_error().unwrap();
                assert_eq!(error, rustix::io::Errno::MFILE.raw_os_error());
            }
        });
    });
}

/// Ten thousand clients and their servers in one process, as far as it may have so many files open.
fn ten_thousand_connections() {
    alone("ten_thousand_connections", || {
        const WANTED: usize = 10_000;
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).unwrap();
        let allowed = limit.current.map_or(WANTED, |files| (files as usize).saturating_sub(200) / 2);
        let count = WANTED.min(allowed);
        if count < WANTED {
            println!("ten_thousand_connections: only {count}, this process may not have more files open");
        }
        Flavor::MultiThread(2).runtime().block_on(async move {
            let listener = listener().await;
            let address = listener.local_addr().unwrap();
            windlass::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    windlass::spawn(async move {
                        let mut buffer = [0; 4];
                        while stream.read_exact(&mut buffer).await.is_ok() {
                            stream.write_all(&buffer).await.unwrap();
                        }
                    });
                }
            });
            let mut clients = Vec::new();
            for n in 0..count as u32 {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.write_all(&n.to_be_bytes()).await.unwrap();
                clients.push(client);
            }
            let asking: Vec<_> = clients
                .into_iter()
                .enumerate()
                .map(|(n, mut client)| {
                    windlass::spawn(async move {
                        let mut buffer = [0; 4];
                        for _ in 0..3 {
                            client.read_exact(&mut buffer).await.unwrap();
                            assert_eq!(u32::from_be_bytes(buffer), n as u32);
                            client.write_all(&buffer).await.unwrap();
                        }
                    })
                })
                .collect();
            for task in asking {
                task.await.unwrap();
            }
        });
    });
}
