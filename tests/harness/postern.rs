//! The `postern` program, configured by environment, and its API as an operator calls it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::login::Answer;
use crate::process::{Running, free_port};
use crate::{Redis, http, tools};

/// A running `postern serve`.
#[derive(Debug)]
pub struct Postern {
    running: Running,
    /// Where apps and browsers reach it; also its issuer and its SAML entity ID.
    pub public_url: String,
    /// Where it listens. Another address than `public_url` only if a proxy stands between.
    pub origin: String,
    /// Where it answers probes, and whoever reads its metrics.
    pub operations: String,
}

/// What differs between scenarios.
#[derive(Debug, Default)]
pub struct Settings {
    /// The port of its public address, where that is not its own.
    pub public_port: Option<u16>,
    /// Further variables of its environment.
    pub environment: Vec<(&'static str, String)>,
    /// Another program than the one under test, such as the release before.
    pub program: Option<PathBuf>,
    /// Where one listened before that this one takes the place of: see [`Postern::ports`].
    pub ports: Option<[u16; 2]>,
    /// What it may use of the machine: arguments of `prlimit`.
    pub limits: Vec<String>,
}

impl Postern {
    /// Opens the whole API.
    pub const API_KEY: &str = "an-api-key-of-this-test-alone";
    /// Seals the records: 32 bytes in base64.
    pub const ROOT_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    /// Starts one on this Redis.
    pub async fn start(redis: &Redis, settings: Settings) -> Self {
        Self::start_at(&redis.url(), settings).await
    }

    /// Starts one on the store at this URL.
    pub async fn start_at(store: &str, settings: Settings) -> Self {
        let ports = settings.ports.unwrap_or_else(|| [(); 2].map(|()| free_port()));
        let [origin, operations] = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let public_url = settings.public_port.map_or(origin.clone(), |port| format!("http://127.0.0.1:{port}"));
        let running = launch(store, settings, ports, &public_url);
        let running = running.ready_at(&format!("{operations}/health/ready")).await;
        Self { running, public_url, origin, operations }
    }

    /// Starts one that will not have this store: how it ends, and what it says.
    pub async fn refuses(store: &str) -> (ExitStatus, String) {
        let ports = [(); 2].map(|()| free_port());
        let mut running = launch(store, Settings::default(), ports, &format!("http://127.0.0.1:{}", ports[0]));
        (running.ended().await, running.log())
    }

    /// Where it listens: for everybody, and for operations.
    pub fn ports(&self) -> [u16; 2] {
        [&self.origin, &self.operations].map(|url| {
            let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
            port.expect("a port")
        })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Ends it, without asking.
    pub fn kill(&mut self) {
        self.running.stop();
    }

    /// Its metrics, as Prometheus reads them.
    pub async fn metrics(&self) -> String {
        let answer = http().get(format!("{}/metrics", self.operations)).send().await.expect("metrics");
        assert_eq!(answer.status().as_u16(), 200);
        answer.text().await.expect("a text")
    }

    /// What a probe is told: the status and the body.
    pub async fn probe(&self, path: &str) -> (u16, String) {
        let answer = http().get(format!("{}{path}", self.operations)).send().await.expect("probes are answered");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Asks it to end, as Kubernetes does.
    pub fn ask_to_stop(&self) {
        self.running.signal("TERM");
    }

    /// Tells it to read its configuration anew.
    pub fn hang_up(&self) {
        self.running.signal("HUP");
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        self.running.ended().await
    }

    /// Registers an app with these redirect URLs and returns its client id and secret.
    pub async fn register(&self, product: &str, redirect_urls: &[String]) -> (String, String) {
        let answer = self
            .call("POST", "/api/v1/products", Some(&json!({ "name": product, "redirect_urls": redirect_urls })))
            .await;
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
        self.call("POST", "/api/v1/sso", Some(&request)).await
    }

    /// Calls the API with [`Postern::API_KEY`] and returns the JSON of its answer, which has to be a good one.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let method = method.parse().expect("a method");
        let answer = self.call_as(Self::API_KEY, method, path, body).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        match &*answer.body {
            "" => Value::Null,
            body => {
                serde_json::from_str(body).unwrap_or_else(|error| panic!("{path} answered no JSON ({error}): {body}"))
            }
        }
    }

    /// Calls the API with any key.
    pub async fn call_as(&self, key: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request =
            http().request(method, format!("{}{path}", self.origin)).header("authorization", format!("Api-Key {key}"));
        let request = body.into_iter().fold(request, RequestBuilder::json);
        Answer::read(request.send().await.expect("the API answers")).await
    }

    /// Posts a form to any address.
    pub async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = http().post(format!("{}{path}", self.origin)).form(form);
        Answer::read(request.send().await.expect("Postern answers")).await
    }

    /// The files that it writes, but for the one that its output goes to.
    pub fn written_files(&self) -> Vec<PathBuf> {
        let log = self.running.file("log");
        self.running.written_files().into_iter().filter(|file| *file != log).collect()
    }

    /// Runs a command of the program on a Redis, for as long as it takes: its status and what it prints.
    pub fn run(redis: &Redis, words: &[&str], environment: &[(&str, String)]) -> (Option<i32>, String) {
        let done = program()
            .args(words)
            .current_dir(std::env::temp_dir())
            .env("POSTERN_STORE__URL", redis.url())
            .env("POSTERN_SEAL__KEYS", json!([format!("1:{}", Self::ROOT_KEY)]).to_string())
            .env("POSTERN_ADMIN__API_KEYS", json!([Self::API_KEY]).to_string())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("postern runs");
        let text = String::from_utf8([done.stdout, done.stderr].concat()).expect("postern prints text");
        (done.status.code(), text)
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        self.running.log()
    }
}

/// Starts the program, in a folder of its own.
fn launch(store: &str, settings: Settings, [port, operations]: [u16; 2], public_url: &str) -> Running {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = limited(&settings.limits, settings.program.as_deref());
    command
        .arg("serve")
        .current_dir(folder.path())
        .env("POSTERN_PUBLIC_URL", public_url)
        .env("POSTERN_LISTEN", format!("127.0.0.1:{port}"))
        .env("POSTERN_OPERATIONS__LISTEN", format!("127.0.0.1:{operations}"))
        .env("POSTERN_STORE__URL", store)
        .env("POSTERN_SEAL__KEYS", json!([format!("1:{}", Postern::ROOT_KEY)]).to_string())
        .env("POSTERN_ADMIN__API_KEYS", json!([Postern::API_KEY]).to_string())
        .env("POSTERN_FETCH__ALLOW_NETWORKS", r#"["127.0.0.0/8"]"#)
        .envs(settings.environment);
    Running::start("postern", &mut command, folder)
}

/// The program, in an environment without whatever Postern of their own the person who runs the tests has configured.
pub(crate) fn program() -> Command {
    limited(&[], None)
}

/// The same or another program, which may use no more of the machine than this.
fn limited(limits: &[String], program: Option<&Path>) -> Command {
    let program = program.map_or_else(tools::postern, Path::to_owned);
    let mut command = match limits {
        [] => Command::new(program),
        // It becomes the program, under the same process id.
        _ => {
            let mut prlimit = Command::new("prlimit");
            prlimit.args(limits).arg("--").arg(program);
            prlimit
        }
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTERN_")) {
        command.env_remove(name);
    }
    command
}
