//! Single logout: SAML Core §3.7, SAML Profiles §4.4, by the two front-channel bindings (H28, SDP-SP24 to SP36).
//!
//! [`LogoutRequest`] and [`LogoutResponse`] are what we send, always signed. What arrives is anybody's until [`redirected`] or
//! [`posted`] verified it; only then there is a name whose sessions could be ended ([`Incoming`]). A logout message carries no
//! assertion, so nobody gets in by one, but a forged one throws people out: it is judged like a response.
//!
//! | step | file | what it refuses |
//! |---|---|---|
//! | parameters and signature of an address | `query` | two of a kind, a request and a response, other spellings, other keys (X10) |
//! | bounds | `document` | too large, not UTF-8, DOCTYPE, comments, bombs (X18) |
//! | place and form of a signature | `logout::incoming`, `gate`, `signature` | anything but one signature over the root (X17) |
//! | signature of a posted message | `verify`, `second` | what no key of this connection made |
//! | rules | `logout::incoming` | other issuer, other destination, too old, nobody named |
//!
//! Whether a request was seen before is not known here: the caller remembers [`VerifiedLogoutRequest::id`] until
//! [`VerifiedLogoutRequest::usable_until`].

mod incoming;
mod outgoing;
mod unverified;

pub use incoming::{
    Arrived, Incoming, LogoutExpectation, VerifiedLogoutRequest, VerifiedLogoutResponse, posted, redirected,
};
pub use outgoing::{LogoutRequest, LogoutResponse};
pub use unverified::unverified_issuer;

/// What became of a logout, on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutOutcome {
    /// Everybody is logged out.
    Done,
    /// Some session of the person goes on somewhere: SAML Core §3.2.2.2, `PartialLogout`.
    Partial,
    /// Nobody was.
    Failed,
}

impl LogoutOutcome {
    /// What it is called in traces.
    pub fn name(self) -> &'static str {
        match self {
            LogoutOutcome::Done => "done",
            LogoutOutcome::Partial => "in part",
            LogoutOutcome::Failed => "failed",
        }
    }
}

pub(crate) const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
pub(crate) const RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
pub(crate) const PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";
