//! What happens when something breaks. Each of these programs breaks one thing while people sign in, and prints what was lost.
//! `docs/FAULTS.md` has a row for each, with its number. Those that take long are ignored: `make faults` runs all of them.

mod bombs;
mod clocks;
mod customer;
mod disk;
mod failovers;
mod few_descriptors;
mod killed;
mod out_of_memory;
mod partition;
mod rolling;
mod slow_clients;
mod stopping;

use postern_e2e::storm::People;
use postern_e2e::{Postern, Settings};

/// One storm at a time: they need the machine, and what they watch must not starve.
static CALM: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// People who sign in, and nobody who stays.
const CROWD: People = People { sign_in: 8, stay: 0 };

/// Replicas on one store, behind one public address.
async fn replicas<const COUNT: usize>(store: &str) -> [Postern; COUNT] {
    let first = Postern::start_at(store, Settings::default()).await;
    let [public_port, _] = first.ports();
    let mut replicas = vec![first];
    while replicas.len() < COUNT {
        let settings = Settings { public_port: Some(public_port), ..Settings::default() };
        replicas.push(Postern::start_at(store, settings).await);
    }
    replicas.try_into().unwrap_or_else(|_| unreachable!("there are as many"))
}
