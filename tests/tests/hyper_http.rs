//! hyper's servers and clients on `compat::hyper`, over loopback: HTTP/1.1 and HTTP/2 by prior knowledge.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::Either;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::rt::{Executor, Sleep, Timer, Write as _};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use windlass::compat::hyper::{HyperExecutor, HyperIo, HyperTimer};
use windlass::net::{TcpListener, TcpStream};
use windlass::time::Instant;
use windlass_tests::tcp::{listener, pair};
use windlass_tests::{Flavor, on_every_flavor, once, panics_at_its_caller, poll_once};

on_every_flavor!(
    one_request_after_another_on_one_connection,
    pipelined_requests_are_answered_in_turn,
    chunked_bodies_both_ways,
    large_bodies,
    expect_continue,
    upgraded_connections,
    many_clients_at_once,
    http2_streams_share_a_connection,
    http2_large_bodies,
    other_streams_than_sockets,
    a_client_that_goes_away_harms_nobody,
    graceful_shutdown_finishes_the_request,
    the_executor_of_choice,
);
once!(
    a_slow_head_is_given_up,
    without_a_timer_there_is_no_limit,
    timers_wait_and_are_set_again,
    timers_outside_of_a_runtime_panic_at_their_caller,
    a_task_of_the_executor_knows_who_asked_for_it,
);

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

fn full(body: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, Infallible> {
    Full::new(body.into()).boxed_unsync()
}

/// A body of chunks that come one by one, each after other tasks have run.
fn chunks(count: usize, size: usize) -> impl Body<Data = Bytes, Error = Infallible> + Send {
    StreamBody::new(futures::stream::unfold(0, move |at| async move {
        windlass::task::yield_now().await;
        (at < count).then(|| (Ok(Frame::data(Bytes::from(vec![at as u8; size]))), at + 1))
    }))
}

async fn serve(request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let answer = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => full("root"),
        (&Method::GET, "/chunks") => chunks(20, 1000).boxed_unsync(),
        (&Method::POST, "/echo") => full(request.into_body().collect().await?.to_bytes()),
        (&Method::POST, "/count") => {
            let mut count = 0;
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                count += frame?.data_ref().map_or(0, Bytes::len);
            }
            full(count.to_string())
        }
        (&Method::GET, path) if path.starts_with("/n/") => full(path[3..].to_owned()),
        _ => {
            let mut answer = Response::new(full(""));
            *answer.status_mut() = StatusCode::NOT_FOUND;
            return Ok(answer);
        }
    };
    Ok(Response::new(answer))
}

async fn serve_http1(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        windlass::spawn(
            hyper::server::conn::http1::Builder::new()
                .timer(HyperTimer::new())
                .pipeline_flush(true)
                .serve_connection(HyperIo::new(stream), service_fn(serve)),
        );
    }
}

async fn http1_server() -> std::net::SocketAddr {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    windlass::spawn(serve_http1(listener));
    address
}

async fn http1_client<B>(address: std::net::SocketAddr) -> hyper::client::conn::http1::SendRequest<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(HyperIo::new(stream)).await.unwrap();
    windlass::spawn(connection);
    sender
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).header("host", "here").body(Empty::new()).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn one_request_after_another_on_one_connection(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut client = http1_client(http1_server().await).await;
        for n in 0..50 {
            client.ready().await.unwrap();
            let response = client.send_request(get(&format!("/n/{n}"))).await.unwrap();
            assert_eq!(text(response).await, n.to_string());
        }
        client.ready().await.unwrap();
        assert_eq!(client.send_request(get("/nothing")).await.unwrap().status(), StatusCode::NOT_FOUND);
    });
}

fn pipelined_requests_are_answered_in_turn(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut client = TcpStream::connect(http1_server().await).await.unwrap();
        let mut requests = String::new();
        for n in 0..30 {
            let close = if n == 29 { "connection: close\r\n" } else { "" };
            requests += &format!("GET /n/{n} HTTP/1.1\r\nhost: here\r\n{close}\r\n");
        }
        client.write_all(requests.as_bytes()).await.unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        let bodies: Vec<_> = answers
            .split("HTTP/1.1 200 OK\r\n")
            .skip(1)
            .map(|answer| answer.split_once("\r\n\r\n").unwrap().1.parse::<u32>().unwrap())
            .collect();
        assert_eq!(bodies, (0..30).collect::<Vec<_>>());
    });
}

fn chunked_bodies_both_ways(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let address = http1_server().await;
        let mut client = http1_client(address).await;
        let response = client.send_request(get("/chunks")).await.unwrap();
        assert_eq!(response.headers()["transfer-encoding"], "chunked");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 20_000);
        assert!(body.iter().enumerate().all(|(at, &byte)| usize::from(byte) == at / 1000));

        let mut client = http1_client(address).await;
        let body = Box::pin(chunks(30, 777));
        let request = Request::post("/count").header("host", "here").body(body).unwrap();
        assert_eq!(text(client.send_request(request).await.unwrap()).await, (30 * 777).to_string());
    });
}

