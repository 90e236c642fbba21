//! The tasks of a gather and their values, of one type or of several.

use std::fmt;
use std::mem;
use std::task::{Poll, Waker, ready};

use super::policy::Policy;
use crate::aio::into_task::{Enlist, IntoTask, Roll, Spawns};
use crate::task::JoinHandle;

/// One task, until its value is there.
pub struct Slot<P: Policy<V, E>, V, E>(State<P::Output, V>);

enum State<T, V> {
    Task(JoinHandle<T>),
    Value(V),
    Taken,
}

impl<P: Policy<V, E>, V, E> Slot<P, V, E> {
    fn new(task: impl IntoTask<P::Output>, spawns: &Spawns<'_>, roll: &mut Roll, key: usize) -> Self {
        Self(State::Task(task.enlist(spawns, Enlist { key, roll, fails: P::fails })))
    }

    fn poll(&mut self, waker: &Waker) -> Poll<Result<(), E>> {
        if let State::Task(task) = &mut self.0 {
            let outcome = ready!(task.poll_unmetered(waker));
            self.0 = State::Taken;
            match P::judge(outcome) {
                Ok(value) => self.0 = State::Value(value),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn abort(&self) {
        if let State::Task(task) = &self.0 {
            task.abort();
        }
    }

    fn into_value(self) -> V {
        match self.0 {
            State::Value(value) => value,
            _ => unreachable!("every task has given its value"),
        }
    }
}

impl<P: Policy<V, E>, V, E> fmt::Debug for Slot<P, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Task(task) => f.debug_tuple("Slot").field(task).finish(),
            State::Value(_) => f.write_str("Slot(Value)"),
            State::Taken => f.write_str("Slot(Taken)"),
        }
    }
}

/// The slots of a gather, by their index.
///
/// # Examples
///
/// What a `gather` is called where it is kept, with its place for the results:
///
/// ```
/// use std::future::Future;
/// use windlass::aio::{Gather, Slots, gather};
///
/// fn both<S: Slots>(gathered: Gather<S>) -> impl Future<Output = Result<S::Values, S::Error>>
/// where
///     Gather<S>: Future<Output = Result<S::Values, S::Error>>,
/// {
///     gathered
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(both(gather((async { 1 }, async { "a" }))).await.unwrap(), (1, "a"));
/// # }
/// ```
pub trait Slots {
    /// What the gather gives.
    type Values;
    /// What ends it early.
    type Error;

    #[doc(hidden)]
    fn size(&self) -> usize;

    /// Looks at one task. An error ends the gather.
    #[doc(hidden)]
    fn poll_one(&mut self, key: usize, waker: &Waker) -> Poll<Result<(), Self::Error>>;

    #[doc(hidden)]
    fn abort_all(&self);

    #[doc(hidden)]
    fn into_values(self) -> Self::Values;
}

impl<P: Policy<V, E>, V, E> Slots for Vec<Slot<P, V, E>> {
    type Values = Vec<V>;
    type Error = E;

    fn size(&self) -> usize {
        self.len()
    }

    fn poll_one(&mut self, key: usize, waker: &Waker) -> Poll<Result<(), E>> {
        self[key].poll(waker)
    }

    fn abort_all(&self) {
        self.iter().for_each(Slot::abort);
    }

    fn into_values(self) -> Vec<V> {
        self.into_iter().map(Slot::into_value).collect()
    }
}

