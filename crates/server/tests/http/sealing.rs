//! The keys that seal what is stored change while people sign in, and nobody notices.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use postern::jobs::key_ring;
use postern::jobs::sealing::{SETTLED, Sealing};
use postern::system::SystemRandom;
use postern_core::connections::Which;
use postern_core::ports::{Backend, Op, Place, Reply, Seal as _};
use postern_store::{KeyRing, RootKeys, census, reseal};
use serde_json::{Value, json};

use crate::registered::{App, member};
use crate::removal;
use crate::world::World;

const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

/// The ring as another process has it.
async fn other_ring(world: &World) -> Arc<KeyRing> {
    let roots = RootKeys::single(world.root.clone());
    Arc::new(KeyRing::load_or_create(&*world.memory, &roots, Arc::new(SystemRandom)).await.unwrap())
}

/// As `postern keys rotate` does it. → the number of the key that only opens now
async fn rotate(ring: &KeyRing, backend: &dyn Backend) -> u32 {
    let before = ring.data_keys().active;
    let number = ring.add_data_key(backend).await.unwrap();
    ring.put_into_use(backend, number).await.unwrap();
    before
}

#[actix_web::test]
async fn every_kind_of_record_outlives_the_key_that_sealed_it() {
    let (world, dns, ear) = removal::world().await;
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    let (connection, tokens) = removal::inhabit(&world, &dns, &app).await;
    let (code, waiting) = (app.code(&[]).await, world.begin(&[]).await);
    let mut sealing = Sealing::new(&world.app);

    // An operator's command: this process has not heard of it.
    let older = rotate(&*other_ring(&world).await, &*world.memory).await;
    assert_eq!(world.ring.data_keys().active, older);
    assert_eq!(key_ring::round(&world.app).await, None);
    sealing.round(&world.app).await;
    assert_ne!(world.ring.data_keys().active, older);
    let seals = async || census(&*world.memory).await.unwrap().remove(&older).unwrap_or_default();
    let before = seals().await;
    assert!(before.classes.len() > 25 && before.renewable() > 50, "{before:?}");
    assert!(!before.classes.contains_key("unknown"), "{before:?}");

    world.advance(SETTLED);
    assert!(world.app.metrics.text().unwrap().contains("postern_reseal_remaining 0\n"));
    sealing.round(&world.app).await;
    let after = seals().await;
    assert_eq!((after.renewable(), after.borne), (0, before.borne));
    let borne = ["access-token", "code", "login", "pushed-request", "refresh-token", "test-login", "spent-code"];
    let left: BTreeSet<_> = after.classes.keys().copied().collect();
    assert!(borne.iter().all(|class| left.contains(class)) && left.len() <= 12, "{left:?}");

    // What was under way goes on, and what is kept is as it was.
    let answer = world.answer(&waiting, &world.response(&waiting).signed_assertion(&world.key)).await;
    assert!(answer.sent("code").is_some(), "{}", answer.location());
    let form = [("grant_type", "authorization_code"), ("code", code.as_str())];
    let redeemed = app
        .post(
            "/api/oauth/token",
            &[&form[..], &[("redirect_uri", crate::world::CALLBACK), ("code_verifier", crate::world::VERIFIER)]]
                .concat(),
        )
        .await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.body);
    assert_eq!(app.refresh(&tokens[1], &[]).await.status, 200);
    let read = world.api(Method::GET, &format!("sso?clientID={}", member(&connection, "clientID")), Value::Null).await;
    assert_eq!(read.json()[0]["id"], connection["id"]);
    assert_eq!(world.api(Method::GET, "events", Value::Null).await.status, 200);

    world.advance(MONTH);
    assert_eq!(seals().await.records(), 0);
    world.ring.retire(&*world.memory, older).await.unwrap();
    let replica = world.replica_with(other_ring(&world).await).await;
    assert_eq!(replica.ring.data_keys().open_only, [] as [u32; 0]);
    app.code(&[]).await;
}

#[actix_web::test]
async fn a_replica_that_has_not_heard_of_a_key_looks_it_up() {
    let world = World::new().await;
    let replica = world.replica_with(other_ring(&world).await).await;
    let older = rotate(&world.ring, &*world.memory).await;
    let connection = world.connect("globex.example", "crm", "https://idp.globex.example/metadata").await;
    assert_eq!(replica.ring.data_keys().active, older);
    let which = Which::Client(member(&connection, "clientID").to_owned());
    let found = replica.connections.find(&which).await.unwrap();
    assert_eq!(found[0].id.0, member(&connection, "id"));
    assert_ne!(replica.ring.data_keys().active, older);
}

#[actix_web::test]
async fn an_administrator_does_not_notice_that_a_record_is_sealed_anew() {
    let world = World::new().await;
    let connection = world.connect("globex.example", "crm", "https://idp.globex.example/metadata").await;
    let body = |name: &str| {
        json!({
            "clientID": connection["clientID"], "clientSecret": connection["clientSecret"],
            "tenant": "globex.example", "product": "crm", "name": name,
        })
    };
    let (ring, memory) = (world.ring.clone(), world.memory.clone());
    world.brittle.before("p1:conn:", async move {
        rotate(&ring, &*memory).await;
        let done = reseal(&ring, &*memory, async |_| Ok(())).await.unwrap();
        assert!(done.sealed > 0 && done.unreadable == 0);
    });
    let answer = world.api(Method::PATCH, "sso", body("first")).await;
    assert_eq!(answer.status, 204, "{}", answer.body);

    // Where somebody wrote it, whatever they wrote, they came first.
    let (ring, memory) = (world.ring.clone(), world.memory.clone());
    assert_eq!(world.api(Method::DELETE, "tenants/acme.example", Value::Null).await.status, 200);
    let key = memory.keys().into_iter().find(|key| key.starts_with("p1:conn:")).unwrap();
    world.brittle.before("p1:conn:", async move {
        let place = Place { class: "connection", schema: 1, key: &key, bearer: b"" };
        let Reply::Value(Some(sealed)) = memory.run(vec![Op::Get { key: key.clone() }]).await.unwrap().remove(0) else {
            panic!("no connection")
        };
        let value = ring.seal(place, &ring.open(place, &sealed).unwrap());
        memory.run(vec![Op::Put { key: key.clone(), value, lifetime: None, bound: false }]).await.unwrap();
    });
    assert_eq!(world.api(Method::PATCH, "sso", body("second")).await.code(), "ChangedMeanwhile");
}
