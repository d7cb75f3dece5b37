//! X6, X7, X18, X19: documents that are too much, or not what they seem, are refused before anything slow happens.

use std::time::{Duration, Instant};

use postern_core::fault::Code;
use postern_saml::response::decode;

use crate::support::*;

#[test]
fn decode_takes_line_breaks_and_nothing_else() {
    assert_eq!(decode("PHg+\r\nPC94Pg==\n ").unwrap(), b"<x></x>");
    for (text, code) in [
        ("", Code::SamlResponseMissing),
        (" \n", Code::SamlResponseMissing),
        ("PHg", Code::SamlNotBase64),
        ("PHg-PC94Pg==", Code::SamlNotBase64),
        ("<samlp:Response/>", Code::SamlNotBase64),
    ] {
        assert_eq!(decode(text).unwrap_err().code, code, "{text}");
    }
    assert_eq!(decode(&"A".repeat(800_000)).unwrap_err().code, Code::SamlTooLarge);
}

#[test]
fn x18_size() {
    let padded = changed(&good(), "<samlp:Status>", &format!("<samlp:Status>{}", " ".repeat(512 * 1024)));
    assert_eq!(code(&padded), Code::SamlTooLarge);
}

#[test]
fn x7_any_doctype_is_refused() {
    for doctype in [
        "<!DOCTYPE x>",
        "<!DOCTYPE x [<!ENTITY e \"x\">]>",
        "<!DOCTYPE x SYSTEM \"http://127.0.0.1/\">",
        "<!doctype x>",
        "<!ENTITY e \"x\">",
    ] {
        assert_eq!(code(&format!("{doctype}{}", good())), Code::SamlDoctype, "{doctype}");
    }
    // An entity that nobody declared is no text.
    assert_eq!(code(&changed(&good(), ">anna@", ">&anna;@")), Code::SamlNotWellFormed);
}

#[test]
fn x6_comments_and_instructions_are_refused_wherever_they_are() {
    for strange in ["<!-- -->", "<?x y?>", "<?xml version=\"1.0\"?>"] {
        assert_eq!(code(&changed(&good(), ">anna@", &format!(">anna{strange}@"))), Code::SamlCommentOrInstruction);
        assert_eq!(code(&format!("{}{strange}", good())), Code::SamlCommentOrInstruction);
    }
    // In CDATA it is text: what arrived is not what was signed.
    assert_eq!(code(&changed(&good(), ">anna@", "><![CDATA[<!-- -->]]>anna@")), Code::SamlDigestMismatch);
}

#[test]
fn the_declaration_says_xml_1_0_and_utf_8() {
    for fine in ["<?xml version=\"1.0\"?>", "<?xml version='1.0' encoding='utf-8' standalone='no'?>\n", "\u{feff}"] {
        assert!(check(&format!("{fine}{}", good())).is_ok(), "{fine}");
    }
    for other in ["<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", "<?xml version=\"1.0\" encoding=\"UTF-16\"?>"] {
        assert_eq!(code(&format!("{other}{}", good())), Code::SamlEncodingUnsupported, "{other}");
    }
    assert_eq!(code(&format!("<?xml version=\"1.1\"?>{}", good())), Code::SamlNotWellFormed);
}

#[test]
fn x18_depth_attributes_namespaces_and_nodes() {
    let status = |inside: &str| changed(&good(), "<samlp:Status>", &format!("{inside}<samlp:Status>"));
    let many = |one: &dyn Fn(usize) -> String, count: usize| (0..count).map(one).collect::<String>();
    let deep = format!("{}{}", "<a>".repeat(70), "</a>".repeat(70));
    let wide = format!("<a {}/>", many(&|n| format!("a{n}=\"\" "), 100));
    let declared = format!("<a {}/>", many(&|n| format!("xmlns:a{n}=\"urn:{n}\" "), 65));
    let level_by_level =
        format!("{}{}", many(&|n| format!("<a xmlns:a{n}=\"u:\" xmlns:b{n}=\"u:\">"), 40), "</a>".repeat(40));
    for bomb in [deep, wide, declared, level_by_level, "<a/>".repeat(30_000)] {
        assert_eq!(code(&status(&bomb)), Code::SamlTooComplex);
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what this test is about")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn x18_half_a_megabyte_of_anything_is_refused_without_quadratic_work() {
    let repeated = |what: &str| what.repeat(500_000 / what.len());
    let open = "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"";
    let bombs = [
        repeated("<a>"),
        repeated("<a b='"),
        repeated("<"),
        repeated("&amp;"),
        repeated("<![CDATA["),
        format!("<x>{}</x>", repeated("<![CDATA[]]>")),
        format!("{open} {}>", repeated("a=\"\" ")),
        format!("{open} {}>", repeated("xmlns:a=\"u:\" ")),
        format!("{open}>{}", repeated("<a xmlns='u:'/>")),
        format!("{open} {}=\"\"/>", "a".repeat(400_000)),
        format!("{open} a=\"{}\"/>", repeated("&#10;")),
    ];
    for bomb in &bombs {
        let start = now();
        assert!(check(bomb).is_err());
        // Far more than any needs unoptimised, far less than quadratic work would.
        assert!(start.elapsed() < Duration::from_secs(5), "{}", &bomb[..20]);
    }
}

#[test]
fn x19_every_prefix_of_a_response_is_refused_without_panic() {
    let xml = good();
    for end in (0..xml.len()).step_by(7) {
        assert!(check(&xml[..end]).is_err());
    }
    for bytes in [
        "",
        "\u{feff}",
        "<",
        "</",
        "<!",
        "<?",
        "<?xml",
        "<?xml ?>",
        "<a",
        "<a ",
        "<a b",
        "<a b=",
        "<a b='",
        "<![CDATA[",
    ] {
        assert!(check(bytes).is_err());
    }
}

#[test]
fn line_ends_are_normalised_before_parsing() {
    // XML 1.0 §2.11. The parser would keep a lone CR beside a character reference.
    let with = |end: &str| assertion_signed("<saml:Conditions ", &format!("{end}<saml:Conditions "));
    let signed = with("\n&gt;\n");
    for end in ["\r", "\r\n"] {
        assert!(check(&signed.replace("\n&gt;\n", &format!("{end}&gt;{end}"))).is_ok(), "{end:?}");
    }
    assert_eq!(code(&signed.replace("\n&gt;\n", "&#13;&gt;\n")), Code::SamlDigestMismatch);
}
