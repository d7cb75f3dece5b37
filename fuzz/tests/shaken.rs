//! Every target on its seeds, and on what a chance that repeats itself makes of them. It learns nothing from what an input
//! reaches, as libFuzzer does (`make fuzz`), but any machine that builds Postern can run it, and it comes out the same
//! wherever it runs. `FUZZ_TIMES=100` runs a hundred times as many inputs, `FUZZ_CHANCE=7` others.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use postern_fuzz::targets::{TARGETS, Target};

/// How many inputs each target sees besides its seeds: about as many as it takes in a few seconds.
const INPUTS: &[(&str, u64)] = &[
    ("address", 40_000),
    ("authorize", 40_000),
    ("canonical", 1_500),
    ("config", 20_000),
    ("decode", 20_000),
    ("logout", 4_000),
    ("metadata", 8_000),
    ("query", 4_000),
    ("response", 4_000),
    ("seal", 20_000),
    ("token", 8_000),
];

#[expect(clippy::print_stdout, reason = "how many inputs were seen is what one wants to know")]
#[test]
fn what_has_to_hold_holds_for_the_seeds_and_what_becomes_of_them() {
    let setting = |name| std::env::var(name).map_or(1, |value| value.parse().expect("a number"));
    let (times, chance) = (setting("FUZZ_TIMES"), setting("FUZZ_CHANCE"));
    assert_eq!(INPUTS.len(), TARGETS.len());
    let mut total = 0;
    for (target, (name, inputs)) in TARGETS.iter().zip(INPUTS) {
        assert_eq!(target.name, *name);
        let seen = shake(target, chance, inputs * times);
        println!("{name:10} {seen:10}");
        total += seen;
    }
    println!("{:10} {total:10}", "all");
}

/// Runs the seeds of a target, and so many inputs that are made of them; says how many that were together.
fn shake(target: &Target, chance: u64, inputs: u64) -> u64 {
    let seeds = seeds(target.name);
    for seed in &seeds {
        run(target, seed);
    }
    // Another chance for each target, and for each the same every time.
    let mut chance =
        Chance(target.name.bytes().fold(chance, |seed, byte| seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)));
    for _ in 0..inputs {
        let mut input = chance.one_of(&seeds).clone();
        for _ in 0..=chance.below(4) {
            chance.change(&mut input, &seeds);
        }
        run(target, &input);
    }
    seeds.len() as u64 + inputs
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).expect("seeds").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a seed")).collect()
}

/// A finding is kept where it can become a seed.
fn run(target: &Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(input))).is_err() {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-finding", target.name));
        fs::write(&file, input).expect("the finding can be kept");
        panic!("{} does not hold for {}", target.name, file.display());
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a chance that repeats itself.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// A piece of a text, at most 64 octets long.
    fn piece(&mut self, text: &[u8]) -> std::ops::Range<usize> {
        let from = self.below(text.len());
        from..(from + self.below(65)).min(text.len())
    }

    /// Changes one thing.
    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = self.below(input.len() + 1);
        match self.below(6) {
            0 => {
                if let Some(octet) = input.get_mut(place) {
                    *octet ^= 1 << self.below(8);
                }
            }
            1 => {
                if let Some(octet) = input.get_mut(place) {
                    *octet = self.below(256) as u8;
                }
            }
            2 => {
                let gone = self.piece(input);
                input.drain(gone);
            }
            3 => {
                let again = self.piece(input);
                let again = input[again].to_vec();
                input.splice(place..place, again);
            }
            4 => {
                let other = self.one_of(seeds);
                let piece = self.piece(other);
                input.splice(place..place, other[piece].iter().copied());
            }
            _ => {
                let word = *self.one_of(WORDS);
                input.splice(place..place, word.iter().copied());
            }
        }
    }
}

/// What readers stumble over.
const WORDS: &[&[u8]] = &[
    b"<!--x-->",
    b"<![CDATA[x]]>",
    b"]]>",
    b"<!DOCTYPE x>",
    b"<?x y?>",
    b"&#0;",
    b"&#9;",
    b"&amp;",
    b"&x;",
    b" xmlns=\"urn:x\"",
    b" xmlns:a=\"urn:x\"",
    b" ID=\"_assertion\"",
    b"<a/>",
    b"\0",
    b"\t",
    b"\r\n",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"\xff",
    b"%00",
    b"%2F..%2f",
    b"/../",
    b"//",
    b"\\",
    b"@",
    b"#",
    b"?",
    b"&",
    b"=",
    b"*",
    b".",
    b"eyJhbGciOiJub25lIn0",
];