/// What [`gather`](super::gather) takes: an iterator of futures or of handles, which gives a `Vec`, or a tuple of up
/// to twelve of them, which gives a tuple.
///
/// # Examples
///
/// For a function of one's own that hands its argument to `gather`:
///
/// ```
/// use windlass::aio::gather;
/// use windlass::task::JoinHandle;
///
/// async fn sum(tasks: Vec<JoinHandle<u32>>) -> u32 {
///     // A handle is a future, too, of a `Result`: the type says which of the two is meant.
///     let numbers: Vec<u32> = gather(tasks).await.unwrap();
///     numbers.into_iter().sum()
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// // An iterator of futures or of handles, or a tuple, which may mix both.
/// let (one, two): (i32, &str) = gather((async { 1 }, windlass::spawn(async { "two" }))).await.unwrap();
/// assert_eq!((one, two), (1, "two"));
/// assert_eq!(sum(vec![windlass::spawn(async { 3 }), windlass::spawn(async { 4 })]).await, 7);
/// # }
/// ```
pub trait Gatherable<P, V, E> {
    #[doc(hidden)]
    type Slots: Slots<Values = V, Error = E>;

    #[doc(hidden)]
    fn into_slots(self, spawns: &Spawns<'_>, roll: &mut Roll) -> Self::Slots;
}

impl<I, P, V, E> Gatherable<P, Vec<V>, E> for I
where
    I: IntoIterator,
    I::Item: IntoTask<P::Output>,
    P: Policy<V, E>,
{
    type Slots = Vec<Slot<P, V, E>>;

    fn into_slots(self, spawns: &Spawns<'_>, roll: &mut Roll) -> Self::Slots {
        let mut begun = Begun(Vec::new());
        begun.0.extend(self.into_iter().enumerate().map(|(key, task)| Slot::new(task, spawns, roll, key)));
        mem::take(&mut begun.0)
    }
}

/// The tasks of a gather that is not made yet. The iterator they come from may panic, and then nobody has a gather to drop.
struct Begun<P: Policy<V, E>, V, E>(Vec<Slot<P, V, E>>);

impl<P: Policy<V, E>, V, E> Drop for Begun<P, V, E> {
    fn drop(&mut self) {
        self.0.abort_all();
    }
}

macro_rules! tuples {
    ($(($($task:ident $value:ident $key:tt),+))+) => { $(
        impl<P, E, $($value),+> Slots for ($(Slot<P, $value, E>,)+)
        where
            $(P: Policy<$value, E>,)+
        {
            type Values = ($($value,)+);
            type Error = E;

            fn size(&self) -> usize {
                [$($key),+].len()
            }

            fn poll_one(&mut self, key: usize, waker: &Waker) -> Poll<Result<(), E>> {
                match key {
                    $($key => self.$key.poll(waker),)+
                    _ => unreachable!("there is no such task"),
                }
            }

            fn abort_all(&self) {
                $(self.$key.abort();)+
            }

            fn into_values(self) -> Self::Values {
                ($(self.$key.into_value(),)+)
            }
        }

        impl<P, E, $($task, $value),+> Gatherable<P, ($($value,)+), E> for ($($task,)+)
        where
            $(P: Policy<$value, E>, $task: IntoTask<<P as Policy<$value, E>>::Output>,)+
        {
            type Slots = ($(Slot<P, $value, E>,)+);

            fn into_slots(self, spawns: &Spawns<'_>, roll: &mut Roll) -> Self::Slots {
                ($(Slot::new(self.$key, spawns, roll, $key),)+)
            }
        }
    )+ };
}

tuples! {
    (A1 V1 0)
    (A1 V1 0, A2 V2 1)
    (A1 V1 0, A2 V2 1, A3 V3 2)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4, A6 V6 5)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4, A6 V6 5, A7 V7 6)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4, A6 V6 5, A7 V7 6, A8 V8 7)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4, A6 V6 5, A7 V7 6, A8 V8 7, A9 V9 8)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4, A6 V6 5, A7 V7 6, A8 V8 7, A9 V9 8, A10 V10 9)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4, A6 V6 5, A7 V7 6, A8 V8 7, A9 V9 8, A10 V10 9, A11 V11 10)
    (A1 V1 0, A2 V2 1, A3 V3 2, A4 V4 3, A5 V5 4, A6 V6 5, A7 V7 6, A8 V8 7, A9 V9 8, A10 V10 9, A11 V11 10, A12 V12 11)
}
