//! Named regions: other addresses under which identity providers know the same Postern.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern::system::SystemRandom;
use postern_lab::logout::LogoutMessage;
use postern_lab::metadata::metadata;
use postern_lab::response::{Response, base64};
use serde_json::{Value, json};
use url::Position;

use crate::connection_status::change;
use crate::slo::SLO;
use crate::world::{Answer, CALLBACK, IDP, PUBLIC, Waiting, World, authn_request, waiting};

const EU: &str = "https://sso-eu.example.com/eu";
const EU_ENTITY: &str = "urn:example:sso:eu";
const US: &str = "https://sso-us.example.com";
const REGIONS: &str = "
    [regions.eu]
    public_url = \"https://sso-eu.example.com/eu/\"
    entity_id = \"urn:example:sso:eu\"
    [regions.us]
    public_url = \"https://sso-us.example.com\"
";

/// `acme.example` is at the deployment's own address, `globex.example` in the region `eu`.
async fn world() -> (World, Value) {
    let world = World::configured(REGIONS).await;
    let globex = connect(&world, json!({ "region": "eu" })).await;
    assert_eq!(globex.status, 200, "{}", globex.body);
    (world, globex.json())
}

async fn connect(world: &World, more: Value) -> Answer {
    let mut connection = json!({
        "tenant": "globex.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "rawMetadata": metadata(IDP, "https://idp.example.com/sso", &world.key),
    });
    connection.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.api(Method::POST, "sso", connection).await
}

const GLOBEX: (&str, &str) = ("client_id", "tenant=globex.example&product=crm");

/// Follows a redirect that stays with Postern.
async fn follow(world: &World, answer: &Answer) -> Answer {
    world.get(&answer.location()[Position::BeforePath..]).await
}

/// A login of globex.example that waits for its answer.
async fn begin(world: &World, parameters: &[(&str, &str)]) -> Waiting {
    let first = world.authorize(&[&[GLOBEX], parameters].concat()).await;
    waiting(&follow(world, &first).await)
}

/// A response of the identity provider to somebody who is known by this address and name.
fn response(world: &World, login: &Waiting, address: &str, audience: &str) -> String {
    let response = Response::at(world.app.now()).with_random_ids(&SystemRandom).sent_by(IDP);
    let response = response.sent_to(&format!("{address}/api/oauth/saml")).for_audience(audience);
    response.answering(&login.request_id).signed_assertion(&world.key)
}

#[actix_web::test]
async fn a_test_login_begins_and_ends_at_the_address_of_the_region() {
    let (world, globex) = world().await;
    let path = format!("sso/{}/test", globex["id"].as_str().unwrap());
    let link = world.api(Method::POST, &path, Value::Null).await.json();
    let url = link["url"].as_str().unwrap();
    let login = waiting(&world.form(url.strip_prefix(EU).expect("the region's address"), &[], &[]).await);
    let answer = world.answer(&login, &response(&world, &login, EU, EU_ENTITY)).await;
    assert_eq!(answer.location().as_str(), url);
    let result = world.api(Method::GET, &format!("{path}/{}", link["id"].as_str().unwrap()), Value::Null).await.json();
    assert_eq!(result["passed"], true, "{result}");
}

#[actix_web::test]
async fn a_login_goes_on_at_the_address_of_its_region_and_comes_back_from_the_one_issuer() {
    let (world, globex) = world().await;
    let first = world.authorize(&[GLOBEX, ("nonce", "n"), ("chosen", "")]).await;
    assert_eq!((first.status.as_u16(), first.cookie().as_str()), (303, ""), "{}", first.body);
    assert!(first.header("location").starts_with(&format!("{EU}/api/oauth/authorize/eu?")), "{:?}", first.headers);
    assert_eq!(first.sent("chosen").as_deref(), globex["id"].as_str());
    assert_eq!((first.sent("nonce").as_deref(), first.sent("state").as_deref()), (Some("n"), Some("a state")));
    let second = follow(&world, &first).await;
    let request = authn_request(&second);
    assert!(request.contains(&format!("AssertionConsumerServiceURL=\"{EU}/api/oauth/saml\"")), "{request}");
    assert!(
        request.contains(&format!("Issuer>{EU_ENTITY}</")) || request.contains(&format!(">{EU_ENTITY}<")),
        "{request}"
    );
    assert!(!request.contains(PUBLIC), "{request}");
    let login = waiting(&second);
    assert!(!login.cookie.is_empty());
    let answer = world.answer(&login, &response(&world, &login, EU, EU_ENTITY)).await;
    assert!(answer.header("location").starts_with(CALLBACK), "{:?}", answer.headers);
    assert!(answer.sent("code").is_some(), "{}", answer.location());
    assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC), "apps know one issuer");
}

