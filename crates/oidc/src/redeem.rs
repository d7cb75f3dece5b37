//! The token request (OIDC Core §3.1.3.1): from a code to the provider's tokens.

use std::borrow::Cow;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthorizationCode, Client, ClientId, ClientSecret, ExtraTokenFields, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use postern_core::fault::{Code, Fault};
use postern_core::openid::{ClientAuthentication, OidcIdp};
use postern_core::ports::{Random, Timestamp};
use postern_core::secret::Secret;
use postern_fetch::{Fetch, FetchError};
use serde::{Deserialize, Serialize};

use crate::client_keys;
use crate::metadata::LARGEST;
use crate::provider_error::{self, Said};

/// What the provider gave for the code. Lives for one request.
#[derive(Debug)]
pub struct Tokens {
    /// The ID token, of which nothing is known yet.
    pub unverified_id_token: Secret,
    /// What opens the userinfo endpoint.
    pub access_token: Secret,
}

/// What is redeemed.
#[derive(Debug, Clone, Copy)]
pub struct Redemption<'a> {
    /// The code.
    pub code: &'a str,
    /// The address that it was sent to.
    pub callback: &'a str,
    /// What the login's code challenge was made from.
    pub pkce_verifier: &'a Secret,
}

#[derive(Debug, Serialize, Deserialize)]
struct Extra {
    id_token: Option<Secret>,
}

impl ExtraTokenFields for Extra {}

type TokenClient = Client<
    BasicErrorResponse,
    StandardTokenResponse<Extra, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// Redeems a code, once.
pub async fn redeem(
    fetch: &Fetch,
    idp: &OidcIdp,
    redemption: Redemption<'_>,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Tokens, Fault> {
    // Both were read as URLs when the connection was made.
    let endpoint = TokenUrl::new(idp.provider.token_endpoint.clone()).map_err(|_| Code::RecordUnreadable)?;
    let callback = RedirectUrl::new(redemption.callback.to_owned()).map_err(|_| Code::Defect)?;
    let client = TokenClient::new(ClientId::new(idp.client_id.clone())).set_token_uri(endpoint);
    let client = match &idp.authentication {
        ClientAuthentication::ClientSecretBasic { secret } => {
            client.set_auth_type(AuthType::BasicAuth).set_client_secret(ClientSecret::new(secret.expose().to_owned()))
        }
        ClientAuthentication::ClientSecretPost { secret } => {
            client.set_auth_type(AuthType::RequestBody).set_client_secret(ClientSecret::new(secret.expose().to_owned()))
        }
        ClientAuthentication::PrivateKeyJwt { .. } => client.set_auth_type(AuthType::RequestBody),
    };
    let mut request = client
        .exchange_code(AuthorizationCode::new(redemption.code.to_owned()))
        .set_redirect_uri(Cow::Owned(callback))
        .set_pkce_verifier(PkceCodeVerifier::new(redemption.pkce_verifier.expose().to_owned()));
    if let ClientAuthentication::PrivateKeyJwt { keys } = &idp.authentication {
        // RFC 7523 §2.2.
        request = request
            .add_extra_param("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .add_extra_param("client_assertion", client_keys::assertion(idp, keys, now, random)?.expose().to_owned());
    }
    let way_out = |request| fetch.call(request, LARGEST);
    let answer = request.request_async(&way_out).await;
    let signs = !idp.authentication.keys().is_empty();
    let answer = answer.map_err(|error| refused(error, redemption.callback, signs))?;
    let id_token = answer.extra_fields().id_token.clone().ok_or(Code::OidcIdTokenMissing)?;
    Ok(Tokens { unverified_id_token: id_token, access_token: Secret::new(answer.access_token().secret().as_str()) })
}

/// Of an answer that cannot be read nothing is told but that: it may hold tokens.
fn refused(error: RequestTokenError<FetchError, BasicErrorResponse>, callback: &str, signs: bool) -> Fault {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            let description = answer.error_description().map(String::as_str).unwrap_or_default();
            let said = Said { error: answer.error().as_ref(), description };
            provider_error::at_the_token_endpoint(said, callback, signs)
        }
        RequestTokenError::Request(error) => {
            Code::OidcProviderUnreachable.fault().received(error.to_string()).because(error)
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Code::OidcTokenAnswerMalformed.into(),
    }
}
