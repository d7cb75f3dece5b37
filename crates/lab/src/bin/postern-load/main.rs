//! `postern-load`: drives complete logins against a running server and says what they cost. It plays browser, identity
//! provider and app at once, against any server that has the routes of `docs/LOGIN.md`.
//!
//! Each phase is done for all logins before the next begins, so that what the server spends on it can be told apart; what
//! this command spends on signing the responses lies between two phases and counts nowhere. The figures are for reading
//! and for comparing runs on one machine: beside them stands the floor, the time this machine takes for the one RSA
//! verification and one SHA-256 that no server can do without.
//!
//! All codes are issued before the first is redeemed, so `-n` has to be small enough for the server to issue them within
//! the lifetime of a code.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]

mod customers;
mod floor;
mod login;
mod phase;
mod process;
mod redis;
mod setup;
mod system;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use postern_lab::client::client;

use crate::customers::Customers;
use crate::login::Idp;
use crate::phase::Phase;
use crate::process::Process;
use crate::redis::{Counters, Redis};
use crate::setup::Wishes;

/// Drives complete logins against a server and prints what they cost.
#[derive(Parser)]
struct Arguments {
    /// Address of the server, with its path prefix if it has one.
    #[arg(long, default_value = "http://127.0.0.1:5225")]
    url: String,
    /// A key of the server's API, used to register a product and a connection of its own.
    #[arg(long)]
    api_key: String,
    /// How many logins.
    #[arg(short, long, default_value_t = 1000)]
    number: usize,
    /// How many at a time, each over a connection of its own that is kept alive.
    #[arg(short, long, default_value_t = 4)]
    concurrency: usize,
    /// The server's process, for its CPU time and memory (Linux).
    #[arg(long)]
    pid: Option<u32>,
    /// The server's Redis, for commands and round trips: redis://[[user]:password@]host[:port].
    #[arg(long)]
    redis: Option<String>,
    /// Asks again with each token, a minute after the logins, as an app does that is not told when a session ends. There
    /// have to be few enough logins for the tokens to live that long.
    #[arg(long)]
    poll: bool,
    /// Asks for ID tokens too, signed in this way: RS256, ES256 or EdDSA.
    #[arg(long)]
    id_token: Option<String>,
    /// Gives the tenant a proven domain, and a policy with so many rules of each kind, at most 100: patterns, of which the last matches.
    #[arg(long)]
    policy: Option<usize>,
    /// Registers so many tenants more, each with a connection and ten domains, and asks where their people belong.
    #[arg(long)]
    tenants: Option<usize>,
}

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postern-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many logins warm the server up, one after the other. Redis is counted during these: when requests overlap, a client
/// that shares its connection sends several batches in one write, and Redis would seem to be asked less often.
const WARM_UP: usize = 100;

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let url = arguments.url.trim_end_matches('/').to_owned();
    let process = arguments.pid.map(Process::new);
    let mut redis = match &arguments.redis {
        Some(url) => Some(Redis::connect(url).await?),
        None => None,
    };
    let idle = process.as_ref().map(Process::memory).transpose()?;
    let idp = Idp::new()?;
    let wishes = Wishes { id_token: arguments.id_token.as_deref(), policy: arguments.policy };
    let app = setup::register(&client()?, &url, &arguments.api_key, &idp, &wishes).await?;

    // The first login fills caches and connections; the second look at Redis has to see only what every login costs.
    login::drive(&app, &idp, 1, 1, None).await?;
    let before = counters(redis.as_mut()).await?;
    login::drive(&app, &idp, WARM_UP, 1, None).await?;
    let after = counters(redis.as_mut()).await?;

    let (phases, tokens) =
        login::drive(&app, &idp, arguments.number, arguments.concurrency.max(1), process.as_ref()).await?;
    let floor = floor::measure(&idp.key, &idp.sample());

    println!("{} logins, {} at a time\n", arguments.number, arguments.concurrency.max(1));
    table(&phases);
    let seconds: f64 = phases.iter().map(|phase| phase.seconds).sum();
    println!("\nlogins per second     {:>10.0}", arguments.number as f64 / seconds);
    println!("floor per login       {:>10.3} ms (one RSA-2048 verification, one SHA-256 of the response)", floor * 1e3);
    let each = phases.iter().map(|phase| phase.cpu).sum::<Option<process::Cpu>>();
    let each = each.map(|cpu| cpu.total() / arguments.number as f64);
    if let Some(each) = each {
        println!("server CPU per login  {:>10.3} ms ({:.1} x floor)", each * 1e3, each / floor);
    }
    if let (Some(before), Some(after)) = (before, after) {
        let Counters { commands, round_trips } = after.since(before);
        println!("Redis commands        {:>10.2} per login", commands as f64 / WARM_UP as f64);
        println!("Redis round trips     {:>10.2} per login", round_trips as f64 / WARM_UP as f64);
    }
    if let (Some(process), Some(idle)) = (&process, idle) {
        let memory = process.memory()?;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!(
            "server memory (RSS)   {:>10.1} MiB before, {:.1} after, {:.1} at most",
            mib(idle.now),
            mib(memory.now),
            mib(memory.peak)
        );
    }
    if let Some(tenants) = arguments.tenants {
        let workers = arguments.concurrency.max(1);
        let customers = Customers::register(&app, &arguments.api_key, &idp, tenants, workers).await?;
        println!("\n{tenants} tenants, {} domains\n", customers.domains());
        table(&customers.ask(arguments.number, workers, process.as_ref()).await?);
    }
    if arguments.poll {
        tokio::time::sleep(A_MINUTE).await;
        let asked = login::ask_again(&app, tokens, arguments.concurrency.max(1), process.as_ref()).await?;
        println!("\nthe same tokens, a minute later\n");
        table(&asked);
        for phase in &asked {
            if let (Some(cpu), Some(login)) = (phase.cpu, each) {
                let share = 100.0 * cpu.total() / phase.count() as f64 / login;
                println!("{:<21} {share:>10.1} % of the server CPU of a login", phase.name);
            }
        }
    }
    Ok(())
}

/// After this time the server notes anew that a session is used.
const A_MINUTE: Duration = Duration::from_secs(60);

async fn counters(redis: Option<&mut Redis>) -> Result<Option<Counters>, Failure> {
    Ok(match redis {
        Some(redis) => Some(redis.counters().await?),
        None => None,
    })
}

fn table(phases: &[Phase]) {
    println!(
        "{:<20} {:>9} {:>9} {:>9} {:>10} {:>19}",
        "step", "p50 ms", "p99 ms", "max ms", "per s", "server user+sys ms"
    );
    for phase in phases {
        let cpu = phase.cpu.map_or_else(
            || "-".into(),
            |cpu| {
                format!("{:.3} + {:.3}", cpu.user * 1e3 / phase.count() as f64, cpu.system * 1e3 / phase.count() as f64)
            },
        );
        println!(
            "{:<20} {:>9.2} {:>9.2} {:>9.2} {:>10.0} {cpu:>19}",
            phase.name,
            phase.percentile(50) * 1e3,
            phase.percentile(99) * 1e3,
            phase.percentile(100) * 1e3,
            phase.count() as f64 / phase.seconds,
        );
    }
}
