//! `/api/oauth/authorize` and `/idp/select`: table A.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::world::{CALLBACK, CHALLENGE, IDP, PUBLIC, World, asking, waiting};

#[actix_web::test]
async fn a1_a2_an_unregistered_redirect_uri_or_client_is_never_redirected_to() {
    let world = World::new().await;
    for redirect_uri in [
        "https://app.example.com/callback/",
        "https://app.example.com/callback?x=1",
        "https://app.example.com/Callback",
        "https://app.example.com:443/callback",
        "https://app.example.com/%63allback",
        "https://app.example.com/x/../callback",
        "https://app.example.com@evil.example/callback",
        "https://app.example.com/callback#x",
        "https://evil.example/callback",
        "https://sub.app.example.com/callback",
        "http://app.example.com/callback",
    ] {
        let answer = world.authorize(&[("redirect_uri", redirect_uri)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{redirect_uri}");
        assert_eq!(answer.code(), "RedirectUriNotAllowed", "{redirect_uri}");
    }
    for client_id in ["unknown", "prod_unknown", "conn_unknown", "fed_oidc_x"] {
        let answer = world.authorize(&[("client_id", client_id)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{client_id}");
        assert_eq!(answer.code(), "ClientUnknown", "{client_id}");
    }
    assert_eq!(world.authorize(&[("client_id", "")]).await.code(), "ClientMissing");
    assert_eq!(world.authorize(&[("redirect_uri", "")]).await.code(), "RedirectUriMissing");
    assert_eq!(world.authorize(&[("client_id", "tenant=other&product=crm")]).await.code(), "ConnectionMissing");
}

#[actix_web::test]
async fn a3_ports_vary_on_loopback() {
    let world = World::new().await;
    assert_eq!(world.authorize(&[("redirect_uri", "http://localhost:51004/callback")]).await.status, 302);
    let evil = world.authorize(&[("redirect_uri", "http://localhost.evil/callback")]).await;
    assert_eq!(evil.code(), "RedirectUriNotAllowed");
}

#[actix_web::test]
async fn a4_a_plain_http_redirect_uri_cannot_be_registered() {
    let world = World::new().await;
    let product = json!({ "name": "x", "redirect_urls": ["http://app.example.com/callback"] });
    let answer = world.api(Method::POST, "products", product).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"));
    assert!(answer.body.contains("must use https"), "{}", answer.body);
}

#[actix_web::test]
async fn a5_a6_a14_other_errors_go_back_with_state_and_issuer() {
    let world = World::new().await;
    for (response_type, error, code) in [
        ("", "invalid_request", "ResponseTypeMissing"),
        ("token", "unsupported_response_type", "ResponseTypeUnsupported"),
        ("id_token", "unsupported_response_type", "ResponseTypeUnsupported"),
        ("code token", "unsupported_response_type", "ResponseTypeUnsupported"),
    ] {
        let answer = world.authorize(&[("response_type", response_type)]).await;
        assert_eq!(answer.status, 302);
        assert!(answer.header("location").starts_with(CALLBACK));
        assert_eq!(answer.sent("error").as_deref(), Some(error));
        assert_eq!(answer.sent("state").as_deref(), Some("a state"));
        assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC));
        assert_eq!(answer.code(), code);
        let uri = answer.sent("error_uri").unwrap();
        let page = world.get(uri.strip_prefix("https://sso.example.com").unwrap()).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains(code));
    }
}

#[actix_web::test]
async fn a7_a8_a_challenge_or_a_state_is_needed_and_plain_is_refused() {
    let world = World::new().await;
    let neither = [("code_challenge", ""), ("code_challenge_method", ""), ("state", "")];
    assert_eq!(world.authorize(&neither).await.code(), "StateOrChallengeMissing");
    assert_eq!(
        world.authorize(&neither[..2]).await.header("location").split('?').next(),
        Some("https://idp.example.com/sso")
    );
    assert_eq!(
        world.authorize(&[("state", "")]).await.header("location").split('?').next(),
        Some("https://idp.example.com/sso")
    );
    assert_eq!(world.authorize(&[("code_challenge_method", "plain")]).await.code(), "ChallengeMethodUnsupported");
    assert_eq!(world.authorize(&[("code_challenge_method", "")]).await.code(), "ChallengeMethodUnsupported");

    let product = world.register(json!({ "token_endpoint_auth_method": "none" })).await;
    let client = [("client_id", product["client_id"].as_str().unwrap()), ("tenant", "acme.example")];
    let without = [client[0], client[1], ("code_challenge", ""), ("code_challenge_method", "")];
    assert_eq!(world.authorize(&without).await.code(), "ChallengeMissing");
    assert_eq!(world.authorize(&client).await.status, 302);
}

#[actix_web::test]
async fn a10_repeated_parameters_are_refused_on_a_page_and_unknown_ones_ignored() {
    let world = World::new().await;
    let answer = world.get(&format!("/api/oauth/authorize?{}&client_id=x", asking(&[]))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "ParameterRepeated"));
    let answer = world.get(&format!("/api/oauth/authorize?{}&foo=1&foo=2&provider=saml", asking(&[]))).await;
    assert_eq!(answer.header("location").split('?').next(), Some("https://idp.example.com/sso"));
}

