//! Our own metadata: SAML Metadata §2.4.4 (requirements M1 to M3).
//!
//! What it promises is what we do: the algorithms are those that `encryption` accepts, and there is no address that nobody
//! answers at.

use data_encoding::BASE64;
use postern_core::connection::Certificate;

use crate::escape::xml;

/// What an IdP has to know about us.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpMetadata<'a> {
    /// Our entity ID.
    pub entity_id: &'a str,
    /// Where responses go.
    pub acs_url: &'a str,
    /// Where logout messages go, by either binding; none: we offer no logout.
    pub slo_url: Option<&'a str>,
    /// Whether our requests are signed. `None`: that depends on the connection, so the document does not say it; an IdP that
    /// demands signatures then goes by its own rule, where a "false" of ours would tell it not to verify them.
    pub signs_requests: Option<bool>,
    /// The certificates of our signing keys: the next one too, before it is used.
    pub signing: &'a [Certificate],
    /// The certificates that assertions may be encrypted for. IdPs take the first, so the newest comes first.
    pub encryption: &'a [Certificate],
    /// The NameID formats that we can do with; none: any.
    pub name_id_formats: &'a [String],
    /// Whether to ask for one of the identifiers that never change, subject-id or pairwise-id (SDP-SP15).
    pub asks_for_subject_id: bool,
    /// What people see of us at the IdP.
    pub presentation: Presentation<'a>,
    /// Whom to ask when something does not work.
    pub technical_contact: Option<Contact<'a>>,
}

/// What people see of us at the IdP: Metadata UI §2.1, in English.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presentation<'a> {
    /// Our name.
    pub display_name: Option<&'a str>,
    /// A picture.
    pub logo: Option<Logo<'a>>,
    /// Where it is written what we are for.
    pub information_url: Option<&'a str>,
    /// Where it is written what becomes of people's data.
    pub privacy_statement_url: Option<&'a str>,
}

/// A picture: at an `https:` address, or a `data:` URL (SDP-MD10).
#[derive(Debug, Clone, Copy)]
pub struct Logo<'a> {
    /// Where it is.
    pub url: &'a str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Somebody to ask.
#[derive(Debug, Clone, Copy)]
pub struct Contact<'a> {
    /// What they are called.
    pub name: Option<&'a str>,
    /// Without `mailto:`.
    pub email: &'a str,
}

/// What we decrypt, the best first: SAML Metadata §2.4.1.1, XML Encryption 1.1 §5.
const ENCRYPTION_METHODS: &str = concat!(
    "      <md:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/>\n",
    "      <md:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes192-gcm\"/>\n",
    "      <md:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes128-gcm\"/>\n",
    "      <md:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#rsa-oaep\">\n",
    "        <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\n",
    "        <xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" ",
    "Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/>\n",
    "      </md:EncryptionMethod>\n",
    "      <md:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\">\n",
    "        <ds:DigestMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"/>\n",
    "      </md:EncryptionMethod>\n",
);

impl SpMetadata<'_> {
    /// The document, in the order of the schema.
    pub fn xml(&self) -> String {
        let keys = |usage: &str, certificates: &[Certificate], methods: &str| -> String {
            certificates.iter().map(|certificate| key_descriptor(usage, certificate, methods)).collect()
        };
        let slo = |binding: &str| {
            self.slo_url.map(|url| {
                format!(
                    "    <md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{}\"/>\n",
                    xml(url)
                )
            })
        };
        let slo: String = ["HTTP-Redirect", "HTTP-POST"].into_iter().filter_map(slo).collect();
        let formats: String = self
            .name_id_formats
            .iter()
            .map(|format| format!("    <md:NameIDFormat>{}</md:NameIDFormat>\n", xml(format)))
            .collect();
        [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" \
             xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" ",
            &format!("entityID=\"{}\">\n", xml(self.entity_id)),
            if self.asks_for_subject_id { SUBJECT_ID } else { "" },
            "  <md:SPSSODescriptor ",
            &self.signs_requests.map(|signs| format!("AuthnRequestsSigned=\"{signs}\" ")).unwrap_or_default(),
            "WantAssertionsSigned=\"true\" protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n",
            &self.presentation.xml(),
            &keys("signing", self.signing, ""),
            &keys("encryption", self.encryption, ENCRYPTION_METHODS),
            &slo,
            &formats,
            "    <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" ",
            &format!("Location=\"{}\" index=\"0\" isDefault=\"true\"/>\n", xml(self.acs_url)),
            "  </md:SPSSODescriptor>\n",
            &self.technical_contact.map(|contact| contact.xml()).unwrap_or_default(),
            "</md:EntityDescriptor>\n",
        ]
        .concat()
    }
}

