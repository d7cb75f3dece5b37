//! What people and apps hear when another server takes the place of the store's. That nothing is taken twice is shown on Redis, in
//! `crates/store/src/redis/failovers.rs`.

use std::time::Duration;

use postern_core::ports::Clock as _;
use serde_json::json;

use crate::unsolicited;
use crate::world::{CALLBACK, World};

#[actix_web::test]
async fn fault_2_a_login_that_was_under_way_begins_anew() {
    let world = World::new().await;
    let waiting = world.begin(&[]).await;
    let xml = world.response(&waiting).signed_assertion(&world.key);
    world.brittle.fail_over(world.clock.now());
    let refused = world.answer(&waiting, &xml).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "LoginLostInFailover"));
    assert_eq!(world.answer(&waiting, &xml).await.code(), "LoginSpent");
    let answer = world.redeem(&world.code(&[]).await, &[]).await;
    assert_eq!(answer.status, 200, "what begins afterwards is as good as ever: {}", answer.body);
}

#[actix_web::test]
async fn fault_2_a_code_that_may_have_been_redeemed_is_not() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    world.brittle.fail_over(world.clock.now());
    let refused = world.redeem(&code, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "CodeLostInFailover"));
    assert_eq!(refused.json()["error"], "invalid_grant");
    assert_ne!(world.redeem(&code, &[]).await.status, 200);
}

#[actix_web::test]
async fn fault_2_what_was_issued_before_may_have_been_used() {
    let world = World::new().await;
    let id = unsolicited::allow(&world, json!(["unsolicited"])).await;
    let initiate = json!({ "redirect_urls": [CALLBACK], "initiate_login_url": "https://app.example.com/login" });
    world.register(initiate).await;
    world.advance(Duration::from_secs(180));
    let path = format!("/api/oauth/saml/{id}");
    let response = async || {
        let xml = unsolicited::response(&world, &id).signed_assertion(&world.key);
        unsolicited::post(&world, &path, &xml).await
    };
    assert_eq!(response().await.status, 303);
    world.brittle.fail_over(world.clock.now());
    assert_eq!(response().await.code(), "UnsolicitedBeforeStart");
    world.advance(Duration::from_secs(180));
    assert_eq!(response().await.status, 303);
}

#[actix_web::test]
async fn fault_2_what_another_server_than_before_takes_for_new_is_refused() {
    let world = World::new().await;
    let id = unsolicited::allow(&world, json!(["unsolicited"])).await;
    let initiate = json!({ "redirect_urls": [CALLBACK], "initiate_login_url": "https://app.example.com/login" });
    world.register(initiate).await;
    world.advance(Duration::from_secs(180));
    // The old server remembers the response already, on behalf of another replica; the new one has not heard of it.
    let (brittle, now) = (world.brittle.clone(), world.clock.now());
    world.brittle.before("p1:replay:", async move { brittle.fail_over(now) });
    let xml = unsolicited::response(&world, &id).signed_assertion(&world.key);
    let refused = unsolicited::post(&world, &format!("/api/oauth/saml/{id}"), &xml).await;
    assert_eq!(refused.code(), "UnsolicitedBeforeStart");
    assert!(!refused.headers.contains_key("set-cookie"), "nobody waits for the app");
}
