//! What is known of well-known identity providers, so that their administrators need not guess: what they offer, how they
//! are recognised, what has to be entered on which of their screens, what is odd about them, and where a fault is mended.
//!
//! Each is a file in `crates/core/providers`, named by its id; a test reads them all. Whoever corrects the words of a screen
//! changes data, not code. Addresses of ours stand in the texts as placeholders ([`PLACEHOLDERS`]) until somebody asks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use url::Url;

use crate::connection::{Connection, Idp};
use crate::fault::Code;
use crate::mapping::Mapping;

macro_rules! files {
    ($( $id:literal ),+ $(,)?) => { &[$( ($id, include_str!(concat!("../providers/", $id, ".toml"))) ),+] };
}

/// The files, in the order in which providers are shown. Those for anything else come last.
const FILES: &[(&str, &str)] = files![
    "okta",
    "entra-id",
    "google-workspace",
    "onelogin",
    "auth0",
    "jumpcloud",
    "pingone",
    "pingfederate",
    "keycloak",
    "ad-fs",
    "generic-saml",
    "generic-oidc",
];

/// What stands in guides, in braces, for a value of ours.
pub const PLACEHOLDERS: [&str; 8] = [
    "acs_url",
    "acs_url_pattern",
    "app_url",
    "callback_url",
    "entity_id",
    "logout_return_url",
    "metadata_url",
    "slo_url",
];

/// An identity provider as its makers sell it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name here, which is also that of its file.
    #[serde(skip)]
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name that people say, where it is another. Where Jackson knows the provider, it is Jackson's.
    short_name: Option<String>,
    /// The protocol to choose where nothing speaks against it.
    pub recommended: Protocol,
    /// Whether it can tell who is added and who leaves (SCIM 2.0).
    pub scim: bool,
    /// The manuals from which this was taken.
    pub sources: Vec<String>,
    /// What surprises people.
    pub quirks: Vec<String>,
    #[serde(default)]
    recognised: Recognised,
    /// How it is connected by SAML, if it speaks that.
    pub saml: Option<SamlTemplate>,
    /// How it is connected by OpenID Connect, if it speaks that.
    pub oidc: Option<OidcTemplate>,
    #[serde(default)]
    mend: Vec<Mend>,
}

/// A protocol by which people sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// SAML 2.0.
    Saml,
    /// OpenID Connect.
    Oidc,
}

impl Protocol {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Saml => "saml",
            Protocol::Oidc => "oidc",
        }
    }
}

/// How a provider is known by its addresses.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Recognised {
    /// These hosts and what is below them.
    hosts: Vec<String>,
    /// Parts of the path, for providers that customers run themselves.
    paths: Vec<String>,
}

/// A connection by SAML.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamlTemplate {
    /// The format of NameID that the guide sets.
    pub name_id_format: String,
    /// What it calls things, where that is not in the usual table.
    #[serde(default)]
    pub mapping: Mapping,
    /// What to do there.
    pub steps: Vec<Step>,
}

/// A connection by OpenID Connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcTemplate {
    /// What to ask for.
    pub scopes: Vec<String>,
    /// What it calls things, where that is not in the usual table.
    #[serde(default)]
    pub mapping: Mapping,
    /// What to do there.
    pub steps: Vec<Step>,
}

/// Something to do at the provider. What stands in single quotes are the words of its screens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// In short.
    pub title: String,
    /// What to do.
    pub text: String,
    /// What to enter.
    #[serde(default)]
    pub enter: Vec<Entry>,
    /// What comes out of it that a connection needs, by the names that the API has for it.
    #[serde(default)]
    pub brings: Vec<String>,
}

/// A field of the provider and its value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The field.
    pub field: String,
    /// What to enter there.
    pub value: String,
}

/// Where faults are mended.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mend {
    codes: Vec<String>,
    place: String,
}

