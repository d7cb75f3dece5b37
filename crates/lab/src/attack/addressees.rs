//! From whom, to whom, and in answer to what. All of these are signed by the identity provider.

use postern_core::fault::Code::{
    self, SamlAssertionIssuerMismatch, SamlAssertionReplayed, SamlDestinationMismatch, SamlInResponseToMismatch,
    SamlRecipientMismatch, SamlResponseIssuerMismatch, SamlValueMalformed,
};

use super::{Attack, Class, Scene, ToldBy, xml};

pub(super) const CLASS: Class = Class {
    name: "Issuers, addressees and replay",
    idea: "A genuine assertion that was meant for another service, another login or another time is brought to this one. \
           Issuer, destination, recipient and request have to be the expected ones, octet for octet, and each assertion is \
           used once.",
    attacks: ATTACKS,
};

const DESTINATION: &[Code] = &[SamlDestinationMismatch];
const RECIPIENT: &[Code] = &[SamlRecipientMismatch];
const RESPONSE_ISSUER: &[Code] = &[SamlResponseIssuerMismatch];
const ISSUER: &[Code] = &[SamlAssertionIssuerMismatch];
const REQUEST: &[Code] = &[SamlInResponseToMismatch];
const BINDINGS: &str = "SAML Bindings 3.5.5.2";
const PROFILES: &str = "SAML Profiles 4.1.4.2";
const REPLAY: &str = "CVE-2026-53424";

