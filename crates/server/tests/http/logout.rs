//! `/api/oauth/logout`: a person signs out of an app (F12, F13).

use actix_web::test::TestRequest;
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{EncodingKey, Header};
use postern_core::connection::Idp;
use postern_core::connections::ConnectionSettings;
use postern_core::identity::{Attribute, Identity, NameFormat, NameId};
use postern_core::login::Upstream;
use postern_core::login::finish::{Answer as LoginAnswer, Ended};
use postern_core::login::request::{AuthorizeRequest, Parameters};
use postern_core::openid::OidcIdp;
use postern_core::policy::Rules;
use postern_core::scope::Scope;
use postern_core::secret::Secret;
use serde_json::{Value, json};

use crate::id_token::verified;
use crate::registered::{App, member};
use crate::world::{Answer, CALLBACK, PUBLIC, World, asking};

const AFTER: &str = "https://app.example.com/signed-out?x=1";

/// The app, with a place to go after logging out.
async fn app(world: &World) -> App<'_> {
    App::register(world, json!({ "post_logout_redirect_urls": [AFTER] })).await
}

pub(crate) fn query(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn ask(world: &World, fields: &[(&str, &str)]) -> Answer {
    world.get(&format!("/api/oauth/logout?{}", query(fields))).await
}

async fn is_live(world: &World, tokens: &Value) -> bool {
    world.claims(member(tokens, "access_token")).await.status == 200
}

/// The value of a hidden field of a page.
pub(crate) fn hidden(page: &str, name: &str) -> Option<String> {
    let (_, after) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(after.split('"').next()?.replace("&amp;", "&"))
}

#[actix_web::test]
async fn f12_an_id_token_ends_its_session_and_leads_back_to_the_app() {
    let world = World::new().await;
    let app = app(&world).await;
    for post in [false, true] {
        let (tokens, other) = (app.tokens("openid").await, app.tokens("openid").await);
        let fields = [
            ("id_token_hint", member(&tokens, "id_token")),
            ("post_logout_redirect_uri", AFTER),
            ("state", "a state +/=ä"),
        ];
        let answer = match post {
            true => world.form("/api/oauth/logout", &fields, &[]).await,
            false => ask(&world, &fields).await,
        };
        assert_eq!((answer.status.as_u16(), answer.sent("state").as_deref()), (303, Some("a state +/=ä")));
        assert!(answer.header("location").starts_with(&format!("{AFTER}&state=")), "{}", answer.header("location"));
        assert!(!is_live(&world, &tokens).await && is_live(&world, &other).await);
        assert_eq!(app.refresh(member(&tokens, "refresh_token"), &[]).await.code(), "RefreshTokenUnknown");
        // Again, and without a place to go: there is nothing left to end, and nothing wrong with that.
        let again = ask(&world, &[("id_token_hint", member(&tokens, "id_token")), ("client_id", &app.client_id)]).await;
        assert_eq!((again.status.as_u16(), again.header("location")), (200, ""));
        assert!(again.body.contains("You are signed out"));
    }
}

#[actix_web::test]
async fn f12_an_expired_id_token_is_good_enough() {
    let world = World::new().await;
    let app = app(&world).await;
    let tokens = app.tokens("openid").await;
    world.advance(std::time::Duration::from_secs(3600));
    let fields = [("id_token_hint", member(&tokens, "id_token")), ("post_logout_redirect_uri", AFTER)];
    assert_eq!(ask(&world, &fields).await.header("location"), AFTER);
    assert_eq!(app.refresh(member(&tokens, "refresh_token"), &[]).await.code(), "RefreshTokenUnknown");
}

#[actix_web::test]
async fn f12_what_is_wrong_is_a_page_and_ends_nothing() {
    let world = World::new().await;
    let app = app(&world).await;
    let tokens = app.tokens("openid").await;
    let token = member(&tokens, "id_token");
    let forged = format!("{}x", &token[..token.len() - 1]);
    let (_, claims) = token[..token.rfind('.').unwrap()].split_once('.').unwrap();
    let unsigned = format!("{}.{claims}.", BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#));
    let (said, header) = verified(&world, token).await;
    let mut by_the_app = Header::new(jsonwebtoken::Algorithm::HS256);
    by_the_app.kid = header["kid"].as_str().map(str::to_owned);
    let by_the_app =
        jsonwebtoken::encode(&by_the_app, &said, &EncodingKey::from_secret(app.secret.as_bytes())).unwrap();
    let (fragment, query) = (format!("{AFTER}#"), format!("{AFTER}&foo=bar"));
    let elsewhere: Vec<_> = [&AFTER[..AFTER.len() - 4], &fragment, &query, "https://evil.example/"]
        .map(|url| vec![("id_token_hint", token), ("post_logout_redirect_uri", url), ("state", "s")])
        .into();
    let no_hint = [forged.as_str(), &unsigned, &by_the_app, member(&tokens, "access_token")]
        .map(|hint| (vec![("id_token_hint", hint), ("post_logout_redirect_uri", AFTER)], "LogoutHintInvalid"));
    let wrong = [
        (vec![("id_token_hint", token), ("client_id", "prod_other")], "LogoutHintForOtherClient"),
        (vec![("post_logout_redirect_uri", AFTER)], "LogoutRedirectNotAllowed"),
        (vec![("post_logout_redirect_uri", AFTER), ("client_id", "prod_other")], "LogoutRedirectNotAllowed"),
        (vec![("id_token_hint", token), ("id_token_hint", token)], "ParameterRepeated"),
    ];
    let elsewhere = elsewhere.into_iter().map(|fields| (fields, "LogoutRedirectNotAllowed"));
    for (fields, code) in no_hint.into_iter().chain(wrong).chain(elsewhere) {
        let answer = ask(&world, &fields).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{fields:?}");
        assert!(answer.header("content-type").starts_with("text/html"));
        assert_eq!(answer.code(), code);
        assert!(is_live(&world, &tokens).await, "{fields:?}");
    }
}

/// A login, and what the browser that it happened in remembers.
async fn sign_in(world: &World, app: &App<'_>, cookies: &str) -> (Value, String) {
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("scope", "openid")];
    let waiting = world.begin(&asked).await;
    let all = format!("{}; {cookies}", waiting.cookie);
    let answer = world.answer_as(&all, &waiting, &world.response(&waiting).signed_assertion(&world.key)).await;
    let proof = [asked[0], ("client_secret", app.secret.as_str())];
    let tokens = world.redeem_with(&answer.sent("code").unwrap(), &proof).await.json();
    let cookie = answer.cookie();
    assert!(cookie.starts_with("__Host-postern.sessions="), "{cookie}");
    (tokens, cookie)
}

#[actix_web::test]
async fn f13_a17_without_a_hint_the_person_is_asked_first() {
    let world = World::new().await;
    let app = app(&world).await;
    let (first, cookie) = sign_in(&world, &app, "").await;
    let (second, cookie) = sign_in(&world, &app, &cookie).await;
    let (foreign, _) = sign_in(&world, &app, "").await;

    let asked = [("client_id", app.client_id.as_str()), ("post_logout_redirect_uri", AFTER), ("state", "s&<\"")];
    let request = TestRequest::get().uri(&format!("/api/oauth/logout?{}", query(&asked)));
    let page = world.send(request.insert_header(("Cookie", cookie.as_str()))).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!((page.header("x-frame-options"), page.header("location")), ("DENY", ""));
    assert!(is_live(&world, &first).await && is_live(&world, &second).await);

    // Nobody else can post that form: not without the cookie, and not without what the page holds.
    let confirm = hidden(&page.body, "confirm").expect("a confirmation");
    let form = |confirm: &str| {
        let mut form: Vec<_> = asked.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        form.push(("confirm".to_owned(), confirm.to_owned()));
        form
    };
    let elsewhere = world.post_as(&form(&confirm), "").await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.code().as_str()), (403, "LogoutNotConfirmed"));
    let forged = world.post_as(&form("x"), &cookie).await;
    assert_eq!((forged.status.as_u16(), forged.code().as_str()), (403, "LogoutNotConfirmed"));
    assert!(is_live(&world, &first).await && is_live(&world, &second).await);

    let answer = world.post_as(&form(&confirm), &cookie).await;
    assert_eq!((answer.status.as_u16(), answer.sent("state").as_deref()), (303, Some("s&<\"")));
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert!(!is_live(&world, &first).await && !is_live(&world, &second).await);
    assert!(is_live(&world, &foreign).await, "of another browser");
}

