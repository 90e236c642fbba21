//! [`Job`]: one blocking call, to be run once, by whoever holds it.

use crate::error::JobError;
use crate::future::{Future, task};
use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;

/// What a [`Job`] is made of: something that runs once.
///
/// Every `FnOnce() + Send + 'static` is one. Implement it for a type of your own when being refused or
/// cancelled has to be told apart from being dropped, or to submit a record you have already allocated: a
/// [`Job`] keeps a value no larger than a pointer in itself, so that `struct TaskRef(Arc<Task>)` costs no
/// allocation.
///
/// Dropping it without running it means that it is cancelled.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
/// use windlass_blocking::{Job, Run};
///
/// struct Count(Arc<AtomicU32>);
///
/// impl Run for Count {
///     fn run(self) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let counter = Arc::new(AtomicU32::new(0));
/// Job::new(Count(counter.clone())).run();
/// assert_eq!(counter.load(Ordering::Relaxed), 1);
/// ```
pub trait Run: Send + 'static {
    /// Does the work, on a thread that may block.
    ///
    /// A panic in it ends neither the thread nor the pool.
    fn run(self);

    /// Ends the job without running it, for a reason other than cancellation.
    ///
    /// An executor that breaks calls this for what it had accepted. By default the error is dropped, and the
    /// job with it.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use windlass_blocking::{Job, JobError, Run};
    ///
    /// /// A call whose caller is told what became of it.
    /// struct Call(mpsc::Sender<Result<u32, JobError>>);
    /// impl Run for Call {
    ///     fn run(self) {
    ///         let _ = self.0.send(Ok(6 * 7));
    ///     }
    ///     fn fail(self, error: JobError) {
    ///         let _ = self.0.send(Err(error));
    ///     }
    /// }
    /// let (caller, told) = mpsc::channel();
    /// Job::new(Call(caller)).fail(JobError::broken("no threads left"));
    /// assert!(told.recv().unwrap().unwrap_err().is_broken());
    /// ```
    fn fail(self, error: JobError)
    where
        Self: Sized,
    {
        drop((self, error));
    }
}

impl<F: FnOnce() + Send + 'static> Run for F {
    fn run(self) {
        self();
    }
}

/// An owned unit of work that runs at most once, and is cancelled if it is dropped before it runs.
///
/// It remembers where in the program it was made. It is three words; only what is larger than a pointer is
/// boxed.
///
/// ```
/// use windlass_blocking::Job;
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let job = Job::new(move || sender.send("ran").unwrap());
/// assert!(job.location().file().ends_with(".rs"));
/// job.run();
/// assert_eq!(receiver.recv(), Ok("ran"));
/// ```
#[must_use = "a job that is dropped is cancelled"]
pub struct Job {
    /// The work itself if it fits, else the pointer of the box that holds it. Which one, `vtable` knows.
    data: MaybeUninit<*mut ()>,
    vtable: &'static VTable,
    location: &'static Location<'static>,
    /// `data` may own anything that can be sent (`Run: Send`), none of which need be `Sync`.
    owns: PhantomData<Box<dyn FnOnce() + Send>>,
}

/// What to do with `Job::data`. Each function takes over the value.
struct VTable {
    run: unsafe fn(MaybeUninit<*mut ()>),
    fail: unsafe fn(MaybeUninit<*mut ()>, JobError),
    drop: unsafe fn(MaybeUninit<*mut ()>),
}

// SAFETY: a `Job` is made from a `Run`, which is `Send`, and owns nothing else but `'static` references.
unsafe impl Send for Job {}

impl Job {
    /// Makes a job of `work`, remembering the caller's location.
    ///
    /// ```
    /// # use windlass_blocking::Job;
    /// Job::new(|| println!("from a pool, or wherever it is run")).run();
    /// ```
    #[track_caller]
    pub fn new<R: Run>(work: R) -> Self {
        Self::with_location(work, Location::caller())
    }

    /// Makes a job that says it was made at `location`.
    ///
    /// ```
    /// # use windlass_blocking::Job;
    /// let here = std::panic::Location::caller();
    /// assert_eq!(Job::with_location(|| (), here).location(), here);
    /// ```
    pub fn with_location<R: Run>(work: R, location: &'static Location<'static>) -> Self {
        Self { data: Packed::<R>::pack(work), vtable: &Packed::<R>::VTABLE, location, owns: PhantomData }
    }

