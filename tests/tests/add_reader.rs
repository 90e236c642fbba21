//! `Handle::{add_reader, add_writer}`.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

use futures::StreamExt;
use futures::channel::mpsc::unbounded;
use windlass::runtime::{Handle, WatchHandle};
use windlass_tests::tcp::pair;
use windlass_tests::{Flavor, Ledger, on_every_flavor, once};

on_every_flavor!(
    called_as_long_as_there_is_something,
    called_again_when_there_is_more,
    called_when_there_is_room,
    cancelled_by_itself,
    cancelled_from_elsewhere,
    the_end_of_a_stream_is_told,
    beside_a_socket_of_this_crate,
    a_plain_file_is_refused,
    a_panic_ends_the_watch,
);
once!(the_end_of_the_runtime_drops_the_function, any_thread_may_begin_one);

fn called_as_long_as_there_is_something(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let (sender, mut bytes) = unbounded();
        theirs.write_all(b"level").unwrap();
        let watch = Handle::current()
            .add_reader(&ours.try_clone().unwrap(), move || {
                let mut byte = [0];
                ours.read_exact(&mut byte).unwrap();
                sender.unbounded_send(byte[0]).unwrap();
            })
            .unwrap();
        for expected in b"level" {
            assert_eq!(bytes.next().await, Some(*expected));
        }
        watch.cancel();
        assert_eq!(bytes.next().await, None, "the function is dropped");
        windlass_tests::yield_until(|| watch.is_finished()).await;
    });
}

fn called_again_when_there_is_more(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let (sender, mut bytes) = unbounded();
        let _watch = Handle::current()
            .add_reader(&ours.try_clone().unwrap(), move || {
                let mut byte = [0];
                ours.read_exact(&mut byte).unwrap();
                sender.unbounded_send(byte[0]).unwrap();
            })
            .unwrap();
        for round in 0..50 {
            theirs.write_all(&[round]).unwrap();
            assert_eq!(bytes.next().await, Some(round));
        }
    });
}

fn called_when_there_is_room(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(some) = ours.write(&[0; 4096]) {
            written += some;
        }
        let (sender, mut room) = unbounded();
        let watch = Handle::current()
            .add_writer(&ours, move || {
                let _ = sender.unbounded_send(());
            })
            .unwrap();
        windlass::task::yield_now().await;
        assert!(room.try_recv().is_err(), "there is no room yet");
        theirs.read_exact(&mut vec![0; written]).unwrap();
        room.next().await.unwrap();
        room.next().await.unwrap();
        watch.cancel();
        while room.next().await.is_some() {}
    });
}

fn cancelled_by_itself(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"unread").unwrap();
        let (watch_sender, watch_receiver) = mpsc::channel::<WatchHandle>();
        let (sender, mut calls) = unbounded();
        let watch = Handle::current()
            .add_reader(&ours, move || {
                sender.unbounded_send(()).unwrap();
                watch_receiver.recv().unwrap().cancel();
            })
            .unwrap();
        watch_sender.send(watch).unwrap();
        assert_eq!(calls.next().await, Some(()));
        assert_eq!(calls.next().await, None, "it was called again");
    });
}

fn cancelled_from_elsewhere(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ledger = Ledger::new();
        let tracked = ledger.track();
        let watch = Handle::current()
            .add_reader(&ours, move || {
                let _ = &tracked;
                unreachable!("there is nothing to read");
            })
            .unwrap();
        let other = watch.clone();
        std::thread::spawn(move || other.cancel()).join().unwrap();
        windlass_tests::yield_until(|| watch.is_finished()).await;
        ledger.assert_each_dropped_once(|_| true);
        drop(theirs);
    });
}

fn the_end_of_a_stream_is_told(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (sender, mut calls) = unbounded();
        let watch = Handle::current()
            .add_reader(&ours, move || {
                let _ = sender.unbounded_send(());
            })
            .unwrap();
        drop(theirs);
        calls.next().await.unwrap();
        calls.next().await.unwrap();
        watch.cancel();
        while calls.next().await.is_some() {}
    });
}

fn beside_a_socket_of_this_crate(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        let (sender, mut calls) = unbounded();
        let handle = Handle::current();
        let told = sender.clone();
        let readers = [
            handle.add_reader(&server, move || drop(told.unbounded_send(1))).unwrap(),
            handle.add_reader(&server, move || drop(sender.unbounded_send(2))).unwrap(),
        ];
        client.write_all(b"x").await.unwrap();
        let mut seen = [false; 3];
        while !(seen[1] && seen[2]) {
            seen[calls.next().await.unwrap()] = true;
        }
        server.read_exact(&mut [0]).await.unwrap();
        readers.iter().for_each(WatchHandle::cancel);
        while calls.next().await.is_some() {}
        // They are gone, and the socket is still watched.
        client.write_all(b"y").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
    });
}

fn a_plain_file_is_refused(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let refused = Handle::current().add_reader(&file, || {});
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
    });
}

fn a_panic_ends_the_watch(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"x").unwrap();
        let watch = Handle::current().add_reader(&ours, || panic!("of the function")).unwrap();
        windlass_tests::yield_until(|| watch.is_finished()).await;
    });
}

fn the_end_of_the_runtime_drops_the_function() {
    for flavor in [Flavor::CurrentThread, Flavor::MultiThread(2)] {
        let runtime = flavor.runtime();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let ledger = Ledger::new();
        let tracked = ledger.track();
        let _watch = runtime.handle().add_reader(&ours, move || _ = &tracked).unwrap();
        drop(runtime);
        ledger.assert_each_dropped_once(|_| true);
    }
}

fn any_thread_may_begin_one() {
    let runtime = Flavor::MultiThread(1).runtime();
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    let (sender, receiver) = mpsc::channel();
    runtime
        .handle()
        .add_reader(&ours.try_clone().unwrap(), move || {
            let mut byte = [0];
            ours.read_exact(&mut byte).unwrap();
            sender.send(byte[0]).unwrap();
        })
        .unwrap();
    theirs.write_all(b"!").unwrap();
    assert_eq!(receiver.recv().unwrap(), b'!');
}
