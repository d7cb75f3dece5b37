//! Names of e-mail domains: what people write, read once at the edge into one spelling.
//!
//! `ACME.Example.`, `acme.example` and an internationalised name in either of its forms are the same domain, so everything
//! behind this compares bytes. What cannot be a domain of its own (an address of a machine, `com`, `co.uk`, `gmail.com`) is told
//! apart here too, because whoever owned one of those would own everybody's addresses.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

/// The name of a domain in DNS: lower case, in ASCII (A-labels), at least two labels, without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// Why a text names no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotADomain {
    /// It has characters, labels or a length that no host name has (RFC 1123 §2.1, UTS #46).
    #[error("is not the name of a domain")]
    Form,
    /// It is one label, such as `localhost`.
    #[error("has no dot")]
    SingleLabel,
    /// It is an address, such as `192.0.2.1`.
    #[error("is an IP address")]
    Address,
}

/// Why a text is no e-mail address of which the domain can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// It has no `@`, or several: two readers would disagree on whose it is.
    #[error("does not have exactly one @")]
    AtSigns,
    /// What stands before the `@` is empty, longer than 64 bytes (RFC 5321 §4.5.3.1.1), quoted, or has blanks or controls.
    #[error("has a local part that is empty, quoted, too long or not printable")]
    LocalPart,
    /// What stands behind it is no domain.
    #[error("has a domain that {0}")]
    Domain(#[from] NotADomain),
}

impl DomainName {
    /// Reads a name as people write it: any case, internationalised or not, with a dot at the end or without.
    pub fn parse(text: &str) -> Result<Self, NotADomain> {
        // UTS #46 with STD3: letters, digits and hyphens; 63 bytes a label and 253 in all, once in ASCII.
        let ascii = Uts46::new()
            .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::VerifyAllowRootDot)
            .map_err(|_| NotADomain::Form)?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        let Some((_, last)) = name.rsplit_once('.') else { return Err(NotADomain::SingleLabel) };
        match is_number(last) {
            true => Err(NotADomain::Address),
            false => Ok(Self(name.to_owned())),
        }
    }

    /// The domain of an e-mail address. Stricter than RFC 5321: quoted local parts, which may hold an `@`, and addresses with
    /// several of them are refused, because not everybody who reads the address later would read the same domain.
    pub fn of_email(address: &str) -> Result<Self, NotAnAddress> {
        let mut parts = address.split('@');
        let (Some(local), Some(domain), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NotAnAddress::AtSigns);
        };
        let is_fit = (1..=64).contains(&local.len())
            && !local.contains(|c: char| matches!(c, '"' | '\\' | '<' | '>') || c.is_control() || c.is_whitespace());
        match is_fit {
            true => Ok(Self::parse(domain)?),
            false => Err(NotAnAddress::LocalPart),
        }
    }

    /// The name in ASCII, as DNS has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people read it. What could be taken for another name stays in ASCII.
    pub fn to_unicode(&self) -> Cow<'_, str> {
        let (unicode, outcome) =
            Uts46::new().to_unicode(self.0.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        if outcome.is_ok() { unicode } else { Cow::Borrowed(&self.0) }
    }

    /// Whether this is a name below `other`. No name is below itself.
    pub fn is_below(&self, other: &DomainName) -> bool {
        self.0.strip_suffix(&other.0).is_some_and(|rest| rest.ends_with('.'))
    }

    /// The names above this one, the nearest first, as far as one organisation reaches: down to the name that was registered.
    pub fn above(&self) -> impl Iterator<Item = DomainName> + '_ {
        let registered = psl::domain_str(&self.0).map_or(self.0.len(), str::len);
        let dots = self.0.match_indices('.').map(|(at, _)| &self.0[at + 1..]);
        dots.take_while(move |name| name.len() >= registered).map(|name| DomainName(name.to_owned()))
    }

    /// Refuses what no tenant can have to itself: suffixes under which strangers register (`co.uk`, `github.io`; the Public
    /// Suffix List) and domains at which strangers have mailboxes.
    pub fn check_claimable(&self) -> Result<(), Fault> {
        if psl::domain_str(&self.0).is_none() {
            return Err(Code::DomainOfEverybody.fault().received(self.as_str()));
        }
        let is_public = |name: &str| PUBLIC_MAIL.contains(name);
        match is_public(&self.0) || self.above().any(|name| is_public(&name.0)) {
            true => Err(Code::DomainOfPublicMail.fault().received(self.as_str())),
            false => Ok(()),
        }
    }
}

