//! `postern serve`: runs Postern.

use std::io::{self, IsTerminal as _};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::rt::signal::unix::{SignalKind, signal};
use futures_util::future::select;
use postern_core::ports::{Clock, Random};
use postern_store::KeyRing;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::ConfigFile;
use crate::app::{App, Parts};
use crate::checkup;
use crate::config::first_run::{self, Notice};
use crate::config::{Config, Log, LogFormat, Sources};
use crate::jobs;
use crate::listen::Listeners;
use crate::reload::Reload;

/// Run Postern.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

type Failure = Box<dyn std::error::Error>;

impl Serve {
    /// Serves until the process is told to stop. All problems of the configuration are told before a port is bound.
    pub(super) fn run(self, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<ExitCode, Failure> {
        let sources = self.config.sources();
        let config = Config::load(&sources)?;
        start_log(&config.log);
        actix_web::rt::System::new().block_on(serve(&config, sources, clock, random))
    }
}

async fn serve(
    config: &Config,
    sources: Sources,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<ExitCode, Failure> {
    checkup::at_start(config, clock.clone()).await?;
    let (app, keys) = open(config, clock, random).await?;
    keys.notices.iter().for_each(Notice::log);
    let listeners = Listeners::bind(config)?;
    let (listen, operations) = (config.listen, config.operations.listen);
    tracing::info!(public_url = %config.public_url, %listen, %operations, "Postern is ready");
    let app = Arc::new(app);
    actix_web::rt::spawn(jobs::metadata::run(app.clone()));
    actix_web::rt::spawn(jobs::keys::run(app.clone()));
    actix_web::rt::spawn(jobs::key_ring::run(app.clone()));
    actix_web::rt::spawn(jobs::sealing::run(app.clone()));
    actix_web::rt::spawn(jobs::sessions::run(app.clone()));
    actix_web::rt::spawn(jobs::certificates::run(app.clone()));
    actix_web::rt::spawn(jobs::health::run(app.clone()));
    actix_web::rt::spawn(jobs::domains::run(app.clone()));
    actix_web::rt::spawn(jobs::logout_notices::run(app.clone()));
    let reload = Reload::new(app.clone(), sources, config.files.clone());
    actix_web::rt::spawn(reload.run(signal(SignalKind::hangup())?));
    listeners.serve(app, told_to_stop()?, config.operations.drain).await?;
    Ok(ExitCode::SUCCESS)
}

/// Is over when the process is told to stop: by SIGTERM, or by Ctrl-C.
pub(super) fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        select(pin!(terminated.recv()), pin!(interrupted.recv())).await;
        tracing::info!("Postern stops");
    })
}

/// Opens the store and the key ring, and wires Postern together.
pub(super) async fn open(
    config: &Config,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<(App, first_run::Keys), Failure> {
    let keys = first_run::keys(config, &*random)?;
    let backend = postern_store::open(&config.store.url, clock.clone(), &config.store.redis).await?;
    let ring = KeyRing::load_or_create(&*backend, &keys.root, random.clone()).await?;
    let parts = Parts { backend, ring: Arc::new(ring), clock, random, api_keys: keys.api.clone() };
    let app = App::new(config, parts)?;
    app.load_keys().await?;
    Ok((app, keys))
}

/// Sends the log to standard error, as configured.
pub(super) fn start_log(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_default(); // it was parsed once when the configuration was read
    let colours = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr);
    // What looks names up writes them into the log at its lower levels, and names of domains are names of customers.
    let nameless = FilterFn::new(|metadata| !metadata.target().starts_with("hickory_"));
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).finish().with(nameless).init(),
        LogFormat::Human => lines.finish().with(nameless).init(),
    }
}
