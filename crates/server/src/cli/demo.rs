//! `postern demo`: a whole make-believe world on this machine. Postern on a store of its own, an identity provider and an app
//! that knows nothing of SAML; registered through the public API, as an operator would.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use postern_core::ports::{Clock, Random};
use postern_core::secret::Secret;
use postern_lab::app::{self, Registration, Reserved};
use postern_lab::client::client;
use postern_lab::idp::{self, ServiceProvider};
use postern_lab::key::Key;
use serde_json::{Value, json};

use super::serve::{open, start_log, told_to_stop};
use crate::config::{Config, Sources};
use crate::jobs;
use crate::listen::Listeners;

/// Try Postern out: with an identity provider and an app of its own
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Where the demo keeps what it keeps
    #[arg(long, value_name = "DIRECTORY", default_value = "postern-demo")]
    directory: PathBuf,
    /// The port of the identity provider; 0: any
    #[arg(long, value_name = "PORT", default_value_t = 5226)]
    idp_port: u16,
    /// The port of the app; 0: any
    #[arg(long, value_name = "PORT", default_value_t = 5227)]
    app_port: u16,
}

type Failure = Box<dyn std::error::Error>;

const TENANT: &str = "acme.example";
const PRODUCT: &str = "demo";

impl Demo {
    /// Runs until the process is told to stop.
    pub(super) fn run(
        self,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        output: &mut dyn Write,
    ) -> Result<ExitCode, Failure> {
        std::fs::create_dir_all(&self.directory)?;
        let api_key = Secret::random(&*random, "demo_");
        let config = Config::load(&self.sources(&api_key))?;
        start_log(&config.log);
        actix_web::rt::System::new().block_on(self.serve(&config, &api_key, clock, random, output))
    }

    /// The demo has a store of its own, and Postern may fetch the metadata of an identity provider on this machine.
    fn sources(&self, api_key: &Secret) -> Sources {
        let store = format!("redb:{}", self.directory.join("postern.redb").display());
        let insisted = format!(
            "store.url = {store}\nadmin.api_keys = [{key}]\nfetch.allow_networks = [\"127.0.0.0/8\"]\nlog.filter = \"warn\"\n",
            store = json!(store),
            key = json!(api_key.expose()),
        );
        Sources { insisted, demo: true, ..Sources::of_process(None) }
    }

    async fn serve(
        &self,
        config: &Config,
        api_key: &Secret,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        output: &mut dyn Write,
    ) -> Result<ExitCode, Failure> {
        let (postern, _) = open(config, clock.clone(), random.clone()).await?;
        let postern = Arc::new(postern);
        let listeners = Listeners::bind(config)?;
        // The one job that somebody notices in a demo: apps of their own hear of sessions that end.
        actix_web::rt::spawn(jobs::logout_notices::run(postern.clone()));

        // To a browser, 127.0.0.1 and localhost are different sites, as a customer's identity provider and Postern are.
        let idp = idp::start(idp::Options {
            host: "127.0.0.1".to_owned(),
            port: self.idp_port,
            key: Key::generate()?,
            service_providers: vec![ServiceProvider {
                entity_id: postern.home().entity_id().to_owned(),
                acs_url: postern.home().acs_url(),
            }],
            people: idp::people(),
            clock: clock.clone(),
            random: random.clone(),
        })
        .await?;
        let app = app::reserve("localhost", self.app_port)?;
        let url = app.url().to_owned();
        let server = actix_web::rt::spawn(listeners.serve(postern, told_to_stop()?, Duration::ZERO));
        let registration = register(config, api_key, &idp.url, &app).await?;
        let app = app.start(registration, random, clock)?;

        writeln!(output, "\nPostern is running. Sign in at\n\n    {url}\n")?;
        writeln!(output, "as alice@example.com with the password `{}`. Ctrl-C ends the demo.", idp::PASSWORD)?;
        writeln!(
            output,
            "Try the API too: curl -H 'Authorization: Api-Key {}' {}/api/v1/events",
            api_key.expose(),
            config.public_url
        )?;
        writeln!(
            output,
            "Postern: {}   identity provider: {}   state: {}",
            config.public_url,
            idp.url,
            self.directory.display()
        )?;
        output.flush()?;
        server.await??;
        app.stop().await;
        idp.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Registers the app and the customer's identity provider through the API.
async fn register(config: &Config, api_key: &Secret, idp: &str, app: &Reserved) -> Result<Registration, Failure> {
    let api = Api {
        http: client()?,
        base: format!("http://{}/api/v1", config.admin.listen.unwrap_or(config.listen)),
        api_key,
    };
    let product = json!({
        "name": PRODUCT,
        "redirect_urls": [app.redirect_uri()],
        "initiate_login_url": app.initiate_login_url(),
    });
    // A demo that was run before has its product already; what it does not have is the secret.
    let record = match api.send(reqwest::Method::POST, "products", &product).await? {
        (409, _) => {
            api.expect(reqwest::Method::PATCH, "products", &product).await?;
            api.expect(reqwest::Method::POST, "products/secret", &json!({ "name": PRODUCT })).await?
        }
        answer => accepted(answer)?,
    };
    let connection = json!({
        "tenant": TENANT,
        "product": PRODUCT,
        "name": "Acme (demo)",
        "redirectUrl": [app.redirect_uri()],
        "defaultRedirectUrl": app.redirect_uri(),
        "metadataUrl": format!("{idp}/metadata"),
        "allow": ["unsolicited"],
    });
    api.expect(reqwest::Method::POST, "sso", &connection).await?;
    // The operator vouches for the domain of the people: at one that nobody has proven, nobody may have an account.
    let domain = json!({ "tenant": TENANT, "product": PRODUCT, "domain": "example.com", "proof": "operator" });
    api.expect(reqwest::Method::POST, "domains", &domain).await?;
    // A demo that was run before with another port knows an identity provider that is gone.
    let scope = format!("sso?tenant={TENANT}&product={PRODUCT}");
    let known = api.expect(reqwest::Method::GET, &scope, &Value::Null).await?;
    for stale in known.as_array().into_iter().flatten() {
        if stale["idpMetadata"]["entityID"] != format!("{idp}/metadata") {
            let text = |name: &str| stale[name].as_str().unwrap_or_default().to_owned();
            let path = format!("sso?clientID={}&clientSecret={}", text("clientID"), text("clientSecret"));
            api.expect(reqwest::Method::DELETE, &path, &Value::Null).await?;
        }
    }
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    Ok(Registration {
        postern: config.public_url.as_str().to_owned(),
        client_id: text("client_id"),
        client_secret: text("client_secret"),
        tenant: TENANT.to_owned(),
        product: PRODUCT.to_owned(),
    })
}

struct Api<'a> {
    http: reqwest::Client,
    base: String,
    api_key: &'a Secret,
}

impl Api<'_> {
    async fn send(&self, method: reqwest::Method, path: &str, body: &Value) -> Result<(u16, Value), Failure> {
        let request = self.http.request(method, format!("{}/{path}", self.base)).json(body);
        let response = request.header("Authorization", format!("Api-Key {}", self.api_key.expose())).send().await?;
        Ok((response.status().as_u16(), response.json().await.unwrap_or_default()))
    }

    async fn expect(&self, method: reqwest::Method, path: &str, body: &Value) -> Result<Value, Failure> {
        accepted(self.send(method, path, body).await?)
    }
}

fn accepted((status, body): (u16, Value)) -> Result<Value, Failure> {
    match status {
        200..=299 => Ok(body),
        _ => Err(format!("the API answered {status}: {body}").into()),
    }
}
