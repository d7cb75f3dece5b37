//! Reading the metadata of an IdP: SAML Metadata §2.3 and §2.4.3.
//!
//! Metadata comes from an administrator or from an address that one named, so it is trusted as a whole: its keys become
//! the connection's keys. It is read leniently (comments, chains, odd bindings), except where a mistake would make a
//! connection that lets the wrong IdP in or nobody at all.

use jiff::SignedDuration;
use roxmltree::Node;
use url::{Host, Url};
use x509_cert::der::Decode;

use postern_core::connection::{Certificate, Endpoints, SamlIdp, SigningKeys};
use postern_core::fault::{Code, Fault};
use postern_core::federation::Lifetime;
use postern_core::ports::Timestamp;
use postern_core::scoped;

use crate::document::{self, METADATA, Unreadable};
use crate::element::{DS, MD, MDUI, SAMLP, SHIBMD, all, attribute, base64, is};
use crate::{certificate, time};

const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

/// What an IdP says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdpMetadata {
    /// Its name.
    pub entity_id: String,
    /// Where AuthnRequests go.
    pub sso: Endpoints,
    /// Where LogoutRequests go.
    pub slo: Endpoints,
    /// Where LogoutResponses go, where that is elsewhere (`ResponseLocation`).
    pub slo_responses: Endpoints,
    /// The keys that sign for it.
    pub signing_keys: SigningKeys,
    /// Whether it asks for signed requests.
    pub wants_signed_requests: bool,
    /// From then on the document no longer describes it.
    pub valid_until: Option<Timestamp>,
    /// After so long the document wants to be fetched again.
    pub cache_duration: Option<SignedDuration>,
    /// What it calls itself before people.
    pub display_name: Option<String>,
    /// Where it tells people what to do when a login fails (H20).
    pub error_url: Option<String>,
    /// The scopes whose values it may send: Shibboleth Metadata Extensions §1 (`shibmd:Scope`), those written out.
    pub scopes: Vec<String>,
    /// What an operator may want to know, whatever the time.
    pub notes: Vec<String>,
}

impl IdpMetadata {
    /// How long the document describes it.
    pub fn lifetime(&self) -> Lifetime {
        let cache_seconds = self.cache_duration.and_then(|duration| u64::try_from(duration.as_secs()).ok());
        Lifetime { valid_until: self.valid_until, cache_seconds }
    }
}

/// As a connection knows it, with nothing settled yet.
impl From<IdpMetadata> for SamlIdp {
    fn from(read: IdpMetadata) -> Self {
        SamlIdp {
            lifetime: read.lifetime(),
            sso: read.sso,
            slo: read.slo,
            slo_responses: read.slo_responses,
            wants_signed_requests: read.wants_signed_requests,
            metadata_scopes: read.scopes,
            ..SamlIdp::new(read.entity_id, read.signing_keys)
        }
    }
}

/// What an operator may want to know at `now` of certificates past their dates or near them: they warn and never decide (M8).
pub fn certificate_notes(certificates: &[Certificate], now: Timestamp) -> Vec<String> {
    /// When people begin to be warned.
    const NEAR: SignedDuration = SignedDuration::from_hours(30 * 24);
    let note = |certificate: &Certificate| {
        let (fingerprint, end) = (certificate::fingerprint(certificate), certificate.not_after);
        let left = end.duration_since(now);
        let verb = if left.is_negative() { "expired" } else { "expires" };
        (left <= NEAR).then(|| format!("the signing certificate {fingerprint} {verb} on {end}"))
    };
    certificates.iter().filter_map(note).collect()
}

impl Unreadable {
    fn in_metadata(self) -> Fault {
        let code = match self {
            Unreadable::TooLarge(_) => Code::MetadataTooLarge,
            _ => Code::MetadataUnreadable,
        };
        code.fault().received(self.to_string())
    }
}

