//! Asks Redis how often it was asked. One command of its own needs no client library.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use url::Url;

use crate::Failure;

/// A connection to Redis.
pub(crate) struct Redis {
    stream: BufReader<TcpStream>,
}

/// What Redis has served since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) commands: u64,
    /// How often it read from a client: a batch that fits a packet is one read.
    pub(crate) round_trips: u64,
}

impl Redis {
    pub(crate) async fn connect(url: &str) -> Result<Redis, Failure> {
        let url = Url::parse(url)?;
        if url.scheme() != "redis" {
            return Err("--redis takes redis:// only".into());
        }
        let address = (url.host_str().ok_or("--redis names no host")?, url.port().unwrap_or(6379));
        let mut redis = Redis { stream: BufReader::new(TcpStream::connect(address).await?) };
        if let Some(password) = url.password() {
            let decode = |part: &str| percent_decode(part);
            let (user, password) = (decode(url.username()), decode(password));
            match user.as_str() {
                "" => redis.command(&["AUTH", &password]).await?,
                user => redis.command(&["AUTH", user, &password]).await?,
            };
        }
        Ok(redis)
    }

    pub(crate) async fn counters(&mut self) -> Result<Counters, Failure> {
        let info = self.command(&["INFO", "stats"]).await?;
        let field = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("INFO has no {name}"))
        };
        Ok(Counters { commands: field("total_commands_processed")?, round_trips: field("total_reads_processed")? })
    }

    /// Sends a command and reads its answer: a simple or a bulk string.
    async fn command(&mut self, words: &[&str]) -> Result<String, Failure> {
        let parts = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        let message = format!("*{}\r\n{}", words.len(), parts.collect::<String>());
        self.stream.get_mut().write_all(message.as_bytes()).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+", text)) => Ok(text.to_owned()),
            Some(("$", length)) => {
                let mut bytes = vec![0; length.parse::<usize>()? + 2];
                self.stream.read_exact(&mut bytes).await?;
                Ok(String::from_utf8(bytes)?)
            }
            _ => Err(format!("Redis answered {line}").into()),
        }
    }
}

impl Counters {
    /// What others asked in between: one command and one read are the second look itself.
    pub(crate) fn since(self, before: Counters) -> Counters {
        Counters {
            commands: (self.commands - before.commands).saturating_sub(1),
            round_trips: (self.round_trips - before.round_trips).saturating_sub(1),
        }
    }
}

fn percent_decode(text: &str) -> String {
    // The form decoder would turn a plus sign into a space.
    let text = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(text.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const INFO: &[u8] = b"*2\r\n$4\r\nINFO\r\n$5\r\nstats\r\n";

    #[tokio::test]
    async fn counters_are_read_after_authentication() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://load:p%40ss+word@{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let hear = async |stream: &mut TcpStream, message: &[u8]| {
                let mut heard = vec![0; message.len()];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, message);
            };
            hear(&mut stream, b"*3\r\n$4\r\nAUTH\r\n$4\r\nload\r\n$9\r\np@ss+word\r\n").await;
            stream.write_all(b"+OK\r\n").await.unwrap();
            hear(&mut stream, INFO).await;
            let info = "# Stats\r\ntotal_commands_processed:107\r\ntotal_reads_processed:21\r\n";
            stream.write_all(format!("${}\r\n{info}\r\n", info.len()).as_bytes()).await.unwrap();
            hear(&mut stream, INFO).await;
            stream.write_all(b"-NOPERM no\r\n").await.unwrap();
        });
        let mut redis = Redis::connect(&url).await.unwrap();
        let counters = redis.counters().await.unwrap();
        assert_eq!(counters, Counters { commands: 107, round_trips: 21 });
        assert_eq!(
            counters.since(Counters { commands: 100, round_trips: 10 }),
            Counters { commands: 6, round_trips: 10 }
        );
        assert_eq!(redis.counters().await.unwrap_err().to_string(), "Redis answered -NOPERM no");
        server.await.unwrap();
    }
}