#[actix_web::test]
async fn a11_a_post_is_as_good_as_a_get_also_with_json() {
    let world = World::new().await;
    let form = TestRequest::post().uri("/api/oauth/authorize").set_payload(asking(&[]));
    let form = form.insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    assert_eq!(world.send(form).await.status, 302);
    let body = json!({
        "response_type": "code", "tenant": "acme.example", "product": "crm", "redirect_uri": CALLBACK, "state": "s", "nonce": null,
    });
    assert_eq!(world.send(TestRequest::post().uri("/api/oauth/authorize").set_json(body)).await.status, 302);
}

#[actix_web::test]
async fn a12_a17_a18_pages_cannot_be_framed_shared_or_read_by_other_sites() {
    let world = World::new().await;
    let request =
        TestRequest::get().uri("/api/oauth/authorize?client_id=x").insert_header(("Origin", "https://evil.example"));
    let page = world.send(request).await;
    assert_eq!(page.status, 400);
    assert_eq!(page.header("access-control-allow-origin"), "");
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(page.header("strict-transport-security").contains("max-age"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!page.body.contains("src=") && !page.body.contains("<script"), "{}", page.body);
}

#[actix_web::test]
async fn a15_state_comes_back_byte_for_byte() {
    let world = World::new().await;
    let state: String = "ä %20+/=&?#\"<>".chars().cycle().take(1024).collect();
    let code = world.begin(&[("state", &state)]).await;
    let answer = world.answer(&code, &world.response(&code).signed_assertion(&world.key)).await;
    assert_eq!(answer.sent("state").unwrap(), state);
}

#[actix_web::test]
async fn a16_no_page_forwards_to_an_address_from_the_query() {
    let world = World::new().await;
    for address in ["https://evil.example/x", "//evil.example/x", "javascript:alert(1)"] {
        for name in ["redirect_uri", "client_id", "tenant", "idp_hint", "resource", "login_hint", "state", "scope"] {
            for path in ["/api/oauth/authorize", "/idp/select"] {
                let answer = world.get(&format!("{path}?{}", asking(&[(name, address), ("client_id", "dummy")]))).await;
                let location = answer.header("location");
                assert!(
                    !location.starts_with(address) && !location.starts_with("javascript"),
                    "{path} {name} {location}"
                );
                assert!(!answer.body.contains(&format!("href=\"{address}")), "{path} {name}");
            }
        }
    }
}

#[actix_web::test]
async fn every_way_to_name_a_connection_leads_to_it() {
    let world = World::new().await;
    let record = world.connect("acme.example", "crm", IDP).await;
    let (id, alias) = (record["id"].as_str().unwrap(), record["clientID"].as_str().unwrap());
    let encoded = "tenant=acme.example&product=crm";
    for parameters in [
        vec![("client_id", "dummy"), ("tenant", "acme.example"), ("product", "crm")],
        vec![("client_id", ""), ("tenant", "acme.example"), ("product", "crm")],
        vec![("client_id", "undefined"), ("tenant", "acme.example"), ("product", "crm")],
        vec![("client_id", encoded)],
        vec![("client_id", "dummy"), ("access_type", encoded)],
        vec![("client_id", "dummy"), ("resource", encoded)],
        vec![("client_id", "dummy"), ("scope", &format!("openid {encoded}"))],
        vec![("client_id", id)],
        vec![("client_id", alias)],
        vec![("client_id", alias), ("idp_hint", id)],
        vec![("client_id", encoded), ("idp_hint", alias)],
    ] {
        let answer = world.authorize(&parameters).await;
        assert_eq!(answer.header("location").split('?').next(), Some("https://idp.example.com/sso"), "{parameters:?}");
    }
    let product = world.register(json!({})).await;
    let client_id = product["client_id"].as_str().unwrap();
    assert_eq!(world.authorize(&[("client_id", client_id), ("tenant", "acme.example")]).await.status, 302);
    let unsaid = world.authorize(&[("client_id", client_id)]).await;
    assert!(unsaid.header("location").starts_with(&format!("{PUBLIC}/login?")), "the person says whose they are");
    let other = [("client_id", client_id), ("tenant", "acme.example"), ("product", "other")];
    assert_eq!(world.authorize(&other).await.code(), "ClientNamesTwoProducts");
    assert_eq!(world.authorize(&[("client_id", "dummy")]).await.code(), "TenantMissing");
}

#[actix_web::test]
async fn a_registered_product_decides_alone_where_its_people_are_sent() {
    let world = World::new().await;
    world.register(json!({ "redirect_urls": ["https://app.example.com/other", CALLBACK] })).await;
    assert_eq!(world.authorize(&[("redirect_uri", "https://app.example.com/other")]).await.status, 302);
    let listed_by_the_connection = world.authorize(&[("redirect_uri", "http://localhost:3000/callback")]).await;
    assert_eq!(listed_by_the_connection.code(), "RedirectUriNotAllowed");
}

#[actix_web::test]
async fn idp_hint_never_leaves_the_scope() {
    let world = World::new().await;
    let foreign = world.connect("globex.example", "crm", "https://idp.globex.example/metadata").await;
    for name in ["id", "clientID"] {
        let answer = world.authorize(&[("idp_hint", foreign[name].as_str().unwrap())]).await;
        assert_eq!(answer.code(), "IdpHintForeign");
        assert!(answer.header("location").starts_with(CALLBACK));
    }
}

#[actix_web::test]
async fn h25_a_person_chooses_among_several_connections() {
    let world = World::new().await;
    let second = world.connect("acme.example", "crm", "https://second.example.com/metadata").await;
    let answer = world.authorize(&[]).await;
    assert!(answer.header("location").starts_with(&format!("{PUBLIC}/idp/select?")), "{}", answer.header("location"));
    let path = answer.header("location").strip_prefix("https://sso.example.com").unwrap().to_owned();
    let page = world.get(&path).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("second.example.com") && page.body.contains("idp.example.com"));
    let link = page.body.split("href=\"").find(|link| link.contains(second["id"].as_str().unwrap())).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let chosen = world.get(link.strip_prefix("https://sso.example.com").unwrap()).await;
    let login = waiting(&chosen);
    let response = world.response(&login).sent_by("https://second.example.com/metadata").signed_assertion(&world.key);
    let outcome = world.answer(&login, &response).await;
    assert_eq!(outcome.sent("state").as_deref(), Some("a state"));
    assert!(outcome.sent("code").is_some());
}

