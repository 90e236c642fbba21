//! `interval`: when it ticks, what becomes of ticks that are missed, and what a reset does.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use windlass::runtime::Runtime;
use windlass::time::{self, Instant, Interval, MissedTickBehavior, interval, interval_at, sleep, timeout};
use windlass_tests::{Flavor, panics_at_its_caller};

const MS: Duration = Duration::from_millis(1);

windlass_tests::on_every_flavor!(
    it_ticks_at_once_and_each_period,
    it_starts_when_it_is_told,
    a_start_in_the_past_bursts,
    work_between_ticks_shifts_nothing,
    a_little_late_is_not_missed,
    burst_catches_up,
    delay_goes_on_from_where_it_is,
    skip_waits_for_the_next_in_step,
    a_tick_that_was_not_awaited_to_its_end_is_not_lost,
    reset_counts_from_now,
    reset_immediately_ticks_now,
    reset_after_and_at,
    the_longest_period_works,
    polled_by_hand,
    on_the_systems_clock_it_is_never_early,
    it_says_what_it_is,
);

windlass_tests::once!(a_period_of_zero_panics);

fn paused<F: Future>(flavor: Flavor, future: F) -> F::Output {
    flavor.builder().start_paused(true).build().expect("a runtime starts").block_on(future)
}

/// The moments of the next ticks, in milliseconds since `start`, and when they came.
async fn ticks<const N: usize>(start: Instant, interval: &mut Interval) -> [(u128, u128); N] {
    let mut ticks = [(0, 0); N];
    for tick in &mut ticks {
        let due = interval.tick().await;
        *tick = ((due - start).as_millis(), start.elapsed().as_millis());
    }
    ticks
}

fn it_ticks_at_once_and_each_period(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval(300 * MS);
        assert_eq!(ticks(start, &mut interval).await, [(0, 0), (300, 300), (600, 600), (900, 900)]);
    });
}

fn it_starts_when_it_is_told(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval_at(start + 100 * MS, 300 * MS);
        assert_eq!(ticks(start, &mut interval).await, [(100, 100), (400, 400)]);
    });
}

fn a_start_in_the_past_bursts(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        time::advance(650 * MS).await;
        let mut interval = interval_at(start, 300 * MS);
        assert_eq!(ticks(start, &mut interval).await, [(0, 650), (300, 650), (600, 650), (900, 900)]);
    });
}

fn work_between_ticks_shifts_nothing(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval(300 * MS);
        for n in 0..10 {
            assert_eq!((interval.tick().await - start).as_millis(), n * 300);
            sleep(250 * MS).await;
        }
    });
}

fn a_little_late_is_not_missed(flavor: Flavor) {
    for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
        paused(flavor, async move {
            let start = Instant::now();
            let mut interval = interval(300 * MS);
            interval.set_missed_tick_behavior(behavior);
            interval.tick().await;
            time::advance(305 * MS).await;
            assert_eq!(ticks(start, &mut interval).await, [(300, 305), (600, 600)], "{behavior:?}");
        });
    }
}

/// Ticks at 0, misses the tick at 300, and asks again at 650.
async fn missed(behavior: MissedTickBehavior) -> (Instant, Interval) {
    let start = Instant::now();
    let mut interval = interval(300 * MS);
    interval.set_missed_tick_behavior(behavior);
    interval.tick().await;
    time::advance(650 * MS).await;
    (start, interval)
}

fn burst_catches_up(flavor: Flavor) {
    paused(flavor, async {
        let (start, mut interval) = missed(MissedTickBehavior::Burst).await;
        assert_eq!(ticks(start, &mut interval).await, [(300, 650), (600, 650), (900, 900), (1200, 1200)]);
    });
}

fn delay_goes_on_from_where_it_is(flavor: Flavor) {
    paused(flavor, async {
        let (start, mut interval) = missed(MissedTickBehavior::Delay).await;
        assert_eq!(ticks(start, &mut interval).await, [(300, 650), (950, 950), (1250, 1250)]);
    });
}

