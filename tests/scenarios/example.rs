//! What `docs/INTEGRATE.md` tells the developer of an app, seen in the app that it tells it with: `examples/authjs`, as it stands
//! there, in a browser.

use postern_e2e::browser::{self, Click};
use postern_e2e::login::{self, Answer, CODE_CHALLENGE, CODE_VERIFIER, Idp, now};
use postern_e2e::{
    Demo, Environment, Example, OidcProvider, OidcProviderSettings, Postern, Redis, RunningExample, Settings,
    example_tests, http,
};
use reqwest::Url;
use serde_json::{Value, json};

const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";

#[test]
fn the_tests_of_the_example_pass() {
    let (passed, printed) = example_tests();
    assert!(passed, "{printed}");
    // A glob that finds nothing passes too.
    assert!(!printed.contains("# pass 0"), "{printed}");
}

#[tokio::test]
async fn the_example_runs_beside_the_demo_as_its_readme_says() {
    let demo = Demo::reserve().start().await;
    let (postern, api_key, idp) = demo.parts();
    let example = Example::reserve();
    let origin = [("ORIGIN".to_owned(), example.origin.clone())].into();
    let printed = example.run("register.js", &[&postern, &api_key, &format!("{idp}/metadata")], &origin, "");
    let lines = printed.lines().map(|line| line.split_once('=').expect("NAME=value"));
    let environment: Environment = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let app = example.start(&environment).await;

    let page = browser::sign_in("example-demo", &app.origin, Demo::USER).await;
    assert!(page.text.contains("Hello, Alice") && page.text.contains("at acme.example, account 1"), "{page:#?}");
    let me = app.me(&page.cookies).await;
    assert_eq!(me["user"]["email"], Demo::USER.0, "{me}");

    // Postern reaches it by the back channel.
    let sid = me["sid"].as_str().expect("a session");
    let sessions = format!("{postern}/api/v1/sessions?tenant=acme.example&product=authjs&id={sid}");
    let ended = http().delete(sessions).header("authorization", format!("Api-Key {api_key}")).send().await;
    assert_eq!(ended.expect("the API answers").status().as_u16(), 200);
    app.forgets(&page.cookies).await;
}

#[tokio::test]
async fn the_first_login_makes_an_account_and_the_session_says_what_postern_says() {
    let world = World::start(&[]).await;
    let app = world.app.start(&world.environment()).await;
    let page = browser::sign_in("example-first", &app.origin, OidcProvider::USER).await;
    let me = app.me(&page.cookies).await;
    let [session] = &world.sessions().await[..] else { panic!("one login, one session") };
    let user = &me["user"];
    assert_eq!((&user["sub"], &me["sid"]), (&session["sub"], &session["id"]), "{me}");
    assert_eq!((&user["email"], &user["name"]), (&json!("alice@acme.example.com"), &json!("Alice Liddell")), "{me}");
    assert_eq!((&user["tenant"], &user["role"]), (&json!(TENANT), &json!("member")), "{me}");
    let ends = me["session_expires_at"].as_i64().expect("seconds");
    let left = ends - now().as_second();
    assert!((23 * 3600..=24 * 3600).contains(&left), "{left} seconds of 24 hours");

    let again = browser::sign_in("example-again", &app.origin, OidcProvider::USER).await;
    let again = app.me(&again.cookies).await;
    assert_eq!(again["user"]["id"], user["id"], "the same account");
    assert_ne!(again["sid"], me["sid"], "another session");
}

#[tokio::test]
async fn policy_4_a_role_of_a_group_counts_each_time_and_a_default_one_only_makes_the_account() {
    let world = World::start(&[]).await;
    let roles = json!({ "name": PRODUCT, "roles": ["viewer", "editor"] });
    world.postern.call("PATCH", "/api/v1/products", Some(&roles)).await;
    let app = world.app.start(&world.environment()).await;
    let editors = json!([{ "group": "engineer*", "role": "editor" }]);
    for (settings, expected) in [
        (json!({ "default_role": "viewer" }), ["viewer", "default"]),
        (json!({ "default_role": "member" }), ["viewer", "default"]),
        (json!({ "group_roles": editors }), ["editor", "group"]),
        // Who was promoted stays that.
        (json!({ "group_roles": [] }), ["editor", "default"]),
    ] {
        world.set(settings.clone()).await;
        let page = browser::sign_in("example-role", &app.origin, OidcProvider::USER).await;
        let me = app.me(&page.cookies).await;
        assert_eq!(["role", "role_source"].map(|claim| &me["user"][claim]), expected, "{settings}: {me}");
        assert!(page.text.contains(&format!("You are {} at {TENANT}, account 1", expected[0])), "{page:#?}");
    }
}

