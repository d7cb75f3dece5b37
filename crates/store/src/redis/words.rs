//! Every command that is sent to a server, in one list: what sends it takes it from here, the ACL file in `deploy/redis` is printed
//! from it, and whoever examines a server tries each, in a form that changes nothing.

use ::redis::{Cmd, cmd};

/// A command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    name: &'static str,
    /// Its arguments where it is only tried: on a key that is not there, so that nothing is written. `None`: who is
    /// logged in has used it already.
    harmless: Option<&'static [&'static str]>,
    /// What it is for.
    pub(crate) need: Need,
}

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Everything.
    Always,
    /// To notice that a server took the place of another: `store.failover = "strict"`.
    Epochs,
    /// To tell a primary from a replica, where sentinels name it.
    Sentinels,
    /// To find the nodes of a cluster.
    Cluster,
    /// To wait for replicas: `store.wait_replicas`.
    Replicas,
    /// To list what is kept and seal it anew, where sealing keys change. The last four are commands of a script.
    Inventory,
    /// To say at the start, and by `postern doctor`, what is wrong with a server.
    Examination,
}

/// The key that commands are tried on. Nothing is ever kept there.
const KEY: &str = "p1:doctor:{nothing}";

macro_rules! words {
    ($($NAME:ident = $name:literal, $need:ident, $harmless:expr;)*) => {
        $(pub(crate) const $NAME: Word = Word { name: $name, harmless: $harmless, need: Need::$need };)*
        /// All of them.
        pub(crate) const ALL: &[Word] = &[$($NAME),*];
    };
}

words! {
    HELLO = "HELLO", Always, None;
    SELECT = "SELECT", Always, None;
    GET = "GET", Always, Some(&[KEY]);
    SET = "SET", Always, Some(&[KEY, "x", "XX", "GET", "PX", "1"]);
    DEL = "DEL", Always, Some(&[KEY]);
    EVAL = "EVAL", Always, Some(&["return redis.call('GET', KEYS[1])", "1", KEY]);
    ZADD = "ZADD", Always, Some(&[KEY, "XX", "1", "x"]);
    ZREM = "ZREM", Always, Some(&[KEY, "x"]);
    ZREMRANGEBYSCORE = "ZREMRANGEBYSCORE", Always, Some(&[KEY, "0", "0"]);
    ZRANGE = "ZRANGE", Always, Some(&[KEY, "0", "0"]);
    ZCARD = "ZCARD", Always, Some(&[KEY]);
    XADD = "XADD", Always, Some(&[KEY, "NOMKSTREAM", "*", "e", "x"]);
    XRANGE = "XRANGE", Always, Some(&[KEY, "-", "+", "COUNT", "1"]);
    INFO = "INFO", Epochs, Some(&["server"]);
    ROLE = "ROLE", Sentinels, Some(&[]);
    CLUSTER_SLOTS = "CLUSTER SLOTS", Cluster, Some(&[]);
    ASKING = "ASKING", Cluster, Some(&[]);
    WAIT = "WAIT", Replicas, Some(&["0", "1"]);
    SCAN = "SCAN", Inventory, Some(&["0", "MATCH", KEY, "COUNT", "1"]);
    GETRANGE = "GETRANGE", Inventory, Some(&[KEY, "0", "0"]);
    PTTL = "PTTL", Inventory, Some(&[KEY]);
    TYPE = "TYPE", Inventory, Some(&[KEY]);
    XREVRANGE = "XREVRANGE", Inventory, Some(&[KEY, "+", "-", "COUNT", "1"]);
    PEXPIRE = "PEXPIRE", Inventory, Some(&[KEY, "1"]);
    PERSIST = "PERSIST", Inventory, Some(&[KEY]);
    RENAME = "RENAME", Inventory, Some(&[KEY, KEY]);
    TIME = "TIME", Examination, Some(&[]);
}

/// What sentinels are asked. They have users of their own.
pub(crate) const SENTINEL_PRIMARY: Word =
    Word { name: "SENTINEL GET-MASTER-ADDR-BY-NAME", harmless: None, need: Need::Sentinels };

impl Need {
    /// What does not work without it.
    pub(crate) fn purpose(self) -> &'static str {
        match self {
            Need::Always => "for everything",
            Need::Epochs => "to notice that another server took its place (store.failover = \"strict\")",
            Need::Sentinels => "to tell a primary from a replica",
            Need::Cluster => "to find the nodes of a cluster",
            Need::Replicas => "to wait for replicas (store.wait_replicas)",
            Need::Inventory => "to list what is kept, and to seal it anew (postern keys)",
            Need::Examination => "to compare clocks",
        }
    }
}

impl Word {
    /// The command, to which arguments are added.
    pub(crate) fn cmd(self) -> Cmd {
        let mut words = self.name.split(' ');
        let mut command = cmd(words.next().unwrap_or_default());
        for word in words {
            command.arg(word);
        }
        command
    }

    /// The command in a form that changes nothing, where it is worth trying.
    pub(crate) fn tried(self) -> Option<Cmd> {
        let mut command = self.cmd();
        command.arg(self.harmless?);
        Some(command)
    }

    /// What servers call it in their answers, and people in their questions.
    pub(crate) fn name(self) -> &'static str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a rule of an ACL allows a command.
    fn rule(word: &Word) -> String {
        format!("+{}", word.name.to_lowercase().replace(' ', "|"))
    }

    /// The ACL file as it ought to be. Postern's user has no password in it, so nobody gets in before somebody writes one.
    fn users() -> String {
        let rules: Vec<_> = ALL.iter().map(rule).collect();
        format!("user default off\nuser postern on resetpass resetkeys ~p1:* resetchannels -@all {}\n", rules.join(" "))
    }

    #[test]
    fn the_acl_file_allows_what_is_sent_and_nothing_else() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/redis/users.acl");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, users()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), users(), "UPDATE_DOCS=1 cargo test -p postern-store words");
    }
}
