//! One issuer for everybody, named in every answer, so that no client takes the answer of one server for that of another
//! (RFC 9207).

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::id_token::verified;
use crate::world::{CALLBACK, PUBLIC, World, waiting};

#[actix_web::test]
async fn f15_a14_all_tenants_have_one_issuer_and_one_key_set_and_every_answer_names_it() {
    let world = World::new().await;
    world.connect("globex.example", "crm", "https://idp.globex.example/metadata").await;
    let mut subjects = Vec::new();
    for (tenant, idp) in
        [("acme.example", crate::world::IDP), ("globex.example", "https://idp.globex.example/metadata")]
    {
        let client = format!("tenant={tenant}&product=crm");
        let asked = [("client_id", client.as_str()), ("scope", "openid")];
        let refused = world.authorize(&[asked[0], ("response_type", "token")]).await;
        assert_eq!(refused.sent("iss").as_deref(), Some(PUBLIC), "{tenant}: an error at authorize");

        let login = waiting(&world.authorize(&asked).await);
        let refused = world.answer(&login, &world.response(&login).sent_by(idp).unsigned()).await;
        assert_eq!(refused.sent("iss").as_deref(), Some(PUBLIC), "{tenant}: an error at the ACS");

        let login = waiting(&world.authorize(&asked).await);
        let answer = world.answer(&login, &world.response(&login).sent_by(idp).signed_assertion(&world.key)).await;
        assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC), "{tenant}: a code");

        let secret = world.connection_secret(tenant).await;
        let proof = [("client_id", client.as_str()), ("client_secret", &secret)];
        let tokens = world.redeem_with(&answer.sent("code").unwrap(), &proof).await.json();
        let (claims, _) = verified(&world, tokens["id_token"].as_str().unwrap()).await;
        assert_eq!(claims["iss"], PUBLIC, "{tenant}: an ID token");
        subjects.push(claims["sub"].clone());
    }
    assert_ne!(subjects[0], subjects[1], "the same name at two providers");
    assert_eq!(world.get("/sso/.well-known/openid-configuration").await.json()["issuer"], PUBLIC);
}

#[actix_web::test]
async fn a14_an_answer_to_somebody_who_waited_names_the_issuer_too() {
    let world = World::new().await;
    let urls = [CALLBACK, "http://localhost:3000/callback"];
    world.register(json!({ "redirect_urls": urls, "initiate_login_url": "https://app.example.com/begin" })).await;
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    let (id, secret) = (found[0]["id"].as_str().unwrap(), found[0]["clientSecret"].as_str().unwrap());
    let change =
        json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "allow": ["unsolicited"] });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    // With a store that a restart empties, what was issued at the start may have been used.
    world.advance(std::time::Duration::from_secs(600));
    let mut response = world.response(&crate::world::Waiting {
        request_id: String::new(),
        relay_state: String::new(),
        cookie: String::new(),
    });
    (response.in_response_to, response.confirmation_in_response_to) = (None, None);
    let path = format!("/api/oauth/saml/{id}");
    let xml = response.sent_to(&format!("{PUBLIC}{path}")).signed_assertion(&world.key);
    let arrived = world.form(&path, &[("SAMLResponse", &postern_lab::response::base64(&xml))], &[]).await;
    let hint = arrived.sent("login_hint").unwrap_or_else(|| panic!("{}", arrived.body));
    let ask = |more: &[(&str, &str)]| {
        let query = crate::world::asking(&[&[("login_hint", hint.as_str())], more].concat());
        let request = actix_web::test::TestRequest::get().uri(&format!("/api/oauth/authorize?{query}"));
        world.send(request.insert_header(("Cookie", arrived.cookie())))
    };
    // An app that wants the person to sign in now does not take somebody who already has.
    assert!(ask(&[("prompt", "login")]).await.sent("SAMLRequest").is_some());
    let answer = ask(&[("max_age", "600")]).await;
    assert!(answer.header("location").starts_with(CALLBACK), "{}", answer.header("location"));
    assert_eq!((answer.sent("iss").as_deref(), answer.sent("code").is_some()), (Some(PUBLIC), true));
}
