//! When an assertion holds. All of these are signed by the identity provider.

use std::time::Duration;

use postern_core::fault::Code::{
    self, SamlExpired, SamlNotYetValid, SamlSessionExpired, SamlSubjectConfirmation, SamlTimeMalformed,
    SamlValueMalformed,
};

use super::{Attack, Class, Scene, xml};
use crate::response::time;

pub(super) const CLASS: Class = Class {
    name: "Times",
    idea: "An old assertion is kept for later, or a time is written so that a reader overlooks it. Clocks may differ by the \
           configured tolerance and not more, and a time that is none is a refusal.",
    attacks: ATTACKS,
};

const MALFORMED: &[Code] = &[SamlTimeMalformed];
const SEEN: &str = "CVE-2026-41577";
const CORE: &str = "SAML Core 1.3.3";

/// Beyond any tolerance that can be configured.
const LONG: Duration = Duration::from_secs(600);
/// Just beyond the tolerance that is the default.
const JUST: Duration = Duration::from_secs(181);

const ATTACKS: &[Attack] = &[
    xml("the_conditions_have_expired", SEEN, &[SamlExpired], |scene| {
        scene.says(|response| response.not_on_or_after = Some(time(scene.now - LONG)))
    }),
    xml("the_conditions_have_just_expired", SEEN, &[SamlExpired], |scene| {
        scene.says(|response| response.not_on_or_after = Some(time(scene.now - JUST)))
    }),
    xml("the_conditions_have_expired_in_a_signed_response", SEEN, &[SamlExpired], |scene| {
        scene.says_whole(|response| response.not_on_or_after = Some(time(scene.now - LONG)))
    }),
    xml("the_conditions_hold_from_tomorrow", SEEN, &[SamlNotYetValid], |scene| {
        scene.says(|response| response.not_before = Some(time(scene.now + Duration::from_secs(86_400))))
    }),
    xml("the_conditions_do_not_hold_just_yet", SEEN, &[SamlNotYetValid], |scene| {
        scene.says(|response| response.not_before = Some(time(scene.now + JUST)))
    }),
    xml("the_conditions_end_before_they_begin", "", &[SamlNotYetValid, SamlExpired], |scene| {
        scene.says(|response| {
            response.not_before = Some(time(scene.now + LONG));
            response.not_on_or_after = Some(time(scene.now - LONG));
        })
    }),
    xml("the_confirmation_has_expired", SEEN, &[SamlExpired], |scene| {
        scene.says(|response| response.confirmation_not_on_or_after = Some(time(scene.now - LONG)))
    }),
    xml("the_confirmation_has_just_expired", SEEN, &[SamlExpired], |scene| {
        scene.says(|response| response.confirmation_not_on_or_after = Some(time(scene.now - JUST)))
    }),
    xml("the_confirmation_never_ends", "SAML Profiles 4.1.4.2", &[SamlSubjectConfirmation], |scene| {
        scene.says(|response| response.confirmation_not_on_or_after = None)
    }),
    xml("the_confirmation_holds_from_tomorrow", "SAML Profiles 4.1.4.2", &[SamlNotYetValid], |scene| {
        let tomorrow = time(scene.now + Duration::from_secs(86_400));
        scene.writes(" NotOnOrAfter=", &format!(r#" NotBefore="{tomorrow}" NotOnOrAfter="#))
    }),
    xml("the_session_has_ended", "SAML Core 2.7.2", &[SamlSessionExpired], |scene| {
        scene.says(|response| response.session_not_on_or_after = Some(time(scene.now - LONG)))
    }),
    xml("everything_has_expired_years_ago", SEEN, &[SamlExpired], |scene| {
        scene.says(|response| {
            for field in [&mut response.not_on_or_after, &mut response.confirmation_not_on_or_after] {
                *field = Some("2001-01-01T00:00:00Z".into());
            }
        })
    }),
    xml("the_end_is_empty", CORE, MALFORMED, |scene| ending(scene, "")),
    xml("the_end_has_no_zone", CORE, MALFORMED, |scene| ending(scene, "2999-01-01T00:00:00")),
    xml("the_end_is_a_day", CORE, MALFORMED, |scene| ending(scene, "2999-01-01")),
    xml("the_end_is_a_number_of_seconds", CORE, MALFORMED, |scene| ending(scene, "32472144000")),
    xml("the_end_is_a_word", CORE, MALFORMED, |scene| ending(scene, "never")),
    xml("the_end_is_in_month_thirteen", CORE, MALFORMED, |scene| ending(scene, "2999-13-01T00:00:00Z")),
    xml("the_end_is_on_the_thirtieth_of_february", CORE, MALFORMED, |scene| ending(scene, "2999-02-30T00:00:00Z")),
    xml("the_end_is_in_a_year_of_five_digits", CORE, MALFORMED, |scene| ending(scene, "29999-01-01T00:00:00Z")),
    xml("the_end_is_in_a_negative_year", CORE, MALFORMED, |scene| ending(scene, "-2999-01-01T00:00:00Z")),
    xml("the_end_is_written_in_small_letters", CORE, MALFORMED, |scene| ending(scene, "2999-01-01t00:00:00z")),
    xml("the_end_has_a_space_between", CORE, MALFORMED, |scene| ending(scene, "2999-01-01 00:00:00Z")),
    xml("the_end_has_a_space_behind_it", CORE, MALFORMED, |scene| ending(scene, "2999-01-01T00:00:00Z ")),
    xml("the_end_is_followed_by_more", CORE, MALFORMED, |scene| ending(scene, "2999-01-01T00:00:00Z2001")),
    xml("the_end_has_digits_of_another_script", CORE, MALFORMED, |scene| {
        ending(scene, "\u{662}\u{669}99-01-01T00:00:00Z")
    }),
    xml("the_beginning_is_a_word", CORE, MALFORMED, |scene| {
        scene.says(|response| response.not_before = Some("now".into()))
    }),
    xml("the_end_of_the_confirmation_is_a_word", CORE, MALFORMED, |scene| {
        scene.says(|response| response.confirmation_not_on_or_after = Some("never".into()))
    }),
    xml("the_end_of_the_session_is_a_word", CORE, MALFORMED, |scene| {
        scene.says(|response| response.session_not_on_or_after = Some("never".into()))
    }),
    xml("the_time_of_issue_is_a_word", CORE, MALFORMED, |scene| {
        scene.says(|response| response.issue_instant = "now".into())
    }),
    xml("the_assertion_has_no_time_of_issue", "SAML Core 2.3.3", &[SamlValueMalformed], |scene| {
        scene.writes(&format!(r#" IssueInstant="{}""#, scene.answer().issue_instant), "")
    }),
    xml("the_signed_response_has_no_time_of_issue", "SAML Core 3.2.2", &[SamlValueMalformed], |scene| {
        scene.writes_whole(&format!(r#" IssueInstant="{}""#, scene.answer().issue_instant), "")
    }),
    xml("the_login_has_no_time", "SAML Core 2.7.2", &[SamlValueMalformed], |scene| {
        scene.writes(&format!(r#" AuthnInstant="{}""#, time(scene.now)), "")
    }),
    xml("the_time_of_the_login_is_a_word", CORE, MALFORMED, |scene| {
        scene.says(|response| response.authn_instant = Some("just now".into()))
    }),
];

/// The conditions end then.
fn ending(scene: &Scene<'_>, when: &str) -> String {
    scene.says(|response| response.not_on_or_after = Some(when.into()))
}
