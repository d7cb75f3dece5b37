//! How long a whole verification takes, beside the floor that no verifier can go below: one RSA verification and one
//! SHA-256 of the same bytes, measured in the same run. Aim: at most four times the floor.

#[path = "../tests/saml/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use aws_lc_rs::{digest, rand::SystemRandom, signature};
use criterion::{Criterion, criterion_group, criterion_main};
use postern_saml::response::verify;
use std::hint::black_box;

use support::*;

fn benches(criterion: &mut Criterion) {
    // About 6 KB, as IdPs with a dozen attributes send.
    let values: String = (0..30)
        .map(|n| format!("<saml:AttributeValue>group-{n}@departments.example.com</saml:AttributeValue>"))
        .collect();
    let value = "<saml:AttributeValue>anna@example.com</saml:AttributeValue>";
    let xml = assertion_signed(value, &format!("{value}{values}"));
    let idp = idp(vec![IDP_KEY.certificate.clone()]);
    let expected = expected(&idp);
    let mut group = criterion.benchmark_group(format!("saml response of {} bytes", xml.len()));
    group.bench_function("verify", |bencher| {
        bencher.iter(|| verify(black_box(xml.as_bytes()), black_box(&expected)).expect("a good response"));
    });

    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let pair = signature::RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("the same key");
    let mut value = vec![0; pair.public_modulus_len()];
    let message = &xml.as_bytes()[..700];
    pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut value).expect("a signature");
    let public = signature::UnparsedPublicKey::new(
        &signature::RSA_PKCS1_2048_8192_SHA256,
        rcgen::PublicKeyData::der_bytes(&key),
    );
    group.bench_function("floor: RSA-2048 verify + SHA-256", |bencher| {
        bencher.iter(|| {
            black_box(digest::digest(&digest::SHA256, black_box(xml.as_bytes())));
            public.verify(black_box(message), black_box(&value)).expect("a good signature");
        });
    });
    group.finish();
}

criterion_group!(verification, benches);
criterion_main!(verification);
