//! The macros of [Windlass](https://docs.rs/windlass) that are written in Rust, `#[windlass::main]` and `#[windlass::test]` first.
//!
//! Programs reach them through the `windlass` crate, which re-exports both under its feature `macros`.
//! Their arguments are tokio's, so that a port changes the crate's name and nothing else.
//!
//! `select!`, `join!` and `try_join!` are there too, each behind a rule of the `windlass` crate that says where that crate is.
//!
//! A call of an attribute goes through three files: `args` reads what stands in the attribute's parentheses, `function` reads the
//! function below it without looking into its body, and `expand` writes the new function. Those of `select!` are read by `branches` and
//! written by `select`; `join` does both for the other two.

mod args;
mod branches;
mod expand;
mod function;
mod join;
mod select;

use proc_macro::TokenStream;

/// Turns an `async fn` into one that builds a runtime, runs the function's body on it and returns its result.
///
/// Meant for `main`, where it saves the few lines at the end of this page. Another function may carry it too, and is then a
/// plain function that builds a runtime of its own at each call; it cannot be called from inside a runtime.
///
/// On the main thread the first Ctrl-C drops what the function waits for, shuts the runtime down and ends the program, unless the
/// program listens for it; the second one ends it at once. See `windlass::run`.
///
/// # Arguments
///
/// | argument | value | default |
/// | --- | --- | --- |
/// | `flavor` | `"multi_thread"` or `"current_thread"` | `"multi_thread"` |
/// | `worker_threads` | a whole number from 1 on, with `multi_thread` only | as many as the machine has cores |
/// | `start_paused` | `true` or `false`: whether the clock stands; see `windlass::time::pause` | `false` |
/// | `crate` | where the `windlass` crate is, if it was renamed: `"path::to::it"` | `"::windlass"` |
///
/// # Panics
///
/// The function panics when the runtime cannot be built: the system refuses a thread, or the environment variable
/// `WINDLASS_WORKER_THREADS` holds nonsense.
///
/// # Examples
///
/// ```
/// #[windlass::main]
/// async fn main() {
///     let answer = windlass::spawn(async { 6 * 7 }).await.unwrap();
///     assert_eq!(answer, 42);
/// }
/// ```
///
/// With a result, so that `?` works, and two workers:
///
/// ```
/// #[windlass::main(flavor = "multi_thread", worker_threads = 2)]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let port: u16 = windlass::spawn(async { "8080".parse() }).await??;
///     assert_eq!(port, 8080);
///     Ok(())
/// }
/// ```
///
/// On the calling thread alone:
///
/// ```
/// #[windlass::main(flavor = "current_thread")]
/// async fn main() {
///     windlass::task::yield_now().await;
/// }
/// ```
///
/// When the crate has another name:
///
/// ```
/// use windlass as rope;
///
/// #[rope::main(crate = "rope")]
/// async fn main() {
///     rope::task::yield_now().await;
/// }
/// ```
///
/// What the second of these is, written by hand:
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     windlass::runtime::Builder::new_multi_thread()
///         .worker_threads(2)
///         .build()
///         .expect("cannot build the runtime")
///         .run(async move {
///             let port: u16 = windlass::spawn(async { "8080".parse() }).await??;
///             assert_eq!(port, 8080);
///             Ok(())
///         })
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(expand::Entry::Main, args.into(), item.into()).into()
}

/// Turns an `async fn` into a test that runs on a runtime of its own.
///
/// The arguments are those of [`macro@main`], but the default flavor is `"current_thread"`: a test that wants more than one thread says so.
/// A test leaves Ctrl-C alone.
/// Other attributes of tests (`#[should_panic]`, `#[ignore]`) work as on any test, and the test may return a `Result`.
///
/// # Examples
///
/// ```no_run
/// #[windlass::test]
/// async fn adds_up() {
///     let sum = windlass::spawn(async { 1 + 1 }).await.unwrap();
///     assert_eq!(sum, 2);
/// }
///
/// #[windlass::test(flavor = "multi_thread", worker_threads = 4)]
/// async fn on_four_workers() -> Result<(), windlass::task::JoinError> {
///     windlass::spawn(windlass::task::yield_now()).await
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(expand::Entry::Test, args.into(), item.into()).into()
}

/// `windlass::select!`, with the path of the crate before it.
#[doc(hidden)]
#[proc_macro]
pub fn select(tokens: TokenStream) -> TokenStream {
    match syn::parse(tokens) {
        Ok(call) => select::expand(call).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// `windlass::join!`, with the path of the crate before it.
#[doc(hidden)]
#[proc_macro]
pub fn join(tokens: TokenStream) -> TokenStream {
    joined(tokens, join::Kind::All)
}

/// `windlass::try_join!`, with the path of the crate before it.
#[doc(hidden)]
#[proc_macro]
pub fn try_join(tokens: TokenStream) -> TokenStream {
    joined(tokens, join::Kind::UntilError)
}

fn joined(tokens: TokenStream, kind: join::Kind) -> TokenStream {
    match syn::parse(tokens) {
        Ok(call) => join::expand(call, kind).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