/// Every provider, in the order in which they are shown.
pub fn all() -> &'static [Template] {
    static ALL: LazyLock<Vec<Template>> = LazyLock::new(|| FILES.iter().map(|(id, text)| read(id, text)).collect());
    &ALL
}

fn read(id: &str, text: &str) -> Template {
    // The files are part of the program, and a test reads each.
    let template: Template = toml::from_str(text).unwrap_or_else(|why| panic!("providers/{id}.toml: {why}"));
    Template { id: id.to_owned(), ..template }
}

/// The provider of this id.
pub fn named(id: &str) -> Option<&'static Template> {
    all().iter().find(|template| template.id == id)
}

/// The provider that has these addresses or names: by a host that is its own, else by the shape of a path.
pub fn recognised<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Option<&'static Template> {
    let urls: Vec<Url> = addresses.into_iter().filter_map(|address| Url::parse(address).ok()).collect();
    let by_host = all().iter().find(|template| urls.iter().any(|url| template.recognised.has_host(url)));
    by_host.or_else(|| all().iter().find(|template| urls.iter().any(|url| template.recognised.has_path(url))))
}

impl Recognised {
    /// Auth0 names itself `urn:acme.eu.auth0.com`, so the rest of a URN counts as a host too.
    fn has_host(&self, url: &Url) -> bool {
        let host = url.host_str().or_else(|| (url.scheme() == "urn").then(|| url.path())).unwrap_or_default();
        self.hosts.iter().any(|own| {
            let before = host.strip_suffix(own.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.') || before.ends_with(':'))
        })
    }
    fn has_path(&self, url: &Url) -> bool {
        self.paths.iter().any(|part| url.path().contains(part.as_str()))
    }
}

/// Where a fault is mended, at every provider whose screen for it is known: the provider's name and the place.
pub fn words(code: Code) -> Vec<(&'static str, &'static str)> {
    let place = |template: &'static Template| {
        let mend = template.mend.iter().find(|mend| mend.codes.iter().any(|name| name == code.name()))?;
        Some((template.name.as_str(), mend.place.as_str()))
    };
    all().iter().filter_map(place).collect()
}

impl Template {
    /// The name that people say.
    pub fn short_name(&self) -> &str {
        self.short_name.as_deref().unwrap_or(&self.name)
    }
    /// Whether it stands for whatever is not known.
    pub fn is_generic(&self) -> bool {
        self.id.starts_with("generic-")
    }
    /// The steps for a protocol, if it speaks that.
    pub fn steps(&self, protocol: Protocol) -> Option<&[Step]> {
        match protocol {
            Protocol::Saml => self.saml.as_ref().map(|saml| saml.steps.as_slice()),
            Protocol::Oidc => self.oidc.as_ref().map(|oidc| oidc.steps.as_slice()),
        }
    }
    /// What it calls things, for a protocol.
    pub fn mapping(&self, protocol: Protocol) -> Option<&Mapping> {
        match protocol {
            Protocol::Saml => self.saml.as_ref().map(|saml| &saml.mapping),
            Protocol::Oidc => self.oidc.as_ref().map(|oidc| &oidc.mapping),
        }
    }
}

/// The scopes to ask a provider for: the usual three, and more where its template says so and it `offers` them in its
/// metadata, because many providers refuse a request for a scope that they do not know.
pub fn scopes(template: Option<&Template>, offers: &[String]) -> Vec<String> {
    const USUAL: [&str; 3] = ["openid", "email", "profile"];
    let oidc = template.and_then(|template| template.oidc.as_ref());
    let more = oidc.map(|oidc| oidc.scopes.as_slice()).unwrap_or_default().iter();
    let more = more.filter(|scope| !USUAL.contains(&scope.as_str()) && offers.contains(scope));
    USUAL.iter().map(|scope| (*scope).to_owned()).chain(more.cloned()).collect()
}

