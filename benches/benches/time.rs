//! Timers that are created, cancelled, reset, and that fire.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn time(criterion: &mut Criterion) {
    support::bench(
        criterion,
        &[
            "timer_created/*",
            "timer_cancelled*",
            "timer_timeout_yield/*",
            "timer_reset/*",
            "timer_fired*/10k/*",
        ],
    );
}

criterion_group!(benches, time);
criterion_main!(benches);
