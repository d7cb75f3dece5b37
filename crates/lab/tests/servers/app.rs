//! The sample app against a stand-in for Postern that sits under a path and answers like it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::web::{self, Data, Form};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use postern_lab::Running;
use postern_lab::app::{Registration, reserve};
use postern_lab::client::client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::world::{self, Page};

const CLIENT: &str = "tenant=acme.example&product=crm";
const SECRET: &str = "s:e cret%";

#[tokio::test]
async fn a_login_ends_with_the_claims_on_a_page() {
    let (app, postern) = world_with_app().await;
    let home = get(&app, "/", None).await;
    assert!(home.html.contains("href=\"/login\""));
    let (asked, cookie) = begin(&app, "/login").await;
    assert!(asked.as_str().starts_with(&format!("{}/api/oauth/authorize?", postern.url)));
    let query: HashMap<_, _> = asked.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("tenant", "acme.example"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query[name], value);
    }
    assert_eq!(query["redirect_uri"], format!("{}/callback", app.url));

    *postern.challenge.lock().unwrap() = query["code_challenge"].clone();
    let landed = get(&app, &answer(&postern, &query["state"], "code=good"), Some(&cookie)).await;
    assert_eq!(landed.status, 303, "{}", landed.html);
    let page = get(&app, "/me", landed.cookie.as_deref()).await;
    assert!(
        page.html.contains("Hello, Alice") && page.html.contains("&lt;script&gt;") && !page.html.contains("<script>")
    );

    let again = get(&app, &answer(&postern, &query["state"], "code=good"), Some(&cookie)).await;
    assert_eq!(again.status, 400, "the state is good for one answer");
    let logout = client().unwrap().post(format!("{}/logout", app.url)).header("cookie", landed.cookie.clone().unwrap());
    assert_eq!(logout.send().await.unwrap().status().as_u16(), 303);
    assert_eq!(get(&app, "/me", landed.cookie.as_deref()).await.status, 303);
    app.stop().await;
}

/// Signs somebody in of whom Postern tells this.
async fn sign_in(app: &Running, postern: &Stand, told: Value) -> Page {
    *postern.told.lock().unwrap() = told;
    let (asked, cookie) = begin(app, "/login").await;
    let query: HashMap<_, _> = asked.query_pairs().into_owned().collect();
    *postern.challenge.lock().unwrap() = query["code_challenge"].clone();
    get(app, &answer(postern, &query["state"], "code=good"), Some(&cookie)).await
}

#[tokio::test]
async fn the_app_does_what_the_policy_says_of_accounts_roles_and_sessions() {
    let (app, postern) = world_with_app().await;
    let now = world::clock().now().as_second();
    let told = |id: &str, allowed: bool, role: [&str; 2]| {
        let provisioning =
            if allowed { json!({ "allowed": true }) } else { json!({ "allowed": false, "reason": "not_invited" }) };
        json!({
            "id": id, "email": "alice@example.com", "team": "Rockets", "role": role[0], "role_source": role[1],
            "provisioning": provisioning, "session_expires_at": now + 60,
        })
    };
    // Somebody new whom the policy does not want gets no account; somebody who has one keeps it.
    let refused = sign_in(&app, &postern, told("1", false, ["member", "default"])).await;
    assert!(
        refused.status == 400 && refused.html.contains("not_invited") && refused.cookie.is_none(),
        "{}",
        refused.html
    );
    assert_eq!(sign_in(&app, &postern, told("1", true, ["member", "default"])).await.status, 303);
    let member = sign_in(&app, &postern, told("1", false, ["member", "default"])).await;
    let page = get(&app, "/me", member.cookie.as_deref()).await.html;
    assert!(["Rockets", "not_invited", "Signed in until"].iter().all(|text| page.contains(text)), "{page}");
    assert!(!page.contains("/settings"), "{page}");
    assert_eq!(get(&app, "/settings", member.cookie.as_deref()).await.status, 400);

    // A role of a group counts at once, and a default one does not take it away.
    for role in [["editor", "group"], ["member", "default"]] {
        let editor = sign_in(&app, &postern, told("1", true, role)).await;
        assert!(get(&app, "/me", editor.cookie.as_deref()).await.html.contains("/settings"), "{role:?}");
        assert_eq!(get(&app, "/settings", editor.cookie.as_deref()).await.status, 200);
    }

    // A session that is over at Postern is over here.
    let mut over = told("1", true, ["member", "default"]);
    over["session_expires_at"] = json!(now);
    let signed_in = sign_in(&app, &postern, over).await;
    let page = get(&app, "/me", signed_in.cookie.as_deref()).await;
    assert_eq!(page.status, 303, "{}", page.html);
    app.stop().await;
}

