//! What the identity provider said, once it is verified. From here on nobody knows which protocol was used.

use serde::{Deserialize, Serialize};

use crate::ports::Timestamp;

/// A person, as a verified assertion or ID token describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who said it: the entity ID or issuer of the IdP.
    pub issuer: String,
    /// SAML: the NameID. OIDC: `sub`, with format [`NameFormat::Persistent`].
    pub name_id: Option<NameId>,
    /// Everything else it said, in its order.
    pub attributes: Vec<Attribute>,
    /// When the person was authenticated there.
    pub authenticated_at: Option<Timestamp>,
    /// From when on the IdP no longer vouches for the person.
    pub session_ends: Option<Timestamp>,
    /// The IdP's name of its own session (`SessionIndex`, `sid`).
    pub session_index: Option<String>,
    /// How the person was authenticated (`AuthnContextClassRef`, `acr`).
    pub context: Option<String>,
}

/// An identifier of a person and what it promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// The identifier.
    pub value: String,
    /// What kind it is.
    pub format: NameFormat,
}

/// The formats of SAML Core §8.3 that make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameFormat {
    /// Stays the same, is never given to another person.
    Persistent,
    /// Means nothing after this session.
    Transient,
    /// An e-mail address.
    Email,
    /// Anything else, or nothing said.
    Other,
}

/// A named list of values. Order and duplicates are as the IdP sent them (SDP-SP19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `Name` of the SAML attribute, or the claim's name.
    pub name: String,
    /// `FriendlyName` of the SAML attribute.
    pub friendly_name: Option<String>,
    /// Its values as text.
    pub values: Vec<String>,
    /// The NameID of persistent format that stands as the attribute's value (eduPersonTargetedID), if one does.
    pub persistent_id: Option<String>,
}
