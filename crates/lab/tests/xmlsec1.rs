//! An independent judge of our signatures: the program `xmlsec1`, which canonicalises for itself. `scripts/install test` brings it.

use std::fs;
use std::process::Command;

use postern_lab::key::Key;
use postern_lab::response::Response;

#[test]
fn xmlsec1_accepts_what_we_sign_and_nothing_else() {
    let key = Key::generate().unwrap();
    let response = Response {
        attributes: vec![("odd <&> \"name\"\t".into(), vec!["a<b>&\"'\r\n\té".into(), String::new()])],
        ..Response::at("2026-01-31T12:00:00Z".parse().unwrap()).answering("_request")
    };
    for xml in [response.signed_assertion(&key), response.signed_response(&key), response.signed_both(&key)] {
        let signatures = xml.matches("<ds:Signature ").count();
        for number in 1..=signatures {
            assert!(accepts(&key, &xml, number), "signature {number} of\n{xml}");
            assert!(!accepts(&Key::generate().unwrap(), &xml, number), "another key's certificate was accepted");
            assert!(!accepts(&key, &xml.replace("u-1001", "u-1002"), number), "a changed subject was accepted");
        }
    }
}

/// Whether `xmlsec1` accepts the signature that is the `number`th in document order.
fn accepts(key: &Key, xml: &str, number: usize) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (document, certificate) = (folder.path().join("response.xml"), folder.path().join("certificate.der"));
    fs::write(&document, xml).unwrap();
    fs::write(&certificate, key.certificate()).unwrap();
    let output = Command::new("xmlsec1")
        .args(["--verify", "--enabled-key-data", "x509", "--pubkey-cert-der"])
        .arg(&certificate)
        .args(["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:protocol:Response"])
        .args(["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"])
        .args(["--node-xpath", &format!("(//*[local-name()='Signature'])[{number}]")])
        .arg(&document)
        .output()
        .expect("xmlsec1 can be run");
    output.status.success()
}
