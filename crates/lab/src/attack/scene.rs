//! One login, and what an attacker might have.

use postern_core::ports::Timestamp;

use super::forge::{assertion_in, changed, sign};
use crate::key::Key;
use crate::response::Response;

/// A login that waits for its answer. Most attackers can write everything in it but a signature; some attacks are an
/// identity provider that signs what it should not, and those use its key.
pub struct Scene<'a> {
    /// The entity ID of the identity provider.
    pub idp: &'a str,
    /// The key that the connection trusts.
    pub key: &'a Key,
    /// The key of another tenant's identity provider, which the connection does not trust.
    pub other_key: &'a Key,
    /// The entity ID of the service provider.
    pub sp: &'a str,
    /// Its assertion consumer service.
    pub acs: &'a str,
    /// The request that is to be answered.
    pub request_id: &'a str,
    /// The present.
    pub now: Timestamp,
    /// The key to encrypt to (`SubjectPublicKeyInfo`, DER).
    pub encrypt_to: &'a [u8],
    /// What the identity provider answered to an earlier login, which succeeded.
    pub earlier: &'a Response,
    /// A genuine response of another tenant's identity provider about one of its own people, signed by `other_key`.
    pub foreign: &'a str,
}

impl Scene<'_> {
    /// The good answer about Alice.
    pub fn answer(&self) -> Response {
        Response {
            id: format!("{}-response", self.request_id),
            assertion_id: format!("{}-assertion", self.request_id),
            ..Response::at(self.now)
                .sent_by(self.idp)
                .sent_to(self.acs)
                .for_audience(self.sp)
                .answering(self.request_id)
        }
    }

    /// The answer that an attacker would like us to read: about an administrator. It has no signature.
    pub(super) fn forgery(&self) -> Response {
        let mut forged = self.answer();
        forged.id = "_forged-response".into();
        forged.assertion_id = "_forged-assertion".into();
        forged.name_id = Some(ADMIN.into());
        forged.attributes[0].1 = vec!["admin@example.com".into()];
        forged
    }

    /// The good answer, signed as most identity providers sign.
    pub(super) fn genuine(&self) -> String {
        self.answer().signed_assertion(self.key)
    }

    /// The good answer, signed as a whole.
    pub(super) fn genuine_whole(&self) -> String {
        self.answer().signed_response(self.key)
    }

    /// The genuine assertion with its signature.
    pub(super) fn signed(&self) -> String {
        assertion_in(&self.genuine()).to_owned()
    }

    /// The forged assertion.
    pub(super) fn forged(&self) -> String {
        assertion_in(&self.forgery().unsigned()).to_owned()
    }

    /// The good response with something in place of its assertion.
    pub(super) fn around(&self, assertion: &str) -> String {
        let response = self.answer().unsigned();
        changed(&response, assertion_in(&response), assertion)
    }

    /// The good response, changed on its way.
    pub(super) fn tampered(&self, from: &str, to: &str) -> String {
        changed(&self.genuine(), from, to)
    }

    /// The identity provider says something else, and signs the assertion.
    pub(super) fn says(&self, change: impl FnOnce(&mut Response)) -> String {
        let mut response = self.answer();
        change(&mut response);
        response.signed_assertion(self.key)
    }

    /// The identity provider says something else, and signs the whole response.
    pub(super) fn says_whole(&self, change: impl FnOnce(&mut Response)) -> String {
        let mut response = self.answer();
        change(&mut response);
        response.signed_response(self.key)
    }

    /// The identity provider writes its assertion differently before it signs it.
    pub(super) fn writes(&self, from: &str, to: &str) -> String {
        let response = self.answer().unsigned();
        self.around(&sign(&changed(assertion_in(&response), from, to), self.key))
    }

    /// The identity provider writes its response differently before it signs the whole of it.
    pub(super) fn writes_whole(&self, from: &str, to: &str) -> String {
        sign(&changed(&self.answer().unsigned(), from, to), self.key)
    }
}

/// Whom a forged assertion is about.
pub(super) const ADMIN: &str = "u-0001";
