//! Asking an IdP to sign somebody in: the AuthnRequest, SAML Core §3.4.1. `front_channel` has its two ways there.

use data_encoding::HEXLOWER;
use postern_core::fault::Fault;
use postern_core::ports::{Random, Timestamp};

use crate::escape::xml;
use crate::front_channel::{Outgoing, Role};
use crate::keys::SigningKey;

/// A request to authenticate somebody.
#[derive(Debug, Clone, Copy)]
pub struct AuthnRequest<'a> {
    /// From [`new_id`]; the response has to name it.
    pub id: &'a str,
    /// The present.
    pub issued: Timestamp,
    /// The IdP's single sign-on address, as its metadata has it.
    pub destination: &'a str,
    /// Where the response has to go; the same as in our metadata, byte for byte (H3).
    pub acs_url: &'a str,
    /// Our entity ID.
    pub issuer: &'a str,
    /// What the IdP is asked for.
    pub wishes: Wishes<'a>,
    /// Our key, if the request is to be signed.
    pub signing_key: Option<&'a SigningKey>,
}

/// What a connection asks of its IdP. By default nothing in particular: most IdPs refuse what they cannot meet exactly.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// The person has to authenticate anew.
    pub force_authn: bool,
    /// The IdP may not show anything: it knows the person already, or it fails.
    pub is_passive: bool,
    /// How the person is to be named.
    pub name_id: NameIdPolicy<'a>,
    /// RequestedAuthnContext: one of these ways of authentication, exactly (H4, SDP-SP07).
    pub authn_contexts: &'a [String],
    /// What the IdP may call us before the person.
    pub provider_name: Option<&'a str>,
    /// Scoping: the IdPs behind this one that may answer, for those that only pass requests on.
    pub idps: &'a [String],
}

/// The NameIDPolicy of a request, SAML Core §3.4.1.1 (H2, SDP-SP04).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameIdPolicy<'a> {
    /// Any format, and a new identifier if need be.
    #[default]
    Any,
    /// This format, for IdPs that have to be told.
    Format(&'a str),
    /// No NameIDPolicy, for IdPs that refuse any.
    Omitted,
}

impl AuthnRequest<'_> {
    /// The message, not signed. SAML Core §3.4.1.
    pub fn xml(&self) -> String {
        let Wishes { force_authn, is_passive, name_id, authn_contexts, provider_name, idps } = self.wishes;
        let flag = |set: bool, name: &str| if set { format!(" {name}=\"true\"") } else { String::new() };
        let policy = match name_id {
            NameIdPolicy::Any => "<samlp:NameIDPolicy AllowCreate=\"true\"/>".to_owned(),
            NameIdPolicy::Format(format) => {
                format!("<samlp:NameIDPolicy Format=\"{}\" AllowCreate=\"true\"/>", xml(format))
            }
            NameIdPolicy::Omitted => String::new(),
        };
        let context = |class: &str| format!("<saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef>", xml(class));
        let idp = |id: &str| format!("<samlp:IDPEntry ProviderID=\"{}\"/>", xml(id));
        [
            "<samlp:AuthnRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
            &format!(" ID=\"{}\" Version=\"2.0\"", xml(self.id)),
            &format!(" IssueInstant=\"{}\"", self.issued.strftime("%Y-%m-%dT%H:%M:%SZ")),
            &format!(" Destination=\"{}\"", xml(self.destination)),
            &flag(force_authn, "ForceAuthn"),
            &flag(is_passive, "IsPassive"),
            " ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\"",
            &format!(" AssertionConsumerServiceURL=\"{}\"", xml(self.acs_url)),
            &provider_name.map(|name| format!(" ProviderName=\"{}\"", xml(name))).unwrap_or_default(),
            &format!("><saml:Issuer>{}</saml:Issuer>", xml(self.issuer)),
            &policy,
            &list(
                "<samlp:RequestedAuthnContext Comparison=\"exact\">",
                authn_contexts,
                context,
                "</samlp:RequestedAuthnContext>",
            ),
            &list("<samlp:Scoping><samlp:IDPList>", idps, idp, "</samlp:IDPList></samlp:Scoping>"),
            "</samlp:AuthnRequest>",
        ]
        .concat()
    }

    /// HTTP-Redirect: the address to send the browser to. An empty `relay_state` is left out. A signature is one over the
    /// query, not one in the message (H6).
    pub fn redirect_url(&self, relay_state: &str) -> Result<String, Fault> {
        self.outgoing(&self.xml()).redirect_url(relay_state)
    }

    /// HTTP-POST: the value of the form field `SAMLRequest`. A signature is one in the message.
    pub fn post_value(&self) -> Result<String, Fault> {
        self.outgoing(&self.xml()).post_value()
    }

    fn outgoing<'m>(&'m self, message: &'m str) -> Outgoing<'m> {
        let AuthnRequest { id, destination, signing_key, .. } = *self;
        Outgoing { role: Role::Request, message, id, destination, signing_key }
    }
}

