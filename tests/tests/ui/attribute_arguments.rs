//! Arguments of the attribute that are wrong.

#[windlass::test(threads = 4)]
async fn unknown() {}

#[windlass::test(flavour = "multi_thread")]
async fn misspelt() {}

#[windlass::test(multi_thread)]
async fn flavor_without_its_name() {}

#[windlass::test(flavor = "threaded")]
async fn unknown_flavor() {}

#[windlass::test(flavor = 2)]
async fn flavor_is_a_number() {}

#[windlass::test(flavor)]
async fn flavor_without_a_value() {}

#[windlass::test(worker_threads = 4)]
async fn workers_on_the_default_flavor() {}

#[windlass::test(flavor = "current_thread", worker_threads = 4)]
async fn workers_on_current_thread() {}

#[windlass::test(flavor = "multi_thread", worker_threads = 0)]
async fn no_workers() {}

#[windlass::test(flavor = "multi_thread", worker_threads = "4")]
async fn workers_is_a_string() {}

#[windlass::test(flavor = "multi_thread", worker_threads = -1)]
async fn negative_workers() {}

#[windlass::test(flavor = "multi_thread", worker_threads = 2, worker_threads = 3)]
async fn given_twice() {}

#[windlass::test(start_paused = "yes")]
async fn paused_is_a_string() {}

#[windlass::test(crate = 5)]
async fn crate_is_a_number() {}

#[windlass::test(crate = "not a path")]
async fn crate_is_not_a_path() {}

#[windlass::test(flavor = "multi_thread" worker_threads = 2)]
async fn a_comma_is_missing() {}

fn main() {}