#[actix_web::test]
async fn a_response_for_another_region_is_refused_both_ways() {
    let (world, _) = world().await;
    for (address, audience, code) in [
        (PUBLIC, PUBLIC, "SamlDestinationMismatch"),
        (US, US, "SamlDestinationMismatch"),
        (PUBLIC, EU_ENTITY, "SamlDestinationMismatch"),
        (EU, PUBLIC, "SamlAudienceMismatch"),
        (EU, US, "SamlAudienceMismatch"),
    ] {
        let login = begin(&world, &[]).await;
        let answer = world.answer(&login, &response(&world, &login, address, audience)).await;
        let known = [code, "SamlRecipientMismatch"];
        assert!(known.contains(&answer.code().as_str()), "{address} {audience} {}", answer.code());
    }
    for (address, audience, code) in
        [(EU, EU_ENTITY, "SamlDestinationMismatch"), (PUBLIC, EU_ENTITY, "SamlAudienceMismatch")]
    {
        let login = world.begin(&[]).await;
        let answer = world.answer(&login, &response(&world, &login, address, audience)).await;
        let known = [code, "SamlRecipientMismatch"];
        assert!(known.contains(&answer.code().as_str()), "{address} {audience} {}", answer.code());
    }
}

#[actix_web::test]
async fn a_region_is_shown_alone_in_guide_metadata_and_record() {
    let (world, globex) = world().await;
    let id = globex["id"].as_str().unwrap();
    assert_eq!((&globex["region"], &globex["acsUrl"]), (&json!("eu"), &json!(format!("{EU}/api/oauth/saml"))));
    let sp = world.api(Method::GET, &format!("sso/{id}/sp"), Value::Null).await;
    assert_eq!(sp.json()["entityID"], EU_ENTITY);
    assert_eq!(sp.json()["sloUrl"], format!("{EU}/api/oauth/saml/slo/{id}"));
    assert_eq!(sp.json()["metadataUrl"], format!("{EU}/.well-known/sp-metadata?connection={id}"));
    let guide = world.api(Method::GET, &format!("sso/{id}/guide"), Value::Null).await;
    let metadata = world.get(&format!("/eu/.well-known/sp-metadata?connection={id}")).await;
    assert_eq!(metadata.status, 200, "the region's path is answered too: {}", metadata.body);
    for shown in [&sp.body, &guide.body, &metadata.body] {
        assert!(shown.contains(EU) && shown.contains(EU_ENTITY), "{shown}");
        for other in [PUBLIC, "https://sso.example.com", US] {
            assert!(!shown.contains(other), "{other} in {shown}");
        }
    }
    assert_eq!(
        world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0]["region"],
        Value::Null
    );
    assert_eq!(world.get("/eu/api/v1/sso").await.code(), "RouteUnknown", "the API is at the deployment's own address");
}

