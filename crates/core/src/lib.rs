//! What a login is. Start reading at [`login`].
//!
//! This crate knows no HTTP, no XML, no Redis and no clock: what it needs from outside it takes through [`ports`].

pub mod client_metadata;
pub mod connection;
pub mod connection_keys;
pub mod connection_status;
pub mod connections;
pub mod discover;
pub mod domain_name;
pub mod domains;
pub mod enforcement;
pub mod enforcement_guards;
pub mod event;
pub mod expiry;
pub mod fault;
pub mod federation;
pub mod former_secrets;
pub mod health;
pub mod identity;
pub mod inventory;
pub mod last_test;
pub mod login;
pub mod logout_notices;
pub mod lookup;
pub mod mail_address;
pub mod mapping;
pub mod new_connection;
pub mod observed;
pub mod openid;
pub mod overrides;
pub mod own_keys;
pub mod people;
pub mod policy;
pub mod policy_settings;
pub mod ports;
pub mod products;
pub mod proof;
pub mod providers;
pub mod provisioning;
pub mod redirect;
pub mod refresh;
pub mod removal;
pub mod requirements;
pub mod roles;
pub mod scope;
pub mod scope_connections;
pub mod scoped;
pub mod secret;
pub mod session_settings;
pub mod sessions;
pub mod signing;
pub mod store;
pub mod tenants;
pub mod trace;
pub mod verdicts;

/// Unpadded base64url (RFC 4648 §5).
pub fn base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// Bytes in JSON: standard base64.
pub mod base64_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes bytes as base64.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::BASE64.encode(bytes))
    }
    /// Reads bytes from base64.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        data_encoding::BASE64.decode(text.as_bytes()).map_err(|_| D::Error::custom("not base64"))
    }
}
