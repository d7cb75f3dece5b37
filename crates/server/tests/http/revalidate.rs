//! A tenant wants its identity provider asked again before an app goes on.

use std::time::Duration;

use serde_json::{Value, json};

use crate::policy::{check, set};
use crate::registered::{App, member};
use crate::world::{World, authn_request};

#[actix_web::test]
async fn policy_1_revalidate_minutes_are_5_to_1440_or_none() {
    let world = World::new().await;
    let bad = [json!(4), json!(1441), json!(-5), json!("often"), json!([5])];
    check(&world, "revalidate_minutes", Value::Null, &[json!(5), json!(60), json!(1440)], &bad).await;
}

#[actix_web::test]
async fn policy_1_a_refresh_after_that_needs_a_silent_login() {
    let world = World::new().await;
    let app = App::register(&world, json!({ "grant_types": ["authorization_code", "refresh_token"] })).await;
    for scope in ["openid", "openid offline_access"] {
        assert_eq!(set(&world, json!({ "revalidate_minutes": "" })).await.status, 200);
        let tokens = app.tokens(scope).await;
        world.advance(Duration::from_secs(20 * 60));
        let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
        assert_eq!(set(&world, json!({ "revalidate_minutes": 30 })).await.status, 200);

        world.advance(Duration::from_secs(10 * 60 - 1));
        let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
        let token = member(&tokens, "refresh_token");
        world.advance(Duration::from_secs(1));
        for _ in 0..2 {
            let refused = app.refresh(token, &[]).await;
            assert_eq!((refused.status.as_u16(), refused.json()["error"].as_str()), (400, Some("invalid_grant")));
            assert_eq!(refused.code(), "RefreshNeedsProof", "{scope}: and nothing was spent, nor the session ended");
        }

        let client = [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("prompt", "none")];
        assert!(authn_request(&world.authorize(&client).await).contains("IsPassive=\"true\""), "without a word");
        let code = app.code(&[("scope", scope), ("prompt", "none")]).await;
        let proof = [("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str())];
        let tokens = world.redeem_with(&code, &proof).await.json();
        world.advance(Duration::from_secs(29 * 60));
        assert_eq!(app.refresh(member(&tokens, "refresh_token"), &[]).await.status, 200, "{scope}");
    }
}
