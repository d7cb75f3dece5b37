//! The operator calls the API: with the wrong key, for the wrong thing, with metadata that is none.

use postern_core::fault::Code;
use postern_e2e::login::{Answer, Idp};
use postern_e2e::{Postern, http};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Guide, PRODUCT, REDIRECT, STRANGE, TENANT};

pub(super) const READ_ONLY_KEY: &str = "read-only-key-e4x8kw2m";
pub(super) const OTHER_PRODUCT_KEY: &str = "other-product-key-z9r3vt6c";

pub(super) async fn visit(guide: &mut Guide) {
    keys(guide).await;
    things(guide).await;
    own_keys(guide).await;
    metadata(guide).await;
    addresses(guide).await;
}

async fn keys(guide: &mut Guide) {
    let list = format!("/api/v1/sso/product?product={PRODUCT}");
    let answer =
        Answer::read(http().get(format!("{}{list}", guide.postern.origin)).send().await.expect("an answer")).await;
    guide.meet(Code::ApiKeyMissing, answer);
    let answer = guide.postern.call_as(STRANGE, Method::GET, &list, None).await;
    guide.meet(Code::ApiKeyUnknown, answer);
    let answer = guide.postern.call_as(READ_ONLY_KEY, Method::POST, "/api/v1/sso", Some(&connection(guide))).await;
    guide.meet(Code::ApiKeyReadOnly, answer);
    let answer = guide.postern.call_as(OTHER_PRODUCT_KEY, Method::GET, &list, None).await;
    guide.meet(Code::ApiKeyOtherProduct, answer);
}

async fn things(guide: &mut Guide) {
    let with = |name: &str, value: Value| {
        let mut body = connection(guide);
        body[name] = value;
        body
    };
    let somebody_elses = Idp::new(&format!("https://{STRANGE}.example.com/")).metadata();
    let found = guide.postern.call("GET", &format!("/api/v1/sso?tenant={TENANT}&product={PRODUCT}"), None).await;
    let (id, secret) = (found[0]["clientID"].clone(), found[0]["clientSecret"].clone());
    let calls = [
        (Code::FieldMissing, Method::POST, "/api/v1/sso", Some(with("tenant", Value::Null))),
        (Code::FieldInvalid, Method::POST, "/api/v1/sso", Some(with("tenant", format!("{TENANT}:{STRANGE}").into()))),
        (Code::FieldInvalid, Method::POST, "/api/v1/sso", Some(with("redirectUrl", STRANGE.into()))),
        (Code::BodyMalformed, Method::POST, "/api/v1/sso", Some(json!([STRANGE]))),
        (
            Code::ConnectionNotFound,
            Method::PATCH,
            "/api/v1/sso",
            Some(json!({
                "clientID": STRANGE, "clientSecret": STRANGE, "isSAML": true,
            })),
        ),
        (
            Code::ConnectionSecretMismatch,
            Method::PATCH,
            "/api/v1/sso",
            Some(json!({
                "clientID": id, "clientSecret": STRANGE, "isSAML": true,
            })),
        ),
        (
            Code::ConnectionEntityIdChanged,
            Method::PATCH,
            "/api/v1/sso",
            Some(json!({
                "clientID": id, "clientSecret": secret, "rawMetadata": somebody_elses,
            })),
        ),
        (Code::ProductNotFound, Method::PATCH, "/api/v1/products", Some(json!({ "name": STRANGE }))),
        (
            Code::ProductExists,
            Method::POST,
            "/api/v1/products",
            Some(json!({
                "name": PRODUCT, "redirect_urls": [REDIRECT],
            })),
        ),
        (Code::ProviderNotFound, Method::GET, "/api/v1/providers/strange-c3z5pr7t", None),
        (Code::TraceNotFound, Method::GET, "/api/v1/sso-traces?id=strange-c3z5pr7t", None),
        (Code::RouteUnknown, Method::GET, "/api/strange-c3z5pr7t?strange-c3z5pr7t=strange-c3z5pr7t", None),
        (Code::MethodNotAllowed, Method::PUT, "/api/v1/sso?tenant=tenant-q8x1zv.example.com", None),
    ];
    for (code, method, path, body) in calls {
        let answer = guide.postern.call_as(Postern::API_KEY, method, path, body.as_ref()).await;
        guide.meet(code, answer);
    }
}

