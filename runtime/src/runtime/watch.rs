//! Functions that a runtime calls whenever a descriptor is ready.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Handle;
use crate::driver::{Evented, Interest};
use crate::task::{AbortHandle, yield_now};

/// A watch that was begun with [`Handle::add_reader`] or [`add_writer`](Handle::add_writer). Dropping it changes
/// nothing.
///
/// # Examples
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (ours, _theirs) = UnixStream::pair()?;
/// let watch = windlass::runtime::Handle::current().add_reader(&ours, || println!("something came"))?;
/// watch.cancel();
/// while !watch.is_finished() {
///     windlass::task::yield_now().await;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WatchHandle(AbortHandle);

impl WatchHandle {
    /// Ends the watch; asyncio's `remove_reader` and `remove_writer`. A call under way is finished, and no other
    /// follows.
    #[doc(alias = "remove_reader")]
    #[doc(alias = "remove_writer")]
    pub fn cancel(&self) {
        self.0.abort();
    }

    /// Whether the function will be called no more, and is dropped.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl fmt::Debug for WatchHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchHandle").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl Handle {
    /// Has the runtime call a function whenever there is something to read, or nothing will come; asyncio's
    /// `add_reader`.
    ///
    /// It is called again and again as long as that is so (level-triggered), by one task; other tasks run in between. So it
    /// reads some, and need not read all. The end of a stream is readable for ever: [`cancel`](WatchHandle::cancel)
    /// the watch then.
    ///
    /// The descriptor is duplicated. It may have other watches, or be that of a socket of this crate, and it stays open until
    /// all watches are cancelled, or the runtime shuts down. Unlike asyncio, one watch does not replace another of the
    /// same descriptor, and a panic in the function ends the watch; it is reported as that of any task.
    ///
    /// # Errors
    ///
    /// If the system cannot wait for it, such as for a plain file, or has no descriptor left.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use std::sync::mpsc;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let rt = windlass::runtime::Runtime::new()?;
    /// let (mut ours, mut theirs) = UnixStream::pair()?;
    /// let (sender, receiver) = mpsc::channel();
    ///
    /// let watch = rt.handle().add_reader(&ours.try_clone()?, move || {
    ///     let mut byte = [0];
    ///     if ours.read(&mut byte).is_ok_and(|read| read == 1) {
    ///         let _ = sender.send(byte[0]);
    ///     }
    /// })?;
    /// theirs.write_all(b"hi")?;
    /// assert_eq!((receiver.recv(), receiver.recv()), (Ok(b'h'), Ok(b'i')));
    /// watch.cancel();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn add_reader<F>(&self, fd: &impl AsFd, f: F) -> io::Result<WatchHandle>
    where
        F: FnMut() + Send + 'static,
    {
        self.watch(fd, Interest::READABLE, PollFlags::IN, f)
    }

    /// Has the runtime call a function whenever there is room to write, or writing is of no use; asyncio's `add_writer`. For
    /// the rest see [`add_reader`](Self::add_reader).
    ///
    /// # Errors
    ///
    /// If the system cannot wait for it, such as for a plain file, or has no descriptor left.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use std::sync::mpsc;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let rt = windlass::runtime::Runtime::new()?;
    /// let (ours, _theirs) = UnixStream::pair()?;
    /// let (sender, receiver) = mpsc::sync_channel(1);
    /// let watch = rt.handle().add_writer(&ours, move || {
    ///     let _ = sender.try_send("there is room");
    /// })?;
    /// assert_eq!(receiver.recv(), Ok("there is room"));
    /// // It would be called for ever.
    /// watch.cancel();
    /// println!("gone, or about to go: {}", watch.is_finished());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn add_writer<F>(&self, fd: &impl AsFd, f: F) -> io::Result<WatchHandle>
    where
        F: FnMut() + Send + 'static,
    {
        self.watch(fd, Interest::WRITABLE, PollFlags::OUT, f)
    }

    #[track_caller]
    fn watch<F>(&self, fd: &impl AsFd, interest: Interest, flags: PollFlags, f: F) -> io::Result<WatchHandle>
    where
        F: FnMut() + Send + 'static,
    {
        let fd = fd.as_fd().try_clone_to_owned()?;
        let watched = {
            let _runtime = self.enter();
            Evented::new(fd, interest)?
        };
        let task = self.spawn(call_whenever_ready(watched, interest, flags, f));
        Ok(WatchHandle(task.abort_handle()))
    }
}

async fn call_whenever_ready(
    fd: Evented<OwnedFd>,
    interest: Interest,
    flags: PollFlags,
    mut f: impl FnMut(),
) {
    // It fails once the runtime is gone.
    while let Ok(event) = fd.registration().ready(interest).await {
        f();
        // The driver tells of a change, and the function need not have read all.
        let mut state = [PollFd::new(&*fd, flags)];
        if let Ok(0) = poll(&mut state, Some(&Timespec::default())) {
            fd.registration().disprove(event);
        }
        // Also the place where a watch ends that the function has cancelled.
        yield_now().await;
    }
}
