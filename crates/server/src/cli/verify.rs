//! `postern verify`: judges a SAML response as the assertion consumer service would, with the clock that it is told. For
//! administrators who want to know why a response is refused, and for whoever wants to test the verifier from outside.
//!
//! Answers are JSON, one object a line. The status says the same: 0 accepted, 1 refused, 2 not judged (wrong usage, a file
//! that cannot be read, metadata that are none).

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use postern_core::connection::{Allowance, SamlIdp};
use postern_core::fault::Fault;
use postern_core::identity::Attribute;
use postern_core::ports::Timestamp;
use postern_saml::keys::DecryptionKey;
use postern_saml::metadata;
use postern_saml::response::{self, Expectation, SecondVerifier, VerifiedAssertion};
use serde::Deserialize;
use serde_json::{Value, json};

/// Judge a SAML response.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// Read one JSON object a line from standard input, with the fields id, file, idp_metadata, sp_entity_id, acs_url,
    /// request_id, now, sp_decryption_keys and allow, and answer one a line
    #[arg(long, exclusive = true)]
    batch: bool,
    /// The identity provider's metadata
    #[arg(long, value_name = "FILE", required_unless_present = "batch")]
    idp_metadata: Option<PathBuf>,
    /// The entity ID of the service provider: the audience
    #[arg(long, value_name = "ID", required_unless_present = "batch")]
    sp_entity_id: Option<String>,
    /// The address at which the response arrived: its destination and recipient
    #[arg(long, value_name = "URL", required_unless_present = "batch")]
    acs_url: Option<String>,
    /// The ID of the request that was answered; without it the response has to be unsolicited
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The time at which it is judged, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "RFC3339", required_unless_present = "batch")]
    now: Option<String>,
    /// A private key of the service provider, PEM, for encrypted assertions; repeat it for several
    #[arg(long, value_name = "PEM")]
    decryption_key: Vec<PathBuf>,
    /// What the connection allows beyond the usual
    #[arg(long, value_name = "FEATURE")]
    allow: Vec<String>,
    /// The response: XML, or base64 as it was posted
    #[arg(required_unless_present = "batch")]
    file: Option<PathBuf>,
}

/// A response and what it has to answer to: one line of a batch.
#[derive(Debug, Deserialize)]
struct Question {
    file: PathBuf,
    idp_metadata: PathBuf,
    sp_entity_id: String,
    acs_url: String,
    request_id: Option<String>,
    now: String,
    #[serde(default)]
    sp_decryption_keys: Vec<PathBuf>,
    #[serde(default)]
    allow: Vec<String>,
}

/// What came of it. Ordered by how bad it is for the exit status of a batch.
enum Verdict {
    Accepted(Box<VerifiedAssertion>),
    Refused(Fault),
    NotJudged(String),
}

/// The default of `saml.clock_skew_seconds`.
const CLOCK_SKEW: Duration = Duration::from_secs(180);

impl Verify {
    /// Judges what is asked on the command line, or on `input` for a batch, and answers on `output`.
    pub(super) fn run(self, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<ExitCode> {
        let worst = if self.batch { batch(input, output)? } else { self.single(output)? };
        Ok(ExitCode::from(worst))
    }

    fn single(self, output: &mut dyn Write) -> io::Result<u8> {
        let required = (self.file, self.idp_metadata, self.sp_entity_id, self.acs_url, self.now);
        let (Some(file), Some(idp_metadata), Some(sp_entity_id), Some(acs_url), Some(now)) = required else {
            unreachable!("the command line requires them unless it is a batch")
        };
        let (request_id, allow, sp_decryption_keys) = (self.request_id, self.allow, self.decryption_key);
        let question =
            Question { file, idp_metadata, sp_entity_id, acs_url, request_id, now, sp_decryption_keys, allow };
        let verdict = question.judge();
        writeln!(output, "{}", verdict.told())?;
        Ok(verdict.status())
    }
}

fn batch(input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<u8> {
    let mut worst = 0;
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let asked: Value = serde_json::from_str(&line).unwrap_or_default();
        let verdict = match Question::deserialize(&asked) {
            Ok(question) => question.judge(),
            Err(error) => Verdict::NotJudged(format!("the line is not a question: {error}")),
        };
        worst = worst.max(verdict.status());
        let mut told = verdict.told();
        told["id"] = asked.get("id").cloned().unwrap_or_default();
        writeln!(output, "{told}")?;
        output.flush()?;
    }
    Ok(worst)
}

impl Question {
    fn judge(&self) -> Verdict {
        self.verified().unwrap_or_else(Verdict::NotJudged)
    }

