//! A value that is made once, by whoever needs it first.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::OnceLock;

use super::wait::{Closed, Held, Permits, Refused, const_unless_model};
use crate::task::Resource;

/// A value that is made once, by whoever needs it first, while others wait for it.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use windlass::sync::OnceCell;
///
/// static ADDRESS: OnceCell<String> = OnceCell::const_new();
///
/// let address = ADDRESS.get_or_init(|| async { "127.0.0.1".to_owned() }).await;
/// assert_eq!(address, "127.0.0.1");
/// # });
/// ```
///
/// ```
/// use windlass::sync::OnceCell;
///
/// let mut cell = OnceCell::new_with(Some(1));
/// assert_eq!(cell.get(), Some(&1));
/// *cell.get_mut().unwrap() += 1;
/// assert_eq!(cell.into_inner(), Some(2));
/// ```
#[doc(alias("Lazy", "functools.cache"))]
pub struct OnceCell<T> {
    value: Value<T>,
    /// One permit: the right to set the value. Closed once it is set, so that all who wait go on together.
    right: Permits,
}

/// The value. std's lock cannot have one from the beginning in a constant.
enum Value<T> {
    Given(T),
    Once(OnceLock<T>),
}

impl<T> Value<T> {
    #[inline]
    fn get(&self) -> Option<&T> {
        match self {
            Value::Given(value) => Some(value),
            Value::Once(value) => value.get(),
        }
    }

    /// Sets it, if it is not there.
    fn put(&self, new: T) -> &T {
        match self {
            Value::Given(value) => value,
            Value::Once(value) => value.get_or_init(|| new),
        }
    }
}

impl<T> OnceCell<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self::const_new()
    }

    const_unless_model! {
        /// As [`new`](Self::new), in a constant.
        pub fn const_new() -> Self {
            Self { value: Value::Once(OnceLock::new()), right: Permits::new(1) }
        }
    }

    const_unless_model! {
        /// One with that value, in a constant.
        ///
        /// # Examples
        ///
        /// ```
        /// use windlass::sync::OnceCell;
        ///
        /// static PORT: OnceCell<u16> = OnceCell::const_new_with(8080);
        ///
        /// assert_eq!(PORT.get(), Some(&8080));
        /// assert!(PORT.set(80).unwrap_err().is_already_init_err());
        /// ```
        pub fn const_new_with(value: T) -> Self {
            Self { value: Value::Given(value), right: Permits::closed() }
        }
    }

    /// One with that value, if it is one.
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => Self::const_new_with(value),
            None => Self::const_new(),
        }
    }

    /// Sets the value. The caller has the right to.
    fn put(&self, value: T) -> &T {
        let value = self.value.put(value);
        self.right.close();
        value
    }

    /// Whether the value is there.
    pub fn initialized(&self) -> bool {
        self.value.get().is_some()
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        match &mut self.value {
            Value::Given(value) => Some(value),
            Value::Once(value) => value.get_mut(),
        }
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// With the value, if there is one already, or one is being made.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = windlass::sync::OnceCell::new();
    /// assert!(cell.set(1).is_ok());
    /// assert!(cell.set(2).unwrap_err().is_already_init_err());
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match self.right.try_acquire(1) {
            Ok(()) => {
                let _right = Held::new(&self.right, 1);
                self.put(value);
                Ok(())
            }
            Err(Refused::Closed) => Err(SetError::AlreadyInitializedError(value)),
            Err(Refused::TooFew) => Err(SetError::InitializingError(value)),
        }
    }

    /// The value; if it is not there, makes it, or waits for whoever makes it.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it makes the value, the next one that needs it begins anew.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let cell = windlass::sync::OnceCell::new();
    /// assert_eq!(*cell.get_or_init(|| async { 1 }).await, 1);
    /// assert_eq!(*cell.get_or_init(|| async { 2 }).await, 1);
    /// # });
    /// ```
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        match self.get_or_try_init(|| async { Ok::<T, Infallible>(f().await) }).await {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// The value; if it is not there, makes it, or waits for whoever makes it.
    ///
    /// # Errors
    ///
    /// If it cannot be made; the next one that needs it tries again.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it makes the value, the next one that needs it begins anew.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let cell = windlass::sync::OnceCell::new();
    /// assert!(cell.get_or_try_init(|| async { Err("no") }).await.is_err());
    /// assert_eq!(cell.get_or_try_init(|| async { Ok::<_, &str>(2) }).await, Ok(&2));
    /// # });
    /// ```
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        match self.right.acquire(1, Resource::OnceCell).await {
            Ok(()) => {
                let _right = Held::new(&self.right, 1);
                Ok(self.put(f().await?))
            }
            Err(Closed) => Ok(self.value.get().expect("it is closed when the value is there")),
        }
    }

    /// The value, if it is there.
    pub fn into_inner(self) -> Option<T> {
        match self.value {
            Value::Given(value) => Some(value),
            Value::Once(value) => value.into_inner(),
        }
    }

    /// Takes the value out, and leaves the cell empty.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut cell = windlass::sync::OnceCell::from(1);
    /// assert_eq!(cell.take(), Some(1));
    /// assert!(!cell.initialized());
    /// ```
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        Self::new_with(Some(value))
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// Why [`OnceCell::set`] did not set the value.
///
/// # Examples
///
/// ```
/// use windlass::sync::{OnceCell, SetError};
///
/// let cell = OnceCell::new();
/// cell.set(1).unwrap();
/// let error: SetError<i32> = cell.set(2).unwrap_err();
/// assert!(error.is_already_init_err() && !error.is_initializing_err());
/// assert_eq!(error, SetError::AlreadyInitializedError(2));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There is one already.
    AlreadyInitializedError(T),
    /// One is being made.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether there is a value already.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether one is being made.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "AlreadyInitializedError",
            SetError::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SetError<T> {}
