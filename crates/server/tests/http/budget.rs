//! What a login may cost. Round trips are counted here; times are figures of the load command.

use serde_json::json;

use crate::world::World;

#[actix_web::test]
async fn a_complete_login_takes_at_most_ten_round_trips() {
    let world = World::new().await;
    let product = world.register(json!({})).await;
    let (client_id, secret) = (product["client_id"].as_str().unwrap(), product["client_secret"].as_str().unwrap());
    let asked = [("client_id", client_id), ("tenant", "acme.example")];
    for (round, most) in [("cold", 12), ("warm", 10)] {
        let before = world.counted.counts();
        let code = world.code(&asked).await;
        let login = world.counted.counts() - before;
        // The helper that redeems looks up a secret first; that is not part of the login.
        let looked_up = world.counted.counts();
        world.connection_secret("acme.example").await;
        let helper = (world.counted.counts() - looked_up).round_trips;
        let before = world.counted.counts();
        let tokens = world.redeem(&code, &[("client_id", client_id), ("client_secret", secret)]).await.json();
        world.claims(tokens["access_token"].as_str().unwrap()).await;
        let redeemed = world.counted.counts() - before;
        let trips = login.round_trips + redeemed.round_trips - helper;
        assert!(trips <= most, "{round}: {trips} round trips");
        if round == "warm" {
            assert_eq!(trips, 9, "a change of the budget belongs into docs/PERFORMANCE.md");
        }
    }
}
