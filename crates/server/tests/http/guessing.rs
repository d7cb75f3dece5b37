//! Whoever tries secrets is stopped before they are looked at, and nobody else with them.

use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::json;

use crate::registered::App;
use crate::world::{API_KEY, Answer, World};

const ENDPOINTS: [&str; 4] = ["token", "introspect", "revoke", "par"];

/// Shows a secret at an endpoint for clients, from an address.
async fn show(app: &App<'_>, endpoint: &str, from: &str, secret: &str) -> Answer {
    let request = TestRequest::post().uri(&format!("/sso/api/oauth/{endpoint}")).peer_addr(from.parse().unwrap());
    let form = [("client_id", app.client_id.as_str()), ("client_secret", secret), ("token", "x"), ("code", "x")];
    app.world.send(request.set_form(form)).await
}

#[actix_web::test]
async fn b5_wrong_secrets_are_stopped_and_the_client_itself_and_others_are_not() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let other = App::new(&world, json!({ "name": "wiki" })).await;
    for number in 0..20 {
        let answer = show(&app, ENDPOINTS[number % 4], "192.0.2.1:1000", "a guess").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "ClientSecretWrong"), "{number}");
    }
    for endpoint in ENDPOINTS {
        for secret in ["a guess", app.secret.as_str()] {
            let answer = show(&app, endpoint, "192.0.2.1:2000", secret).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "SecretsWrongTooOften"), "{endpoint}");
            assert_eq!(answer.header("retry-after"), "3", "twenty in a minute");
        }
    }
    assert_eq!(show(&app, "introspect", "192.0.2.2:1000", &app.secret).await.status, 200, "from elsewhere");
    assert_eq!(show(&other, "introspect", "192.0.2.1:1000", &other.secret).await.status, 200, "another client");
    world.advance(Duration::from_secs(3));
    assert_eq!(show(&app, "introspect", "192.0.2.1:1000", &app.secret).await.status, 200, "after a while");
    for _ in 0..40 {
        assert_eq!(show(&app, "introspect", "192.0.2.1:1000", &app.secret).await.status, 200, "a right one is free");
    }
}

#[actix_web::test]
async fn b5_unknown_clients_are_guesses_too() {
    let world = World::configured("oauth.wrong_secrets_per_minute = 2\n").await;
    let app = App { world: &world, client_id: "prod_unknown".into(), secret: String::new() };
    for code in ["ClientUnknown", "ClientUnknown", "SecretsWrongTooOften"] {
        assert_eq!(show(&app, "token", "192.0.2.1:1000", "a guess").await.code(), code);
    }
}

#[actix_web::test]
async fn b5_p1_wrong_api_keys_are_stopped_whatever_a_stranger_says_of_where_they_come_from() {
    let world = World::configured("oauth.wrong_secrets_per_minute = 2\ntrusted_proxies = [\"10.0.0.0/8\"]\n").await;
    let ask = async |key: &str, peer: &str, forwarded: &str| {
        let request = TestRequest::get().uri("/sso/api/v1/events").peer_addr(peer.parse().unwrap());
        let request = request.insert_header(("Authorization", format!("Api-Key {key}")));
        world.send(request.insert_header(("X-Forwarded-For", forwarded))).await
    };
    for (forwarded, code) in
        [("1.1.1.1", "ApiKeyUnknown"), ("2.2.2.2", "ApiKeyUnknown"), ("3.3.3.3", "SecretsWrongTooOften")]
    {
        assert_eq!(ask("a guess", "192.0.2.1:1000", forwarded).await.code(), code, "{forwarded}");
    }
    assert_eq!(ask(API_KEY, "192.0.2.1:1000", "4.4.4.4").await.status, 429);
    // By way of our own proxy, it is somebody else; and what they write before what the proxy adds changes nothing.
    assert_eq!(ask(API_KEY, "10.0.0.9:1000", "192.0.2.7").await.status, 200);
    assert_eq!(ask(API_KEY, "10.0.0.9:1000", "5.5.5.5, 192.0.2.1").await.status, 429);
}
