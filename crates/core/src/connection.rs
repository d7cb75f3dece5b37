//! One IdP, configured in a scope. The record that lies sealed in the store.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::connection_keys::ConnectionKeys;
use crate::connection_status::ConnectionStatus;
use crate::fault::{Code, Fault};
use crate::federation::Lifetime;
use crate::former_secrets::FormerSecrets;
use crate::login::finish::provider;
use crate::mapping::Mapping;
use crate::openid::OidcIdp;
use crate::ports::{Random, Timestamp};
use crate::requirements::Requirements;
use crate::roles::RoleSettings;
use crate::scope::Scope;
use crate::secret::{Secret, random_id};
use crate::store::Revision;

/// An IdP of one tenant for one product.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    /// Random, `conn_…`; in the ACS address of unsolicited responses and in the subjects of its people.
    pub id: ConnectionId,
    /// What keeps this connection's subjects apart from all others: its id, until it is carried over to a replacement.
    pub subject_namespace: String,
    /// Jackson's computed `clientID`: hex(RIPEMD-160(`tenant:product:entityID`)), for OIDC with the `oidcClientId` in the
    /// place of the entity ID. Public, an alias of `id`.
    pub client_id: String,
    /// What a client that names the connection itself authenticates with (Jackson's `clientSecret`).
    pub client_secret: Secret,
    /// Those that it had before and that are still accepted.
    #[serde(default)]
    pub former_secrets: FormerSecrets,
    /// Whose it is.
    pub scope: Scope,
    /// Free text for lists.
    pub name: Option<String>,
    /// Free text for lists.
    pub label: Option<String>,
    /// Free text, at most 100 characters.
    pub description: Option<String>,
    /// Redirect URIs that apps may name, where no registered product narrows them.
    pub redirect_urls: Vec<String>,
    /// Where an IdP-initiated login ends that is delivered directly.
    pub default_redirect_url: String,
    /// How the app gets a login that began at the IdP.
    #[serde(default)]
    pub unsolicited_delivery: Delivery,
    /// Higher comes first in lists.
    pub sort_order: Option<u32>,
    /// The region of the configuration under whose addresses its IdP knows us; none: the deployment's own.
    #[serde(default)]
    pub region: Option<String>,
    /// The provider that an operator says it is ([`crate::providers`]); none: the one that is recognised.
    #[serde(default)]
    pub provider: Option<String>,
    /// Where its people's claims come from.
    #[serde(default)]
    pub mapping: Mapping,
    /// As what its people come in, where that is not as the scope's policy says.
    #[serde(default)]
    pub roles: RoleSettings,
    /// What they have to bring along, where that is not as the scope's policy says.
    #[serde(default)]
    pub requirements: Requirements,
    /// Whether people sign in by it. Records from before there were drafts say whether it is deactivated.
    #[serde(alias = "deactivated")]
    pub status: ConnectionStatus,
    /// When it was created.
    pub created: Timestamp,
    /// When what is stored of it was written: read from the record, and written by the store alone.
    #[serde(default, skip_serializing)]
    pub revised: Revision,
    /// The other side.
    pub idp: Idp,
    /// Keys of its own towards the IdP; none: the deployment's.
    #[serde(default)]
    pub own_keys: ConnectionKeys,
    /// Whether a person who signs out of an app is signed out at the IdP too, where that can be asked for.
    #[serde(default = "yes")]
    pub single_logout: bool,
}

fn yes() -> bool {
    true
}

impl Connection {
    /// Whether a client means this connection by `id`: its id or Jackson's `clientID`.
    pub fn is_named(&self, id: &str) -> bool {
        self.id.0 == id || self.client_id == id
    }

    /// Whether a client that names this connection may prove itself by `secret`.
    pub fn accepts(&self, secret: &str, now: Timestamp) -> bool {
        self.client_secret.matches(secret) | self.former_secrets.accept(secret, now)
    }

    /// What people call it: the name that it was given, or the host of its IdP.
    pub fn known_as(&self) -> String {
        let given = self.label.clone().or_else(|| self.name.clone());
        given.unwrap_or_else(|| provider(self.idp.name()))
    }
}

/// How the app gets a login that began at the IdP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// It begins a login of its own, which is answered at once: with its state and PKCE.
    #[default]
    Application,
    /// It gets a code that it did not ask for, at `default_redirect_url`, as in Jackson. Nothing protects it from logins that
    /// a stranger slipped into the browser.
    Direct,
}

