//! E-mail addresses, as two writings of one are compared.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain_name::DomainName;

/// An e-mail address in one spelling: in lower case, its domain as DNS has it. Some servers tell cases of the local part apart, no
/// organisation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailAddress(String);

impl MailAddress {
    /// Reads one as people and IdPs write it; `None`: nobody could say for sure at which domain it is.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let domain = DomainName::of_email(text).ok()?;
        let (local, _) = text.split_once('@')?;
        Some(Self(format!("{}@{domain}", local.to_lowercase())))
    }

    /// It, in that spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for (text, read) in [
            ("root@acme.example", Some("root@acme.example")),
            (" ROOT@ACME.EXAMPLE. ", Some("root@acme.example")),
            ("Jürgen@Bücher.example", Some("jürgen@xn--bcher-kva.example")),
            ("root@x@acme.example", None),
            ("root", None),
            ("", None),
        ] {
            assert_eq!(MailAddress::read(text).as_ref().map(MailAddress::as_str), read, "{text}");
        }
    }
}
