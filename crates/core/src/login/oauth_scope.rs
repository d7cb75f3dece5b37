//! Which of the OAuth scopes that an app asks for it gets.

use crate::scope::Scope;

/// Asks for an ID token.
pub const OPENID: &str = "openid";
/// Asks for refresh tokens that outlive the session (OIDC Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Every scope that means something here. The claims of `profile` and `email` come in any case; the names are known because
/// every client sends them.
pub const KNOWN: [&str; 4] = [OPENID, "profile", "email", OFFLINE_ACCESS];

/// What is granted of what was asked: the scopes that mean something here, each once, in the order in which they were asked
/// for, and nothing else. RFC 6749 §3.3: "The authorization server MAY fully or partially ignore the scope requested by the
/// client"; OIDC Core §3.1.2.1: "Scope values used that are not understood by an implementation SHOULD be ignored."
pub fn granted(asked: &[String], offline: bool) -> Vec<String> {
    let mut granted: Vec<String> = Vec::new();
    for scope in asked {
        let known = KNOWN.contains(&scope.as_str()) && (offline || scope != OFFLINE_ACCESS);
        if known && !granted.contains(scope) {
            granted.push(scope.clone());
        }
    }
    granted
}

/// What is left of a grant where the app asks for less.
pub fn narrowed(granted: &[String], asked: &[String]) -> Vec<String> {
    granted.iter().filter(|scope| asked.contains(scope)).cloned().collect()
}

/// What the app has to be told about its scope: RFC 6749 §5.1: "OPTIONAL, if identical to the scope requested by the client;
/// otherwise, REQUIRED". An item that names tenant and product, as clients of Jackson send it, is no scope.
pub fn told(asked: &[String], granted: &[String]) -> Option<String> {
    let asked = asked.iter().filter(|item| Scope::encoded(item).is_none());
    (!asked.eq(granted)).then(|| granted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a21_unknown_scopes_are_ignored_and_that_is_told() {
        let asked = words("openid admin profile openid");
        assert_eq!(granted(&asked, true), words("openid profile"));
        assert_eq!(told(&asked, &granted(&asked, true)).as_deref(), Some("openid profile"));
        assert_eq!(told(&words("email openid"), &granted(&words("email openid"), false)), None);
        assert_eq!(told(&words("tenant=a&product=b openid"), &words("openid")), None);
    }

    #[test]
    fn f10_offline_access_needs_the_product_s_leave() {
        assert_eq!(granted(&words("openid offline_access"), false), words("openid"));
        assert_eq!(granted(&words("openid offline_access"), true), words("openid offline_access"));
    }
}
