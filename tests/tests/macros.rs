//! `#[windlass::main]` and `#[windlass::test]` on code that is right.

use std::cell::Cell;
use std::process::Termination;

use windlass::runtime::{Handle, RuntimeFlavor};

/// The flavor of the runtime the caller runs on.
fn flavor() -> RuntimeFlavor {
    Handle::current().runtime_flavor()
}

#[windlass::test]
async fn a_test_is_current_thread_by_default() {
    assert_eq!(flavor(), RuntimeFlavor::CurrentThread);
}

#[windlass::test(flavor = "multi_thread")]
async fn a_test_can_be_multi_thread() {
    assert_eq!(flavor(), RuntimeFlavor::MultiThread);
}

#[windlass::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_test_can_count_its_workers() {
    assert_eq!(Handle::current().metrics().num_workers(), 3);
}

#[windlass::test()]
async fn empty_parentheses_are_fine() {
    windlass::task::yield_now().await;
}

#[windlass::test]
async fn the_question_mark_works() -> Result<(), Box<dyn std::error::Error>> {
    let number: u8 = windlass::spawn(async { "7".parse() }).await??;
    assert_eq!(number, 7);
    Ok(())
}

#[windlass::test]
#[should_panic(expected = "as announced")]
async fn attributes_stay_on_the_test() {
    windlass::task::yield_now().await;
    panic!("as announced");
}

#[windlass::test]
async fn inner_attributes_stay_too() {
    #![allow(unused_variables)]
    let nobody_reads_this = 1;
}

#[windlass::test]
async fn the_result_converts_as_in_any_function() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().count() == 0 {
        return Err(Box::new(std::fmt::Error));
    }
    Ok(())
}

#[windlass::test]
async fn the_result_may_be_an_impl_trait() -> impl Termination {
    std::process::ExitCode::SUCCESS
}

#[windlass::main]
async fn multi_by_default() -> RuntimeFlavor {
    flavor()
}

#[windlass::main(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers() -> usize {
    Handle::current().metrics().num_workers()
}

#[windlass::main(flavor = "current_thread")]
async fn on_this_thread() -> std::thread::ThreadId {
    windlass::spawn(async { std::thread::current().id() }).await.unwrap()
}

#[test]
fn main_takes_the_same_arguments() {
    assert_eq!(multi_by_default(), RuntimeFlavor::MultiThread);
    assert_eq!(two_workers(), 2);
    assert_eq!(on_this_thread(), std::thread::current().id());
}

#[windlass::main(flavor = "current_thread")]
async fn generic<T: Send + 'static>(value: T) -> T
where
    Vec<T>: Clone,
{
    windlass::spawn(async move { value }).await.unwrap()
}

#[windlass::main(flavor = "current_thread")]
async fn first_word(text: &str) -> &str {
    windlass::task::yield_now().await;
    text.split(' ').next().unwrap_or(text)
}

#[test]
fn a_helper_may_be_generic_and_borrow() {
    assert_eq!(generic("a".to_string()), "a");
    assert_eq!(first_word("one two"), "one");
}

/// The main future need not be `Send`, nor `'static`.
#[windlass::main]
async fn not_send(cell: &Cell<u8>) {
    cell.set(cell.get() + 1);
    windlass::task::yield_now().await;
    cell.set(cell.get() + 1);
}

#[test]
fn the_future_stays_on_its_thread() {
    let cell = Cell::new(0);
    not_send(&cell);
    assert_eq!(cell.get(), 2);
}

struct Server(u8);

impl Server {
    /// `main` need not be the program's.
    fn main() -> u8 {
        #[windlass::main]
        async fn main() {
            windlass::task::yield_now().await;
        }
        main();
        2
    }

    #[windlass::main(flavor = "current_thread")]
    async fn start() -> Self {
        windlass::task::yield_now().await;
        Self(1)
    }

    #[windlass::main(flavor = "current_thread")]
    pub(crate) async fn port(&self) -> u8 {
        windlass::task::yield_now().await;
        self.0
    }
}

#[test]
fn a_method_knows_its_self() {
    assert_eq!(Server::start().port(), 1);
    assert_eq!(Server::main(), 2);
}

mod renamed {
    use windlass as rope;

    #[rope::test(crate = "rope")]
    async fn the_path_as_a_string() {
        rope::task::yield_now().await;
    }

    #[rope::test(crate = rope)]
    async fn the_path_as_it_is() {
        rope::task::yield_now().await;
    }

    /// Modules of the user's that have our names do not stand in the way.
    mod shadows {
        #[allow(dead_code)]
        mod windlass {}
        #[allow(dead_code)]
        mod core {}

        #[::windlass::test]
        async fn our_names_are_found_from_the_root() {
            let body = 1;
            ::windlass::task::yield_now().await;
            assert_eq!(body, 1);
        }
    }
}