impl Delivery {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Delivery::Application => "application",
            Delivery::Direct => "direct",
        }
    }
    /// The delivery of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Delivery::Application, Delivery::Direct].into_iter().find(|delivery| delivery.name() == name)
    }
}

/// The id of a connection: `conn_` and 160 random bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub String);

impl ConnectionId {
    /// What each begins with. Jackson's `clientID`s are hex, so none of them does.
    pub(crate) const PREFIX: &str = "conn_";

    pub(crate) fn random(random: &dyn Random) -> Self {
        Self(format!("{}{}", Self::PREFIX, random_id(random)))
    }

    /// The id that a client names, if it is one.
    pub(crate) fn named(text: &str) -> Option<Self> {
        text.starts_with(Self::PREFIX).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kinds of IdP. The set is closed: a `match` tells what was forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "lowercase")]
pub enum Idp {
    /// A SAML 2.0 identity provider.
    Saml(SamlIdp),
    /// An OpenID Provider.
    Oidc(OidcIdp),
}

impl Idp {
    /// Its own name: the entity ID or the issuer.
    pub fn name(&self) -> &str {
        match self {
            Idp::Saml(idp) => &idp.entity_id,
            Idp::Oidc(idp) => &idp.issuer,
        }
    }
    /// The protocol, as the API and the claims write it.
    pub fn protocol(&self) -> &'static str {
        match self {
            Idp::Saml(_) => "saml",
            Idp::Oidc(_) => "oidc",
        }
    }
    /// What tells it from the others of a scope, in Jackson's `clientID`.
    pub fn key(&self) -> &str {
        match self {
            Idp::Saml(idp) => &idp.entity_id,
            Idp::Oidc(idp) => &idp.client_id,
        }
    }
    /// Whether something about it is kept fresh in the background.
    pub fn is_renewed(&self) -> bool {
        match self {
            Idp::Saml(idp) => idp.metadata_url.is_some(),
            Idp::Oidc(idp) => idp.is_renewed(),
        }
    }
    /// Refuses to become another IdP: whose people these are never changes by itself (M6).
    pub fn check_same(&self, other: &Idp) -> Result<(), Fault> {
        let changed = |expected: &str, received: &str| {
            Err(Code::ConnectionEntityIdChanged.fault().expected(expected).received(received))
        };
        match (self, other) {
            (Idp::Saml(_), Idp::Oidc(_)) | (Idp::Oidc(_), Idp::Saml(_)) => changed(self.protocol(), other.protocol()),
            _ if self.name() != other.name() => changed(self.name(), other.name()),
            _ if self.key() != other.key() => changed(self.key(), other.key()),
            _ => Ok(()),
        }
    }
    /// The SAML identity provider that it has to be here.
    pub fn saml(&self) -> Result<&SamlIdp, Fault> {
        match self {
            Idp::Saml(idp) => Ok(idp),
            Idp::Oidc(_) => Err(Code::ConnectionOtherProtocol.fault().expected("oidc").received("saml")),
        }
    }
    /// The OpenID Provider that it has to be here.
    pub fn oidc(&self) -> Result<&OidcIdp, Fault> {
        match self {
            Idp::Oidc(idp) => Ok(idp),
            Idp::Saml(_) => Err(Code::ConnectionOtherProtocol.fault().expected("saml").received("oidc")),
        }
    }
}

