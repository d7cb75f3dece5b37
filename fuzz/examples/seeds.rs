//! Writes the seeds of every target, and the keys that go with them.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use postern_core::base64url;
use postern_core::ports::Seal;
use postern_fuzz::{
    LOGOUT_PERSON, LOGOUT_RELAY_STATE, LOGOUT_SESSION, NONCE, PLACES, RECORD, REQUEST, SLO, TOKEN_AUDIENCE,
    TOKEN_ENDPOINT, TOKEN_ISSUER, key_ring, now,
};
use postern_lab::attack::{CLASSES, GENUINE, Scene};
use postern_lab::key::Key;
use postern_lab::logout::{Kind, LogoutMessage};
use postern_lab::metadata::metadata;
use postern_lab::response::{ACS, AUDIENCE, IDP, Response, SUCCESS};
use serde_json::{Value, json};

/// E-mail addresses and domains, good and odd.
const ADDRESSES: &[&str] = &[
    "alice@acme.example",
    "a+b@b\u{fc}cher.ACME.example.",
    "xn--bcher-kva.example",
    "a@eu.acme.co.uk",
    "\"a@b\"@acme.example",
    "a@192.0.2.1",
    "a@stra\u{df}e.example\u{3002}com",
];

fn main() {
    let [key, other_key, ours] = [(); 3].map(|()| Key::generate().expect("a key"));
    let metadata = metadata(IDP, "https://idp.example.com/sso", &key);
    keep("keys/idp.xml", metadata.as_bytes());
    keep("keys/sp.pem", ours.to_pem().as_bytes());
    keep("corpus/metadata/lab", metadata.as_bytes());
    let several =
        metadata.replace("<md:EntityDescriptor ", "<md:EntityDescriptor validUntil=\"2027-01-01T00:00:00Z\" ");
    let open = r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" cacheDuration="PT1H">"#;
    keep("corpus/metadata/federation", format!("{open}{several}</md:EntitiesDescriptor>").as_bytes());

    let encrypt_to = ours.public_key_info();
    let earlier = Response { assertion_id: "_earlier".into(), ..Response::at(now()).answering("_earlier-request") };
    let foreign = Response::at(now()).answering("_foreign-request").signed_assertion(&other_key);
    let scene = Scene {
        idp: IDP,
        key: &key,
        other_key: &other_key,
        sp: AUDIENCE,
        acs: ACS,
        request_id: REQUEST,
        now: now(),
        encrypt_to: &encrypt_to,
        earlier: &earlier,
        foreign: &foreign,
    };
    for genuine in GENUINE {
        keep(&format!("corpus/response/{}", genuine.name), &xml(&genuine.field(&scene)));
    }
    // One of each class, so that every check is reached; no large ones.
    for class in CLASSES {
        let small = class.attacks.iter().map(|attack| (attack.name, xml(&attack.field(&scene))));
        for (name, xml) in small.filter(|(_, xml)| (100..8000).contains(&xml.len())).take(1) {
            keep(&format!("corpus/response/{name}"), &xml);
        }
    }
    for genuine in &GENUINE[..3] {
        let field: String = genuine.field(&scene).replace('+', "%2B").replace('=', "%3D").replace('/', "%2F");
        keep(&format!("corpus/decode/{}", genuine.name), format!("SAMLResponse={field}&RelayState=x").as_bytes());
    }

    let kinds = [
        Kind::Request {
            name_id: Some(LOGOUT_PERSON.into()),
            format: None,
            session_indexes: vec![LOGOUT_SESSION.into()],
        },
        Kind::Response { in_response_to: REQUEST.into(), status: vec![SUCCESS.into()] },
    ];
    for (name, kind) in ["request", "response"].into_iter().zip(kinds) {
        let message = LogoutMessage {
            id: format!("_{name}"),
            issuer: IDP.into(),
            destination: SLO.into(),
            issue_instant: now().to_string(),
            kind,
        };
        keep(&format!("corpus/logout/{name}_posted"), message.xml(Some(&key)).as_bytes());
        keep(&format!("corpus/logout/{name}_redirected"), message.query(Some(LOGOUT_RELAY_STATE), &key).as_bytes());
    }

    let jwk =
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": base64url(key.modulus()), "e": "AQAB" });
    keep("keys/token.jwks", json!({ "keys": [jwk] }).to_string().as_bytes());
    let at = now().as_second();
    let tokens = [
        (
            "id_token",
            "JWT",
            json!({
                "iss": TOKEN_ISSUER, "sub": "alice", "aud": TOKEN_AUDIENCE, "nonce": NONCE, "iat": at, "exp": at + 300,
                "email": "alice@example.com",
            }),
        ),
        (
            "client_assertion",
            "client-authentication+jwt",
            json!({ "iss": TOKEN_AUDIENCE, "sub": TOKEN_AUDIENCE, "aud": TOKEN_ISSUER, "jti": "one", "exp": at + 60 }),
        ),
        ("dpop", "dpop+jwt", json!({ "htm": "POST", "htu": TOKEN_ENDPOINT, "iat": at, "jti": "one" })),
        (
            "id_token_hint",
            "JWT",
            json!({ "iss": TOKEN_ISSUER, "sub": "alice", "aud": "app", "sid": "session", "exp": at }),
        ),
    ];
    for (name, kind, claims) in tokens {
        let mut header = json!({ "alg": "RS256", "typ": kind, "kid": "one" });
        if name == "dpop" {
            header["jwk"] = jwk.clone();
        }
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = base64url(&key.sign(signed.as_bytes()));
        keep(&format!("corpus/token/{name}"), format!("{signed}.{signature}").as_bytes());
    }

    let values = [
        r#"xmlns:c="urn:example:c" c:x="1" b:y="2" a:z="&#9;&quot;&lt;""#,
        r#"xmlns="urn:example:default"><a:A xmlns:a="urn:example:other" b:c="d"/><E xmlns=""/>"#,
        "&#13;\r\n\t<![CDATA[<&]]>&amp;\u{e9}\u{10ffff}",
    ];
    for (number, value) in values.iter().enumerate() {
        keep(&format!("corpus/canonical/{number}"), format!("{number}{value}\0{value}").as_bytes());
    }
    let redirects = ["https://app.example/below/deeper", "http://127.0.0.1:8080/cb", "com.example.app:/cb"];
    for (number, redirect) in redirects.iter().enumerate() {
        let query =
            format!("{redirect}\0redirect_uri={redirect}&client_id=tenant%3Dt%26product%3Dp&state=s&scope=openid");
        keep(&format!("corpus/authorize/{number}"), query.as_bytes());
    }
    for (number, address) in ADDRESSES.iter().enumerate() {
        keep(&format!("corpus/address/{number}"), address.as_bytes());
    }
    for (number, text) in ["state&=+ %/", "\u{e9}<&>\"'", "a b"].iter().enumerate() {
        let query = ["", "idpid=C01&x=%20", "&"][number];
        let parts = [text, "https://sso.example.com", query, text];
        keep(&format!("corpus/query/{number}"), format!("{number}{}", parts.join("\0")).as_bytes());
    }
    keep("corpus/seal/record", &key_ring().seal(PLACES[0], RECORD));
    keep("corpus/config/store", b"rediss://user:correct-horse-battery@redis.example.com:6380/2");
    let toml = "public_url = \"https://sso.example.com\"\nstore.url = \"memory:\"\nadmin.api_keys = [\"a key that is long enough\"]\n\
                [saml]\nclock_skew_seconds = 60\n[oauth]\ncode_seconds = 30\n[fetch]\nallow_networks = [\"10.0.0.0/8\"]\n";
    keep("corpus/config/toml", toml.as_bytes());
}

fn xml(field: &str) -> Vec<u8> {
    BASE64.decode(field.as_bytes()).unwrap_or_else(|_| field.as_bytes().to_vec())
}

fn keep(name: &str, content: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
    fs::write(path, content).expect("a file can be written");
}
