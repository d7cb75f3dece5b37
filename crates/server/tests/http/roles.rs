//! As what people come in: roles and teams, by groups, departments and defaults, told wherever an app may read them.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::id_token::verified;
use crate::policy::{POLICY, check, set};
use crate::registered::{App, member};
use crate::world::World;

/// A product with two roles beside `member`, of which one is privileged.
async fn app(world: &World) -> App<'_> {
    App::register(world, json!({ "roles": ["editor", "viewer", { "name": "admin", "privileged": true }] })).await
}

/// The tokens of a login of somebody in these groups and this department.
async fn tokens(app: &App<'_>, groups: &[&str], department: &str) -> Value {
    let world = app.world;
    world.advance(Duration::from_secs(1)); // traces are listed by time
    let waiting = world.begin(&[("client_id", &app.client_id), ("tenant", "acme.example"), ("scope", "openid")]).await;
    let mut response = world.response(&waiting);
    response.attributes.retain(|(name, _)| name != "groups");
    if !groups.is_empty() {
        response.attributes.push(("groups".into(), groups.iter().map(|group| (*group).to_owned()).collect()));
    }
    if !department.is_empty() {
        response.attributes.push(("department".into(), vec![department.to_owned()]));
    }
    let code = world.answer(&waiting, &response.signed_assertion(&world.key)).await.sent("code").expect("a code");
    let proof = [("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str())];
    world.redeem_with(&code, &proof).await.json()
}

/// What userinfo says of such a login: role, its source, and team.
async fn placed(app: &App<'_>, groups: &[&str], department: &str) -> [Value; 3] {
    let tokens = tokens(app, groups, department).await;
    let claims = app.world.claims(member(&tokens, "access_token")).await.json();
    ["role", "role_source", "team"].map(|claim| claims[claim].clone())
}

/// What the last login's trace notes.
async fn notes(world: &World) -> Vec<String> {
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    let notes: Vec<String> = serde_json::from_value(traces["data"][0]["notes"].clone()).unwrap_or_default();
    notes.into_iter().filter(|note| !note.starts_with("provisioning: ")).collect()
}

/// What a connection overrides.
async fn override_by(world: &World, policy: Value) -> crate::world::Answer {
    let secret = world.connection_secret("acme.example").await;
    let change = json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "policy": policy });
    world.api(Method::PATCH, "sso", change).await
}