#[actix_web::test]
async fn a_region_shows_itself_before_it_has_a_connection() {
    let (world, _) = world().await;
    for path in ["sp-metadata", "saml-configuration", "oidc-configuration"] {
        let shown = world.get(&format!("/.well-known/{path}?region=eu")).await;
        assert_eq!(shown.status, 200, "{path}");
        assert!(shown.body.contains(EU) && !shown.body.contains(PUBLIC), "{path}: {}", shown.body);
        assert!(world.get(&format!("/.well-known/{path}")).await.body.contains(PUBLIC), "{path}");
        let unknown = world.get(&format!("/.well-known/{path}?region=asia")).await;
        assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "RouteUnknown"), "{path}");
    }
    let okta = world.api(Method::GET, "providers/okta?region=eu", Value::Null).await;
    assert!(okta.body.contains(EU) && okta.body.contains(EU_ENTITY) && !okta.body.contains(PUBLIC), "{}", okta.body);
    let unknown = world.api(Method::GET, "providers/okta?region=asia", Value::Null).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (400, "FieldInvalid"));
}

#[actix_web::test]
async fn only_regions_of_the_configuration_can_be_chosen() {
    let (world, globex) = world().await;
    for region in ["asia", "EU", "sso-eu.example.com"] {
        let answer = connect(&world, json!({ "region": region })).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"));
        assert!(answer.body.contains(region) && answer.body.contains("eu, us"), "{}", answer.body);
        assert_eq!(change(&world, &globex, json!({ "region": region })).await, 400);
    }
    assert_eq!(change(&world, &globex, json!({ "region": "us" })).await, 204);
    assert!(world.authorize(&[GLOBEX]).await.header("location").starts_with(&format!("{US}/api/oauth/authorize/us?")));
    assert_eq!(change(&world, &globex, json!({ "region": "" })).await, 204);
    assert!(world.authorize(&[GLOBEX]).await.header("location").starts_with("https://idp.example.com/sso?"));
}

#[actix_web::test]
async fn an_address_that_is_not_the_connections_leads_to_the_one_that_is() {
    let (world, _) = world().await;
    let query = crate::world::asking(&[]);
    let acme = world.get(&format!("/api/oauth/authorize/eu?{query}")).await;
    assert!(acme.header("location").starts_with(&format!("{PUBLIC}/api/oauth/authorize?")), "{:?}", acme.headers);
    assert!(follow(&world, &acme).await.header("location").starts_with("https://idp.example.com/sso?"));
    let query = crate::world::asking(&[GLOBEX]);
    for other in ["us", "unheard-of"] {
        let globex = world.get(&format!("/api/oauth/authorize/{other}?{query}")).await;
        assert!(
            globex.header("location").starts_with(&format!("{EU}/api/oauth/authorize/eu?")),
            "{:?}",
            globex.headers
        );
    }
}

#[actix_web::test]
async fn a_connection_whose_region_was_taken_away_signs_nobody_in() {
    let (world, globex) = world().await;
    let without = world.replica().await;
    let id = postern_core::connection::ConnectionId(globex["id"].as_str().unwrap().to_owned());
    let connection = without.connections.answering(&id).await.unwrap();
    let fault = without.region_of(&connection).unwrap_err();
    assert_eq!((fault.code, fault.received.as_deref()), (postern_core::fault::Code::RegionUnknown, Some("eu")));
}

#[actix_web::test]
async fn logout_messages_are_for_the_region_of_their_connection() {
    let (world, globex) = world().await;
    assert_eq!(change(&world, &globex, json!({ "sloUrl": SLO })).await, 204);
    let id = globex["id"].as_str().unwrap();
    let path = format!("/api/oauth/saml/slo/{id}");
    for (address, status) in [(PUBLIC, 403), (US, 403), (EU, 303)] {
        let message =
            LogoutMessage::request(world.app.now(), &SystemRandom, IDP, &format!("{address}{path}"), "u-1001");
        let answer = world.get(&format!("{path}?{}", message.query(None, &world.key))).await;
        assert_eq!(answer.status, status, "{address} {}", answer.body);
        if status == 303 {
            assert!(answer.header("location").starts_with(SLO));
        } else {
            assert_eq!(answer.code(), "LogoutDestinationMismatch");
        }
    }
}

