//! The identity provider answers: to the wrong login, illegibly, without a good signature, or with the wrong content.

use std::io::{Read, Write};
use std::net::TcpStream;

use data_encoding::BASE64;
use postern_core::fault::Code;
use postern_e2e::login::{Answer, Idp, Waiting, now};
use postern_lab::key::Key;
use postern_lab::response::{Response, base64, time};
use sha2::{Digest, Sha256};

use super::{ATTRIBUTE, Guide, PRODUCT, REDIRECT, STRANGE, TENANT, VALUE};

pub(super) async fn visit(guide: &mut Guide) {
    which_login(guide).await;
    illegible(guide).await;
    badly_signed(guide).await;
    wrong_content(guide).await;
    unsolicited(guide).await;
}

async fn which_login(guide: &mut Guide) {
    let waiting = guide.begin(&[]).await;
    let xml = guide.response(&waiting).signed_assertion(&guide.idp.key);

    let answer = waiting.post(&[("SAMLResponse", &base64(&xml))]).await;
    guide.meet(Code::RelayStateMissing, answer);

    let stranger = Waiting { cookie: format!("__Host-postern-other={STRANGE}"), ..waiting.clone() };
    let answer = stranger.answer(&xml).await;
    guide.meet(Code::LoginOtherBrowser, answer);

    let gone = Waiting {
        cookie: format!("__Host-postern-{STRANGE}={STRANGE}"),
        relay_state: STRANGE.into(),
        ..waiting.clone()
    };
    let answer = gone.answer(&xml).await;
    guide.meet(Code::LoginUnknown, answer);

    let answer = waiting.post(&[("SAMLResponse", &STRANGE.repeat(80_000)), ("RelayState", &waiting.relay_state)]).await;
    guide.meet(Code::BodyTooLarge, answer);
    let broken = format!("{}Transfer-Encoding: chunked\r\n\r\n{STRANGE}\r\n", head(&waiting.cookie));
    let answer = says(&guide.postern.origin, broken).await;
    guide.meet(Code::FormMalformed, answer);
    let answer = says(&guide.postern.origin, format!("{}Content-Length: 9\r\n\r\nRelay", head(&waiting.cookie))).await;
    guide.meet(Code::BodyTooSlow, answer);

    // None of all this has spent the login.
    let code = waiting.answer(&xml).await.code();
    guide.marks.add("code", &code);
    let answer = waiting.answer(&xml).await;
    guide.meet(Code::LoginSpent, answer);
}

/// How a post begins, but for the length of its body.
fn head(cookie: &str) -> String {
    format!(
        "POST /api/oauth/saml HTTP/1.1\r\nHost: postern\r\nCookie: {cookie}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n"
    )
}

/// What is answered to a request that no client would send.
async fn says(origin: &str, request: String) -> Answer {
    let address = origin.trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut connection = TcpStream::connect(&address).expect("Postern listens");
        connection.write_all(request.as_bytes()).expect("a request is sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer is read");
        answer
    });
    let answer = answer.await.expect("the request is made");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"));
    Answer { status, location: None, cookies: vec![], body: answer }
}

async fn illegible(guide: &mut Guide) {
    let waiting = guide.begin(&[]).await;
    let answer = waiting.post(&[("RelayState", &waiting.relay_state)]).await;
    guide.meet(Code::SamlResponseMissing, answer);
    let waiting = guide.begin(&[]).await;
    let answer = waiting.post(&[("SAMLResponse", "%%%"), ("RelayState", &waiting.relay_state)]).await;
    guide.meet(Code::SamlNotBase64, answer);

    type Spoil = fn(&str) -> Vec<u8>;
    let spoilt: &[(Code, Spoil)] = &[
        (Code::SamlTooLarge, |xml| xml.replace(VALUE, &VALUE.repeat(40_000)).into()),
        (Code::SamlEncodingUnsupported, |xml| {
            format!("\u{feff}{xml}").encode_utf16().flat_map(u16::to_le_bytes).collect()
        }),
        (Code::SamlDoctype, |xml| format!("<!DOCTYPE {STRANGE}>{xml}").into()),
        (Code::SamlNotWellFormed, |xml| format!("{xml}<{STRANGE}>").into()),
        (Code::SamlTooComplex, |xml| {
            let (deep, end) = ("<x>".repeat(80), "</x>".repeat(80));
            xml.replace(VALUE, &format!("{deep}{VALUE}{end}")).into()
        }),
        (Code::SamlCommentOrInstruction, |xml| xml.replace(VALUE, &format!("{VALUE}<!--{STRANGE}-->")).into()),
        (Code::SamlNotResponse, |_| format!("<{STRANGE}/>").into()),
        (Code::SamlStructureForbidden, |xml| xml.replace("_assertion", "_response").into()),
    ];
    for (code, spoil) in spoilt {
        let waiting = guide.begin(&[]).await;
        let xml = spoil(&guide.response(&waiting).signed_assertion(&guide.idp.key));
        let answer =
            waiting.post(&[("SAMLResponse", &BASE64.encode(&xml)), ("RelayState", &waiting.relay_state)]).await;
        guide.meet(*code, answer);
    }
}

