//! `docs/CONFORMANCE.md`: what specifications ask, and the tests that show it. A test shows a row by its name, which begins
//! with the row's id: `h13_h14_…`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::{is_current, rust_files};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Committed {
    table: Vec<Table>,
    plan: Vec<Plan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    rule: String,
    source: String,
    deviates: Option<String>,
    not_offered: Option<String>,
    open: Option<String>,
}

impl Row {
    fn needs_a_test(&self) -> bool {
        self.not_offered.is_none() && self.open.is_none()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    list: String,
    name: String,
    note: Option<String>,
    modules: Vec<Module>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Module {
    name: String,
    #[serde(default)]
    rows: Vec<String>,
    not_offered: Option<String>,
}

/// The tests that name a row, by row: `file: name`.
type Shown = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_row_that_applies_is_shown_by_a_test() {
    let (committed, shown) = (read(), shown());
    let rows: Vec<&Row> = committed.table.iter().flat_map(|table| &table.rows).collect();
    assert!(rows.len() > 150, "only {} rows were read", rows.len());
    let missing: Vec<_> =
        rows.iter().filter(|row| row.needs_a_test() && !shown.contains_key(&row.id)).map(|row| &row.id).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");

    let known: BTreeMap<_, _> = rows.iter().map(|row| (&row.id, *row)).collect();
    assert_eq!(known.len(), rows.len(), "two rows have the same id");
    for module in committed.plan.iter().flat_map(|plan| &plan.modules) {
        assert!(module.rows.is_empty() == module.not_offered.is_some(), "{}: rows or a reason", module.name);
        for id in &module.rows {
            assert!(known.get(id).is_some_and(|row| row.needs_a_test()), "{} names {id}", module.name);
        }
    }
}

#[test]
fn the_table_of_conformance_is_current() {
    is_current("CONFORMANCE.md", &page(&read(), &shown()));
}

fn read() -> Committed {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.toml");
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn shown() -> Shown {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut shown = Shown::new();
    for folder in ["crates", "tests"] {
        for file in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let place = file.strip_prefix(&root).unwrap().display().to_string();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                match line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
                    Some(function) if is_test => {
                        let name = function.split('(').next().unwrap();
                        for id in ids(name) {
                            shown.entry(id).or_default().insert(format!("{place}: {name}"));
                        }
                    }
                    _ => {}
                }
                is_test = line.starts_with("#[") && (is_test || line.contains("test"));
            }
        }
    }
    shown
}

/// The ids that the name of a test begins with.
fn ids(name: &str) -> impl Iterator<Item = String> {
    let is_id = |part: &&str| {
        let number = part.trim_start_matches(|c: char| c.is_ascii_lowercase());
        part.len() - number.len() == 1 && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    };
    name.split('_').take_while(is_id).map(str::to_uppercase).collect::<Vec<_>>().into_iter()
}

fn page(committed: &Committed, shown: &Shown) -> String {
    let rows = || committed.table.iter().flat_map(|table| &table.rows);
    let tested = rows().filter(|row| row.needs_a_test()).count();
    let mut text = format!(
        "# Conformance\n\n\
         <!-- Printed from docs/conformance.toml and the names of the tests by `UPDATE_DOCS=1 cargo test -p postern --test docs`; do not edit. -->\n\n\
         What the specifications ask of Postern, row by row: {tested} of {} rows are kept and shown by tests, which begin with the\n\
         id of their row; of the others stands here why not. Where the sources are to be had is told in [SPECS.md](SPECS.md).\n\n\
         Postern has not been certified by the OpenID Foundation. The plans of its conformance suite are gone through at the\n\
         end, module by module.\n",
        rows().count()
    );
    for table in &committed.table {
        write!(text, "\n## {}\n\n| row | what is asked | source | shown by |\n|---|---|---|---|\n", table.name)
            .unwrap();
        for row in &table.rows {
            let verdict = verdict(row, shown);
            writeln!(text, "| {} | {} | {} | {verdict} |", row.id, row.rule, row.source).unwrap();
        }
    }
    for plan in &committed.plan {
        write!(text, "\n## Plan {}\n\n", plan.name).unwrap();
        if let Some(note) = &plan.note {
            writeln!(text, "{note}").unwrap();
        }
        if !plan.modules.is_empty() {
            text += if plan.note.is_some() { "\n" } else { "" }; // a table begins after a gap
            text += "| module | shown by the tests of |\n|---|---|\n";
        }
        for module in &plan.modules {
            let answer = match &module.not_offered {
                Some(why) => format!("not offered: {why}"),
                None => module.rows.join(", "),
            };
            writeln!(text, "| {} | {answer} |", module.name).unwrap();
        }
        assert!(plan.list.starts_with('L'), "{} belongs to a list", plan.name);
    }
    text
}

fn verdict(row: &Row, shown: &Shown) -> String {
    let tests = shown.get(&row.id).map(|tests| tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>());
    let tests = tests.unwrap_or_default().join("<br>");
    match row {
        Row { not_offered: Some(why), .. } => format!("not offered: {why}"),
        Row { open: Some(why), .. } => format!("open: {why}"),
        Row { deviates: Some(why), .. } => format!("deviates: {why}<br>{tests}"),
        _ => tests,
    }
}
