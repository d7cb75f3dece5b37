//! A person with a browser: headless Chromium, driven by `tests/browser`.

use std::collections::HashMap;
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::process::Running;
use crate::tools;

/// Where a login ended.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The address of the last page.
    pub url: String,
    /// What one can read there.
    pub text: String,
    /// What one can read after signing out.
    #[serde(rename = "signedOut")]
    pub signed_out: Option<String>,
    /// The cookies that this page's address is sent.
    pub cookies: String,
    /// What one can read after each further click.
    pub then: Vec<String>,
    /// Whether signing in again, after that, asks for the password.
    #[serde(rename = "askedAgain")]
    pub asked_again: Option<bool>,
    /// Method, status and address of every page and redirect on the way.
    pub visited: Vec<(String, u16, String)>,
    /// Address and fields of every form that was posted.
    pub posted: Vec<(String, HashMap<String, String>)>,
}

impl Page {
    /// The last SAML response that was posted on the way.
    pub fn saml_response(&self) -> String {
        let mut values = self.posted.iter().rev().filter_map(|(_, fields)| fields.get("SAMLResponse"));
        let value = values.next().unwrap_or_else(|| panic!("no SAMLResponse in {:#?}", self.visited));
        let bytes = data_encoding::BASE64.decode(value.as_bytes()).expect("base64");
        String::from_utf8(bytes).expect("UTF-8")
    }
}

/// Opens the page `start`, presses its "Sign in" button and signs in wherever that leads. Screenshots of the pages are left
/// in `target/e2e/screenshots/<story>`.
pub async fn sign_in(story: &str, start: &str, (username, password): (&str, &str)) -> Page {
    run(story, json!({ "start": start, "username": username, "password": password })).await
}

/// The same, and signs out at the address `sign_out`.
pub async fn sign_in_and_out(story: &str, start: &str, (username, password): (&str, &str), sign_out: &str) -> Page {
    run(story, json!({ "start": start, "username": username, "password": password, "signOut": sign_out })).await
}

/// The same, waits for the page whose address begins with `end`, and then goes to `again`, where signing in begins.
pub async fn sign_in_out_and_in(
    story: &str,
    start: &str,
    (username, password): (&str, &str),
    (sign_out, end): (&str, &str),
    again: &str,
) -> Page {
    let errand = json!({
        "start": start, "username": username, "password": password, "signOut": sign_out, "signOutEnd": end, "again": again,
    });
    run(story, errand).await
}

/// Signs in at the identity provider, which begins at `start`, and waits for the page whose address begins with `end`.
pub async fn sign_in_there(story: &str, start: &str, (username, password): (&str, &str), end: &str) -> Page {
    run(story, json!({ "start": start, "username": username, "password": password, "end": end })).await
}

/// Something that a person does on a page.
#[derive(Debug, Serialize)]
pub struct Click<'a> {
    /// The button that they press.
    pub press: &'a str,
    /// What they enter before, by the name of the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<(&'a str, &'a str)>,
    /// How the address begins of the page that this leads to.
    pub until: &'a str,
}

/// Signs in as [`sign_in`], and goes on clicking.
pub async fn sign_in_and_click(
    story: &str,
    start: &str,
    (username, password): (&str, &str),
    then: &[Click<'_>],
) -> Page {
    run(story, json!({ "start": start, "username": username, "password": password, "then": then })).await
}

/// Where somebody was led who said their e-mail address.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// The identity provider.
    pub idp: String,
    /// The address of the last page.
    pub url: String,
    /// What stands there, also where it is folded away.
    pub text: String,
    /// What axe-core has against Postern's pages: path, rule and impact.
    pub findings: Vec<(String, String, String)>,
}

/// Begins at the app `start`, says an address where it leads, and signs in where that leads, until the page whose address begins
/// with `end`. Then looks at `pages`.
pub async fn be_led(
    story: &str,
    start: &str,
    (email, password): (&str, &str),
    end: &str,
    java_script: bool,
    pages: &[String],
) -> Found {
    let errand = json!({
        "start": start, "email": email, "password": password, "end": end, "javaScript": java_script, "pages": pages,
    });
    drive("discover.js", story, errand).await
}

async fn run(story: &str, errand: Value) -> Page {
    drive("sign-in.js", story, errand).await
}

async fn drive<T: serde::de::DeserializeOwned>(script: &str, story: &str, mut errand: Value) -> T {
    errand["screenshots"] = json!(tools::kept(&format!("screenshots/{story}")));
    let mut command = Command::new(tools::installed("bin/node"));
    command.arg(tools::ours(&format!("browser/{script}"))).arg(errand.to_string()).current_dir(tools::ours("browser"));
    let done = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("the browser is waited for")
        .expect("node runs");
    assert!(done.status.success(), "the browser failed: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("the browser tells where it is")
}

/// Starts a reverse proxy in front of `target` that listens on `port` and, if told so, makes every cookie `SameSite=Lax`.
pub async fn proxy(port: u16, target: &str, lax: bool) -> Running {
    let mut command = Command::new(tools::installed("bin/node"));
    command.arg(tools::ours("browser/same-site-proxy.js")).env("PORT", port.to_string()).env("TARGET", target);
    if lax {
        command.env("SAME_SITE", "Lax");
    }
    let running = Running::start("proxy", &mut command, tempfile::tempdir().expect("a temporary folder"));
    running.ready(async |_| tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await
}