#[tokio::test]
async fn policy_3_who_may_not_have_an_account_gets_none_and_who_has_one_keeps_it() {
    let world = World::start(&[]).await;
    let app = world.app.start(&world.environment()).await;
    let sign_in = async || browser::sign_in("example-provisioning", &app.origin, OidcProvider::USER).await;
    world.set(json!({ "auto_provision": false })).await;
    let page = sign_in().await;
    assert!(page.text.contains("Ask your administrator for an account."), "{page:#?}");
    assert!(app.me(&page.cookies).await["user"].is_null(), "nobody is signed in");

    world.set(json!({ "auto_provision": true })).await;
    let page = sign_in().await;
    assert_eq!(app.me(&page.cookies).await["user"]["id"], 1, "{page:#?}");
    world.set(json!({ "auto_provision": false })).await;
    let page = sign_in().await;
    assert_eq!(app.me(&page.cookies).await["user"]["id"], 1, "{page:#?}");
}

#[tokio::test]
async fn policy_3_without_a_proven_domain_nobody_gets_an_account() {
    let world = World::start(&[]).await;
    world.give_domains_up().await;
    let app = world.app.start(&world.environment()).await;
    let page = browser::sign_in("example-unproven", &app.origin, OidcProvider::USER).await;
    assert!(page.text.contains("has to prove that the domain of your address is theirs"), "{page:#?}");
    assert!(app.me(&page.cookies).await["user"].is_null(), "nobody is signed in");
}

#[tokio::test]
async fn policy_3_somebody_refused_uninvited_promoted_and_blocked_sees_why_and_the_app_acts() {
    let world = World::start(&[]).await;
    let roles = json!({ "name": PRODUCT, "roles": ["editor"] });
    world.postern.call("PATCH", "/api/v1/products", Some(&roles)).await;
    let app = world.app.start(&world.environment()).await;
    let sign_in = async |story| browser::sign_in(story, &app.origin, OidcProvider::USER).await;
    let alice = json!({ "tenant": TENANT, "product": PRODUCT, "email": "alice@acme.example.com" });

    // Postern refuses: a claim is missing.
    world.set(json!({ "required_claims": ["email", "costCentre"] })).await;
    let page = sign_in("example-refused").await;
    assert!(page.text.contains("did not say enough about you") && page.text.contains("Reference: "), "{page:#?}");
    assert!(app.me(&page.cookies).await["user"].is_null(), "nobody is signed in");

    // Nobody has invited her: Postern refuses, or says so, and the app does.
    for (story, uninvited) in [("example-uninvited", "refuse"), ("example-uninvited-told", "tell")] {
        world.set(json!({ "required_claims": "", "access_policy": "invited_only", "uninvited": uninvited })).await;
        let page = sign_in(story).await;
        assert!(page.text.contains("Ask your administrator for an invitation."), "{page:#?}");
        assert!(app.me(&page.cookies).await["user"].is_null(), "nobody is signed in");
    }

    // Invited, and promoted: the role opens a page.
    world.postern.call("POST", "/api/v1/people/invited", Some(&alice)).await;
    let page = sign_in("example-invited").await;
    assert!(page.text.contains("You are member") && page.text.contains("You may read"), "{page:#?}");
    let me = app.me(&page.cookies).await;
    assert_eq!((&me["provisioning"], &me["user"]["team"]), (&json!({ "allowed": true }), &Value::Null), "{me}");
    let rules = json!({
        "group_roles": [{ "group": "engineer*", "role": "editor" }], "group_teams": [{ "group": "engineer*", "team": "Rockets" }],
    });
    world.set(rules).await;
    let edit = format!("{}/edit", app.origin);
    let clicks = [Click { fill: None, press: "Edit", until: &edit }];
    let page = browser::sign_in_and_click("example-promoted", &app.origin, OidcProvider::USER, &clicks).await;
    assert!(page.text.contains("You are editor") && page.text.contains("team Rockets"), "{page:#?}");
    assert!(page.then[0].contains("Only editors see this."), "{page:#?}");

    // Blocked: her session ends in the app, and she does not come back.
    world.postern.call("POST", "/api/v1/people/blocked", Some(&alice)).await;
    app.forgets(&page.cookies).await;
    let page = sign_in("example-blocked").await;
    assert!(page.text.contains("Your organisation has blocked your account."), "{page:#?}");
    assert!(app.me(&page.cookies).await["user"].is_null(), "nobody is signed in");
}