async fn must_set(world: &World, settings: Value) {
    let answer = set(world, settings).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[actix_web::test]
async fn policy_1_roles_and_teams_have_their_defaults_and_ranges() {
    let world = World::new().await;
    let _app = app(&world).await;
    let long = "x".repeat(257);
    check(&world, "default_role", json!("member"), &[json!("viewer"), json!("member")], &[json!("owner"), json!(long)])
        .await;
    check(&world, "default_team", Value::Null, &[json!("Sales")], &[json!(long), json!(" ")]).await;
    for (name, key, gives) in
        [("group_roles", "group", "role"), ("group_teams", "group", "team"), ("department_teams", "department", "team")]
    {
        let rule = |matches: &str, given: &str| json!({ key: matches, gives: given });
        let good = [json!([rule("eng-*", "editor"), rule("Sales", "viewer")]), json!([])];
        let many = vec![rule("a", "editor"); 101];
        let bad =
            [json!("x"), json!([{ key: "a" }]), json!([rule("", "editor")]), json!(many), json!([{ "x": 1, "y": 2 }])];
        check(&world, name, json!([]), &good, &bad).await;
    }
    let answer = set(&world, json!({ "group_roles": [{ "group": "a", "role": "owner" }] })).await;
    assert_eq!(answer.code(), "FieldInvalid");
    assert!(answer.body.contains("group_roles") && answer.body.contains("editor, viewer, admin"), "{}", answer.body);
}

#[actix_web::test]
async fn policy_4_without_rules_everybody_is_a_member_by_default() {
    let world = World::new().await;
    let app = app(&world).await;
    assert_eq!(placed(&app, &["staff"], "").await, [json!("member"), json!("default"), Value::Null]);
    assert!(notes(&world).await.is_empty());
}

#[actix_web::test]
async fn policy_4_the_first_matching_rule_of_the_connection_then_of_the_scope_then_the_defaults() {
    let world = World::new().await;
    let app = app(&world).await;
    must_set(&world, json!({
        "group_roles": [{ "group": "eng-*", "role": "editor" }, { "group": "eng-leads", "role": "admin" }, { "group": "Staff", "role": "viewer" }],
        "default_role": "viewer",
    })).await;
    let by_group = |role: &str| [json!(role), json!("group"), Value::Null];
    assert_eq!(placed(&app, &["everyone", "eng-leads"], "").await, by_group("editor"), "the first rule, not the best");
    assert_eq!(notes(&world).await, ["group_roles: rule 1 of the scope matched"]);
    assert_eq!(placed(&app, &["Staff"], "").await, by_group("viewer"));
    assert_eq!(placed(&app, &["staff"], "").await, [json!("viewer"), json!("default"), Value::Null], "case counts");
    assert_eq!(notes(&world).await, ["group_roles: no_group_rule_matched, of 3 rules for 1 values"]);
    assert_eq!(placed(&app, &[], "").await[1], json!("default"));
    assert_eq!(notes(&world).await, ["group_roles: groups_attribute_missing, for 3 rules"]);

    let overrides = json!({ "group_roles": [{ "group": "eng-lead?", "role": "admin" }], "default_role": "editor" });
    assert_eq!(override_by(&world, overrides).await.status, 204);
    assert_eq!(placed(&app, &["eng-leads"], "").await, by_group("admin"), "the connection before the scope");
    assert_eq!(notes(&world).await, ["group_roles: rule 1 of the connection matched"]);
    assert_eq!(placed(&app, &["Staff"], "").await, by_group("viewer"), "the scope where the connection says nothing");
    assert_eq!(
        placed(&app, &["other"], "").await[..2],
        [json!("editor"), json!("default")],
        "its default before the scope's"
    );
    assert_eq!(override_by(&world, json!({})).await.status, 204);
    assert_eq!(placed(&app, &["other"], "").await[..2], [json!("viewer"), json!("default")]);
}

#[actix_web::test]
async fn policy_1_a_team_comes_from_the_groups_then_the_department_then_the_default() {
    let world = World::new().await;
    let app = app(&world).await;
    must_set(
        &world,
        json!({
            "group_teams": [{ "group": "eng-*", "team": "Engineering" }],
            "department_teams": [{ "department": "Research*", "team": "Research" }],
            "default_team": "Everybody",
        }),
    )
    .await;
    assert_eq!(placed(&app, &["eng-core"], "Research & Development").await[2], "Engineering");
    assert_eq!(placed(&app, &["sales"], "Research & Development").await[2], "Research");
    assert_eq!(placed(&app, &["sales"], "Legal").await[2], "Everybody");
    assert_eq!(placed(&app, &[], "").await[2], "Everybody");
    let expected = [
        "group_teams: groups_attribute_missing, for 1 rules",
        "department_teams: department_attribute_missing, for 1 rules",
    ];
    assert_eq!(notes(&world).await, expected);
    assert_eq!(override_by(&world, json!({ "default_team": "Acme" })).await.status, 204);
    assert_eq!(placed(&app, &["sales"], "Legal").await[2], "Acme");
}

#[actix_web::test]
async fn the_role_and_the_team_are_told_everywhere_and_no_attribute_takes_their_place() {
    let world = World::new().await;
    let app = app(&world).await;
    must_set(
        &world,
        json!({
            "group_roles": [{ "group": "engineering", "role": "editor" }],
            "group_teams": [{ "group": "engineering", "team": "Core" }],
        }),
    )
    .await;
    let tokens = tokens(&app, &["engineering"], "Research").await;
    let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
    let access_token = member(&tokens, "access_token");
    let userinfo = world.claims(access_token).await.json();
    let (id_token, _) = verified(&world, member(&tokens, "id_token")).await;
    let told = [userinfo, id_token, app.introspect(access_token).await];
    let expected = [json!("editor"), json!("group"), json!("Core"), json!("Research")];
    for told in told {
        assert_eq!(["role", "role_source", "team", "department"].map(|claim| told[claim].clone()), expected, "{told}");
        assert!(told["acr"].as_str().is_some_and(|acr| acr.ends_with(":PasswordProtectedTransport")), "{told}");
    }
    for claim in ["role", "role_source", "team", "provisioning"] {
        let secret = world.connection_secret("acme.example").await;
        let mapping = json!({ "rules": { claim: { "from": ["groups"] } } });
        let change = json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "mapping": mapping });
        assert_eq!(world.api(Method::PATCH, "sso", change).await.code(), "FieldInvalid", "{claim}");
    }
}

