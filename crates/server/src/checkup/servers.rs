//! What is to be made of what the servers of a Redis say of themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use postern_store::{Part, Server, Told};

use super::{Finding, Weight};
use crate::cli::story;
use crate::config::Store;

/// What our commands are taken from.
const OLDEST: (u32, u32) = (6, 2);
/// How far two clocks may be apart that are kept by NTP.
const APART: Duration = Duration::from_secs(2);
/// The policy under which a server keeps what it was given.
const KEEPS: &str = "noeviction";
/// Where the rights are listed that Postern needs.
const USERS: &str = "deploy/redis/users.acl";

/// Judges each server, and all of them together.
pub(super) fn judge(servers: &[Server], store: &Store) -> Vec<Finding> {
    servers.iter().flat_map(|server| judge_one(server, servers.len(), store)).collect()
}

fn judge_one(server: &Server, servers: usize, store: &Store) -> Vec<Finding> {
    let subject = match server.part {
        Part::Primary => format!("store {}", server.address),
        Part::Replica => format!("replica {}", server.address),
        Part::Sentinel => format!("sentinel {}", server.address),
    };
    let told = match &server.told {
        Ok(told) => told,
        Err(error) => {
            let instead = "Start it, or correct its address, its credentials and the network between.";
            return vec![Finding::new(Weight::Problem, subject, story(error), instead)];
        }
    };
    if server.part == Part::Sentinel {
        return vec![Finding::fine(subject, "answers, and knows the service")];
    }
    let checks = [
        version(told),
        eviction(told, store.allow_eviction),
        memory(told),
        persistence(told, server.part),
        replicas(told, server.part, servers, store),
        clocks(told),
    ];
    let mut findings: Vec<_> = checks.into_iter().flatten().chain(rights(told)).collect();
    if findings.is_empty() {
        let version = told.info.get("redis_version").map_or("?", String::as_str);
        findings.push(Judged(Weight::Fine, format!("version {version}; set up as it should be"), String::new()));
    }
    findings
        .into_iter()
        .map(|Judged(weight, what, instead)| Finding { weight, subject: subject.clone(), what, instead })
        .collect()
}

/// How much there is to something, how it is, and what to change.
struct Judged(Weight, String, String);

impl Judged {
    fn new(weight: Weight, what: impl Into<String>, instead: impl Into<String>) -> Option<Self> {
        Some(Self(weight, what.into(), instead.into()))
    }
}

fn version(told: &Told) -> Option<Judged> {
    let Some(version) = told.info.get("redis_version") else {
        let what = "does not tell its version, its memory and its replicas, because the user may not use INFO";
        return Judged::new(Weight::Advice, what, format!("Allow it (+info), as {USERS} does."));
    };
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) < OLDEST {
        true => Judged::new(
            Weight::Problem,
            format!("is Redis {version}, which does not know all commands that are sent"),
            "Use Redis 6.2 or newer, or Valkey.",
        ),
        false => None,
    }
}

/// A server that makes room for itself forgets which codes and assertions were used, and connections too.
fn eviction(told: &Told, allowed: bool) -> Option<Judged> {
    let policy = told.info.get("maxmemory_policy").filter(|policy| *policy != KEEPS)?;
    let what = format!(
        "has maxmemory-policy {policy}: when its memory is full it removes what has to be kept, connections and the memory of used codes among it"
    );
    let instead = "Set maxmemory-policy noeviction, and give it memory of its own.";
    match allowed {
        true => Judged::new(Weight::Problem, what, instead),
        false => Judged::new(
            Weight::Danger,
            what,
            format!("{instead} store.allow_eviction lets Postern start all the same."),
        ),
    }
}

fn memory(told: &Told) -> Option<Judged> {
    let number = |name: &str| told.info.get(name).and_then(|text| text.parse::<u64>().ok());
    let (most, used) = (number("maxmemory")?, number("used_memory")?);
    if most == 0 || used < most / 10 * 9 {
        return None;
    }
    let what = format!("uses {used} of {most} bytes: when they are full, logins are refused");
    Judged::new(Weight::Problem, what, "Raise maxmemory.")
}

fn persistence(told: &Told, part: Part) -> Option<Judged> {
    let says = |name: &str, value: &str| told.info.get(name).is_some_and(|told| told == value);
    if says("aof_last_write_status", "err") || says("rdb_last_bgsave_status", "err") {
        let what = "cannot write to its disk";
        return Judged::new(Weight::Problem, what, "Give the disk room, and look into the log of the server.");
    }
    if part == Part::Primary && says("aof_enabled", "0") {
        let what = "has no append-only file: a restart loses what was written since it last saved, if it ever does";
        return Judged::new(Weight::Advice, what, "Set appendonly yes.");
    }
    None
}