#[tokio::test]
async fn a_login_that_somebody_else_begins_takes_along_what_postern_says_and_nothing_else() {
    let world = World::start(&[]).await;
    let app = world.app.start(&world.environment()).await;
    let issuer = &*world.postern.public_url;
    let asked = [("iss", issuer), ("tenant", TENANT), ("idp_hint", "conn_x"), ("login_hint", "h"), ("scope", "evil")];
    let url = Url::parse_with_params(&format!("{}/start", app.origin), asked).expect("a URL");
    let answer = Answer::read(http().get(url).send().await.expect("the example answers")).await;
    let there = answer.location.clone().expect("a redirect");
    assert!(there.as_str().starts_with(&format!("{issuer}/api/oauth/authorize?")), "{there}");
    let said = ["tenant", "idp_hint", "login_hint", "scope"].map(|name| answer.parameter(name));
    let expected = [TENANT, "conn_x", "h", "openid email profile"].map(|value| Some(value.to_owned()));
    assert_eq!(said, expected, "{there}");
    assert!(answer.cookies.iter().any(|cookie| cookie.starts_with("authjs.state=")), "a login of its own: {answer:?}");

    let request = http().get(format!("{}/start?iss=https%3A%2F%2Fevil.example&tenant={TENANT}", app.origin));
    let answer = request.send().await.expect("the example answers");
    assert_eq!(answer.headers()["location"], "/", "nobody else begins logins");
}

#[tokio::test]
async fn somebody_with_an_account_is_asked_and_their_password_connects_it() {
    let world = World::start(&[]).await;
    world.give_domains_up().await;
    let environment = world.environment();
    world.app.run("sign-up.js", &["alice@acme.example.com", TENANT], &environment, "an old password\n");
    let app = world.app.start(&environment).await;
    let asked = format!("{}/is-it-you", app.origin);
    let home = format!("{}/", app.origin);
    let clicks = [
        Click { fill: Some(("password", "an old password")), press: "Connect", until: &home },
        // They are still signed in at the provider, so nothing is typed.
        Click { fill: None, press: "Sign in", until: &home },
    ];
    let page = browser::sign_in_and_click("example-link", &app.origin, OidcProvider::USER, &clicks).await;
    assert!(page.url.starts_with(&asked) && page.text.contains("alice@acme.example.com"), "{page:#?}");
    assert!(app.me(&page.cookies).await["user"].is_null(), "until then nobody is signed in");
    assert!(page.then[1].contains("Hello, Alice Liddell") && page.then[1].contains("account 1"), "{page:#?}");

    // In another browser the question is nobody's.
    let stranger = http().post(&asked).form(&[("password", "an old password")]).send().await.expect("an answer");
    assert_eq!(stranger.headers()["location"], "/refused?reason=question_over");
    let page = browser::sign_in("example-linked", &app.origin, OidcProvider::USER).await;
    assert_eq!(app.me(&page.cookies).await["user"]["id"], 1, "{page:#?}");
}

#[tokio::test]
async fn f12_signing_out_leads_through_postern_and_the_provider_and_back_to_the_app() {
    let world = World::start(&[]).await;
    let app = world.app.start(&world.environment()).await;
    let end_session = format!("{}/session/end", world.idp.issuer);
    let signed_out = format!("{}/signed-out", app.origin);
    let clicks = [
        Click { fill: None, press: "Sign out", until: &end_session },
        Click { fill: None, press: "Yes, sign me out", until: &signed_out },
        // Who is signed out there too has to type the password again.
        Click { fill: None, press: "Sign in", until: &format!("{}/sign-in/", world.idp.issuer) },
    ];
    let page = browser::sign_in_and_click("example-sign-out", &app.origin, OidcProvider::USER, &clicks).await;
    assert!(page.then[1].contains("You are signed out") && page.then[2].contains("Password"), "{page:#?}");
    let way: Vec<_> = page.visited.iter().map(|(_, _, url)| url.split('?').next().expect("an address")).collect();
    let at =
        |url: &str| way.iter().rposition(|visited| *visited == url).unwrap_or_else(|| panic!("not {url}: {way:#?}"));
    let postern = &world.postern.public_url;
    let stations = [
        at(&format!("{}/sign-out", app.origin)),
        at(&format!("{postern}/api/oauth/logout")),
        at(&end_session),
        at(&format!("{postern}/api/oauth/logout/return")),
        at(&signed_out),
    ];
    assert!(stations.is_sorted(), "{way:#?}");

    // It is over everywhere: here, although somebody kept the cookie, and at Postern.
    assert_eq!(app.me(&page.cookies).await, json!({}));
    assert!(world.sessions().await.is_empty());
}

