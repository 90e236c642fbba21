//! `net::lookup_host`: what it understands, what it refuses, and that nobody's blocking jobs keep a name waiting.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::{Arc, Barrier};

use windlass::blocking::ThreadPoolExecutor;
use windlass::net::lookup_host;
use windlass::run_in_executor;
use windlass::runtime::Handle;
use windlass::task::{self, block_in_place};
use windlass_tests::jobs::{Gate, held_job};
use windlass_tests::{Flavor, on_every_flavor, once, panics, poll_once};

on_every_flavor!(
    a_name,
    names_in_every_form,
    a_name_that_does_not_exist,
    while_the_pool_is_saturated,
    while_the_default_executor_is_saturated,
    many_at_once_while_the_pool_is_saturated,
    inside_a_job_of_a_saturated_pool,
    dropped_before_it_is_polled_and_while_it_looks,
    after_the_runtime_is_gone,
);

once!(
    an_address_needs_no_runtime,
    addresses_in_every_form,
    malformed,
    a_name_outside_of_a_runtime,
    while_more_workers_block_in_place_than_the_runtime_has_threads_of_its_own,
);

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}

fn a_name(flavor: Flavor) {
    let addresses: Vec<_> =
        flavor.runtime().block_on(async { lookup_host("localhost:8080").await.unwrap().collect() });
    assert!(!addresses.is_empty());
    assert!(addresses.iter().all(|address| is_loopback(*address) && address.port() == 8080), "{addresses:?}");
}

fn names_in_every_form(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let name = String::from("localhost:1");
        assert!(lookup_host(&name).await.unwrap().all(is_loopback));
        assert!(lookup_host(name).await.unwrap().all(is_loopback));
        assert!(lookup_host(("localhost", 2)).await.unwrap().all(|address| address.port() == 2));
        assert!(
            lookup_host((String::from("localhost"), 3)).await.unwrap().all(|address| address.port() == 3)
        );
        assert!(lookup_host(&("localhost", 4)).await.unwrap().all(is_loopback));
    });
}

fn a_name_that_does_not_exist(flavor: Flavor) {
    // A label may have 63 letters: this is no name anywhere, and nobody is asked for it.
    let name = format!("{}.invalid:80", "x".repeat(64));
    let failed = flavor.runtime().block_on(async { lookup_host(name).await.map(|_| ()) });
    failed.unwrap_err();
}

fn while_the_pool_is_saturated(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    let behind = runtime.spawn_blocking(|| ());
    let mut addresses = runtime.block_on(async { lookup_host("localhost:80").await.unwrap() });
    assert!(is_loopback(addresses.next().unwrap()));
    assert!(!held.is_finished() && !behind.is_finished());
    gate.open();
    runtime.block_on(async { (held.await.unwrap(), behind.await.unwrap()) });
}

fn while_the_default_executor_is_saturated(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(ThreadPoolExecutor::new(1));
    let (gate, job) = Gate::new();
    let held = runtime.handle().run_in_executor(None, job);
    gate.wait_begun();
    assert!(runtime.block_on(async { lookup_host("localhost:80").await.unwrap().all(is_loopback) }));
    assert!(!held.is_finished());
    gate.open();
    runtime.block_on(held).unwrap();
}

fn many_at_once_while_the_pool_is_saturated(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|port| {
                windlass::spawn(async move { lookup_host(("localhost", port)).await.unwrap().next() })
            })
            .collect();
        for (port, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().unwrap().port() as usize, port);
        }
    });
    gate.open();
    runtime.block_on(held).unwrap();
}

fn inside_a_job_of_a_saturated_pool(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let found = runtime.block_on(async {
        let look_up = || Handle::current().block_on(lookup_host("localhost:80")).unwrap().all(is_loopback);
        (task::spawn_blocking(look_up).await.unwrap(), run_in_executor(None, look_up).await.unwrap())
    });
    assert_eq!(found, (true, true));
}

fn dropped_before_it_is_polled_and_while_it_looks(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        drop(lookup_host("localhost:80"));
        for _ in 0..20 {
            let mut look_up = Box::pin(lookup_host("localhost:80"));
            drop(poll_once(&mut look_up));
        }
        assert!(lookup_host("localhost:80").await.unwrap().all(is_loopback));
    });
}

fn after_the_runtime_is_gone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let error = handle.block_on(lookup_host("localhost:80")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
    // Nothing has to be looked up for this.
    assert!(handle.block_on(lookup_host("127.0.0.1:80")).unwrap().all(is_loopback));
}

fn an_address_needs_no_runtime() {
    let mut look_up = Box::pin(lookup_host("127.0.0.1:80"));
    let std::task::Poll::Ready(addresses) = poll_once(&mut look_up) else {
        panic!("there is nothing to wait for")
    };
    assert!(addresses.unwrap().eq(["127.0.0.1:80".parse().unwrap()]));
}

fn addresses_in_every_form() {
    fn found<A: windlass::net::ToSocketAddrs>(address: A) -> Vec<SocketAddr> {
        futures::executor::block_on(lookup_host(address)).unwrap().collect()
    }
    let v4: SocketAddr = "10.0.0.1:80".parse().unwrap();
    let v6: SocketAddr = "[fe80::1]:80".parse().unwrap();
    let (ip4, ip6) = (Ipv4Addr::new(10, 0, 0, 1), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
    assert_eq!(found(v4), [v4]);
    assert_eq!(found(SocketAddrV4::new(ip4, 80)), [v4]);
    assert_eq!(found(SocketAddrV6::new(ip6, 80, 0, 0)), [v6]);
    assert_eq!(found((IpAddr::V4(ip4), 80)), [v4]);
    assert_eq!(found((ip4, 80)), [v4]);
    assert_eq!(found((ip6, 80)), [v6]);
    assert_eq!(found("10.0.0.1:80"), [v4]);
    assert_eq!(found(("10.0.0.1", 80)), [v4]);
    assert_eq!(found(("fe80::1", 80)), [v6]);
    assert_eq!(found(String::from("[fe80::1]:80")), [v6]);
    assert_eq!(found(&[v4, v6][..]), [v4, v6]);
    assert_eq!(found(&[][..]), []);
}

fn malformed() {
    for (host, what) in [
        ("localhost", "no port"),
        ("", "no port"),
        ("localhost:", "not a port"),
        ("localhost:http", "not a port"),
        ("localhost:65536", "not a port"),
        ("localhost:-1", "not a port"),
    ] {
        let error = futures::executor::block_on(lookup_host(host)).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{host:?}");
        assert!(error.to_string().contains(what), "{host:?}: {error}");
    }
}

fn a_name_outside_of_a_runtime() {
    let panicked = panics(|| futures::executor::block_on(lookup_host("localhost:80")).map(|_| ()));
    assert!(panicked.message.contains("no runtime"), "{}", panicked.message);
}

/// The stand-ins of workers that block in place are threads of the runtime's own as well.
fn while_more_workers_block_in_place_than_the_runtime_has_threads_of_its_own() {
    const WORKERS: usize = 40;
    let runtime = Flavor::MultiThread(WORKERS).runtime();
    let all = Arc::new(Barrier::new(WORKERS));
    let tasks: Vec<_> = (0..WORKERS)
        .map(|_| {
            let all = all.clone();
            runtime.spawn(async move {
                // One for each worker, before there is a stand-in that could take it.
                all.wait();
                block_in_place(|| {
                    all.wait();
                    Handle::current().block_on(lookup_host("localhost:80")).unwrap().all(is_loopback)
                })
            })
        })
        .collect();
    for task in tasks {
        assert!(futures::executor::block_on(task).unwrap());
    }
}
