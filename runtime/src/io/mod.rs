//! Reading and writing without blocking: traits, buffers, copying, splitting, and a pipe in memory.
//!
//! The traits are [futures-io]'s, their methods and the buffers [futures-lite]'s, so that what is written against those works here, and
//! the other way round. With the feature `tokio-io` the streams of this crate implement tokio's traits too.
//!
//! What tokio names differently:
//!
//! | tokio | asyncio | here |
//! | --- | --- | --- |
//! | `AsyncRead`, with its `ReadBuf` | `StreamReader` | [`AsyncRead`], with a slice |
//! | `AsyncWrite`, `poll_shutdown`, `shutdown()` | `StreamWriter`, `write_eof`, `drain` | [`AsyncWrite`], `poll_close`, [`close()`](AsyncWriteExt::close) |
//! | `AsyncBufReadExt::lines`, `next_line()` | `readline` | [`lines`](AsyncBufReadExt::lines), a `Stream` |
//! | `split`, `ReadHalf`, `WriteHalf` | - | the same, [`split`] |
//! | `copy`, `copy_buf`, `copy_bidirectional` | - | the same, [`copy`] |
//! | `duplex`, `DuplexStream` | - | the same, [`duplex`] |
//! | `std::io::Cursor`, `&[u8]` | `BytesIO` | [`Cursor`], `&[u8]` |
//!
//! [futures-io]: https://docs.rs/futures-io
//! [futures-lite]: https://docs.rs/futures-lite

mod async_fd;
mod copy;
mod copy_bidirectional;
mod copy_buf;
mod duplex;
mod pipe;
mod split;

pub use crate::driver::{Interest, Ready};
pub use async_fd::{AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError};
pub use copy::copy;
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use copy_buf::copy_buf;
pub use duplex::{DuplexStream, duplex};
pub use split::{ReadHalf, WriteHalf, split};

pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
pub use futures_lite::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter, Bytes, Chain, Cursor,
    Empty, Lines, Repeat, Sink, Split, Take, empty, repeat, sink,
};
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

/// What Unix alone has, where tokio has it.
pub mod unix {
    pub use super::{AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError};
}
