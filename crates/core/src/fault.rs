//! Everything that can go wrong, in one table. A row is a promise: a code never changes its meaning and is never reused.
//!
//! A [`Fault`] is a code and, where they exist, the value that was expected and the one that was received. The public face
//! of a fault is its code, its sentence, its hint and the reference of the login; the two values go only into the sealed
//! trace of that login, the source only into the log. `docs/ERRORS.md` is printed from this table.

use std::error::Error;
use std::fmt;

/// Who can mend a fault. Only [`Mender::BridgeAdmin`] and [`Mender::Us`] ought to wake anybody up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mender {
    /// The person who signs in.
    User,
    /// The developer of the app that sent the person here or redeems the code.
    App,
    /// The administrator of the customer's identity provider.
    IdpAdmin,
    /// Whoever runs Postern or calls its API.
    BridgeAdmin,
    /// We: a defect of Postern.
    Us,
}

impl Mender {
    /// The name used in `docs/ERRORS.md` and in traces.
    pub fn name(self) -> &'static str {
        match self {
            Mender::User => "the person signing in",
            Mender::App => "the app's developer",
            Mender::IdpAdmin => "the identity provider's administrator",
            Mender::BridgeAdmin => "the operator of Postern",
            Mender::Us => "the authors of Postern",
        }
    }
}

macro_rules! faults {
    // A doc comment on a row begins a section.
    ($( $(#[doc = $section:literal])? $code:ident, $mender:ident, $status:literal, $oauth:literal, $sentence:literal, $hint:literal; )+) => {
        /// The stable name of a fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( #[doc = $sentence] $code, )+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$( Code::$code, )+];

            /// Where sections begin.
            const SECTIONS: &'static [(Code, &'static str)] = &[$( $( (Code::$code, $section), )? )+];

            /// The code as clients, traces and logs write it.
            pub fn name(self) -> &'static str {
                match self { $( Code::$code => stringify!($code), )+ }
            }

            fn row(self) -> Row {
                match self {
                    $( Code::$code => Row { mender: Mender::$mender, status: $status, oauth: $oauth, sentence: $sentence, hint: $hint }, )+
                }
            }
        }
    };
}

struct Row {
    mender: Mender,
    status: u16,
    oauth: &'static str,
    sentence: &'static str,
    hint: &'static str,
}

impl Code {
    /// The part of a login, or of Postern, in which it occurs.
    pub fn section(self) -> &'static str {
        let begun = Code::SECTIONS.iter().take_while(|(first, _)| *first <= self);
        begun.last().map_or("", |(_, section)| section.trim())
    }
    /// Who can mend it.
    pub fn mender(self) -> Mender {
        self.row().mender
    }
    /// The HTTP status where the fault is answered as a page or as JSON.
    pub fn status(self) -> u16 {
        self.row().status
    }
    /// The `error` of RFC 6749 §4.1.2.1 or §5.2 under which an OAuth client hears of it.
    pub fn oauth(self) -> &'static str {
        self.row().oauth
    }
    /// What happened, in one sentence.
    pub fn sentence(self) -> &'static str {
        self.row().sentence
    }
    /// What to change, where, to what.
    pub fn hint(self) -> &'static str {
        self.row().hint
    }
    /// The code of this name, if there is one.
    pub fn named(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }
    /// A fault with this code and nothing more to say.
    pub fn fault(self) -> Fault {
        Fault { code: self, expected: None, received: None, source: None }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure with a stable code. `expected` and `received` may hold what a customer configured or an IdP sent: they are
/// written to the sealed trace and nowhere else, so `Display` leaves them out.
#[derive(Debug)]
pub struct Fault {
    /// What went wrong.
    pub code: Code,
    /// What would have been right, for the trace.
    pub expected: Option<String>,
    /// What came instead, for the trace. Never a secret, an assertion or an attribute value.
    pub received: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// Adds what would have been right.
    #[must_use]
    pub fn expected(mut self, value: impl Into<String>) -> Self {
        self.expected = Some(clip(value.into()));
        self
    }
    /// Adds what came instead.
    #[must_use]
    pub fn received(mut self, value: impl Into<String>) -> Self {
        self.received = Some(clip(value.into()));
        self
    }
    /// Adds the error that caused it, for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Traces keep facts, not documents: a value an attacker controls takes at most this much room.
fn clip(mut value: String) -> String {
    const LONGEST: usize = 512;
    if value.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&at| value.is_char_boundary(at)).unwrap_or(0);
        value.truncate(end);
        value.push('…');
    }
    value
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.code.sentence())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        code.fault()
    }
}

