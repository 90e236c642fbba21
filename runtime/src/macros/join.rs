//! `join!` and `try_join!`.

/// Waits for several futures in one task until all of them are done; the value is the tuple of their outputs.
///
/// It is used in an async function, block or closure. The futures take turns in being polled first; after `biased;` they are
/// always polled in the order they are written in. They run in this task, so on one thread at a time: spawn tasks to use more, and await their
/// handles here.
///
/// # Cancel safety
///
/// Dropping the future around it drops them all.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// let (one, two) = windlass::join!(async { 1 }, async { "two" });
/// assert_eq!((one, two), (1, "two"));
/// # }
/// ```
#[macro_export]
macro_rules! join {
    ($($futures:tt)*) => {
        $crate::macros::support::join!($crate; $($futures)*)
    };
}

/// Waits for several futures in one task until all of them are done with `Ok` or one with `Err`.
///
/// The value is `Ok` with the tuple of what they came to, or the first `Err`, and then the others are dropped. All of them have
/// the same type of error. Otherwise it is [`join!`](crate::join).
///
/// # Cancel safety
///
/// Dropping the future around it drops them all.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// let both = windlass::try_join!(async { "1".parse::<u8>() }, async { "2".parse::<u16>() });
/// assert_eq!(both, Ok((1, 2)));
///
/// let failed = windlass::try_join!(async { "one".parse::<u8>() }, std::future::pending::<Result<(), _>>());
/// assert!(failed.is_err());
/// # }
/// ```
#[macro_export]
macro_rules! try_join {
    ($($futures:tt)*) => {
        $crate::macros::support::try_join!($crate; $($futures)*)
    };
}
