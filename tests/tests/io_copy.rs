//! `copy` and `copy_buf`: every byte, flushes where they are due, errors, and other tasks' turns.

use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use windlass::io::{
    self, AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, Cursor,
};
use windlass_tests::{Flavor, on_every_flavor, once};

on_every_flavor!(through_a_pipe, both_kinds_give_way);

once!(
    every_byte_in_order,
    short_writes,
    flushed_when_the_reader_waits,
    flushed_at_the_end,
    errors_of_either_side,
    a_writer_that_takes_nothing,
    interrupted_is_tried_again,
    an_end_is_final,
    copy_buf_leaves_what_is_not_written,
    trait_objects,
    the_rest_of_the_tools,
);

fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

/// What a reader or a writer does at one call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Reads or takes this many bytes at most.
    Bytes(usize),
    Fails(ErrorKind),
    Waits,
}

/// Reads zeros by a script, and then comes to its end.
struct Script(VecDeque<Step>);

fn script(steps: &[Step]) -> Script {
    Script(steps.to_vec().into())
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        match self.0.pop_front() {
            None => Poll::Ready(Ok(0)),
            Some(Step::Bytes(count)) => {
                buf[..count].fill(b'a');
                Poll::Ready(Ok(count))
            }
            Some(Step::Fails(kind)) => Poll::Ready(Err(kind.into())),
            Some(Step::Waits) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Takes bytes by a script, then all, and notes how many were written when it was flushed.
#[derive(Default)]
struct Written {
    steps: Vec<Step>,
    bytes: Vec<u8>,
    flushed_at: Vec<usize>,
}

impl AsyncWrite for Written {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let step = if self.steps.is_empty() { Step::Bytes(buf.len()) } else { self.steps.remove(0) };
        match step {
            Step::Bytes(count) => {
                let count = count.min(buf.len());
                self.bytes.extend(&buf[..count]);
                Poll::Ready(Ok(count))
            }
            Step::Fails(kind) => Poll::Ready(Err(kind.into())),
            Step::Waits => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        let written = self.bytes.len();
        self.flushed_at.push(written);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        panic!("a copy does not close its writer")
    }
}

/// Copies in both ways, and returns the writer of each, with the result.
fn both_ways(reader: impl Fn() -> Script, steps: &[Step]) -> [(Result<u64>, Written); 2] {
    let written = || Written { steps: steps.to_vec(), ..Written::default() };
    let (mut one, mut two) = (written(), written());
    block_on(async {
        let copied = io::copy(&mut reader(), &mut one).await;
        let buffered = io::copy_buf(&mut BufReader::with_capacity(64, reader()), &mut two).await;
        [(copied, one), (buffered, two)]
    })
}

fn every_byte_in_order() {
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    block_on(async {
        let mut writer = Cursor::new(Vec::new());
        assert_eq!(io::copy(&mut &bytes[..], &mut writer).await.unwrap(), 100_000);
        assert_eq!(writer.into_inner(), bytes);
        let mut writer = Cursor::new(Vec::new());
        assert_eq!(io::copy_buf(&mut &bytes[..], &mut writer).await.unwrap(), 100_000);
        assert_eq!(writer.into_inner(), bytes);
    });
}

fn short_writes() {
    use Step::{Bytes, Waits};
    let steps = [Bytes(1), Waits, Bytes(3), Waits, Waits, Bytes(2)];
    for (copied, written) in both_ways(|| script(&[Bytes(10), Waits, Bytes(20)]), &steps) {
        assert_eq!((copied.unwrap(), written.bytes.len()), (30, 30));
    }
}

fn flushed_when_the_reader_waits() {
    use Step::{Bytes, Waits};
    for (copied, written) in both_ways(|| script(&[Waits, Bytes(5), Waits, Waits, Bytes(5)]), &[]) {
        assert_eq!(copied.unwrap(), 10);
        // Not before the first byte, once for the two waits, and at the end.
        assert_eq!(written.flushed_at, [5, 10]);
    }
    // So that a peer that answers what it got is not waited for in vain.
    block_on(async {
        let (mut near, mut far) = io::duplex(64);
        let (mut source, mut sink) = io::duplex(64);
        let copying = async {
            let mut buffered = BufWriter::new(&mut near);
            io::copy(&mut source, &mut buffered).await
        };
        let talking = async {
            let mut answer = [0; 4];
            sink.write_all(b"ping").await.unwrap();
            far.read_exact(&mut answer).await.unwrap();
            drop(sink);
            answer
        };
        let (copied, answer) = windlass::join!(copying, talking);
        assert_eq!((copied.unwrap(), &answer), (4, b"ping"));
    });
}

fn flushed_at_the_end() {
    for (copied, written) in both_ways(|| script(&[]), &[]) {
        assert_eq!((copied.unwrap(), written.flushed_at.len()), (0, 1));
    }
}

fn errors_of_either_side() {
    use Step::{Bytes, Fails};
    let kind = ErrorKind::ConnectionReset;
    for (copied, written) in both_ways(|| script(&[Bytes(5), Fails(kind)]), &[]) {
        assert_eq!((copied.unwrap_err().kind(), written.bytes.len()), (kind, 5));
    }
    for (copied, written) in both_ways(|| script(&[Bytes(5), Bytes(5)]), &[Bytes(5), Fails(kind)]) {
        assert_eq!((copied.unwrap_err().kind(), written.bytes.len()), (kind, 5));
    }
}

fn a_writer_that_takes_nothing() {
    for (copied, _) in both_ways(|| script(&[Step::Bytes(5)]), &[Step::Bytes(2), Step::Bytes(0)]) {
        assert_eq!(copied.unwrap_err().kind(), ErrorKind::WriteZero);
    }
}

fn interrupted_is_tried_again() {
    use Step::{Bytes, Fails};
    let again = Fails(ErrorKind::Interrupted);
    for (copied, written) in
        both_ways(|| script(&[again, Bytes(5), again, again, Bytes(5)]), &[again, Bytes(1), again])
    {
        assert_eq!((copied.unwrap(), written.bytes.len()), (10, 10));
    }
}

fn an_end_is_final() {
    struct Ends(u8);
    impl AsyncRead for Ends {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize>> {
            self.0 += 1;
            assert_eq!(self.0, 1, "read again after its end");
            Poll::Ready(Ok(0))
        }
    }
    struct FlushesSlowly(u8);
    impl AsyncWrite for FlushesSlowly {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<usize>> {
            unreachable!()
        }
        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            self.0 += 1;
            cx.waker().wake_by_ref();
            if self.0 == 3 { Poll::Ready(Ok(())) } else { Poll::Pending }
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            unreachable!()
        }
    }
    assert_eq!(block_on(io::copy(&mut Ends(0), &mut FlushesSlowly(0))).unwrap(), 0);
}

fn copy_buf_leaves_what_is_not_written() {
    let mut reader = BufReader::new(&b"0123456789"[..]);
    let (mut near, mut far) = io::duplex(4);
    {
        let mut copying = pin!(io::copy_buf(&mut reader, &mut near));
        assert!(copying.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(reader.buffer(), b"456789");
    let mut four = [0; 4];
    assert_eq!(far.read(&mut four).now_or_never().unwrap().unwrap(), 4);
    assert_eq!(&four, b"0123");
}

fn trait_objects() {
    let mut bytes = &b"hello"[..];
    let mut writer = Cursor::new(Vec::new());
    let reader: &mut (dyn AsyncRead + Unpin) = &mut bytes;
    assert_eq!(block_on(io::copy(reader, &mut writer as &mut (dyn AsyncWrite + Unpin))).unwrap(), 5);
    let mut bytes = &b"hello"[..];
    let reader: &mut (dyn AsyncBufRead + Unpin) = &mut bytes;
    assert_eq!(block_on(io::copy_buf(reader, &mut writer)).unwrap(), 5);
}

fn the_rest_of_the_tools() {
    block_on(async {
        let mut ones = io::repeat(1).take(1_000);
        assert_eq!(io::copy(&mut ones, &mut io::sink()).await.unwrap(), 1_000);
        assert_eq!(io::copy_buf(&mut io::empty(), &mut io::sink()).await.unwrap(), 0);
    });
}

fn through_a_pipe(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let bytes: Vec<u8> = (0..300_000).map(|_| fastrand::u8(..)).collect();
        let (mut near, mut far) = io::duplex(1_000);
        let sent = bytes.clone();
        let copying = windlass::spawn(async move {
            let copied = io::copy(&mut &sent[..], &mut near).await?;
            near.close().await?;
            Result::Ok(copied)
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(copying.await.unwrap().unwrap(), 300_000);
        assert!(received == bytes);
    });
}

fn both_kinds_give_way(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for buffered in [false, true] {
            let endless = windlass::spawn(async move {
                let (mut reader, mut writer) = (BufReader::new(io::repeat(1)), io::sink());
                if buffered {
                    io::copy_buf(&mut reader, &mut writer).await
                } else {
                    io::copy(&mut reader, &mut writer).await
                }
            });
            let another = windlass::spawn(windlass::task::yield_now());
            another.await.unwrap();
            endless.abort();
            assert!(endless.await.unwrap_err().is_cancelled());
        }
    });
}
