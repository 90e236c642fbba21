//! `select!`.

/// Waits for several futures in one task, and runs the handler of the first that is done with an output that fits its
/// pattern. The others are dropped.
///
/// ```text
/// select! {
///     biased;                                        // may be left out
///     pattern = future => handler,
///     pattern = future, if condition => handler,     // any number of these, up to 64
///     else => handler,                               // may be left out
/// }
/// ```
///
/// It is used in an async function, block or closure. The syntax and the rules are tokio's:
///
/// 1. All conditions are evaluated. A branch whose condition is false is *disabled*.
/// 2. The expressions of all futures are evaluated, those of disabled branches too, but those are never polled.
/// 3. The futures are polled, from a random one on, in the order they are written in. With `biased;` it is the first one on, which
///    costs less; then it is up to you that a branch which is always ready does not starve those below it.
/// 4. If the output of a future fits its pattern, all futures are dropped, and the value of the handler is that of `select!`. If it
///    does not, the branch is disabled and the others go on.
/// 5. If all branches are disabled, the handler of `else` is run.
///
/// Handlers run outside of any closure: `?`, `break`, `return` and `.await` do what they do around `select!`, and a handler may
/// borrow what another branch's future had borrowed. All handlers have the same type. A future is anything that is [`IntoFuture`]; one that lives in a
/// variable and shall outlive this `select!` is pinned and passed as `&mut future`.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Cancel safety
///
/// The futures that were not first are dropped wherever they wait. In a loop use what is cancel safe, which the documentation of
/// each method says, or keep the future outside of the loop.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// use std::future::pending;
///
/// let first = windlass::select! {
///     _ = pending::<()>() => "never",
///     n = async { 7 } => if n == 7 { "seven" } else { "another" },
/// };
/// assert_eq!(first, "seven");
/// # }
/// ```
///
/// A pattern that does not fit disables its branch, and `else` is what comes when none is left:
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// let mut numbers = Some(1);
/// let mut sum = 0;
/// loop {
///     windlass::select! {
///         Some(n) = async { numbers } => {
///             sum += n;
///             numbers = (n < 4).then_some(n + 1);
///         }
///         else => break,
///     }
/// }
/// assert_eq!(sum, 10);
/// # }
/// ```
///
/// A future that goes on over several rounds, until a token says stop:
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// use std::pin::pin;
/// use windlass::task::yield_now;
///
/// let mut work = pin!(async {
///     yield_now().await;
///     42
/// });
/// let mut rounds = 0;
/// let answer = loop {
///     windlass::select! {
///         biased;
///         answer = &mut work => break answer,
///         _ = yield_now(), if rounds < 1_000 => rounds += 1,
///     }
/// };
/// assert_eq!(answer, 42);
/// # }
/// ```
///
/// [`IntoFuture`]: std::future::IntoFuture
#[macro_export]
macro_rules! select {
    ($($branches:tt)*) => {
        $crate::macros::support::select!($crate; $($branches)*)
    };
}