#[actix_web::test]
async fn no_sequence_of_calls_makes_a_privileged_role_a_silent_default() {
    let world = World::new().await;
    let app = app(&world).await;
    let roles = async |roles: Value| {
        let answer = world.api(Method::PATCH, "products", json!({ "name": "crm", "roles": roles })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let privileged = json!([{ "name": "admin", "privileged": true }, "editor"]);
    let role = async || placed(&app, &[], "").await[0].clone();

    let answer = set(&world, json!({ "default_role": "admin" })).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"));
    assert!(answer.body.contains("confirm_privileged_default=true"), "{}", answer.body);
    assert_eq!(override_by(&world, json!({ "default_role": "admin" })).await.code(), "FieldInvalid");
    assert_eq!(role().await, "member");

    // It becomes privileged when it is the default already: of the scope, and of the connection.
    roles(json!(["admin", "editor"])).await;
    must_set(&world, json!({ "default_role": "admin" })).await;
    assert_eq!(role().await, "admin");
    roles(privileged.clone()).await;
    assert_eq!(role().await, Value::Null);
    assert_eq!(notes(&world).await, ["default_role is privileged, and nobody has confirmed that"]);
    assert_eq!(
        set(&world, json!({ "default_team": "x" })).await.code(),
        "FieldInvalid",
        "nor is it left so by a change"
    );
    roles(json!(["admin", "editor"])).await;
    assert_eq!(override_by(&world, json!({ "default_role": "admin" })).await.status, 204);
    roles(privileged.clone()).await;
    assert_eq!(role().await, Value::Null);
    assert_eq!(override_by(&world, json!({})).await.status, 204);

    // Somebody means it: that is told, and counts for this role alone.
    let answer = set(&world, json!({ "default_role": "admin", "confirm_privileged_default": true })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["warnings"][0].as_str().is_some_and(|warning| warning.contains("admin")), "{}", answer.body);
    assert_eq!(world.api(Method::GET, POLICY, Value::Null).await.json()["warnings"], answer.json()["warnings"]);
    assert_eq!(role().await, "admin");
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let mut changes = events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "policy.updated");
    let last = &changes.next_back().expect("an event")["data"];
    assert_eq!(last["after"]["confirmed_privileged_default"], "admin", "{last}");
    roles(json!(["admin", { "name": "editor", "privileged": true }])).await;
    assert_eq!(set(&world, json!({ "default_role": "editor" })).await.code(), "FieldInvalid");
    assert_eq!(override_by(&world, json!({ "default_role": "editor" })).await.code(), "FieldInvalid");

    // A role that is gone is nobody's.
    roles(json!([])).await;
    assert_eq!(role().await, Value::Null);
    assert_eq!(notes(&world).await, ["default_role names a role that the product does not declare"]);
}

#[actix_web::test]
async fn a_rule_whose_role_the_product_no_longer_declares_gives_nothing() {
    let world = World::new().await;
    let app = app(&world).await;
    let rules = json!([{ "group": "*", "role": "admin" }, { "group": "*", "role": "viewer" }]);
    must_set(&world, json!({ "group_roles": rules })).await;
    assert_eq!(placed(&app, &["staff"], "").await[0], "admin");
    world.api(Method::PATCH, "products", json!({ "name": "crm", "roles": ["viewer"] })).await;
    assert_eq!(placed(&app, &["staff"], "").await[0], "viewer");
    let note = "group_roles: rule 1 of the scope names a role that the product does not declare";
    assert_eq!(notes(&world).await, [note, "group_roles: rule 2 of the scope matched"]);
}

#[actix_web::test]
async fn a_product_declares_its_roles() {
    let world = World::new().await;
    let product = world.register(json!({ "roles": ["viewer", { "name": "admin", "privileged": true }] })).await;
    let expected = json!([{ "name": "viewer", "privileged": false }, { "name": "admin", "privileged": true }]);
    assert_eq!(product["roles"], expected);
    let twice = json!(["a", "a"]);
    for bad in
        [twice, json!([{ "name": "member", "privileged": true }]), json!([""]), json!("x"), json!([{ "nam": "x" }])]
    {
        let answer = world.api(Method::PATCH, "products", json!({ "name": "crm", "roles": bad })).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"), "{bad}");
        assert!(answer.body.contains("roles"), "{}", answer.body);
    }
}
