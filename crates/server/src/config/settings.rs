//! What can be configured. `settings!` declares a section as a plain struct of what was *written*; its doc comments are
//! what `docs/CONFIG.md` prints, its defaults are the lowest layer of every configuration, and its field names are the
//! keys that may be written at all. So a setting is declared once, and nothing about it can drift.

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::value::Value;
use postern_core::secret::Secret;
use serde::de::DeserializeOwned;

use super::admin::WrittenKey;
use super::regions::WrittenRegion;

/// One thing that can be configured.
pub(super) struct Setting {
    /// Its name, with its section: `oauth.code_seconds`.
    pub(super) key: &'static str,
    /// How it is written.
    pub(super) shape: Shape,
    /// What holds when nobody wrote it, as one would write it into the environment.
    pub(super) default: Option<&'static str>,
    /// Unit, default and consequence: the lines of its doc comment.
    pub(super) doc: &'static [&'static str],
}

impl Setting {
    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "__").to_uppercase())
    }
}

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "POSTERN_";

/// Settings that belong together.
pub(super) struct Section {
    /// What they are about: the lines of the struct's doc comment.
    pub(super) about: &'static [&'static str],
    /// The settings, in the order of the struct.
    pub(super) settings: &'static [Setting],
}

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Truth,
    /// A list of strings.
    List,
    /// A list of strings and tables.
    Tables,
    /// Tables, each under a name of the operator's own.
    Named,
}

impl Shape {
    /// The shape in words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Shape::Text => "text in quotes",
            Shape::Number => "a whole number",
            Shape::Truth => "true or false",
            Shape::List => "a list of texts",
            Shape::Tables => "a list of texts or tables",
            Shape::Named => "a table for each name",
        }
    }

    /// Reads a value from the environment, where everything is text. The shape decides what it means, so that a secret of
    /// digits stays a secret and is not taken for a number.
    pub(super) fn parse(self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Shape::Text => Some(Value::from(text)),
            Shape::Number => text.parse::<i64>().ok().map(Value::from),
            Shape::Truth => text.parse::<bool>().ok().map(Value::from),
            Shape::List | Shape::Tables if text.starts_with('[') => structure(text),
            Shape::Named => structure(text).filter(|value| value.as_dict().is_some()),
            Shape::List | Shape::Tables => {
                let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
                Value::serialize(items).ok()
            }
        }
    }
}

/// An array or a table in JSON or in TOML: tables differ between the two, and people write either.
fn structure(text: &str) -> Option<Value> {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        return Value::serialize(json).ok();
    }
    let mut table = toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?;
    Value::serialize(table.remove("value")?).ok()
}

/// A type that a setting is read into.
pub(super) trait Written: DeserializeOwned + Default {
    /// How it is written.
    const SHAPE: Shape;
}

impl Written for String {
    const SHAPE: Shape = Shape::Text;
}
impl Written for Option<String> {
    const SHAPE: Shape = Shape::Text;
}
impl Written for Option<PathBuf> {
    const SHAPE: Shape = Shape::Text;
}
impl Written for Option<Secret> {
    const SHAPE: Shape = Shape::Text;
}
impl Written for u64 {
    const SHAPE: Shape = Shape::Number;
}
impl Written for bool {
    const SHAPE: Shape = Shape::Truth;
}
impl Written for Vec<String> {
    const SHAPE: Shape = Shape::List;
}
impl Written for Vec<PathBuf> {
    const SHAPE: Shape = Shape::List;
}
impl Written for Vec<Secret> {
    const SHAPE: Shape = Shape::List;
}
impl Written for Vec<WrittenKey> {
    const SHAPE: Shape = Shape::Tables;
}
impl Written for BTreeMap<String, WrittenRegion> {
    const SHAPE: Shape = Shape::Named;
}

/// Declares the settings of one section: `struct Name in "section."`, then `key: Type = "default"` for each.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        struct $Name:ident in $prefix:literal {
            $( $(#[doc = $doc:literal])* $key:ident: $Type:ty $(= $default:literal)?, )*
        }
    ) => {
        $(#[doc = $about])*
        pub(super) struct $Name {
            $( $(#[doc = $doc])* $key: $Type, )*
        }

        impl $Name {
            /// What `docs/CONFIG.md` says about this section.
            pub(super) const SECTION: crate::config::settings::Section = crate::config::settings::Section {
                about: &[$($about),*],
                settings: &[$(
                    crate::config::settings::Setting {
                        key: concat!($prefix, stringify!($key)),
                        shape: <$Type as crate::config::settings::Written>::SHAPE,
                        default: crate::config::settings::settings!(@default $($default)?),
                        doc: &[$($doc),*],
                    },
                )*],
            };

            /// Takes the section out of what was read.
            fn take(reading: &mut crate::config::reading::Reading) -> Self {
                Self { $( $key: reading.take(concat!($prefix, stringify!($key))), )* }
            }
        }
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}
pub(super) use settings;
