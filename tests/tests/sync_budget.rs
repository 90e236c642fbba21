//! A poll that has no budget left waits all the same: it has its place in line, and what happens until the next poll is for it, too.

use windlass::sync::{Barrier, CancellationToken, CapacityLimiter, Event, Queue, Semaphore};
use windlass::task::coop::{consume_budget, has_budget_remaining};
use windlass::task::yield_now;
use windlass_tests::polled::Polled;
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(
    an_event_that_is_set_and_cleared,
    a_queue_that_is_worked_off_and_filled_again,
    a_barrier_that_waits_for_one_more,
    a_semaphore_serves_who_came_first,
    a_limiter_serves_who_came_first,
    a_queue_gives_to_who_came_first,
    a_queue_takes_from_who_came_first,
    an_item_that_was_kept_for_one_who_gives_up,
    a_token_reaches_a_future_that_uses_up_its_budget,
);

/// Uses up what is left of the budget of this poll.
async fn use_up_the_budget() {
    while has_budget_remaining() {
        consume_budget().await;
    }
}

/// The first poll of what is made by `f`, without budget; what follows has a fresh one.
async fn first_poll<F: Future>(future: F) -> Polled<F> {
    use_up_the_budget().await;
    let polled = Polled::waiting(future);
    yield_now().await;
    polled
}

fn an_event_that_is_set_and_cleared(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let event = Event::new();
        let mut waiting = first_poll(event.wait()).await;
        event.set();
        event.clear();
        waiting.ready();

        event.set();
        let mut waiting = first_poll(event.wait()).await;
        event.clear();
        waiting.ready();
    });
}

fn a_queue_that_is_worked_off_and_filled_again(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let queue = Queue::new();
        queue.try_put(1).unwrap();
        let mut joining = first_poll(queue.join()).await;
        queue.try_get().unwrap();
        queue.task_done();
        queue.try_put(2).unwrap();
        joining.ready();
    });
}

fn a_barrier_that_waits_for_one_more(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Barrier::new(2);
        let mut first = first_poll(barrier.wait()).await;
        assert!(Polled::new(barrier.wait()).ready().is_leader());
        assert!(!first.woken_and_ready().is_leader());
    });
}

fn a_semaphore_serves_who_came_first(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let semaphore = Semaphore::new(0);
        let mut first = first_poll(semaphore.acquire()).await;
        let mut second = Polled::waiting(semaphore.acquire());
        semaphore.add_permits(1);
        let _permit = first.woken_and_ready().unwrap();
        second.is_pending();
    });
}

fn a_limiter_serves_who_came_first(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let limiter = CapacityLimiter::new(1);
        let token = limiter.try_acquire().unwrap();
        let mut first = first_poll(limiter.acquire()).await;
        let mut second = Polled::waiting(limiter.acquire());
        drop(token);
        let token = first.woken_and_ready();
        second.is_pending();
        drop(token);
        drop(second.woken_and_ready());

        // One that is there is kept for it, and given back if it gives up.
        let first = first_poll(limiter.acquire()).await;
        assert!(limiter.try_acquire().is_err());
        drop(first);
        assert!(limiter.try_acquire().is_ok());
    });
}

fn a_queue_gives_to_who_came_first(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let queue = Queue::new();
        let mut first = first_poll(queue.get()).await;
        let mut second = Polled::waiting(queue.get());
        queue.try_put(1).unwrap();
        assert_eq!(first.woken_and_ready().unwrap(), 1);
        second.is_pending();
    });
}

fn a_queue_takes_from_who_came_first(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let queue = Queue::with_maxsize(1);
        queue.try_put(0).unwrap();
        let mut first = first_poll(queue.put(1)).await;
        let mut second = Polled::waiting(queue.put(2));
        assert_eq!(queue.try_get().unwrap(), 0);
        first.woken_and_ready().unwrap();
        second.is_pending();
        assert_eq!(queue.try_get().unwrap(), 1);
        second.woken_and_ready().unwrap();
    });
}

fn an_item_that_was_kept_for_one_who_gives_up(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let queue = Queue::new();
        queue.try_put(1).unwrap();
        let first = first_poll(queue.get()).await;
        assert!(queue.try_get().is_err(), "it is the first one's");
        let mut second = Polled::waiting(queue.get());
        drop(first);
        assert_eq!(second.woken_and_ready().unwrap(), 1);

        let mut late = first_poll(queue.get()).await;
        queue.shutdown(false);
        assert!(late.woken_and_ready().is_err());
    });
}

fn a_token_reaches_a_future_that_uses_up_its_budget(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let token = CancellationToken::new();
        let mut running = Polled::waiting(token.run_until_cancelled(async {
            loop {
                consume_budget().await;
            }
        }));
        token.cancel();
        yield_now().await;
        assert_eq!(running.ready(), None::<()>);
    });
}
