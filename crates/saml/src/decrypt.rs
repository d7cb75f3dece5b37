//! Decryption that tells one thing only: it worked, or it did not.
//!
//! Whoever can send changed ciphertexts and learn *how* each fails can learn what they say, without any key (Bleichenbacher
//! and Manger against RSA, Vaudenay and Jager–Somorovsky against CBC in XML). So there is one fault for all of it, and the
//! way to it is the same as far as we can make it:
//!
//! - every wrapped key is tried with every key of ours, whether or not one fitted before; where none fits, a stand-in key
//!   of the right size decrypts the data all the same;
//! - what comes out is parsed, also where the padding was wrong or the stand-in was used;
//! - where CBC is not protected by a signature around it (`aes-cbc` allowed), whatever fails before the signature inside
//!   holds has the same fault too, after as much parsing and as many signature verifications (see `opened`).
//!
//! What remains is that the parser stops earlier in some garbage than in other: some ten microseconds, in an answer that
//! costs the sender a new login each time. The benchmark `verify` shows them side by side.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_CBC_IV_LEN, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::encryption::{Cipher, Encrypted, Mode};
use crate::keys::DecryptionKey;

/// What came out, and whether to believe it. It is to be looked at either way.
#[derive(Debug)]
pub(crate) struct Guess {
    pub(crate) text: Vec<u8>,
    pub(crate) holds: bool,
}

/// Decrypts with whichever of our keys fits.
pub(crate) fn decrypt(encrypted: &Encrypted, ours: &[DecryptionKey]) -> Guess {
    let size = encrypted.cipher.key_bytes;
    let mut unwrapped = None;
    for wrapped in &encrypted.keys {
        for key in ours {
            let found = key.unwrap(wrapped.how, &wrapped.label, &wrapped.value).filter(|found| found.len() == size);
            unwrapped = unwrapped.or(found);
        }
    }
    let fitted = unwrapped.is_some();
    let key = unwrapped.unwrap_or_else(|| Zeroizing::new(vec![0; size]));
    let guess = encrypted.cipher.decrypt(&key, encrypted.data.clone());
    Guess { holds: guess.holds && fitted, ..guess }
}

impl Cipher {
    fn decrypt(&self, key: &[u8], mut data: Vec<u8>) -> Guess {
        let opened = match self.mode {
            Mode::Gcm(algorithm) => gcm(UnboundKey::new(algorithm, key).ok(), &mut data),
            Mode::Cbc(algorithm) => cbc(UnboundCipherKey::new(algorithm, key).ok(), &mut data),
        };
        opened.unwrap_or(Guess { text: data, holds: false })
    }
}

/// XML Encryption 1.1 §5.2.4: 96 bits of nonce, the text, 128 bits of tag.
fn gcm(key: Option<UnboundKey>, data: &mut [u8]) -> Option<Guess> {
    const NONCE: usize = 12;
    let (nonce, text) = data.split_at_mut_checked(NONCE)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plain = LessSafeKey::new(key?).open_in_place(nonce, Aad::empty(), text).ok()?;
    Some(Guess { text: plain.to_vec(), holds: true })
}

/// XML Encryption §5.2.1 and §5.2.2: an initialisation vector, the text, and padding of which the last octet is the length.
/// Where that is nonsense, the text goes on to be looked at with all of its octets.
fn cbc(key: Option<UnboundCipherKey>, data: &mut [u8]) -> Option<Guess> {
    let (vector, text) = data.split_first_chunk_mut::<AES_CBC_IV_LEN>()?;
    let context = DecryptionContext::Iv128(FixedLength::from(&*vector));
    let plain = DecryptingKey::cbc(key?).ok()?.decrypt(text, context).ok()?;
    let padding = usize::from(*plain.last()?);
    let holds = (1..=AES_CBC_IV_LEN).contains(&padding);
    let length = plain.len() - if holds { padding } else { 0 };
    Some(Guess { text: plain[..length].to_vec(), holds })
}
