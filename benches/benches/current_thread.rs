//! The current-thread scheduler.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn current_thread(criterion: &mut Criterion) {
    support::bench(criterion, &["current/*", "spawn_join/current/*"]);
}

criterion_group!(benches, current_thread);
criterion_main!(benches);