async fn own_keys(guide: &mut Guide) {
    let keys = guide.postern.call("GET", "/api/v1/sp-keys", None).await;
    let in_use = format!("/api/v1/sp-keys?id={}", keys[0]["id"].as_str().expect("a key"));
    let answer = guide.postern.call_as(Postern::API_KEY, Method::DELETE, &in_use, None).await;
    guide.meet(Code::KeyInUse, answer);
    let unknown = format!("/api/v1/sp-keys?id={STRANGE}");
    let answer = guide.postern.call_as(Postern::API_KEY, Method::DELETE, &unknown, None).await;
    guide.meet(Code::KeyNotFound, answer);

    let keys = guide.postern.call("POST", "/api/v1/token-keys", Some(&json!({ "alg": "ES256" }))).await;
    let of_es256 = |active: bool| {
        let mut keys = keys.as_array().into_iter().flatten().filter(|key| key["alg"] == "ES256");
        keys.find(|key| key["active"] == active).expect("a key")["id"].as_str().expect("a text").to_owned()
    };
    let (former, fresh) = (of_es256(true), of_es256(false));
    let activate = async |guide: &Guide, force: bool| {
        let body = json!({ "id": fresh, "force": force });
        guide.postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/token-keys/activate", Some(&body)).await
    };
    let answer = activate(guide, false).await;
    guide.meet(Code::KeyNotAnnounced, answer);
    activate(guide, true).await;
    let needed = format!("/api/v1/token-keys?id={former}");
    let answer = guide.postern.call_as(Postern::API_KEY, Method::DELETE, &needed, None).await;
    guide.meet(Code::KeyStillNeeded, answer);
}

async fn metadata(guide: &mut Guide) {
    let good = guide.idp.metadata();
    let cut = |from: &str, to: &str| {
        let (before, after) = (good.find(from).expect(from), good.rfind(to).expect(to) + to.len());
        [&good[..before], &good[after..]].concat()
    };
    let both = |other: &str| {
        format!(
            r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">{good}{other}</md:EntitiesDescriptor>"#
        )
    };
    let bad = [
        (Code::MetadataUnreadable, format!("{good}<{STRANGE}>")),
        (Code::MetadataTooLarge, format!("{good}{}", " ".repeat(1024 * 1024))),
        (Code::MetadataNotIdp, good.replace("IDPSSODescriptor", "SPSSODescriptor")),
        (Code::MetadataSeveralIdps, both(&good.replace("idp-w5z3np", STRANGE))),
        (Code::MetadataEntityTwice, both(&good)),
        (Code::MetadataEntityIdMissing, good.replace("entityID=", "other=")),
        (Code::MetadataKeyMissing, cut("<md:KeyDescriptor", "</md:KeyDescriptor>")),
        (Code::MetadataEndpointMissing, cut("<md:SingleSignOnService", r#"/sso"/>"#)),
        (Code::MetadataEndpointInvalid, good.replace("https://idp.example.com/sso", &format!("gopher://{STRANGE}"))),
    ];
    for (code, metadata) in bad {
        let mut body = connection(guide);
        body["rawMetadata"] = metadata.into();
        let answer = guide.postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/sso", Some(&body)).await;
        guide.meet(code, answer);
    }
}

/// Addresses of metadata that lead nowhere, or where they must not.
async fn addresses(guide: &mut Guide) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}/{STRANGE}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(misbehave(listener));
    let addresses = [
        (Code::FetchUrlInvalid, format!("gopher://{STRANGE}/")),
        (Code::FetchAddressForbidden, format!("https://10.0.0.1/{STRANGE}")),
        (Code::FetchStatus, format!("{origin}/missing")),
        (Code::FetchTooLarge, format!("{origin}/endless")),
        (Code::FetchTooManyRedirects, format!("{origin}/round")),
        (Code::FetchTimeout, format!("{origin}/silent")),
        (Code::FetchFailed, format!("{origin}/nonsense")),
    ];
    for (code, address) in addresses {
        let mut body = connection(guide);
        body["rawMetadata"] = Value::Null;
        body["metadataUrl"] = address.into();
        let answer = guide.postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/sso", Some(&body)).await;
        guide.meet(code, answer);
    }
    server.abort();
}

/// A server that answers each path with another fault.
async fn misbehave(listener: TcpListener) {
    loop {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            let mut head = [0; 1024];
            let length = connection.read(&mut head).await.unwrap_or(0);
            let path = String::from_utf8_lossy(&head[..length]).split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = match path.rsplit('/').next().unwrap_or_default() {
                "missing" => "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
                "endless" => format!(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n{}",
                    " ".repeat(2_000_000)
                ),
                "round" => {
                    format!("HTTP/1.1 302 Found\r\nLocation: {path}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                }
                "silent" => std::future::pending().await,
                _ => format!("{STRANGE}\r\n\r\n"),
            };
            // Whoever stops reading halfway is right to.
            let _ = connection.write_all(answer.as_bytes()).await;
        });
    }
}

/// A request that would create a connection.
fn connection(guide: &Guide) -> Value {
    json!({
        "tenant": STRANGE, "product": PRODUCT, "redirectUrl": [REDIRECT], "defaultRedirectUrl": REDIRECT,
        "rawMetadata": guide.idp.metadata(),
    })
}