// One row per line, whatever its length: the table is read down its columns.
#[rustfmt::skip]
faults! {
    /// The app asks (authorize)
    ParameterRepeated, App, 400, "invalid_request", "A request parameter was sent more than once.", "Send each parameter once (RFC 6749 section 3.1).";
    ParameterTooLong, App, 400, "invalid_request", "A request parameter is longer than Postern accepts.", "Keep state and nonce below 4096 bytes and every other parameter below 2048 bytes.";
    ClientMissing, App, 400, "invalid_request", "The request names no client.", "Send client_id, or tenant and product.";
    ClientUnknown, App, 400, "invalid_client", "No client has this client_id.", "Use the client_id that POST /api/v1/products returned, tenant=T&product=P, or a connection's clientID.";
    ClientNamesTwoProducts, App, 400, "invalid_request", "The client_id and the product parameter name different products.", "Leave product out, or send the product that the client_id belongs to.";
    TenantMissing, App, 400, "invalid_request", "The client is known, but the request does not say which tenant the person belongs to.", "Send tenant beside the product's client_id.";
    ConnectionMissing, App, 403, "access_denied", "This tenant and product have no connection.", "Create one with POST /api/v1/sso for exactly this tenant and product.";
    TenantSuspended, BridgeAdmin, 403, "access_denied", "Nobody of this tenant may sign in at present.", "If that is over, send PUT /api/v1/tenants/TENANT with status=active.";
    ConnectionDeactivated, App, 403, "access_denied", "The connection is deactivated.", "Activate it with PATCH /api/v1/sso and deactivated=false.";
    ConnectionDraft, App, 403, "access_denied", "The connection is a draft: nobody signs in by it yet.", "When it is ready, activate it with PATCH /api/v1/sso and status=active.";
    RegionUnknown, BridgeAdmin, 503, "server_error", "The connection belongs to a region that is not configured.", "Write the region that `received` names into the configuration again (regions), or give the connection another with PATCH /api/v1/sso and region.";
    IdpHintForeign, App, 400, "invalid_request", "The idp_hint names no connection of this tenant and product.", "Send an id that GET /api/v1/sso returns for this tenant and product.";
    RedirectUriMissing, App, 400, "invalid_request", "The request has no redirect_uri.", "Send the redirect_uri that is registered for this client.";
    RedirectUriNotAllowed, App, 400, "invalid_request", "The redirect_uri is not registered for this client.", "Register exactly this URL in redirect_urls of the product, or in redirectUrl of the connection. Paths, ports and trailing slashes count.";
    ResponseTypeMissing, App, 400, "invalid_request", "The request has no response_type.", "Send response_type=code.";
    ResponseTypeUnsupported, App, 400, "unsupported_response_type", "Only the authorization code flow is offered.", "Send response_type=code.";
    ResponseModeUnsupported, App, 400, "invalid_request", "This response_mode is not offered.", "Leave response_mode out, or send query or form_post.";
    PromptMalformed, App, 400, "invalid_request", "The prompt is not one that is offered.", "Send none alone, or one or several of login, select_account and consent, with a space between.";
    MaxAgeMalformed, App, 400, "invalid_request", "The max_age is not a number of seconds.", "Send a whole number, 0 or more.";
    ClaimsMalformed, App, 400, "invalid_request", "The claims parameter is not what OpenID Connect prescribes.", "Send a JSON object with id_token and userinfo, as OpenID Connect Core section 5.5 says, or leave claims out.";
    IdTokenHintInvalid, App, 400, "invalid_request", "The id_token_hint is not an ID token of this issuer.", "Send the last ID token of the person as it was received, or leave id_token_hint out.";
    RequestObjectUnsupported, App, 400, "request_not_supported", "Request objects are not offered.", "Send the parameters themselves instead of request.";
    RequestUriUnsupported, App, 400, "request_uri_not_supported", "The request_uri is not one that Postern gave out.", "Send the parameters themselves instead of request_uri.";
    RequestUriUnknown, App, 400, "invalid_request_uri", "The request_uri has expired, or was given to another client.", "Push the request anew, and send the person here at once, with the client_id that pushed it.";
    RequestUriSpent, App, 400, "invalid_request_uri", "A login with this request_uri was already completed.", "Push a new request for each login.";
    RequestUriPushed, App, 400, "invalid_request", "A request_uri was pushed.", "Push the parameters themselves (RFC 9126 section 2.1).";
    PushRequired, App, 400, "invalid_request", "This product begins its logins with pushed requests alone.", "POST the parameters to the pushed authorization request endpoint first, or set require_pushed_authorization_requests of the product to false.";
    ChoiceNeeded, App, 403, "interaction_required", "The tenant has several identity providers, and prompt=none forbids to ask which.", "Send the idp_hint of one of them, set default=true on one with PATCH /api/v1/sso, or leave prompt=none out.";
    StateOrChallengeMissing, App, 400, "invalid_request", "The request has neither state nor code_challenge.", "Send code_challenge with code_challenge_method=S256, or state, or both (RFC 9700 section 2.1.1).";
    ChallengeMissing, App, 400, "invalid_request", "A public client, and one that takes pushed requests alone, has to send a code_challenge.", "Send code_challenge and code_challenge_method=S256 (RFC 7636).";
    ChallengeMethodUnsupported, App, 400, "invalid_request", "The code_challenge_method is not S256.", "Send code_challenge_method=S256. The plain method, which is also meant when the parameter is missing, is not offered.";
    ChallengeMalformed, App, 400, "invalid_request", "The code_challenge is not 43 to 128 unreserved characters.", "Send BASE64URL(SHA256(code_verifier)) without padding (RFC 7636 section 4.2).";
    LoginLoop, App, 403, "access_denied", "This browser signed in again and again within seconds, and each time the application sent it back.", "The application does not keep its session. Compare the domain, path, Secure and SameSite of its session cookie with the address that people use, and the session secret on all of its replicas. Half a minute later the person can start again.";

    /// The IdP answers (ACS): which login
    FormMalformed, App, 400, "invalid_request", "The body is not the form that this address takes.", "POST application/x-www-form-urlencoded with each field once.";
    BodyTooSlow, App, 408, "invalid_request", "The request body did not arrive in time.", "Send the whole body within four seconds.";
    BodyTooLarge, App, 413, "invalid_request", "The request body is larger than this address takes.", "Send less: a SAML response may have 512 KiB after decoding, requests to the API 2 MiB, others 1 MiB.";
    RelayStateMissing, IdpAdmin, 400, "invalid_request", "The response came without the RelayState that the login began with.", "Let the identity provider return RelayState unchanged. To allow logins that begin at the identity provider, add unsolicited to the connection's allow list and use its own ACS address.";
    LoginOtherBrowser, User, 403, "access_denied", "This browser did not begin the login.", "Start again from the application, in one browser, with cookies allowed.";
    LoginUnknown, User, 400, "access_denied", "The login has expired or was never begun.", "Start again from the application.";
    LoginSpent, User, 400, "access_denied", "The login was already completed.", "Start again from the application. Going back and sending a sign-in page twice has this effect.";
    InitiateLoginUrlMissing, BridgeAdmin, 403, "access_denied", "The login began at the identity provider, and the application has no address where it could go on.", "Register initiate_login_url for the product with PATCH /api/v1/products.";
    UnsolicitedPublicClient, BridgeAdmin, 403, "access_denied", "The login began at the identity provider, and the application has no secret with which it could redeem a code that it did not ask for.", "Register initiate_login_url for the product with PATCH /api/v1/products, and set the connection's unsolicitedDelivery to application with PATCH /api/v1/sso.";
    UnsolicitedBeforeStart, User, 403, "access_denied", "The identity provider issued this response before Postern or the server of its store was started, so it may have been used.", "Start again at the identity provider in a few minutes. With Redis as the store, a restart of Postern has no such effect.";
    ConnectionOtherProtocol, IdpAdmin, 400, "invalid_request", "This address is for the other protocol than the one that the connection speaks.", "Send SAML responses to /api/oauth/saml and the answers of OpenID Providers to /api/oauth/oidc; `expected` is the connection's protocol.";
    UnsolicitedNotAllowed, IdpAdmin, 403, "access_denied", "This connection does not accept logins that begin at the identity provider.", "Start the login from the application, or have the operator add unsolicited to the connection's allow list.";

    /// The IdP answers: reading the response
    SamlResponseMissing, IdpAdmin, 400, "access_denied", "The post holds no SAMLResponse.", "Let the identity provider answer with the HTTP-POST binding.";
    SamlNotBase64, IdpAdmin, 400, "access_denied", "The SAMLResponse is not base64.", "Let the identity provider encode the response as SAML Bindings section 3.5.4 says, without compression.";
    SamlTooLarge, IdpAdmin, 413, "access_denied", "The SAML response is larger than 512 KiB.", "Release fewer attributes and groups to this application at the identity provider.";
    SamlEncodingUnsupported, IdpAdmin, 400, "access_denied", "The SAML response is not UTF-8.", "Let the identity provider send UTF-8.";
    SamlDoctype, IdpAdmin, 400, "access_denied", "The SAML response has a document type declaration.", "No SAML message needs a DOCTYPE. Find out what adds it, or who sent this.";
    SamlNotWellFormed, IdpAdmin, 400, "access_denied", "The SAML response is not well-formed XML.", "Check with a fresh login whether something between the identity provider and Postern changes the message.";
    SamlTooComplex, IdpAdmin, 400, "access_denied", "The SAML response has too many elements, attributes or levels.", "Release fewer attributes and groups to this application at the identity provider.";
    SamlCommentOrInstruction, IdpAdmin, 400, "access_denied", "The SAML response contains a comment or a processing instruction.", "Let the identity provider send the message without comments.";
    SamlNotResponse, IdpAdmin, 400, "access_denied", "The message is not a SAML 2.0 Response.", "Configure the application at the identity provider as SAML 2.0 with this address as its assertion consumer service.";
    SamlStructureForbidden, IdpAdmin, 400, "access_denied", "The SAML response has an element or an identifier at a place where none may be.", "A genuine identity provider does not send this. Report it to whoever runs security for the application.";
    SamlAssertionCount, IdpAdmin, 400, "access_denied", "The SAML response does not hold exactly one assertion.", "Configure the identity provider to send one assertion per response.";
    SamlEncryptionUnsupported, BridgeAdmin, 403, "access_denied", "The assertion is encrypted, and this connection has no key for it.", "Give the identity provider Postern's current metadata, which names the key to encrypt for; or switch assertion encryption off for this application at the identity provider.";

    /// The IdP answers: encryption
    SamlEncryptionForm, IdpAdmin, 403, "access_denied", "The encrypted assertion does not have the form that SAML prescribes.", "Let the identity provider encrypt the assertion as SAML Core section 6 says: one EncryptedData of Type Element with its EncryptedKey inside or beside it.";
    SamlEncryptionAlgorithm, IdpAdmin, 403, "access_denied", "The assertion is encrypted with an algorithm that is not accepted.", "Set the encryption algorithm for this application at the identity provider to AES-256-GCM or AES-128-GCM.";
    SamlEncryptionKeyTransport, IdpAdmin, 403, "access_denied", "The key of the encrypted assertion is encrypted in a way that is not accepted.", "Set the key transport (key encryption) at the identity provider to RSA-OAEP: SHA-1 with MGF1-SHA-1, which is rsa-oaep-mgf1p, or SHA-256 with MGF1-SHA-256. RSA 1.5 is never accepted.";
    SamlEncryptionCbc, IdpAdmin, 403, "access_denied", "The assertion is encrypted with AES-CBC, and the response around it is not signed.", "Set the encryption algorithm at the identity provider to AES-256-GCM, or let it sign the response too. If it can do neither, have the operator add aes-cbc to the connection's allow list.";
    SamlEncryptedAttribute, IdpAdmin, 403, "access_denied", "An attribute is encrypted by itself.", "Let the identity provider encrypt the whole assertion instead of single attributes.";
    SamlDecryptionFailed, IdpAdmin, 403, "access_denied", "The assertion could not be decrypted.", "Give the identity provider Postern's current metadata: it probably encrypts for a key that Postern no longer has. More is not told on purpose; with AES-CBC in an unsigned response, a wrong signature inside has this code too.";

    /// The IdP answers: signatures
    SamlMetadataExpired, BridgeAdmin, 403, "access_denied", "The metadata of the identity provider is past its validUntil, and the connection is in strict federation.", "Update the connection with current metadata by PATCH /api/v1/sso. Where metadata has an address, look in the events for connection.metadata_failed, which says why it was not renewed.";
    SamlUnsigned, IdpAdmin, 403, "access_denied", "Neither the response nor its assertion is signed.", "Switch on signing of the assertion (or of the response) for this application at the identity provider.";
    SamlSignatureForm, IdpAdmin, 403, "access_denied", "The signature does not have the form that SAML prescribes.", "Let the identity provider make one enveloped signature with a single reference to its parent and exclusive canonicalisation.";
    SamlSignatureAlgorithm, IdpAdmin, 403, "access_denied", "The signature uses an algorithm that is not accepted.", "Set the signature algorithm at the identity provider to RSA-SHA256 and the digest to SHA-256. For one that knows nothing but SHA-1, have the operator add sha1 to the connection's allow list.";
    SamlSignatureOtherKey, IdpAdmin, 403, "access_denied", "The signature was made with a key that this connection does not trust.", "Upload the identity provider's current metadata or signing certificate to this connection.";
    SamlKeyTooWeak, IdpAdmin, 403, "access_denied", "The identity provider's signing key is too small.", "Replace the signing certificate at the identity provider by one with at least RSA 2048 or EC P-256. Until then, have the operator add rsa1024 to the connection's allow list.";
    SamlSignatureInvalid, IdpAdmin, 403, "access_denied", "The signature is not the one that its certificate makes.", "Something changed the message on its way, or it was signed wrongly. If fresh logins fail too, look for a proxy that rewrites it.";
    SamlDigestMismatch, IdpAdmin, 403, "access_denied", "What was signed is not what arrived.", "Something changed the message on its way. If fresh logins fail too, look for a proxy that rewrites it.";
    SamlVerifiersDisagree, Us, 403, "access_denied", "Two independent verifiers do not agree on the signature.", "Report it with the reference: the response is unusual, or one of the verifiers has a defect. Until then saml.second_verifier = observe lets the first decide alone.";

    /// The IdP answers: what the response says
    SamlStatusNotSuccess, IdpAdmin, 403, "access_denied", "The identity provider did not sign the person in.", "Look up this login in the identity provider's own log: it refused before Postern was asked.";
    SamlVersion, IdpAdmin, 403, "access_denied", "The message is not SAML 2.0.", "Configure the application at the identity provider as SAML 2.0.";
    SamlDestinationMismatch, IdpAdmin, 403, "access_denied", "The response is addressed to another assertion consumer service.", "Set the ACS URL (reply URL, single sign-on URL) at the identity provider to `expected`.";
    SamlResponseIssuerMismatch, IdpAdmin, 403, "access_denied", "The response comes from another identity provider.", "Compare the entity ID of the identity provider with this connection; upload its current metadata.";
    SamlAssertionIssuerMismatch, IdpAdmin, 403, "access_denied", "The assertion comes from another identity provider.", "Compare the entity ID of the identity provider with this connection; upload its current metadata.";
    SamlInResponseToMismatch, IdpAdmin, 403, "access_denied", "The response answers another request.", "Start again from the application. If it persists, the identity provider does not return the request's ID.";
    SamlInResponseToUnexpected, IdpAdmin, 403, "access_denied", "An unsolicited response claims to answer a request.", "Logins that begin at the identity provider may not carry InResponseTo (SAML Profiles section 4.1.5).";
    SamlAudienceMissing, IdpAdmin, 403, "access_denied", "The assertion names no audience.", "Set the audience (SP entity ID) at the identity provider to `expected`.";
    SamlAudienceMismatch, IdpAdmin, 403, "access_denied", "The assertion is for another audience.", "Set the audience (SP entity ID) at the identity provider to `expected`.";
    SamlConditionsMissing, IdpAdmin, 403, "access_denied", "The assertion has no Conditions.", "Let the identity provider send Conditions with a lifetime and an audience.";
    SamlConditionUnknown, IdpAdmin, 403, "access_denied", "The assertion has a condition that Postern does not know.", "Remove custom conditions for this application at the identity provider (SAML Core section 2.5.1.1).";
    SamlNotYetValid, IdpAdmin, 403, "access_denied", "The assertion is not valid yet.", "Set the clocks of the identity provider and of Postern by NTP; the trace states the difference.";
    SamlExpired, IdpAdmin, 403, "access_denied", "The assertion is no longer valid.", "Start again. If it persists, set the clocks of the identity provider and of Postern by NTP; the trace states the difference.";
    SamlSessionExpired, IdpAdmin, 403, "access_denied", "The session at the identity provider has already ended.", "Sign in at the identity provider again; check its SessionNotOnOrAfter setting.";
    SamlTimeMalformed, IdpAdmin, 403, "access_denied", "The response has a time that is not an xs:dateTime in UTC.", "Let the identity provider write times as SAML Core section 1.3.3 says, for example 2026-01-31T12:00:00Z.";
    SamlValueMalformed, IdpAdmin, 403, "access_denied", "The response lacks a required value or has one of the wrong form.", "Configure the application at the identity provider as standard SAML 2.0 web browser single sign-on.";
    SamlSubjectConfirmation, IdpAdmin, 403, "access_denied", "The assertion has no bearer confirmation that fits.", "Let the identity provider send a bearer SubjectConfirmation with NotOnOrAfter.";
    SamlRecipientMismatch, IdpAdmin, 403, "access_denied", "The assertion is meant for another assertion consumer service.", "Set the ACS URL (recipient, reply URL) at the identity provider to `expected`.";
    SamlAuthnStatementMissing, IdpAdmin, 403, "access_denied", "The assertion does not say that and when the person was authenticated.", "Let the identity provider send an AuthnStatement.";
    SamlAssertionReplayed, User, 403, "access_denied", "This assertion was already used.", "Start the login again from the application.";
    SubjectMissing, IdpAdmin, 403, "access_denied", "The identity provider sent nothing that identifies the person for good.", "Send a persistent NameID, or one of the attributes subject-id, pairwise-id, id, nameidentifier or objectidentifier.";
    SubjectScopeForeign, IdpAdmin, 403, "access_denied", "The identifier of the person belongs to a scope that this identity provider does not own.", "Send subject-id or pairwise-id with a scope among `expected`. If the identity provider has other scopes, have the operator add them to the connection's scopes.";
    AttributeMissing, IdpAdmin, 403, "access_denied", "An attribute that this application needs did not arrive.", "Add the attribute `expected` to this application's claims at the identity provider; `received` lists the names that did arrive. Or let the connection's mapping take it from one of these; a NameID counts as e-mail in the emailAddress format only, unless the mapping names it.";
    EmailDomainForeign, IdpAdmin, 403, "access_denied", "The identity provider names an e-mail address of a domain that is not the tenant's.", "Let the identity provider send an address of a domain that the tenant has proven; GET /api/v1/domains lists them. If the person belongs there, have the operator claim and prove that domain for the tenant with POST /api/v1/domains.";
    PersonBlocked, BridgeAdmin, 403, "access_denied", "The tenant blocks this person.", "If they may sign in again, send DELETE /api/v1/people/blocked with the email or the sub under which GET lists them.";
    NotInvited, BridgeAdmin, 403, "access_denied", "The tenant lets in only whom it has invited, and this person is not.", "Invite the person with POST /api/v1/people/invited, by the address that the identity provider sends; an invitation may have expired. Or set access_policy of the tenant's policy to anyone_in_domain, or uninvited to tell.";

    /// The IdP answers: how the person was authenticated
    SignInNeeded, App, 403, "login_required", "The person is not signed in at the identity provider, which was not to ask.", "Send the person here again without prompt=none; where the connection is set to isPassive, have the operator switch that off.";
    SamlNoAuthnContext, IdpAdmin, 403, "unmet_authentication_requirements", "The identity provider cannot authenticate the person in the way that was asked for.", "Enable that way at the identity provider. It was asked for by the application (acr in claims), or by the connection (authnContexts).";
    AuthenticationContextUnmet, IdpAdmin, 403, "unmet_authentication_requirements", "The person was authenticated in another way than the application demands.", "Let the identity provider authenticate people for this application in one of the ways in `expected`, and say so (AuthnContextClassRef, acr).";
    AuthenticationStale, IdpAdmin, 403, "login_required", "The person authenticated longer ago than the application or the tenant's policy allows.", "Let the identity provider obey ForceAuthn (SAML) or prompt=login (OpenID Connect) for this application, and state the new time (AuthnInstant, auth_time).";
    AuthenticationTimeMissing, IdpAdmin, 403, "login_required", "The identity provider does not say when the person was authenticated, which the application wants to know.", "Let the identity provider send AuthnInstant (SAML) or auth_time (OpenID Connect).";
    AuthenticationTooWeak, IdpAdmin, 403, "unmet_authentication_requirements", "The person was authenticated in another way than the tenant's policy demands.", "Let the identity provider authenticate people for this application in one of the ways in `expected`, and say so (AuthnContextClassRef, acr). A SAML provider is asked for one where authnContexts of the connection names it. Or change required_acr of the policy.";
    SubjectOther, User, 403, "login_required", "Another person signed in than the application expects.", "Sign out at the identity provider, and start again from the application.";

    /// The OpenID Provider answers (callback)
    OidcStateMissing, IdpAdmin, 400, "invalid_request", "The answer came without the state that the login began with.", "Let the OpenID Provider return state unchanged. A login cannot begin at an OpenID Provider: start from the application.";
    OidcCodeMissing, IdpAdmin, 403, "access_denied", "The answer of the OpenID Provider holds neither a code nor an error.", "Allow the authorization code flow (response type code, response mode query) for this client at the OpenID Provider.";
    OidcOtherCallback, IdpAdmin, 403, "access_denied", "The answer came to another address than the one that belongs to this login.", "Register exactly `expected` as the redirect URI of this client at the OpenID Provider, and no other. If it was registered, somebody may be passing one provider's answer off as another's: report it to whoever runs security for the application.";
    OidcIssuerParameterMissing, IdpAdmin, 403, "access_denied", "The OpenID Provider did not name itself in its answer, although its metadata promises that.", "Let the OpenID Provider, and what lies before it, send the parameter iss (RFC 9207), or take authorization_response_iss_parameter_supported out of its metadata and create the connection anew.";
    OidcIssuerParameterMismatch, IdpAdmin, 403, "access_denied", "The answer is that of another OpenID Provider.", "Compare the issuer of the connection (`expected`) with the iss that arrived (`received`). If they are two providers, somebody may be passing one provider's answer off as another's.";
    OidcAccessDenied, IdpAdmin, 403, "access_denied", "The OpenID Provider or the person declined the login.", "Check in the sign-in log of the OpenID Provider whether the person is assigned to the application, and try again.";
    OidcInteractionRequired, App, 403, "interaction_required", "The OpenID Provider has to ask the person something, and may not.", "Start the login without prompt=none.";
    OidcAccountSelectionRequired, App, 403, "account_selection_required", "The person has to choose an account at the OpenID Provider, and may not be asked.", "Start the login without prompt=none.";
    OidcConsentMissing, IdpAdmin, 403, "consent_required", "Nobody has allowed the application to read who the person is.", "Grant the consent of an administrator for this client at the OpenID Provider (Microsoft Entra ID: Enterprise applications > Permissions > Grant admin consent).";
    OidcRedirectUriRefused, IdpAdmin, 403, "access_denied", "The OpenID Provider does not know our callback address.", "Register exactly `expected` as a redirect URI (callback URL, reply URL; platform Web) of this client at the OpenID Provider. GET /api/v1/sso/ID/sp shows it as callbackUrl.";
    OidcScopeRefused, IdpAdmin, 403, "invalid_scope", "The OpenID Provider refuses a scope that is asked for.", "Allow the scopes in oidcScopes of the connection for this client at the OpenID Provider, or take out what it does not know with PATCH /api/v1/sso.";
    OidcClientUnknown, IdpAdmin, 403, "access_denied", "The OpenID Provider does not know our client ID, or does not allow it to sign people in with a code.", "Compare oidcClientId of the connection with the client at the OpenID Provider, look whether the address is that of the right organisation, and allow the authorization code grant.";
    OidcPersonNotAssigned, IdpAdmin, 403, "access_denied", "The person is not assigned to the application at the identity provider.", "Assign the person, or a group that they are in, to the application (Microsoft Entra ID: Enterprise applications > Users and groups).";
    OidcPersonOfOtherOrganisation, IdpAdmin, 403, "access_denied", "The person's account belongs to another organisation.", "Sign in with an account of the right organisation, or invite the account there as a guest.";
    OidcPolicyNotMet, IdpAdmin, 403, "access_denied", "A policy of the identity provider blocks this login.", "Look the person up in the sign-in log of the identity provider: a conditional access policy asks for another device, place or second factor.";
    OidcProviderFailed, IdpAdmin, 502, "temporarily_unavailable", "The OpenID Provider reports a failure of its own.", "Try again in a minute; if it stays, look at the status page and the log of the OpenID Provider.";
    OidcRequestRefused, IdpAdmin, 403, "access_denied", "The OpenID Provider refuses the request.", "Look at the log of the OpenID Provider; `received` is the error that it named. Check that the client is a confidential web application with the authorization code flow.";

    /// The OpenID Provider answers: redeeming its code
    OidcProviderUnreachable, IdpAdmin, 502, "temporarily_unavailable", "The token endpoint of the OpenID Provider could not be reached.", "Check that Postern can reach the token_endpoint in the provider's metadata; `received` says what happened. An inner network has to be in fetch.allow_networks.";
    OidcClientSecretWrong, BridgeAdmin, 403, "access_denied", "The OpenID Provider does not accept our client secret.", "Copy the secret again (its value, not its ID) and set it with PATCH /api/v1/sso as oidcClientSecret. If it is right, try the other oidcClientAuthMethod of client_secret_basic and client_secret_post.";
    OidcClientSecretExpired, BridgeAdmin, 403, "access_denied", "Our client secret at the OpenID Provider has expired.", "Create a new secret there (Microsoft Entra ID: App registrations > Certificates and secrets) and set it with PATCH /api/v1/sso as oidcClientSecret.";
    OidcClientAssertionRefused, BridgeAdmin, 403, "access_denied", "The OpenID Provider does not accept our signature.", "Set the clientJwksUrl of the connection as the client's JWKS URL at the OpenID Provider, and private_key_jwt as its authentication method. Both clocks have to be right. If it says that the audience is wrong, set oidcAssertionAudience of the connection to token_endpoint.";
    OidcCodeRefused, IdpAdmin, 403, "access_denied", "The OpenID Provider does not accept the code that it gave.", "Start the login again. If it stays, check that its servers share their codes and that nothing before Postern opens the callback address twice.";
    OidcTokenAnswerMalformed, IdpAdmin, 403, "access_denied", "The answer of the token endpoint is not what OAuth 2.0 prescribes.", "Check token_endpoint in the provider's metadata. It has to answer with JSON that holds access_token, token_type and id_token.";
    OidcIdTokenMissing, IdpAdmin, 403, "access_denied", "The token endpoint gave no ID token.", "Allow the scope openid for this client at the OpenID Provider; a plain OAuth 2.0 server cannot sign people in.";

    /// The OpenID Provider answers: the ID token
    OidcIdTokenMalformed, IdpAdmin, 403, "access_denied", "The ID token cannot be read.", "Let the OpenID Provider send signed, unencrypted ID tokens of at most 64 KiB, with claims of the types that OIDC Core section 5.1 names.";
    OidcIdTokenIncomplete, IdpAdmin, 403, "access_denied", "The ID token lacks a claim that every ID token has.", "Let the OpenID Provider send the claim `expected`.";
    OidcUnsigned, IdpAdmin, 403, "access_denied", "The ID token is not signed.", "Set the ID token signature algorithm of this client at the OpenID Provider to RS256 or ES256.";
    OidcAlgorithm, IdpAdmin, 403, "access_denied", "The ID token is signed with an algorithm that is not accepted.", "Set the ID token signature algorithm of this client at the OpenID Provider to RS256 or ES256. HS256 is never accepted: whoever can check such a signature can make one.";
    OidcKeyUnknown, IdpAdmin, 403, "access_denied", "The ID token is signed with a key that the OpenID Provider does not publish.", "Check that jwks_uri in the provider's metadata lists the key with the kid in `received`. Where the keys were given by hand, give the new ones with PATCH /api/v1/sso.";
    OidcKeyAmbiguous, IdpAdmin, 403, "access_denied", "The ID token does not say which of several keys signed it.", "Let the OpenID Provider put a kid into its ID tokens (OIDC Core section 10.1).";
    OidcSignatureInvalid, IdpAdmin, 403, "access_denied", "The signature of the ID token is wrong.", "Check with a fresh login. If it stays, the OpenID Provider publishes another key under the same kid than the one it signs with.";
    OidcIssuerMismatch, IdpAdmin, 403, "access_denied", "The ID token was issued by another issuer.", "Let the OpenID Provider use `expected` as its issuer, as its metadata says, or create the connection anew with the right address. A slash at the end counts.";
    OidcAudienceMismatch, IdpAdmin, 403, "access_denied", "The ID token is meant for another client.", "Compare oidcClientId of the connection (`expected`) with the client at the OpenID Provider.";
    OidcAudienceForeign, IdpAdmin, 403, "access_denied", "The ID token is meant for others besides us.", "Let the OpenID Provider name our client ID alone as audience, or add the others in `received` to oidcAudiences of the connection if they are trusted.";
    OidcAuthorizedParty, IdpAdmin, 403, "access_denied", "The ID token was issued to another client.", "Let the OpenID Provider send our client ID as azp.";
    OidcExpired, IdpAdmin, 403, "access_denied", "The ID token has expired.", "Set the clocks of the OpenID Provider and of Postern by NTP; `expected` and `received` show both. saml.clock_skew_seconds is the tolerance.";
    OidcIssueTime, IdpAdmin, 403, "access_denied", "The ID token was issued in the future or more than an hour ago.", "Set the clocks of the OpenID Provider and of Postern by NTP; `expected` and `received` show both. saml.clock_skew_seconds is the tolerance.";
    OidcNonceMismatch, IdpAdmin, 403, "access_denied", "The ID token belongs to another login.", "Start the login again. If it stays, let the OpenID Provider return the nonce of the request unchanged in the ID token.";
    OidcAccessTokenHash, IdpAdmin, 403, "access_denied", "The access token is not the one that the ID token was issued with.", "Check with a fresh login whether something between Postern and the OpenID Provider changes its answers; at_hash has to be that of the access token.";
    OidcRequiredClaim, IdpAdmin, 403, "access_denied", "The person does not belong to the organisation that the connection is for.", "Sign in with an account of the right organisation. oidcRequiredClaims of the connection asks for `expected`.";
    OidcUserinfoSubject, IdpAdmin, 403, "access_denied", "The userinfo endpoint tells of another person than the ID token.", "Let the userinfo endpoint of the OpenID Provider return the same sub as the ID token.";

    /// The app redeems (token, userinfo)
    GrantTypeUnsupported, App, 400, "unsupported_grant_type", "This grant_type is not offered.", "Send grant_type=authorization_code or grant_type=refresh_token.";
    CodeMissing, App, 400, "invalid_request", "The token request has no code.", "Send the code from the authorization response.";
    CodeUnknown, App, 400, "invalid_grant", "The code is unknown or has expired.", "Redeem a code at once; it lives for oauth.code_seconds, 60 by default.";
    CodeSpent, App, 400, "invalid_grant", "The code was already redeemed, and what it gave is now revoked.", "Redeem each code once. A client that retries has to start a new login.";
    CodeSessionEnded, App, 400, "invalid_grant", "The session was ended before its code was redeemed.", "Start a new login, which says whether the person may come in. Events of the type session.ended tell why the session was ended.";
    CodeForOtherClient, App, 400, "invalid_grant", "The code was issued to another client.", "Send the same client_id to authorize and token.";
    CodeRedirectMismatch, App, 400, "invalid_grant", "The redirect_uri is not the one that the login began with.", "Send the same redirect_uri to authorize and token, or leave it out at token.";
    VerifierMissing, App, 400, "invalid_grant", "The login began with a code_challenge, but the token request has no code_verifier.", "Send the code_verifier that the code_challenge was made from.";
    VerifierUnexpected, App, 400, "invalid_grant", "The token request has a code_verifier, but the login began without a code_challenge.", "Send code_challenge to authorize, or no code_verifier to token.";
    VerifierWrong, App, 400, "invalid_grant", "The code_verifier does not fit the code_challenge.", "Keep the verifier with the login that it was made for.";
    ClientAuthenticationMissing, App, 401, "invalid_client", "The client did not authenticate.", "Send client_id and client_secret by HTTP Basic or in the form. Only products registered with token_endpoint_auth_method none do without.";
    ClientAuthenticationTwice, App, 400, "invalid_request", "The client authenticated in more than one way.", "Send the secret by HTTP Basic or in the form, not both (RFC 6749 section 2.3).";
    ClientAuthenticationMalformed, App, 401, "invalid_client", "The Authorization header is not HTTP Basic.", "Send Basic BASE64(client_id:client_secret), both form-urlencoded (RFC 6749 section 2.3.1).";
    ClientSecretWrong, App, 401, "invalid_client", "The client_secret is wrong.", "Use the secret of this product or connection. With client_id=dummy or tenant=..&product=.. that is the product's secret, else oauth.client_secret_verifier, else the connection's clientSecret.";
    SecretsWrongTooOften, App, 429, "temporarily_unavailable", "Too many wrong secrets or keys came from this address.", "Correct the secret, and wait for as long as Retry-After says. Where others guess who come by the same proxy, list that proxy in trusted_proxies; oauth.wrong_secrets_per_minute is the limit.";
    ClientSecretInUrl, App, 400, "invalid_request", "Credentials were sent in the URL.", "Send them in the header or the body, and change them: URLs are logged in many places.";
    RefreshTokenMissing, App, 400, "invalid_request", "The token request has no refresh_token.", "Send the refresh_token that the last token response brought.";
    RefreshTokenUnknown, App, 400, "invalid_grant", "The refresh token is unknown, or its session was ended.", "Start a new login.";
    RefreshTokenExpired, App, 400, "invalid_grant", "The refresh token or its session has expired.", "Start a new login. A session lives for oauth.session_hours and without use for oauth.idle_minutes, offline tokens for oauth.refresh_days and without use for oauth.refresh_idle_days, unless the product says otherwise.";
    RefreshTokenReused, App, 400, "invalid_grant", "The refresh token was already used, and its session is now ended.", "Use each refresh token once and store its successor before anything else; a retry after a lost answer is good for 10 seconds. If the client did that, somebody else has its tokens.";
    RefreshTokenForOtherClient, App, 400, "invalid_grant", "The refresh token was issued to another client.", "Send the client_id that the login began with.";
    RefreshNotAllowed, App, 400, "unauthorized_client", "This client may not use refresh tokens.", "Register the product with grant_types authorization_code and refresh_token (PATCH /api/v1/products).";
    RefreshTenantSuspended, BridgeAdmin, 400, "invalid_grant", "Nobody of this tenant may go on at present.", "If that is over, send PUT /api/v1/tenants/TENANT with status=active. The refresh token is good again then.";
    RefreshPersonBlocked, BridgeAdmin, 400, "invalid_grant", "The tenant blocks this person.", "End the person's session in the application. If they may sign in again, send DELETE /api/v1/people/blocked.";
    RefreshNotInvited, BridgeAdmin, 400, "invalid_grant", "The tenant lets in only whom it has invited, and this person is not, or not any more.", "Invite the person with POST /api/v1/people/invited. The refresh token is good again then.";
    RefreshNeedsProof, App, 400, "invalid_grant", "The tenant wants its identity provider to be asked again about this person.", "Start a new login, with prompt=none: whoever is still signed in at the identity provider notices nothing. How often is revalidate_minutes of the tenant's policy.";
    RefreshConnectionGone, App, 400, "invalid_grant", "The connection that the person signed in with is deleted or deactivated.", "Start a new login.";
    ScopeNotGranted, App, 400, "invalid_scope", "The scope holds more than was granted at the login.", "Leave scope out, or send a part of what was granted.";
    TokenParameterMissing, App, 400, "invalid_request", "The request has no token.", "Send token, the access token or refresh token that is meant.";
    TokenForOtherClient, App, 400, "invalid_grant", "The token was issued to another client.", "Send the client_id that the login began with.";
    IntrospectionNeedsSecret, App, 401, "invalid_client", "A public client may not ask what tokens are worth.", "Ask with a product that has a secret, or read userinfo with the access token.";
    ClientAssertionUnexpected, App, 401, "invalid_client", "The client sent a client_assertion, but is not registered to sign.", "Register the product with token_endpoint_auth_method private_key_jwt and its jwks or jwks_uri, or authenticate as it is registered.";
    ClientAssertionForm, App, 401, "invalid_client", "The client_assertion is not a signed token of the kind that is taken.", "Send a JWT, with client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer (RFC 7523 section 2.2).";
    ClientAssertionAlgorithm, App, 401, "invalid_client", "The client_assertion is signed in a way that is not taken.", "Sign with PS256, ES256 or EdDSA, or with the product's token_endpoint_auth_signing_alg where it has one.";
    ClientAssertionKey, App, 401, "invalid_client", "No registered key of the client signed the client_assertion.", "Compare the kid and the key with the jwks of the product, or with what its jwks_uri serves.";
    ClientAssertionClient, App, 401, "invalid_client", "The client_assertion is about another client.", "Set iss and sub to the client_id.";
    ClientAssertionAudience, App, 401, "invalid_client", "The client_assertion is for another audience.", "Set aud to the issuer alone, as a text: the address of Postern as its discovery document writes it.";
    ClientAssertionTimes, App, 401, "invalid_client", "The client_assertion is not valid now, or lives too long.", "Set exp to at most 300 seconds from now, give each assertion a jti, and set the clock by NTP.";
    ClientAssertionReplayed, App, 401, "invalid_client", "This client_assertion was already used.", "Sign a new assertion, with a new jti, for each request.";
    DpopProofRequired, App, 400, "invalid_request", "The request has no DPoP proof, and this client, or what it brings, is bound to a key.", "Send the header DPoP with a proof of the key (RFC 9449 section 5).";
    DpopProofMissing, App, 401, "invalid_dpop_proof", "The request has no DPoP proof, and this access token needs one.", "Send the header DPoP with a proof of the key (RFC 9449 section 7).";
    DpopProofForm, App, 400, "invalid_dpop_proof", "The DPoP header is not one proof of the form that is taken.", "Send one JWT of typ dpop+jwt with the public key as jwk, signed by that key with PS256, ES256 or EdDSA, and with htm, htu, iat and jti.";
    DpopProofRequest, App, 400, "invalid_dpop_proof", "The DPoP proof is for another request.", "Set htm to the method and htu to the public address of this endpoint, without query.";
    DpopProofTime, App, 400, "invalid_dpop_proof", "The DPoP proof was not made just now.", "Make a new proof for each request, and set the clock by NTP; iat may be 60 seconds off.";
    DpopProofToken, App, 401, "invalid_dpop_proof", "The DPoP proof is not about this access token.", "Set ath to BASE64URL(SHA256(access token)).";
    DpopProofReplayed, App, 400, "invalid_dpop_proof", "This DPoP proof was already used.", "Make a new proof, with a new jti, for each request.";
    DpopNonceMissing, App, 400, "use_dpop_nonce", "The DPoP proof does not repeat the nonce.", "Repeat the request with a proof that has the nonce of the DPoP-Nonce header.";
    DpopKeyNamedOther, App, 400, "invalid_dpop_proof", "dpop_jkt names another key than the DPoP proof is made with.", "Send the thumbprint of the proof's key as dpop_jkt, or no dpop_jkt.";
    DpopKeyOther, App, 400, "invalid_grant", "The code or the refresh token is bound to another key than the DPoP proof is made with.", "Make all proofs of a login with the same key.";
    TokenBound, App, 401, "invalid_token", "The access token is bound to a key, and was used without a proof.", "Send Authorization: DPoP and the access token, with a DPoP proof beside it.";
    TokenNotBound, App, 401, "invalid_token", "The access token is not bound to a key.", "Send Authorization: Bearer and the access token.";
    TokenKeyOther, App, 401, "invalid_token", "The access token is bound to another key than the DPoP proof is made with.", "Make all proofs of a login with the same key.";
    TokenMissing, App, 401, "invalid_token", "The request has no access token.", "Send Authorization: Bearer and the access token.";
    TokenInvalid, App, 401, "invalid_token", "The access token is unknown, expired or revoked.", "Start a new login.";

    /// The person signs out
    LogoutHintInvalid, App, 400, "invalid_request", "The id_token_hint is no ID token of ours.", "Send the ID token of the session that is to be ended, as it was issued; it may have expired.";
    LogoutHintForOtherClient, App, 400, "invalid_request", "The id_token_hint was issued to another client than client_id names.", "Send the client_id that the login began with, or leave it out.";
    LogoutRedirectNotAllowed, App, 400, "invalid_request", "The post_logout_redirect_uri is not registered for this client.", "Register exactly this URL in post_logout_redirect_urls of the product, and send id_token_hint or client_id.";
    LogoutNotConfirmed, User, 403, "access_denied", "This browser did not ask to sign out.", "Start again from the application, in one browser, with cookies allowed.";

    /// The API
    ApiKeyMissing, BridgeAdmin, 401, "invalid_client", "The request has no API key.", "Send Authorization: Api-Key and one of admin.api_keys.";
    ApiKeyUnknown, BridgeAdmin, 401, "invalid_client", "The API key is unknown.", "Send one of admin.api_keys.";
    ApiKeyReadOnly, BridgeAdmin, 403, "access_denied", "This API key may only read.", "Use a key without read_only.";
    ApiKeyOtherProduct, BridgeAdmin, 403, "access_denied", "This API key belongs to another product.", "Use the key of this product, or one that is not limited to a product.";
    BodyMalformed, BridgeAdmin, 400, "invalid_request", "The body is neither a JSON object nor a form.", "Send a JSON object with Content-Type: application/json.";
    FieldMissing, BridgeAdmin, 400, "invalid_request", "A required field is missing.", "Send the field that the message names.";
    FieldInvalid, BridgeAdmin, 400, "invalid_request", "A field has a value that is not accepted.", "Correct the field that the message names.";
    ConnectionNotFound, BridgeAdmin, 404, "invalid_request", "There is no such connection.", "Look it up with GET /api/v1/sso.";
    TenantNotFound, BridgeAdmin, 404, "invalid_request", "There is no such tenant.", "Look it up with GET /api/v1/tenants. A tenant is known from its first connection on.";
    TenantDeleting, BridgeAdmin, 409, "invalid_request", "The tenant is being deleted.", "Wait until its deletion was answered. If it broke off, send DELETE /api/v1/tenants/TENANT again; then the tenant can be made anew.";
    PersonNotListed, BridgeAdmin, 404, "invalid_request", "Nobody is listed under this name.", "Look it up with GET /api/v1/people/blocked or GET /api/v1/people/invited. A person who is listed by email is not found by sub, nor the other way round.";
    ProductNotFound, BridgeAdmin, 404, "invalid_request", "There is no such product.", "Look it up with GET /api/v1/products.";
    ProductExists, BridgeAdmin, 409, "invalid_request", "A product of this name is already registered.", "Change it with PATCH /api/v1/products.";
    SessionNotFound, BridgeAdmin, 404, "invalid_request", "There is no such session, or it is over.", "Look it up with GET /api/v1/sessions.";
    ProviderNotFound, BridgeAdmin, 404, "invalid_request", "There is no such provider.", "Look it up with GET /api/v1/providers.";
    TraceNotFound, BridgeAdmin, 404, "invalid_request", "There is no such trace.", "Traces are kept for seven days; check the id.";
    KeyNotFound, BridgeAdmin, 404, "invalid_request", "There is no such key.", "Look it up with GET /api/v1/sp-keys or GET /api/v1/token-keys.";
    KeyInUse, BridgeAdmin, 409, "invalid_request", "The key is in use.", "Activate another key for this use first, and wait until those who have to know it do.";
    KeyNotAnnounced, BridgeAdmin, 409, "invalid_request", "The key was published less than ten minutes ago: some apps do not know it yet.", "Wait until ten minutes have passed since it was made. If the key in use was stolen, send force=true.";
    KeyStillNeeded, BridgeAdmin, 409, "invalid_request", "Less than two hours ago the key was in use: tokens that it signed may still be verified.", "Wait until two hours have passed since another key was activated. If the key was stolen, send force=true: its tokens are then refused at once.";
    ConnectionSecretMismatch, BridgeAdmin, 400, "invalid_request", "clientSecret mismatch", "Send the clientSecret that GET /api/v1/sso returns.";
    ConnectionEntityIdChanged, BridgeAdmin, 400, "invalid_request", "Tenant/Product config mismatch with IdP metadata", "Metadata of another identity provider needs a connection of its own: create one and delete this one.";
    ChangedMeanwhile, BridgeAdmin, 409, "invalid_request", "The record was changed by somebody else at the same time.", "Read it again and repeat the change.";
    RouteUnknown, App, 404, "invalid_request", "There is nothing at this address.", "Check the path against docs/API.md.";
    MethodNotAllowed, App, 405, "invalid_request", "This address does not take this method.", "Use one of the methods in the Allow header.";

    /// Domains
    DomainMalformed, BridgeAdmin, 400, "invalid_request", "This is not the name of a domain.", "Send the part of the e-mail addresses behind the @, such as acme.example: no address of a machine, no https://, no port, no wildcard.";
    DomainOfEverybody, BridgeAdmin, 400, "invalid_request", "Strangers register domains under this one, so it is no tenant's.", "Claim the domain that was registered, such as acme.co.uk instead of co.uk.";
    DomainOfPublicMail, BridgeAdmin, 400, "invalid_request", "Anybody can have a mailbox at this domain, so it is no tenant's.", "Claim the domain of the organisation's own addresses.";
    DomainTaken, BridgeAdmin, 409, "invalid_request", "Another tenant has proven this domain.", "If it is in the wrong hands, delete the other claim first. Tenants of different products may share domains with domains.unique = product.";
    DomainNotFound, BridgeAdmin, 404, "invalid_request", "There is no such domain.", "Look it up with GET /api/v1/domains, or claim it with POST /api/v1/domains.";
    DomainRecordMissing, IdpAdmin, 400, "invalid_request", "The domain has no TXT record for this proof.", "Publish the TXT record that GET /api/v1/domains/ID shows under record. A new record can take an hour to be seen everywhere.";
    DomainRecordWrong, IdpAdmin, 400, "invalid_request", "The TXT record for the proof holds another value.", "Replace its value by `expected`, exactly, or add a second TXT record with it; the attempts of GET /api/v1/domains/ID show both values.";
    DomainRecordMisplaced, IdpAdmin, 400, "invalid_request", "The TXT record for the proof stands at another name.", "Move it from `received` to `expected`. Many DNS panels add the domain by themselves: enter _postern-challenge alone there.";
    DomainUnknownToDns, IdpAdmin, 400, "invalid_request", "DNS knows no such domain.", "Check the spelling, and whether the domain is registered and delegated to the DNS servers where the record was published.";
    DomainServerFailed, IdpAdmin, 400, "invalid_request", "The DNS servers of the domain fail, or answer what cannot be trusted (SERVFAIL).", "Check the delegation and the DNSSEC signatures of the domain. If other domains fail too, the operator has to look at domains.dns_server.";
    DomainLookupTimedOut, IdpAdmin, 400, "invalid_request", "DNS did not answer in time.", "Try again in a minute. If other domains fail too, the operator has to look at domains.dns_server and at the way there.";

    /// Test logins
    TestLoginUnknown, BridgeAdmin, 404, "invalid_request", "There is no such test login, or its time is over.", "Ask for a new one with POST /api/v1/sso/ID/test. Its link can be used for 15 minutes.";
    TestLoginSpent, BridgeAdmin, 400, "invalid_request", "This test login has begun already.", "A link is good for one login. Ask for a new one with POST /api/v1/sso/ID/test.";

    /// Policies
    PolicyRevisionMissing, BridgeAdmin, 428, "invalid_request", "The change of a policy does not say which revision it is based on.", "Read the policy with GET and send its revision along, as the member revision or its ETag as If-Match, so that nobody's change is overwritten unseen.";
    EnforcementUnready, BridgeAdmin, 409, "invalid_request", "Single sign-on cannot be enforced yet: an organisation could lock itself out.", "The message names what is missing. test_login: let somebody pass a test (POST /api/v1/sso/ID/test) of a connection that is active, and not change it since. proven_domain: prove a domain of the tenant (/api/v1/domains). break_glass: name an address that may always use a password. Whoever means it nevertheless sends force=true.";
    PolicyChanged, BridgeAdmin, 412, "invalid_request", "The policy is another one by now than the change is based on.", "Read it again with GET, look at what somebody else changed, and repeat the change with the new revision.";

    /// Discovery
    EmailMalformed, User, 400, "invalid_request", "This is not an e-mail address of which the domain can be told.", "Write one address with one @, such as alice@acme.example.";
    EmailDomainUnknown, User, 403, "access_denied", "No organisation signs in here with addresses of this domain.", "Check the spelling of the address, or sign in to the application in another way. The organisation's administrator proves its domain with POST /api/v1/domains.";
    AddressNeeded, App, 403, "interaction_required", "The request does not say which tenant the person belongs to, and prompt=none forbids to ask.", "Send tenant, or login_hint with an address at a domain that a tenant has proven; or leave prompt=none out.";
    LoginNotBegunByApp, BridgeAdmin, 403, "access_denied", "The person came to the sign-in page by themselves, and the application has no address where a login begins.", "Register initiate_login_url for the product with PATCH /api/v1/products, or start from the application.";
    RequestsTooMany, User, 429, "temporarily_unavailable", "Too many requests came from this address.", "Wait for as long as Retry-After says. Where many people come from one address, raise discover.requests_per_minute; where that is a proxy before Postern, list it in trusted_proxies.";

    /// Metadata of identity providers
    MetadataUnreadable, BridgeAdmin, 400, "invalid_request", "The metadata is not well-formed XML.", "Download the metadata again and paste the whole document.";
    MetadataNotIdp, BridgeAdmin, 400, "invalid_request", "The metadata describes no SAML 2.0 identity provider.", "Paste the identity provider's metadata (it has an IDPSSODescriptor), not the one of a service provider.";
    MetadataSeveralIdps, BridgeAdmin, 400, "invalid_request", "The metadata describes several identity providers.", "Paste the metadata of the one identity provider, or name its entity ID.";
    MetadataEntityUnknown, BridgeAdmin, 400, "invalid_request", "The metadata does not describe the identity provider with this entity ID.", "Compare the entity ID with the entityID in the metadata; upper and lower case and a slash at the end count.";
    MetadataEntityTwice, BridgeAdmin, 400, "invalid_request", "The metadata describes two entities with the same entity ID.", "Paste the metadata of the one identity provider, or report the duplicate to whoever publishes the document.";
    MetadataEntityIdMissing, BridgeAdmin, 400, "invalid_request", "The metadata has no entityID.", "Download the metadata again; entityID is required (SAML Metadata section 2.3.2).";
    MetadataKeyMissing, BridgeAdmin, 400, "invalid_request", "The metadata has no usable signing certificate.", "Let the identity provider publish its signing certificate: without one no login could be trusted.";
    MetadataEndpointMissing, BridgeAdmin, 400, "invalid_request", "The metadata has no sign-on address with the HTTP-Redirect or HTTP-POST binding.", "Enable one of these bindings at the identity provider.";
    MetadataEndpointInvalid, BridgeAdmin, 400, "invalid_request", "The metadata has a sign-on address that is not an https URL.", "Let the identity provider publish absolute https addresses.";
    MetadataValidUntilMissing, BridgeAdmin, 400, "invalid_request", "The metadata does not say until when it holds, and the connection is in strict federation.", "Use the metadata that the federation publishes, which has validUntil; or set strictFederation to false for an identity provider outside a federation.";
    MetadataValidUntilTooFar, BridgeAdmin, 400, "invalid_request", "The metadata says that it holds for more than 31 days, and the connection is in strict federation.", "Let whoever publishes the metadata set validUntil to at most 31 days ahead and publish anew before; or set strictFederation to false.";
    MetadataExpired, BridgeAdmin, 400, "invalid_request", "The metadata is past its validUntil, and the connection is in strict federation.", "Download the metadata again. If it is still past, tell whoever publishes it.";
    MetadataSourceUnverified, BridgeAdmin, 400, "invalid_request", "The metadata comes over plain http, and the connection is in strict federation.", "Use the https address of the metadata.";
    MetadataTooLarge, BridgeAdmin, 400, "invalid_request", "The metadata is larger than 1 MiB.", "Send the metadata of the one identity provider, not of a federation.";

    /// Logout messages of the IdP
    LogoutParametersAmbiguous, IdpAdmin, 400, "invalid_request", "The logout message came with a parameter twice, in another spelling, or as a request and a response at once.", "Let the identity provider send SAMLRequest or SAMLResponse once, with RelayState, SigAlg and Signature once each. If it does, find out who sent this.";
    LogoutNotMessage, IdpAdmin, 400, "invalid_request", "The message is not a SAML 2.0 logout message.", "Let the identity provider send a LogoutRequest as SAMLRequest, or a LogoutResponse as SAMLResponse, to this address.";
    LogoutUnreadable, IdpAdmin, 400, "invalid_request", "The logout message cannot be decoded.", "Let the identity provider send it as SAML Bindings say: in an address deflated and in base64, in a form in base64 alone, and not larger than 64 KiB.";
    LogoutUnsigned, IdpAdmin, 403, "access_denied", "The logout message is not signed.", "Switch on signing of logout messages for this application at the identity provider. Without a signature anybody could end anybody's session.";
    LogoutSignatureInvalid, IdpAdmin, 403, "access_denied", "No key of this connection made the signature of the logout message, or the message was changed on its way.", "Upload the identity provider's current metadata or signing certificate to this connection. If that is current, look for a proxy that rewrites addresses.";
    LogoutIssuerMismatch, IdpAdmin, 403, "access_denied", "The logout message comes from another identity provider.", "Compare the entity ID of the identity provider with this connection; upload its current metadata.";
    LogoutDestinationMismatch, IdpAdmin, 403, "access_denied", "The logout message is addressed to another logout service.", "Set the single logout URL at the identity provider to `expected`.";
    LogoutOutOfTime, IdpAdmin, 403, "access_denied", "The logout message is too old, or comes from the future.", "Sign out again. If it persists, set the clocks of the identity provider and of Postern by NTP.";
    LogoutNameIdMissing, IdpAdmin, 403, "access_denied", "The logout request does not name the person by a NameID.", "Let the identity provider name the person in logout requests by the NameID of the assertion, not encrypted.";
    LogoutReplayed, IdpAdmin, 403, "access_denied", "The logout request was used before.", "Sign out again at the identity provider. If nobody did, find out who repeats its messages.";
    LogoutConnectionUnclear, IdpAdmin, 400, "invalid_request", "The logout request came to the address that all connections share, and not exactly one connection has this identity provider.", "Set the single logout URL at the identity provider to that of the connection: it is in the connection's own metadata, /.well-known/sp-metadata?connection=.";
    LogoutNotEverywhere, IdpAdmin, 403, "access_denied", "The identity provider was asked to end a session, and answered that it did not, or not everywhere.", "Look the logout up in the log of the identity provider: often another application there did not answer. The session here is ended.";
    LogoutOtherRequest, IdpAdmin, 403, "access_denied", "The logout response answers another request.", "Sign out again. If it persists, let the identity provider return the ID of the request as InResponseTo.";

    /// Metadata of OpenID Providers
    OidcMetadataUnreadable, BridgeAdmin, 400, "invalid_request", "The metadata of the OpenID Provider is not a JSON object.", "Open the discovery address in a browser: it has to show the JSON of /.well-known/openid-configuration.";
    OidcMetadataIssuerMismatch, BridgeAdmin, 400, "invalid_request", "The metadata is that of another issuer than the configured one.", "Use the discovery address that belongs to the issuer in the metadata, or set oidcIssuer to exactly that issuer. Upper and lower case and a slash at the end count. For one organisation of Microsoft Entra ID, use the address with the directory ID.";
    OidcMetadataIncomplete, BridgeAdmin, 400, "invalid_request", "The metadata of the OpenID Provider lacks a required member.", "Add `expected` to the metadata (OIDC Discovery section 3), or use the provider's discovery address.";
    OidcMetadataEndpointInvalid, BridgeAdmin, 400, "invalid_request", "The metadata of the OpenID Provider has an address that is not an https URL.", "Let the OpenID Provider publish absolute https addresses without credentials or fragments.";
    OidcMetadataAlgorithms, BridgeAdmin, 400, "invalid_request", "The OpenID Provider signs ID tokens in no way that is accepted.", "Let the OpenID Provider sign ID tokens by RS256, ES256 or another asymmetric algorithm.";
    OidcMetadataKeyMissing, BridgeAdmin, 400, "invalid_request", "The OpenID Provider publishes no key that could have signed an ID token.", "Check jwks_uri in the metadata: it has to list a public RSA key of at least 2048 bits, a P-256, P-384 or P-521 key, or an Ed25519 key, with use sig or none.";
    OidcKeysUnreadable, BridgeAdmin, 400, "invalid_request", "The key set of the OpenID Provider is not a JWK set.", "Check jwks_uri in the metadata: it has to answer a JSON object with the member keys.";

    /// Outgoing requests
    FetchUrlInvalid, BridgeAdmin, 400, "invalid_request", "The address is not an https URL.", "Use https. Plain http is possible only to networks in fetch.allow_networks.";
    FetchAddressForbidden, BridgeAdmin, 400, "invalid_request", "The address leads to a network that Postern does not talk to.", "Use a public address, or have the operator add the network to fetch.allow_networks. Link-local and cloud metadata addresses are never allowed.";
    FetchNameUnresolved, BridgeAdmin, 400, "invalid_request", "The host name does not resolve.", "Check the spelling and the DNS of the host.";
    FetchTimeout, BridgeAdmin, 400, "invalid_request", "The address did not answer in time.", "Check that the host is reachable from Postern; fetch.timeout_seconds is the limit.";
    FetchTooLarge, BridgeAdmin, 400, "invalid_request", "The answer is larger than Postern reads.", "Check that the address is that of one metadata document.";
    FetchStatus, BridgeAdmin, 400, "invalid_request", "The address answered with an error.", "Open the address in a browser; it has to answer 200 without a login.";
    FetchTooManyRedirects, BridgeAdmin, 400, "invalid_request", "The address redirects too often.", "Use the address that the redirects end at.";
    FetchFailed, BridgeAdmin, 400, "invalid_request", "The address could not be reached.", "Check host, port and certificate; a private CA belongs into fetch.ca_files.";

    /// Postern itself
    StoreUnavailable, BridgeAdmin, 503, "temporarily_unavailable", "Postern cannot reach its store.", "Check the store at store.url; postern doctor tells more.";
    LoginLostInFailover, User, 503, "temporarily_unavailable", "Postern's store was restarted or replaced while this login was under way.", "Start the login again from the application.";
    CodeLostInFailover, App, 400, "invalid_grant", "Postern's store was restarted or replaced since this authorization code was issued.", "Begin the login again.";
    RecordUnreadable, BridgeAdmin, 503, "server_error", "A stored record does not open.", "It was changed outside Postern or sealed with a key that seal.keys does not have. Restore the key or the record.";
    RecordRolledBack, BridgeAdmin, 503, "server_error", "A stored record is older than one that was there before.", "Find out who writes to the store beside Postern. If you restored a backup, restart every replica: each refuses what is older than what it has seen.";
    Defect, Us, 500, "server_error", "Postern has a defect.", "Report it with the reference.";
}

