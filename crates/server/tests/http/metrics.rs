//! `/metrics` of the operations listener.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, test};
use postern::jobs::{certificates, metadata};
use postern::routes;
use postern_core::ports::Clock as _;
use postern_lab::key::Key;
use serde_json::Value;

use crate::refresh::{Address, of};
use crate::world::World;

/// Everything that is told.
async fn metrics(world: &World) -> String {
    let app = world.app.clone();
    let service = test::init_service(App::new().configure(move |config| routes::operations(config, &app))).await;
    let answer = test::call_service(&service, test::TestRequest::get().uri("/metrics").to_request()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().get(CONTENT_TYPE).unwrap(), "text/plain; version=0.0.4; charset=utf-8");
    String::from_utf8(test::read_body(answer).await.to_vec()).unwrap()
}

/// The value of a series.
pub(crate) async fn value(world: &World, series: &str) -> Option<i64> {
    let text = metrics(world).await;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap_or_else(|_| panic!("{series}: {value}")))
}

#[actix_web::test]
async fn logins_are_counted_by_outcome_and_nothing_tells_whose_they_were() {
    let world = World::new().await;
    let succeeded = "postern_logins_total{outcome=\"succeeded\",code=\"\"}";
    let failed = "postern_logins_total{outcome=\"failed\",code=\"SamlAudienceMismatch\"}";
    assert_eq!((value(&world, succeeded).await, value(&world, failed).await), (Some(0), None));

    world.code(&[]).await;
    let waiting = world.begin(&[]).await;
    let elsewhere = world.response(&waiting).for_audience("https://other.example.com");
    assert_eq!(world.answer(&waiting, &elsewhere.signed_assertion(&world.key)).await.code(), "SamlAudienceMismatch");
    assert_eq!((value(&world, succeeded).await, value(&world, failed).await), (Some(1), Some(1)));
    assert_eq!(value(&world, "postern_refusals_total{code=\"SamlAudienceMismatch\"}").await, Some(1));
    world.get("/nowhere").await;
    assert_eq!(value(&world, "postern_refusals_total{code=\"RouteUnknown\"}").await, Some(1));
    assert_eq!(value(&world, "postern_requests_in_flight").await, Some(0));
    assert_eq!(value(&world, "postern_store_errors_total").await, Some(0));
    assert_eq!(value(&world, "postern_store_up").await, Some(1));
    let text = metrics(&world).await;
    for name in ["acme", "crm", "alice", "example.com", "prod_"] {
        assert!(!text.contains(name), "{name} in {text}");
    }
}

#[actix_web::test]
async fn m5_a_refresh_that_fails_is_counted() {
    let key = Key::generate().unwrap();
    let address = Address::start(of(&key));
    let world = crate::refresh::world(&address).await;
    address.say(500, String::new());
    world.advance(Duration::from_secs(3601));
    metadata::round(&world.app).await.unwrap();
    assert_eq!(value(&world, "postern_metadata_refresh_failures_total{code=\"FetchStatus\"}").await, Some(1));
}

#[actix_web::test]
async fn m8_a_certificate_that_expires_warns_once_at_each_threshold() {
    let world = World::new().await;
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    let (id, expires) = (found[0]["id"].as_str().unwrap(), &found[0]["idpMetadata"]["validTo"]);
    let expires: jiff::Timestamp = expires.as_str().unwrap().parse().unwrap();
    let gauge = format!("postern_certificate_expiry_seconds{{connection=\"{id}\"}}");
    let day = 24 * 3600;
    // The days that events warned of, after a look so many days before.
    let look = async |days_before: i64| {
        let until = expires.duration_since(world.clock.now()).as_secs() - days_before * day;
        world.advance(Duration::from_secs(until.try_into().unwrap()));
        for _ in 0..2 {
            certificates::round(&world.app).await.unwrap();
        }
        let events = world.api(Method::GET, "events", Value::Null).await.json();
        let warnings = events["data"].as_array().unwrap().iter();
        let warnings = warnings.filter(|event| event["type"] == "connection.certificate_expiring");
        warnings.map(|event| event["data"]["days"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(look(61).await, [0; 0]);
    assert_eq!(value(&world, &gauge).await, None);
    assert_eq!(look(59).await, [60]);
    assert_eq!(value(&world, &gauge).await, Some(59 * day));
    world.advance(Duration::from_secs(10));
    assert_eq!(value(&world, &gauge).await, Some(59 * day - 10), "computed when it is asked for");
    assert_eq!(look(31).await, [60]);
    assert_eq!(look(30).await, [60, 30]);
    assert_eq!(look(6).await, [60, 30, 7]);
    assert_eq!(look(1).await, [60, 30, 7, 1]);
    assert_eq!(look(-1).await, [60, 30, 7, 1, 0]);
    assert_eq!(value(&world, &gauge).await, Some(-day));

    let secret = world.connection_secret("acme.example").await;
    world.api(Method::DELETE, &format!("sso?clientID={id}&clientSecret={secret}"), Value::Null).await;
    certificates::round(&world.app).await.unwrap();
    assert_eq!(value(&world, &gauge).await, None);
}
