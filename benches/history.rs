//! Criterion's history of the contests of exchanges, packets and remembered messages; see there for what is done and who takes part.
//! Contenders do not take turns here: `compare` prints ratios.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cync_benches::{decode, dedup, exchange};
use std::time::{Duration, Instant};

fn history(criterion: &mut Criterion) {
    for contest in exchange::CONTESTS.iter().chain([&decode::CONTEST]).chain(dedup::CONTESTS) {
        let mut group = criterion.benchmark_group(contest.name);
        group.throughput(Throughput::Elements(1));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        for mut contender in (contest.contenders)() {
            group.bench_function(contender.name, |bencher| {
                bencher.iter_custom(|works| {
                    let start = Instant::now();
                    (contender.work)(works);
                    start.elapsed()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, history);
criterion_main!(benches);