fn large_bodies(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut client = http1_client(http1_server().await).await;
        let sent = Bytes::from((0..3_000_000u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        for _ in 0..2 {
            client.ready().await.unwrap();
            let request =
                Request::post("/echo").header("host", "here").body(Full::new(sent.clone())).unwrap();
            let response = client.send_request(request).await.unwrap();
            let received = response.into_body().collect().await.unwrap().to_bytes();
            assert!(received == sent, "{} bytes came back changed", received.len());
        }
    });
}

fn expect_continue(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut client = TcpStream::connect(http1_server().await).await.unwrap();
        let head = "POST /echo HTTP/1.1\r\nhost: here\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 25];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        client.write_all(b"body").await.unwrap();
        let mut received = String::new();
        while !received.ends_with("body") {
            let mut buffer = [0; 512];
            let read = client.read(&mut buffer).await.unwrap();
            assert!(read > 0, "{received}");
            received += std::str::from_utf8(&buffer[..read]).unwrap();
        }
        assert!(received.starts_with("HTTP/1.1 200"));
    });
}

fn upgraded_connections(flavor: Flavor) {
    async fn upgrade(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        windlass::spawn(async move {
            let upgraded = hyper::upgrade::on(request).await.unwrap();
            let mut stream = HyperIo::new(upgraded);
            let mut buffer = [0; 5];
            futures::AsyncReadExt::read_exact(&mut stream, &mut buffer).await.unwrap();
            futures::AsyncWriteExt::write_all(&mut stream, &buffer).await.unwrap();
            futures::AsyncWriteExt::close(&mut stream).await.unwrap();
        });
        let mut answer = Response::new(Empty::new());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer.headers_mut().insert("upgrade", "echo".parse().unwrap());
        answer.headers_mut().insert("connection", "upgrade".parse().unwrap());
        Ok(answer)
    }
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        windlass::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(HyperIo::new(server), service_fn(upgrade))
                .with_upgrades(),
        );
        let head = "GET / HTTP/1.1\r\nhost: here\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\nhello";
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 101") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    });
}

fn many_clients_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let address = http1_server().await;
        let clients: Vec<_> = (0..50)
            .map(|client| {
                windlass::spawn(async move {
                    let mut sender = http1_client(address).await;
                    for n in 0..10 {
                        sender.ready().await.unwrap();
                        let response = sender.send_request(get(&format!("/n/{client}-{n}"))).await.unwrap();
                        assert_eq!(text(response).await, format!("{client}-{n}"));
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

async fn http2_pair<B>() -> hyper::client::conn::http2::SendRequest<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (client, server) = pair().await;
    windlass::spawn(
        hyper::server::conn::http2::Builder::new(HyperExecutor::new())
            .timer(HyperTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .serve_connection(HyperIo::new(server), service_fn(serve)),
    );
    let (sender, connection) = hyper::client::conn::http2::Builder::new(HyperExecutor::new())
        .timer(HyperTimer::new())
        .handshake(HyperIo::new(client))
        .await
        .unwrap();
    windlass::spawn(connection);
    sender
}

fn http2_streams_share_a_connection(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let sender = http2_pair().await;
        let requests: Vec<_> = (0..100)
            .map(|n| {
                let mut sender = sender.clone();
                windlass::spawn(async move {
                    let response = sender.send_request(get(&format!("http://here/n/{n}"))).await.unwrap();
                    assert_eq!(response.version(), hyper::Version::HTTP_2);
                    assert_eq!(text(response).await, n.to_string());
                })
            })
            .collect();
        for request in requests {
            request.await.unwrap();
        }
    });
}

fn http2_large_bodies(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut sender = http2_pair().await;
        let sent = Bytes::from((0..2_000_000u32).map(|n| (n % 253) as u8).collect::<Vec<_>>());
        let request = Request::post("http://here/echo").body(Full::new(sent.clone())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes() == sent);
    });
}

fn other_streams_than_sockets(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = windlass::io::duplex(100);
        let server = HyperIo::new(server);
        assert!(!server.is_write_vectored());
        windlass::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(server, service_fn(serve)),
        );
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(HyperIo::new(client)).await.unwrap();
        windlass::spawn(connection);
        let sent = Bytes::from(vec![7; 50_000]);
        let request = Request::post("/echo").header("host", "here").body(Full::new(sent.clone())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes() == sent);

        let (client, server) = pair().await;
        let (client, mut server) = (HyperIo::new(client), HyperIo::new(server));
        assert!(client.is_write_vectored());
        assert_eq!(client.inner().peer_addr().unwrap(), server.inner_mut().local_addr().unwrap());
        let _: TcpStream = client.into_inner();
    });
}

fn a_client_that_goes_away_harms_nobody(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let address = http1_server().await;
        for n in 0..20 {
            let mut client = TcpStream::connect(address).await.unwrap();
            client
                .write_all(b"POST /echo HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\nhalf")
                .await
                .unwrap();
            if n % 2 == 0 {
                client.set_zero_linger().unwrap();
            }
        }
        let mut client = http1_client(address).await;
        assert_eq!(text(client.send_request(get("/")).await.unwrap()).await, "root");
    });
}