#[actix_web::test]
async fn a_deactivated_connection_is_out_at_the_next_login() {
    let world = World::new().await;
    let login = world.begin(&[]).await;
    let secret = world.connection_secret("acme.example").await;
    let change = json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "deactivated": true });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    assert_eq!(world.authorize(&[]).await.code(), "ConnectionDeactivated");
    let answer = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "ConnectionDeactivated");
}

#[actix_web::test]
async fn an_idp_that_takes_only_posts_gets_a_form_that_posts_itself() {
    let world = World::new().await;
    let metadata = postern_lab::metadata::metadata(IDP, "https://idp.example.com/sso", &world.key);
    let metadata = metadata.replace("bindings:HTTP-Redirect", "bindings:Other");
    let connection = json!({
        "tenant": "post.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK, "rawMetadata": metadata,
    });
    assert_eq!(world.api(Method::POST, "sso", connection).await.status, 200);
    let page = world.authorize(&[("client_id", "tenant=post.example&product=crm")]).await;
    assert_eq!(page.status, 200);
    for part in ["action=\"https://idp.example.com/sso\"", "name=\"SAMLRequest\"", "name=\"RelayState\"", "<button"] {
        assert!(page.body.contains(part), "{part}");
    }
    assert!(page.header("content-security-policy").contains("script-src 'sha256-"));
    assert!(page.header("cache-control").contains("no-store"), "H27");
    assert!(!page.cookie().is_empty());
}

