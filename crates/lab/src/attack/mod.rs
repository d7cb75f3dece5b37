//! Responses that have to be refused: for any login, some hundreds of them, and the good ones that they are bent from.
//!
//! An [`Attack`] is a row of a table: a name that says what is done, where it was seen, the fault that it has to end in, and
//! a function from a [`Scene`] (one login, and the keys that somebody might have) to what is posted. The rows stand in
//! [`CLASSES`], a file each; `docs/ATTACKS.md` is printed from them, and tests post every one to a running Postern and to
//! `postern verify`.
//!
//! Whatever needs a signature that holds has one: a wrapped assertion is genuine, and a response without an audience was
//! signed without an audience. So each row can only be refused for what its name says.

mod addressees;
mod algorithms;
mod bombs;
mod changes;
mod conditions;
mod encodings;
mod encrypted;
mod forge;
mod forms;
mod genuine;
mod identifiers;
mod keys;
mod readers;
mod references;
mod scene;
mod signed_info;
mod statements;
mod text;
mod times;
mod unsigned;
mod wrapping;

use data_encoding::BASE64;
use postern_core::fault::Code;

pub use genuine::{GENUINE, Genuine};
pub use scene::Scene;

/// All attacks, by class. Their counterpart is [`GENUINE`]: what has to be accepted.
pub const CLASSES: &[Class] = &[
    wrapping::CLASS,
    unsigned::CLASS,
    text::CLASS,
    identifiers::CLASS,
    readers::CLASS,
    encodings::CLASS,
    keys::CLASS,
    algorithms::CLASS,
    references::CLASS,
    signed_info::CLASS,
    changes::CLASS,
    conditions::CLASS,
    times::CLASS,
    addressees::CLASS,
    statements::CLASS,
    encrypted::CLASS,
    bombs::CLASS,
    forms::CLASS,
];

/// Attacks with one idea in common.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// What they do.
    pub name: &'static str,
    /// The idea, and what stands against it.
    pub idea: &'static str,
    /// The rows.
    pub attacks: &'static [Attack],
}

/// A malicious or broken response.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// What is done, as a sentence.
    pub name: &'static str,
    /// Where it was seen: a CVE, a publication, a rule that forbids it. Empty: nowhere in particular.
    pub seen: &'static str,
    /// The faults that it may end in. Several, where it breaks more than one rule and the order of checks decides.
    pub expected: &'static [Code],
    /// What it takes to tell that it is one.
    pub told_by: ToldBy,
    forged: Forged,
}

/// What it takes to refuse an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// The response alone, and what is expected of it.
    Response,
    /// The memory of earlier logins as well.
    Memory,
    /// The form that it is posted in.
    Form,
}

#[derive(Debug, Clone, Copy)]
enum Forged {
    Text(fn(&Scene<'_>) -> String),
    Bytes(fn(&Scene<'_>) -> Vec<u8>),
    Field(fn(&Scene<'_>) -> String),
}

impl Attack {
    /// The value of the form field `SAMLResponse` that carries it to this login.
    pub fn field(&self, scene: &Scene<'_>) -> String {
        match self.forged {
            Forged::Text(xml) => BASE64.encode(xml(scene).as_bytes()),
            Forged::Bytes(xml) => BASE64.encode(&xml(scene)),
            Forged::Field(field) => field(scene),
        }
    }

    const fn told_by(mut self, what: ToldBy) -> Attack {
        self.told_by = what;
        self
    }
}

/// An attack by a document.
const fn xml(
    name: &'static str,
    seen: &'static str,
    expected: &'static [Code],
    forged: fn(&Scene<'_>) -> String,
) -> Attack {
    Attack { name, seen, expected, told_by: ToldBy::Response, forged: Forged::Text(forged) }
}

/// An attack by octets that are no text.
const fn bytes(
    name: &'static str,
    seen: &'static str,
    expected: &'static [Code],
    forged: fn(&Scene<'_>) -> Vec<u8>,
) -> Attack {
    Attack { name, seen, expected, told_by: ToldBy::Response, forged: Forged::Bytes(forged) }
}

/// An attack by a form field that holds no document in base64.
const fn field(
    name: &'static str,
    seen: &'static str,
    expected: &'static [Code],
    forged: fn(&Scene<'_>) -> String,
) -> Attack {
    Attack { name, seen, expected, told_by: ToldBy::Response, forged: Forged::Field(forged) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::key::Key;
    use crate::response::{ACS, AUDIENCE, IDP, Response};

    #[test]
    fn no_two_attacks_are_the_same_and_none_is_the_good_response() {
        let [key, other_key, ours] = [(); 3].map(|()| Key::generate().unwrap());
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        let earlier = Response { assertion_id: "_earlier".into(), ..Response::at(now).answering("_earlier-request") };
        let foreign = Response::at(now).answering("_foreign-request").signed_assertion(&other_key);
        let encrypt_to = ours.public_key_info();
        let scene = Scene {
            idp: IDP,
            key: &key,
            other_key: &other_key,
            sp: AUDIENCE,
            acs: ACS,
            request_id: "_request",
            now,
            encrypt_to: &encrypt_to,
            earlier: &earlier,
            foreign: &foreign,
        };
        let mut fields: HashSet<_> = GENUINE.iter().map(|genuine| genuine.field(&scene)).collect();
        assert_eq!(fields.len(), GENUINE.len());
        let mut names = HashSet::new();
        for attack in CLASSES.iter().flat_map(|class| class.attacks) {
            assert!(fields.insert(attack.field(&scene)), "{} is there twice", attack.name);
            assert!(names.insert(attack.name), "the name {} is there twice", attack.name);
            assert!(!attack.expected.is_empty(), "{}", attack.name);
        }
        assert!(names.len() >= 150, "{}", names.len());
    }
}