#[tokio::test]
async fn f14_a_session_that_ends_elsewhere_takes_its_cookie_along_and_no_other() {
    let world = World::start(&[]).await;
    let app = world.app.start(&world.environment()).await;
    let pages = [
        browser::sign_in("example-back-channel-1", &app.origin, OidcProvider::USER).await,
        browser::sign_in("example-back-channel-2", &app.origin, OidcProvider::USER).await,
    ];
    let sid = app.me(&pages[0].cookies).await["sid"].clone();
    world.end(&format!("id={}", sid.as_str().expect("a session"))).await;
    app.forgets(&pages[0].cookies).await;
    let other = app.me(&pages[1].cookies).await;
    assert_eq!(other["user"]["email"], "alice@acme.example.com", "{other}");
    world.end("email=alice@acme.example.com").await;
    app.forgets(&pages[1].cookies).await;

    let forged = http().post(format!("{}/back-channel-logout", app.origin)).form(&[("logout_token", "e30.e30.x")]);
    assert_eq!(forged.send().await.expect("an answer").status().as_u16(), 400);
}

#[tokio::test]
async fn c1_requests_at_the_same_time_refresh_without_losing_the_session() {
    // So short that every look at the session is due for a refresh.
    let world = World::start(&[("POSTERN_OAUTH__ACCESS_TOKEN_SECONDS", "20")]).await;
    let environment = world.environment();
    let page = {
        let app = world.app.start(&environment).await;
        let page = browser::sign_in("example-refresh", &app.origin, OidcProvider::USER).await;
        look_often(&app, &page.cookies).await;
        page
    };
    // What is kept outlives the process: the newest refresh token too.
    let app = world.app.start(&environment).await;
    look_often(&app, &page.cookies).await;
    let log = world.postern.log();
    assert!(!log.contains("RefreshToken"), "no refresh was refused: {log}");
    let asked = log.matches("route=\"/api/oauth/token\" status=200").count();
    assert!(asked > 10, "one for the login, and at least one in each of ten rounds: {log}");
    assert_eq!(world.sessions().await.len(), 1);

    world.end("email=alice@acme.example.com").await;
    app.forgets(&page.cookies).await;
}

/// Ten requests at once, five times.
async fn look_often(app: &RunningExample, cookies: &str) {
    for _ in 0..5 {
        let looks = std::array::from_fn::<_, 10, _>(|_| {
            let (url, cookies) = (format!("{}/me", app.origin), cookies.to_owned());
            tokio::spawn(async move { http().get(url).header("cookie", cookies).send().await?.json::<Value>().await })
        });
        for look in looks {
            let me = look.await.expect("it runs").expect("the example answers");
            assert_eq!(me["user"]["email"], "alice@acme.example.com", "{me}");
        }
    }
}

#[tokio::test]
async fn policy_6_an_app_without_a_back_channel_hears_of_the_end_when_it_asks() {
    let world = World::start(&[]).await;
    let settings = json!({ "name": PRODUCT, "backchannel_logout_uri": "" });
    let product = world.postern.call("PATCH", "/api/v1/products", Some(&settings)).await;
    assert!(product["backchannel_logout_uri"].is_null(), "{product}");
    let mut environment = world.environment();
    environment.insert("POLL_SECONDS".into(), "1".into());
    let app = world.app.start(&environment).await;
    let page = browser::sign_in("example-poll", &app.origin, OidcProvider::USER).await;
    assert_eq!(app.me(&page.cookies).await["user"]["email"], "alice@acme.example.com");
    world.end("email=alice@acme.example.com").await;
    app.forgets(&page.cookies).await;
}

