//! Registers a product and a connection for the run, as an operator would.

use postern_core::base64url;
use postern_core::ports::Random;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::login::{App, Idp, REDIRECT_URI, read_json};
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

/// What the run is to be about.
pub(crate) struct Wishes<'a> {
    /// How ID tokens are signed; `None`: there are none.
    pub(crate) id_token: Option<&'a str>,
    /// How many rules of each kind the tenant's policy has; `None`: it has no policy.
    pub(crate) policy: Option<usize>,
}

/// Registers both, as the run wants them. A server that knows no products (SAML Jackson) is driven by the connection's own client id.
pub(crate) async fn register(
    client: &Client,
    url: &str,
    api_key: &str,
    idp: &Idp,
    wishes: &Wishes<'_>,
) -> Result<App, Failure> {
    let mut run = [0; 6];
    SystemRandom.fill(&mut run);
    let (tenant, product) = ("load.example".to_owned(), format!("load-{}", base64url(&run)));
    let post = async |path: &str, body: Value| {
        let header = format!("Api-Key {api_key}");
        client.post(format!("{url}{path}")).header("authorization", header).json(&body).send().await
    };
    let Wishes { id_token, policy } = *wishes;
    let registration = json!({
        "name": product,
        "redirect_urls": [REDIRECT_URI],
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": id_token.unwrap_or("RS256"),
        "roles": ["editor", "viewer"],
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
    if let Some(rules) = policy {
        set_policy(client, url, api_key, (&tenant, &product), rules).await?;
    }
    let connection: Connection = response.json().await?;
    let (client_id, client_secret) = match registered {
        Some(product) => (product.client_id, product.client_secret),
        None => (connection.client_id, connection.client_secret),
    };
    let (url, tenant) = (url.to_owned(), Some(tenant));
    Ok(App { url, client_id, client_secret, product, tenant, wants_id_token: id_token.is_some() })
}

/// Proves the domain of the people who sign in, and gives the tenant so many rules of each kind. The last of each matches.
async fn set_policy(
    client: &Client,
    url: &str,
    api_key: &str,
    (tenant, product): (&str, &str),
    count: usize,
) -> Result<(), Failure> {
    let ask = async |request: RequestBuilder| {
        read_json(request.header("authorization", format!("Api-Key {api_key}"))).await.map(drop)
    };
    let domain = json!({ "tenant": tenant, "product": product, "domain": tenant, "proof": "operator" });
    ask(client.post(format!("{url}/api/v1/domains")).json(&domain)).await?;
    let rules = |of: &str, names: &str, name: &str, last: &str| -> Vec<Value> {
        let pattern = |number| if number < count { format!("*-{number}-?") } else { last.to_owned() };
        (1..=count).map(|number| json!({ of: pattern(number), names: name })).collect()
    };
    let policy = json!({
        "revision": 0,
        "group_roles": rules("group", "role", "editor", "every*"),
        "group_teams": rules("group", "team", "builders", "every*"),
        "department_teams": rules("department", "team", "others", "none"),
    });
    ask(client.put(format!("{url}/api/v1/tenants/{tenant}/products/{product}/policy")).json(&policy)).await
}
