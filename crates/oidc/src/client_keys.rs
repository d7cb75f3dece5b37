//! Our own keys towards one provider (`private_key_jwt`, OIDC Core §9): made here, published at an address of the connection's,
//! rotated by themselves, and never seen by anybody else.

use std::time::Duration;

use postern_core::fault::{Code, Fault};
use postern_core::openid::{AssertionAudience, ClientKey, OidcIdp};
use postern_core::ports::{Random, Timestamp};
use postern_core::secret::{Secret, random_text};
use postern_core::signing::SigningAlgorithm;
use postern_jose::signing::SigningKey;
use serde_json::{Value, json};

/// How long a key signs.
pub const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long a new key is published before it signs, and an old one after it last did: providers keep a key set for hours.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// How long an assertion can be used.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);

/// The algorithm that a provider takes, RS256 where it does not say.
pub fn algorithm(supported: &[String]) -> SigningAlgorithm {
    let takes = |algorithm: &SigningAlgorithm| supported.iter().any(|name| name == algorithm.name());
    [SigningAlgorithm::Es256, SigningAlgorithm::Rs256].into_iter().find(takes).unwrap_or(SigningAlgorithm::Rs256)
}

/// Makes a key.
pub fn make(algorithm: SigningAlgorithm, now: Timestamp) -> Result<ClientKey, Fault> {
    let pem = SigningKey::generate(algorithm).map_err(|why| Code::Defect.fault().because(why))?;
    let key = SigningKey::from_pem(algorithm, pem.expose()).map_err(|why| Code::Defect.fault().because(why))?;
    let public = key.public().as_object().cloned().unwrap_or_default();
    Ok(ClientKey { id: key.kid().to_owned(), algorithm, pem, public, created: now })
}

/// The key that signs: the newest that has been published for long enough, else the oldest.
fn in_use(keys: &[ClientKey], now: Timestamp) -> Option<&ClientKey> {
    let known = |key: &&ClientKey| age(key, now) >= OVERLAP;
    keys.iter().filter(known).max_by_key(|key| key.created).or_else(|| keys.iter().min_by_key(|key| key.created))
}

/// The keys as they ought to be now: a new one beside one that has signed for long enough, and none that has not signed for the
/// time of an overlap. `None`: as they are.
pub fn rotated(keys: &[ClientKey], now: Timestamp) -> Result<Option<Vec<ClientKey>>, Fault> {
    let Some(newest) = keys.iter().max_by_key(|key| key.created) else { return Ok(None) };
    if age(newest, now) >= LIFETIME {
        let fresh = make(newest.algorithm, now)?;
        return Ok(Some(keys.iter().cloned().chain([fresh]).collect()));
    }
    // Since the newest came into use, nothing older has signed.
    let is_needed = |key: &&ClientKey| key.id == newest.id || age(newest, now) < OVERLAP * 2;
    let kept: Vec<_> = keys.iter().filter(is_needed).cloned().collect();
    Ok((kept.len() < keys.len()).then_some(kept))
}

fn age(key: &ClientKey, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(key.created)).unwrap_or_default()
}

/// What is published: the public keys of all.
pub fn jwks(keys: &[ClientKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| &key.public).collect::<Vec<_>>() })
}

/// Signs that it is us. RFC 7523 §3: issuer and subject are the client ID, the audience is the provider, and it ends soon. The
/// audience is one text and no list (RFC 7523bis §4): a provider that stands beside another in it, or that publishes another's
/// endpoint as its own, could use the assertion there. Here none could, because each connection has keys of its own.
pub fn assertion(idp: &OidcIdp, keys: &[ClientKey], now: Timestamp, random: &dyn Random) -> Result<Secret, Fault> {
    let key = in_use(keys, now).ok_or(Code::RecordUnreadable)?;
    let unreadable = |why| Code::RecordUnreadable.fault().because(why);
    let signing = SigningKey::from_pem(key.algorithm, key.pem.expose()).map_err(unreadable)?;
    let audience = match idp.assertion_audience {
        AssertionAudience::Issuer => &idp.issuer,
        AssertionAudience::TokenEndpoint => &idp.provider.token_endpoint,
    };
    let claims = json!({
        "iss": idp.client_id,
        "sub": idp.client_id,
        "aud": audience,
        "jti": random_text(random),
        "iat": now.as_second(),
        "exp": now.as_second() + ASSERTION_LIFETIME.as_secs() as i64,
    });
    let signed = signing.sign("JWT", &claims).map_err(|why| Code::Defect.fault().because(why))?;
    Ok(Secret::new(signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
    }

    fn ids(keys: &[ClientKey]) -> Vec<&str> {
        keys.iter().map(|key| key.id.as_str()).collect()
    }

    #[test]
    fn a_key_is_published_a_day_before_it_signs_and_a_day_after() {
        let first = make(SigningAlgorithm::Es256, at(0)).unwrap();
        let keys = vec![first.clone()];
        assert_eq!(in_use(&keys, at(0)), Some(&first), "the only one signs at once");
        assert_eq!(rotated(&keys, at(89)).unwrap(), None);

        let keys = rotated(&keys, at(90)).unwrap().unwrap();
        let second = keys[1].clone();
        assert_eq!(ids(&keys), [first.id.as_str(), second.id.as_str()]);
        assert_ne!(first.id, second.id);
        assert_eq!(in_use(&keys, at(90)), Some(&first));
        assert_eq!(in_use(&keys, at(91)), Some(&second));
        assert_eq!(rotated(&keys, at(91)).unwrap(), None, "what the first signed may still be under way");

        let keys = rotated(&keys, at(92)).unwrap().unwrap();
        assert_eq!(ids(&keys), [second.id.as_str()]);
        assert_eq!(in_use(&keys, at(92)), Some(&second));
    }

    #[test]
    fn what_is_published_holds_nothing_private() {
        let key = make(SigningAlgorithm::Rs256, at(0)).unwrap();
        let published = jwks(std::slice::from_ref(&key));
        assert_eq!(published["keys"][0]["kid"], key.id);
        assert!(["d", "p", "q"].iter().all(|private| published["keys"][0].get(private).is_none()));
    }

    #[test]
    fn the_algorithm_is_one_that_the_provider_takes() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(algorithm(&[]), SigningAlgorithm::Rs256);
        assert_eq!(algorithm(&names(&["RS256", "ES256"])), SigningAlgorithm::Es256);
        assert_eq!(algorithm(&names(&["PS256", "RS256"])), SigningAlgorithm::Rs256);
    }
}