/// A store that does not answer, or a record that does not open, as the operator hears of it.
impl From<crate::ports::StoreError> for Fault {
    fn from(error: crate::ports::StoreError) -> Self {
        let code = match &error {
            crate::ports::StoreError::Unavailable(_) => Code::StoreUnavailable,
            crate::ports::StoreError::Unreadable { .. } => Code::RecordUnreadable,
            crate::ports::StoreError::RolledBack { .. } => Code::RecordRolledBack,
            crate::ports::StoreError::Foreign { class }
                if *class == <crate::login::Grant as crate::store::Record>::CLASS =>
            {
                Code::CodeLostInFailover
            }
            crate::ports::StoreError::Foreign { .. } => Code::LoginLostInFailover,
        };
        code.fault().because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 §5.2: `error_description` holds only %x20-21 / %x23-5B / %x5D-7E.
    #[test]
    fn sentences_and_hints_fit_into_an_error_description() {
        for code in Code::ALL {
            for text in [code.sentence(), code.hint()] {
                assert!(!text.is_empty(), "{code} has nothing to say");
                assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)), "{code}: {text}");
            }
        }
    }

    #[test]
    fn names_are_found_again_and_statuses_are_errors() {
        for &code in Code::ALL {
            assert_eq!(Code::named(code.name()), Some(code));
            assert!((400..=503).contains(&code.status()), "{code}");
            assert!(!code.section().is_empty(), "{code}");
        }
    }

    #[test]
    fn long_values_are_clipped_at_a_character() {
        let fault = Code::SamlAudienceMismatch.fault().received("ä".repeat(600));
        assert!(fault.received.is_some_and(|value| value.len() <= 520 && value.ends_with('…')));
    }
}