    /// Makes a job of `f` and the future of what it returns, in one allocation; both say they were made at
    /// `location`. For those who submit to an [`Executor`](crate::Executor) in a way of their own.
    ///
    /// ```
    /// # use windlass_blocking::Job;
    /// let (job, future) = Job::with_future(|| 6 * 7, std::panic::Location::caller());
    /// std::thread::spawn(move || job.run());
    /// assert_eq!(future.result().unwrap(), 42);
    /// ```
    pub fn with_future<T, F>(f: F, location: &'static Location<'static>) -> (Self, Future<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        task(f, location)
    }

    /// Where the job was made, or what [`with_location`](Self::with_location) was told.
    ///
    /// ```
    /// # use windlass_blocking::Job;
    /// let job = Job::new(|| ());
    /// assert!(job.location().line() > 0);
    /// ```
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Runs the job on this thread.
    ///
    /// # Panics
    /// If the work panics: an executor whose threads must survive that catches it.
    ///
    /// ```
    /// # use windlass_blocking::Job;
    /// let result = std::panic::catch_unwind(|| Job::new(|| panic!("no")).run());
    /// assert!(result.is_err());
    /// ```
    #[inline]
    pub fn run(self) {
        let job = ManuallyDrop::new(self);
        // SAFETY: `data` belongs to this vtable, and `ManuallyDrop` makes this its only use.
        unsafe { (job.vtable.run)(job.data) }
    }

    /// Ends the job without running it, for `error` (see [`Run::fail`]); to cancel it, drop it.
    ///
    /// ```
    /// # use windlass_blocking::{Job, JobError, Run};
    /// struct Report;
    /// impl Run for Report {
    ///     fn run(self) {}
    ///     fn fail(self, error: JobError) {
    ///         assert!(error.is_broken());
    ///     }
    /// }
    /// Job::new(Report).fail(JobError::broken("no threads left"));
    /// ```
    pub fn fail(self, error: JobError) {
        let job = ManuallyDrop::new(self);
        // SAFETY: `data` belongs to this vtable, and `ManuallyDrop` makes this its only use.
        unsafe { (job.vtable.fail)(job.data, error) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: `data` belongs to this vtable; `run` and `fail` never come here, so this is its only use.
        unsafe { (self.vtable.drop)(self.data) }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("made_at", &format_args!("{}", self.location)).finish()
    }
}

/// How an `R` is put into a pointer-sized word.
struct Packed<R>(PhantomData<R>);

impl<R: Run> Packed<R> {
    /// Small enough to lie in the word itself.
    const INLINE: bool = mem::size_of::<R>() <= mem::size_of::<*mut ()>()
        && mem::align_of::<R>() <= mem::align_of::<*mut ()>();

    const VTABLE: VTable = VTable { run: Self::run, fail: Self::fail, drop: Self::drop };

    fn pack(work: R) -> MaybeUninit<*mut ()> {
        if Self::INLINE {
            let mut data = MaybeUninit::<*mut ()>::uninit();
            // SAFETY: `INLINE` says that an `R` fits the word in size and alignment.
            unsafe { data.as_mut_ptr().cast::<R>().write(work) };
            data
        } else {
            MaybeUninit::new(Box::into_raw(Box::new(work)).cast())
        }
    }

    /// # Safety
    /// `data` comes from `pack` of this very type, and is not used again.
    unsafe fn unpack(data: MaybeUninit<*mut ()>) -> R {
        if Self::INLINE {
            // SAFETY: `pack` wrote an `R` into the word, and the caller gives it up.
            unsafe { data.as_ptr().cast::<R>().read() }
        } else {
            // SAFETY: not inline, so `pack` initialised the word with a pointer.
            let boxed = unsafe { data.assume_init() };
            // SAFETY: `pack` made the pointer from a `Box<R>`, and the caller gives it up.
            *unsafe { Box::from_raw(boxed.cast::<R>()) }
        }
    }

    unsafe fn run(data: MaybeUninit<*mut ()>) {
        // SAFETY: the caller's promise is ours.
        unsafe { Self::unpack(data) }.run();
    }

    unsafe fn fail(data: MaybeUninit<*mut ()>, error: JobError) {
        // SAFETY: the caller's promise is ours.
        unsafe { Self::unpack(data) }.fail(error);
    }

    unsafe fn drop(data: MaybeUninit<*mut ()>) {
        // SAFETY: the caller's promise is ours.
        drop(unsafe { Self::unpack(data) });
    }
}
