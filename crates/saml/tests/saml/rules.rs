//! H12 to H16, H18, H19, H26: what a signed response has to say. Every refusal by its code.

use postern_core::connection::SamlIdp;
use postern_core::fault::Code;
use postern_core::ports::Timestamp;

use crate::support::*;

/// Refused, whether the change was made in a signed assertion or in a signed response.
fn refused(from: &str, to: &str, expected: Code) {
    assert_eq!(code(&assertion_signed(from, to)), expected, "assertion: {to}");
    assert_eq!(code(&response_signed(from, to)), expected, "response: {to}");
}

/// Refused as signed response, which is where the change is.
fn response_refused(from: &str, to: &str, expected: Code) {
    assert_eq!(code(&response_signed(from, to)), expected, "{to}");
}

const DATA: &str =
    "InResponseTo=\"_request\" NotOnOrAfter=\"2026-01-31T12:05:00Z\" Recipient=\"https://sp.example.com/acs\"";
const RESTRICTION: &str =
    "<saml:AudienceRestriction><saml:Audience>https://sp.example.com</saml:Audience></saml:AudienceRestriction>";

#[test]
fn h12_a_signed_response_names_its_destination() {
    let destination = "Destination=\"https://sp.example.com/acs\"";
    response_refused(destination, "Destination=\"https://sp.example.com/acs/\"", Code::SamlDestinationMismatch);
    response_refused(destination, "Destination=\"\"", Code::SamlDestinationMismatch);
    response_refused(&format!("{destination} "), "", Code::SamlDestinationMismatch);
}

#[test]
fn h12_an_unsigned_response_may_leave_its_destination_out_but_not_name_another() {
    let none = changed(&good(), "Destination=\"https://sp.example.com/acs\" ", "");
    assert!(check(&none).is_ok());
    let other = changed(&good(), "Destination=\"https://sp.example.com/acs\"", "Destination=\"https://evil.example\"");
    assert_eq!(code(&other), Code::SamlDestinationMismatch);
}

#[test]
fn h13_the_confirmation_is_a_bearer_one_for_this_address_and_time() {
    let recipient = "Recipient=\"https://sp.example.com/acs\"";
    refused(recipient, "Recipient=\"https://sp.example.com/other\"", Code::SamlRecipientMismatch);
    refused(&format!(" {recipient}"), "", Code::SamlRecipientMismatch);
    refused("NotOnOrAfter=\"2026-01-31T12:05:00Z\" ", "", Code::SamlSubjectConfirmation);
    refused("cm:bearer", "cm:holder-of-key", Code::SamlSubjectConfirmation);
    refused("cm:bearer", "cm:sender-vouches", Code::SamlSubjectConfirmation);
    let data = format!("<saml:SubjectConfirmationData {DATA}></saml:SubjectConfirmationData>");
    refused(&data, "", Code::SamlSubjectConfirmation);
    refused(&data, &format!("{data}{data}"), Code::SamlValueMalformed);
}

#[test]
fn h13_one_fitting_confirmation_of_several_is_enough() {
    let open = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">";
    let other = format!(
        "{open}<saml:SubjectConfirmationData {}></saml:SubjectConfirmationData></saml:SubjectConfirmation>{open}",
        DATA.replace("sp.example.com", "other.example.com")
    );
    assert!(check(&assertion_signed(open, &other)).is_ok());
}

#[test]
fn h13_a_not_before_in_the_confirmation_is_tolerated_and_enforced() {
    let with = |time| format!("NotBefore=\"{time}\" NotOnOrAfter=\"2026-01-31T12:05:00Z\"");
    let not_on_or_after = "NotOnOrAfter=\"2026-01-31T12:05:00Z\"";
    assert!(check(&assertion_signed(not_on_or_after, &with("2026-01-31T12:02:00Z"))).is_ok());
    refused(not_on_or_after, &with("2026-01-31T12:04:00Z"), Code::SamlNotYetValid);
}