/// SAML Subject Identifier Attributes §2.1.3: `any` takes either.
const SUBJECT_ID: &str = concat!(
    "  <md:Extensions>\n",
    "    <mdattr:EntityAttributes xmlns:mdattr=\"urn:oasis:names:tc:SAML:metadata:attribute\">\n",
    "      <saml:Attribute xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ",
    "Name=\"urn:oasis:names:tc:SAML:profiles:subject-id:req\" ",
    "NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\">\n",
    "        <saml:AttributeValue>any</saml:AttributeValue>\n",
    "      </saml:Attribute>\n",
    "    </mdattr:EntityAttributes>\n",
    "  </md:Extensions>\n",
);

fn key_descriptor(usage: &str, certificate: &Certificate, methods: &str) -> String {
    format!(
        "    <md:KeyDescriptor use=\"{usage}\">\n\
         \x20     <ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\n\
         {methods}\
         \x20   </md:KeyDescriptor>\n",
        BASE64.encode(&certificate.der)
    )
}

impl Presentation<'_> {
    fn xml(&self) -> String {
        let name = self
            .display_name
            .map(|name| format!("        <mdui:DisplayName xml:lang=\"en\">{}</mdui:DisplayName>\n", xml(name)));
        let information = self
            .information_url
            .map(|url| format!("        <mdui:InformationURL xml:lang=\"en\">{}</mdui:InformationURL>\n", xml(url)));
        let privacy = self.privacy_statement_url.map(|url| {
            format!("        <mdui:PrivacyStatementURL xml:lang=\"en\">{}</mdui:PrivacyStatementURL>\n", xml(url))
        });
        let logo = self.logo.map(|Logo { url, width, height }| {
            format!("        <mdui:Logo height=\"{height}\" width=\"{width}\">{}</mdui:Logo>\n", xml(url))
        });
        let inside: String = [name, information, privacy, logo].into_iter().flatten().collect();
        if inside.is_empty() {
            return inside;
        }
        format!(
            "    <md:Extensions>\n\
             \x20     <mdui:UIInfo xmlns:mdui=\"urn:oasis:names:tc:SAML:metadata:ui\">\n\
             {inside}\
             \x20     </mdui:UIInfo>\n\
             \x20   </md:Extensions>\n"
        )
    }
}