#[actix_web::test]
async fn f13_a_bare_logout_asks_and_ends_where_nobody_is_sent_elsewhere() {
    let world = World::new().await;
    let app = app(&world).await;
    for state in [None, Some("a state")] {
        let (tokens, cookie) = sign_in(&world, &app, "").await;
        let asked = state.map(|state| query(&[("state", state)])).unwrap_or_default();
        let request = TestRequest::get().uri(&format!("/api/oauth/logout?{asked}"));
        let page = world.send(request.insert_header(("Cookie", cookie.as_str()))).await;
        assert_eq!(hidden(&page.body, "state").as_deref(), state);
        let confirm = hidden(&page.body, "confirm").expect("a confirmation");
        assert!(is_live(&world, &tokens).await);
        let form = state.map(|state| ("state".to_owned(), state.to_owned())).into_iter();
        let form: Vec<_> = form.chain([("confirm".to_owned(), confirm)]).collect();
        let answer = world.post_as(&form, &cookie).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (200, ""));
        assert!(answer.body.contains("You are signed out") && !is_live(&world, &tokens).await);
    }
    // A browser in which nobody signed in is asked too.
    assert!(hidden(&ask(&world, &[]).await.body, "confirm").is_some());
}

#[actix_web::test]
async fn a_browser_remembers_eight_sessions_and_what_it_says_is_proven() {
    let world = World::new().await;
    let app = app(&world).await;
    let (mut cookie, mut all) = (String::new(), Vec::new());
    for _ in 0..9 {
        let (tokens, remembered) = sign_in(&world, &app, &cookie).await;
        (cookie, _) = (remembered, all.push(tokens));
    }
    assert_eq!(cookie.matches('~').count(), 7);
    // Whoever knows the name of a session does not know what its browser knows.
    let (name, _) = member(&all[8], "access_token").split_once('.').unwrap();
    let made_up = format!("__Host-postern.sessions={name}.{}", "x".repeat(43));
    for (cookie, alive) in [(&made_up, 9), (&cookie, 1)] {
        let page =
            world.send(TestRequest::get().uri("/api/oauth/logout").insert_header(("Cookie", cookie.as_str()))).await;
        let confirm = hidden(&page.body, "confirm").unwrap();
        assert_eq!(world.post_as(&[("confirm".to_owned(), confirm)], cookie).await.status, 200);
        let mut live = 0;
        for tokens in &all {
            live += u32::from(is_live(&world, tokens).await);
        }
        assert_eq!(live, alive);
    }
}

