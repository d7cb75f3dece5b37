//! How a message of ours travels through a browser: SAML Bindings §3.4 (HTTP-Redirect) and §3.5 (HTTP-POST).

use std::cell::RefCell;

use data_encoding::BASE64;
use libdeflater::{CompressionLvl, Compressor};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use postern_core::fault::{Code, Fault};

use crate::keys::SigningKey;
use crate::sign;

/// RFC 3986 §2.3: all but the unreserved characters.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a message is to the other side, and so the name of its parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Request,
    Response,
}

impl Role {
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Role::Request => "SAMLRequest",
            Role::Response => "SAMLResponse",
        }
    }
}

/// A message of ours on its way to an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) role: Role,
    /// The message without a signature, and the ID that its root has.
    pub(crate) message: &'a str,
    pub(crate) id: &'a str,
    pub(crate) destination: &'a str,
    pub(crate) signing_key: Option<&'a SigningKey>,
}

impl Outgoing<'_> {
    /// HTTP-Redirect, SAML Bindings §3.4.4.1: deflated, base64, percent-encoded; parameters that the address already has
    /// stay. An empty `relay_state` is left out. A signature is one over the query, not one in the message (H6).
    pub(crate) fn redirect_url(&self, relay_state: &str) -> Result<String, Fault> {
        let separator = match self.destination.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        let value = encoded(&BASE64.encode(&deflate(self.message.as_bytes())));
        let mut query = format!("{}={value}", self.role.parameter());
        if !relay_state.is_empty() {
            query.push_str("&RelayState=");
            query.push_str(&encoded(relay_state));
        }
        if let Some(key) = self.signing_key {
            query.push_str("&SigAlg=");
            query.push_str(&encoded(key.method()));
            // "the original URL-encoded values [...] in the order SAMLRequest, RelayState, SigAlg"
            let signature = key.sign(query.as_bytes()).ok_or_else(|| Code::Defect.fault())?;
            query.push_str("&Signature=");
            query.push_str(&encoded(&BASE64.encode(&signature)));
        }
        Ok(format!("{}{separator}{query}", self.destination))
    }

    /// HTTP-POST, SAML Bindings §3.5.4: the value of the form field. A signature is one in the message.
    pub(crate) fn post_value(&self) -> Result<String, Fault> {
        match self.signing_key {
            Some(key) => sign::enveloped(self.message, self.id, key).map(|signed| BASE64.encode(signed.as_bytes())),
            None => Ok(BASE64.encode(self.message.as_bytes())),
        }
    }
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, QUERY_VALUE).to_string()
}

/// RFC 1951, without a zlib header.
fn deflate(bytes: &[u8]) -> Vec<u8> {
    thread_local! {
        // It has tables that are worth keeping.
        static DEFLATER: RefCell<Compressor> = RefCell::new(Compressor::new(CompressionLvl::fastest()));
    }
    DEFLATER.with_borrow_mut(|deflater| {
        let mut deflated = vec![0; deflater.deflate_compress_bound(bytes.len())];
        let length = deflater.deflate_compress(bytes, &mut deflated);
        debug_assert!(length.is_ok(), "there is room for whatever does not let itself be deflated");
        deflated.truncate(length.unwrap_or_default());
        deflated
    })
}
