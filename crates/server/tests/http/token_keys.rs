//! The keys that sign tokens change while several replicas sign, and nobody notices.

use std::collections::VecDeque;
use std::time::Duration;

use postern::own_keys::make;
use postern_core::own_keys::{Haste, OwnKeys, Purpose};
use postern_core::signing::SigningAlgorithm;
use postern_jose::id_token_hint;
use postern_jose::jwks::Jwks;
use serde_json::json;

use crate::world::{PUBLIC, World};

const ES256: SigningAlgorithm = SigningAlgorithm::Es256;
/// How long a token may live (`oauth.access_token_seconds`), and a client keep the key set (`Cache-Control`).
const LONGEST_LIFE: i64 = 3600;
const KEPT_BY_CLIENTS: i64 = 300;

/// Two replicas, which read the keys every minute, one half a minute after the other. An operator changes the key whenever he is
/// let, by the one replica or the other. Each token has to verify by a key set that is as old as a client may have it, from
/// either replica, and its key has to stay published while it lives.
#[actix_web::test]
async fn d8_every_token_verifies_while_keys_change_on_several_replicas() {
    const STEP: Duration = Duration::from_secs(30);
    let world = World::new().await;
    let replicas = [world.replica().await, world.replica().await];
    let mut sets: VecDeque<(i64, [Jwks; 2])> = VecDeque::new();
    let mut living: VecDeque<(i64, String)> = VecDeque::new();
    let (mut changes, mut issued) = (0, 0);
    for step in 0..8 * 120 {
        world.advance(STEP);
        let now = world.app.now().as_second();
        replicas[step % 2].load_keys().await.unwrap();
        changes += usize::from(operate(&replicas[(step / 7) % 2]).await);
        sets.push_back((now, replicas.each_ref().map(|replica| replica.token_keys().public().clone())));
        while sets.front().is_some_and(|(since, _)| *since < now - KEPT_BY_CLIENTS) {
            sets.pop_front();
        }

        for replica in &replicas {
            let claims = json!({ "iss": PUBLIC, "sub": "s", "aud": "a", "sid": "i", "exp": now + LONGEST_LIFE });
            let token = replica.token_keys().sign(ES256, "JWT", &claims).unwrap();
            let (_, oldest) = sets.front().unwrap();
            for set in oldest {
                id_token_hint::verify(&token, set, PUBLIC).unwrap_or_else(|why| panic!("step {step}: {why}"));
            }
            let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
            living.push_back((now + LONGEST_LIFE, kid));
            issued += 1;
        }
        while living.front().is_some_and(|(expires, _)| *expires < now) {
            living.pop_front();
        }
        for replica in &replicas {
            let keys = replica.token_keys();
            assert!(living.iter().all(|(_, kid)| keys.published().contains(kid)), "step {step}");
        }
    }
    assert!(changes >= 3 && issued == 1920, "{changes} keys came into use, {issued} tokens were issued");
}

/// What the operator may do next, if anything. Whether another key is in use now.
async fn operate(replica: &postern::app::App) -> bool {
    let keys: OwnKeys = (*replica.token_cupboard.load_or_create(&make).await.unwrap()).clone();
    let others: Vec<_> = keys.of(Purpose::Token(ES256)).skip(1).collect();
    let done = match others.as_slice() {
        [] => replica.token_cupboard.add(Purpose::Token(ES256), &make).await.map(|_| false),
        [other, ..] if other.retired.is_some() => {
            replica.token_cupboard.remove(&other.id, Haste::WhenItIsTime).await.map(|_| false)
        }
        [other, ..] => replica.token_cupboard.activate(&other.id, Haste::WhenItIsTime).await.map(|_| true),
    };
    match done {
        Ok(changed) => {
            replica.load_keys().await.unwrap();
            changed
        }
        Err(_) => false,
    }
}
