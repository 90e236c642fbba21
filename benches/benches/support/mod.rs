//! The same cases as `compare` runs, under criterion.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use windlass_benches::cases;
use windlass_benches::runtimes::RuntimeName;

/// Benches every case these globs select on every runtime that can run it.
pub(crate) fn bench(criterion: &mut Criterion, globs: &[&str]) {
    for glob in globs {
        let glob = glob::Pattern::new(glob).expect("the globs here are well formed");
        for case in cases::matching(&glob) {
            let mut group = criterion.benchmark_group(case.name.clone());
            group.throughput(Throughput::Elements(case.ops));
            group
                .sample_size(20)
                .warm_up_time(Duration::from_millis(500))
                .measurement_time(Duration::from_secs(2));
            // What a runtime cannot run has nothing to show here; `compare` says why.
            for runtime in RuntimeName::ALL.into_iter().filter(|runtime| case.cannot_run(*runtime).is_none())
            {
                group.bench_function(BenchmarkId::from_parameter(runtime), |bencher| {
                    let mut prepared = case.prepare(runtime).expect("it was just asked");
                    bencher.iter(|| case.iterate(&mut prepared));
                });
            }
        }
    }
}