    fn verified(&self) -> Result<Verdict, String> {
        let now: Timestamp = self.now.parse().map_err(|_| format!("'{}' is not an RFC 3339 time", self.now))?;
        let idp = self.idp()?;
        let decryption_keys: Vec<_> = self.sp_decryption_keys.iter().map(decryption_key).collect::<Result<_, _>>()?;
        let response = read(&self.file)?;
        let expectation = Expectation {
            idp: &idp,
            sp_entity_id: &self.sp_entity_id,
            acs_url: &self.acs_url,
            request_id: self.request_id.as_deref(),
            decryption_keys: &decryption_keys,
            second_verifier: SecondVerifier::Require,
            now,
            skew: CLOCK_SKEW,
        };
        let verified = xml(response).and_then(|xml| response::verify(&xml, &expectation));
        Ok(verified.map_or_else(Verdict::Refused, |assertion| Verdict::Accepted(assertion.into())))
    }

    fn idp(&self) -> Result<SamlIdp, String> {
        let allow = self.allow.iter().map(|name| Allowance::named(name).ok_or_else(|| unknown_allowance(name)));
        let allow = allow.collect::<Result<_, _>>()?;
        let idp = metadata::read(&read(&self.idp_metadata)?, None)
            .map_err(|fault| format!("{}: {fault} {}", self.idp_metadata.display(), fault.code.hint()))?;
        Ok(SamlIdp { allow, ..idp.into() })
    }
}

fn unknown_allowance(name: &str) -> String {
    let known: Vec<_> = Allowance::ALL.iter().map(|allowance| allowance.name()).collect();
    format!("'{name}' cannot be allowed; what can is: {}", known.join(", "))
}

fn decryption_key(path: &PathBuf) -> Result<DecryptionKey, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let pem = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    DecryptionKey::from_pem(&pem).map_err(|error| told(&error))
}

fn read(path: &PathBuf) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// A response as XML: files hold it either as it is, or in base64 as it was posted.
fn xml(file: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let is_posted = |text: &str| !text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('<');
    match std::str::from_utf8(&file) {
        Ok(text) if is_posted(text) => response::decode(text.trim()),
        _ => Ok(file),
    }
}

impl Verdict {
    fn status(&self) -> u8 {
        match self {
            Verdict::Accepted(_) => 0,
            Verdict::Refused(_) => 1,
            Verdict::NotJudged(_) => 2,
        }
    }

    fn told(&self) -> Value {
        match self {
            Verdict::Accepted(assertion) => json!({
                "result": "accept",
                "name_id": assertion.identity().name_id.as_ref().map(|name| &name.value),
                "attributes": by_name(&assertion.identity().attributes),
                "issuer": assertion.issuer(),
                "notes": assertion.notes(),
            }),
            Verdict::Refused(fault) => json!({
                "result": "reject",
                "code": fault.code.name(),
                "sentence": fault.code.sentence(),
                "hint": fault.code.hint(),
                "expected": fault.expected,
                "received": fault.received,
            }),
            Verdict::NotJudged(why) => json!({ "result": "error", "message": why }),
        }
    }
}

/// All values under their name, also where the IdP repeats an attribute.
fn by_name(attributes: &[Attribute]) -> BTreeMap<&str, Vec<&str>> {
    let mut named = BTreeMap::<_, Vec<_>>::new();
    for attribute in attributes {
        named.entry(attribute.name.as_str()).or_default().extend(attribute.values.iter().map(String::as_str));
    }
    named
}
