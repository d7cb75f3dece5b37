//! What an attack may cost: no more memory at once than its size explains, nor more often. Counts are the same in every run,
//! so this can be a test; what attacks cost in time is measured by `cargo bench -p postern --bench attacks`.

mod stage;

use allocation_counter::measure;
use postern_lab::attack::CLASSES;

use stage::Stage;

/// How many bytes may be in use at once for each byte that arrives, and in any case.
const HELD: Bound = Bound { each: 30, fixed: 200_000 };
/// How often memory may be taken for a hundred bytes that arrive, and in any case.
const TAKEN: Bound = Bound { each: 4, fixed: 1_000 };

struct Bound {
    each: u64,
    fixed: u64,
}

impl Bound {
    fn of(&self, size: u64) -> u64 {
        self.fixed + self.each * size
    }
}

#[expect(clippy::print_stdout, reason = "how far from the bounds it is, is what one wants to know")]
#[test]
fn x18_no_attack_takes_more_memory_than_its_size_explains() {
    let stage = Stage::set();
    let attacks = CLASSES.iter().flat_map(|class| class.attacks);
    let mut fields: Vec<_> = attacks.map(|attack| (attack.name, attack.field(&stage.scene()))).collect();
    // The bounds are those of good responses too: else they would say nothing.
    fields.extend([0, 100, 1_900].map(|groups| ("good", stage.good(groups))));
    let mut wrong = Vec::new();
    let mut nearest = (0, 0);
    for (name, field) in &fields {
        let size = field.len() as u64;
        let cost = measure(|| drop(stage.judge(field)));
        let (held, taken) = (cost.bytes_max, cost.count_total);
        let (most_held, most_taken) = (HELD.of(size), TAKEN.of(size / 100));
        nearest = (nearest.0.max(held * 100 / most_held), nearest.1.max(taken * 100 / most_taken));
        if held > most_held || taken > most_taken {
            wrong.push(format!("{name}: {size} bytes, {held} held at once, memory taken {taken} times"));
        }
    }
    println!("{} responses: at most {} % of the bytes, {} % of the times", fields.len(), nearest.0, nearest.1);
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