fn skip_waits_for_the_next_in_step(flavor: Flavor) {
    paused(flavor, async {
        let (start, mut interval) = missed(MissedTickBehavior::Skip).await;
        assert_eq!(ticks(start, &mut interval).await, [(300, 650), (900, 900), (1200, 1200)]);
        // Missed by a whole number of periods.
        time::advance(900 * MS).await;
        assert_eq!(ticks(start, &mut interval).await, [(1500, 2100), (2400, 2400)]);
    });
}

fn a_tick_that_was_not_awaited_to_its_end_is_not_lost(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval(300 * MS);
        interval.tick().await;
        assert!(timeout(100 * MS, interval.tick()).await.is_err());
        assert!(timeout(100 * MS, interval.tick()).await.is_err());
        assert_eq!(ticks(start, &mut interval).await, [(300, 300), (600, 600)]);
    });
}

fn reset_counts_from_now(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval(300 * MS);
        interval.tick().await;
        sleep(100 * MS).await;
        interval.reset();
        assert_eq!(ticks(start, &mut interval).await, [(400, 400), (700, 700)]);
    });
}

fn reset_immediately_ticks_now(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval(300 * MS);
        interval.tick().await;
        sleep(100 * MS).await;
        interval.reset_immediately();
        assert_eq!(ticks(start, &mut interval).await, [(100, 100), (400, 400)]);
    });
}

fn reset_after_and_at(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval(300 * MS);
        interval.tick().await;
        interval.reset_after(50 * MS);
        assert_eq!(ticks(start, &mut interval).await, [(50, 50), (350, 350)]);
        interval.reset_at(start + 360 * MS);
        assert_eq!(ticks(start, &mut interval).await, [(360, 360), (660, 660)]);
        // Before a tick that is waited for.
        assert!(timeout(10 * MS, interval.tick()).await.is_err());
        interval.reset_after(20 * MS);
        assert_eq!(ticks(start, &mut interval).await, [(690, 690), (990, 990)]);
    });
}

fn the_longest_period_works(flavor: Flavor) {
    paused(flavor, async {
        let mut interval = interval(Duration::MAX);
        interval.tick().await;
        assert!(timeout(Duration::from_secs(86_400), interval.tick()).await.is_err());
        interval.reset();
        interval.reset_after(Duration::MAX);
        assert!(timeout(Duration::from_secs(86_400), interval.tick()).await.is_err());
    });
}

fn polled_by_hand(flavor: Flavor) {
    paused(flavor, async {
        let start = Instant::now();
        let mut interval = interval(300 * MS);
        let mut poll = async || poll_fn(|cx| Poll::Ready(interval.poll_tick(cx))).await;
        assert_eq!(poll().await, Poll::Ready(start));
        assert_eq!(poll().await, Poll::Pending);
        time::advance(300 * MS).await;
        assert_eq!(poll().await, Poll::Ready(start + 300 * MS));
        assert_eq!(poll().await, Poll::Pending);
    });
}

fn on_the_systems_clock_it_is_never_early(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let start = std::time::Instant::now();
        let mut interval = interval(2 * MS);
        for n in 0..20 {
            interval.tick().await;
            assert!(start.elapsed() >= n * 2 * MS);
        }
    });
}

fn it_says_what_it_is(flavor: Flavor) {
    paused(flavor, async {
        let mut interval = interval(300 * MS);
        assert_eq!(interval.period(), 300 * MS);
        assert_eq!(interval.missed_tick_behavior(), MissedTickBehavior::Burst);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        assert_eq!(interval.missed_tick_behavior(), MissedTickBehavior::Skip);
        let text = format!("{interval:?}");
        assert!(text.contains("period: 300ms, missed_tick_behavior: Skip"), "{text}");
    });
}

fn a_period_of_zero_panics() {
    let rt = Runtime::new().unwrap();
    let _guard = rt.enter();
    let of =
        |panicked: windlass_tests::Panicked| assert!(panicked.message.contains("`period` must be non-zero"));
    of(panics_at_its_caller(|| interval(Duration::ZERO)));
    of(panics_at_its_caller(|| interval_at(Instant::now(), Duration::ZERO)));
}
