//! For whom an assertion is meant, and under which conditions. All of these are signed by the identity provider.

use postern_core::fault::Code::{
    self, SamlAudienceMismatch, SamlAudienceMissing, SamlConditionUnknown, SamlConditionsMissing, SamlValueMalformed,
};

use super::forge::piece;
use super::{Attack, Class, Scene, xml};

pub(super) const CLASS: Class = Class {
    name: "Audience and conditions",
    idea: "An assertion for another application, or under a condition that nobody evaluates, is brought to this one. The \
           audience has to be the entity ID, octet for octet, and every condition one that Postern knows.",
    attacks: ATTACKS,
};

const AUDIENCE: &[Code] = &[SamlAudienceMismatch];
const UNKNOWN: &[Code] = &[SamlConditionUnknown];
const SEEN: &str = "CVE-2026-41577";
const CORE: &str = "SAML Core 2.5.1.1";

const ATTACKS: &[Attack] = &[
    xml("there_are_no_conditions", SEEN, &[SamlConditionsMissing], |scene| {
        let unsigned = scene.answer().unsigned();
        scene.writes(piece(&unsigned, "<saml:Conditions ", "</saml:Conditions>"), "")
    }),
    xml("conditions_stand_twice", "", &[SamlValueMalformed], |scene| {
        let unsigned = scene.answer().unsigned();
        let conditions = piece(&unsigned, "<saml:Conditions ", "</saml:Conditions>");
        scene.writes(conditions, &conditions.repeat(2))
    }),
    xml("there_is_no_audience", SEEN, &[SamlAudienceMissing], |scene| {
        scene.says(|response| response.audiences.clear())
    }),
    xml("the_audience_is_another_application", SEEN, AUDIENCE, |scene| audience(scene, "https://other.example.com")),
    xml("the_audience_is_empty", "", AUDIENCE, |scene| audience(scene, "")),
    xml("the_audience_is_longer", "", AUDIENCE, |scene| audience(scene, &format!("{}.attacker.example", scene.sp))),
    xml("the_audience_has_a_slash_more", "", AUDIENCE, |scene| audience(scene, &format!("{}/", scene.sp))),
    xml("the_audience_is_a_part_of_it", "", AUDIENCE, |scene| audience(scene, &scene.sp[..scene.sp.len() - 1])),
    xml("the_audience_is_written_in_capitals", "", AUDIENCE, |scene| audience(scene, &scene.sp.to_uppercase())),
    xml("the_audience_has_a_space_behind_it", "", AUDIENCE, |scene| audience(scene, &format!("{} ", scene.sp))),
    xml("the_audience_has_a_line_before_it", "", AUDIENCE, |scene| audience(scene, &format!("\n{}", scene.sp))),
    xml("the_audience_is_the_address_of_the_service", "", AUDIENCE, |scene| audience(scene, scene.acs)),
    xml("the_audience_is_the_identity_provider", "", AUDIENCE, |scene| audience(scene, scene.idp)),
    xml("the_audience_is_everybody", "", AUDIENCE, |scene| audience(scene, "*")),
    xml("two_restrictions_do_not_both_name_us", "SAML Core 2.5.1.4", AUDIENCE, |scene| {
        restricted(scene, "<saml:Audience>https://other.example.com</saml:Audience>")
    }),
    xml("a_second_restriction_names_nobody", "SAML Core 2.5.1.4", AUDIENCE, |scene| restricted(scene, "")),
    xml("the_audience_holds_an_element", "", &[SamlValueMalformed], |scene| {
        scene.writes("</saml:Audience>", "<saml:X></saml:X></saml:Audience>")
    }),
    xml("the_audience_stands_in_another_restriction", "", UNKNOWN, |scene| {
        let unsigned = scene.answer().unsigned();
        let restriction = piece(&unsigned, "<saml:AudienceRestriction>", "</saml:AudienceRestriction>");
        let other = restriction.replace("saml:AudienceRestriction", "saml:AudienceRestrictionCondition");
        scene.writes(restriction, &other)
    }),
    xml("a_condition_of_another_namespace_is_unknown", CORE, UNKNOWN, |scene| {
        conditioned(scene, r#"<x:OnMondays xmlns:x="urn:example:condition"></x:OnMondays>"#)
    }),
    xml("a_condition_of_saml_is_unknown", CORE, UNKNOWN, |scene| {
        conditioned(
            scene,
            r#"<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"></saml:Condition>"#,
        )
    }),
    xml("a_condition_is_written_in_small_letters", CORE, UNKNOWN, |scene| {
        conditioned(scene, "<saml:oneTimeUse></saml:oneTimeUse>")
    }),
    xml("a_condition_names_delegates", CORE, UNKNOWN, |scene| {
        conditioned(
            scene,
            r#"<del:DelegationRestrictionType xmlns:del="urn:oasis:names:tc:SAML:2.0:conditions:delegation"></del:DelegationRestrictionType>"#,
        )
    }),
    xml("a_condition_has_no_namespace", CORE, UNKNOWN, |scene| conditioned(scene, "<OneTimeUse></OneTimeUse>")),
];

fn audience(scene: &Scene<'_>, audience: &str) -> String {
    scene.says(|response| response.audiences = vec![audience.into()])
}

/// With one more restriction.
fn restricted(scene: &Scene<'_>, audiences: &str) -> String {
    conditioned(scene, &format!("<saml:AudienceRestriction>{audiences}</saml:AudienceRestriction>"))
}

/// With one more condition.
fn conditioned(scene: &Scene<'_>, condition: &str) -> String {
    scene.says(|response| response.more_conditions = condition.into())
}