/// A SAML 2.0 identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlIdp {
    /// Its name, compared byte for byte.
    pub entity_id: String,
    /// Where AuthnRequests go.
    pub sso: Endpoints,
    /// Where LogoutRequests go.
    pub slo: Endpoints,
    /// Where LogoutResponses go, where that is elsewhere.
    #[serde(default)]
    pub slo_responses: Endpoints,
    /// The keys that may sign for it. Never none.
    pub signing_keys: SigningKeys,
    /// Whether it asks for signed requests.
    pub wants_signed_requests: bool,
    /// Where its metadata was fetched from.
    pub metadata_url: Option<String>,
    /// How long its metadata describes it.
    #[serde(default)]
    pub lifetime: Lifetime,
    /// Whether metadata without a near end is refused, and past it every login (M4).
    #[serde(default)]
    pub strict_federation: bool,
    /// The scopes that an operator settled (H23); none: those of its metadata.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The scopes that its metadata names.
    #[serde(default)]
    pub metadata_scopes: Vec<String>,
    /// Whether it has to authenticate the person anew each time.
    pub force_authn: bool,
    /// Whether it is asked not to show anything: it knows the person, or the login fails.
    #[serde(default)]
    pub is_passive: bool,
    /// How it is asked to name people.
    pub name_id_format: NameIdWish,
    /// Whether requests to it are signed; `None`: if it asks for that.
    #[serde(default)]
    pub sign_requests: Option<bool>,
    /// The ways of authentication to ask for, one of which it has to use (SDP-SP07); none: its own choice.
    #[serde(default)]
    pub authn_contexts: Vec<String>,
    /// What it may call us before the person.
    #[serde(default)]
    pub provider_name: Option<String>,
    /// The IdPs behind it that may answer, where it only passes requests on; none: any.
    #[serde(default)]
    pub idps_behind: Vec<String>,
    /// Whether our metadata for it ask for an identifier that never changes, subject-id or pairwise-id (M3, SDP-SP15).
    #[serde(default)]
    pub asks_for_subject_id: bool,
    /// What was loosened for this connection.
    pub allow: BTreeSet<Allowance>,
}

impl SamlIdp {
    /// One of which no more is known than its name and its keys: without addresses, wishes and loosenings.
    pub fn new(entity_id: impl Into<String>, signing_keys: SigningKeys) -> Self {
        Self {
            entity_id: entity_id.into(),
            sso: Endpoints::default(),
            slo: Endpoints::default(),
            slo_responses: Endpoints::default(),
            signing_keys,
            wants_signed_requests: false,
            metadata_url: None,
            lifetime: Lifetime::default(),
            strict_federation: false,
            scopes: Vec::new(),
            metadata_scopes: Vec::new(),
            force_authn: false,
            is_passive: false,
            name_id_format: NameIdWish::Any,
            sign_requests: None,
            authn_contexts: Vec::new(),
            provider_name: None,
            idps_behind: Vec::new(),
            asks_for_subject_id: false,
            allow: BTreeSet::new(),
        }
    }

    /// The same IdP as `description` has it: its name, addresses, keys and wishes. What an operator settled stays.
    pub fn described_by(&self, description: SamlIdp) -> Self {
        Self {
            entity_id: description.entity_id,
            sso: description.sso,
            slo: description.slo,
            slo_responses: description.slo_responses,
            signing_keys: description.signing_keys,
            wants_signed_requests: description.wants_signed_requests,
            metadata_url: description.metadata_url,
            lifetime: description.lifetime,
            metadata_scopes: description.metadata_scopes,
            ..self.clone()
        }
    }

    /// The scopes whose values it may send; none: nobody said.
    pub fn owned_scopes(&self) -> &[String] {
        if self.scopes.is_empty() { &self.metadata_scopes } else { &self.scopes }
    }

    /// Where answers to its LogoutRequests go (SAML Metadata §2.2.2: ResponseLocation, or else Location).
    pub fn logout_answers(&self) -> Endpoints {
        let of = |response: &Option<String>, location: &Option<String>| response.clone().or_else(|| location.clone());
        Endpoints {
            redirect: of(&self.slo_responses.redirect, &self.slo.redirect),
            post: of(&self.slo_responses.post, &self.slo.post),
        }
    }

    /// Whether it can be asked to end a session.
    pub fn takes_logout_requests(&self) -> bool {
        self.slo != Endpoints::default()
    }

    /// Whether requests to it are signed.
    pub fn gets_signed_requests(&self) -> bool {
        self.sign_requests.unwrap_or(self.wants_signed_requests)
    }
}

/// How an IdP is asked to name people: NameIDPolicy, SAML Core §3.4.1.1. Stored and written as the format, or as `omitted`,
/// which is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<String>", into = "Option<String>")]
pub enum NameIdWish {
    /// As it likes (SDP-SP04).
    #[default]
    Any,
    /// In this format.
    Format(String),
    /// It is not asked: some refuse whatever NameIDPolicy they see.
    Omitted,
}

impl NameIdWish {
    const OMITTED: &'static str = "omitted";

    /// The format that is asked for.
    pub fn format(&self) -> Option<&str> {
        match self {
            NameIdWish::Format(format) => Some(format),
            NameIdWish::Any | NameIdWish::Omitted => None,
        }
    }
}

impl From<Option<String>> for NameIdWish {
    fn from(written: Option<String>) -> Self {
        match written {
            None => NameIdWish::Any,
            Some(word) if word == Self::OMITTED => NameIdWish::Omitted,
            Some(format) => NameIdWish::Format(format),
        }
    }
}

