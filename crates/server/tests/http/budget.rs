//! What a login may cost. Round trips are counted here; times are figures of the load command.

use std::time::Duration;

use serde_json::json;

use crate::domains;
use crate::registered::{App, member};
use crate::world::{IDP, World};

/// The round trips of one complete login of this client, once everything that can be remembered is.
async fn warm(world: &World, asked: &[(&str, &str)], proof: &[(&str, &str)]) -> u64 {
    let mut trips = 0;
    for _ in 0..2 {
        let before = world.counted.counts();
        let code = world.code(asked).await;
        let tokens = world.redeem_with(&code, proof).await.json();
        let claims = world.claims(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(claims.status, 200);
        trips = (world.counted.counts() - before).round_trips;
    }
    trips
}

#[actix_web::test]
async fn an_app_that_asks_every_minute_costs_two_and_one_that_asks_in_between_one() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid").await;
    let access_token = member(&tokens, "access_token");
    for (seconds, trips) in [(59, 1), (1, 2), (59, 1), (1, 2)] {
        world.advance(Duration::from_secs(seconds));
        let before = world.counted.counts();
        assert_eq!(world.claims(access_token).await.status, 200);
        assert_eq!((world.counted.counts() - before).round_trips, trips, "userinfo");
    }
    for (seconds, trips) in [(59, 1), (1, 2)] {
        world.advance(Duration::from_secs(seconds));
        let before = world.counted.counts();
        assert_eq!(app.introspect(access_token).await["active"], true);
        assert_eq!((world.counted.counts() - before).round_trips, trips, "introspection");
    }
}

#[actix_web::test]
async fn a_pushed_request_costs_five_more() {
    let world = World::new().await;
    let product = world.register(json!({})).await;
    let text = |name: &str| product[name].as_str().unwrap();
    let proof = [("client_id", text("client_id")), ("client_secret", text("client_secret"))];
    let question = crate::world::asking(&[proof[0], proof[1], ("tenant", "acme.example")]);
    let mut trips = 0;
    for _ in 0..2 {
        let before = world.counted.counts();
        let form: Vec<_> = url::form_urlencoded::parse(question.as_bytes()).collect();
        let form: Vec<_> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        let pushed = world.form("/api/oauth/par", &form, &[]).await.json();
        let open = [proof[0], ("request_uri", pushed["request_uri"].as_str().unwrap())];
        let open = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(open).finish();
        let login = crate::world::waiting(&world.get(&format!("/api/oauth/authorize?{open}")).await);
        let done = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
        let tokens = world.redeem_with(&done.sent("code").unwrap(), &proof).await.json();
        assert_eq!(world.claims(tokens["access_token"].as_str().unwrap()).await.status, 200);
        trips = (world.counted.counts() - before).round_trips;
    }
    assert_eq!(trips, 7 + 5, "a change belongs into docs/LOGIN.md");
}

#[actix_web::test]
async fn domains_cost_a_login_nothing_whoever_has_proven_them() {
    let (world, dns) = domains::world("").await;
    let scope = ("client_id", "tenant=acme.example&product=crm");
    let secret = world.connection_secret("acme.example").await;
    for name in ["example.com", "globex.example"] {
        dns.publish(name, &[]);
    }
    // Nobody; somebody else, so that it is asked whose the address is; the tenant itself.
    for owner in [None, Some(("globex.example", "globex.example")), Some(("acme.example", "example.com"))] {
        if let Some((tenant, name)) = owner {
            domains::prove(&world, &dns, tenant, name, json!({})).await;
        }
        let trips = warm(&world, &[scope], &[scope, ("client_secret", &secret)]).await;
        assert_eq!(trips, 7, "{owner:?}; a change belongs into docs/PERFORMANCE.md");
    }
}

#[actix_web::test]
async fn lists_of_people_cost_a_login_nothing_nor_do_limits_of_sessions() {
    let world = World::new().await;
    let scope = ("client_id", "tenant=acme.example&product=crm");
    let secret = world.connection_secret("acme.example").await;
    let people = [("blocked", "bob@example.com"), ("invited", "alice@example.com")];
    for (name, email) in people {
        crate::people::list(&world, name, json!({ "email": email })).await;
    }
    let settings = json!({ "access_policy": "invited_only", "max_sessions_per_user": 9, "session_duration_hours": 1 });
    assert_eq!(crate::policy::set(&world, settings).await.status, 200);
    let trips = warm(&world, &[scope], &[scope, ("client_secret", &secret)]).await;
    assert_eq!(trips, 7, "a change belongs into docs/PERFORMANCE.md");
}

#[actix_web::test]
async fn a_complete_login_takes_seven_round_trips_and_one_more_where_its_client_has_no_name() {
    let world = World::new().await;
    let record = world.connect("acme.example", "crm", IDP).await;
    let (id, alias) = (record["id"].as_str().unwrap(), record["clientID"].as_str().unwrap());
    let secret = record["clientSecret"].as_str().unwrap();
    let encoded = "tenant=acme.example&product=crm";
    let dummy = [("client_id", "dummy"), ("tenant", "acme.example"), ("product", "crm")];
    for (name, asked, trips) in [
        ("scope", vec![("client_id", encoded)], 7),
        ("dummy", dummy.to_vec(), 8),
        ("connection", vec![("client_id", id)], 7),
        ("alias", vec![("client_id", alias)], 7),
    ] {
        let proof = [asked[0], ("client_secret", secret)];
        assert_eq!(warm(&world, &asked, &proof).await, trips, "{name}; a change belongs into docs/PERFORMANCE.md");
    }
    let product = world.register(json!({})).await;
    let (client_id, secret) = (product["client_id"].as_str().unwrap(), product["client_secret"].as_str().unwrap());
    for (name, asked, trips) in [
        ("registered", vec![("client_id", client_id), ("tenant", "acme.example")], 7),
        ("scope of a registered product", vec![("client_id", encoded)], 7),
        ("dummy of a registered product", dummy.to_vec(), 8),
    ] {
        let proof = [asked[0], ("client_secret", secret)];
        assert_eq!(warm(&world, &asked, &proof).await, trips, "{name}; a change belongs into docs/PERFORMANCE.md");
    }
}
