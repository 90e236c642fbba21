//! The multi-thread scheduler: tokio's seven cases, spawning from outside, spawning and joining.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn scheduler(criterion: &mut Criterion) {
    support::bench(
        criterion,
        &["spawn_many_*", "ping_pong", "yield_many", "chained_spawn", "remote_spawn/*", "spawn_join/multi/*"],
    );
}

criterion_group!(benches, scheduler);
criterion_main!(benches);