fn replicas(told: &Told, part: Part, servers: usize, store: &Store) -> Option<Judged> {
    if part != Part::Primary || !told.info.contains_key("connected_slaves") {
        return None;
    }
    let is_online = |(name, value): &(&String, &String)| {
        name.strip_prefix("slave").is_some_and(|rest| rest.parse::<u32>().is_ok()) && value.contains("state=online")
    };
    let online = told.info.iter().filter(is_online).count();
    let wanted = store.redis.wait_replicas;
    if online < usize::try_from(wanted).unwrap_or(usize::MAX) {
        let what = format!(
            "has {online} replicas, and store.wait_replicas wants {wanted}: what the API writes is answered 503"
        );
        return Judged::new(Weight::Problem, what, "Start replicas, or lower store.wait_replicas.");
    }
    if online == 0 && servers > 1 {
        return Judged::new(Weight::Advice, "has no replica: nothing can take its place", "Start one.");
    }
    None
}

fn clocks(told: &Told) -> Option<Judged> {
    let (theirs, ours) = told.clocks?;
    let apart = theirs.duration_since(ours).unsigned_abs();
    if apart <= APART {
        return None;
    }
    let way = if theirs > ours { "ahead of" } else { "behind" };
    let what = format!("has a clock that is {} s {way} ours", apart.as_secs());
    Judged::new(Weight::Problem, what, "Set both by NTP: responses of identity providers are judged by ours.")
}

/// What the user may not do, and what does not work without it.
fn rights(told: &Told) -> Vec<Judged> {
    let mut refused: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (command, purpose) in &told.refused {
        refused.entry(*purpose).or_default().push(*command);
    }
    let judged = |(purpose, commands): (&str, Vec<&str>)| {
        let what = format!("does not let us use {}, or not on keys p1:*; needed {purpose}", commands.join(", "));
        Judged(Weight::Problem, what, format!("Give the user the rights that {USERS} lists."))
    };
    refused.into_iter().map(judged).collect()
}

#[cfg(test)]
mod tests {
    use postern_core::ports::Timestamp;

    use super::*;
    use crate::config::Config;

    fn told(lines: &str) -> Told {
        let info = lines.lines().filter_map(|line| line.trim().split_once(':'));
        Told { info: info.map(|(name, value)| (name.into(), value.into())).collect(), ..Told::default() }
    }

    fn judged(told: Told, settings: &str) -> Vec<(Weight, String)> {
        let key = "seal.keys = ['1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']";
        let config = Config::of_toml(&format!("store.url = 'redis://redis.example'\n{key}\n{settings}")).unwrap();
        let server = Server { address: "redis.example:6379".into(), part: Part::Primary, told: Ok(told) };
        judge(&[server], &config.store).into_iter().map(|finding| (finding.weight, finding.to_string())).collect()
    }

    const GOOD: &str = "redis_version:7.0.15\nmaxmemory:0\nused_memory:1000\nmaxmemory_policy:noeviction\naof_enabled:1\n\
                        rdb_last_bgsave_status:ok\nconnected_slaves:1\nslave0:ip=10.0.0.2,port=6379,state=online,offset=1";

    /// The one thing that is told of a server which is good but for what is replaced.
    fn only((good, bad): (&str, &str), settings: &str) -> (Weight, String) {
        assert!(GOOD.contains(good), "{good}");
        let [finding] = &judged(told(&GOOD.replace(good, bad)), settings)[..] else { panic!("{bad}") };
        finding.clone()
    }

    #[test]
    fn a_good_server_is_fine() {
        let found = judged(told(GOOD), "store.wait_replicas = 1");
        assert_eq!(found, [(Weight::Fine, "store redis.example:6379: version 7.0.15; set up as it should be".into())]);
    }

    #[test]
    fn what_is_set_up_badly_is_told() {
        let eviction = ("noeviction", "volatile-lru");
        assert_eq!(only(eviction, "").0, Weight::Danger);
        assert_eq!(only(eviction, "store.allow_eviction = true").0, Weight::Problem);
        for (change, settings, weight, text) in [
            (("7.0.15", "6.0.16"), "", Weight::Problem, "is Redis 6.0.16"),
            (("maxmemory:0", "maxmemory:1100"), "", Weight::Problem, "uses 1000 of 1100 bytes"),
            (("aof_enabled:1", "aof_enabled:0"), "", Weight::Advice, "no append-only file"),
            (("status:ok", "status:err"), "", Weight::Problem, "cannot write to its disk"),
            (("state=online", "state=wait_bgsave"), "store.wait_replicas = 1", Weight::Problem, "has 0 replicas"),
        ] {
            let (found, told) = only(change, settings);
            assert!(found == weight && told.contains(text), "{told}");
        }
        assert!(judged(Told::default(), "")[0].1.contains("may not use INFO"));
    }

    #[test]
    fn clocks_that_are_apart_and_rights_that_are_missing_are_told() {
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let with = |theirs, ours| judged(Told { clocks: Some((at(theirs), at(ours))), ..told(GOOD) }, "");
        assert_eq!(with(2, 0)[0].0, Weight::Fine);
        assert!(with(0, 60)[0].1.contains("60 s behind ours") && with(60, 0)[0].1.contains("60 s ahead of ours"));

        let refused = vec![("ZADD", "for everything"), ("XADD", "for everything"), ("WAIT", "for replicas")];
        let found = judged(Told { refused, ..told(GOOD) }, "");
        assert_eq!(found.len(), 2);
        assert!(found[0].1.contains("ZADD, XADD, or not on keys p1:*; needed for everything"), "{}", found[0].1);
    }
}
