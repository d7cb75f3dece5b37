//! `docs/CONFIG.md`, printed from the settings themselves.

use std::fmt::Write as _;

use super::SECTIONS;
use super::settings::{Setting, Shape};

/// The text of `docs/CONFIG.md`.
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for section in SECTIONS {
        let first = section.settings[0].key;
        let name = match (first.split_once('.'), section.settings[0].shape) {
            (Some((name, _)), _) => format!("`[{name}]`"),
            (None, Shape::Named) => format!("`[{first}.NAME]`"),
            (None, _) => "Top of the file".to_owned(),
        };
        push(&mut text, format_args!("\n## {name}\n\n{}\n", paragraph(section.about)));
        for setting in section.settings {
            push(&mut text, format_args!("\n### `{}`\n\n{}\n\n", setting.key, paragraph(setting.doc)));
            push(&mut text, format_args!("- environment: `{}`\n", setting.variable()));
            push(&mut text, format_args!("- written as: {}\n", setting.shape.name()));
            push(&mut text, format_args!("- default: {}\n", default(setting)));
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Printed from the code by `UPDATE_DOCS=1 cargo test -p postern --test docs`; do not edit. -->

Postern starts without any configuration. A setting comes from the first of these that has it:

1. the environment: `POSTERN_`, then the name in capitals with `__` for each dot, such as `POSTERN_OAUTH__CODE_SECONDS`. A
   list is written with commas (`a,b`) or as a JSON or TOML array. An empty variable counts as not set.
2. the file named by `--config`, or `postern.toml` in the working directory if it exists. It is TOML.
3. the defaults below.

A setting that does not exist is an error, also in the environment; only the variables that Kubernetes itself makes for a
service named `postern` are passed over. Every secret can be written into a file instead, which the setting with `_file`
names; one line end at its end does not count. Keys of the API and root keys that change count without a restart: within 5 seconds of a change of
the file, or of the configuration, that they are in, or at SIGHUP. What else changed counts from the next start. A configuration with problems
changes nothing, and the log says which. All problems are reported at once, before any port is opened;
`postern doctor` checks the configuration together with the store and the clock.

```toml
public_url = \"https://sso.example.com\"
listen = \"0.0.0.0:5225\"

[store]
url = \"redis://redis.internal:6379\"

[seal]
keys_file = \"/run/secrets/postern-keys\"

[admin]
api_keys_file = \"/run/secrets/postern-api-keys\"
```
";

fn default(setting: &Setting) -> String {
    match (setting.default, setting.shape) {
        (Some(text), Shape::Text) => format!("`\"{text}\"`"),
        (Some(text), _) => format!("`{text}`"),
        (None, _) => "not set".to_owned(),
    }
}

fn paragraph(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n")
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).unwrap_or_else(|_| unreachable!("writing to a String cannot fail"));
}
