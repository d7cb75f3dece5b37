//! Where a fault is mended at well-known identity providers, in the words of their own screens. Shown in `docs/ERRORS.md`
//! and on the page of a fault; a fault that is mended in the same way everywhere has no entry.

use crate::fault::Code;

/// The providers whose screens we name, in the order in which they are shown.
pub const PROVIDERS: [&str; 5] = ["Okta", "Microsoft Entra ID", "Google Workspace", "AD FS", "Keycloak"];

/// For each of [`PROVIDERS`], the place where this fault is mended.
pub fn words(code: Code) -> Option<[&'static str; 5]> {
    Some(match code {
        Code::SamlDestinationMismatch | Code::SamlRecipientMismatch => [
            "General > SAML Settings > Single sign-on URL, with 'Use this for Recipient URL and Destination URL' ticked",
            "Single sign-on > Basic SAML Configuration > Reply URL (Assertion Consumer Service URL)",
            "Apps > Web and mobile apps > Service provider details > ACS URL",
            "Relying Party Trust > Properties > Endpoints > SAML Assertion Consumer Endpoints, binding POST",
            "Clients > Settings > Assertion Consumer Service POST Binding URL (Fine Grain SAML Endpoint Configuration)",
        ],
        Code::SamlAudienceMissing | Code::SamlAudienceMismatch => [
            "General > SAML Settings > Audience URI (SP Entity ID)",
            "Single sign-on > Basic SAML Configuration > Identifier (Entity ID)",
            "Apps > Web and mobile apps > Service provider details > Entity ID",
            "Relying Party Trust > Properties > Identifiers > Relying party identifiers",
            "Clients > Settings > Client ID",
        ],
        Code::SamlUnsigned => [
            "General > SAML Settings > Advanced: Assertion Signature = Signed",
            "Single sign-on > SAML Certificates > Token signing certificate > Signing Option = Sign SAML assertion",
            "Signs the assertion always; with 'Signed response' it signs the response instead, which is as good",
            "Set-AdfsRelyingPartyTrust -SamlResponseSignature AssertionOnly",
            "Clients > Keys and Settings > Sign assertions = On",
        ],
        Code::SamlSignatureAlgorithm => [
            "General > SAML Settings > Advanced: Signature Algorithm = RSA-SHA256, Digest Algorithm = SHA256",
            "Single sign-on > SAML Certificates > Token signing certificate > Signing Algorithm = SHA-256",
            "Signs with SHA-256 unless the certificate is very old: create a new one under SAML certificates",
            "Relying Party Trust > Properties > Advanced > Secure hash algorithm = SHA-256",
            "Clients > Settings > Signature algorithm = RSA_SHA256",
        ],
        Code::SamlSignatureOtherKey | Code::SamlSignatureInvalid => [
            "Sign On > SAML Signing Certificates > View IdP metadata of the active certificate",
            "Single sign-on > SAML Certificates > App Federation Metadata Url or Federation Metadata XML",
            "Apps > Web and mobile apps > Download metadata",
            "https://HOST/FederationMetadata/2007-06/FederationMetadata.xml",
            "Realm settings > SAML 2.0 Identity Provider Metadata",
        ],
        Code::SamlResponseIssuerMismatch | Code::SamlAssertionIssuerMismatch => [
            "Sign On > View SAML setup instructions > Identity Provider Issuer",
            "Single sign-on > Set up > Microsoft Entra Identifier",
            "Apps > Web and mobile apps > Google identity provider details > Entity ID",
            "Service > Edit Federation Service Properties > Federation Service identifier",
            "Realm settings > SAML 2.0 Identity Provider Metadata > entityID",
        ],
        Code::SamlStatusNotSuccess => [
            "Reports > System Log, by the user or the application",
            "Enterprise application > Sign-in logs",
            "Reporting > Audit and investigation > SAML log events",
            "Event Viewer > AD FS > Admin",
            "Realm > Events > User events",
        ],
        Code::SubjectMissing => [
            "General > SAML Settings > Name ID format = Persistent, or an attribute statement named id = user.id",
            "Attributes and Claims > Unique User Identifier (Name ID) = user.objectid, format Persistent",
            "Service provider details > Name ID format = PERSISTENT",
            "Claim Issuance Policy > Transform an Incoming Claim to Name ID, format Persistent Identifier",
            "Clients > Settings > Name ID format = persistent",
        ],
        Code::AttributeMissing => [
            "General > SAML Settings > Attribute Statements, for example email = user.email",
            "Attributes and Claims; people without a mailbox have no user.mail, then use user.userprincipalname",
            "Attribute mapping > Google directory attributes, for example Primary email to email",
            "Claim Issuance Policy > Send LDAP Attributes as Claims, for example E-Mail-Addresses to E-Mail Address",
            "Clients > Client scopes > dedicated scope > Mappers, for example X500 email",
        ],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Mender;

    #[test]
    fn only_what_an_idp_admin_mends_has_words_of_providers() {
        let with_words: Vec<_> = Code::ALL.iter().filter(|code| words(**code).is_some()).collect();
        assert!(with_words.len() > 10);
        for code in with_words {
            assert_eq!(code.mender(), Mender::IdpAdmin, "{code}");
        }
    }
}
