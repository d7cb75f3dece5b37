//! Whatever is done to a genuine logout message: if it is accepted, it ends the sessions that the identity provider named, or
//! says what it said (H28). What begins with `<` is posted in a form, anything else is the query of an address.

use data_encoding::BASE64;
use postern_core::fault::{Code, Fault};
use postern_saml::logout::{Incoming, LogoutExpectation, LogoutOutcome, posted, redirected};
use postern_saml::response::SecondVerifier;

use crate::{LOGOUT_PERSON, LOGOUT_RELAY_STATE, LOGOUT_SESSION, PROVIDER, REQUEST, SKEW, SLO, now};

/// Has to hold for any input.
pub fn check(input: &[u8]) {
    let expected = LogoutExpectation {
        idp: &PROVIDER,
        destination: SLO,
        second_verifier: SecondVerifier::Require,
        now: now(),
        skew: SKEW,
    };
    let accepted = if input.starts_with(b"<") {
        let field = BASE64.encode(input);
        [posted(Some(&field), None, &expected), posted(None, Some(&field), &expected)].into_iter().find_map(judged)
    } else {
        let Ok(query) = str::from_utf8(input) else { return };
        judged(redirected(query, &expected)).map(|arrived| {
            assert_eq!(arrived.relay_state.as_deref(), Some(LOGOUT_RELAY_STATE));
            arrived.message
        })
    };
    match accepted {
        Some(Incoming::Request(request)) => {
            assert_eq!(request.name().value, LOGOUT_PERSON);
            assert_eq!(request.session_indexes(), [LOGOUT_SESSION]);
        }
        Some(Incoming::Response(response)) => {
            assert_eq!(response.answer_to(REQUEST).expect("the request of the seed"), LogoutOutcome::Done);
        }
        None => {}
    }
}

fn judged<T>(result: Result<T, Fault>) -> Option<T> {
    result.inspect_err(|fault| assert_ne!(fault.code, Code::SamlVerifiersDisagree, "{:?}", fault.received)).ok()
}
