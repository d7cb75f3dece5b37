//! The generated pages of `docs/` say what the code says. `UPDATE_DOCS=1 cargo test -p postern --test docs` writes them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use postern_core::fault::Code;

#[test]
fn the_reference_of_the_configuration_is_current() {
    is_current("CONFIG.md", &postern::config::reference());
}

#[test]
fn the_list_of_faults_is_current() {
    is_current("ERRORS.md", &faults());
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
    }
    text
}

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
