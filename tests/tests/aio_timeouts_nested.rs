//! Nested `timeout_scope`s of which the inner one leaves its end to the outer, where that cannot have it.

use std::future::pending;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use windlass::aio::timeout_scope;
use windlass::runtime::Handle;
use windlass::task;
use windlass::time::Instant;
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(rescheduled_around_one_that_is_due, one_inside_of_a_nested_block_on);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The inner scope leaves its end to the outer one, whose limit was over when the poll began, and is moved in that very poll.
fn rescheduled_around_one_that_is_due(flavor: Flavor) {
    flavor.run_paused(async {
        for later in [None, Some(Instant::now() + ms(60_000))] {
            let start = Instant::now();
            let scoped = timeout_scope(Duration::ZERO, async |outer| {
                outer.reschedule(later).unwrap();
                // Which polls only what was woken.
                let mut inner =
                    FuturesUnordered::from_iter([timeout_scope(Duration::ZERO, |_| pending::<()>())]);
                inner.next().await.unwrap()
            });
            // Else it waits for the outer one's new limit, or for ever.
            let ended = windlass::time::timeout(ms(1_000), scoped).await.unwrap();
            assert!(ended.unwrap().is_err());
            assert!(start.elapsed() < ms(1_000));
        }
    });
}

/// The outer scope cannot drop what is polled inside of a call that has not returned, and so does not end it.
fn one_inside_of_a_nested_block_on(flavor: Flavor) {
    if flavor.is_current_thread() {
        // There is no blocking in place.
        return;
    }
    flavor.runtime().block_on(async {
        let scoped = timeout_scope(ms(1), async |_| {
            task::block_in_place(|| Handle::current().block_on(timeout_scope(ms(5), |_| pending::<()>())))
        });
        assert!(scoped.await.unwrap().is_err());
    });
}