/// Reads metadata. A document of several entities is fine if one of them is an IdP, or if `entity_id` chooses one (M7).
pub fn read(xml: &[u8], entity_id: Option<&str>) -> Result<IdpMetadata, Fault> {
    let text = document::text(xml, METADATA).map_err(Unreadable::in_metadata)?;
    let document = document::parse(&text, METADATA).map_err(Unreadable::in_metadata)?;
    let entity = choose(document.root_element(), entity_id)?;
    let descriptor = idp_descriptor(entity).ok_or_else(|| Code::MetadataNotIdp.fault())?;

    let mut notes = Vec::new();
    let sso = endpoints(descriptor, "SingleSignOnService", "Location");
    let slo = endpoints(descriptor, "SingleLogoutService", "Location");
    let slo_responses = endpoints(descriptor, "SingleLogoutService", "ResponseLocation");
    if sso.found == Endpoints::default() {
        return Err(match sso.invalid {
            Some(invalid) => Code::MetadataEndpointInvalid.fault().expected("an absolute https URL").received(invalid),
            None => Code::MetadataEndpointMissing.fault(),
        });
    }
    for (name, read) in [("sign-on", &sso), ("logout", &slo), ("logout response", &slo_responses)] {
        if read.invalid.is_some() {
            notes.push(format!("left out: a {name} address that is not an https URL"));
        }
    }
    Ok(IdpMetadata {
        entity_id: name_of(entity)?.to_owned(),
        sso: sso.found,
        slo: slo.found,
        slo_responses: slo_responses.found,
        signing_keys: signing_keys(descriptor, &mut notes)?,
        wants_signed_requests: matches!(attribute(descriptor, "WantAuthnRequestsSigned"), Some("true" | "1")),
        valid_until: valid_until(descriptor)?,
        cache_duration: cache_duration(descriptor, &mut notes),
        display_name: display_name(descriptor),
        scopes: scopes(descriptor, &mut notes),
        error_url: attribute(descriptor, "errorURL").filter(|url| is_address(url)).map(str::to_owned),
        notes,
    })
}

/// The IdP that is meant. SAML Metadata §2.3.1: EntitiesDescriptor may nest.
fn choose<'a, 'i>(root: Node<'a, 'i>, entity_id: Option<&str>) -> Result<Node<'a, 'i>, Fault> {
    let mut entities = Vec::new();
    collect(root, &mut entities);
    unique(&entities)?;
    let idps: Vec<_> = entities.into_iter().filter(|&entity| idp_descriptor(entity).is_some()).collect();
    let named = |entity: &Node<'_, '_>| entity_id.is_none_or(|id| attribute(*entity, "entityID") == Some(id));
    let mut meant = idps.iter().copied().filter(named);
    match (meant.next(), meant.next()) {
        (Some(entity), None) => Ok(entity),
        (Some(_), Some(_)) => {
            let names: Vec<_> = idps.iter().filter_map(|&entity| attribute(entity, "entityID")).collect();
            Err(Code::MetadataSeveralIdps.fault().expected("one").received(names.join(", ")))
        }
        (None, _) => match (entity_id, &idps[..]) {
            (Some(id), [_, ..]) => {
                let names: Vec<_> = idps.iter().filter_map(|&entity| attribute(entity, "entityID")).collect();
                Err(Code::MetadataEntityUnknown.fault().expected(id).received(names.join(", ")))
            }
            _ => Err(Code::MetadataNotIdp.fault().received(root.tag_name().name())),
        },
    }
}

/// An entity ID is said once. Of two entities with one name, which is meant would depend on who reads (M7).
fn unique(entities: &[Node<'_, '_>]) -> Result<(), Fault> {
    let mut names: Vec<_> = entities.iter().filter_map(|&entity| attribute(entity, "entityID")).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Code::MetadataEntityTwice.fault().received(pair[0])),
        None => Ok(()),
    }
}

fn collect<'a, 'i>(node: Node<'a, 'i>, entities: &mut Vec<Node<'a, 'i>>) {
    if is(node, MD, "EntityDescriptor") {
        entities.push(node);
    } else if is(node, MD, "EntitiesDescriptor") {
        // The scan before parsing bounds how deep this goes.
        node.children().for_each(|child| collect(child, entities));
    }
}

