//! Our own metadata: SAML Metadata §2.4.4 (requirement M1).

use crate::escape::xml;

/// What an IdP has to know about us.
#[derive(Debug, Clone, Copy)]
pub struct SpMetadata<'a> {
    /// Our entity ID.
    pub entity_id: &'a str,
    /// Where responses go.
    pub acs_url: &'a str,
}

impl SpMetadata<'_> {
    /// The document. Requests are not signed, and it says so; assertions have to be.
    pub fn xml(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\">\n\
             \x20 <md:SPSSODescriptor AuthnRequestsSigned=\"false\" WantAssertionsSigned=\"true\" \
             protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n\
             \x20   <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
             Location=\"{}\" index=\"0\" isDefault=\"true\"/>\n\
             \x20 </md:SPSSODescriptor>\n\
             </md:EntityDescriptor>\n",
            xml(self.entity_id),
            xml(self.acs_url),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m1_it_names_us_and_one_post_address() {
        let text = SpMetadata { entity_id: "https://sp.example.com/?a&b", acs_url: "https://sp.example.com/acs" }.xml();
        let document = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(document.root_element().attribute("entityID"), Some("https://sp.example.com/?a&b"));
        let sp = document.root_element().first_element_child().unwrap();
        assert_eq!(sp.attribute("WantAssertionsSigned"), Some("true"));
        assert_eq!(sp.attribute("AuthnRequestsSigned"), Some("false"));
        let acs = sp.first_element_child().unwrap();
        assert_eq!(acs.attribute("Location"), Some("https://sp.example.com/acs"));
        assert_eq!(acs.attribute("isDefault"), Some("true"));
    }
}