impl Contact<'_> {
    fn xml(&self) -> String {
        let name =
            self.name.map(|name| format!("    <md:GivenName>{}</md:GivenName>\n", xml(name))).unwrap_or_default();
        format!(
            "  <md:ContactPerson contactType=\"technical\">\n\
             {name}\
             \x20   <md:EmailAddress>mailto:{}</md:EmailAddress>\n\
             \x20 </md:ContactPerson>\n",
            xml(self.email)
        )
    }
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use super::*;

    fn certificate(der: &[u8]) -> Certificate {
        Certificate { der: der.to_vec(), not_after: "2036-01-31T00:00:00Z".parse().unwrap() }
    }

    fn named<'a, 'i>(document: &'a Document<'i>, name: &str) -> Vec<Node<'a, 'i>> {
        document.descendants().filter(|node| node.is_element() && node.tag_name().name() == name).collect()
    }

    fn plain() -> SpMetadata<'static> {
        SpMetadata {
            entity_id: "https://sp.example.com/?a&b",
            acs_url: "https://sp.example.com/acs",
            ..SpMetadata::default()
        }
    }

    #[test]
    fn m1_it_names_us_and_one_post_address() {
        let text = plain().xml();
        let document = Document::parse(&text).unwrap();
        assert_eq!(document.root_element().attribute("entityID"), Some("https://sp.example.com/?a&b"));
        let sp = document.root_element().first_element_child().unwrap();
        assert_eq!(sp.attribute("WantAssertionsSigned"), Some("true"));
        assert_eq!(sp.attribute("AuthnRequestsSigned"), None, "no promise either way");
        let [acs] = named(&document, "AssertionConsumerService")[..] else { panic!("one") };
        assert_eq!(acs.attribute("Location"), Some("https://sp.example.com/acs"));
        assert_eq!((acs.attribute("index"), acs.attribute("isDefault")), (Some("0"), Some("true")));
        for absent in ["KeyDescriptor", "Extensions", "ContactPerson", "NameIDFormat", "SingleLogoutService", "<!"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }

    #[test]
    fn m1_keys_of_both_uses_are_shown_during_a_rollover_too() {
        let (signing, encryption) = ([certificate(b"a"), certificate(b"b")], [certificate(b"c"), certificate(b"d")]);
        let text =
            SpMetadata { signs_requests: Some(true), signing: &signing, encryption: &encryption, ..plain() }.xml();
        let document = Document::parse(&text).unwrap();
        let sp = named(&document, "SPSSODescriptor")[0];
        assert_eq!(sp.attribute("AuthnRequestsSigned"), Some("true"));
        let shown: Vec<_> = named(&document, "KeyDescriptor")
            .into_iter()
            .map(|key| {
                let certificate = key.descendants().find(|node| node.tag_name().name() == "X509Certificate").unwrap();
                let methods = key.children().filter(|node| node.tag_name().name() == "EncryptionMethod").count();
                (key.attribute("use").unwrap(), certificate.text().unwrap(), methods)
            })
            .collect();
        assert_eq!(
            shown,
            [("signing", "YQ==", 0), ("signing", "Yg==", 0), ("encryption", "Yw==", 5), ("encryption", "ZA==", 5)]
        );
    }

    #[test]
    fn m1_logout_is_offered_where_there_is_an_address_for_it() {
        let slo_url = Some("https://sp.example.com/slo?a&b");
        let formats = ["urn:x".to_owned()];
        let text = SpMetadata { slo_url, name_id_formats: &formats, ..plain() }.xml();
        let document = Document::parse(&text).unwrap();
        let services = named(&document, "SingleLogoutService");
        let bindings: Vec<_> = services.iter().map(|service| service.attribute("Binding").unwrap()).collect();
        assert_eq!(
            bindings,
            ["HTTP-Redirect", "HTTP-POST"].map(|binding| format!("urn:oasis:names:tc:SAML:2.0:bindings:{binding}"))
        );
        assert!(services.iter().all(|service| service.attribute("Location") == slo_url));
        // SAML Metadata §2.4.2: before the NameID formats.
        let sp = named(&document, "SPSSODescriptor")[0];
        let order: Vec<_> = sp.children().filter(Node::is_element).map(|node| node.tag_name().name()).collect();
        let expected = ["SingleLogoutService", "SingleLogoutService", "NameIDFormat", "AssertionConsumerService"];
        assert_eq!(order, expected);
    }

    #[test]
    fn m2_people_see_what_is_configured() {
        let presentation = Presentation {
            display_name: Some("A <b> & \"c\""),
            logo: Some(Logo { url: "https://sp.example.com/logo.png", width: 80, height: 60 }),
            information_url: Some("https://sp.example.com/about"),
            privacy_statement_url: Some("https://sp.example.com/privacy?a&b"),
        };
        let technical_contact = Some(Contact { name: Some("Operations"), email: "ops@example.com" });
        let formats = ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()];
        let text = SpMetadata { presentation, technical_contact, name_id_formats: &formats, ..plain() }.xml();
        let document = Document::parse(&text).unwrap();
        for (name, value) in [
            ("DisplayName", "A <b> & \"c\""),
            ("Logo", "https://sp.example.com/logo.png"),
            ("InformationURL", "https://sp.example.com/about"),
            ("PrivacyStatementURL", "https://sp.example.com/privacy?a&b"),
            ("GivenName", "Operations"),
            ("EmailAddress", "mailto:ops@example.com"),
            ("NameIDFormat", &formats[0]),
        ] {
            assert_eq!(named(&document, name)[0].text(), Some(value), "{name}");
        }
        assert_eq!(named(&document, "Logo")[0].attribute("width"), Some("80"));
        assert_eq!(named(&document, "ContactPerson")[0].attribute("contactType"), Some("technical"));
    }

    #[test]
    fn m3_it_asks_for_an_identifier_that_never_changes() {
        let text = SpMetadata { asks_for_subject_id: true, ..plain() }.xml();
        let document = Document::parse(&text).unwrap();
        let attribute = named(&document, "Attribute")[0];
        assert_eq!(attribute.attribute("Name"), Some("urn:oasis:names:tc:SAML:profiles:subject-id:req"));
        assert_eq!(named(&document, "AttributeValue")[0].text(), Some("any"));
        let order: Vec<_> =
            document.root_element().children().filter(Node::is_element).map(|node| node.tag_name().name()).collect();
        assert_eq!(order, ["Extensions", "SPSSODescriptor"]);
    }
}
