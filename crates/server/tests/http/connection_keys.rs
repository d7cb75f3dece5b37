//! `/api/v1/sso/{id}/keys`: a connection with keys of its own.

use actix_web::http::Method;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::BASE64;
use postern_lab::encryption::Encryption;
use serde_json::{Value, json};

use crate::world::{Answer, World, waiting};

/// A connection that signs, and its id.
async fn world() -> (World, String) {
    let world = World::new().await;
    world.app.load_keys().await.unwrap();
    let secret = world.connection_secret("acme.example").await;
    let change = json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "signRequests": true });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    let id = found[0]["id"].as_str().unwrap().to_owned();
    (world, id)
}

async fn add(world: &World, connection: &str, purpose: &str) -> String {
    let answer = world.api(Method::POST, &format!("sso/{connection}/keys"), json!({ "use": purpose })).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(!answer.body.contains("PRIVATE"));
    let keys = answer.json();
    let fresh = keys.as_array().unwrap().iter().rfind(|key| key["use"] == purpose).unwrap();
    assert_eq!(fresh["active"], false, "announced, not used");
    fresh["id"].as_str().unwrap().to_owned()
}

async fn activate(world: &World, connection: &str, which: Value) -> Answer {
    world.api(Method::POST, &format!("sso/{connection}/keys/activate"), which).await
}

/// The certificates of one use in the connection's metadata, or in the deployment's.
async fn published(world: &World, query: &str, purpose: &str) -> Vec<Vec<u8>> {
    let metadata = world.get(&format!("/.well-known/sp-metadata{query}")).await.body;
    let descriptors =
        metadata.split("<md:KeyDescriptor ").skip(1).filter(|text| text.starts_with(&format!("use=\"{purpose}\"")));
    let certificate = |text: &str| text.split("X509Certificate>").nth(1).unwrap().trim_end_matches("</ds:").to_owned();
    descriptors.map(|text| BASE64.decode(certificate(text).as_bytes()).unwrap()).collect()
}

/// Which of the certificates belongs to the key that signed a request.
fn signer(answer: &Answer, certificates: &[Vec<u8>]) -> Option<usize> {
    let location = answer.header("location");
    let query = location.split_once('?').unwrap().1;
    let (signed, _) = query.split_once("&Signature=").unwrap();
    let signature = BASE64.decode(answer.sent("Signature").unwrap().as_bytes()).unwrap();
    certificates.iter().position(|certificate| {
        let key = Encryption::key_of(certificate);
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed.as_bytes(), &signature).is_ok()
    })
}

