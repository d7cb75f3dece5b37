//! M7, M8: which IdP a document describes, with which keys and addresses.

use data_encoding::BASE64;
use postern_core::fault::Code;
use postern_saml::metadata::{IdpMetadata, certificate_notes, read};

use crate::support::*;

fn certificate(key: &Key) -> String {
    format!(
        "<ds:X509Data xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Certificate>\n{}\n</ds:X509Certificate></ds:X509Data>",
        BASE64.encode(&key.certificate.der)
    )
}

fn key(attributes: &str, data: &str) -> String {
    format!(
        "<KeyDescriptor {attributes}><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{data}</ds:KeyInfo></KeyDescriptor>"
    )
}

fn service(name: &str, binding: &str, location: &str) -> String {
    format!("<{name} Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{location}\"/>")
}

fn sso() -> String {
    service("SingleSignOnService", "HTTP-Redirect", "https://idp.example.com/sso")
}

/// An IdP's entity descriptor, in the default namespace.
fn entity(id: &str, inside: &str) -> String {
    format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{id}\"><IDPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol\">\
         {inside}</IDPSSODescriptor></EntityDescriptor>"
    )
}

fn usual() -> String {
    entity(IDP, &format!("{}{}", key("use=\"signing\"", &certificate(&IDP_KEY)), sso()))
}

fn fine(xml: &str) -> IdpMetadata {
    read(xml.as_bytes(), None).unwrap()
}

fn refused(xml: &str) -> Code {
    read(xml.as_bytes(), None).unwrap_err().code
}

#[test]
fn the_usual_document() {
    let read = fine(&format!("\u{feff}<?xml version=\"1.0\"?>\n<!-- exported --><?x y?>{}", usual()));
    assert_eq!(read.entity_id, IDP);
    assert_eq!(read.sso.redirect.as_deref(), Some("https://idp.example.com/sso"));
    assert_eq!((read.sso.post, read.slo.redirect, read.slo.post), (None, None, None));
    assert_eq!(read.signing_keys.certificates(), std::slice::from_ref(&IDP_KEY.certificate));
    assert!(!read.wants_signed_requests && read.notes.is_empty() && read.valid_until.is_none());
}

