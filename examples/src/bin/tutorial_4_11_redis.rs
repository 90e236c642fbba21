//! What aioredis is for Python, redis-rs is for Rust: a Redis of our own, asked by many tasks over one connection.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_11_redis` (it needs Debian's `redis-server`)
//!
//! It is this program:
//!
//! ```python
//! async def main():
//!     redis = aioredis.from_url(f"redis://127.0.0.1:{port}")
//!     await redis.set("my-key", "value")
//!     print("my-key:", await redis.get("my-key"))
//!
//!     counts = await asyncio.gather(*(redis.incr("visitors") for _ in range(100)))
//!     print("visitors:", max(counts))
//!
//!     waiting = asyncio.create_task(redis.blpop("queue"))
//!     done, _ = await asyncio.wait([waiting], timeout=0.1)
//!     print("in the queue after 100ms:", done)
//!     await redis.rpush("queue", "a job")
//!     print("queue:", await waiting)
//!
//! asyncio.run(main())
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use windlass::aio::{ReturnWhen, try_gather, wait};
use windlass::net::TcpStream;
use windlass::time::timeout;
use windlass::{spawn, to_thread};
use windlass_examples::redis_server::RedisServer;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[windlass::main]
async fn main() -> Result<(), Error> {
    let server = to_thread(RedisServer::start).await??;
    let address = server.address();
    println!("redis-server on {address}");
    // However this ends, the server goes first, and what waits for it sees that.
    let outcome = ask(address).await;
    to_thread(move || drop(server)).await?;
    outcome
}

async fn ask(address: SocketAddr) -> Result<(), Error> {
    let mut redis = connect(address).await?;
    let () = redis.set("my-key", "value").await?;
    // A limit of time is ours to set.
    let value: String = timeout(Duration::from_secs(5), redis.get("my-key")).await??;
    println!("my-key: {value}");

    let counts = try_gather((0..100).map(|_| visit(redis.clone()))).await?;
    println!("visitors: {}", counts.into_iter().max().unwrap_or_default());

    // On a connection of its own, for it would keep the others waiting.
    let mut other = connect(address).await?;
    let waiting = spawn(async move { other.blpop::<_, (String, String)>("queue", 0.0).await });
    let (done, pending) = wait([waiting], Some(Duration::from_millis(100)), ReturnWhen::AllCompleted).await?;
    println!("in the queue after 100ms: {done:?}");
    let () = redis.rpush("queue", "a job").await?;
    for waiting in pending {
        println!("queue: {:?}", waiting.await??);
    }
    Ok(())
}

async fn visit(mut redis: MultiplexedConnection) -> Result<u32, RedisError> {
    redis.incr("visitors", 1).await
}

/// redis-rs on a socket of this runtime: it reads and writes by tokio's traits, and its driver is a task.
async fn connect(address: SocketAddr) -> Result<MultiplexedConnection, Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // Its own limit would want tokio's clock.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (connection, driver) =
        MultiplexedConnection::new_with_config(&RedisConnectionInfo::default(), stream, config).await?;
    spawn(driver);
    Ok(connection)
}
