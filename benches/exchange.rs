//! Criterion's history of one exchange; see [`cync_benches::exchange`] for what that is and who takes part.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cync_benches::exchange::CONTESTS;
use std::time::{Duration, Instant};

fn exchange(criterion: &mut Criterion) {
    for contest in CONTESTS {
        let mut group = criterion.benchmark_group(contest.name);
        group.throughput(Throughput::Elements(1));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        for mut contender in (contest.contenders)() {
            group.bench_function(contender.name, |bencher| {
                bencher.iter_custom(|exchanges| {
                    let start = Instant::now();
                    (contender.work)(exchanges);
                    start.elapsed()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, exchange);
criterion_main!(benches);
