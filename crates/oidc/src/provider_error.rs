//! The refusals of providers, as faults that say what to change. A provider's own words may hold names and addresses, so that
//! of them only the error code of the protocol and Microsoft's number are kept.

use postern_core::fault::{Code, Fault};

/// What a provider said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// `error` of RFC 6749 §4.1.2.1 and §5.2, or what the provider puts there.
    pub(crate) error: &'a str,
    /// `error_description`.
    pub(crate) description: &'a str,
}

/// Microsoft's numbers that have one meaning: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
#[rustfmt::skip]
const MICROSOFT: &[(&str, Code)] = &[
    ("50011", Code::OidcRedirectUriRefused),
    ("500113", Code::OidcRedirectUriRefused),
    ("50105", Code::OidcPersonNotAssigned),
    ("50020", Code::OidcPersonOfOtherOrganisation),
    ("90072", Code::OidcPersonOfOtherOrganisation),
    ("50034", Code::OidcPersonOfOtherOrganisation),
    ("50076", Code::OidcPolicyNotMet),
    ("50079", Code::OidcPolicyNotMet),
    ("50158", Code::OidcPolicyNotMet),
    ("53000", Code::OidcPolicyNotMet),
    ("53001", Code::OidcPolicyNotMet),
    ("53003", Code::OidcPolicyNotMet),
    ("65001", Code::OidcConsentMissing),
    ("65004", Code::OidcConsentMissing),
    ("90094", Code::OidcConsentMissing),
    ("70011", Code::OidcScopeRefused),
    ("700016", Code::OidcClientUnknown),
    ("90002", Code::OidcClientUnknown),
    ("7000215", Code::OidcClientSecretWrong),
    ("7000222", Code::OidcClientSecretExpired),
    ("700027", Code::OidcClientAssertionRefused),
    ("54005", Code::OidcCodeRefused),
    ("70008", Code::OidcCodeRefused),
];

/// A refusal that came by way of the browser.
pub(crate) fn at_the_callback(said: Said<'_>, callback: &str) -> Fault {
    let code = microsoft(said.description).unwrap_or(match said.error {
        "access_denied" => Code::OidcAccessDenied,
        "login_required" => Code::SignInNeeded,
        "interaction_required" => Code::OidcInteractionRequired,
        "account_selection_required" => Code::OidcAccountSelectionRequired,
        "consent_required" => Code::OidcConsentMissing,
        "invalid_redirect_uri" | "redirect_uri_mismatch" => Code::OidcRedirectUriRefused,
        "invalid_scope" => Code::OidcScopeRefused,
        "unauthorized_client" | "invalid_client" => Code::OidcClientUnknown,
        "server_error" | "temporarily_unavailable" => Code::OidcProviderFailed,
        _ => Code::OidcRequestRefused,
    });
    fault(code, said, callback)
}

/// A refusal of the token endpoint. `signs`: we authenticated by a signature, not by a secret.
pub(crate) fn at_the_token_endpoint(said: Said<'_>, callback: &str, signs: bool) -> Fault {
    let code = microsoft(said.description).unwrap_or(match said.error {
        "invalid_client" if signs => Code::OidcClientAssertionRefused,
        "invalid_client" => Code::OidcClientSecretWrong,
        "invalid_redirect_uri" | "redirect_uri_mismatch" => Code::OidcRedirectUriRefused,
        "invalid_grant" => Code::OidcCodeRefused,
        "unauthorized_client" => Code::OidcClientUnknown,
        "invalid_scope" => Code::OidcScopeRefused,
        "server_error" | "temporarily_unavailable" => Code::OidcProviderFailed,
        _ => Code::OidcRequestRefused,
    });
    fault(code, said, callback)
}

fn fault(code: Code, said: Said<'_>, callback: &str) -> Fault {
    let number = number(said.description).map(|number| format!(" AADSTS{number}")).unwrap_or_default();
    let fault = code.fault().received(format!("{}{number}", word(said.error)));
    match code {
        Code::OidcRedirectUriRefused => fault.expected(callback),
        _ => fault,
    }
}

fn microsoft(description: &str) -> Option<Code> {
    let number = number(description)?;
    MICROSOFT.iter().find(|(known, _)| *known == number).map(|(_, code)| *code)
}

/// The number after `AADSTS`, with which Microsoft's descriptions begin.
fn number(description: &str) -> Option<&str> {
    let rest = description.trim_start().strip_prefix("AADSTS")?;
    let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end).filter(|number| (4..=9).contains(&number.len()))
}

/// The error as far as it is a word of the protocol (RFC 6749 §4.1.2.1 allows more than that).
fn word(error: &str) -> &str {
    let plain = (1..=40).contains(&error.len()) && error.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if plain { error } else { "(something else)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: &str = "https://sso.example.com/api/oauth/oidc";

    fn callback(error: &str, description: &str) -> Fault {
        at_the_callback(Said { error, description }, CALLBACK)
    }

    #[test]
    fn a_refused_redirect_uri_names_our_exact_callback() {
        for (error, description) in [
            ("invalid_redirect_uri", ""),
            ("redirect_uri_mismatch", ""),
            ("invalid_request", "AADSTS50011: The redirect URI 'x' specified in the request does not match"),
        ] {
            let fault = callback(error, description);
            assert_eq!((fault.code, fault.expected.as_deref()), (Code::OidcRedirectUriRefused, Some(CALLBACK)));
        }
        let fault = at_the_token_endpoint(Said { error: "redirect_uri_mismatch", description: "" }, CALLBACK, false);
        assert_eq!((fault.code, fault.expected.as_deref()), (Code::OidcRedirectUriRefused, Some(CALLBACK)));
    }

    #[test]
    fn a_providers_words_are_not_repeated() {
        let fault = callback("access_denied", "AADSTS50105: Your administrator has blocked alice@example.com");
        assert_eq!(fault.code, Code::OidcPersonNotAssigned);
        assert_eq!(fault.received.as_deref(), Some("access_denied AADSTS50105"));
        assert_eq!(callback("alice@example.com", "").received.as_deref(), Some("(something else)"));
    }

    #[test]
    fn a_wrong_secret_and_an_expired_one_are_told_apart() {
        let token = |description: &str, signs| {
            at_the_token_endpoint(Said { error: "invalid_client", description }, CALLBACK, signs).code
        };
        assert_eq!(token("", false), Code::OidcClientSecretWrong);
        assert_eq!(token("AADSTS7000215: Invalid client secret provided.", false), Code::OidcClientSecretWrong);
        assert_eq!(
            token("AADSTS7000222: The provided client secret keys are expired.", false),
            Code::OidcClientSecretExpired
        );
        assert_eq!(token("", true), Code::OidcClientAssertionRefused);
    }
}
