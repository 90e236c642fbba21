//! A pipe with a name: it ends with its last writer, and goes on with the next, of which the system reports nothing until he writes.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::channel::mpsc::unbounded;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use tempfile::TempDir;
use windlass::io::{AsyncFd, Interest};
use windlass::runtime::Handle;
use windlass::task;
use windlass_tests::tcp::would_block;
use windlass_tests::{Flavor, on_every_flavor, poll_once};

on_every_flavor!(
    attempts_wait_for_the_next_writer,
    a_guard_waits_for_the_next_writer,
    an_attempt_of_both_directions_disproves_nothing,
    a_reader_is_called_for_what_the_next_writer_writes,
);

/// Deleted when it is dropped.
struct Fifo {
    _folder: TempDir,
    path: PathBuf,
}

impl Fifo {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Self { _folder: folder, path }
    }

    fn reader(&self) -> File {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        OpenOptions::new().read(true).custom_flags(flags).open(&self.path).unwrap()
    }

    /// A writer, as soon as there is a reader.
    fn writer(&self) -> File {
        OpenOptions::new().write(true).open(&self.path).unwrap()
    }
}

fn register(reader: File) -> AsyncFd<File> {
    // SAFETY: a `File` has the same open descriptor for as long as it lives.
    unsafe { AsyncFd::register(reader) }.unwrap()
}

fn attempts_wait_for_the_next_writer(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let fifo = Fifo::new();
        let fd = register(fifo.reader());
        for text in ["one", "another"] {
            let mut writer = fifo.writer();
            let (mut attempts, mut bytes) = (0, [0; 16]);
            {
                let mut reading = pin!(fd.async_io(Interest::READABLE, |mut reader| {
                    attempts += 1;
                    reader.read(&mut bytes)
                }));
                assert!(poll_once(&mut reading).is_pending(), "nothing is written yet");
                std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
                assert_eq!(reading.await.unwrap(), text.len());
            }
            assert!(attempts <= 2, "{attempts} attempts for two that can be told of");
            assert!(would_block(&fd.try_io(Interest::READABLE, |mut reader| reader.read(&mut bytes))));
            drop(writer);
            // The end of each is told, too.
            assert!(fd.readable().await.unwrap().ready().is_read_closed());
            assert_eq!(
                fd.async_io(Interest::READABLE, |mut reader| reader.read(&mut bytes)).await.unwrap(),
                0
            );
        }
    });
}

fn a_guard_waits_for_the_next_writer(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let fifo = Fifo::new();
        let fd = register(fifo.reader());
        drop(fifo.writer());
        assert_eq!(
            fd.readable().await.unwrap().try_io(|fd| fd.get_ref().read(&mut [0])).unwrap().unwrap(),
            0
        );
        let _writer = fifo.writer();
        let mut guard = fd.readable().await.unwrap();
        assert!(guard.ready().is_read_closed(), "nothing was reported since");
        assert!(guard.try_io(|fd| fd.get_ref().read(&mut [0])).is_err());
        assert!(poll_once(&mut pin!(fd.readable())).is_pending(), "it is open, and has nothing");
    });
}

fn an_attempt_of_both_directions_disproves_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let fifo = Fifo::new();
        let fd = register(fifo.reader());
        drop(fifo.writer());
        let mut guard = fd.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        // It may have been to write.
        assert!(guard.try_io(|_| Err::<(), _>(std::io::ErrorKind::WouldBlock.into())).is_err());
        assert!(fd.readable().await.unwrap().ready().is_read_closed());
    });
}

fn a_reader_is_called_for_what_the_next_writer_writes(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let fifo = Fifo::new();
        let (vain, mut reader) = (Arc::new(AtomicUsize::new(0)), fifo.reader());
        let (sender, mut read) = unbounded();
        let in_vain = vain.clone();
        let watch = Handle::current()
            .add_reader(&reader.try_clone().unwrap(), move || {
                let mut bytes = [0; 16];
                match reader.read(&mut bytes) {
                    Ok(length) => sender.unbounded_send(bytes[..length].to_vec()).unwrap(),
                    Err(_) => drop(in_vain.fetch_add(1, Ordering::Relaxed)),
                }
            })
            .unwrap();
        drop(fifo.writer());
        assert_eq!(read.next().await.unwrap(), b"", "the end is told");
        let mut writer = fifo.writer();
        for _ in 0..1_000 {
            task::yield_now().await;
        }
        std::io::Write::write_all(&mut writer, b"more").unwrap();
        while read.next().await.unwrap() != b"more" {}
        watch.cancel();
        let vain = vain.load(Ordering::Relaxed);
        assert!(vain <= 2, "called {vain} times for nothing");
    });
}