async fn badly_signed(guide: &mut Guide) {
    type Sign = fn(&Response, &Key) -> String;
    let badly: &[(Code, Sign)] = &[
        (Code::SamlUnsigned, |response, _| response.unsigned()),
        (Code::SamlSignatureForm, |response, key| {
            response.signed_assertion(key).replace("xmldsig#enveloped-signature", STRANGE)
        }),
        (Code::SamlSignatureAlgorithm, |response, key| response.signed_assertion(key).replace("rsa-sha256", STRANGE)),
        (Code::SamlSignatureOtherKey, |response, _| response.signed_assertion(&Key::generate().expect("a key"))),
        (Code::SamlSignatureInvalid, |response, key| {
            // The signature of something else in the right place.
            let other = Response { assertion_id: "_other".into(), ..response.clone() }.signed_assertion(key);
            let value = |xml: &str| xml.split("SignatureValue>").nth(1).expect("a signature").to_owned();
            let xml = response.signed_assertion(key);
            xml.replace(&value(&xml), &value(&other))
        }),
        (Code::SamlDigestMismatch, |response, key| response.signed_assertion(key).replace(VALUE, STRANGE)),
    ];
    for (code, sign) in badly {
        let waiting = guide.begin(&[]).await;
        let xml = sign(&guide.response(&waiting), &guide.idp.key);
        let answer = waiting.answer(&xml).await;
        guide.meet(*code, answer);
    }
    signed_with_a_small_key(guide).await;
}

