//! The listeners: bound first, then served until the process is told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App as Actix, HttpServer};

use crate::app::App;
use crate::config::Config;
use crate::observe::observe;
use crate::routes;

/// Bound ports, on which nobody answers yet.
pub struct Listeners {
    public: TcpListener,
    operations: TcpListener,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the configuration names.
    pub fn bind(config: &Config) -> io::Result<Self> {
        Ok(Self {
            public: bind(config.listen)?,
            operations: bind(config.operations.listen)?,
            admin: config.admin.listen.map(bind).transpose()?,
        })
    }

    /// Serves until the process is told to stop.
    pub async fn serve(self, app: Arc<App>) -> io::Result<()> {
        let app = Data::from(app);
        let serves_api = self.admin.is_none();
        let workers = available_parallelism().map_or(1, usize::from);
        let public = move |config: &mut _, app: &_| routes::public(config, app, serves_api);
        let public = server(self.public, workers, app.clone(), public)?;
        // Probes come one at a time.
        let operations = server(self.operations, 1, app.clone(), routes::operations)?;
        match self.admin {
            None => futures_util::future::try_join(public, operations).await.map(|_| ()),
            Some(listener) => {
                let admin = server(listener, workers, app, routes::admin)?;
                futures_util::future::try_join3(public, operations, admin).await.map(|_| ())
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
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
    Ok(HttpServer::new(factory).workers(workers).listen(listener)?.run())
}
