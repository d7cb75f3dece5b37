//! The `postern` program, configured by environment, and its API as an operator calls it.

use std::process::Command;

use reqwest::Response;
use serde_json::{Value, json};

use crate::process::{Running, free_port};
use crate::{Redis, http, tools};

/// A running `postern serve`.
#[derive(Debug)]
pub struct Postern {
    running: Running,
    api_key: String,
    /// Where apps and browsers reach it; also its issuer and its SAML entity ID.
    pub public_url: String,
    /// Where it listens. Another address than `public_url` only if a proxy stands between.
    pub origin: String,
}

/// What differs between scenarios.
#[derive(Debug, Default)]
pub struct Settings {
    /// The port of its public address, where that is not its own.
    pub public_port: Option<u16>,
    /// Further variables of its environment.
    pub environment: Vec<(&'static str, String)>,
}

impl Postern {
    /// Starts one on this Redis.
    pub async fn start(redis: &Redis, settings: Settings) -> Self {
        let (port, operations) = (free_port(), free_port());
        let origin = format!("http://127.0.0.1:{port}");
        let public_url = settings.public_port.map_or(origin.clone(), |port| format!("http://127.0.0.1:{port}"));
        let api_key = "an-api-key-of-this-test-alone".to_owned();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let running = Running::start(
            "postern",
            Command::new(tools::postern())
                .arg("serve")
                .current_dir(folder.path())
                .env("POSTERN_PUBLIC_URL", &public_url)
                .env("POSTERN_LISTEN", format!("127.0.0.1:{port}"))
                .env("POSTERN_OPERATIONS__LISTEN", format!("127.0.0.1:{operations}"))
                .env("POSTERN_STORE__URL", redis.url())
                .env("POSTERN_SEAL__KEYS", r#"["1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]"#)
                .env("POSTERN_ADMIN__API_KEYS", json!([api_key]).to_string())
                .env("POSTERN_FETCH__ALLOW_NETWORKS", r#"["127.0.0.0/8"]"#)
                .envs(settings.environment),
            folder,
        );
        let ready = format!("http://127.0.0.1:{operations}/health/ready");
        let running =
            running.ready(async || http().get(&ready).send().await.is_ok_and(|answer| answer.status() == 200)).await;
        Self { running, api_key, public_url, origin }
    }

    /// Registers an app with these redirect URLs and returns its client id and secret.
    pub async fn register(&self, product: &str, redirect_urls: &[String]) -> (String, String) {
        let answer =
            self.post("/api/v1/products", &json!({ "name": product, "redirect_urls": redirect_urls })).await;
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned();
        (text("client_id"), text("client_secret"))
    }

    /// Creates a SAML connection as a client of Jackson does, from metadata in one of its forms (`rawMetadata`, `metadataUrl`), and
    /// returns the record.
    pub async fn connect(
        &self,
        tenant: &str,
        product: &str,
        redirect_urls: &[String],
        metadata: (&str, &str),
    ) -> Value {
        let mut request = json!({
            "tenant": tenant, "product": product, "redirectUrl": redirect_urls, "defaultRedirectUrl": redirect_urls[0],
        });
        request[metadata.0] = metadata.1.into();
        self.post("/api/v1/sso", &request).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.origin);
        let request = http().post(url).header("authorization", format!("Api-Key {}", self.api_key)).json(body);
        json_of(request.send().await.expect("the API answers")).await
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        self.running.log()
    }
}

async fn json_of(answer: Response) -> Value {
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await.expect("a text");
    assert!(status.is_success(), "{url} answered {status}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url} answered no JSON ({error}): {text}"))
}