#[actix_web::test]
async fn a_key_of_a_connection_is_announced_then_signs_alone_and_goes_with_it() {
    let (world, id) = world().await;
    let query = format!("?connection={id}");
    let [shared] = &published(&world, "", "signing").await[..] else { panic!("one") };
    let key = add(&world, &id, "signing").await;
    let both = published(&world, &query, "signing").await;
    assert_eq!((both.len(), &both[0]), (2, shared), "the deployment's first, for it is in use");
    assert_eq!(signer(&world.authorize(&[]).await, &both), Some(0));

    assert_eq!(activate(&world, &id, json!({ "id": key })).await.json()[0]["active"], true);
    let own = published(&world, &query, "signing").await;
    assert_eq!(own, both[1..], "alone");
    assert_eq!(signer(&world.authorize(&[]).await, &own), Some(0));
    let sp = world.api(Method::GET, &format!("sso/{id}/sp"), Value::Null).await.json();
    let pem = sp["signingCertificates"][0].as_str().unwrap();
    assert_eq!(
        BASE64.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>().as_bytes()).unwrap(),
        own[0]
    );
    assert_eq!(published(&world, "", "signing").await, std::slice::from_ref(shared), "nobody else's");

    // A rollover, and the way back.
    let next = add(&world, &id, "signing").await;
    assert_eq!(published(&world, &query, "signing").await.len(), 2);
    let keys = format!("sso/{id}/keys");
    let remove = async |key: &str| world.api(Method::DELETE, &format!("{keys}?id={key}"), Value::Null).await;
    assert_eq!(remove(&key).await.code(), "KeyInUse");
    assert_eq!(activate(&world, &id, json!({ "id": next })).await.status, 200);
    assert_eq!(remove(&key).await.status, 204);
    assert_eq!(activate(&world, &id, json!({ "use": "signing" })).await.json()[0]["active"], false);
    assert_eq!(signer(&world.authorize(&[]).await, std::slice::from_ref(shared)), Some(0));
    assert_eq!(remove(&next).await.status, 204);
    assert_eq!(world.api(Method::GET, &keys, Value::Null).await.json(), json!([]));

    // What the API says no to.
    assert_eq!(activate(&world, &id, json!({ "id": "key_x" })).await.code(), "KeyNotFound");
    assert_eq!(activate(&world, &id, json!({})).await.code(), "FieldMissing");
    assert_eq!(world.api(Method::POST, &keys, json!({ "use": "fun" })).await.code(), "FieldInvalid");
    let unknown = world.api(Method::POST, "sso/conn_x/keys", json!({ "use": "signing" })).await;
    assert_eq!(unknown.code(), "ConnectionNotFound");
    let limited = async |connection: &str| {
        world.api_as("key-of-the-product-crm", Method::GET, &format!("sso/{connection}/keys"), Value::Null).await
    };
    assert_eq!(limited(&id).await.status, 200);
    let foreign = world.connect("acme.example", "shop", crate::world::IDP).await;
    assert_eq!(limited(foreign["id"].as_str().unwrap()).await.code(), "ConnectionNotFound");
    let reading = world.api_as("key-that-may-only-read", Method::POST, &keys, json!({ "use": "signing" })).await;
    assert_eq!(reading.code(), "ApiKeyReadOnly");

    add(&world, &id, "signing").await;
    let secret = world.connection_secret("acme.example").await;
    let gone = world.api(Method::DELETE, &format!("sso?clientID={id}&clientSecret={secret}"), Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(world.api(Method::GET, &keys, Value::Null).await.code(), "ConnectionNotFound");
}

#[actix_web::test]
async fn a_key_of_a_connection_opens_what_is_encrypted_for_it_at_no_further_cost() {
    let (world, id) = world().await;
    let query = format!("?connection={id}");
    let [shared] = &published(&world, "", "encryption").await[..] else { panic!("one") };
    // A code, or the fault; and the round trips.
    let login = async |certificate: &[u8]| {
        let before = world.counted.counts();
        let waiting = waiting(&world.authorize(&[]).await);
        let xml = world.response(&waiting).signed_assertion(&world.key);
        let (start, end) = (xml.find("<saml:Assertion").unwrap(), xml.find("</samlp:Response>").unwrap());
        let key = Encryption::key_of(certificate);
        let encrypted = [&xml[..start], &Encryption::to(&key).encrypt(&xml[start..end]), &xml[end..]].concat();
        let answer = world.answer(&waiting, &encrypted).await;
        let outcome = if answer.sent("code").is_some() { "code".to_owned() } else { answer.code() };
        (outcome, (world.counted.counts() - before).round_trips)
    };
    login(shared).await;
    let usual = login(shared).await;
    assert_eq!(usual.0, "code");

    let key = add(&world, &id, "encryption").await;
    let both = published(&world, &query, "encryption").await;
    assert_eq!((both.len(), &both[1]), (2, shared), "the new one first: providers take the first");
    login(shared).await; // what is remembered is no longer so
    assert_eq!(login(&both[0]).await, usual);
    assert_eq!(login(shared).await, usual, "until the provider has read the metadata");
    assert_eq!(activate(&world, &id, json!({ "id": key })).await.status, 200);
    assert_eq!(login(shared).await.0, "SamlDecryptionFailed");
    assert_eq!(login(&both[0]).await, usual);
}