#[tokio::test]
async fn answers_that_do_not_belong_here_are_refused() {
    let (app, postern) = world_with_app().await;
    let (asked, cookie) = begin(&app, "/login").await;
    let query: HashMap<_, _> = asked.query_pairs().into_owned().collect();
    *postern.challenge.lock().unwrap() = query["code_challenge"].clone();
    let state = &query["state"];
    for (answer, cookie) in [
        (answer(&postern, state, "code=good"), None),
        (answer(&postern, state, "code=good"), Some("lab-app=guess")),
        (answer(&postern, "guess", "code=good"), Some(&*cookie)),
        (format!("/callback?code=good&state={state}&iss=https%3A%2F%2Fevil.example"), Some(&*cookie)),
        (format!("/callback?code=good&state={state}"), Some(&*cookie)),
        (answer(&postern, state, "error=access_denied&error_description=SamlExpired%20%3Cb%3E"), Some(&*cookie)),
        (answer(&postern, state, "code=bad"), Some(&*cookie)),
    ] {
        let page = get(&app, &answer, cookie).await;
        assert_eq!(page.status, 400, "{answer}");
        assert!(page.cookie.is_none() && !page.html.contains("<b>"));
    }
    app.stop().await;
}

#[tokio::test]
async fn postern_may_begin_a_login_and_nobody_else() {
    let (app, postern) = world_with_app().await;
    let issuer: String = url::form_urlencoded::byte_serialize(postern.url.as_bytes()).collect();
    let (asked, _) = begin(&app, &format!("/login?iss={issuer}&tenant=other.example&idp_hint=conn_1")).await;
    let query: HashMap<_, _> = asked.query_pairs().into_owned().collect();
    assert_eq!((&*query["tenant"], &*query["idp_hint"]), ("other.example", "conn_1"));
    assert_eq!(get(&app, "/login?iss=https%3A%2F%2Fevil.example", None).await.status, 400);
    app.stop().await;
}

struct Stand {
    url: String,
    challenge: Arc<Mutex<String>>,
    told: Arc<Mutex<Value>>,
}

/// A stand-in for Postern under `/bridge`, which knows one code, and an app that is registered with it.
async fn world_with_app() -> (Running, Stand) {
    let challenge = Arc::new(Mutex::new(String::new()));
    let told = Arc::new(Mutex::new(
        json!({ "id": "1", "email": "alice@example.com", "firstName": "Alice", "lastName": "<script>" }),
    ));
    let (data, claims) = (Data::new(challenge.clone()), Data::new(told.clone()));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(claims.clone())
            .route("/bridge/api/oauth/token", web::post().to(token))
            .route("/bridge/api/oauth/userinfo", web::get().to(userinfo))
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/bridge", server.addrs()[0]);
    tokio::spawn(server.run());

    let reserved = reserve("127.0.0.1", 0).unwrap();
    assert_eq!(reserved.redirect_uri(), format!("{}/callback", reserved.url()));
    let registration = Registration {
        postern: url.clone(),
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        tenant: "acme.example".into(),
        product: "CRM".into(),
    };
    (reserved.start(registration, world::random(), world::clock()).unwrap(), Stand { url, challenge, told })
}

async fn token(
    request: HttpRequest,
    form: Form<HashMap<String, String>>,
    challenge: Data<Arc<Mutex<String>>>,
) -> HttpResponse {
    let encode = |part: &str| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    let basic = format!("Basic {}", BASE64.encode(format!("{}:{}", encode(CLIENT), encode(SECRET)).as_bytes()));
    let authorised = request.headers().get("authorization").is_some_and(|header| *header == *basic);
    let proof = BASE64URL_NOPAD.encode(&Sha256::digest(form["code_verifier"].as_bytes()));
    let right = form["code"] == "good"
        && form["grant_type"] == "authorization_code"
        && form["redirect_uri"].ends_with("/callback");
    if authorised && right && proof == *challenge.lock().unwrap() {
        HttpResponse::Ok().json(json!({"access_token": "t0ken", "token_type": "Bearer", "expires_in": 300}))
    } else {
        HttpResponse::BadRequest().json(json!({"error": "invalid_grant", "error_description": "<b>"}))
    }
}

async fn userinfo(request: HttpRequest, told: Data<Arc<Mutex<Value>>>) -> HttpResponse {
    match request.headers().get("authorization") {
        Some(header) if header == "Bearer t0ken" => HttpResponse::Ok().json(&*told.lock().unwrap()),
        _ => HttpResponse::Unauthorized().finish(),
    }
}

async fn begin(app: &Running, path: &str) -> (Url, String) {
    let response = client().unwrap().get(format!("{}{path}", app.url)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 303);
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    (location, Page::of(response).await.cookie.unwrap())
}

fn answer(postern: &Stand, state: &str, rest: &str) -> String {
    let issuer: String = url::form_urlencoded::byte_serialize(postern.url.as_bytes()).collect();
    format!("/callback?{rest}&state={state}&iss={issuer}")
}

async fn get(app: &Running, path: &str, cookie: Option<&str>) -> Page {
    let request = client().unwrap().get(format!("{}{path}", app.url)).header("cookie", cookie.unwrap_or("other=1"));
    Page::of(request.send().await.unwrap()).await
}
