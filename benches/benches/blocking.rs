//! The blocking pool.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn blocking(criterion: &mut Criterion) {
    support::bench(criterion, &["spawn_blocking/*", "blocking_*"]);
}

criterion_group!(benches, blocking);
criterion_main!(benches);
