//! Two tasks that talk, and several that talk to one.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};

fn request_reply(criterion: &mut Criterion) {
    support::bench(criterion, &["request_reply/*", "mpsc_contention/*"]);
}

criterion_group!(benches, request_reply);
criterion_main!(benches);
