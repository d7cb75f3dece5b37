//! A connection that judges attacks, and good responses of any size to compare them with.

use postern_core::connection::SamlIdp;
use postern_core::fault::Fault;
use postern_core::ports::Timestamp;
use postern_lab::attack::Scene;
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_lab::response::{ACS, AUDIENCE, IDP, Response, base64};
use postern_saml::keys::DecryptionKey;
use postern_saml::response::{Expectation, SecondVerifier, VerifiedAssertion, decode, verify};

const REQUEST: &str = "_request";

/// One login that waits for its answer, and what an attacker might have.
pub(crate) struct Stage {
    idp: SamlIdp,
    decryption_keys: Vec<DecryptionKey>,
    key: Key,
    other_key: Key,
    encrypt_to: Vec<u8>,
    earlier: Response,
    foreign: String,
}

impl Stage {
    pub(crate) fn set() -> Stage {
        let [key, other_key, ours] = [(); 3].map(|()| Key::generate().expect("a key"));
        let document = metadata(IDP, "https://idp.example.com/sso", &key);
        let read = postern_saml::metadata::read(document.as_bytes(), None).expect("the lab's metadata");
        Stage {
            idp: SamlIdp::new(read.entity_id, read.signing_keys),
            decryption_keys: vec![DecryptionKey::from_pem(&ours.to_pem()).expect("a key")],
            encrypt_to: ours.public_key_info(),
            earlier: Response { assertion_id: "_earlier".into(), ..Response::at(now()).answering("_earlier-request") },
            foreign: Response::at(now()).answering("_foreign-request").signed_assertion(&other_key),
            key,
            other_key,
        }
    }

    pub(crate) fn scene(&self) -> Scene<'_> {
        Scene {
            idp: IDP,
            key: &self.key,
            other_key: &self.other_key,
            sp: AUDIENCE,
            acs: ACS,
            request_id: REQUEST,
            now: now(),
            encrypt_to: &self.encrypt_to,
            earlier: &self.earlier,
            foreign: &self.foreign,
        }
    }

    /// What a form field comes to, as at the assertion consumer service.
    pub(crate) fn judge(&self, field: &str) -> Result<VerifiedAssertion, Fault> {
        let expectation = Expectation {
            idp: &self.idp,
            sp_entity_id: AUDIENCE,
            acs_url: ACS,
            request_id: Some(REQUEST),
            decryption_keys: &self.decryption_keys,
            second_verifier: SecondVerifier::Require,
            now: now(),
            skew: std::time::Duration::from_secs(180),
        };
        verify(&decode(field)?, &expectation)
    }

    /// The form field of a good response about somebody in so many groups, with names as directories give them.
    pub(crate) fn good(&self, groups: usize) -> String {
        let name = |n: usize| format!("CN=group-{n:05},OU=groups,OU={},DC=example,DC=com", "departments".repeat(12));
        let mut response = Response::at(now()).answering(REQUEST);
        response.attributes.push(("departments".into(), (0..groups).map(name).collect()));
        let field = base64(&response.signed_assertion(&self.key));
        assert!(self.judge(&field).is_ok(), "{groups} groups");
        field
    }
}

fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().expect("a time")
}
