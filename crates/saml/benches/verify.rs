//! How long a whole verification takes, with both verifiers, beside the floor that none can go below: one RSA verification
//! and one SHA-256 of the same bytes, measured in the same run. Aims: at most seven times the floor at 6 KB, and no more
//! than proportional to the size up to 500 groups.
//!
//! The second group shows what failures to decrypt cost: they should not be told apart by time.

#[path = "../tests/saml/encrypter.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod encrypter;
#[path = "../tests/saml/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::hint::black_box;

use aws_lc_rs::{digest, rand::SystemRandom, signature};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use postern_core::connection::Allowance;
use postern_saml::keys::DecryptionKey;
use postern_saml::response::{Expectation, SecondVerifier, verify};

use encrypter::{CBC, Encrypted, GCM, cbc};
use support::*;

/// A response that says of the person so many groups.
fn response(groups: usize) -> String {
    let values: String = (0..groups)
        .map(|n| format!("<saml:AttributeValue>group-{n}@departments.example.com</saml:AttributeValue>"))
        .collect();
    let value = "<saml:AttributeValue>anna@example.com</saml:AttributeValue>";
    assertion_signed(value, &format!("{value}{values}"))
}

fn plain(criterion: &mut Criterion) {
    let connection = idp(vec![IDP_KEY.certificate.clone()]);
    let both = expected(&connection);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let pair = signature::RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("the same key");
    let mut value = vec![0; pair.public_modulus_len()];
    let message = [b'x'; 700];
    pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut value).expect("a signature");
    let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
    let public = signature::UnparsedPublicKey::new(algorithm, rcgen::PublicKeyData::der_bytes(&key));

    let mut group = criterion.benchmark_group("response");
    // 30 groups are about 6 KB.
    for groups in [30, 100, 500] {
        let xml = response(groups);
        let size = format!("{groups} groups, {} bytes", xml.len());
        group.bench_function(BenchmarkId::new("floor", &size), |bencher| {
            bencher.iter(|| {
                black_box(digest::digest(&digest::SHA256, black_box(xml.as_bytes())));
                public.verify(black_box(&message), black_box(&value)).expect("a good signature");
            });
        });
        group.bench_function(BenchmarkId::new("verify", &size), |bencher| {
            bencher.iter(|| verify(black_box(xml.as_bytes()), black_box(&both)).expect("a good response"));
        });
    }
    group.finish();
}

fn encrypted(criterion: &mut Criterion) {
    let connection = allowing(&[Allowance::AesCbc]);
    let expected = Expectation { second_verifier: SecondVerifier::Require, ..expected(&connection) };
    let signed = IDP_KEY.sign(&assertion());
    let now = NOW.parse().expect("a constant");
    let other = DecryptionKey::generate("other.example.com", now, now).expect("a key");
    let of = |encrypted: Encrypted| around(&encrypted.assertion());
    let flipped = |mut encrypted: Encrypted| {
        encrypted.data[100] ^= 1;
        of(encrypted)
    };
    let cbc_key = Encrypted::new("", CBC[2], &SP_KEY).session_key;
    let padding = |mut encrypted: Encrypted| {
        let mut blocks = signed.as_bytes().to_vec();
        blocks.resize(blocks.len().next_multiple_of(16), 0);
        encrypted.data = cbc(&cbc_key, blocks);
        of(encrypted)
    };
    let cases = [
        ("good, GCM", of(Encrypted::new(&signed, GCM[2], &SP_KEY))),
        ("good, CBC", of(Encrypted::new(&signed, CBC[2], &SP_KEY))),
        ("for another key, GCM", of(Encrypted::new(&signed, GCM[2], &other))),
        ("changed, GCM", flipped(Encrypted::new(&signed, GCM[2], &SP_KEY))),
        ("for another key, CBC", of(Encrypted::new(&signed, CBC[2], &other))),
        ("changed, CBC", flipped(Encrypted::new(&signed, CBC[2], &SP_KEY))),
        ("wrong padding, CBC", padding(Encrypted::new(&signed, CBC[2], &SP_KEY))),
        ("wrong signature inside, CBC", of(Encrypted::new(&OTHER_KEY.sign(&assertion()), CBC[2], &SP_KEY))),
    ];
    let mut group = criterion.benchmark_group("encrypted");
    for (name, xml) in &cases {
        assert_eq!(verify(xml.as_bytes(), &expected).is_ok(), name.starts_with("good"), "{name}");
        group.bench_function(*name, |bencher| bencher.iter(|| black_box(verify(black_box(xml.as_bytes()), &expected))));
    }
    group.finish();
}

criterion_group!(verification, plain, encrypted);
criterion_main!(verification);
