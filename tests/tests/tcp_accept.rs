//! `TcpListener`: binding, accepting from one task and from many, giving it up, and its other faces.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::Poll;

use windlass::net::{TcpListener, TcpStream};
use windlass_tests::tcp::listener;
use windlass_tests::{Flavor, on_every_flavor, once, panics, poll_once};

on_every_flavor!(
    accepts_one_after_another,
    accepts_from_several_tasks,
    a_dropped_accept_loses_nothing,
    poll_accept_wakes_its_task,
    binds_whatever_names_an_address,
    the_last_error_is_returned,
    from_std_and_back,
    a_port_is_free_again_after_the_drop,
    accepted_sockets_neither_block_nor_are_inherited,
    ttl_is_kept,
    a_connection_that_was_reset_before_it_is_accepted_harms_nobody,
);
once!(panics_outside_of_a_runtime, a_listener_outlives_its_runtime);

fn accepts_one_after_another(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        for _ in 0..20 {
            let client = windlass::spawn(TcpStream::connect(address));
            let (server, peer) = listener.accept().await.unwrap();
            let client = client.await.unwrap().unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
            assert_eq!(server.peer_addr().unwrap(), peer);
            assert_eq!(server.local_addr().unwrap(), address);
        }
    });
}

fn accepts_from_several_tasks(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = Arc::new(listener().await);
        let address = listener.local_addr().unwrap();
        let servers: Vec<_> = (0..4)
            .map(|_| {
                let listener = listener.clone();
                windlass::spawn(async move {
                    for _ in 0..10 {
                        let (mut stream, _) = listener.accept().await.unwrap();
                        stream.write_all(b"served").await.unwrap();
                    }
                })
            })
            .collect();
        let clients: Vec<_> = (0..40)
            .map(|_| {
                windlass::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let mut text = String::new();
                    stream.read_to_string(&mut text).await.unwrap();
                    assert_eq!(text, "served");
                })
            })
            .collect();
        for task in servers.into_iter().chain(clients) {
            task.await.unwrap();
        }
    });
}

fn a_dropped_accept_loses_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        for _ in 0..3 {
            let mut accept = Box::pin(listener.accept());
            assert!(poll_once(&mut accept).is_pending());
        }
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
    });
}

fn poll_accept_wakes_its_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let accepting = windlass::spawn(async move {
            let mut pending = 0;
            let accepted = poll_fn(|cx| match listener.poll_accept(cx) {
                Poll::Pending => {
                    pending += 1;
                    Poll::Pending
                }
                ready => ready,
            })
            .await;
            (accepted.unwrap().1, pending)
        });
        let client = TcpStream::connect(address).await.unwrap();
        assert_eq!(accepting.await.unwrap().0, client.local_addr().unwrap());
    });
}

fn binds_whatever_names_an_address(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        for bound in [
            TcpListener::bind("127.0.0.1:0").await,
            TcpListener::bind(String::from("localhost:0")).await,
            TcpListener::bind(("127.0.0.1", 0)).await,
            TcpListener::bind(any).await,
            TcpListener::bind(&[any][..]).await,
        ] {
            assert_ne!(bound.unwrap().local_addr().unwrap().port(), 0);
        }
    });
}

fn the_last_error_is_returned(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let taken = listener().await;
        let taken = taken.local_addr().unwrap();
        // Twice the same port: the first one stays bound.
        let _first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let used = _first.local_addr().unwrap();
        let error = TcpListener::bind(used).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        // The second address of a list is used if the first does not work.
        let bound = TcpListener::bind(&[used, "127.0.0.1:0".parse().unwrap()][..]).await.unwrap();
        assert_ne!(bound.local_addr().unwrap(), used);
        let error = TcpListener::bind(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let _ = taken;
    });
}

fn from_std_and_back(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let std = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = std.local_addr().unwrap();
        let listener = TcpListener::from_std(std).unwrap();
        let mut accept = Box::pin(listener.accept());
        assert!(poll_once(&mut accept).is_pending(), "it was made non-blocking");
        let client = TcpStream::connect(address).await.unwrap();
        accept.await.unwrap();
        drop(client);

        let std = listener.into_std().unwrap();
        assert_eq!(std.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "it stays non-blocking");
        let listener = TcpListener::try_from(std).unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        listener.accept().await.unwrap();
    });
}

fn a_port_is_free_again_after_the_drop(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        drop((listener, server, client));
        TcpListener::bind(address).await.unwrap();
    });
}

fn accepted_sockets_neither_block_nor_are_inherited(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = windlass_tests::tcp::pair().await;
        for stream in [&client, &server] {
            let flags = rustix::fs::fcntl_getfl(stream).unwrap();
            assert!(flags.contains(rustix::fs::OFlags::NONBLOCK));
            let flags = rustix::io::fcntl_getfd(stream).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
        let listener = listener().await;
        assert!(rustix::io::fcntl_getfd(&listener).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        assert_eq!(listener.as_fd().as_raw_fd(), listener.as_raw_fd());
    });
}

fn ttl_is_kept(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        listener.set_ttl(77).unwrap();
        assert_eq!(listener.ttl().unwrap(), 77);
        assert!(listener.take_error().unwrap().is_none());
    });
}

fn a_connection_that_was_reset_before_it_is_accepted_harms_nobody(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let first = TcpStream::connect(address).await.unwrap();
        first.set_zero_linger().unwrap();
        drop(first);
        let second = TcpStream::connect(address).await.unwrap();
        let second = second.local_addr().unwrap();
        while listener.accept().await.unwrap().1 != second {}
    });
}

fn panics_outside_of_a_runtime() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let panicked = panics(|| TcpListener::from_std(listener));
    assert!(panicked.message.contains("block_on"), "{}", panicked.message);
}

fn a_listener_outlives_its_runtime() {
    let runtime = Flavor::MultiThread(2).runtime();
    let listener = runtime.block_on(listener());
    let mut accept = Box::pin(async move { listener.accept().await.map(|_| ()) });
    assert!(runtime.block_on(poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx).is_pending()))));
    drop(runtime);
    let error = futures::executor::block_on(accept).unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
}