#[tokio::test]
async fn c8_any_backend_asks_what_a_token_is_worth() {
    let world = World::start(&[]).await;
    let (tenant, idp) = ("globex.example.com", Idp::new("https://idp.globex.example.com/metadata"));
    let redirect = format!("{}/auth/callback/postern", world.app.origin);
    let urls = [redirect.clone()];
    world.postern.connect(tenant, PRODUCT, &urls, ("rawMetadata", &idp.metadata())).await;
    let (id, secret) = (&*world.client.0, &*world.client.1);
    let asked = [
        ("client_id", id),
        ("tenant", tenant),
        ("redirect_uri", &redirect),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let waiting = login::begin(&world.postern, &asked).await;
    let code = waiting.answer(&waiting.response(&idp).signed_assertion(&idp.key)).await.code();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &redirect),
        ("code_verifier", CODE_VERIFIER),
    ];
    let tokens = login::redeem(&world.postern, (id, secret), &form).await;
    let token = tokens.member("access_token").unwrap_or_else(|| panic!("no token in {tokens:?}"));

    let environment = world.environment();
    for script in ["introspect.sh", "introspect.js"] {
        let told = world.app.run(script, &[], &environment, &token);
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{script}: {told}"));
        assert_eq!((&told["active"], &told["tenant"]), (&json!(true), &json!(tenant)), "{script}");
        assert!(told["session_expires_at"].is_i64(), "{script}: {told}");
    }
    let app = world.app.start(&environment).await;
    let report = async || {
        let request = http().get(format!("{}/api/report", app.origin)).bearer_auth(&token);
        request.send().await.expect("the example answers")
    };
    let answer: Value = report().await.json().await.expect("JSON");
    assert_eq!(answer["tenant"], tenant, "{answer}");
    let ended = format!("/api/v1/sessions?tenant={tenant}&product={PRODUCT}&email=alice@example.com");
    world.postern.call("DELETE", &ended, None).await;
    assert_eq!(report().await.status().as_u16(), 401, "dead at once");
}

/// Postern on Redis, the example registered for everything that it does, and a customer with an OpenID Provider.
struct World {
    _redis: Redis,
    postern: Postern,
    idp: OidcProvider,
    app: Example,
    client: (String, String),
}

impl World {
    async fn start(environment: &[(&'static str, &str)]) -> Self {
        let redis = Redis::start().await;
        let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let postern = Postern::start(&redis, Settings { environment, ..Settings::default() }).await;
        let idp = OidcProvider::start(&postern.public_url, OidcProviderSettings::default()).await;
        let app = Example::reserve();
        let redirect = format!("{}/auth/callback/postern", app.origin);
        let product = json!({
            "name": PRODUCT, "redirect_urls": [redirect], "grant_types": ["authorization_code", "refresh_token"],
            "post_logout_redirect_urls": [format!("{}/signed-out", app.origin)],
            "backchannel_logout_uri": format!("{}/back-channel-logout", app.origin),
        });
        let product = postern.call("POST", "/api/v1/products", Some(&product)).await;
        let text = |name: &str| product[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
        let client = (text("client_id"), text("client_secret"));
        let (id, secret) = OidcProvider::CLIENT;
        let connection = json!({
            "tenant": TENANT, "product": PRODUCT, "redirectUrl": [redirect], "defaultRedirectUrl": redirect,
            "oidcIssuer": idp.issuer, "oidcClientId": id, "oidcClientSecret": secret,
            "oidcClientAuthMethod": OidcProviderSettings::default().client_authentication,
        });
        postern.call("POST", "/api/v1/sso", Some(&connection)).await;
        let domain = json!({ "tenant": TENANT, "product": PRODUCT, "domain": TENANT, "proof": "operator" });
        postern.call("POST", "/api/v1/domains", Some(&domain)).await;
        Self { _redis: redis, postern, idp, app, client }
    }

    fn environment(&self) -> Environment {
        self.app.environment(&self.postern.public_url, (&self.client.0, &self.client.1), TENANT)
    }

    /// The sessions of the customer.
    async fn sessions(&self) -> Vec<Value> {
        let path = format!("/api/v1/sessions?tenant={TENANT}&product={PRODUCT}");
        self.postern.call("GET", &path, None).await["data"].as_array().expect("a list").clone()
    }

    /// The customer has proven no domain.
    async fn give_domains_up(&self) {
        let path = format!("/api/v1/domains?tenant={TENANT}&product={PRODUCT}");
        for domain in self.postern.call("GET", &path, None).await["data"].as_array().expect("a list") {
            let id = domain["id"].as_str().expect("an id");
            self.postern.call("DELETE", &format!("/api/v1/domains/{id}"), None).await;
        }
    }

    /// An operator changes the customer's policy.
    async fn set(&self, mut settings: Value) {
        let path = format!("/api/v1/tenants/{TENANT}/products/{PRODUCT}/policy");
        settings["revision"] = self.postern.call("GET", &path, None).await["revision"].clone();
        self.postern.call("PATCH", &path, Some(&settings)).await;
    }

    /// An operator ends some of them.
    async fn end(&self, which: &str) {
        let path = format!("/api/v1/sessions?tenant={TENANT}&product={PRODUCT}&{which}");
        let answer = self.postern.call("DELETE", &path, None).await;
        assert_ne!(answer["ended"], 0, "{which}");
    }
}
