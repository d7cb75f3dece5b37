//! A name server on loopback that tells what a test wants to hear. It knows TXT records, and how servers fail.
//!
//! It reads and writes messages by itself (RFC 1035 §4), so that a fault of the resolver cannot hide behind the same fault here.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A running name server.
pub struct NameServer {
    /// Where it answers, over UDP.
    pub address: SocketAddr,
    zone: Zone,
    task: JoinHandle<()>,
}

/// What a name answers.
#[derive(Debug, Clone)]
pub enum Told {
    /// TXT records.
    Txt(Vec<String>),
    /// SERVFAIL.
    Failure,
    /// Nothing at all.
    Silence,
}

type Zone = Arc<Mutex<BTreeMap<String, Told>>>;

const TXT: [u8; 2] = [0, 16];
const SERVER_FAILURE: u8 = 2;
const NAME_ERROR: u8 = 3;

impl NameServer {
    /// Starts one that knows no name.
    pub async fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let (address, zone) = (socket.local_addr()?, Zone::default());
        let task = tokio::spawn(serve(socket, zone.clone()));
        Ok(Self { address, zone, task })
    }

    /// Publishes TXT records of a name, in the place of what was there.
    pub fn publish(&self, name: &str, values: &[&str]) {
        self.tell(name, Told::Txt(values.iter().map(|value| (*value).to_owned()).collect()));
    }

    /// Lets a name answer so.
    pub fn tell(&self, name: &str, told: Told) {
        locked(&self.zone).insert(name.to_ascii_lowercase(), told);
    }

    /// Takes a name away.
    pub fn withdraw(&self, name: &str) {
        locked(&self.zone).remove(&name.to_ascii_lowercase());
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn locked(zone: &Zone) -> MutexGuard<'_, BTreeMap<String, Told>> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(socket: UdpSocket, zone: Zone) {
    let mut buffer = [0; 1500];
    while let Ok((length, sender)) = socket.recv_from(&mut buffer).await {
        let reply = reply(&buffer[..length], &locked(&zone));
        if let Some(reply) = reply {
            // Whoever asked may be gone; a resolver asks again.
            let _ = socket.send_to(&reply, sender).await;
        }
    }
}

/// The answer to a query; `None`: silence.
fn reply(query: &[u8], zone: &BTreeMap<String, Told>) -> Option<Vec<u8>> {
    let (header, rest) = query.split_at_checked(12)?;
    let (name, length) = read_name(rest)?;
    let question = rest.get(..length + 4)?;
    let (code, texts) = match zone.get(&name) {
        Some(Told::Silence) => return None,
        Some(Told::Failure) => (SERVER_FAILURE, &[][..]),
        Some(Told::Txt(texts)) if question[length..length + 2] == TXT => (0, texts.as_slice()),
        Some(Told::Txt(_)) => (0, &[][..]),
        // RFC 8020 §2: a name with names below it exists.
        None if zone.keys().any(|known| known.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.'))) => {
            (0, &[][..])
        }
        None => (NAME_ERROR, &[][..]),
    };
    let mut reply = header[..2].to_vec();
    let recursion_desired = header[2] & 1;
    reply.extend([0x84 | recursion_desired, 0x80 | code, 0, 1]); // an answer with authority; recursion is available
    reply.extend(u16::try_from(texts.len()).ok()?.to_be_bytes());
    reply.extend([0; 4]);
    reply.extend(question);
    for text in texts {
        let strings: Vec<_> = text.as_bytes().chunks(255).collect();
        let length = u16::try_from(text.len() + strings.len()).ok()?;
        reply.extend([0xc0, 12, TXT[0], TXT[1], 0, 1, 0, 0, 0, 1]); // the name of the question; Internet; one second
        reply.extend(length.to_be_bytes());
        for string in strings {
            reply.push(u8::try_from(string.len()).ok()?);
            reply.extend(string);
        }
    }
    Some(reply)
}

/// A name in lower case, and how many bytes it takes. Questions are not compressed.
fn read_name(bytes: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(std::str::from_utf8(bytes.get(at..at + length)?).ok()?.to_ascii_lowercase());
        at += length;
    }
}
