//! What each attack of the table costs to refuse, beside a good response that is no larger, measured in the same run: no attack
//! should cost more than twenty of those. Prints the ten dearest. The figure is the least of many repetitions, which other
//! programs on the machine disturb least.

#[path = "../tests/cost/stage.rs"]
mod stage;

use std::hint::black_box;
use std::time::{Duration, Instant};

use postern_lab::attack::CLASSES;

use stage::Stage;

/// How many good responses an attack may cost.
const MOST: f64 = 20.0;
const REPETITIONS: usize = 40;

#[expect(clippy::print_stdout, reason = "the figures are what a benchmark is for")]
fn main() {
    let stage = Stage::set();
    // From 5 KB to the largest that is read, each twice as large as the one before.
    let goods = [0, 12, 40, 100, 220, 450, 900, 1_700].map(|groups| {
        let field = stage.good(groups);
        (field.len(), least(&stage, &field))
    });
    for (size, time) in goods {
        println!("good, {size:7} bytes: {:8.1} µs", micros(time));
    }
    let mut attacks: Vec<_> = CLASSES
        .iter()
        .flat_map(|class| class.attacks)
        .map(|attack| {
            let field = attack.field(&stage.scene());
            let time = least(&stage, &field);
            let no_larger = goods.iter().rev().find(|(size, _)| *size <= field.len()).unwrap_or(&goods[0]);
            (time.as_secs_f64() / no_larger.1.as_secs_f64(), time, field.len(), attack.name)
        })
        .collect();
    attacks.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("{} attacks, the ten dearest:", attacks.len());
    for (ratio, time, size, name) in attacks.iter().take(10) {
        println!("{ratio:6.2} x good  {:8.1} µs  {size:7} bytes  {name}", micros(*time));
    }
    assert!(attacks[0].0 <= MOST, "{} costs {:.1} good responses", attacks[0].3, attacks[0].0);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn least(stage: &Stage, field: &str) -> Duration {
    let timed = || {
        let began = Instant::now();
        let _ = black_box(stage.judge(black_box(field)));
        began.elapsed()
    };
    (0..REPETITIONS).map(|_| timed()).min().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
