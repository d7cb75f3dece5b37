//! What sealing and opening cost, for the sizes that our records have.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use postern_core::ports::{Clock, Place, Random, Seal, Timestamp};
use postern_store::{KeyRing, MemoryBackend, RootKey, RootKeys};

/// Salts have to differ, and need not be secret here.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.iter_mut().zip(number.iter().cycle()).for_each(|(byte, from)| *byte = *from);
    }
}

struct Epoch;

impl Clock for Epoch {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

fn seal(criterion: &mut Criterion) {
    let random = Arc::new(Counting::default());
    let roots = RootKeys::single(RootKey::generate(1, &*random));
    let store = MemoryBackend::new(Arc::new(Epoch));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let ring = runtime.block_on(KeyRing::load_or_create(&store, &roots, random)).expect("the store is empty");
    let place = Place { class: "login", schema: 1, key: "p1:f:{AAAAAAAAAAAAAAAAAAAAAA}", bearer: &[7; 32] };

    let mut group = criterion.benchmark_group("seal");
    for size in [300, 1000, 2000, 8000] {
        let plain = vec![b'x'; size];
        let sealed = ring.seal(place, &plain);
        group.throughput(Throughput::Bytes(size as u64));
        group
            .bench_function(BenchmarkId::new("seal", size), |bench| bench.iter(|| ring.seal(place, black_box(&plain))));
        group.bench_function(BenchmarkId::new("open", size), |bench| {
            bench.iter(|| ring.open(place, black_box(&sealed)))
        });
    }
    group.finish();
    criterion.bench_function("blind", |bench| bench.iter(|| ring.blind("tenant", black_box(b"acme.example"))));
}

criterion_group!(benches, seal);
criterion_main!(benches);
