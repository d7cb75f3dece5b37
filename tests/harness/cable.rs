//! A cable between two programs, which can be cut.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What is sent to its port arrives at another one, for as long as it is whole.
#[derive(Debug)]
pub struct Cable {
    /// Its near end.
    pub port: u16,
    state: watch::Sender<State>,
    carrier: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// Nothing arrives, and nobody is told: what is sent is held, as TCP would send it again.
    Silent,
    /// Connections end, and new ones do at once.
    Torn,
}

impl Cable {
    /// One to this port of loopback.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let near = listener.local_addr().expect("an address").port();
        let (state, watched) = watch::channel(State::Whole);
        Self { port: near, state, carrier: tokio::spawn(carry(listener, port, watched)) }
    }

    /// Nothing arrives any more, in either direction, and nobody is told.
    pub fn silence(&self) {
        self.state.send_replace(State::Silent);
    }

    /// Ends every connection. New ones end at once.
    pub fn tear(&self) {
        self.state.send_replace(State::Torn);
    }

    /// All is well again. What was held arrives.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

async fn carry(listener: TcpListener, port: u16, state: watch::Receiver<State>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        connections.spawn(connect(near, port, state.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, until either side ends it or it is torn.
async fn connect(near: TcpStream, port: u16, mut state: watch::Receiver<State>) {
    if *state.borrow() == State::Torn {
        return;
    }
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pass(from_near, to_far, state.clone()) => {}
        () = pass(from_far, to_near, state.clone()) => {}
        _ = state.wait_for(|state| *state == State::Torn) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut held = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut held).await {
        let passes = state.wait_for(|state| *state != State::Silent).await.is_ok();
        if !passes || to.write_all(&held[..length]).await.is_err() {
            return;
        }
    }
}
