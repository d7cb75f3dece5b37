//! One reading of a configuration: its layers, laid over each other, and every problem met on the way.
//!
//! The lowest layer are the defaults, then comes the file, then the environment, then what the program itself insists on.
//! A reading never stops at the first problem. Where a value cannot be used, the default stands in for it, so that the
//! checks that follow find the problems of the other settings and none that is not there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use postern_core::secret::Secret;

use super::files::Files;
use super::problem::{Problem, Problems};
use super::settings::{PREFIX, Setting, Shape, Written};
use super::{SECTIONS, kubernetes};

/// A unit of time: its name, and how many seconds it has.
pub(super) type Unit = (&'static str, u64);
pub(super) const MINUTE: Unit = ("minutes", 60);
pub(super) const HOUR: Unit = ("hours", 3600);
pub(super) const DAY: Unit = ("days", 24 * 3600);

/// See the module.
pub(super) struct Reading {
    figment: Figment,
    written: BTreeSet<&'static str>,
    problems: Vec<Problem>,
    files: Files,
    /// Whether this is the demo, which may do what nobody else may.
    pub(super) demo: bool,
}

impl Reading {
    /// A reading that knows only the defaults.
    pub(super) fn of_defaults(demo: bool) -> Self {
        let mut layer = Layer::named(DEFAULTS);
        for setting in all() {
            if let Some(value) = setting.default.and_then(|text| setting.shape.parse(text)) {
                layer.insert(setting, value);
            }
        }
        Self {
            figment: Figment::from(layer),
            written: BTreeSet::new(),
            problems: Vec::new(),
            files: Files::default(),
            demo,
        }
    }

    /// Lays a file over what is there.
    pub(super) fn read_file(&mut self, path: &Path) {
        match self.files.read(path) {
            Ok(text) => self.read_toml(&path.display().to_string(), &text),
            Err(error) => {
                let instead = "Name a file that exists and that this user may read.";
                self.problems.push(Problem::new(
                    path.display().to_string(),
                    format!("cannot be read: {error}"),
                    instead,
                ));
            }
        }
    }

    /// Lays TOML over what is there; `name` says where it comes from.
    pub(super) fn read_toml(&mut self, name: &str, text: &str) {
        match toml::from_str::<toml::Table>(text) {
            Ok(table) => {
                let mut layer = Layer::named(name);
                self.sift(&mut layer, "", table);
                self.lay(layer);
            }
            // The error's own text would show the line, which may hold a secret.
            Err(error) => {
                let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                let instead = "Correct the TOML in that line or shortly before it.";
                self.problems.push(Problem::new(name, format!("line {line}: {}", error.message()), instead));
            }
        }
    }

    /// Keeps what is a setting, and says of everything else that it is none.
    fn sift(&mut self, layer: &mut Layer, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            let place = format!("{key} ({})", layer.name);
            if let Some(setting) = find(&key) {
                match Value::serialize(value) {
                    Ok(value) => layer.insert(setting, value),
                    Err(_) => self.problems.push(misshapen(place, setting.shape)),
                }
            } else if all().any(|setting| setting.key.starts_with(&format!("{key}."))) {
                match value {
                    toml::Value::Table(inner) => self.sift(layer, &format!("{key}."), inner),
                    _ => {
                        let instead = format!("Write [{key}] on a line of its own and the settings below it.");
                        self.problems.push(Problem::new(place, "is not a section", instead));
                    }
                }
            } else {
                self.problems.push(Problem::new(place, "is not a setting", suggestion(&key)));
            }
        }
    }

    /// Lays the environment over what is there. Variables without our prefix are other people's.
    pub(super) fn read_environment(&mut self, variables: &[(OsString, OsString)]) {
        let mut layer = Layer::named(ENVIRONMENT);
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            let Some(setting) = find(&key) else {
                if let (Some((setting, table, member)), Some(text)) = (below(&key), value.to_str()) {
                    if !text.is_empty() {
                        layer.insert_below(setting, (table, member), Value::from(text));
                    }
                    continue;
                }
                if !kubernetes::made(name, value) {
                    self.problems.push(Problem::new(name, "is not a setting", suggestion(&key)));
                }
                continue;
            };
            match value.to_str() {
                // Compose files and charts pass variables on that nobody set.
                Some("") => {}
                Some(text) => match setting.shape.parse(text) {
                    Some(value) => layer.insert(setting, value),
                    None => self.problems.push(misshapen(name.to_owned(), setting.shape)),
                },
                None => self.problems.push(Problem::new(name, "is not UTF-8", "Write it in UTF-8.")),
            }
        }
        self.lay(layer);
    }

    fn lay(&mut self, layer: Layer) {
        self.written.extend(&layer.keys);
        self.figment = std::mem::take(&mut self.figment).merge(layer);
    }

    /// The value of a setting; where it has another shape, that is a problem and the default stands in.
    pub(super) fn take<T: Written>(&mut self, key: &'static str) -> T {
        let Ok(value) = self.figment.find_value(key) else { return T::default() };
        if let Ok(value) = value.deserialize() {
            return value;
        }
        let problem = misshapen(self.place(key), T::SHAPE);
        self.problems.push(problem);
        let default = find(key).and_then(|setting| setting.shape.parse(setting.default?));
        default.and_then(|value| value.deserialize().ok()).unwrap_or_default()
    }

    /// Whether anybody wrote this setting, or only its default holds.
    pub(super) fn is_written(&self, key: &str) -> bool {
        self.written.contains(key)
    }

    /// A setting's name and where its value was written.
    fn place(&self, key: &str) -> String {
        match (self.figment.find_metadata(key).map(|metadata| metadata.name.as_ref()), find(key)) {
            (Some(ENVIRONMENT), Some(setting)) => format!("{key} ({})", setting.variable()),
            (Some(DEFAULTS) | None, _) => key.to_owned(),
            (Some(name), _) => format!("{key} ({name})"),
        }
    }

    /// Notes a problem of a setting.
    pub(super) fn refuse(&mut self, key: &str, fault: impl Into<String>, instead: impl Into<String>) {
        let problem = Problem::new(self.place(key), fault, instead);
        self.problems.push(problem);
    }

    /// A number of seconds within its limits.
    pub(super) fn seconds(&mut self, key: &str, seconds: u64, limits: RangeInclusive<u64>) -> Duration {
        self.span(key, seconds, limits, ("seconds", 1))
    }

    /// A number of hours, or of another unit, within its limits.
    pub(super) fn span(&mut self, key: &str, number: u64, limits: RangeInclusive<u64>, unit: Unit) -> Duration {
        if !limits.contains(&number) {
            let instead = format!("Write {} to {} ({}).", limits.start(), limits.end(), unit.0);
            self.refuse(key, format!("is {number}"), instead);
        }
        Duration::from_secs(number.saturating_mul(unit.1))
    }

    /// How often in a minute: up to 100000, or 0 for as often as one likes.
    pub(super) fn per_minute(&mut self, key: &str, number: u64) -> Option<NonZeroU32> {
        let most = 100_000;
        if number > most {
            self.refuse(key, format!("is {number}"), format!("Write 1 to {most}, or 0 for no limit."));
        }
        u32::try_from(number.min(most)).ok().and_then(NonZeroU32::new)
    }

    /// A secret that is written either at `key` or in the file that `file_key` names.
    pub(super) fn secret(
        &mut self,
        (key, value): (&str, Option<Secret>),
        (file_key, file): (&str, Option<PathBuf>),
    ) -> Option<Secret> {
        match file {
            Some(_) if self.is_written(key) => {
                self.both(key, file_key);
                value
            }
            Some(file) => self.secret_file(file_key, &file).map(Secret::new),
            None => value,
        }
    }

    /// The lines of the file that `file_key` names, without empty ones; `None` where nothing is to be read.
    pub(super) fn secret_lines(&mut self, key: &str, (file_key, file): (&str, Option<PathBuf>)) -> Option<Vec<Secret>> {
        let file = file?;
        if self.is_written(key) {
            self.both(key, file_key);
            return None;
        }
        let text = self.secret_file(file_key, &file)?;
        Some(text.lines().filter(|line| !line.trim().is_empty()).map(Secret::new).collect())
    }

    /// A file's text without its last line end.
    fn secret_file(&mut self, key: &str, path: &Path) -> Option<String> {
        match self.files.read(path) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                if text.is_empty() {
                    self.refuse(key, format!("names an empty file, {}", path.display()), "Write the secret into it.");
                }
                (!text.is_empty()).then(|| text.to_owned())
            }
            Err(error) => {
                let fault = format!("names {}, which cannot be read: {error}", path.display());
                self.refuse(key, fault, "Name a file that exists and that this user may read.");
                None
            }
        }
    }

    fn both(&mut self, key: &str, file_key: &str) {
        self.refuse(key, format!("is given twice: here and by {file_key}"), "Remove one of the two.");
    }

    /// The files that were read so far.
    pub(super) fn files(&self) -> Files {
        self.files.clone()
    }

    /// What was read, if nothing was wrong with it.
    pub(super) fn outcome<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(value) } else { Err(Problems(self.problems)) }
    }
}

