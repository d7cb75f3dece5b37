//! The generated pages of `docs/` say what the code says. `UPDATE_DOCS=1 cargo test -p postern --test docs` writes them.

mod conformance;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use postern_core::fault::Code;
use postern_core::providers::words;
use postern_core::verdicts::{VERDICTS, Verdict};
use postern_lab::attack::{CLASSES, GENUINE};

#[test]
fn the_reference_of_the_configuration_is_current() {
    is_current("CONFIG.md", &postern::config::reference());
}

#[test]
fn the_list_of_faults_is_current() {
    is_current("ERRORS.md", &faults());
}

#[test]
fn the_table_of_attacks_is_current() {
    assert!(CLASSES.iter().map(|class| class.attacks.len()).sum::<usize>() >= 150);
    is_current("ATTACKS.md", &attacks());
}

#[test]
fn every_rfc_that_the_code_cites_is_listed() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = fs::read_to_string(crates.join("../docs/SPECS.md")).unwrap();
    let mut cited = 0;
    for file in rust_files(&crates) {
        let text = fs::read_to_string(&file).unwrap();
        for number in text.split("RFC ").skip(1).filter_map(|after| after.get(..4)) {
            if number.bytes().all(|digit| digit.is_ascii_digit()) {
                cited += 1;
                assert!(listed.contains(number), "{} cites RFC {number}, docs/SPECS.md does not", file.display());
            }
        }
    }
    assert!(cited > 20, "only {cited} citations were found");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|ending| ending == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

fn faults() -> String {
    let mut text = String::from(
        "# Faults\n\n\
         <!-- Printed from the code by `UPDATE_DOCS=1 cargo test -p postern --test docs`; do not edit. -->\n\n\
         Whatever goes wrong has one of these codes. It is on the error page, in the `error_description` that the app hears,\n\
         in the JSON of the API, in the trace of the login and in the log. A code keeps its meaning for ever.\n\
         Where a hint speaks of `expected` and `received`, these stand in the trace of the login.\n\n\
         *HTTP* is the status of the page or of the JSON; *OAuth* is the `error` that an OAuth client hears (RFC 6749).\n",
    );
    let mut section = "";
    for code in Code::ALL {
        if code.section() != section {
            section = code.section();
            write!(text, "\n## {section}\n").unwrap();
        }
        write!(text, "\n### {code}\n\n{}\n{}\n\n", code.sentence(), code.hint()).unwrap();
        writeln!(text, "Mended by {}. HTTP {}, OAuth `{}`.", code.mender().name(), code.status(), code.oauth())
            .unwrap();
        for (at, (provider, place)) in words(*code).into_iter().enumerate() {
            writeln!(text, "{}* {provider}: {place}", if at == 0 { "\n" } else { "" }).unwrap();
        }
    }
    text += "\n## What refuses nobody\n\n\
        A login may go on and end otherwise than people expect. These names stand in the notes of its trace and of a test login, in the\n\
        claim `provisioning`, or in the answers of discovery.\n";
    for Verdict { name, mender, sentence, hint } in VERDICTS {
        write!(text, "\n### {name}\n\n{sentence}\n{hint}\n\nMended by {}.\n", mender.name()).unwrap();
    }
    text
}

fn attacks() -> String {
    let attacks: usize = CLASSES.iter().map(|class| class.attacks.len()).sum();
    let mut text = format!(
        "# Attacks\n\n\
         <!-- Printed from the code by `UPDATE_DOCS=1 cargo test -p postern --test docs`; do not edit. -->\n\n\
         {attacks} responses that have to be refused, each made for a login that waits for its answer, with signatures that\n\
         hold wherever the attack needs one. The tests post every one to the assertion consumer service as the browser that\n\
         began the login (`crates/server/tests/http/attacks.rs`) and give it to `postern verify` (`crates/server/tests/cli.rs`):\n\
         each has to end in the fault that stands beside it here, and none in an error of ours. They are made in\n\
         `crates/lab/src/attack/`, by code that shares nothing with the reader.\n\n\
         A table of refusals is passed by whoever refuses everything, so the same tests post {} responses that are unusual\n\
         and genuine, listed at the end; they have to be accepted.\n\n\
         *Seen* is where it was used, published or forbidden. What a fault means is told in [ERRORS.md](ERRORS.md).\n",
        GENUINE.len()
    );
    for class in CLASSES {
        write!(text, "\n## {} ({})\n\n{}\n\n", class.name, class.attacks.len(), class.idea).unwrap();
        text += "| what arrives | seen | ends in |\n|---|---|---|\n";
        for attack in class.attacks {
            let codes: Vec<_> = attack.expected.iter().map(|code| format!("`{code}`")).collect();
            writeln!(text, "| {} | {} | {} |", sentence(attack.name), attack.seen, codes.join(" or ")).unwrap();
        }
    }
    write!(text, "\n## Unusual and accepted ({})\n\n", GENUINE.len()).unwrap();
    for genuine in GENUINE {
        writeln!(text, "- {}", sentence(genuine.name)).unwrap();
    }
    text
}

/// A name of the table as a person would write it.
fn sentence(name: &str) -> String {
    name.replace('_', " ")
}

/// Whether a page of `docs/` is what the code says; where `UPDATE_DOCS` is set, it is written first.
fn is_current(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(text.lines()).find(|(committed, now)| committed != now);
    assert!(
        committed == text,
        "docs/{name} is not current, first at {differs:?}; run UPDATE_DOCS=1 cargo test -p postern --test docs"
    );
}