/// The role of an entity as SAML 2.0 identity provider. SAML Metadata §2.4.1: protocolSupportEnumeration is a list of URIs.
fn idp_descriptor<'a, 'i>(entity: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    all(entity, MD, "IDPSSODescriptor").find(|&descriptor| {
        attribute(descriptor, "protocolSupportEnumeration")
            .is_some_and(|list| list.split_ascii_whitespace().any(|uri| uri == SAMLP))
    })
}

fn name_of<'a>(entity: Node<'a, '_>) -> Result<&'a str, Fault> {
    attribute(entity, "entityID")
        .filter(|id| !id.trim().is_empty())
        .ok_or_else(|| Code::MetadataEntityIdMissing.fault())
}

/// Endpoints that were found, and one that was not fit.
struct Read {
    found: Endpoints,
    invalid: Option<String>,
}

/// SAML Metadata §2.4.3 and §2.2.2. The first usable address of each binding counts; `ResponseLocation` may be left out.
fn endpoints(descriptor: Node<'_, '_>, name: &'static str, location: &str) -> Read {
    let mut read = Read { found: Endpoints::default(), invalid: None };
    for service in all(descriptor, MD, name) {
        let place = match attribute(service, "Binding") {
            Some(REDIRECT) => &mut read.found.redirect,
            Some(POST) => &mut read.found.post,
            _ => continue,
        };
        let location = match attribute(service, location) {
            Some(written) => written.trim(),
            None if location == "ResponseLocation" => continue,
            None => "",
        };
        if !is_address(location) {
            read.invalid = Some(location.to_owned());
        } else if place.is_none() {
            *place = Some(location.to_owned());
        }
    }
    read
}

/// Where a browser may be sent: https, or http on this very machine, for trying things out. No fragment, because
/// parameters are appended.
fn is_address(location: &str) -> bool {
    let Ok(url) = Url::parse(location) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    (url.scheme() == "https" || (url.scheme() == "http" && loopback))
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && !location.contains(|c: char| c.is_control() || c.is_whitespace())
}

/// SAML Metadata §2.4.1.1: a KeyDescriptor without `use` is for signing too.
fn signing_keys(descriptor: Node<'_, '_>, notes: &mut Vec<String>) -> Result<SigningKeys, Fault> {
    let mut certificates: Vec<Certificate> = Vec::new();
    for key in all(descriptor, MD, "KeyDescriptor") {
        if !matches!(attribute(key, "use"), None | Some("signing")) {
            continue;
        }
        for data in all(key, DS, "KeyInfo").flat_map(|info| all(info, DS, "X509Data")) {
            let mut shown = Vec::new();
            for element in all(data, DS, "X509Certificate") {
                match base64(&whole_text(element)).and_then(|der| certificate::read(&der).ok()) {
                    Some(certificate) => shown.push(certificate),
                    None => notes.push("left out: a signing certificate that cannot be read".to_owned()),
                }
            }
            for certificate in end_entities(shown) {
                if !certificates.contains(&certificate) {
                    certificates.push(certificate);
                }
            }
        }
    }
    for certificate in &certificates {
        let small =
            certificate::public_key(&certificate.der).and_then(|key| key.rsa_bits()).filter(|&bits| bits < 2048);
        if let Some(bits) = small {
            let fingerprint = certificate::fingerprint(certificate);
            notes.push(format!("the signing certificate {fingerprint} has a key of only {bits} bits"));
        }
    }
    SigningKeys::new(certificates).ok_or_else(|| Code::MetadataKeyMissing.fault())
}

