//! Criterion's history of reading a stream of packets; see [`cync_benches::decode`] for who takes part.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cync_benches::decode::{CONTEST, PACKETS};
use std::time::Duration;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(CONTEST.name);
    group.throughput(Throughput::Elements(PACKETS as u64));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for mut contender in (CONTEST.contenders)() {
        group.bench_function(contender.name, |bencher| {
            bencher.iter(|| (contender.work)(PACKETS as u64));
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
