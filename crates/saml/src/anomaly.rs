//! What an assertion says that cannot be true (X22).
//!
//! Whoever has stolen an IdP's key writes assertions that pass every rule, and often hastily: with a time at which nobody can have
//! been authenticated. Nothing here refuses, because clocks and IdPs are wrong more often than keys are stolen; somebody
//! should hear of it.

use jiff::Timestamp;
use postern_core::identity::Identity;

use crate::time::Present;

/// What is impossible about this person, `issued` being when the IdP says that it said so.
pub(crate) fn of(identity: &Identity, issued: Timestamp, present: Present) -> Vec<String> {
    let Some(authenticated) = identity.authenticated_at else { return Vec::new() };
    // SAML Core §2.7.2: AuthnInstant is "the time at which the authentication took place", SessionNotOnOrAfter that at which
    // the session which it began ends.
    let impossible = [
        (present.is_ahead(authenticated), "authenticated in the future"),
        (authenticated > present.give(issued), "authenticated after the assertion was issued"),
        (identity.session_ends.is_some_and(|end| end <= authenticated), "authenticated after the session ended"),
    ];
    impossible.into_iter().filter(|(so, _)| *so).map(|(_, what)| what.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn x22_what_cannot_be_true_is_told() {
        let at = |time: &str| -> Timestamp { format!("2026-01-31T{time}Z").parse().unwrap() };
        let present = Present::new(at("12:00:00"), Duration::from_secs(180));
        let told = |authenticated: &str, issued: &str, session_ends: Option<&str>| {
            let identity = Identity {
                issuer: "https://idp.example.com".into(),
                name_id: None,
                attributes: vec![],
                authenticated_at: Some(at(authenticated)),
                session_ends: session_ends.map(at),
                session_index: None,
                context: None,
                methods: Vec::new(),
                email_verified: None,
                raw: None,
            };
            of(&identity, at(issued), present)
        };
        assert!(told("11:59:00", "12:00:00", Some("20:00:00")).is_empty());
        assert!(told("01:00:00", "12:00:00", None).is_empty(), "an old session is a session");
        assert!(told("12:02:59", "12:00:00", None).is_empty(), "clocks differ");
        assert_eq!(told("12:03:01", "12:03:00", None), ["authenticated in the future"]);
        assert_eq!(told("11:59:00", "11:55:00", None), ["authenticated after the assertion was issued"]);
        assert_eq!(told("11:59:00", "12:00:00", Some("11:59:00")), ["authenticated after the session ended"]);
    }
}
