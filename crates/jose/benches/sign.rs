//! What an ID token costs, everything included: claims to signed text, by algorithm. Beside it the floor of the same run, one
//! RSA-2048 verification, and what a key costs that is parsed again for each signature. Measured is the time on the processor,
//! so that what else the machine does matters less.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use postern_core::identity::Authentication;
use postern_core::login::SessionId;
use postern_core::login::id_token::{Facts, IdToken, IdTokenWish};
use postern_core::ports::Timestamp;
use postern_core::secret::Secret;
use postern_core::signing::SigningAlgorithm;
use postern_jose::signing::SigningKey;
use serde_json::json;

fn benches(criterion: &mut Criterion) {
    let claims = json!({
        "id": "6eXHcvlQgWpYb8bUqn5kDLfSYjPqN3gGZxYtTMoWqpo", "sub": "6eXHcvlQgWpYb8bUqn5kDLfSYjPqN3gGZxYtTMoWqpo",
        "idHash": "771ce6920a40d5b5c0c4c6aa3f1dfbd1b0d9f5a1", "email": "anna@acme.example", "firstName": "Anna",
        "lastName": "Example", "groups": (0..30).map(|n| format!("group-{n}@departments.example.com")).collect::<Vec<_>>(),
        "raw": { "email": "anna@acme.example" }, "requested": { "tenant": "acme.example", "product": "crm" },
    });
    let claims = claims.as_object().expect("an object");
    let (session, access_token) = (SessionId("a session".into()), Secret::new("a session.a secret of 256 bits"));
    let authentication = Authentication { at: Some(Timestamp::UNIX_EPOCH), ..Authentication::default() };
    let token = |algorithm| {
        let facts = Facts {
            issuer: "https://sso.example.com",
            client_id: "prod_5xgsxzqlqgtd2zcgqnmwpa2k5nq3tgpo",
            session: &session,
            claims,
            authentication: &authentication,
            access_token: &access_token,
            now: Timestamp::UNIX_EPOCH,
            lifetime: Duration::from_secs(300),
        };
        IdToken::new(&IdTokenWish { nonce: Some("n-0S6_WzA2Mj".into()), algorithm }, &facts)
    };

    let mut group = criterion.benchmark_group("ID token");
    group.sample_size(20);
    for algorithm in SigningAlgorithm::ALL {
        let pem = SigningKey::generate(algorithm).expect("a key");
        let key = SigningKey::from_pem(algorithm, pem.expose()).expect("a key");
        group.bench_function(algorithm.name(), |bencher| {
            on_the_processor(bencher, || key.sign("JWT", &black_box(token(algorithm)).claims).expect("a token"));
        });
        group.bench_function(
            format!("{} by jsonwebtoken, which parses the key each time", algorithm.name()),
            |bencher| {
                let der = rustls_pki_types::pem::PemObject::from_pem_slice(pem.expose().as_bytes());
                let der: rustls_pki_types::PrivatePkcs8KeyDer<'_> = der.expect("PEM");
                let der = der.secret_pkcs8_der();
                let (key, way) = match algorithm {
                    SigningAlgorithm::Rs256 => (rsa(der), jsonwebtoken::Algorithm::RS256),
                    SigningAlgorithm::Es256 => {
                        (jsonwebtoken::EncodingKey::from_ec_der(der), jsonwebtoken::Algorithm::ES256)
                    }
                    SigningAlgorithm::EdDsa => {
                        (jsonwebtoken::EncodingKey::from_ed_der(der), jsonwebtoken::Algorithm::EdDSA)
                    }
                };
                let header = jsonwebtoken::Header::new(way);
                bencher.iter(|| {
                    jsonwebtoken::encode(&header, &black_box(token(algorithm)).claims, &key).expect("a token")
                });
            },
        );
    }
    group.bench_function("claims alone", |bencher| on_the_processor(bencher, || token(SigningAlgorithm::Es256)));

    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let message = [b'x'; 600];
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature).expect("a signature");
    let public_key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
    group.bench_function("floor: RSA-2048 verify", |bencher| {
        on_the_processor(bencher, || public_key.verify(black_box(&message), &signature).expect("a good signature"));
    });
    group.finish();
}

/// Measures what this thread spends on the processor: the first number of Linux's schedstat, in nanoseconds.
fn on_the_processor<T>(bencher: &mut Bencher<'_>, run: impl Fn() -> T) {
    let spent = || {
        std::thread::yield_now(); // it is written down when the scheduler comes by
        let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        Duration::from_nanos(text.split(' ').next().and_then(|number| number.parse().ok()).expect("a number"))
    };
    bencher.iter_custom(|times| {
        let before = spent();
        (0..times).for_each(|_| drop(black_box(run())));
        spent() - before
    });
}

/// PKCS#8 of an RSA key is a header of 26 bytes before the key itself, which is what the library wants.
fn rsa(pkcs8: &[u8]) -> jsonwebtoken::EncodingKey {
    jsonwebtoken::EncodingKey::from_rsa_der(&pkcs8[26..])
}

criterion_group!(sign, benches);
criterion_main!(sign);