/// What to put into RequestedAuthnContext: what the app asks, but where the connection has a list, only what is on it, and
/// the list itself where that leaves nothing. So no app, and nobody who changes its request, asks for less than the operator
/// decided. SAML Core §1.3.2: contexts are absolute URIs; other values of `acr_values` mean nothing to a SAML IdP.
pub fn authn_contexts(asked: &[String], configured: &[String]) -> Vec<String> {
    let allowed = |context: &&String| context.contains(':') && (configured.is_empty() || configured.contains(context));
    let chosen: Vec<_> = asked.iter().filter(allowed).cloned().collect();
    if chosen.is_empty() { configured.to_vec() } else { chosen }
}

/// An element around a list, where the list has something in it.
fn list(open: &str, values: &[String], each: impl Fn(&str) -> String, close: &str) -> String {
    if values.is_empty() {
        return String::new();
    }
    let inside: String = values.iter().map(|value| each(value)).collect();
    format!("{open}{inside}{close}")
}

/// A new message ID: `_` and 160 random bits, so an NCName (H5; SAML Core §1.3.4 asks for 128 at least).
pub fn new_id(random: &dyn Random) -> String {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    format!("_{}", HEXLOWER.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    use data_encoding::BASE64;

    use super::*;

    struct Counting(AtomicU64);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            bytes[..8].copy_from_slice(&next);
        }
    }

    fn request() -> AuthnRequest<'static> {
        AuthnRequest {
            id: "_1",
            issued: "2026-01-31T12:00:00.25Z".parse().unwrap(),
            destination: "https://idp.example.com/sso",
            acs_url: "https://sp.example.com/acs?a=1&b=\"2\"",
            issuer: "https://sp.example.com",
            wishes: Wishes::default(),
            signing_key: None,
        }
    }

    fn sent(url: &str) -> String {
        let value = url.split_once("SAMLRequest=").unwrap().1.split('&').next().unwrap();
        let base64 = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
        let mut xml = String::new();
        flate2::read::DeflateDecoder::new(&BASE64.decode(base64.as_bytes()).unwrap()[..])
            .read_to_string(&mut xml)
            .unwrap();
        xml
    }

    #[test]
    fn h1_the_redirect_carries_the_message_deflated() {
        let url = request().redirect_url("abc/+=").unwrap();
        assert!(url.starts_with("https://idp.example.com/sso?SAMLRequest="));
        assert!(url.ends_with("&RelayState=abc%2F%2B%3D"));
        assert_eq!(sent(&url), request().xml());
    }

    #[test]
    fn h1_parameters_of_the_sso_address_stay() {
        let with = |destination| AuthnRequest { destination, ..request() }.redirect_url("").unwrap();
        assert!(
            with("https://idp.example.com/sso?idpid=C01").starts_with("https://idp.example.com/sso?idpid=C01&SAMLR")
        );
        assert!(with("https://idp.example.com/sso?").starts_with("https://idp.example.com/sso?SAMLRequest="));
        assert!(!with("https://idp.example.com/sso").contains("RelayState"));
    }

    #[test]
    fn h2_h3_h4_the_message_asks_for_nothing_that_is_not_configured() {
        let xml = request().xml();
        let document = roxmltree::Document::parse(&xml).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("AssertionConsumerServiceURL"), Some(request().acs_url));
        assert_eq!(root.attribute("AssertionConsumerServiceIndex"), None);
        assert_eq!(root.attribute("IssueInstant"), Some("2026-01-31T12:00:00Z"));
        assert_eq!(root.attribute("Destination"), Some("https://idp.example.com/sso"));
        assert_eq!(root.attribute("ForceAuthn"), None);
        for absent in ["RequestedAuthnContext", " Format=", "IsPassive", "Scoping", "ProviderName", "Signature", "<!"] {
            assert!(!xml.contains(absent), "{absent}");
        }
    }

    #[test]
    fn h2_h4_the_message_asks_for_what_is_configured() {
        let contexts = ["urn:a&b".to_owned(), "urn:c".to_owned()];
        let idps = ["https://idp.example.org".to_owned()];
        let wishes = Wishes {
            force_authn: true,
            is_passive: true,
            name_id: NameIdPolicy::Format("urn:x:\"y\""),
            authn_contexts: &contexts,
            provider_name: Some("A <b>"),
            idps: &idps,
        };
        let loud = AuthnRequest { wishes, ..request() }.xml();
        let document = roxmltree::Document::parse(&loud).unwrap();
        let root = document.root_element();
        for (name, value) in [("ForceAuthn", "true"), ("IsPassive", "true"), ("ProviderName", "A <b>")] {
            assert_eq!(root.attribute(name), Some(value));
        }
        // SAML Core §3.4.1: in this order.
        let children: Vec<_> = root.children().map(|child| child.tag_name().name()).collect();
        assert_eq!(children, ["Issuer", "NameIDPolicy", "RequestedAuthnContext", "Scoping"]);
        let [policy, context, scoping] = [1, 2, 3].map(|at| root.children().nth(at).unwrap());
        assert_eq!((policy.attribute("Format"), policy.attribute("AllowCreate")), (Some("urn:x:\"y\""), Some("true")));
        assert_eq!(context.attribute("Comparison"), Some("exact"));
        let asked: Vec<_> = context.children().map(|class| class.text().unwrap()).collect();
        assert_eq!(asked, contexts);
        assert_eq!(scoping.descendants().next_back().unwrap().attribute("ProviderID"), Some(&*idps[0]));

        let none = AuthnRequest { wishes: Wishes { name_id: NameIdPolicy::Omitted, ..Wishes::default() }, ..request() };
        assert!(!none.xml().contains("NameIDPolicy"));
    }

    #[test]
    fn h4_an_app_asks_for_a_context_within_what_the_connection_allows() {
        let list = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(authn_contexts(&list("urn:a 1 urn:b"), &[]), list("urn:a urn:b"));
        assert_eq!(authn_contexts(&list("urn:a urn:b"), &list("urn:b urn:c")), list("urn:b"));
        assert_eq!(authn_contexts(&list("urn:a"), &list("urn:b urn:c")), list("urn:b urn:c"));
        assert!(authn_contexts(&list("1 2"), &[]).is_empty());
    }

    #[test]
    fn h29_no_string_of_ours_is_long_and_nothing_of_ours_has_a_dtd() {
        let id = new_id(&Counting(AtomicU64::new(0)));
        let xml = AuthnRequest { id: &id, ..request() }.xml();
        assert!(!xml.contains("<!"));
        let document = roxmltree::Document::parse(&xml).unwrap();
        for node in document.descendants() {
            assert!(node.text().is_none_or(|text| text.len() <= 256));
            assert!(node.attributes().all(|attribute| attribute.value().len() <= 256));
        }
    }

    #[test]
    fn h5_ids_are_ncnames_and_never_repeat() {
        let random = Counting(AtomicU64::new(0));
        let ids: HashSet<_> = (0..10_000).map(|_| new_id(&random)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 41 && id.starts_with('_')));
    }

    #[test]
    fn the_post_value_is_plain_base64() {
        assert_eq!(BASE64.decode(request().post_value().unwrap().as_bytes()).unwrap(), request().xml().into_bytes());
    }
}
