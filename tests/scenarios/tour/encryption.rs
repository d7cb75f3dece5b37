//! The identity provider encrypts the assertion for Postern's published key, and does it wrongly.

use data_encoding::BASE64;
use postern_core::fault::Code;
use postern_e2e::http;
use postern_lab::encryption::{Cipher, Encryption, Wrapping};

use super::{Guide, STRANGE};

pub(super) async fn visit(guide: &mut Guide) {
    let key = published_key(&guide.postern.public_url).await;
    let good = Encryption::to(&key);

    type Encrypt = fn(Encryption<'_>, &str) -> String;
    let wrongly: &[(Code, Encrypt)] = &[
        (Code::SamlEncryptionForm, |good, element| good.encrypt(element).replace("xmlenc#Element", STRANGE)),
        (Code::SamlEncryptionAlgorithm, |good, element| good.encrypt(element).replace("aes256-gcm", STRANGE)),
        (Code::SamlEncryptionKeyTransport, |good, element| {
            Encryption { wrapping: Wrapping::Pkcs1, ..good }.encrypt(element)
        }),
        (Code::SamlEncryptionCbc, |good, element| Encryption { cipher: Cipher::Aes256Cbc, ..good }.encrypt(element)),
        (Code::SamlDecryptionFailed, |good, element| good.encrypt_and(element, |octets| octets[20] ^= 1)),
    ];
    for (code, encrypt) in wrongly {
        let answer = answer_with(guide, |element| encrypt(good, element)).await;
        guide.meet(*code, answer);
    }

    let code = answer_with(guide, |element| good.encrypt(element)).await.code();
    guide.marks.add("code", &code);
}

/// Answers a login with a signed assertion that `encrypt` has taken.
async fn answer_with(guide: &mut Guide, encrypt: impl Fn(&str) -> String) -> postern_e2e::login::Answer {
    let waiting = guide.begin(&[]).await;
    let xml = guide.response(&waiting).signed_assertion(&guide.idp.key);
    let (start, end) = (xml.find("<saml:Assertion").unwrap(), xml.find("</samlp:Response>").unwrap());
    waiting.answer(&[&xml[..start], &encrypt(&xml[start..end]), &xml[end..]].concat()).await
}

/// The encryption key in Postern's metadata, as an identity provider finds it.
async fn published_key(public_url: &str) -> Vec<u8> {
    let answer = http().get(format!("{public_url}/.well-known/sp-metadata")).send().await.expect("metadata");
    let metadata = answer.text().await.expect("a text");
    let after = metadata.split_once(r#"use="encryption""#).expect("a key for encryption").1;
    let certificate =
        after.split_once("X509Certificate>").and_then(|(_, rest)| rest.split('<').next()).expect("a certificate");
    let packed: String = certificate.split_ascii_whitespace().collect();
    Encryption::key_of(&BASE64.decode(packed.as_bytes()).expect("base64"))
}
