//! What a response says of the person and the login. All of these are signed by the identity provider.

use postern_core::fault::Code::{
    self, SamlAssertionCount, SamlAuthnStatementMissing, SamlStatusNotSuccess, SamlSubjectConfirmation,
    SamlValueMalformed, SamlVersion, SignInNeeded,
};

use super::forge::{changed, piece};
use super::{Attack, Class, Scene, xml};

pub(super) const CLASS: Class = Class {
    name: "Status, subject and statements",
    idea: "A refusal carries an assertion all the same, or an assertion confirms somebody else than its bearer, or says \
           nothing of a login. Each part has to be there once and to say what the profile wants.",
    attacks: ATTACKS,
};

const STATUS: &[Code] = &[SamlStatusNotSuccess];
const PASSIVE: &[Code] = &[SignInNeeded];
const CONFIRMATION: &[Code] = &[SamlSubjectConfirmation];
const MALFORMED: &[Code] = &[SamlValueMalformed];
const VERSION: &[Code] = &[SamlVersion];
const CORE: &str = "SAML Core 3.2.2.2";
const PROFILES: &str = "SAML Profiles 4.1.4.2";

const ATTACKS: &[Attack] = &[
    xml("a_refusal_carries_an_assertion", CORE, STATUS, |scene| {
        ended(scene, &["urn:oasis:names:tc:SAML:2.0:status:Responder"])
    }),
    xml("a_passive_refusal_carries_an_assertion", CORE, PASSIVE, |scene| {
        ended(scene, &["urn:oasis:names:tc:SAML:2.0:status:Responder", "urn:oasis:names:tc:SAML:2.0:status:NoPassive"])
    }),
    xml("a_success_stands_in_a_refusal", CORE, STATUS, |scene| {
        ended(scene, &["urn:oasis:names:tc:SAML:2.0:status:Requester", crate::response::SUCCESS])
    }),
    xml("the_status_is_empty", CORE, STATUS, |scene| ended(scene, &[""])),
    xml("the_status_is_written_in_capitals", CORE, STATUS, |scene| {
        ended(scene, &["URN:OASIS:NAMES:TC:SAML:2.0:STATUS:SUCCESS"])
    }),
    xml("the_status_is_a_success_of_saml_1", CORE, STATUS, |scene| ended(scene, &["samlp:Success"])),
    xml("the_status_has_a_space_behind_it", CORE, STATUS, |scene| {
        ended(scene, &["urn:oasis:names:tc:SAML:2.0:status:Success "])
    }),
    xml("the_status_has_no_code", CORE, STATUS, |scene| ended(scene, &[])),
    xml("there_is_no_status", CORE, STATUS, |scene| {
        let unsigned = scene.answer().unsigned();
        scene.writes_whole(piece(&unsigned, "<samlp:Status>", "</samlp:Status>"), "")
    }),
    xml("there_are_two_status", CORE, MALFORMED, |scene| {
        let unsigned = scene.answer().unsigned();
        let status = piece(&unsigned, "<samlp:Status>", "</samlp:Status>");
        scene.writes_whole(status, &status.repeat(2))
    }),
    xml("there_is_no_assertion", "", &[SamlAssertionCount], |scene| {
        scene.says(|response| response.has_assertion = false)
    }),
    xml("a_signed_response_has_no_assertion", "", &[SamlAssertionCount], |scene| {
        scene.says_whole(|response| response.has_assertion = false)
    }),
    xml("the_response_is_of_version_1_1", "", VERSION, |scene| {
        scene.writes_whole(r#"Version="2.0""#, r#"Version="1.1""#)
    }),
    xml("the_response_is_of_version_3", "", VERSION, |scene| scene.tampered(r#"Version="2.0""#, r#"Version="3.0""#)),
    xml("the_response_has_no_version", "", VERSION, |scene| scene.writes_whole(r#" Version="2.0""#, "")),
    xml("the_assertion_is_of_version_1_1", "", VERSION, |scene| scene.writes(r#"Version="2.0""#, r#"Version="1.1""#)),
    xml("the_assertion_is_of_version_2", "", VERSION, |scene| scene.writes(r#"Version="2.0""#, r#"Version="2""#)),
    xml("the_assertion_has_no_version", "", VERSION, |scene| scene.writes(r#" Version="2.0""#, "")),
    xml("the_holder_of_a_key_is_confirmed", PROFILES, CONFIRMATION, |scene| {
        confirmed(scene, "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")
    }),
    xml("the_sender_vouches", PROFILES, CONFIRMATION, |scene| {
        confirmed(scene, "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")
    }),
    xml("the_confirmation_is_one_of_saml_1", PROFILES, CONFIRMATION, |scene| {
        confirmed(scene, "urn:oasis:names:tc:SAML:1.0:cm:bearer")
    }),
    xml("the_method_of_confirmation_is_empty", PROFILES, CONFIRMATION, |scene| confirmed(scene, "")),
    xml("nobody_is_confirmed", PROFILES, CONFIRMATION, |scene| {
        without(scene, "<saml:SubjectConfirmation ", "</saml:SubjectConfirmation>")
    }),
    xml("the_confirmation_has_no_data", PROFILES, CONFIRMATION, |scene| {
        without(scene, "<saml:SubjectConfirmationData ", "</saml:SubjectConfirmationData>")
    }),
    xml("the_confirmation_has_two_data", "", MALFORMED, |scene| {
        twice(scene, "<saml:SubjectConfirmationData ", "</saml:SubjectConfirmationData>")
    }),
    xml("no_confirmation_of_several_fits", PROFILES, &[Code::SamlRecipientMismatch], |scene| {
        let unsigned = scene.answer().unsigned();
        let ours = piece(&unsigned, "<saml:SubjectConfirmation ", "</saml:SubjectConfirmation>");
        let other = changed(ours, scene.acs, "https://other.example.com/acs");
        let key = changed(ours, "cm:bearer", "cm:holder-of-key");
        scene.writes(ours, &(other + &key))
    }),
    xml("there_is_no_subject", PROFILES, CONFIRMATION, |scene| without(scene, "<saml:Subject>", "</saml:Subject>")),
    xml("there_are_two_subjects", "", MALFORMED, |scene| twice(scene, "<saml:Subject>", "</saml:Subject>")),
    xml("there_are_two_names", "", MALFORMED, |scene| {
        scene.writes("<saml:NameID", "<saml:NameID>u-0001</saml:NameID><saml:NameID")
    }),
    xml("the_name_is_empty", "", MALFORMED, |scene| scene.says(|response| response.name_id = Some(String::new()))),
    xml("the_name_holds_an_element", "", MALFORMED, |scene| scene.writes("u-1001", "u-0001<saml:X></saml:X>.attacker")),
    xml("an_attribute_has_no_name", "SAML Core 2.7.3.1", MALFORMED, |scene| scene.writes(r#" Name="email""#, "")),
    xml("there_is_no_login", PROFILES, &[SamlAuthnStatementMissing], |scene| {
        scene.says(|response| response.authn_instant = None)
    }),
    xml("a_decision_stands_in_place_of_a_login", PROFILES, &[SamlAuthnStatementMissing], |scene| {
        let unsigned = scene.answer().unsigned();
        let statement = piece(&unsigned, "<saml:AuthnStatement ", "</saml:AuthnStatement>");
        scene.writes(
            statement,
            r#"<saml:AuthzDecisionStatement Decision="Permit" Resource="x"></saml:AuthzDecisionStatement>"#,
        )
    }),
];

/// The identity provider ends the login with these codes and sends the assertion all the same.
fn ended(scene: &Scene<'_>, codes: &[&str]) -> String {
    scene.says_whole(|response| response.status = codes.iter().map(|&code| code.into()).collect())
}

fn confirmed(scene: &Scene<'_>, method: &str) -> String {
    scene.says(|response| response.confirmation_method = method.into())
}

fn without(scene: &Scene<'_>, from: &str, to: &str) -> String {
    let unsigned = scene.answer().unsigned();
    scene.writes(piece(&unsigned, from, to), "")
}

fn twice(scene: &Scene<'_>, from: &str, to: &str) -> String {
    let unsigned = scene.answer().unsigned();
    let piece = piece(&unsigned, from, to);
    scene.writes(piece, &piece.repeat(2))
}
