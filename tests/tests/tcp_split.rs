//! The halves of a `TcpStream`.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use windlass::io::Interest;
use windlass::net::TcpStream;
use windlass_tests::tcp::{pair, would_block};
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(
    borrowed_halves,
    owned_halves_in_tasks,
    dropping_the_writer_ends_the_stream,
    a_forgotten_writer_does_not,
    reunited,
    strangers_are_not_reunited,
    attempts_on_halves,
    the_traits_of_futures_io,
    the_traits_of_tokio,
);

fn borrowed_halves(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, mut server) = pair().await;
        {
            let (mut reader, mut writer) = client.split();
            assert_eq!(reader.peer_addr().unwrap(), writer.peer_addr().unwrap());
            assert_eq!(reader.local_addr().unwrap(), writer.local_addr().unwrap());
            let mut buffer = [0; 4];
            let both = futures::future::join(writer.write_all(b"ping"), async {
                reader.read_exact(&mut buffer).await.unwrap();
            });
            let answer = async {
                let mut question = [0; 4];
                server.read_exact(&mut question).await.unwrap();
                server.write_all(b"pong").await.unwrap();
            };
            let ((sent, ()), ()) = futures::future::join(both, answer).await;
            sent.unwrap();
            assert_eq!(&buffer, b"pong");
            writer.shutdown().await.unwrap();
        }
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 0);
        // The stream is whole again, and open to be read from.
        server.write_all(b"more").await.unwrap();
        client.read_exact(&mut [0; 4]).await.unwrap();
    });
}

fn owned_halves_in_tasks(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = pair().await;
        let (mut reader, mut writer) = server.into_split();
        let echoing = windlass::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                match reader.read(&mut buffer).await.unwrap() {
                    0 => break,
                    read => writer.write_all(&buffer[..read]).await.unwrap(),
                }
            }
        });
        let (mut reader, mut writer) = client.into_split();
        let sending = windlass::spawn(async move {
            for n in 0..1000u16 {
                writer.write_all(&n.to_be_bytes()).await.unwrap();
            }
        });
        for n in 0..1000u16 {
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes).await.unwrap();
            assert_eq!(u16::from_be_bytes(bytes), n);
        }
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
        sending.await.unwrap();
        echoing.await.unwrap();
    });
}

fn dropping_the_writer_ends_the_stream(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, mut server) = pair().await;
        let (mut reader, writer) = client.into_split();
        drop(writer);
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 0);
        server.write_all(b"still").await.unwrap();
        reader.read_exact(&mut [0; 5]).await.unwrap();
    });
}

fn a_forgotten_writer_does_not(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = pair().await;
        let (reader, writer) = client.into_split();
        writer.forget();
        server.writable().await.unwrap();
        assert!(would_block(&server.try_read(&mut [0; 4])), "it is open");
        // Somebody else may have been told of the end only after that: the other half closes it.
        drop(reader);
        server.readable().await.unwrap();
        assert_eq!(server.try_read(&mut [0; 4]).unwrap(), 0);
    });
}

fn reunited(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, mut server) = pair().await;
        let (reader, writer) = client.into_split();
        let client = reader.reunite(writer).unwrap();
        let (reader, writer) = client.into_split();
        let mut client = writer.reunite(reader).unwrap();
        client.write_all(b"whole").await.unwrap();
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"whole");
    });
}

fn strangers_are_not_reunited(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = pair().await;
        let (client_reader, client_writer) = client.into_split();
        let (server_reader, server_writer) = server.into_split();
        let error = client_reader.reunite(server_writer).unwrap_err();
        assert!(error.to_string().contains("same stream"));
        let client = error.0.reunite(client_writer).unwrap();
        let server = server_reader.reunite(error.1).unwrap();
        assert_eq!(client.local_addr().unwrap(), server.peer_addr().unwrap());
    });
}

fn attempts_on_halves(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (client, server) = pair().await;
        let (_, writer) = client.into_split();
        let (reader, _) = server.into_split();
        writer.writable().await.unwrap();
        assert_eq!(writer.try_write(b"abc").unwrap(), 3);
        reader.readable().await.unwrap();
        assert!(reader.ready(Interest::READABLE).await.unwrap().is_readable());
        let mut bytes = Vec::with_capacity(8);
        assert_eq!(reader.try_read_buf(&mut bytes).unwrap(), 3);
        assert_eq!(bytes, b"abc");
        assert!(reader.as_ref().peer_addr().is_ok() && writer.as_ref().peer_addr().is_ok());
    });
}

/// As a crate does it that knows of nothing but the traits.
async fn echo_by_traits<S>(stream: S) -> io::Result<u64>
where
    S: futures::AsyncRead + futures::AsyncWrite,
{
    let (reader, mut writer) = futures::AsyncReadExt::split(stream);
    let copied = futures::io::copy(reader, &mut writer).await?;
    futures::AsyncWriteExt::close(&mut writer).await?;
    Ok(copied)
}

fn the_traits_of_futures_io(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let echoing = windlass::spawn(echo_by_traits(server));
        client.write_all(b"to and fro").await.unwrap();
        futures::AsyncWriteExt::flush(&mut client).await.unwrap();
        futures::AsyncWriteExt::close(&mut client).await.unwrap();
        let mut answer = String::new();
        futures::AsyncReadExt::read_to_string(&mut client, &mut answer).await.unwrap();
        assert_eq!(answer, "to and fro");
        assert_eq!(echoing.await.unwrap().unwrap(), 10);
    });
}

async fn echo_by_tokio<S>(stream: S) -> io::Result<u64>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite,
{
    use tokio::io::AsyncWriteExt as _;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let copied = tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await?;
    Ok(copied)
}

fn the_traits_of_tokio(flavor: Flavor) {
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    flavor.runtime().block_on(async {
        let (mut client, server) = pair().await;
        let echoing = windlass::spawn(echo_by_tokio(server));
        assert!(AsyncWrite::is_write_vectored(&client));
        let slices = [io::IoSlice::new(b"to "), io::IoSlice::new(b"and fro")];
        let written =
            poll_fn(|cx| AsyncWrite::poll_write_vectored(Pin::new(&mut client), cx, &slices)).await.unwrap();
        assert_eq!(written, 10);
        let (mut reader, mut writer) = client.into_split();
        tokio::io::AsyncWriteExt::shutdown(&mut writer).await.unwrap();
        // Into memory that was never written, behind what is there.
        let mut room = [std::mem::MaybeUninit::uninit(); 16];
        let mut buffer = ReadBuf::uninit(&mut room);
        buffer.put_slice(b"> ");
        while buffer.filled().len() < 12 {
            poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut reader), cx, &mut buffer)).await.unwrap();
        }
        assert_eq!(buffer.filled(), b"> to and fro");
        assert_eq!(echoing.await.unwrap().unwrap(), 10);
    });
}

#[test]
fn halves_and_streams_go_to_other_threads() {
    fn crosses<T: Send + Sync + Unpin + 'static>() {}
    crosses::<TcpStream>();
    crosses::<windlass::net::TcpListener>();
    crosses::<windlass::net::TcpSocket>();
    crosses::<windlass::net::tcp::OwnedReadHalf>();
    crosses::<windlass::net::tcp::OwnedWriteHalf>();
}
