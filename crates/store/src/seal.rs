//! The sealed record, byte by byte:
//!
//! ```text
//!   0   1  format: 1. Never 0, which marks what was left in the place of a spent record
//!   1   1  suite: 1 = HKDF-SHA-512 with key commitment, AES-256-GCM
//!   2   4  number of the key that seals it, big endian
//!   6  32  salt: random
//!  38  32  commitment to the key of this record
//!  70   n  AES-256-GCM ciphertext
//! 70+n 16  its tag
//!
//!   plain text of the ciphertext: length (8, big endian) ‖ record ‖ zeros up to a size class:
//!   256, 512, 1024, 2048, and from there every multiple of 1024
//!
//!   key ‖ commitment = HKDF-SHA-512(salt = salt,
//!                                   input = sealing key (32) ‖ length of bearer (8) ‖ bearer,
//!                                   info = "postern-record-v1" ‖ suite ‖ number (4), 64 bytes)
//!   nonce            = 12 zero bytes
//!   associated data  = "postern-aad-v1" ‖ the 70 bytes above ‖ length of class (8) ‖ class
//!                      ‖ length of key name (8) ‖ key name ‖ schema (2)
//! ```
//!
//! Each record has a key of its own, so a fixed nonce is never used twice with one key, and the number of records that one
//! sealing key may seal has no bound worth counting (a random nonce under one AES-GCM key may be used 2³² times, NIST SP
//! 800-38D §8.3). AES-GCM alone commits to no key: without the commitment one ciphertext could open, differently, under two
//! keys. The construction is that of the AWS Encryption SDK (ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY).

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use postern_core::ports::{Place, REVISION_BYTES};
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const SUITE: u8 = 1;
const HEADER: usize = REVISION_BYTES + 32;
const TAG: usize = 16;
const LENGTH: usize = 8;

/// A key that seals records, and the number by which they name it.
#[derive(Clone)]
pub(crate) struct SealingKey {
    pub(crate) number: u32,
    pub(crate) bytes: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    /// Seals a record. No two records may have the same `salt` under one key.
    pub(crate) fn seal(&self, salt: &[u8; 32], place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        let derived = self.derive(salt, place.bearer);
        let class = size_class(LENGTH + plain.len());

        let mut sealed = Vec::with_capacity(HEADER + class + TAG);
        sealed.push(FORMAT);
        sealed.push(SUITE);
        sealed.extend(self.number.to_be_bytes());
        sealed.extend(salt);
        sealed.extend(&*derived.commitment);
        let associated = associated_data(&sealed, place);

        sealed.extend((plain.len() as u64).to_be_bytes());
        sealed.extend(plain);
        sealed.resize(HEADER + class, 0);
        let tag = derived
            .cipher
            .encrypt_inout_detached(&Nonce::default(), &associated, (&mut sealed[HEADER..]).into())
            .expect("AES-GCM takes 64 GiB, and a record that fits into memory with its copy is smaller");
        sealed.extend(tag);
        sealed
    }

    /// Opens what [`SealingKey::seal`] made, if it is unchanged and belongs to `place`.
    pub(crate) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (header, rest) = sealed.split_at_checked(HEADER)?;
        let (ciphertext, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
        if number(sealed) != Some(self.number) {
            return None;
        }
        let (salt, commitment) = header[6..].split_first_chunk::<32>()?;
        let derived = self.derive(salt, place.bearer);
        if !bool::from(derived.commitment.ct_eq(commitment)) {
            return None;
        }

        let mut plain = Zeroizing::new(ciphertext.to_vec());
        let associated = associated_data(header, place);
        let tag = Tag::try_from(tag).ok()?;
        derived.cipher.decrypt_inout_detached(&Nonce::default(), &associated, (&mut plain[..]).into(), &tag).ok()?;

        let length = u64::from_be_bytes(*plain.first_chunk::<LENGTH>()?);
        let end = LENGTH.checked_add(usize::try_from(length).ok()?)?;
        if end > plain.len() {
            return None;
        }
        plain.truncate(end); // what is cut off is wiped with the rest: wiping covers the whole allocation
        plain.drain(..LENGTH);
        Some(plain)
    }

    fn derive(&self, salt: &[u8; 32], bearer: &[u8]) -> Derived {
        let mut input = Zeroizing::new(Vec::with_capacity(32 + LENGTH + bearer.len()));
        input.extend(&*self.bytes);
        input.extend((bearer.len() as u64).to_be_bytes());
        input.extend(bearer);

        let mut output = Zeroizing::new([0; 64]);
        Hkdf::<Sha512>::new(Some(salt), &input)
            .expand_multi_info(&[b"postern-record-v1", &[SUITE], &self.number.to_be_bytes()], &mut *output)
            .expect("HKDF-SHA-512 gives up to 255 × 64 bytes");
        let (key, commitment) = output.split_at(32);
        Derived {
            cipher: Aes256Gcm::new_from_slice(key).expect("half of 64 bytes is a key of AES-256"),
            commitment: Zeroizing::new(commitment.try_into().expect("half of 64 bytes is 32 bytes")),
        }
    }
}

struct Derived {
    cipher: Aes256Gcm,
    commitment: Zeroizing<[u8; 32]>,
}

/// The number of the key that a record names, if it has the header of one. Nothing about it is authenticated yet.
pub(crate) fn number(sealed: &[u8]) -> Option<u32> {
    match sealed.first_chunk::<6>()? {
        [FORMAT, SUITE, number @ ..] => Some(u32::from_be_bytes(*number)),
        _ => None,
    }
}