fn graceful_shutdown_finishes_the_request(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let (begins, mut begun) = futures::channel::mpsc::unbounded();
        let service = service_fn(move |request| {
            begins.unbounded_send(()).unwrap();
            serve(request)
        });
        let mut connection =
            hyper::server::conn::http1::Builder::new().serve_connection(HyperIo::new(server), service);
        client.write_all(b"POST /echo HTTP/1.1\r\nhost: here\r\ncontent-length: 4\r\n\r\nbo").await.unwrap();
        match futures::future::select(Pin::new(&mut connection), begun.next()).await {
            Either::Left(_) => panic!("it ended with half a request"),
            Either::Right(_) => {}
        }
        Pin::new(&mut connection).graceful_shutdown();
        client.write_all(b"dy").await.unwrap();
        connection.await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("body") && answer.contains("connection: close"), "{answer}");
    });
}

fn the_executor_of_choice(flavor: Flavor) {
    let other = Flavor::MultiThread(1).runtime();
    let ran = Arc::new(AtomicUsize::new(0));
    let executor = HyperExecutor::with_handle(other.handle().clone());
    let (sender, receiver) = futures::channel::oneshot::channel();
    let count = ran.clone();
    // Not even inside a runtime.
    executor.execute(async move {
        count.fetch_add(1, Ordering::SeqCst);
        sender.send(windlass::task::id()).unwrap();
    });
    flavor.runtime().block_on(receiver).unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

fn paused() -> windlass::runtime::Runtime {
    let mut builder = Flavor::CurrentThread.builder();
    builder.start_paused(true).build().unwrap()
}

fn a_slow_head_is_given_up() {
    paused().block_on(async {
        let (mut client, server) = pair().await;
        let started = Instant::now();
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(HyperTimer::new())
            .header_read_timeout(Duration::from_secs(30))
            .serve_connection(HyperIo::new(server), service_fn(serve));
        let connection = windlass::spawn(connection);
        client.write_all(b"GET / HTTP/1.1\r\nhost: he").await.unwrap();
        let error = connection.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        let took = started.elapsed();
        assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&took), "{took:?}");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
    });
}

fn without_a_timer_there_is_no_limit() {
    paused().block_on(async {
        let (mut client, server) = pair().await;
        let connection = windlass::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(HyperIo::new(server), service_fn(serve)),
        );
        client.write_all(b"GET / HTTP/1.1\r\nhost: he").await.unwrap();
        windlass::time::sleep(Duration::from_secs(3600)).await;
        assert!(!connection.is_finished());
        client.write_all(b"re\r\nconnection: close\r\n\r\n").await.unwrap();
        connection.await.unwrap().unwrap();
    });
}

fn timers_wait_and_are_set_again() {
    struct OfAnother;
    impl Future for OfAnother {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    impl Sleep for OfAnother {}

    paused().block_on(async {
        let timer = HyperTimer::new();
        let start = timer.now();
        timer.sleep(Duration::from_secs(5)).await;
        assert!(timer.now() - start >= Duration::from_secs(5));
        timer.sleep_until(start + Duration::from_secs(8)).await;
        assert!(timer.now() - start >= Duration::from_secs(8));

        let mut sleep = timer.sleep(Duration::from_secs(1));
        assert!(poll_once(&mut sleep).is_pending());
        let at = std::ptr::from_ref::<dyn Sleep>(&*sleep).cast::<()>();
        timer.reset(&mut sleep, start + Duration::from_secs(20));
        assert_eq!(std::ptr::from_ref::<dyn Sleep>(&*sleep).cast::<()>(), at, "it was allocated anew");
        sleep.await;
        assert!(timer.now() - start >= Duration::from_secs(20));

        let mut foreign: Pin<Box<dyn Sleep>> = Box::pin(OfAnother);
        timer.reset(&mut foreign, start + Duration::from_secs(30));
        foreign.await;
        assert!(timer.now() - start >= Duration::from_secs(30));
    });
}

#[test]
fn what_hyper_asks_of_them() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<HyperIo<TcpStream>>();
    crosses::<HyperExecutor>();
    crosses::<HyperTimer>();
}

fn timers_outside_of_a_runtime_panic_at_their_caller() {
    let timer = HyperTimer::new();
    panics_at_its_caller(|| timer.sleep(Duration::ZERO));
    panics_at_its_caller(|| timer.sleep_until(timer.now()));
}

fn a_task_of_the_executor_knows_who_asked_for_it() {
    Flavor::CurrentThread.runtime().block_on(async {
        let handle = windlass::runtime::Handle::current();
        HyperExecutor::new().execute(std::future::pending::<()>());
        HyperExecutor::with_handle(handle).execute(std::future::pending::<()>());
        windlass::task::yield_now().await;
        let tasks = windlass::task::all_tasks();
        assert_eq!(tasks.len(), 2);
        assert!(tasks.iter().all(|task| task.spawned_at().file() == file!()), "{tasks:?}");
    });
}