#[actix_web::test]
async fn a13_redirects_are_302_after_a_get_and_303_after_a_post() {
    let world = World::new().await;
    assert_eq!(world.authorize(&[]).await.status, 302);
    let login = world.begin(&[]).await;
    assert_eq!(world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await.status, 303);
    let login = world.begin(&[]).await;
    assert_eq!(world.answer(&login, &world.response(&login).unsigned()).await.status, 303);
}

#[actix_web::test]
async fn the_login_cookie_is_bound_to_host_and_browser_and_their_number_is_bounded() {
    let world = World::new().await;
    let answer = world.authorize(&[]).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-postern-"));
    for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=None", "; Max-Age=1200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(answer.sent("RelayState").unwrap().len() <= 80, "H7");
    let mut jar: Vec<String> = Vec::new();
    for _ in 0..12 {
        let request = TestRequest::get().uri(&format!("/api/oauth/authorize?{}", asking(&[])));
        let answer = world.send(request.insert_header(("Cookie", jar.join("; ")))).await;
        world.advance(std::time::Duration::from_secs(1));
        for set in answer.headers.get_all("set-cookie").map(|value| value.to_str().unwrap()) {
            let pair = set.split(';').next().unwrap();
            match set.contains("Max-Age=0") {
                true => jar.retain(|kept| !kept.starts_with(pair)),
                false => jar.push(pair.to_owned()),
            }
        }
        assert!(jar.len() <= 8, "{}", jar.len());
    }
}

#[actix_web::test]
async fn routes_answer_under_the_prefix_and_without_it_and_nothing_believes_the_host_header() {
    let world = World::new().await;
    for path in ["/sso/.well-known/sp-metadata", "/.well-known/sp-metadata"] {
        let request = TestRequest::get().uri(path).insert_header(("Host", "evil.example"));
        let metadata = world.send(request.insert_header(("X-Forwarded-Host", "evil.example"))).await;
        assert_eq!(metadata.status, 200);
        assert!(
            metadata.body.contains(&format!("{PUBLIC}/api/oauth/saml")) && !metadata.body.contains("evil"),
            "{}",
            metadata.body
        );
    }
    let unknown = world.api(Method::GET, "nothing", Value::Null).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "RouteUnknown"));
}

#[actix_web::test]
async fn a_challenge_of_the_smallest_and_largest_size_passes() {
    let world = World::new().await;
    for length in [43, 128] {
        assert_eq!(world.authorize(&[("code_challenge", &CHALLENGE.repeat(3)[..length])]).await.status, 302);
    }
}
