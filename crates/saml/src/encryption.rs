//! The form of what an IdP encrypted: SAML Core §6, XML Encryption 1.1 §3 and §5 (H21).
//!
//! Nothing here is secret: whoever sees the message can tell what will be refused, so each refusal says why. XML Encryption
//! can point at ciphers and keys elsewhere; SAML has them in one element or beside each other, and only that is understood.

use aws_lc_rs::{aead, cipher};
use roxmltree::Node;

use postern_core::fault::{Code, Fault};

use crate::element::{DS, XENC, XENC11, all, attribute, base64, children, is, only, text};
use crate::keys::Oaep;

const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const MOST_KEYS: usize = 4;

/// An encrypted element of the one form.
#[derive(Debug)]
pub(crate) struct Encrypted {
    pub(crate) cipher: Cipher,
    /// What the cipher made: initialisation vector, text, tag.
    pub(crate) data: Vec<u8>,
    /// The cipher's key, wrapped for us: one to [`MOST_KEYS`].
    pub(crate) keys: Vec<WrappedKey>,
}

/// A key, encrypted for an RSA key.
#[derive(Debug)]
pub(crate) struct WrappedKey {
    pub(crate) how: Oaep,
    pub(crate) label: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// XML Encryption 1.1 §5.2. Triple DES is not among them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cipher {
    pub(crate) mode: Mode,
    pub(crate) key_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Tells when the text was changed.
    Gcm(&'static aead::Algorithm),
    /// Does not.
    Cbc(&'static cipher::Algorithm),
}

impl Cipher {
    fn named(uri: &str) -> Option<Cipher> {
        let (mode, key_bytes) = match uri {
            "http://www.w3.org/2009/xmlenc11#aes128-gcm" => (Mode::Gcm(&aead::AES_128_GCM), 16),
            "http://www.w3.org/2009/xmlenc11#aes192-gcm" => (Mode::Gcm(&aead::AES_192_GCM), 24),
            "http://www.w3.org/2009/xmlenc11#aes256-gcm" => (Mode::Gcm(&aead::AES_256_GCM), 32),
            "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => (Mode::Cbc(&cipher::AES_128), 16),
            "http://www.w3.org/2001/04/xmlenc#aes192-cbc" => (Mode::Cbc(&cipher::AES_192), 24),
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => (Mode::Cbc(&cipher::AES_256), 32),
            _ => return None,
        };
        Some(Cipher { mode, key_bytes })
    }

    /// Whether it finds out by itself that the text is not the encrypter's.
    pub(crate) fn is_authenticated(&self) -> bool {
        matches!(self.mode, Mode::Gcm(_))
    }
}

impl Encrypted {
    /// Reads an `EncryptedAssertion` or an `EncryptedID`. `recipient` is our entity ID.
    pub(crate) fn read(element: Node<'_, '_>, recipient: &str) -> Result<Encrypted, Fault> {
        if let Some(strange) = children(element).find(|child| child.tag_name().namespace() != Some(XENC)) {
            return Err(form("EncryptedData and EncryptedKey only", strange.tag_name().name()));
        }
        let data = present(element, "EncryptedData")?;
        // XML Encryption §3.1. Without a type nobody says what it is; it has to be an element anyway.
        if let Some(other) = attribute(data, "Type").filter(|&kind| kind != ELEMENT) {
            return Err(form(ELEMENT, other));
        }
        let algorithm = attribute(present(data, "EncryptionMethod")?, "Algorithm").unwrap_or("");
        let cipher = Cipher::named(algorithm).ok_or_else(|| {
            Code::SamlEncryptionAlgorithm.fault().expected("aes256-gcm, aes192-gcm or aes128-gcm").received(algorithm)
        })?;

        // SAML Core §2.3.4: wrapped keys stand beside the data or, XML Encryption §3.5, in its KeyInfo.
        let key_info = only(data, DS, "KeyInfo").map_err(|_| form("one KeyInfo", "several"))?;
        let inside = key_info.into_iter().flat_map(|info| all(info, XENC, "EncryptedKey"));
        for method in key_info.into_iter().flat_map(|info| all(info, DS, "RetrievalMethod")) {
            // It names the key beside the data. All keys are tried, so it is not followed, here or anywhere else.
            let uri = attribute(method, "URI").unwrap_or("");
            if !uri.starts_with('#') {
                return Err(form("a RetrievalMethod in the same document", uri));
            }
        }
        let keys: Vec<_> = inside.chain(all(element, XENC, "EncryptedKey")).collect();
        // SAML Core §2.3.4: Recipient "SHOULD be the URI identifier of a SAML system entity". Not every IdP's is, so it only
        // decides between several.
        let is_ours = |key: &Node<'_, '_>| attribute(*key, "Recipient") == Some(recipient);
        let named: Vec<_> = keys.iter().copied().filter(is_ours).collect();
        let keys = if named.is_empty() { keys } else { named };
        if keys.is_empty() || keys.len() > MOST_KEYS {
            return Err(form(format!("1 to {MOST_KEYS} EncryptedKey"), keys.len().to_string()));
        }
        let keys = keys.into_iter().map(WrappedKey::read).collect::<Result<_, Fault>>()?;
        Ok(Encrypted { cipher, data: cipher_value(data)?, keys })
    }
}

impl WrappedKey {
    /// XML Encryption 1.1 §5.5.2. RSA 1.5 (§5.5.1) is an oracle whatever one does, so it does not exist here.
    fn read(key: Node<'_, '_>) -> Result<WrappedKey, Fault> {
        let method = present(key, "EncryptionMethod")?;
        let algorithm = attribute(method, "Algorithm").unwrap_or("");
        let digest = parameter(method, DS, "DigestMethod")?.unwrap_or("http://www.w3.org/2000/09/xmldsig#sha1");
        let mask = parameter(method, XENC11, "MGF")?;
        let mask = match algorithm {
            // "the mask generation function MGF1 with SHA1", whatever else is said.
            "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" => Some("sha1"),
            // "the default of MGF1 with SHA1 is used"
            "http://www.w3.org/2009/xmlenc11#rsa-oaep" => match mask {
                None | Some("http://www.w3.org/2009/xmlenc11#mgf1sha1") => Some("sha1"),
                Some("http://www.w3.org/2009/xmlenc11#mgf1sha256") => Some("sha256"),
                Some(_) => None,
            },
            _ => return Err(transport(algorithm)),
        };
        let how = match (digest, mask) {
            ("http://www.w3.org/2000/09/xmldsig#sha1", Some("sha1")) => Oaep::Sha1,
            ("http://www.w3.org/2001/04/xmlenc#sha256", Some("sha256")) => Oaep::Sha256,
            _ => {
                return Err(transport(&format!(
                    "{algorithm} with {digest} and {}",
                    mask.map_or("another MGF", |hash| { if hash == "sha1" { "mgf1sha1" } else { "mgf1sha256" } })
                )));
            }
        };
        let label = match only(method, XENC, "OAEPparams").map_err(|_| form("one OAEPparams", "several"))? {
            Some(parameters) => octets(parameters)?,
            None => Vec::new(),
        };
        Ok(WrappedKey { how, label, value: cipher_value(key)? })
    }
}

fn parameter<'a>(method: Node<'a, '_>, namespace: &'static str, name: &'static str) -> Result<Option<&'a str>, Fault> {
    let element = only(method, namespace, name).map_err(|_| form(format!("one {name}"), "several"))?;
    Ok(element.map(|element| attribute(element, "Algorithm").unwrap_or("")))
}

/// XML Encryption §3.3: the text itself. A CipherReference would have us fetch it from an address of the sender's choice.
fn cipher_value(parent: Node<'_, '_>) -> Result<Vec<u8>, Fault> {
    let data = present(parent, "CipherData")?;
    let mut inside = children(data);
    match (inside.next(), inside.next()) {
        (Some(value), None) if is(value, XENC, "CipherValue") => octets(value),
        _ => Err(form("one CipherValue", "other content of CipherData")),
    }
}

fn octets(element: Node<'_, '_>) -> Result<Vec<u8>, Fault> {
    let name = element.tag_name().name();
    text(element).ok().and_then(base64).ok_or_else(|| form(format!("base64 in {name}"), "something else"))
}

fn present<'a, 'i>(parent: Node<'a, 'i>, name: &'static str) -> Result<Node<'a, 'i>, Fault> {
    match only(parent, XENC, name) {
        Ok(Some(element)) => Ok(element),
        Ok(None) => Err(form(format!("{name} in {}", parent.tag_name().name()), "none")),
        Err(_) => Err(form(format!("one {name} in {}", parent.tag_name().name()), "several")),
    }
}

fn form(expected: impl Into<String>, received: impl Into<String>) -> Fault {
    Code::SamlEncryptionForm.fault().expected(expected).received(received)
}

fn transport(received: &str) -> Fault {
    let expected = "rsa-oaep-mgf1p, or rsa-oaep with SHA-256 and MGF1-SHA-256";
    Code::SamlEncryptionKeyTransport.fault().expected(expected).received(received)
}