#[test]
fn h14_the_answer_names_the_request() {
    refused(
        "InResponseTo=\"_request\" NotOnOrAfter",
        "InResponseTo=\"_other\" NotOnOrAfter",
        Code::SamlInResponseToMismatch,
    );
    refused("InResponseTo=\"_request\" NotOnOrAfter", "NotOnOrAfter", Code::SamlInResponseToMismatch);
    refused("InResponseTo=\"_request\" NotOnOrAfter", "InResponseTo=\"\" NotOnOrAfter", Code::SamlInResponseToMismatch);
    let issue = "InResponseTo=\"_request\" IssueInstant";
    response_refused(issue, "InResponseTo=\"_other\" IssueInstant", Code::SamlInResponseToMismatch);
    assert_eq!(code(&changed(&good(), issue, "InResponseTo=\"_other\" IssueInstant")), Code::SamlInResponseToMismatch);
}

#[test]
fn h14_the_response_itself_need_not_name_it() {
    assert!(check(&changed(&good(), "InResponseTo=\"_request\" IssueInstant", "IssueInstant")).is_ok());
    assert!(check(&response_signed("InResponseTo=\"_request\" IssueInstant", "IssueInstant")).is_ok());
}

#[test]
fn h15_the_audience_is_us() {
    refused(">https://sp.example.com<", ">https://other.example.com<", Code::SamlAudienceMismatch);
    refused(">https://sp.example.com<", ">https://sp.example.com/<", Code::SamlAudienceMismatch);
    refused(">https://sp.example.com<", "> https://sp.example.com<", Code::SamlAudienceMismatch);
    refused("<saml:Audience>https://sp.example.com</saml:Audience>", "", Code::SamlAudienceMismatch);
    refused(RESTRICTION, "", Code::SamlAudienceMissing);
}

#[test]
fn h15_one_of_several_audiences_is_us_in_every_restriction() {
    let other = "<saml:Audience>https://other.example.com</saml:Audience>";
    assert!(check(&assertion_signed("<saml:Audience>", &format!("{other}<saml:Audience>"))).is_ok());
    let both = format!("{RESTRICTION}{RESTRICTION}");
    assert!(check(&assertion_signed(RESTRICTION, &both)).is_ok());
    let one_not = format!("{RESTRICTION}<saml:AudienceRestriction>{other}</saml:AudienceRestriction>");
    refused(RESTRICTION, &one_not, Code::SamlAudienceMismatch);
}

#[test]
fn h15_conditions_are_there_and_known() {
    let assertion = assertion();
    let start = assertion.find("<saml:Conditions ").unwrap();
    let end = assertion.find("</saml:Conditions>").unwrap() + "</saml:Conditions>".len();
    refused(&assertion[start..end], "", Code::SamlConditionsMissing);
    let with = |condition: &str| format!("{RESTRICTION}{condition}");
    refused(RESTRICTION, &with("<saml:Condition></saml:Condition>"), Code::SamlConditionUnknown);
    refused(RESTRICTION, &with("<e:OneTimeUse xmlns:e=\"urn:e\"></e:OneTimeUse>"), Code::SamlConditionUnknown);
    assert!(check(&assertion_signed(RESTRICTION, &with("<saml:OneTimeUse></saml:OneTimeUse>"))).is_ok());
}

#[test]
fn h16_clocks_may_differ_by_170_seconds_and_not_by_ten_minutes() {
    // Conditions: 11:55 to 12:10; confirmation: until 12:05.
    for xml in [good(), response_signed("", "")] {
        for now in ["2026-01-31T11:52:10Z", "2026-01-31T12:07:50Z"] {
            assert!(check_at(&xml, now).is_ok(), "{now}");
        }
        assert_eq!(refusal(check_at(&xml, "2026-01-31T11:45:00Z")), Code::SamlNotYetValid);
        assert_eq!(refusal(check_at(&xml, "2026-01-31T12:15:00Z")), Code::SamlExpired);
    }
}

#[test]
fn h16_the_instant_named_by_not_on_or_after_is_too_late() {
    assert!(check_at(&good(), "2026-01-31T12:07:59.999999999Z").is_ok());
    assert_eq!(refusal(check_at(&good(), "2026-01-31T12:08:00Z")), Code::SamlExpired);
    assert!(check_at(&good(), "2026-01-31T11:52:00Z").is_ok());
    assert_eq!(refusal(check_at(&good(), "2026-01-31T11:51:59.999999999Z")), Code::SamlNotYetValid);
}