/// Domains at which anybody can have a mailbox.
static PUBLIC_MAIL: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("domain_name/public_mail.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// Whether the last label makes an IPv4 address of a name (WHATWG URL, "ends in a number"): no top-level domain is one.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || label.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DomainName {
    type Error = NotADomain;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    #[test]
    fn every_way_to_write_a_domain_is_the_same_domain() {
        for (written, read) in [
            ("acme.example", "acme.example"),
            ("ACME.Example.", "acme.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("b\u{75}\u{308}cher.example", "xn--bcher-kva.example"),
            ("acme\u{3002}example", "acme.example"),
            ("straße.example", "xn--strae-oqa.example"),
            ("1.example", "1.example"),
            ("r3---sn.example", "r3---sn.example"),
        ] {
            assert_eq!(name(written).as_str(), read, "{written}");
        }
        assert_eq!(name("xn--bcher-kva.example").to_unicode(), "bücher.example");
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        let label = "a".repeat(64);
        let long = format!("{}.example", ["a".repeat(63).as_str(); 4].join("."));
        for (text, why) in [
            ("", NotADomain::Form),
            (".", NotADomain::Form),
            ("acme..example", NotADomain::Form),
            ("acme.example..", NotADomain::Form),
            (".acme.example", NotADomain::Form),
            (" acme.example", NotADomain::Form),
            ("acme example", NotADomain::Form),
            ("acme_.example", NotADomain::Form),
            ("*.acme.example", NotADomain::Form),
            ("-acme.example", NotADomain::Form),
            ("acme-.example", NotADomain::Form),
            ("acme.example:443", NotADomain::Form),
            ("https://acme.example", NotADomain::Form),
            ("alice@acme.example", NotADomain::Form),
            ("[192.0.2.1]", NotADomain::Form),
            ("2001:db8::1", NotADomain::Form),
            ("xn--\u{e9}.example", NotADomain::Form),
            ("xn--zzzzzz99999.example", NotADomain::Form),
            (&format!("{label}.example"), NotADomain::Form),
            (&long, NotADomain::Form),
            ("localhost", NotADomain::SingleLabel),
            ("localhost.", NotADomain::SingleLabel),
            ("192.0.2.1", NotADomain::Address),
            ("192.0.2.1.", NotADomain::Address),
            ("0x7f.0x1", NotADomain::Address),
            ("\u{ff11}92.0.2.\u{ff11}", NotADomain::Address),
        ] {
            assert_eq!(DomainName::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn the_domain_of_an_address_is_what_stands_behind_its_one_at_sign() {
        assert_eq!(DomainName::of_email("alice@ACME.Example"), Ok(name("acme.example")));
        assert_eq!(DomainName::of_email("a+b.c'd@acme.example."), Ok(name("acme.example")));
        for (address, why) in [
            ("acme.example", NotAnAddress::AtSigns),
            ("alice@evil.example@acme.example", NotAnAddress::AtSigns),
            ("\"alice@evil.example\"@acme.example", NotAnAddress::AtSigns),
            ("@acme.example", NotAnAddress::LocalPart),
            ("\"alice\"@acme.example", NotAnAddress::LocalPart),
            ("Alice <alice@acme.example", NotAnAddress::LocalPart),
            ("alice smith@acme.example", NotAnAddress::LocalPart),
            ("alice\n@acme.example", NotAnAddress::LocalPart),
            ("alice@", NotAnAddress::Domain(NotADomain::Form)),
            ("alice@acme.example ", NotAnAddress::Domain(NotADomain::Form)),
            ("alice@localhost", NotAnAddress::Domain(NotADomain::SingleLabel)),
            ("alice@192.0.2.1", NotAnAddress::Domain(NotADomain::Address)),
        ] {
            assert_eq!(DomainName::of_email(address), Err(why), "{address}");
        }
        assert_eq!(DomainName::of_email(&format!("{}@acme.example", "a".repeat(65))), Err(NotAnAddress::LocalPart));
    }

    #[test]
    fn the_names_above_end_with_the_one_that_was_registered() {
        let above = |text: &str| name(text).above().map(String::from).collect::<Vec<_>>();
        assert_eq!(above("a.b.acme.co.uk"), ["b.acme.co.uk", "acme.co.uk"]);
        assert_eq!(above("acme.example"), Vec::<String>::new());
        assert_eq!(above("docs.acme.github.io"), ["acme.github.io"]);
        assert!(name("eu.acme.example").is_below(&name("acme.example")));
        assert!(!name("acme.example").is_below(&name("acme.example")));
        assert!(!name("notacme.example").is_below(&name("acme.example")));
    }

    #[test]
    fn policy_5_public_mail_domains_and_public_suffixes_are_nobodys() {
        let refused = |text: &str| name(text).check_claimable().err().map(|fault| fault.code);
        for text in ["gmail.com", "Hotmail.co.uk", "mail.gmail.com", "gmx.net", "qq.com"] {
            assert_eq!(refused(text), Some(Code::DomainOfPublicMail), "{text}");
        }
        for text in ["co.uk", "github.io", "com.br", "k12.ca.us"] {
            assert_eq!(refused(text), Some(Code::DomainOfEverybody), "{text}");
        }
        for text in ["acme.example", "acme.co.uk", "eu.acme.example", "notgmail.com", "example.com"] {
            assert_eq!(refused(text), None, "{text}");
        }
    }

    #[test]
    fn the_list_of_public_mail_domains_is_written_as_it_is_compared() {
        for line in PUBLIC_MAIL.iter() {
            assert_eq!(name(line).as_str(), *line);
            assert!(psl::domain_str(line).is_some_and(|registered| registered == *line), "{line}");
        }
    }

    proptest! {
        /// Print and parse are each other's inverse, and what was read is never read as something else.
        #[test]
        fn what_was_read_reads_as_itself(text in "\\PC{0,40}|[a-zA-Z0-9.\\-ü]{1,30}\\.[a-z]{2,9}\\.?") {
            if let Ok(read) = DomainName::parse(&text) {
                prop_assert_eq!(DomainName::parse(read.as_str()), Ok(read.clone()));
                prop_assert_eq!(DomainName::parse(&read.to_unicode()), Ok(read.clone()));
                prop_assert!(read.as_str().len() <= 253 && read.as_str().contains('.'));
                let upper = read.as_str().to_ascii_uppercase();
                prop_assert_eq!(DomainName::parse(&format!("{upper}.")), Ok(read.clone()));
                for above in read.above() {
                    prop_assert!(read.is_below(&above));
                    prop_assert_eq!(DomainName::parse(above.as_str()), Ok(above.clone()));
                }
            }
        }

        /// Whatever stands before the one `@`, the domain is what stands behind it, or there is none.
        #[test]
        fn an_address_never_speaks_for_another_domain(address in "\\PC{0,30}@\\PC{0,10}(acme|evil)\\.example") {
            if let Ok(read) = DomainName::of_email(&address) {
                let (_, behind) = address.rsplit_once('@').unwrap();
                prop_assert_eq!(Ok(read), DomainName::parse(behind));
                prop_assert_eq!(address.matches('@').count(), 1);
            }
        }
    }
}