impl World {
    async fn post_as(&self, form: &[(String, String)], cookie: &str) -> Answer {
        self.send(TestRequest::post().uri("/api/oauth/logout").set_form(form).insert_header(("Cookie", cookie))).await
    }
}

/// An OpenID Provider as a connection knows it.
fn provider() -> OidcIdp {
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    serde_json::from_value(json!({
        "issuer": "https://op.example.com",
        "discovery_url": null,
        "client_id": "what it calls us",
        "authentication": { "method": "client_secret_basic", "secret": "a secret" },
        "scopes": ["openid"],
        "provider": {
            "authorization_endpoint": "https://op.example.com/authorize",
            "token_endpoint": "https://op.example.com/token",
            "userinfo_endpoint": null,
            "jwks_uri": null,
            "end_session_endpoint": "https://op.example.com/logout?x=1",
            "keys": [key],
        },
    }))
    .unwrap()
}

#[actix_web::test]
async fn an_openid_provider_is_visited_on_the_way_and_leads_back_by_one_address() {
    let world = World::new().await;
    let app = app(&world).await;
    let scope = Scope::new("op.example", "crm").unwrap();
    let settings = ConnectionSettings {
        redirect_urls: Some(vec![CALLBACK.to_owned()]),
        default_redirect_url: Some(CALLBACK.to_owned()),
        ..ConnectionSettings::default()
    };
    let connection = world.app.connections.create(scope, Idp::Oidc(provider()), settings).await.unwrap();
    // The provider's answer, as its callback hands it to the pipeline.
    let asked = url::form_urlencoded::parse(
        asking(&[("client_id", &app.client_id), ("tenant", "op.example"), ("scope", "openid")]).as_bytes(),
    )
    .into_owned()
    .collect::<Vec<_>>();
    let request = AuthorizeRequest::read(Parameters::read(asked).unwrap());
    let logins = &world.app.logins;
    let door = logins.door(&request).await.unwrap();
    let trace = logins.trace(&door.scope, &door.client_id, CALLBACK);
    let upstream = Upstream::Oidc { nonce: Secret::new("n"), pkce_verifier: Secret::new("v") };
    let started = logins.start(&request, &door, &connection, upstream, trace).await.unwrap().unwrap();
    let mut login = logins.take(&started.login_id, Some(started.browser.expose())).await.unwrap().login;
    let email = Attribute {
        name: "email".into(),
        friendly_name: None,
        values: vec!["alice@example.com".into()],
        persistent_id: None,
    };
    let identity = Identity {
        issuer: "https://op.example.com".into(),
        name_id: Some(NameId { value: "alice".into(), format: NameFormat::Persistent }),
        attributes: vec![email],
        authenticated_at: None,
        session_ends: None,
        session_index: None,
        context: None,
        methods: vec![],
        email_verified: None,
        raw: None,
    };
    let answer = LoginAnswer { identity, subject_name: None, assertion: None, notes: vec![], anomalies: vec![] };
    let ended = logins.finish(&mut login, &connection, &Rules::default(), answer).await.unwrap();
    let Ended::Code(issued) = ended else { panic!("it is no test") };
    let proof = [("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str())];
    let tokens = world.redeem_with(issued.code.expose(), &proof).await.json();

    let fields = [("id_token_hint", member(&tokens, "id_token")), ("post_logout_redirect_uri", AFTER), ("state", "s")];
    let there = ask(&world, &fields).await;
    assert!(there.header("location").starts_with("https://op.example.com/logout?x=1&"), "{}", there.header("location"));
    assert_eq!(there.sent("client_id").as_deref(), Some("what it calls us"));
    assert_eq!(there.sent("post_logout_redirect_uri"), Some(format!("{PUBLIC}/api/oauth/logout/return")));
    assert!(there.sent("id_token_hint").is_none() && !is_live(&world, &tokens).await);
    let state = there.sent("state").unwrap();
    let back = |query: &str, cookie: &str| {
        let request = TestRequest::get().uri(&format!("/api/oauth/logout/return{query}"));
        world.send(request.insert_header(("Cookie", cookie)))
    };
    let ours = format!("?state={state}");
    let page = back(&ours, &there.cookie()).await;
    assert_eq!(page.header("location"), format!("{AFTER}&state=s"));
    assert!(page.forgets_the_login());
    // Without a state that we gave to this browser, nobody is sent anywhere.
    let other = there.cookie().replace(&state, "x");
    for (query, cookie) in [("", there.cookie()), ("?state=x", other.clone()), (&ours, other), (&ours, String::new())] {
        let page = back(query, &cookie).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (200, ""));
    }
}
