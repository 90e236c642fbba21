//! Every failure of a group of tasks.

use std::error::Error;
use std::fmt::{self, Write};
use std::slice;
use std::vec;

use crate::aio::{BoxedError, TaskFailure};

/// The failures of the tasks of a [`TaskGroup`](super::TaskGroup), panics included, in the order in which they happened;
/// Python's `ExceptionGroup`. There is at least one.
///
/// An error that is a group itself nests: its failures are shown below it. [`into_boxed`](Self::into_boxed) makes an error of a group of
/// boxed ones.
///
/// # Examples
///
/// ```
/// use windlass::aio::{ErrorGroup, TaskGroup};
///
/// #[windlass::main]
/// async fn main() {
///     let group = TaskGroup::new();
///     group.spawn(async { "seven".parse::<u8>() });
///     let errors: ErrorGroup<_> = group.join().await.unwrap_err();
///     assert_eq!(errors.len(), 1);
///     for failure in errors {
///         println!("{failure}");
///     }
/// }
/// ```
///
/// As Python's `except*` does:
///
/// ```
/// use windlass::aio::TaskGroup;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = TaskGroup::new();
/// group.spawn(async { Err::<(), _>("no wind") });
/// let errors = group.join().await.unwrap_err();
/// assert_eq!((errors.len(), errors.iter().count()), (1, 1));
/// assert!(!errors.first().is_panic());
///
/// let (panics, errors) = errors.split(|failure| failure.is_panic());
/// assert!(panics.is_none());
/// assert_eq!(errors.unwrap().into_first().into_error(), Some("no wind"));
/// # }
/// ```
#[doc(alias = "ExceptionGroup")]
#[derive(Debug)]
pub struct ErrorGroup<E>(Vec<TaskFailure<E>>);

impl<E> ErrorGroup<E> {
    /// `None` if there are none.
    pub(super) fn of(failures: Vec<TaskFailure<E>>) -> Option<Self> {
        (!failures.is_empty()).then_some(Self(failures))
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each of them.
    pub fn iter(&self) -> slice::Iter<'_, TaskFailure<E>> {
        self.0.iter()
    }

    /// The one that ended the group.
    pub fn first(&self) -> &TaskFailure<E> {
        &self.0[0]
    }

    /// The one that ended the group, without the others.
    pub fn into_first(mut self) -> TaskFailure<E> {
        self.0.swap_remove(0)
    }

    /// Those for which `f` is true, and the rest; Python's `except*`.
    pub fn split(self, f: impl FnMut(&TaskFailure<E>) -> bool) -> (Option<Self>, Option<Self>) {
        let (yes, no) = self.0.into_iter().partition(f);
        (Self::of(yes), Self::of(no))
    }

    /// The group as a boxed error, whatever boxes `E`. `?` makes it one by itself if `E` is an error; a `Box<dyn Error>` is none.
    ///
    /// It can be downcast to an `ErrorGroup<`[`BoxedError`]`>`, and groups in it as well.
    ///
    /// # Examples
    ///
    /// A group in a task of another one:
    ///
    /// ```
    /// use std::error::Error;
    /// use windlass::aio::{ErrorGroup, TaskGroup};
    ///
    /// type Failure = Box<dyn Error + Send + Sync>;
    ///
    /// async fn parse_all(texts: [&'static str; 2]) -> Result<(), Failure> {
    ///     let group = TaskGroup::<Failure>::new();
    ///     for text in texts {
    ///         group.spawn(async move { Ok(text.parse::<u8>()?) });
    ///     }
    ///     group.join().await.map_err(ErrorGroup::into_boxed)?;
    ///     Ok(())
    /// }
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let outer = TaskGroup::<Failure>::new();
    /// outer.spawn(parse_all(["1", "two"]));
    /// let errors = outer.join().await.unwrap_err();
    /// assert!(errors.to_string().contains("invalid digit"));
    /// # }
    /// ```
    pub fn into_boxed(self) -> Box<dyn Error + Send + Sync>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let boxed = |failure| match failure {
            TaskFailure::Error(error) => TaskFailure::Error(BoxedError::new(E::into(error))),
            TaskFailure::Join(error) => TaskFailure::Join(error),
        };
        Box::new(ErrorGroup(self.0.into_iter().map(boxed).collect()))
    }
}

impl<E> IntoIterator for ErrorGroup<E> {
    type Item = TaskFailure<E>;
    type IntoIter = vec::IntoIter<TaskFailure<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, E> IntoIterator for &'a ErrorGroup<E> {
    type Item = &'a TaskFailure<E>;
    type IntoIter = slice::Iter<'a, TaskFailure<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<E: fmt::Display> fmt::Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} task{plural} of a group failed", self.0.len())?;
        for failure in &self.0 {
            f.write_str("\n  - ")?;
            write!(Indented(f), "{failure}")?;
        }
        Ok(())
    }
}

/// Moves all lines but the first to the right.
struct Indented<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Indented<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                self.0.write_str("\n    ")?;
            }
            self.0.write_str(line)?;
        }
        Ok(())
    }
}

impl<E: Error + 'static> Error for ErrorGroup<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.first())
    }
}
