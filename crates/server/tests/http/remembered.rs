//! A login begins by what is remembered, in one round trip, as long as the store confirms that. Everything else costs round
//! trips, and is judged by what the store holds.

use actix_web::http::Method;
use serde_json::json;

use crate::registered::App;
use crate::world::{CALLBACK, IDP, World, waiting};

/// Logins that wait, and traces, in the store.
fn left(world: &World) -> usize {
    let keys = world.memory.keys();
    keys.iter().filter(|key| key.starts_with("p1:login:") || key.starts_with("p1:trace:")).count()
}

async fn trips(world: &World, asked: &[(&str, &str)]) -> (u64, crate::world::Answer) {
    let before = world.counted.counts();
    let answer = world.authorize(asked).await;
    ((world.counted.counts() - before).round_trips, answer)
}

fn method(path: &str) -> Method {
    if path.starts_with("tenants/") { Method::PUT } else { Method::PATCH }
}

#[actix_web::test]
async fn what_changed_meanwhile_counts_at_once() {
    let world = World::new().await;
    let mut connection = world.connect("acme.example", "crm", IDP).await;
    connection = json!({
        "clientID": connection["clientID"], "clientSecret": connection["clientSecret"],
        "tenant": "acme.example", "product": "crm",
    });
    let app = App::register(&world, json!({})).await;
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example")];
    let deactivated = |deactivated: bool| {
        connection["deactivated"] = deactivated.into();
        connection.clone()
    };
    let [off, on] = [true, false].map(deactivated);
    let only = |url: &str| json!({ "name": "crm", "redirect_urls": [url] });
    let status = |status: &str| json!({ "status": status });
    let cases = [
        ("sso", off, on, "ConnectionDeactivated"),
        ("products", only("https://other.example.com/"), only(CALLBACK), "RedirectUriNotAllowed"),
        ("tenants/acme.example", status("suspended"), status("active"), "TenantSuspended"),
    ];
    for (path, change, back, code) in cases {
        for _ in 0..2 {
            waiting(&world.authorize(&asked).await);
        }
        assert_eq!(trips(&world, &asked).await.0, 1, "warm");
        let before = left(&world);
        let answer = world.api(method(path), path, change).await;
        assert!(answer.status.is_success(), "{path} {}", answer.body);

        let (cost, refused) = trips(&world, &asked).await;

        assert_eq!(refused.code(), code);
        assert!(cost > 1, "{code}: the store was asked");
        assert_eq!(left(&world), before + 1, "{code}: the story of the refusal, and nothing that was begun by mistake");
        let answer = world.api(method(path), path, back).await;
        assert!(answer.status.is_success(), "{path} {}", answer.body);
        waiting(&world.authorize(&asked).await);
    }
}

#[actix_web::test]
async fn a_second_connection_is_offered_as_soon_as_it_is_there() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example")];
    for _ in 0..2 {
        waiting(&world.authorize(&asked).await);
    }
    world.connect("acme.example", "crm", "https://second.example.com/metadata").await;
    let answer = world.authorize(&asked).await;
    assert!(answer.header("location").contains("/idp/select?"), "{}", answer.header("location"));
}

/// The browser says which connection answers, and all of what it says is part of the login's name.
#[actix_web::test]
async fn a_browser_cannot_choose_who_answers() {
    let world = World::new().await;
    let other = world.connect("globex.example", "crm", IDP).await;
    let login = world.begin(&[]).await;
    let (name, value) = login.cookie.split_once('=').unwrap();
    assert_eq!(value.len(), 64, "no longer than what the release before reads");
    let (secret, _) = value.split_at(32);
    let foreign = format!("{name}={secret}{}", other["id"].as_str().unwrap().strip_prefix("conn_").unwrap());
    let xml = world.response(&login).signed_assertion(&world.key);
    for cookie in [foreign, format!("{name}={secret}")] {
        assert_eq!(world.answer_as(&cookie, &login, &xml).await.code(), "LoginUnknown");
    }
    assert!(world.answer(&login, &xml).await.sent("code").is_some(), "the login is still there");
}