#[test]
fn h15_conditions_expire_on_their_own() {
    let wide = "NotOnOrAfter=\"2026-01-31T12:10:00Z\"";
    refused(wide, "NotOnOrAfter=\"2026-01-31T11:50:00Z\"", Code::SamlExpired);
    refused("NotBefore=\"2026-01-31T11:55:00Z\"", "NotBefore=\"2026-01-31T12:10:00Z\"", Code::SamlNotYetValid);
}

#[test]
fn h17_the_replay_memory_is_told_how_long_the_assertion_could_be_used() {
    let until = |xml: &str| check(xml).unwrap().usable_until();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(until(&good()), time("2026-01-31T12:08:00Z"));
    let short_session = assertion_signed("SessionIndex", "SessionNotOnOrAfter=\"2026-01-31T12:01:00Z\" SessionIndex");
    // The attributes are not sorted now, so this is not the canonical text: the digest is that of another one.
    assert_eq!(code(&short_session), Code::SamlDigestMismatch);
    let short_session = assertion_signed("\"s-1\"", "\"s-1\" SessionNotOnOrAfter=\"2026-01-31T12:01:00Z\"");
    assert_eq!(until(&short_session), time("2026-01-31T12:04:00Z"));
    let short = assertion_signed("NotOnOrAfter=\"2026-01-31T12:10:00Z\"", "NotOnOrAfter=\"2026-01-31T12:02:00Z\"");
    assert_eq!(until(&short), time("2026-01-31T12:05:00Z"));
    assert_eq!(refusal(check_at(&short, "2026-01-31T12:05:00Z")), Code::SamlExpired);
    assert!(check_at(&short, "2026-01-31T12:04:59Z").is_ok());
}

#[test]
fn h18_the_issuer_is_the_configured_idp() {
    response_refused(">https://idp.example.com<", ">https://evil.example.com<", Code::SamlResponseIssuerMismatch);
    let inner = changed(&assertion(), ">https://idp.example.com<", ">https://evil.example.com<");
    assert_eq!(code(&around(&IDP_KEY.sign(&inner))), Code::SamlAssertionIssuerMismatch);
    assert_eq!(code(&IDP_KEY.sign(&around(&inner))), Code::SamlAssertionIssuerMismatch);
    let unsigned_part = changed(&good(), ">https://idp.example.com<", ">https://evil.example.com<");
    assert_eq!(code(&unsigned_part), Code::SamlResponseIssuerMismatch);
}

#[test]
fn h18_the_format_of_an_issuer_is_entity_or_nothing() {
    let with = |format: &str| {
        let issuer = format!("<saml:Issuer Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:{format}\">");
        around(&IDP_KEY.sign(&changed(&assertion(), "<saml:Issuer>", &issuer)))
    };
    assert!(check(&with("entity")).is_ok());
    assert_eq!(code(&with("persistent")), Code::SamlAssertionIssuerMismatch);
}

#[test]
fn h18_an_unsigned_response_may_leave_its_issuer_out() {
    let issuer =
        "<saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">https://idp.example.com</saml:Issuer>";
    assert!(check(&changed(&good(), issuer, "")).is_ok());
}

#[test]
fn h18_the_person_was_authenticated_and_the_session_goes_on() {
    let assertion = assertion();
    let start = assertion.find("<saml:AuthnStatement").unwrap();
    let end = assertion.find("</saml:AuthnStatement>").unwrap() + "</saml:AuthnStatement>".len();
    refused(&assertion[start..end], "", Code::SamlAuthnStatementMissing);
    refused("AuthnInstant=\"2026-01-31T11:59:00Z\" ", "", Code::SamlValueMalformed);
    let ended = "\"s-1\" SessionNotOnOrAfter=\"2026-01-31T11:50:00Z\"";
    refused("\"s-1\"", ended, Code::SamlSessionExpired);
}

#[test]
fn h18_version_and_ids_are_required() {
    let end = "IssueInstant=\"2026-01-31T12:00:00Z\" Version=\"2.0\"><saml:Issuer>";
    refused(end, &end.replace("2.0", "1.1"), Code::SamlVersion);
    refused(end, "IssueInstant=\"2026-01-31T12:00:00Z\"><saml:Issuer>", Code::SamlVersion);
    refused(end, "Version=\"2.0\"><saml:Issuer>", Code::SamlValueMalformed);
    let no_id = changed(&good(), "ID=\"_response\" ", "");
    assert_eq!(code(&no_id), Code::SamlValueMalformed);
}

