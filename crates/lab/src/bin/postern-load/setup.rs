//! Registers a product and a connection for the run, as an operator would.

use postern_core::base64url;
use postern_core::ports::Random;
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::login::{App, Idp, REDIRECT_URI};
use crate::system::SystemRandom;

#[derive(Deserialize)]
struct Product {
    client_id: String,
    client_secret: String,
}

#[derive(Deserialize)]
struct Connection {
    #[serde(rename = "clientID")]
    client_id: String,
    #[serde(rename = "clientSecret")]
    client_secret: String,
}

/// Registers both, for ID tokens that are signed by `id_token` where that is asked for. A server that knows no products (SAML Jackson) is driven by the connection's own client id.
pub(crate) async fn register(
    client: &Client,
    url: &str,
    api_key: &str,
    idp: &Idp,
    id_token: Option<&str>,
) -> Result<App, Failure> {
    let mut run = [0; 6];
    SystemRandom.fill(&mut run);
    let (tenant, product) = ("load.example".to_owned(), format!("load-{}", base64url(&run)));
    let post = async |path: &str, body: Value| {
        let header = format!("Api-Key {api_key}");
        client.post(format!("{url}{path}")).header("authorization", header).json(&body).send().await
    };
    let registration = json!({
        "name": product,
        "redirect_urls": [REDIRECT_URI],
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": id_token.unwrap_or("RS256"),
    });
    let response = post("/api/v1/products", registration).await?;
    let registered: Option<Product> = match response.status().as_u16() {
        404 | 405 => None,
        200 | 201 => Some(response.json().await?),
        status => return Err(format!("POST /api/v1/products: {status} {}", response.text().await?).into()),
    };
    let connection = json!({
        "tenant": tenant,
        "product": product,
        "defaultRedirectUrl": REDIRECT_URI,
        "redirectUrl": [REDIRECT_URI],
        "rawMetadata": idp.metadata(),
    });
    let response = post("/api/v1/sso", connection).await?;
    if !response.status().is_success() {
        return Err(format!("POST /api/v1/sso: {} {}", response.status(), response.text().await?).into());
    }
    let connection: Connection = response.json().await?;
    let (client_id, client_secret) = match registered {
        Some(product) => (product.client_id, product.client_secret),
        None => (connection.client_id, connection.client_secret),
    };
    let (url, tenant) = (url.to_owned(), Some(tenant));
    Ok(App { url, client_id, client_secret, product, tenant, wants_id_token: id_token.is_some() })
}
