//! What has to hold for any input that strangers can send:
//!
//! | target | random | has to hold |
//! |---|---|---|
//! | `response` | a SAML response, from seeds that a fixed key signed | accepted ⇒ about the same person as the seeds, and the verifiers agree |
//! | `canonical` | XML inside an assertion that another implementation signs | our canonicalisation gives the bytes that it signed |
//! | `logout` | a logout message by either binding | accepted ⇒ ends the sessions that the seeds name, or answers as they do |
//! | `metadata` | an identity provider's metadata | read ⇒ has a key, and every address is one for browsers |
//! | `query` | what a signed request by the Redirect binding is made of | arrives as it was signed, and is read as it was meant |
//! | `decode` | the form field `SAMLResponse` | decoded ⇒ within the limits, and the same again after encoding |
//! | `authorize` | a registered redirect URI and a query | allowed ⇒ leads to the registered host |
//! | `address` | an e-mail address, or a domain | read ⇒ one domain, which reads as itself however it is written |
//! | `seal` | a sealed record | opens ⇒ is the original, at its place |
//! | `token` | an ID token, a client's assertion, a DPoP proof, our own ID token again | accepted ⇒ says what the seed says, and is of one kind only |
//! | `config` | configuration, and the URL of a store | taken ⇒ a safe public URL; a password is never printed |
//!
//! And none may panic, read where it must not, or take for ever. Two things drive them: libFuzzer, which learns from what
//! each input reaches (`libfuzzer/`, `make fuzz`), and `tests/shaken.rs`, which changes the seeds by a fixed chance and needs
//! no other compiler. `corpus/` holds small seeds; `cargo run -p postern-fuzz --example seeds` writes them anew, with new
//! keys in `keys/`: nobody else trusts or uses those.

pub mod targets;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use postern_core::connection::SamlIdp;
use postern_core::fault::Fault;
use postern_core::ports::{Clock, Place, Random, Timestamp};
use postern_saml::keys::DecryptionKey;
use postern_saml::metadata;
use postern_saml::response::{Expectation, SecondVerifier, VerifiedAssertion, verify};
use postern_store::{KeyRing, MemoryBackend, RootKey, RootKeys};

/// The request that every seed answers.
pub const REQUEST: &str = "_request";

/// Where logout messages go.
pub const SLO: &str = "https://sso.example.com/api/oauth/saml/slo";
/// Whose session they end.
pub const LOGOUT_PERSON: &str = "alice@example.com";
/// Which one.
pub const LOGOUT_SESSION: &str = "_session";
/// What comes back with an answer.
pub const LOGOUT_RELAY_STATE: &str = "state";

/// Who signs every token.
pub const TOKEN_ISSUER: &str = "https://sso.example.com";
/// The client that ID tokens are for, and that proves itself by a key.
pub const TOKEN_AUDIENCE: &str = "client";
/// Where DPoP proofs go.
pub const TOKEN_ENDPOINT: &str = "https://sso.example.com/api/oauth/token";
/// The nonce of the login that an ID token answers.
pub const NONCE: &str = "nonce";
/// What came beside an ID token.
pub const ACCESS_TOKEN: &str = "access";

/// How far a clock may be off.
pub const SKEW: Duration = Duration::from_secs(180);

/// The identity provider whose key signed every SAML seed.
pub static PROVIDER: LazyLock<SamlIdp> = LazyLock::new(|| {
    let metadata = include_str!("../keys/idp.xml");
    let read = metadata::read(metadata.as_bytes(), None).expect("the lab's metadata");
    SamlIdp::new(read.entity_id, read.signing_keys)
});

/// The present of every seed.
pub fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().expect("a time")
}

/// Who judges responses: one connection, always the same.
pub struct Judge {
    idp: SamlIdp,
    keys: Vec<DecryptionKey>,
}

impl Judge {
    /// For the identity provider with these metadata, opening with these keys.
    pub fn new(idp_metadata: &str, keys: &[&str]) -> Judge {
        let read = metadata::read(idp_metadata.as_bytes(), None).expect("the lab's metadata");
        let idp = SamlIdp::new(read.entity_id, read.signing_keys);
        Judge { idp, keys: keys.iter().map(|pem| DecryptionKey::from_pem(pem).expect("a key")).collect() }
    }

    /// What becomes of a response.
    pub fn verify(&self, xml: &[u8]) -> Result<VerifiedAssertion, Fault> {
        let expectation = Expectation {
            idp: &self.idp,
            sp_entity_id: postern_lab::response::AUDIENCE,
            acs_url: postern_lab::response::ACS,
            request_id: Some(REQUEST),
            decryption_keys: &self.keys,
            second_verifier: SecondVerifier::Require,
            now: now(),
            skew: SKEW,
        };
        verify(xml, &expectation)
    }
}

/// The texts that an input consists of, with a zero between them.
pub fn parts<const N: usize>(input: &[u8]) -> Option<[&str; N]> {
    let parts: Vec<&str> = str::from_utf8(input).ok()?.splitn(N, '\0').collect();
    parts.try_into().ok()
}

/// A key ring that is the same in every run, so that a record which it sealed can be a seed.
pub fn key_ring() -> KeyRing {
    let random = Arc::new(Counting(AtomicU64::new(0)));
    let backend = MemoryBackend::new(Arc::new(Still));
    let roots = RootKeys::single(RootKey::generate(1, &*random));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(KeyRing::load_or_create(&backend, &roots, random)).expect("a ring in memory")
}

/// Where the record of the seed belongs, and places that differ from it in one thing each.
pub const PLACES: [Place<'_>; 5] = {
    let own = Place { class: "login", schema: 1, key: "p1:login:one", bearer: b"cookie" };
    [
        own,
        Place { class: "grant", ..own },
        Place { schema: 2, ..own },
        Place { key: "p1:login:two", ..own },
        Place { bearer: b"another", ..own },
    ]
};

/// What the record of the seed says.
pub const RECORD: &[u8] = b"who signs in, and whereto";

/// Chance that repeats itself.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let next = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = (next.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
    }
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        now()
    }
}
