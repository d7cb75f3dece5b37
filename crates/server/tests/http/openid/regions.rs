//! An OpenID Provider that knows us by the address of a region.

use actix_web::test::TestRequest;
use serde_json::{Value, json};
use url::Position;

use super::{SECRET, begin, connect, outcome, provider_of};
use crate::world::{PUBLIC, World};

const EU: &str = "https://sso-eu.example.com";

#[actix_web::test]
async fn an_openid_provider_sends_people_back_to_the_address_of_the_region() {
    let settings =
        "fetch.allow_networks = [\"127.0.0.0/8\"]\n[regions.eu]\npublic_url = \"https://sso-eu.example.com\"\n";
    let world = World::configured(settings).await;
    let provider = provider_of(&world, Some(SECRET));
    for callback in ["shared", "own"] {
        let connection = connect(&world, &provider, json!({ "region": "eu", "oidcCallback": callback })).await;
        let id = connection["id"].as_str().unwrap();
        let path = if callback == "own" { format!("/api/oauth/oidc/{id}") } else { "/api/oauth/oidc".to_owned() };
        assert_eq!(connection["callbackUrl"], format!("{EU}{path}"));
        let guide = world.api(actix_web::http::Method::GET, &format!("sso/{id}/guide"), Value::Null).await;
        assert!(guide.body.contains(&format!("{EU}{path}")) && !guide.body.contains(PUBLIC), "{}", guide.body);

        let first = begin(&world, &[]).await;
        let asked = world.get(&first.location()[Position::BeforePath..]).await;
        assert_eq!(asked.sent("redirect_uri"), Some(format!("{EU}{path}")));
        let answer = provider.answer(&asked.location());
        let back = format!("{}?{}", answer.path(), answer.query().unwrap_or_default());
        let request = TestRequest::get().uri(&back).insert_header(("Cookie", asked.cookie()));
        let answer = world.send(request).await;
        assert_eq!(outcome(&answer), "code", "{}", answer.body);
        assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC));
    }
    provider.stop().await;
}