impl Idp {
    /// The protocol that it speaks here.
    pub fn spoken(&self) -> Protocol {
        match self {
            Idp::Saml(_) => Protocol::Saml,
            Idp::Oidc(_) => Protocol::Oidc,
        }
    }
    /// The provider that it is, as far as its addresses tell.
    fn recognised(&self) -> Option<&'static Template> {
        let addresses = match self {
            Idp::Saml(idp) => vec![Some(&idp.entity_id), idp.sso.redirect.as_ref(), idp.sso.post.as_ref()],
            Idp::Oidc(idp) => vec![Some(&idp.issuer), Some(&idp.provider.authorization_endpoint)],
        };
        recognised(addresses.into_iter().flatten().map(String::as_str))
    }
}

impl Connection {
    /// The provider that it leads to: the one that was set, or that is recognised, or the template for all others.
    pub fn template(&self) -> &'static Template {
        let generic = || match self.idp.spoken() {
            Protocol::Saml => "generic-saml",
            Protocol::Oidc => "generic-oidc",
        };
        let set = self.provider.as_deref().and_then(named);
        // Every id of a generic template is in the list of files.
        set.or_else(|| self.idp.recognised()).or_else(|| named(generic())).unwrap_or(&all()[0])
    }
}

/// A text in which placeholders are replaced by what is known of them; the others stay.
pub fn filled(text: &str, values: &BTreeMap<&'static str, String>) -> String {
    let replace = |text: String, (name, value): (&&str, &String)| text.replace(&format!("{{{name}}}"), value);
    values.iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fault::Mender;

    fn steps(template: &Template) -> impl Iterator<Item = &Step> {
        [Protocol::Saml, Protocol::Oidc].into_iter().filter_map(|protocol| template.steps(protocol)).flatten()
    }

    /// The words in braces that look like placeholders.
    fn placeholders(text: &str) -> impl Iterator<Item = &str> {
        let inside = text.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        inside.filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    }

    #[test]
    fn every_provider_is_complete() {
        let names: BTreeSet<_> = all().iter().map(|template| template.name.as_str()).collect();
        assert_eq!((all().len(), names.len()), (12, 12));
        for template in all() {
            let id = template.id.as_str();
            assert!(template.steps(template.recommended).is_some(), "{id} recommends what it does not speak");
            assert!(template.sources.iter().all(|source| Url::parse(source).is_ok_and(|url| url.scheme() == "https")));
            assert!(!template.sources.is_empty() && !template.quirks.is_empty(), "{id}");
            let known = !template.recognised.hosts.is_empty() || !template.recognised.paths.is_empty();
            assert_eq!(known, !template.is_generic(), "{id} is recognised by something");
            let mended = !template.mend.is_empty();
            assert_eq!(mended, !template.is_generic(), "{id} says where faults are mended");
            for protocol in [Protocol::Saml, Protocol::Oidc] {
                let Some(steps) = template.steps(protocol) else { continue };
                assert_eq!(template.mapping(protocol).unwrap().check(), Ok(()), "{id}");
                let brings: Vec<_> = steps.iter().flat_map(|step| &step.brings).map(String::as_str).collect();
                let entered: Vec<_> =
                    steps.iter().flat_map(|step| &step.enter).flat_map(|entry| placeholders(&entry.value)).collect();
                let (bring, enter): (&[&str], &[&str]) = match protocol {
                    Protocol::Saml => (&[], &["acs_url", "entity_id"]),
                    Protocol::Oidc => (&["oidcDiscoveryUrl", "oidcClientId", "oidcClientSecret"], &["callback_url"]),
                };
                assert!(bring.iter().all(|name| brings.contains(name)), "{id} brings {brings:?}");
                assert!(enter.iter().all(|name| entered.contains(name)), "{id} enters {entered:?}");
                let metadata = brings.contains(&"metadataUrl") || brings.contains(&"rawMetadata");
                assert_eq!(metadata, protocol == Protocol::Saml, "{id}");
            }
            if let Some(oidc) = &template.oidc {
                assert_eq!(oidc.scopes[..3], ["openid", "email", "profile"], "{id}");
            }
            for step in steps(template) {
                let texts = step.enter.iter().map(|entry| &entry.value).chain([&step.text]);
                for word in texts.flat_map(|text| placeholders(text)) {
                    assert!(PLACEHOLDERS.contains(&word), "{id}: {word}");
                }
            }
        }
    }

    #[test]
    fn where_a_fault_is_mended_is_said_once_and_of_what_an_idp_admin_mends_alone() {
        for template in all() {
            let mut seen = BTreeSet::new();
            for name in template.mend.iter().flat_map(|mend| &mend.codes) {
                let code = Code::named(name).unwrap_or_else(|| panic!("{}: there is no fault {name}", template.id));
                assert_eq!(code.mender(), Mender::IdpAdmin, "{name}");
                assert!(seen.insert(name), "{}: {name} twice", template.id);
            }
        }
        let audience = words(Code::SamlAudienceMismatch);
        assert_eq!(audience.len(), 10, "every provider has a screen for the audience");
        assert_eq!(audience[0], ("Okta", "General > SAML Settings > Audience URI (SP Entity ID)"));
        assert!(words(Code::OidcRedirectUriRefused).len() == 10 && words(Code::CodeSpent).is_empty());
    }

    #[test]
    fn providers_are_known_by_their_addresses() {
        let known = |addresses: &[&str]| recognised(addresses.iter().copied()).map(|template| template.id.as_str());
        for (address, id) in [
            ("http://www.okta.com/exk1abcd", "okta"),
            ("https://acme.oktapreview.com/app/x/sso/saml", "okta"),
            ("https://sts.windows.net/11111111-2222-3333-4444-555555555555/", "entra-id"),
            ("https://login.microsoftonline.com/organizations/v2.0", "entra-id"),
            ("https://accounts.google.com/o/saml2?idpid=C01234567", "google-workspace"),
            ("https://app.onelogin.com/saml/metadata/1", "onelogin"),
            ("urn:acme.eu.auth0.com", "auth0"),
            ("https://sso.jumpcloud.com/saml2/acme", "jumpcloud"),
            ("https://auth.pingone.eu/11111111-2222-3333-4444-555555555555/saml20/idp/sso", "pingone"),
            ("https://sso.acme.example/idp/SSO.saml2", "pingfederate"),
            ("https://keycloak.acme.example/auth/realms/staff", "keycloak"),
            ("http://fs.acme.example/adfs/services/trust", "ad-fs"),
        ] {
            assert_eq!(known(&[address]), Some(id), "{address}");
        }
        for stranger in ["https://notokta.com", "https://okta.com.example.com", "acme", "https://idp.acme.example"] {
            assert_eq!(known(&[stranger]), None, "{stranger}");
        }
        // An own host says more than the shape of a path, whichever comes first.
        assert_eq!(known(&["https://idp.acme.example/realms/x", "https://acme.okta.com/sso"]), Some("okta"));
    }

    #[test]
    fn scopes_beyond_the_usual_need_a_template_and_an_offer() {
        let offers = ["openid", "groups", "allatclaims"].map(str::to_owned);
        let usual = ["openid", "email", "profile"];
        assert_eq!(scopes(named("okta"), &offers), ["openid", "email", "profile", "groups"]);
        assert_eq!(scopes(named("okta"), &[]), usual);
        assert_eq!(scopes(named("entra-id"), &offers), usual);
        assert_eq!(scopes(named("generic-saml"), &offers), usual);
        assert_eq!(scopes(None, &offers), usual);
        assert_eq!(scopes(named("ad-fs"), &offers)[3..], ["allatclaims"]);
    }

    #[test]
    fn a_value_that_is_not_known_stays_a_placeholder() {
        let values = [("acs_url", "https://sso.example.com/acs".to_owned())].into();
        let text = "{ \"recipient\": \"{acs_url}\" } {callback_url}";
        assert_eq!(filled(text, &values), "{ \"recipient\": \"https://sso.example.com/acs\" } {callback_url}");
    }
}