/// XML Signature §4.5.4: the certificates of one X509Data are one key's, with the chain above it. Who issued the
/// certificate must not be able to sign in its place, so issuers of others are left out.
fn end_entities(shown: Vec<Certificate>) -> Vec<Certificate> {
    let names: Vec<_> = shown
        .iter()
        .filter_map(|certificate| x509_cert::Certificate::from_der(&certificate.der).ok())
        .map(|parsed| (parsed.tbs_certificate().subject().clone(), parsed.tbs_certificate().issuer().clone()))
        .collect();
    let issued_another = |at: usize| {
        names.iter().enumerate().any(|(other, (subject, issuer))| {
            // Two self-signed certificates of one name are two keys of a rollover, not a chain.
            other != at && *issuer == names[at].0 && subject != issuer
        })
    };
    // `certificate::read` parsed each of them already, so `names` has an entry for every one.
    let keep: Vec<bool> = (0..names.len()).map(|at| !issued_another(at)).collect();
    shown.into_iter().zip(keep).filter_map(|(certificate, keep)| keep.then_some(certificate)).collect()
}

/// SAML Metadata §2.3.1, §2.3.2, §2.4.1: `cacheDuration` on any level; the shortest holds.
fn cache_duration(descriptor: Node<'_, '_>, notes: &mut Vec<String>) -> Option<SignedDuration> {
    let mut shortest: Option<SignedDuration> = None;
    for level in descriptor.ancestors().filter(Node::is_element) {
        let Some(written) = attribute(level, "cacheDuration") else { continue };
        match duration(written) {
            Some(read) => shortest = Some(shortest.map_or(read, |known| known.min(read))),
            None => notes.push("left out: a cacheDuration that is no duration".to_owned()),
        }
    }
    shortest
}

/// XML Schema Part 2 §3.2.6. How long a month is depends on when it begins; here it begins in January.
fn duration(written: &str) -> Option<SignedDuration> {
    let span: jiff::Span = written.trim().parse().ok()?;
    span.to_duration(jiff::civil::date(2026, 1, 1)).ok().filter(SignedDuration::is_positive)
}

/// In the extensions of the role, or of the entity. A scope that is a pattern is left out: who may match it is not for us to
/// guess.
fn scopes(descriptor: Node<'_, '_>, notes: &mut Vec<String>) -> Vec<String> {
    let mut scopes = Vec::new();
    let levels = [Some(descriptor), descriptor.parent_element()].into_iter().flatten();
    let extensions = levels.flat_map(|level| all(level, MD, "Extensions"));
    for scope in extensions.flat_map(|extensions| all(extensions, SHIBMD, "Scope")) {
        let (text, pattern) = (whole_text(scope).trim().to_ascii_lowercase(), attribute(scope, "regexp"));
        if matches!(pattern, Some("true" | "1")) || !scoped::is_scope(&text) || scopes.len() >= scoped::MOST {
            notes.push("left out: a scope that is a pattern, or no domain, or one of too many".to_owned());
        } else if !scopes.contains(&text) {
            scopes.push(text);
        }
    }
    scopes
}

/// Metadata UI §2.1, else SAML Metadata §2.3.2.1: the first is as good as any, where there are several languages.
fn display_name(descriptor: Node<'_, '_>) -> Option<String> {
    let info = all(descriptor, MD, "Extensions").flat_map(|extensions| all(extensions, MDUI, "UIInfo"));
    let organization = descriptor.parent_element().into_iter().flat_map(|entity| all(entity, MD, "Organization"));
    let names = info.flat_map(|info| all(info, MDUI, "DisplayName"));
    let names = names.chain(organization.flat_map(|organization| all(organization, MD, "OrganizationDisplayName")));
    names.map(|name| whole_text(name).trim().to_owned()).find(|name| !name.is_empty())
}

/// The text of an element of which comments may be part.
fn whole_text(element: Node<'_, '_>) -> String {
    element.children().filter(Node::is_text).filter_map(|child| child.text()).collect()
}

/// SAML Metadata §2.3.1, §2.3.2, §2.4.1: `validUntil` on any level; the earliest holds.
fn valid_until(descriptor: Node<'_, '_>) -> Result<Option<Timestamp>, Fault> {
    let mut earliest: Option<Timestamp> = None;
    for level in descriptor.ancestors().filter(Node::is_element) {
        let until = time::optional(level, "validUntil")
            .map_err(|fault| Code::MetadataUnreadable.fault().received(fault.received.unwrap_or_default()))?;
        earliest = match (earliest, until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Ok(earliest)
}