#[test]
fn h19_a_refusal_of_the_idp_is_reported_without_any_signature() {
    let status = |inner: &str| {
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_r\" Version=\"2.0\" \
             IssueInstant=\"2026-01-31T12:00:00Z\"><samlp:Status><samlp:StatusCode \
             Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\">{inner}</samlp:StatusCode>\
             <samlp:StatusMessage>anna@example.com may not</samlp:StatusMessage></samlp:Status></samlp:Response>"
        )
    };
    let inner = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:AuthnFailed\"/>";
    let passive = inner.replace("AuthnFailed", "NoPassive");
    for (xml, code, received) in [
        (status(inner), Code::SamlStatusNotSuccess, "Responder: AuthnFailed"),
        (status(""), Code::SamlStatusNotSuccess, "Responder"),
        (status(&passive), Code::SignInNeeded, "Responder: NoPassive"),
    ] {
        let fault = check(&xml).unwrap_err();
        assert_eq!((fault.code, fault.received.as_deref()), (code, Some(received)));
    }
}

#[test]
fn h19_nothing_but_success_is_success() {
    let success = "urn:oasis:names:tc:SAML:2.0:status:Success";
    for other in
        ["", "Success", "urn:oasis:names:tc:SAML:2.0:status:Requester", " urn:oasis:names:tc:SAML:2.0:status:Success"]
    {
        response_refused(success, other, Code::SamlStatusNotSuccess);
        assert_eq!(code(&changed(&good(), success, other)), Code::SamlStatusNotSuccess);
    }
    let status = format!("<samlp:Status><samlp:StatusCode Value=\"{success}\"></samlp:StatusCode></samlp:Status>");
    response_refused(&status, "", Code::SamlStatusNotSuccess);
    response_refused(&status, &format!("{status}{status}"), Code::SamlValueMalformed);
}

/// A response that answers nothing, issued at a time.
fn unsolicited(issued: &str) -> String {
    let assertion = changed(&assertion(), "InResponseTo=\"_request\" NotOnOrAfter", "NotOnOrAfter");
    let assertion = changed(&assertion, "IssueInstant=\"2026-01-31T12:00:00Z\"", &format!("IssueInstant=\"{issued}\""));
    changed(&around(&IDP_KEY.sign(&assertion)), "InResponseTo=\"_request\" IssueInstant", "IssueInstant")
}

#[test]
fn h26_an_unsolicited_response_is_refused_unless_the_connection_allows_it() {
    let xml = unsolicited(NOW);
    let strict = idp(vec![IDP_KEY.certificate.clone()]);
    assert_eq!(refusal(check_with(&xml, &strict, None, NOW)), Code::UnsolicitedNotAllowed);
    assert!(check_unsolicited(&xml, NOW).is_ok());
}

#[test]
fn h26_an_unsolicited_response_answers_no_request() {
    assert_eq!(refusal(check_unsolicited(&good(), NOW)), Code::SamlInResponseToUnexpected);
    let only_inside = changed(&good(), "InResponseTo=\"_request\" IssueInstant", "IssueInstant");
    assert_eq!(refusal(check_unsolicited(&only_inside, NOW)), Code::SamlInResponseToUnexpected);
    let only_outside = changed(&unsolicited(NOW), " IssueInstant", " InResponseTo=\"_request\" IssueInstant");
    assert_eq!(refusal(check_unsolicited(&only_outside, NOW)), Code::SamlInResponseToUnexpected);
    // And one that answers none fits into no login.
    assert_eq!(code(&unsolicited(NOW)), Code::SamlInResponseToMismatch);
    assert_eq!(code(&only_outside), Code::SamlInResponseToMismatch);
}

#[test]
fn h26_an_unsolicited_response_was_issued_not_long_ago() {
    assert!(check_unsolicited(&unsolicited("2026-01-31T10:58:00Z"), NOW).is_ok());
    assert_eq!(refusal(check_unsolicited(&unsolicited("2026-01-31T10:56:00Z"), NOW)), Code::SamlExpired);
    assert_eq!(refusal(check_unsolicited(&unsolicited("2026-01-31T12:10:00Z"), NOW)), Code::SamlNotYetValid);
}

