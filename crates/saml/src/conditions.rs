//! For whom and when: SAML Core §2.5.1 (H15).

use jiff::Timestamp;
use roxmltree::Node;

use postern_core::fault::{Code, Fault};

use crate::element::{SAML, all, children, is, only, text};
use crate::response::Expectation;
use crate::time;

/// Checks the conditions of an assertion. Returns the end of its validity, if it says one.
pub(crate) fn check(assertion: Node<'_, '_>, expected: &Expectation<'_>) -> Result<Option<Timestamp>, Fault> {
    let conditions = only(assertion, SAML, "Conditions")?.ok_or_else(|| Code::SamlConditionsMissing.fault())?;
    let present = expected.present();
    if let Some(not_before) = time::optional(conditions, "NotBefore")? {
        present.reached(not_before)?;
    }
    let not_on_or_after = time::optional(conditions, "NotOnOrAfter")?;
    if let Some(not_on_or_after) = not_on_or_after {
        present.before(not_on_or_after, Code::SamlExpired)?;
    }
    known(conditions)?;
    audience(conditions, expected)?;
    Ok(not_on_or_after)
}

/// SAML Core §2.5.1.1: "If any condition or sub-condition cannot be evaluated [...] the validity of the assertion cannot be
/// determined and is considered to be Indeterminate"; an assertion that is not known to be valid lets nobody in.
/// OneTimeUse asks for what the replay memory does to every assertion; ProxyRestriction is for those who issue assertions.
fn known(conditions: Node<'_, '_>) -> Result<(), Fault> {
    for condition in children(conditions) {
        if !["AudienceRestriction", "OneTimeUse", "ProxyRestriction"].iter().any(|name| is(condition, SAML, name)) {
            return Err(Code::SamlConditionUnknown.fault().received(condition.tag_name().name()));
        }
    }
    Ok(())
}

/// SAML Profiles §4.1.4.2: "The assertion MUST contain an <AudienceRestriction> including the service provider's unique
/// identifier as an <Audience>." SAML Core §2.5.1.4: several restrictions must each be satisfied; within one, any audience.
fn audience(conditions: Node<'_, '_>, expected: &Expectation<'_>) -> Result<(), Fault> {
    let mut restrictions = 0;
    for restriction in all(conditions, SAML, "AudienceRestriction") {
        restrictions += 1;
        let audiences = all(restriction, SAML, "Audience").map(text).collect::<Result<Vec<_>, _>>()?;
        if !audiences.contains(&expected.sp_entity_id) {
            let received = audiences.join(", ");
            return Err(Code::SamlAudienceMismatch.fault().expected(expected.sp_entity_id).received(received));
        }
    }
    if restrictions == 0 {
        return Err(Code::SamlAudienceMissing.fault().expected(expected.sp_entity_id).received("none"));
    }
    Ok(())
}
