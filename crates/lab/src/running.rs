//! A server that runs on loopback until it is stopped.

use std::io;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;

/// A running server.
pub struct Running {
    /// Its address, such as `http://127.0.0.1:4000`, without a slash at the end.
    pub url: String,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Ends open requests and waits for them.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        self.task.abort();
    }
}

/// A port of loopback, taken before anything needs its address.
pub(crate) struct Port {
    listener: std::net::TcpListener,
    pub(crate) url: String,
}

impl Port {
    /// Takes `port`, or any free one for 0. `host` is the name of loopback that stands in URLs.
    pub(crate) fn take(host: &str, port: u16) -> io::Result<Port> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        let url = format!("http://{host}:{}", listener.local_addr()?.port());
        Ok(Port { listener, url })
    }

    /// Serves the routes that `configure` adds. One worker suffices for one person.
    pub(crate) fn serve<F>(self, configure: F) -> io::Result<Running>
    where
        F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let server = HttpServer::new(move || App::new().configure(configure.clone()))
            .workers(1)
            .disable_signals()
            .shutdown_timeout(1)
            .listen(self.listener)?
            .run();
        Ok(Running { url: self.url, handle: server.handle(), task: spawn(server) })
    }
}

fn spawn(server: Server) -> JoinHandle<io::Result<()>> {
    tokio::spawn(server)
}