const DEFAULTS: &str = "defaults";
const ENVIRONMENT: &str = "environment";

/// Every setting of every section.
fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

/// The setting of named tables that a key is below, and the name of the table and of its member.
fn below(key: &str) -> Option<(&'static Setting, &str, &str)> {
    let named = all().filter(|setting| setting.shape == Shape::Named);
    let mut parts = named.filter_map(|setting| Some((setting, key.strip_prefix(setting.key)?.strip_prefix('.')?)));
    parts.find_map(|(setting, rest)| {
        let (table, member) = rest.split_once('.')?;
        (!member.contains('.')).then_some((setting, table, member))
    })
}

fn misshapen(place: String, shape: Shape) -> Problem {
    Problem::new(place, format!("is not {}", shape.name()), "docs/CONFIG.md has an example.")
}

/// What the writer of an unknown key may have meant.
fn suggestion(key: &str) -> String {
    let plain = |key: &str| key.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let last = |key: &str| plain(key.rsplit('.').next().unwrap_or(key));
    let same = all().find(|setting| plain(setting.key) == plain(key));
    match same.or_else(|| all().find(|setting| last(setting.key) == last(key))) {
        Some(setting) => format!("Write {} (in the environment {}).", setting.key, setting.variable()),
        None => "Remove it; docs/CONFIG.md lists all settings.".to_owned(),
    }
}

/// The settings that one source gives.
struct Layer {
    name: String,
    keys: BTreeSet<&'static str>,
    values: Dict,
}

impl Layer {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), keys: BTreeSet::new(), values: Dict::new() }
    }

    fn insert(&mut self, setting: &'static Setting, value: Value) {
        self.keys.insert(setting.key);
        match setting.key.split_once('.') {
            None => drop(self.values.insert(setting.key.to_owned(), value)),
            Some((section, name)) => {
                let section = self.values.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
                if let Value::Dict(_, dict) = section {
                    dict.insert(name.to_owned(), value);
                }
            }
        }
    }

    /// A member of one of the tables of a setting.
    fn insert_below(&mut self, setting: &'static Setting, (table, member): (&str, &str), value: Value) {
        self.keys.insert(setting.key);
        let new = || Value::from(Dict::new());
        if let Value::Dict(_, tables) = self.values.entry(setting.key.to_owned()).or_insert_with(new)
            && let Value::Dict(_, members) = tables.entry(table.to_owned()).or_insert_with(new)
        {
            members.insert(member.to_owned(), value);
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}
