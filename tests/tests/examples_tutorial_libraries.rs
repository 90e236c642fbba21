//! The tutorial's last section: clients of other libraries, against servers of their own.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use windlass_tests::example::output;
use windlass_tests::fileserver::has;

#[test]
fn the_example_of_section_4_11_http() {
    assert_eq!(
        output("tutorial_4_11_http", &[]),
        "/harbour 200 OK ships at rest\n\
         /lighthouse 200 OK a light each five seconds\n\
         /atlantis 404 Not Found no such place\n"
    );
}

#[test]
fn the_example_of_section_4_11_redis() {
    if !has("redis-server") {
        return;
    }
    let printed = output("tutorial_4_11_redis", &[]);
    let (first, rest) = printed.split_once('\n').expect("several lines");
    let address: SocketAddr =
        first.strip_prefix("redis-server on ").and_then(|address| address.parse().ok()).expect("an address");
    assert!(address.ip().is_loopback(), "{address}");
    assert_eq!(
        rest,
        "my-key: value\n\
         visitors: 100\n\
         in the queue after 100ms: []\n\
         queue: (\"queue\", \"a job\")\n"
    );
    // The server has ended with the program.
    let refused = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