#[actix_web::test]
async fn whoever_signed_out_at_the_idp_of_a_region_comes_home() {
    let (world, globex) = world().await;
    let back = world.get("/api/oauth/logout/return/eu?state=a+state").await;
    assert_eq!(back.header("location"), format!("{PUBLIC}/api/oauth/logout/return?state=a+state"));
    assert_eq!(change(&world, &globex, json!({ "sloUrl": SLO })).await, 204);
    let path = format!("/api/oauth/saml/slo/{}", globex["id"].as_str().unwrap());
    let answer = LogoutMessage::response(world.app.now(), &SystemRandom, IDP, &format!("{EU}{path}"), "_request");
    let back = world.get(&format!("{path}?{}", answer.query(Some("state"), &world.key))).await;
    assert_eq!(back.header("location"), format!("{PUBLIC}/api/oauth/logout/return?state=state"), "{}", back.body);
}

#[actix_web::test]
async fn who_signs_out_of_the_app_is_signed_out_at_the_idp_of_the_region_and_finds_on() {
    let (world, globex) = world().await;
    assert_eq!(change(&world, &globex, json!({ "sloUrl": SLO })).await, 204);
    let after = "https://app.example.com/signed-out";
    let product = world.register(json!({ "post_logout_redirect_urls": [after] })).await;
    let client = ["client_id", "client_secret"].map(|name| (name, product[name].as_str().unwrap()));
    let first = world.authorize(&[client[0], ("tenant", "globex.example"), ("scope", "openid")]).await;
    let login = waiting(&follow(&world, &first).await);
    let answer = world.answer(&login, &response(&world, &login, EU, EU_ENTITY)).await;
    let tokens = world.redeem_with(&answer.sent("code").unwrap(), &client).await.json();

    let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap()), ("post_logout_redirect_uri", after)];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(hint).finish();
    let away = world.get(&format!("/api/oauth/logout?{query}&state=s")).await;
    assert!(away.header("location").starts_with(SLO), "{:?} {}", away.headers, away.body);
    let path = format!("/api/oauth/saml/slo/{}", globex["id"].as_str().unwrap());
    let message = LogoutMessage::response(world.app.now(), &SystemRandom, IDP, &format!("{EU}{path}"), "_request");
    let state = away.sent("RelayState").unwrap();
    let back = world.get(&format!("{path}?{}", message.query(Some(&state), &world.key))).await;
    let home = back.location()[Position::BeforePath..].to_owned();
    let on = world.send(TestRequest::get().uri(&home).insert_header(("Cookie", away.cookie()))).await;
    assert_eq!(on.header("location"), format!("{after}?state=s"), "the cookie that knows it is at home");
}

#[actix_web::test]
async fn who_comes_from_the_idp_of_a_region_is_met_again_there() {
    let (world, globex) = world().await;
    let start = "https://app.example.com/start";
    world.register(json!({ "redirect_urls": [CALLBACK], "initiate_login_url": start })).await;
    assert_eq!(change(&world, &globex, json!({ "allow": ["unsolicited"] })).await, 204);
    world.advance(std::time::Duration::from_secs(180));
    let id = globex["id"].as_str().unwrap();
    let path = format!("/api/oauth/saml/{id}");
    let post = async |address: &str| {
        let response = Response::at(world.app.now()).with_random_ids(&SystemRandom).sent_by(IDP);
        let response = response.sent_to(&format!("{address}{path}")).for_audience(EU_ENTITY);
        world.form(&path, &[("SAMLResponse", &base64(&response.signed_assertion(&world.key)))], &[]).await
    };
    let elsewhere = post(PUBLIC).await.code();
    assert!(["SamlDestinationMismatch", "SamlRecipientMismatch"].contains(&elsewhere.as_str()), "{elsewhere}");
    let waiting = post(EU).await;
    assert!(waiting.header("location").starts_with(start), "{}", waiting.body);
    let handle = waiting.sent("login_hint").unwrap();
    let first = world.authorize(&[GLOBEX, ("idp_hint", id), ("login_hint", &handle)]).await;
    let path = first.location()[Position::BeforePath..].to_owned();
    let request = TestRequest::get().uri(&path).insert_header(("Cookie", waiting.cookie()));
    assert!(world.send(request).await.sent("code").is_some(), "the cookie is at the region's address");
}