#[test]
fn prefixed_names_and_attributes() {
    let xml = usual()
        .replace("<EntityDescriptor xmlns=", "<m:EntityDescriptor validUntil=\"2026-02-01T00:00:00Z\" xmlns:m=")
        .replace("</EntityDescriptor", "</m:EntityDescriptor")
        .replace("<IDPSSODescriptor", "<m:IDPSSODescriptor WantAuthnRequestsSigned=\"1\"")
        .replace("</IDPSSODescriptor", "</m:IDPSSODescriptor")
        .replace("KeyDescriptor", "m:KeyDescriptor")
        .replace("<SingleSignOn", "<m:SingleSignOn");
    let read = fine(&xml);
    assert!(read.wants_signed_requests);
    assert_eq!(read.valid_until, Some("2026-02-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn m8_certificates_are_spoken_of_before_they_end_and_after() {
    let certificates = fine(&usual()).signing_keys.certificates().to_vec();
    let end = certificates[0].not_after;
    let day = jiff::SignedDuration::from_hours(24);
    let said = |at| certificate_notes(&certificates, at).concat();
    assert_eq!(said(end - 31 * day), "");
    assert!(said(end - 30 * day).ends_with(&format!(" expires on {end}")));
    assert!(said(end + day).ends_with(&format!(" expired on {end}")));
}

#[test]
fn several_keys_with_use_and_without_but_not_for_encryption() {
    let ec = Key::ec();
    let keys = format!(
        "{}{}{}{}",
        key("", &certificate(&ec)),
        key("use=\"signing\"", &certificate(&IDP_KEY)),
        key("use=\"signing\"", &certificate(&IDP_KEY)),
        key("use=\"encryption\"", &certificate(&OTHER_KEY)),
    );
    let read = fine(&entity(IDP, &format!("{keys}{}", sso())));
    assert_eq!(read.signing_keys.certificates(), [ec.certificate.clone(), IDP_KEY.certificate.clone()]);
}

#[test]
fn x11_without_a_signing_key_there_is_no_idp() {
    for keys in [
        String::new(),
        key("use=\"encryption\"", &certificate(&IDP_KEY)),
        key("use=\"signing\"", ""),
        key("use=\"signing\"", &certificate(&IDP_KEY).replace("MII", "???")),
    ] {
        assert_eq!(refused(&entity(IDP, &format!("{keys}{}", sso()))), Code::MetadataKeyMissing);
    }
}

#[test]
fn an_unreadable_certificate_beside_a_good_one_is_noted() {
    let broken = key("use=\"signing\"", &certificate(&OTHER_KEY).replace("MII", "AAA"));
    let read = fine(&usual().replace("<SingleSignOnService", &format!("{broken}<SingleSignOnService")));
    assert_eq!(read.signing_keys.certificates().len(), 1);
    assert_eq!(read.notes, ["left out: a signing certificate that cannot be read"]);
}

#[test]
fn who_issued_a_certificate_does_not_sign_in_its_place() {
    let root_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut root = rcgen::CertificateParams::new(vec![]).unwrap();
    root.distinguished_name.push(rcgen::DnType::CommonName, "Example root");
    let issuer = rcgen::Issuer::from_params(&root, &root_key);
    let leaf_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut leaf = rcgen::CertificateParams::new(vec![]).unwrap();
    leaf.distinguished_name.push(rcgen::DnType::CommonName, "Example leaf");
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let root = root.self_signed(&root_key).unwrap();
    let data = format!(
        "<ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>",
        BASE64.encode(leaf.der()),
        BASE64.encode(root.der())
    );
    let read = fine(&entity(IDP, &format!("{}{}", key("", &data), sso())));
    let ders: Vec<_> = read.signing_keys.certificates().iter().map(|certificate| certificate.der.clone()).collect();
    assert_eq!(ders, [leaf.der().to_vec()]);
    // Two self-signed certificates of one name, as in a rollover, both count.
    let pair = format!(
        "{}{}",
        certificate(&IDP_KEY).replace("</ds:X509Data>", ""),
        certificate(&OTHER_KEY).split_once("sig#\">").unwrap().1
    );
    assert_eq!(fine(&entity(IDP, &format!("{}{}", key("", &pair), sso()))).signing_keys.certificates().len(), 2);
}

#[test]
fn bindings_are_told_apart_and_the_first_of_each_counts() {
    let services = [
        service("SingleSignOnService", "SOAP", "https://idp.example.com/soap"),
        service("SingleSignOnService", "HTTP-POST", "https://idp.example.com/post"),
        service("SingleSignOnService", "HTTP-POST", "https://idp.example.com/post2"),
        service("SingleSignOnService", "HTTP-Redirect", "https://idp.example.com/redirect?a=1&amp;b=2"),
        service("SingleLogoutService", "HTTP-Redirect", "https://idp.example.com/slo"),
    ]
    .concat();
    let read = fine(&usual().replace(&sso(), &services));
    assert_eq!(read.sso.post.as_deref(), Some("https://idp.example.com/post"));
    assert_eq!(read.sso.redirect.as_deref(), Some("https://idp.example.com/redirect?a=1&b=2"));
    assert_eq!(read.slo.redirect.as_deref(), Some("https://idp.example.com/slo"));
}

#[test]
fn answers_to_a_logout_may_go_elsewhere() {
    let elsewhere = service("SingleLogoutService", "HTTP-POST", "https://idp.example.com/slo")
        .replace("/>", " ResponseLocation=\"https://idp.example.com/slo/answers\"/>");
    let read = fine(&usual().replace(&sso(), &format!("{elsewhere}{}", sso())));
    assert_eq!(read.slo.post.as_deref(), Some("https://idp.example.com/slo"));
    assert_eq!(read.slo_responses.post.as_deref(), Some("https://idp.example.com/slo/answers"));
    assert_eq!(read.slo_responses.redirect, None);
}

#[test]
fn m6_addresses_are_https_or_this_machine() {
    let with = |location: &str| usual().replace("https://idp.example.com/sso", location);
    for fine_one in
        ["http://localhost:8080/sso", "http://127.0.0.1/sso", "http://[::1]:1/sso", "https://idp.example.com"]
    {
        assert_eq!(fine(&with(fine_one)).sso.redirect.as_deref(), Some(fine_one));
    }
    for bad in [
        "http://idp.example.com/sso",
        "http://localhost.example.com/sso",
        "javascript:alert(1)",
        "data:text/html,x",
        "/sso",
        "//idp.example.com/sso",
        "https://idp.example.com/sso#x",
        "https://user:pass@idp.example.com/sso",
        "https://idp.example.com/s&#10;so",
        "",
    ] {
        assert_eq!(refused(&with(bad)), Code::MetadataEndpointInvalid, "{bad}");
    }
    assert_eq!(refused(&usual().replace(&sso(), "")), Code::MetadataEndpointMissing);
    let logout = service("SingleLogoutService", "HTTP-POST", "http://idp.example.com/slo");
    let read = fine(&usual().replace(&sso(), &format!("{logout}{}", sso())));
    assert_eq!(
        (read.slo.post, &*read.notes),
        (None, &["left out: a logout address that is not an https URL".to_owned()][..])
    );
}

#[test]
fn m7_of_several_entities_one_is_the_idp_or_is_chosen() {
    let several = |entities: &[String]| {
        format!(
            "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"><md:EntitiesDescriptor>{}\
             </md:EntitiesDescriptor></md:EntitiesDescriptor>",
            entities.concat()
        )
    };
    let sp = usual().replace("IDPSSODescriptor", "SPSSODescriptor").replace(IDP, "https://sp.example.com");
    let second = usual().replace(IDP, "https://second.example.com");
    assert_eq!(fine(&several(&[sp.clone(), usual()])).entity_id, IDP);

    let two = several(&[usual(), second.clone(), sp.clone()]);
    assert_eq!(refused(&two), Code::MetadataSeveralIdps);
    let chosen = read(two.as_bytes(), Some("https://second.example.com")).unwrap();
    assert_eq!(chosen.entity_id, "https://second.example.com");
    for other in ["https://second.example.com/", "https://sp.example.com", ""] {
        assert_eq!(read(two.as_bytes(), Some(other)).unwrap_err().code, Code::MetadataEntityUnknown, "{other}");
    }
    let twice = several(&[usual(), usual()]);
    assert_eq!(read(twice.as_bytes(), Some(IDP)).unwrap_err().code, Code::MetadataEntityTwice);
    // Whoever else is meant: such a document is nobody's to rely on.
    let beside = several(&[usual(), sp.clone(), sp.clone()]);
    assert_eq!(read(beside.as_bytes(), Some(IDP)).unwrap_err().code, Code::MetadataEntityTwice);
    assert_eq!(
        read(usual().as_bytes(), Some("https://second.example.com")).unwrap_err().code,
        Code::MetadataEntityUnknown
    );
    assert_eq!(refused(&sp), Code::MetadataNotIdp);
}

#[test]
fn utf_16_is_read_by_its_bytes() {
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{}", usual());
    for text in [declared.clone(), format!("\u{feff}{declared}"), format!("\u{feff}{}", usual()), usual()] {
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [&little, &big] {
            assert_eq!(read(bytes, None).unwrap().entity_id, IDP);
            assert_eq!(read(&bytes[..bytes.len() - 1], None).unwrap_err().code, Code::MetadataUnreadable);
        }
    }
    // UTF-8 that calls itself UTF-16 is still readable, another encoding is not.
    assert_eq!(fine(&declared).entity_id, IDP);
    assert_eq!(refused(&declared.replace("UTF-16", "ISO-8859-1")), Code::MetadataUnreadable);
}

#[test]
fn m4_how_long_a_document_holds() {
    let with = |attributes: &str| usual().replace("<EntityDescriptor", &format!("<EntityDescriptor {attributes}"));
    for (written, seconds) in
        [("PT1H", 3600), ("P1D", 86_400), ("P1M", 31 * 86_400), ("PT0.5S", 0), ("P0Y0M7DT0H0M0S", 604_800)]
    {
        let read = fine(&with(&format!("cacheDuration=\"{written}\"")));
        assert_eq!(read.cache_duration.map(|duration| duration.as_secs()), Some(seconds), "{written}");
    }
    for nonsense in ["", "soon", "-PT1H", "PT0S"] {
        let read = fine(&with(&format!("cacheDuration=\"{nonsense}\"")));
        assert_eq!((read.cache_duration, read.notes.len()), (None, 1), "{nonsense}");
    }
    let outer = format!(
        "<EntitiesDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" cacheDuration=\"PT2H\" validUntil=\"2026-02-01T00:00:00Z\">{}</EntitiesDescriptor>",
        with("cacheDuration=\"PT3H\" validUntil=\"2026-03-01T00:00:00Z\"")
    );
    let read = fine(&outer);
    assert_eq!(read.cache_duration.map(|duration| duration.as_hours()), Some(2));
    assert_eq!(read.valid_until, Some("2026-02-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn h20_what_people_are_shown() {
    let organization = "<Organization><OrganizationDisplayName xml:lang=\"en\">Example Org</OrganizationDisplayName></Organization></EntityDescriptor>";
    let xml = usual()
        .replace("</EntityDescriptor>", organization)
        .replace("<IDPSSODescriptor ", "<IDPSSODescriptor errorURL=\"https://idp.example.com/help\" ");
    let read = fine(&xml);
    assert_eq!(read.display_name.as_deref(), Some("Example Org"));
    assert_eq!(read.error_url.as_deref(), Some("https://idp.example.com/help"));
    let info = "<Extensions><u:UIInfo xmlns:u=\"urn:oasis:names:tc:SAML:metadata:ui\"><u:DisplayName xml:lang=\"en\"> Example\n</u:DisplayName></u:UIInfo></Extensions><KeyDescriptor";
    let named = changed(&xml, "<KeyDescriptor", info).replace("https://idp.example.com/help", "javascript:alert(1)");
    let read = fine(&named);
    assert_eq!((read.display_name.as_deref(), read.error_url), (Some("Example"), None));
}

#[test]
fn what_is_no_metadata_says_so() {
    assert_eq!(refused("hello"), Code::MetadataUnreadable);
    assert_eq!(refused(""), Code::MetadataUnreadable);
    assert_eq!(refused("<html></html>"), Code::MetadataNotIdp);
    assert_eq!(refused(&format!("<!DOCTYPE x>{}", usual())), Code::MetadataUnreadable);
    assert_eq!(refused(&usual().replace("SAML:2.0:protocol", "SAML:2.1:protocol")), Code::MetadataNotIdp);
    assert_eq!(refused(&usual().replace(" entityID=\"https://idp.example.com\"", "")), Code::MetadataEntityIdMissing);
    assert_eq!(refused(&" ".repeat(1024 * 1024 + 1)), Code::MetadataTooLarge);
    let bad_time = usual().replace("<EntityDescriptor", "<EntityDescriptor validUntil=\"tomorrow\"");
    assert_eq!(refused(&bad_time), Code::MetadataUnreadable);
}

#[test]
fn h23_scopes_that_are_written_out() {
    let scope = |attributes: &str, text: &str| {
        format!("<s:Scope xmlns:s=\"urn:mace:shibboleth:metadata:1.0\" {attributes}>{text}</s:Scope>")
    };
    let inside = |scopes: &[String]| format!("<Extensions>{}</Extensions>", scopes.concat());
    let role = inside(&[scope("regexp=\"false\"", "Example.edu"), scope("", " lab.example.edu\n")]);
    let entity =
        inside(&[scope("regexp=\"true\"", "^.+\\.example\\.edu$"), scope("", "example.edu"), scope("", "a b")]);
    let xml = usual().replacen("<KeyDescriptor", &format!("{role}<KeyDescriptor"), 1);
    let read = fine(&xml.replacen("<IDPSSODescriptor", &format!("{entity}<IDPSSODescriptor"), 1));
    assert_eq!(read.scopes, ["example.edu", "lab.example.edu"]);
    assert_eq!(read.notes.len(), 2, "{:?}", read.notes);
    // Of another namespace, or of nobody's extensions, it means nothing.
    let elsewhere = usual().replacen("<KeyDescriptor", &format!("{}<KeyDescriptor", scope("", "example.org")), 1);
    assert!(fine(&elsewhere).scopes.is_empty());
}
