//! What a login that goes on may end in otherwise than people expect, in one table: each row by the name that stands in the notes of
//! traces and test logins, in claims or in the answers of discovery, with who mends it and how. `docs/ERRORS.md` is printed from
//! it. What refuses a login is a [`crate::fault::Code`].

use crate::fault::Mender;

/// One of them.
#[derive(Debug)]
pub struct Verdict {
    /// The name.
    pub name: &'static str,
    /// Who can mend it.
    pub mender: Mender,
    /// What it means.
    pub sentence: &'static str,
    /// What to change, where.
    pub hint: &'static str,
}

/// All of them.
// One row per line, whatever its length: the table is read down its columns.
#[rustfmt::skip]
pub const VERDICTS: &[Verdict] = &[
    Verdict { name: "groups_attribute_missing", mender: Mender::IdpAdmin, sentence: "There are rules about groups, and the identity provider sent none: the role or team is only the default.", hint: "Let the identity provider send the person's groups, as an attribute named groups or one that the connection's mapping names." },
    Verdict { name: "no_group_rule_matched", mender: Mender::BridgeAdmin, sentence: "The identity provider sent groups, and no rule names any of them: the role or team is only the default.", hint: "Compare the names that a test login shows with group_roles and group_teams of the policy. Case counts; some providers send ids instead of names." },
    Verdict { name: "department_attribute_missing", mender: Mender::IdpAdmin, sentence: "There are rules about departments, and the identity provider sent none: the team is only the default.", hint: "Let the identity provider send the person's department, as an attribute named department or one that the connection's mapping names." },
    Verdict { name: "no_department_rule_matched", mender: Mender::BridgeAdmin, sentence: "No rule names the department that the identity provider sent: the team is only the default.", hint: "Compare the department that a test login shows with department_teams of the policy. Case counts." },
    Verdict { name: "foreign_domain", mender: Mender::IdpAdmin, sentence: "The e-mail address is at a domain that is not the tenant's, so the app makes no account for the person.", hint: "Send an address at a domain that the tenant has proven, or prove this one (/api/v1/domains). It is let pass because foreign_domains of the policy is flag." },
    Verdict { name: "domain_not_verified", mender: Mender::BridgeAdmin, sentence: "The tenant has not proven the domain of the e-mail address, so the app makes no account for the person.", hint: "Prove the domain with /api/v1/domains." },
    Verdict { name: "not_invited", mender: Mender::BridgeAdmin, sentence: "The tenant takes invited people only, and this one is not invited, so the app makes no account for them.", hint: "Invite them with /api/v1/people/invited. They are let pass because uninvited of the policy is tell." },
    Verdict { name: "attribute_missing", mender: Mender::IdpAdmin, sentence: "A claim that the policy requires did not arrive, so the app makes no account for the person.", hint: "Let the identity provider send it: required_claims of the policy lists them, and a test login shows what arrived." },
    Verdict { name: "auto_provision_off", mender: Mender::BridgeAdmin, sentence: "Accounts are made by the tenant's administrators alone.", hint: "Make the account in the app, or set auto_provision of the policy to true." },
    Verdict { name: "nobody", mender: Mender::BridgeAdmin, sentence: "As password of discovery: single sign-on is enforced for the address, and a password is not accepted.", hint: "Sign in by single sign-on. If the identity provider is gone, use a break_glass address, or set enforce_sso of the policy to false." },
];

/// Those that a note of a trace speaks of.
pub fn in_note(note: &str) -> Option<&'static Verdict> {
    let mut words = note.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.find_map(|word| VERDICTS.iter().find(|verdict| verdict.name == word && word.contains('_')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provisioning::Reason;

    #[test]
    fn notes_are_found_by_the_names_in_them() {
        for (note, name) in [
            ("group_roles: groups_attribute_missing, for 3 rules", Some("groups_attribute_missing")),
            ("group_teams: no_group_rule_matched, of 3 rules for 1 values", Some("no_group_rule_matched")),
            (
                "department_teams: no_department_rule_matched, of 1 rules for 1 values",
                Some("no_department_rule_matched"),
            ),
            ("provisioning: domain_not_verified", Some("domain_not_verified")),
            ("group_roles: rule 1 of the scope matched", None),
            ("signed by nobody whom we know", None),
        ] {
            assert_eq!(in_note(note).map(|verdict| verdict.name), name, "{note}");
        }
    }

    #[test]
    fn every_reason_not_to_make_an_account_has_a_row() {
        for reason in [
            Reason::NotInvited,
            Reason::ForeignDomain,
            Reason::DomainNotVerified,
            Reason::AutoProvisionOff,
            Reason::AttributeMissing,
        ] {
            assert!(in_note(reason.name()).is_some(), "{}", reason.name());
        }
    }
}
