//! Whether Postern is reached where it says that it is.

use std::time::Duration;

use ipnet::IpNet;
use postern_fetch::{Fetch, FetchError, Options};
use serde::Deserialize;

use super::{Finding, Weight};
use crate::config::Config;

/// Discovery documents are much shorter.
const LARGEST: usize = 64 * 1024;

/// Asks the public URL, and those of the regions, who they are.
pub async fn public_addresses(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fetch = match Fetch::new(everywhere(config)) {
        Ok(fetch) => fetch,
        Err(error) => {
            return vec![Finding::new(
                Weight::Problem,
                "fetch",
                crate::cli::story(&error),
                "Check the settings under fetch.",
            )];
        }
    };
    let home = ("public_url".to_owned(), config.regions.home());
    let named = config
        .regions
        .names()
        .filter_map(|name| Some((format!("regions.{name}.public_url"), config.regions.named(Some(name)).ok()?)));
    for (setting, region) in std::iter::once(home).chain(named) {
        let told = fetch.get(&region.url("/.well-known/openid-configuration"), LARGEST).await;
        let told = told.map(|fetched| fetched.bytes);
        findings.push(judge(setting, &region.url(""), config.public_url.as_str(), told));
    }
    findings
}

/// The operator's own addresses may lie anywhere.
fn everywhere(config: &Config) -> Options {
    let all = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|network| network.parse::<IpNet>().ok());
    Options { allow_networks: all.collect(), timeout: Duration::from_secs(5), ..config.fetch.clone() }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

fn judge(setting: String, url: &str, issuer: &str, told: Result<Vec<u8>, FetchError>) -> Finding {
    let route = format!("Route {url} to Postern's public listener.");
    match told.map(|bytes| serde_json::from_slice::<Discovery>(&bytes)) {
        Ok(Ok(discovery)) if discovery.issuer == issuer => {
            Finding::fine(setting, format!("{url} is answered by this Postern"))
        }
        Ok(Ok(_)) => Finding::new(Weight::Problem, setting, format!("{url} is answered by another Postern"), route),
        Ok(Err(_)) => Finding::new(Weight::Problem, setting, format!("{url} is not answered by Postern"), route),
        // Before the first start nobody answers, and from some networks a public address cannot be reached.
        Err(error) => {
            let what = format!("{url} could not be tried from here: {}", crate::cli::story(&error));
            Finding::new(Weight::Advice, setting, what, format!("If Postern runs, browsers have to reach it. {route}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_known_by_the_issuer() {
        let judged =
            |told| judge("public_url".into(), "https://eu.example.com", "https://sso.example.com", told).weight;
        let issuer = |issuer: &str| Ok(format!(r#"{{"issuer":"{issuer}","jwks_uri":"x"}}"#).into_bytes());
        assert_eq!(judged(issuer("https://sso.example.com")), Weight::Fine);
        assert_eq!(judged(issuer("https://other.example.com")), Weight::Problem);
        assert_eq!(judged(Ok(b"<html>".to_vec())), Weight::Problem);
        assert_eq!(judged(Err(FetchError::Timeout)), Weight::Advice);
    }
}