impl From<NameIdWish> for Option<String> {
    fn from(wish: NameIdWish) -> Self {
        match wish {
            NameIdWish::Any => None,
            NameIdWish::Format(format) => Some(format),
            NameIdWish::Omitted => Some(NameIdWish::OMITTED.to_owned()),
        }
    }
}

/// The addresses of one service of a SAML IdP, by binding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// HTTP-Redirect.
    pub redirect: Option<String>,
    /// HTTP-POST.
    pub post: Option<String>,
}

/// What an operator may loosen for one connection. Nothing else can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Allowance {
    /// Signatures by RSA with SHA-1, and digests by SHA-1. Who can make two documents of one SHA-1 can have one signed and
    /// show the other.
    #[serde(rename = "sha1")]
    Sha1,
    /// Signing keys of RSA 1024 to 2047 bits. The second verifier refuses them, so one verifier decides alone.
    #[serde(rename = "rsa1024")]
    Rsa1024,
    /// AES-CBC around an assertion in a response that is not signed itself: whoever caught one may change it and learn
    /// from the answers what it says.
    #[serde(rename = "aes-cbc")]
    AesCbc,
    /// Responses that answer no request, at the connection's own ACS address only.
    #[serde(rename = "unsolicited")]
    Unsolicited,
}

impl Allowance {
    /// Every allowance.
    pub const ALL: &'static [Allowance] =
        &[Allowance::Sha1, Allowance::Rsa1024, Allowance::AesCbc, Allowance::Unsolicited];

    /// Its name in the API, the command line and traces.
    pub fn name(self) -> &'static str {
        match self {
            Allowance::Sha1 => "sha1",
            Allowance::Rsa1024 => "rsa1024",
            Allowance::AesCbc => "aes-cbc",
            Allowance::Unsolicited => "unsolicited",
        }
    }
    /// The allowance of this name.
    pub fn named(name: &str) -> Option<Allowance> {
        Self::ALL.iter().copied().find(|allowance| allowance.name() == name)
    }
}

/// X.509 certificates (DER) whose keys sign for an IdP: at least one. A connection without a key cannot exist, because this
/// type cannot be empty (CVE-2026-28323, "nullable trust").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Certificate>", into = "Vec<Certificate>")]
pub struct SigningKeys(Vec<Certificate>);

impl SigningKeys {
    /// The certificates, or `None` if there are none.
    pub fn new(certificates: Vec<Certificate>) -> Option<Self> {
        (!certificates.is_empty()).then_some(Self(certificates))
    }
    /// The certificates.
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }
}

impl TryFrom<Vec<Certificate>> for SigningKeys {
    type Error = &'static str;
    fn try_from(certificates: Vec<Certificate>) -> Result<Self, Self::Error> {
        Self::new(certificates).ok_or("no signing certificate")
    }
}

impl From<SigningKeys> for Vec<Certificate> {
    fn from(keys: SigningKeys) -> Self {
        keys.0
    }
}

/// One X.509 certificate. Only its key is trusted; its dates warn and never decide (H-M M8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The whole certificate, DER.
    #[serde(with = "crate::base64_bytes")]
    pub der: Vec<u8>,
    /// Until when its issuer meant it to be used.
    pub not_after: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x11_a_connection_without_a_key_cannot_exist() {
        assert!(SigningKeys::new(vec![]).is_none());
        assert!(serde_json::from_str::<SigningKeys>("[]").is_err());
    }

    #[test]
    fn how_people_are_named_is_stored_as_it_was_before_it_could_be_omitted() {
        for (wish, stored) in [
            (NameIdWish::Any, serde_json::Value::Null),
            (NameIdWish::Format("urn:x".into()), "urn:x".into()),
            (NameIdWish::Omitted, "omitted".into()),
        ] {
            assert_eq!(serde_json::to_value(&wish).unwrap(), stored);
            assert_eq!(serde_json::from_value::<NameIdWish>(stored).unwrap(), wish);
        }
    }

    #[test]
    fn an_allowance_is_stored_under_its_name() {
        for &allowance in Allowance::ALL {
            assert_eq!(serde_json::to_value(allowance).unwrap(), allowance.name());
            assert_eq!(Allowance::named(allowance.name()), Some(allowance));
        }
        assert_eq!(Allowance::named("SHA1"), None);
    }
}