#[test]
fn x14_no_rule_is_skipped_because_its_element_is_missing() {
    let whole = assertion();
    let between = |start: &str, end: &str| &whole[whole.find(start).unwrap()..whole.find(end).unwrap() + end.len()];
    for (missing, expected) in [
        (between("<saml:Subject>", "</saml:Subject>"), Code::SamlSubjectConfirmation),
        (between("<saml:SubjectConfirmation ", "</saml:SubjectConfirmation>"), Code::SamlSubjectConfirmation),
        (between("<saml:SubjectConfirmationData", "</saml:SubjectConfirmationData>"), Code::SamlSubjectConfirmation),
        ("InResponseTo=\"_request\" ", Code::SamlInResponseToMismatch),
        (" Recipient=\"https://sp.example.com/acs\"", Code::SamlRecipientMismatch),
        (between("<saml:Conditions ", "</saml:Conditions>"), Code::SamlConditionsMissing),
        (between("<saml:AudienceRestriction>", "</saml:AudienceRestriction>"), Code::SamlAudienceMissing),
        (between("<saml:AuthnStatement ", "</saml:AuthnStatement>"), Code::SamlAuthnStatementMissing),
        ("AuthnInstant=\"2026-01-31T11:59:00Z\" ", Code::SamlValueMalformed),
        (" IssueInstant=\"2026-01-31T12:00:00Z\"", Code::SamlValueMalformed),
        (" Version=\"2.0\"", Code::SamlVersion),
    ] {
        assert_eq!(code(&assertion_signed(missing, "")), expected, "{missing}");
    }
}

#[test]
fn x21_a_response_to_another_login_is_refused_though_everything_else_fits() {
    let idp = idp(vec![IDP_KEY.certificate.clone()]);
    assert_eq!(refusal(check_with(&good(), &idp, Some("_request2"), NOW)), Code::SamlInResponseToMismatch);
}

#[test]
fn times_have_fractions_and_offsets_and_always_a_zone() {
    let until = "NotOnOrAfter=\"2026-01-31T12:05:00Z\"";
    for time in [
        "2026-01-31T12:05:00.1Z",
        "2026-01-31T12:05:00.1234567Z",
        "2026-01-31T12:05:00.123456789012Z",
        "2026-01-31T13:05:00+01:00",
        "2026-01-31T07:05:00.5-05:00",
        "9999-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59Z",
    ] {
        assert!(check(&assertion_signed(until, &format!("NotOnOrAfter=\"{time}\""))).is_ok(), "{time}");
    }
    for time in [
        "",
        "2026-01-31T12:05:00",
        "2026-01-31",
        "2026-01-31 12:05:00Z",
        "2026-01-31T12:05Z",
        "2026-01-31T12:05:00.Z",
        "2026-01-31T12:05:00z",
        "2026-01-31T12:05:00Z[UTC]",
        "2026-01-31T12:05:00+0100",
        " 2026-01-31T12:05:00Z",
        "2026-02-30T12:05:00Z",
        "2026-01-31T25:05:00Z",
        "+2026-01-31T12:05:00Z",
        "1769861100",
    ] {
        assert_eq!(
            code(&assertion_signed(until, &format!("NotOnOrAfter=\"{time}\""))),
            Code::SamlTimeMalformed,
            "{time}"
        );
    }
}

#[test]
fn x13_what_is_verified_says_whose_it_is_and_is_nobody_elses() {
    let verified = check(&good()).unwrap();
    assert_eq!((verified.issuer(), verified.identity().issuer.as_str()), (IDP, IDP));
    let ours = idp(vec![IDP_KEY.certificate.clone()]);
    let of_that_name = idp(vec![OTHER_KEY.certificate.clone()]);
    let with_that_key = SamlIdp { entity_id: "https://other.example.com".into(), ..ours.clone() };
    for (connection, code) in
        [(of_that_name, Code::SamlSignatureOtherKey), (with_that_key.clone(), Code::SamlResponseIssuerMismatch)]
    {
        assert_eq!(refusal(check_with(&good(), &connection, Some(REQUEST), NOW)), code);
    }
    let whole = IDP_KEY.sign(&around(&assertion()));
    assert!(check_with(&whole, &ours, Some(REQUEST), NOW).is_ok());
    assert_eq!(refusal(check_with(&whole, &with_that_key, Some(REQUEST), NOW)), Code::SamlResponseIssuerMismatch);
}
