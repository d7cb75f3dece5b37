//! Metadata with an end, and connections in strict federation (M4, M5).

use std::time::Duration;

use actix_web::http::Method;
use jiff::SignedDuration;
use postern::jobs::metadata::round;
use postern_core::ports::Clock as _;
use postern_lab::key::Key;
use serde_json::{Value, json};

use crate::refresh::{Address, last_event, of};
use crate::world::{Answer, CALLBACK, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Metadata that holds for so many days more.
fn until(world: &World, key: &Key, days: i64) -> String {
    let end = world.clock.now() + SignedDuration::from_hours(24 * days);
    with(&of(key), &format!("validUntil=\"{}\"", end.strftime("%Y-%m-%dT%H:%M:%SZ")))
}

fn with(document: &str, attribute: &str) -> String {
    document.replacen("EntityDescriptor ", &format!("EntityDescriptor {attribute} "), 1)
}

async fn connect(world: &World, member: &str, value: &str, strict: bool) -> Answer {
    let body = json!({
        "tenant": "federated.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK,
        member: value, "strictFederation": strict,
    });
    world.api(Method::POST, "sso", body).await
}

async fn login(world: &World, key: &Key) -> String {
    let begun = world.authorize(&[("client_id", "tenant=federated.example&product=crm")]).await;
    if begun.sent("SAMLRequest").is_none() {
        return begun.code();
    }
    let login = crate::world::waiting(&begun);
    let answer = world.answer(&login, &world.response(&login).signed_assertion(key)).await;
    if answer.sent("code").is_some() { "code".to_owned() } else { answer.code() }
}

#[actix_web::test]
async fn m4_metadata_without_a_near_end_is_refused_in_strict_federation_and_noted_otherwise() {
    let world = World::new().await;
    let endless = of(&world.key);
    for (document, code, note) in [
        (endless.clone(), "MetadataValidUntilMissing", "does not say until when"),
        (until(&world, &world.key, 32), "MetadataValidUntilTooFar", "more than 31 days"),
        (until(&world, &world.key, 0), "MetadataExpired", "was valid until"),
    ] {
        assert_eq!(connect(&world, "rawMetadata", &document, true).await.code(), code);
        let lenient = connect(&world, "rawMetadata", &document, false).await;
        assert_eq!(lenient.status, 200, "{}", lenient.body);
        let inspected = world.api(Method::POST, "sso/inspect", json!({ "rawMetadata": document })).await.json();
        for notes in [&lenient.json()["notes"], &inspected["notes"]] {
            let noted = notes.as_array().unwrap().iter().filter(|said| said.as_str().unwrap().contains(note)).count();
            assert_eq!(noted, 1, "{code}: {notes}");
        }
    }
    let good = connect(&world, "rawMetadata", &until(&world, &world.key, 14), true).await.json();
    assert_eq!((&good["strictFederation"], good.get("notes")), (&json!(true), None));
    assert!(good["idpMetadata"]["validUntil"].is_string());

    // A strict connection stays strict for whatever replaces its metadata, and cannot be made of a lenient one without end.
    let change = async |body: Value| {
        let mut body = body;
        body["clientID"] = good["clientID"].clone();
        body["clientSecret"] = good["clientSecret"].clone();
        world.api(Method::PATCH, "sso", body).await
    };
    assert_eq!(change(json!({ "rawMetadata": endless })).await.code(), "MetadataValidUntilMissing");
    assert_eq!(change(json!({ "rawMetadata": endless, "strictFederation": false })).await.status, 204);
    assert_eq!(change(json!({ "strictFederation": true })).await.code(), "MetadataValidUntilMissing");
}

#[actix_web::test]
async fn m4_a_source_that_tls_did_not_verify_is_refused_in_strict_federation() {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\n").await;
    let address = Address::start(until(&world, &world.key, 14));
    assert_eq!(connect(&world, "metadataUrl", &address.url, true).await.status, 200, "this very machine");
    for elsewhere in ["http://10.1.2.3/metadata", "http://metadata.example.com/"] {
        assert_eq!(connect(&world, "metadataUrl", elsewhere, true).await.code(), "MetadataSourceUnverified");
    }
    address.server.stop(false).await;
}

#[actix_web::test]
async fn m4_m5_the_last_good_copy_goes_on_until_its_end_and_a_fresh_one_mends_it() {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\n").await;
    let address = Address::start(until(&world, &world.key, 2));
    let created = connect(&world, "metadataUrl", &address.url, true).await;
    assert_eq!(created.status, 200, "{}", created.body);

    address.say(500, String::new());
    world.advance(DAY);
    round(&world.app).await.unwrap();
    assert_eq!(last_event(&world).await["type"], "connection.metadata_failed");
    assert_eq!(login(&world, &world.key).await, "code", "the last good copy");
    world.advance(DAY);
    assert_eq!(login(&world, &world.key).await, "SamlMetadataExpired");

    // A document that has no end mends nothing; one with an end does, at once.
    address.say(200, of(&world.key));
    world.advance(Duration::from_secs(61));
    assert_eq!(login(&world, &world.key).await, "SamlMetadataExpired");
    address.say(200, until(&world, &world.key, 2));
    world.advance(Duration::from_secs(61));
    let last = last_event(&world).await["id"].clone();
    assert_eq!(login(&world, &world.key).await, "code");
    let after = world.api(Method::GET, &format!("events?after={}", last.as_str().unwrap()), Value::Null).await.json();
    let kinds: Vec<_> = after["data"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["login.succeeded"], "a later end is no news");
    address.server.stop(false).await;
}

#[actix_web::test]
async fn m4_outside_strict_federation_the_end_is_noted_in_the_trace() {
    let world = World::new().await;
    assert_eq!(connect(&world, "rawMetadata", &until(&world, &world.key, 1), false).await.status, 200);
    world.advance(DAY);
    assert_eq!(login(&world, &world.key).await, "code");
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    let notes = traces["data"][0]["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("was valid until")), "{notes:?}");
}

#[actix_web::test]
async fn m5_cache_duration_moves_the_next_fetch() {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\n").await;
    for (asks, before, at) in [("PT15M", 14 * 60, 16 * 60), ("PT3H", 179 * 60, 181 * 60), ("PT1S", 9 * 60, 11 * 60)] {
        let address = Address::start(with(&of(&world.key), &format!("cacheDuration=\"{asks}\"")));
        assert_eq!(connect(&world, "metadataUrl", &address.url, false).await.status, 200);
        for (minute, asked) in [(before, 1), (at - before, 2), (before, 2), (at - before, 3)] {
            world.advance(Duration::from_secs(minute));
            round(&world.app).await.unwrap();
            assert_eq!(address.asked(), asked, "{asks}");
        }
        address.server.stop(false).await;
    }
}