const ATTACKS: &[Attack] = &[
    xml("a_signed_response_has_no_destination", BINDINGS, DESTINATION, |scene| {
        scene.says_whole(|response| response.destination = None)
    }),
    xml("the_destination_is_another_service", BINDINGS, DESTINATION, |scene| {
        sent_to(scene, "https://other.example.com/acs")
    }),
    xml("the_destination_of_an_unsigned_response_is_another", BINDINGS, DESTINATION, |scene| {
        scene.says(|response| response.destination = Some("https://other.example.com/acs".into()))
    }),
    xml("the_destination_is_empty", BINDINGS, DESTINATION, |scene| sent_to(scene, "")),
    xml("the_destination_is_longer", BINDINGS, DESTINATION, |scene| sent_to(scene, &format!("{}/more", scene.acs))),
    xml("the_destination_is_a_part_of_it", BINDINGS, DESTINATION, |scene| {
        sent_to(scene, &scene.acs[..scene.acs.len() - 1])
    }),
    xml("the_destination_has_a_query", BINDINGS, DESTINATION, |scene| sent_to(scene, &format!("{}?x=1", scene.acs))),
    xml("the_destination_is_written_in_capitals", BINDINGS, DESTINATION, |scene| {
        sent_to(scene, &scene.acs.to_uppercase())
    }),
    xml("the_destination_is_not_encrypted", BINDINGS, DESTINATION, |scene| {
        sent_to(scene, &scene.acs.replacen("https:", "http:", 1))
    }),
    xml("the_destination_names_the_service_as_user", BINDINGS, DESTINATION, |scene| {
        sent_to(scene, &format!("{}@attacker.example/", scene.acs))
    }),
    xml("there_is_no_recipient", PROFILES, RECIPIENT, |scene| scene.says(|response| response.recipient = None)),
    xml("the_recipient_is_another_service", "CVE-2026-41577", RECIPIENT, |scene| {
        meant_for(scene, "https://other.example.com/acs")
    }),
    xml("the_recipient_is_empty", PROFILES, RECIPIENT, |scene| meant_for(scene, "")),
    xml("the_recipient_is_longer", PROFILES, RECIPIENT, |scene| meant_for(scene, &format!("{}/more", scene.acs))),
    xml("the_recipient_is_a_part_of_it", PROFILES, RECIPIENT, |scene| {
        meant_for(scene, &scene.acs[..scene.acs.len() - 1])
    }),
    xml("the_recipient_is_written_in_capitals", PROFILES, RECIPIENT, |scene| {
        meant_for(scene, &scene.acs.to_uppercase())
    }),
    xml("the_recipient_is_the_entity", PROFILES, RECIPIENT, |scene| meant_for(scene, scene.sp)),
    xml("the_recipient_of_a_signed_response_is_another", PROFILES, RECIPIENT, |scene| {
        scene.says_whole(|response| response.recipient = Some("https://other.example.com/acs".into()))
    }),
    xml("the_response_comes_from_another_identity_provider", "CVE-2026-49283", RESPONSE_ISSUER, |scene| {
        scene.says(|response| response.issuer = Some("https://idp.attacker.example".into()))
    }),
    xml("the_signed_response_comes_from_another_identity_provider", "CVE-2026-49283", RESPONSE_ISSUER, |scene| {
        scene.says_whole(|response| response.issuer = Some("https://idp.attacker.example".into()))
    }),
    xml(
        "a_signed_response_has_no_issuer",
        PROFILES,
        &[SamlResponseIssuerMismatch, Code::SamlStructureForbidden],
        |scene| {
            // Its signature stands where the issuer would.
            let mut response = scene.answer();
            response.issuer = None;
            let response = response.unsigned();
            let signature = crate::signature::Signature::over(&response, &scene.answer().id).by(scene.key);
            super::forge::changed(&response, "<samlp:Status>", &format!("{signature}<samlp:Status>"))
        },
    ),
    xml("the_issuer_of_the_response_is_longer", "", RESPONSE_ISSUER, |scene| {
        scene.says(|response| response.issuer = Some(format!("{}/", scene.idp)))
    }),
    xml("the_issuer_of_the_response_has_a_space_before_it", "", RESPONSE_ISSUER, |scene| {
        scene.says(|response| response.issuer = Some(format!(" {}", scene.idp)))
    }),
    xml("the_issuer_of_the_response_is_no_entity", "SAML Core 2.2.5", RESPONSE_ISSUER, |scene| {
        let email = r#" Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">"#;
        scene.tampered(">https://", &format!("{email}https://"))
    }),
    xml("the_response_has_two_issuers", "", &[SamlValueMalformed], |scene| {
        let genuine = scene.genuine();
        let issuer = super::forge::piece(&genuine, "<saml:Issuer xmlns", "</saml:Issuer><samlp:Status>")
            .replace("<samlp:Status>", "");
        scene.tampered("<samlp:Status>", &format!("{issuer}<samlp:Status>"))
    }),
    xml("the_assertion_comes_from_another_identity_provider", "CVE-2026-49283", ISSUER, |scene| {
        issued_by(scene, "https://idp.attacker.example")
    }),
    xml("the_issuer_is_empty", "", ISSUER, |scene| issued_by(scene, "")),
    xml("the_issuer_is_longer", "", ISSUER, |scene| issued_by(scene, &format!("{}/", scene.idp))),
    xml("the_issuer_is_a_part_of_it", "", ISSUER, |scene| issued_by(scene, &scene.idp[..scene.idp.len() - 1])),
    xml("the_issuer_is_written_in_capitals", "", ISSUER, |scene| issued_by(scene, &scene.idp.to_uppercase())),
    xml("the_issuer_has_a_space_behind_it", "", ISSUER, |scene| issued_by(scene, &format!("{} ", scene.idp))),
    xml("the_issuer_is_the_service_provider", "", ISSUER, |scene| issued_by(scene, scene.sp)),
    xml("the_issuer_is_no_entity", "SAML Core 2.2.5", ISSUER, |scene| {
        let email = r#"<saml:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">"#;
        scene.writes("<saml:Issuer>", email)
    }),
    xml("the_assertion_has_no_issuer", "SAML Core 2.3.3", ISSUER, |scene| {
        scene.writes_whole(&format!("<saml:Issuer>{}</saml:Issuer>", scene.idp), "")
    }),
    xml("the_assertion_has_two_issuers", "", &[SamlValueMalformed], |scene| {
        let issuer = format!("<saml:Issuer>{}</saml:Issuer>", scene.idp);
        scene.writes_whole(&issuer, &issuer.repeat(2))
    }),
    xml("the_confirmation_answers_no_request", "CVE-2026-53425", REQUEST, |scene| {
        scene.says(|response| response.confirmation_in_response_to = None)
    }),
    xml("the_confirmation_answers_another_request", "CVE-2026-53425", REQUEST, |scene| {
        scene.says(|response| response.confirmation_in_response_to = Some("_another-request".into()))
    }),
    xml("the_response_answers_another_request", "CVE-2026-53425", REQUEST, |scene| {
        scene.says(|response| response.in_response_to = Some("_another-request".into()))
    }),
    xml("both_answer_another_request", "CVE-2026-53425", REQUEST, |scene| {
        scene.says_whole(|response| *response = response.clone().answering("_another-request"))
    }),
    xml("the_request_is_empty", "", REQUEST, |scene| scene.says(|response| *response = response.clone().answering(""))),
    xml("the_request_is_written_in_capitals", "", REQUEST, |scene| {
        let capitals = format!("_{}X", scene.request_id.to_uppercase());
        scene.says(|response| *response = response.clone().answering(&capitals))
    }),
    xml("the_request_is_a_part_of_it", "", REQUEST, |scene| {
        scene.says(|response| *response = response.clone().answering(&scene.request_id[..scene.request_id.len() - 1]))
    }),
    xml("an_unsolicited_response_is_slipped_into_a_login", "login fixation; SAML Profiles 4.1.4.3", REQUEST, |scene| {
        scene.says(|response| {
            response.in_response_to = None;
            response.confirmation_in_response_to = None;
        })
    }),
    xml("an_earlier_response_is_sent_again", REPLAY, REQUEST, |scene| scene.earlier.signed_assertion(scene.key)),
    xml("an_earlier_signed_response_is_sent_again", REPLAY, REQUEST, |scene| scene.earlier.signed_response(scene.key)),
    xml("an_earlier_assertion_is_sent_in_a_new_response", REPLAY, REQUEST, |scene| {
        let earlier = scene.earlier.signed_assertion(scene.key);
        scene.around(super::forge::assertion_in(&earlier))
    }),
    xml("an_identifier_is_used_again", REPLAY, &[SamlAssertionReplayed], |scene| {
        scene.says(|response| response.assertion_id.clone_from(&scene.earlier.assertion_id))
    })
    .told_by(ToldBy::Memory),
    xml("an_identifier_is_used_again_in_a_signed_response", REPLAY, &[SamlAssertionReplayed], |scene| {
        scene.says_whole(|response| response.assertion_id.clone_from(&scene.earlier.assertion_id))
    })
    .told_by(ToldBy::Memory),
];

/// The identity provider sends the signed response there.
fn sent_to(scene: &Scene<'_>, url: &str) -> String {
    scene.says_whole(|response| response.destination = Some(url.into()))
}

fn meant_for(scene: &Scene<'_>, url: &str) -> String {
    scene.says(|response| response.recipient = Some(url.into()))
}

fn issued_by(scene: &Scene<'_>, issuer: &str) -> String {
    scene.says(|response| response.assertion_issuer = issuer.into())
}
