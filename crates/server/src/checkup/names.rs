//! How names are looked up: what is in `/etc/resolv.conf` (resolv.conf(5)).

use std::io;

use super::{Finding, Weight};

const FILE: &str = "/etc/resolv.conf";

/// How many dots a name has at least that most identity providers have, such as `login.example.com`.
const USUAL_DOTS: usize = 2;

/// Looks at the file of this system.
pub(super) fn system() -> Finding {
    judge(std::fs::read_to_string(FILE))
}

fn judge(read: io::Result<String>) -> Finding {
    let text = match read {
        Ok(text) => text,
        Err(error) => {
            let what = format!("cannot be read: {error}");
            return Finding::new(Weight::Advice, FILE, what, "Give this host or container a list of name servers.");
        }
    };
    let lines = |name: &'static str| text.lines().filter_map(move |line| words_behind(line, name));
    if lines("nameserver").next().is_none() {
        let instead = "Name one, unless this machine itself answers.";
        return Finding::new(Weight::Advice, FILE, "names no name server", instead);
    }
    // The last of several lines counts.
    let searched = lines("search").next_back().map_or(0, |line| line.split_whitespace().count());
    let options = lines("options").flat_map(str::split_whitespace);
    let dots: usize = options.filter_map(|option| option.strip_prefix("ndots:")?.parse().ok()).next_back().unwrap_or(1);
    if searched > 0 && dots > USUAL_DOTS {
        let what = format!(
            "has ndots:{dots} and {searched} domains to search, so most names of identity providers are looked up {} times, and under \
             these domains first",
            searched + 1
        );
        let instead = "Set ndots to 1, in Kubernetes by dnsConfig.options of the pod.";
        return Finding::new(Weight::Advice, FILE, what, instead);
    }
    Finding::fine(FILE, "names a name server")
}

/// What a line says about `name`, if it does. Comments begin with `#` or `;`.
fn words_behind<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.trim_start().strip_prefix(name)?;
    rest.starts_with([' ', '\t'])
        .then(|| rest.split(['#', ';']).next().unwrap_or_default().trim())
        .filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(text: &str) -> Weight {
        judge(Ok(text.to_owned())).weight
    }

    #[test]
    fn a_pod_that_searches_its_cluster_first_is_told() {
        let pod =
            "search sso.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        let finding = judge(Ok(pod.to_owned()));
        assert!(finding.weight == Weight::Advice && finding.what.contains("looked up 4 times"), "{finding}");
        assert_eq!(weight(&pod.replace("ndots:5", "ndots:5 edns0 ndots:1")), Weight::Fine, "the last counts");
        assert_eq!(weight(&pod.replace("options", "# options")), Weight::Fine);
        assert_eq!(weight("nameserver 10.0.0.2\noptions ndots:5"), Weight::Fine, "there is nothing to search");
    }

    #[test]
    fn somebody_has_to_be_asked() {
        for text in ["", "search example.com", "# nameserver 10.0.0.2", "nameserver", "nameservers 10.0.0.2"] {
            assert!(judge(Ok(text.to_owned())).what.contains("no name server"), "{text}");
        }
        assert!(judge(Err(io::ErrorKind::NotFound.into())).what.contains("cannot be read"));
        assert_eq!(weight("nameserver 10.0.0.2"), Weight::Fine);
    }
}