async fn wrong_content(guide: &mut Guide) {
    type Bend = fn(Response) -> Response;
    let bent: &[(Code, Bend)] = &[
        (Code::SamlAssertionCount, |good| Response { has_assertion: false, ..good }),
        (Code::SamlStatusNotSuccess, |good| Response {
            status: vec!["urn:oasis:names:tc:SAML:2.0:status:Responder".into(), format!("urn:{STRANGE}")],
            status_message: Some(STRANGE.into()),
            ..good
        }),
        (Code::SamlDestinationMismatch, |good| Response { destination: Some(url()), ..good }),
        (Code::SamlResponseIssuerMismatch, |good| Response { issuer: Some(url()), ..good }),
        (Code::SamlAssertionIssuerMismatch, |good| Response { assertion_issuer: url(), ..good }),
        (Code::SamlInResponseToMismatch, |good| good.answering(STRANGE)),
        (Code::SamlAudienceMissing, |good| Response { audiences: vec![], ..good }),
        (Code::SamlAudienceMismatch, |good| good.for_audience(&url())),
        (Code::SamlConditionUnknown, |good| Response {
            more_conditions: format!("<saml:Condition>{STRANGE}</saml:Condition>"),
            ..good
        }),
        (Code::SamlNotYetValid, |good| Response { not_before: Some(hours(1)), ..good }),
        (Code::SamlExpired, |good| Response { not_on_or_after: Some(hours(-1)), ..good }),
        (Code::SamlSessionExpired, |good| Response { session_not_on_or_after: Some(hours(-1)), ..good }),
        (Code::SamlTimeMalformed, |good| Response { not_before: Some(STRANGE.into()), ..good }),
        (Code::SamlSubjectConfirmation, |good| Response { confirmation_method: format!("urn:{STRANGE}"), ..good }),
        (Code::SamlRecipientMismatch, |good| Response { recipient: Some(url()), ..good }),
        (Code::SamlAuthnStatementMissing, |good| Response { authn_instant: None, ..good }),
        (Code::SubjectMissing, |good| Response { name_id: None, ..good }),
        (Code::AttributeMissing, |good| Response { attributes: vec![(ATTRIBUTE.into(), vec![VALUE.into()])], ..good }),
    ];
    for (code, bend) in bent {
        let waiting = guide.begin(&[]).await;
        let xml = bend(guide.response(&waiting)).signed_assertion(&guide.idp.key);
        let answer = waiting.answer(&xml).await;
        guide.meet(*code, answer);
    }

    type Rewrite = fn(&str) -> String;
    let rewritten: &[(Code, Rewrite)] = &[
        (Code::SamlVersion, |xml| xml.replace(r#"Version="2.0""#, &format!(r#"Version="{STRANGE}""#))),
        (Code::SamlConditionsMissing, |xml| {
            let (before, after) = (xml.find("<saml:Conditions").unwrap(), xml.find("<saml:AuthnStatement").unwrap());
            [&xml[..before], &xml[after..]].concat()
        }),
        (Code::SamlValueMalformed, |xml| xml.replace(r#"<saml:Attribute Name="groups">"#, "<saml:Attribute>")),
        (Code::SamlEncryptedAttribute, |xml| {
            let end = "</saml:AttributeStatement>";
            xml.replace(end, &format!("<saml:EncryptedAttribute>{STRANGE}</saml:EncryptedAttribute>{end}"))
        }),
    ];
    for (code, rewrite) in rewritten {
        let waiting = guide.begin(&[]).await;
        let response = guide.response(&waiting);
        let xml = signed(&rewrite(&response.unsigned()), &response.id, |message| guide.idp.key.sign(message));
        let answer = waiting.answer(&xml).await;
        guide.meet(*code, answer);
    }

    let (first, second) = (guide.begin(&[]).await, guide.begin(&[]).await);
    let assertion_id = format!("_{STRANGE}");
    let xml = |waiting: &Waiting| {
        Response { assertion_id: assertion_id.clone(), ..guide.response(waiting) }.signed_assertion(&guide.idp.key)
    };
    let (one, two) = (xml(&first), xml(&second));
    let code = first.answer(&one).await.code();
    guide.marks.add("code", &code);
    let answer = second.answer(&two).await;
    guide.meet(Code::SamlAssertionReplayed, answer);
}

/// Responses that nobody asked for, at the connection's own address.
async fn unsolicited(guide: &mut Guide) {
    let idp = Idp::new(&format!("https://{STRANGE}.example.com/metadata"));
    guide.marks.add_document("certificate", idp.key.certificate());
    let tenant = format!("unsolicited-{TENANT}");
    let metadata = idp.metadata();
    let connection = guide.postern.connect(&tenant, PRODUCT, &[REDIRECT.to_owned()], ("rawMetadata", &metadata)).await;
    let text = |name: &str| connection[name].as_str().expect(name).to_owned();
    let (id, client_id, secret) = (text("id"), text("clientID"), text("clientSecret"));
    guide.marks.add("connection's id", &id);
    let path = format!("/api/oauth/saml/{id}");
    let url = format!("{}{path}", guide.postern.public_url);
    let good = Response::at(now()).sent_by(&idp.entity_id).sent_to(&url).for_audience(&guide.postern.public_url);

    let answer = guide.postern.post_form(&path, &[("SAMLResponse", &base64(&good.signed_assertion(&idp.key)))]).await;
    guide.meet(Code::UnsolicitedNotAllowed, answer);

    let allow =
        serde_json::json!({ "clientID": client_id, "clientSecret": secret, "isSAML": true, "allow": ["unsolicited"] });
    guide.postern.call("PATCH", "/api/v1/sso", Some(&allow)).await;
    let expecting = base64(&good.clone().answering(STRANGE).signed_assertion(&idp.key));
    let answer = guide.postern.post_form(&path, &[("SAMLResponse", &expecting)]).await;
    guide.meet(Code::SamlInResponseToUnexpected, answer);
    let answer = guide.postern.post_form(&path, &[("SAMLResponse", &base64(&good.signed_assertion(&idp.key)))]).await;
    guide.meet(Code::InitiateLoginUrlMissing, answer);
    unasked(guide, &idp).await;
}

/// An app without a secret, to which a connection is to deliver directly.
async fn unasked(guide: &mut Guide, idp: &Idp) {
    const PUBLIC_APP: &str = "public-app-m5x8wd";
    guide.marks.add("product", PUBLIC_APP);
    let urls = [REDIRECT.to_owned()];
    let app = serde_json::json!({ "name": PUBLIC_APP, "redirect_urls": urls, "token_endpoint_auth_method": "none" });
    guide.postern.call("POST", "/api/v1/products", Some(&app)).await;
    let connection = guide.postern.connect(TENANT, PUBLIC_APP, &urls, ("rawMetadata", &idp.metadata())).await;
    let (id, secret) = (&connection["id"], &connection["clientSecret"]);
    let direct = serde_json::json!({
        "clientID": id, "clientSecret": secret, "allow": ["unsolicited"], "unsolicitedDelivery": "direct",
    });
    guide.postern.call("PATCH", "/api/v1/sso", Some(&direct)).await;
    let path = format!("/api/oauth/saml/{}", id.as_str().expect("an id"));
    let url = format!("{}{path}", guide.postern.public_url);
    let good = Response::at(now()).sent_by(&idp.entity_id).sent_to(&url).for_audience(&guide.postern.public_url);
    let xml = good.signed_assertion(&idp.key);
    let answer = guide.postern.post_form(&path, &[("SAMLResponse", &base64(&xml))]).await;
    guide.meet(Code::UnsolicitedPublicClient, answer);
}

/// A trusted key that is too small to be relied on. No library of ours makes one, so `openssl` does.
async fn signed_with_a_small_key(guide: &mut Guide) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let openssl = |arguments: &[&str]| {
        let done = std::process::Command::new("openssl")
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("openssl runs");
        assert!(done.status.success(), "openssl: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    let request = [
        "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=idp", "-days", "2", "-keyout", "key",
        "-outform", "DER",
    ];
    let certificate = BASE64.encode(&openssl(&request));
    let metadata = guide.idp.metadata().replace(&guide.idp.key.certificate_base64(), &certificate);
    let tenant = format!("small-{TENANT}");
    guide.postern.connect(&tenant, PRODUCT, &[REDIRECT.to_owned()], ("rawMetadata", &metadata)).await;

    let waiting = guide.begin(&[("tenant", Some(&tenant))]).await;
    let response = guide.response(&waiting);
    let xml = signed(&response.unsigned(), &response.id, |message| {
        std::fs::write(folder.path().join("message"), message).expect("a file");
        openssl(&["dgst", "-sha256", "-sign", "key", "message"])
    });
    let answer = waiting.answer(&xml).await;
    guide.meet(Code::SamlKeyTooWeak, answer);
}

/// A response that was changed before it is signed as a whole. The lab's XML is canonical as it stands.
fn signed(unsigned: &str, id: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let digest = BASE64.encode(&Sha256::digest(unsigned));
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let signed_info = format!(
        r##"<ds:CanonicalizationMethod Algorithm="{exclusive}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="{exclusive}"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"##
    );
    let ds = r#"xmlns:ds="http://www.w3.org/2000/09/xmldsig#""#;
    let value = BASE64.encode(&sign(format!("<ds:SignedInfo {ds}>{signed_info}").as_bytes()));
    let signature = format!(
        "<ds:Signature {ds}><ds:SignedInfo>{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
    );
    let issuer = unsigned.find("</saml:Issuer>").expect("an issuer") + "</saml:Issuer>".len();
    [&unsigned[..issuer], &signature, &unsigned[issuer..]].concat()
}

fn url() -> String {
    format!("https://{STRANGE}.example.com/")
}

fn hours(hours: i64) -> String {
    time(now().checked_add(jiff::SignedDuration::from_hours(hours)).expect("a time near now"))
}
