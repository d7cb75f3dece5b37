//! What Postern itself spends on a login: the whole app in process, sealed, over the memory backend, without network, log and
//! store. Beside it the floor that no server can go below, measured in the same run: one RSA-2048 verification and one
//! SHA-256 of the response. What a login costs a running server, `postern-load` measures.

#[path = "../tests/http/brittle.rs"]
#[expect(dead_code, reason = "nothing fails here")]
mod brittle;
#[path = "../tests/http/world.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod world;

use std::hint::black_box;
use std::time::{Duration, Instant};

use actix_web::rt::System;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use postern_lab::response::Response;
use serde_json::json;

use world::{CALLBACK, VERIFIER, Waiting, World};

/// A registered app, and the organisation whose people sign in to it.
struct Login {
    world: World,
    client_id: String,
    secret: String,
}

impl Login {
    async fn new() -> Self {
        let world = World::new().await;
        let product = world.register(json!({})).await;
        let text = |name: &str| product[name].as_str().expect("a string").to_owned();
        Self { client_id: text("client_id"), secret: text("client_secret"), world }
    }

    async fn begin(&self) -> Waiting {
        // Or the memory fills with traces, which are kept for a week.
        self.world.advance(Duration::from_secs(3600));
        self.world.begin(&[("client_id", &self.client_id), ("tenant", "acme.example")]).await
    }

    /// About 6 KB, as identity providers with a dozen attributes send.
    fn response(&self, waiting: &Waiting) -> String {
        let groups = (0..30).map(|n| format!("group-{n}@departments.example.com")).collect();
        let attributes = vec![
            ("email".into(), vec!["anna@acme.example".into()]),
            ("firstName".into(), vec!["Anna".into()]),
            ("lastName".into(), vec!["Example".into()]),
            ("groups".into(), groups),
        ];
        Response { attributes, ..self.world.response(waiting) }.signed_assertion(&self.world.key)
    }

    /// From the response to the claims.
    async fn end(&self, waiting: &Waiting, response: &str) {
        let answer = self.world.answer(waiting, response).await;
        let code = answer.sent("code").expect("a good response");
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", &self.client_id),
            ("client_secret", &self.secret),
        ];
        let tokens = self.world.form("/api/oauth/token", &fields, &[]).await.json();
        let claims = self.world.claims(tokens["access_token"].as_str().expect("a token")).await;
        assert_eq!(claims.json()["email"], "anna@acme.example");
    }
}

/// One login. What the identity provider spends on its signature does not count.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn timed(system: &actix_web::rt::SystemRunner, login: &Login) -> Duration {
    let began = Instant::now();
    let waiting = system.block_on(login.begin());
    let begun = began.elapsed();
    let response = login.response(&waiting);
    let answered = Instant::now();
    system.block_on(login.end(&waiting, &response));
    begun + answered.elapsed()
}

fn benches(criterion: &mut Criterion) {
    let system = System::new();
    let login = system.block_on(Login::new());
    let response = login.response(&system.block_on(login.begin()));

    let mut group = criterion.benchmark_group(format!("login, response of {} bytes", response.len()));
    group.throughput(Throughput::Elements(1));
    group.bench_function("authorize", |bencher| bencher.iter(|| system.block_on(login.begin())));
    group.bench_function("authorize to userinfo", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| timed(&system, &login)).sum());
    });

    // What is signed is not the response but a SignedInfo of about this length.
    let signed_info = [b'x'; 600];
    let signature = login.world.key.sign(&signed_info);
    let public_key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, login.world.key.public_key());
    group.bench_function("floor: RSA-2048 verify + SHA-256", |bencher| {
        bencher.iter(|| {
            black_box(digest(&SHA256, black_box(response.as_bytes())));
            public_key.verify(black_box(&signed_info), &signature).expect("a good signature");
        });
    });
    group.finish();
}

criterion_group!(login, benches);
criterion_main!(login);
