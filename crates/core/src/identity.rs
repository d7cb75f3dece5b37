//! What the identity provider said, once it is verified. From here on nobody knows which protocol was used.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// By which means (`amr`); SAML has no such list.
    pub methods: Vec<String>,
    /// Whether the IdP says that the e-mail address is the person's (OIDC Core §5.1); `None`: it says nothing.
    pub email_verified: Option<bool>,
    /// Everything it said, in its own form, where that is JSON; else the attributes say it all.
    pub raw: Option<Map<String, Value>>,
}

impl Identity {
    /// What of it outlives the login, beside the claims.
    pub fn authentication(&self) -> Authentication {
        Authentication {
            at: self.authenticated_at,
            context: self.context.clone(),
            methods: self.methods.clone(),
            upstream: UpstreamSession {
                name_id: self.name_id.clone(),
                index: self.session_index.clone(),
                ends: self.session_ends,
                subject_name: None,
            },
        }
    }
}

/// How a person was authenticated at the IdP, and what the IdP calls them and its session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Authentication {
    /// When.
    pub at: Option<Timestamp>,
    /// How: the app's `acr`.
    pub context: Option<String>,
    /// By which means: the app's `amr`.
    pub methods: Vec<String>,
    /// The session there, which this one may have to end with.
    pub upstream: UpstreamSession,
}

/// A session at the IdP, by the IdP's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpstreamSession {
    /// Whose.
    pub name_id: Option<NameId>,
    /// Which (`SessionIndex`, `sid`).
    pub index: Option<String>,
    /// From when on the IdP no longer vouches for the person.
    pub ends: Option<Timestamp>,
    /// What a logout names the person by, where the protocol has more to it than `name_id`.
    pub subject_name: Option<SubjectName>,
}

/// An identifier of a person and what it promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// The identifier.
    pub value: String,
    /// What kind it is.
    pub format: NameFormat,
}

/// Whose session it is: a NameID as the IdP wrote it. The one in a logout request has to be that of the assertion, in its
/// value, its format and its qualifiers (SAML Core §3.7.1: "as currently recognized by the identity and service providers").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectName {
    /// The identifier.
    pub value: String,
    /// `Format`.
    #[serde(default)]
    pub format: Option<String>,
    /// `NameQualifier`.
    #[serde(default)]
    pub name_qualifier: Option<String>,
    /// `SPNameQualifier`.
    #[serde(default)]
    pub sp_name_qualifier: Option<String>,
}

impl SubjectName {
    /// Whether `other` can name the same person. Identifiers have to be equal byte for byte; a format or qualifier has to be
    /// equal where both have one, because IdPs leave out of a logout request what goes without saying.
    pub fn can_mean(&self, other: &SubjectName) -> bool {
        let agrees = |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
        self.value == other.value
            && agrees(&self.format, &other.format)
            && agrees(&self.name_qualifier, &other.name_qualifier)
            && agrees(&self.sp_name_qualifier, &other.sp_name_qualifier)
    }
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