/// The salt of a record, by which a version of it is known whoever sealed it.
pub(crate) fn salt(sealed: &[u8]) -> Option<&[u8; 32]> {
    number(sealed)?;
    sealed.get(6..)?.first_chunk()
}

fn associated_data(header: &[u8], place: Place<'_>) -> Vec<u8> {
    let mut data = Vec::with_capacity(128 + header.len() + place.key.len());
    data.extend(b"postern-aad-v1");
    data.extend(header);
    for part in [place.class.as_bytes(), place.key.as_bytes()] {
        data.extend((part.len() as u64).to_be_bytes());
        data.extend(part);
    }
    data.extend(place.schema.to_be_bytes());
    data
}

/// Sizes are rounded up to few classes, so that they tell little about what lies inside.
fn size_class(length: usize) -> usize {
    match length {
        0..=256 => 256,
        257..=512 => 512,
        _ => length.next_multiple_of(1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    const SALT: [u8; 32] = [7; 32];
    const PLACE: Place<'_> = Place { class: "code", schema: 1, key: "p1:o:{abc}", bearer: b"the code itself" };
    const PLAIN: &[u8] = br#"{"v":1,"sub":"alice"}"#;

    fn key(number: u32, byte: u8) -> SealingKey {
        SealingKey { number, bytes: Zeroizing::new([byte; 32]) }
    }

    /// Made from the description at the top of this file by another implementation: HMAC and SHA-512 of Python's standard
    /// library, AES-GCM of its package `cryptography`. A change here is a new format.
    #[test]
    fn the_format_is_the_one_that_was_written_down() {
        let sealed = key(0x0102_0304, 0x42).seal(&SALT, PLACE, PLAIN);
        assert_eq!(HEXLOWER.encode(&sealed), include_str!("seal.vector").trim());
    }

    #[test]
    fn what_was_sealed_opens() {
        for length in [0, 1, 247, 248, 249, 1016, 1017, 100_000] {
            let plain = vec![9; length];
            let sealed = key(1, 1).seal(&SALT, PLACE, &plain);
            assert_eq!(*key(1, 1).open(PLACE, &sealed).unwrap(), plain);
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let sealed = key(1, 1).seal(&SALT, PLACE, PLAIN);
        for at in 0..sealed.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = sealed.clone();
                changed[at] ^= change;
                assert!(key(1, 1).open(PLACE, &changed).is_none(), "byte {at}");
            }
        }
    }

    #[test]
    fn every_truncation_and_any_addition_is_noticed() {
        let sealed = key(1, 1).seal(&SALT, PLACE, PLAIN);
        for length in 0..sealed.len() {
            assert!(key(1, 1).open(PLACE, &sealed[..length]).is_none(), "{length} bytes");
            assert!(key(1, 1).open(PLACE, &sealed[sealed.len() - length..]).is_none(), "the last {length} bytes");
        }
        let longer = [&sealed[..], &[0]].concat();
        assert!(key(1, 1).open(PLACE, &longer).is_none());
    }

    #[test]
    fn a_record_opens_at_its_place_only() {
        let sealed = key(1, 1).seal(&SALT, PLACE, PLAIN);
        assert!(key(1, 1).open(PLACE, &sealed).is_some());
        for (what, place) in [
            ("class", Place { class: "token", ..PLACE }),
            ("schema", Place { schema: 2, ..PLACE }),
            ("key name", Place { key: "p1:o:{abd}", ..PLACE }),
            ("boundary", Place { class: "codep", key: "1:o:{abc}", ..PLACE }),
            ("bearer", Place { bearer: b"another code", ..PLACE }),
            ("no bearer", Place { bearer: b"", ..PLACE }),
        ] {
            assert!(key(1, 1).open(place, &sealed).is_none(), "{what}");
        }
        assert!(key(1, 2).open(PLACE, &sealed).is_none(), "another key of the same number");
        assert!(key(2, 1).open(PLACE, &sealed).is_none(), "the same key under another number");
    }

    #[test]
    fn a_header_that_commits_to_another_key_does_not_open() {
        // Even where the ciphertext would fit: the commitment is checked first, and it is part of what is authenticated.
        let mut sealed = key(1, 1).seal(&SALT, PLACE, PLAIN);
        let other = key(1, 2).seal(&SALT, PLACE, PLAIN);
        sealed[REVISION_BYTES..HEADER].copy_from_slice(&other[REVISION_BYTES..HEADER]);
        assert!(key(1, 1).open(PLACE, &sealed).is_none());
        assert!(key(1, 2).open(PLACE, &sealed).is_none());
    }

    #[test]
    fn sizes_tell_little() {
        let size = |length| key(1, 1).seal(&SALT, PLACE, &vec![0; length]).len() - HEADER - TAG;
        assert_eq!([0, 1, 200, 248].map(size), [256; 4]);
        assert_eq!([249, 504].map(size), [512; 2]);
        assert_eq!([505, 1016].map(size), [1024; 2]);
        assert_eq!([1017, 2040].map(size), [2048; 2]);
        assert_eq!([2041, 3064, 3065].map(size), [3072, 3072, 4096]);
    }

    proptest! {
        #[test]
        fn anything_else_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(key(1, 1).open(PLACE, &bytes).is_none());
            let mut dressed = vec![FORMAT, SUITE, 0, 0, 0, 1];
            dressed.extend(bytes);
            prop_assert!(key(1, 1).open(PLACE, &dressed).is_none());
        }
    }
}
