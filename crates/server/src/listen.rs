//! The listeners: bound first, then served until the process is told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpSocket;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App as Actix, HttpServer};
use futures_util::future::{join_all, try_join_all};

use crate::app::App;
use crate::config::Config;
use crate::observe::observe;
use crate::routes;

/// How long the head of a request may take, from the moment at which the connection is there. Whoever is slow is to be gone after five
/// seconds, so this and the next leave one for timers, which are looked at twice a second, and for a machine that is busy.
const HEAD: Duration = Duration::from_secs(4);
/// How long a connection may be idle between two requests. Proxies in front keep theirs for less, or dial again.
const IDLE: Duration = Duration::from_secs(4);
/// How long a connection that Postern ends stays for the other side to end it too, so that the last answer arrives.
const LINGER: Duration = Duration::from_millis(500);
/// How many connections each thread serves; more wait in the queue of the system.
const MOST_CONNECTIONS: usize = 10_000;
/// How long that queue may be, where the system allows it (`net.core.somaxconn`). Who finds it full tries again a second later, or, if Linux
/// answers by SYN cookies, believes to be connected for ever; the standard library's 128 are full when a thousand come at once.
const QUEUE: u32 = 4096;
/// How long a request may go on that is being answered when Postern stops.
const FINISH: Duration = Duration::from_secs(10);

/// Bound ports, on which nobody answers yet.
pub struct Listeners {
    public: TcpListener,
    operations: TcpListener,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the configuration names, for the runtime in which it is called.
    pub fn bind(config: &Config) -> io::Result<Self> {
        Ok(Self {
            public: bind(config.listen)?,
            operations: bind(config.operations.listen)?,
            admin: config.admin.listen.map(bind).transpose()?,
        })
    }

    /// Serves until `told_to_stop` is over. Then readiness is red, for as long as `drain` everything is answered as before, so that whoever
    /// sends people here may notice, and what is being answered at the end of that is finished. Probes are answered to the last.
    pub async fn serve(
        self,
        app: Arc<App>,
        told_to_stop: impl Future<Output = ()> + 'static,
        drain: Duration,
    ) -> io::Result<()> {
        let app = Data::from(app);
        let serves_api = self.admin.is_none();
        let workers = available_parallelism().map_or(1, usize::from);
        let public = move |config: &mut _, app: &_| routes::public(config, app, serves_api);
        let public = server(self.public, workers, app.clone(), public)?;
        let admin = self.admin.map(|admin| server(admin, workers, app.clone(), routes::admin)).transpose()?;
        // Probes come one at a time.
        let operations = server(self.operations, 1, app.clone(), routes::operations)?;

        let answering: Vec<ServerHandle> =
            [Some(&public), admin.as_ref()].into_iter().flatten().map(Server::handle).collect();
        let probes = operations.handle();
        actix_web::rt::spawn(async move {
            told_to_stop.await;
            app.stopping.store(true, Ordering::Relaxed);
            tokio::time::sleep(drain).await;
            join_all(answering.iter().map(|server| server.stop(true))).await;
            probes.stop(true).await;
        });
        try_join_all([Some(public), admin, Some(operations)].into_iter().flatten()).await.map(drop)
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    listen(address).map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?; // of connections that have just ended, by the process before
    socket.bind(address)?;
    socket.listen(QUEUE)?.into_std()
}

/// One listener and what it answers, on so many threads. The app is shared: actix runs the factory once for each worker.
fn server(
    listener: TcpListener,
    workers: usize,
    app: Data<App>,
    routes: impl Fn(&mut ServiceConfig, &Data<App>) + Clone + Send + 'static,
) -> io::Result<Server> {
    let factory = move || {
        let (app, routes) = (app.clone(), routes.clone());
        Actix::new().wrap(from_fn(observe)).configure(move |config| routes(config, &app))
    };
    let server = HttpServer::new(factory)
        .workers(workers)
        .client_request_timeout(HEAD)
        .client_disconnect_timeout(LINGER)
        .keep_alive(IDLE)
        .max_connections(MOST_CONNECTIONS)
        .shutdown_timeout(FINISH.as_secs())
        .disable_signals();
    Ok(server.listen(listener)?.run())
}
