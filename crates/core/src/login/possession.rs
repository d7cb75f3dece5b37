//! Tokens that are bound to a key (DPoP, RFC 9449): whoever steals one cannot use it.
//!
//! | where | what is bound |
//! |---|---|
//! | authorize, pushed request | `dpop_jkt` binds the code (§10) |
//! | token | the proof's key binds the access token, and a public client's refresh token (§5) |
//! | userinfo | a bound token wants a proof of the same key, about this token (§7) |

use super::Logins;
use super::client::Client;
use crate::fault::{Code, Fault};
use crate::ports::Timestamp;
use crate::proof::Possession;

/// How an access token is presented (RFC 9110 §11.4).
#[derive(Debug)]
pub enum Presentation<'a> {
    /// By whoever has it.
    Bearer(&'a str),
    /// With a proof.
    Dpop(&'a str, Option<Possession>),
}

/// How long a nonce is given out; it is taken for twice as long.
const NONCE_SECONDS: i64 = 300;

impl Logins {
    /// The key that the sender of a token request has; `None`: it proved none, and need not. `bound` is the key that what it
    /// brings is bound to.
    pub(super) async fn possessed(
        &self,
        possession: Option<&Possession>,
        client: &Client,
        bound: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let Some(possession) = possession else {
            let wanted = bound.is_some() || client.product.as_ref().is_some_and(|product| product.dpop_bound);
            return if wanted { Err(Code::DpopProofRequired.into()) } else { Ok(None) };
        };
        let thumbprint = self.prove(possession, None).await?;
        match bound {
            Some(bound) if bound != thumbprint => Err(Code::DpopKeyOther.into()),
            _ => Ok(Some(thumbprint)),
        }
    }

    /// The key that a pushed request binds its code to: by `dpop_jkt`, by a proof that comes along, or by both, which then
    /// have to agree (RFC 9449 §10.1).
    pub(super) async fn pushed_with(
        &self,
        possession: Option<&Possession>,
        named: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let Some(possession) = possession else { return Ok(named.map(str::to_owned)) };
        let thumbprint = self.prove(possession, None).await?;
        match named {
            Some(named) if named != thumbprint => Err(Code::DpopKeyNamedOther.into()),
            _ => Ok(Some(thumbprint)),
        }
    }

    /// Whether a token of `bound` is presented as it has to be.
    pub(super) async fn check_presented(&self, presented: &Presentation<'_>, bound: Option<&str>) -> Result<(), Fault> {
        match (presented, bound) {
            (Presentation::Bearer(_), None) => Ok(()),
            // RFC 9449 §7.2: a bound token used as a bearer token has to be refused.
            (Presentation::Bearer(_), Some(_)) => Err(Code::TokenBound.into()),
            (Presentation::Dpop(_, _), None) => Err(Code::TokenNotBound.into()),
            (Presentation::Dpop(_, None), Some(_)) => Err(Code::DpopProofMissing.into()),
            (Presentation::Dpop(token, Some(possession)), Some(bound)) => {
                match self.prove(possession, Some(token)).await? == bound {
                    true => Ok(()),
                    false => Err(Code::TokenKeyOther.into()),
                }
            }
        }
    }

    /// Verifies a proof and uses it up (RFC 9449 §11.1), on all replicas.
    async fn prove(&self, possession: &Possession, access_token: Option<&str>) -> Result<String, Fault> {
        let now = self.clock.now();
        let nonces = match self.settings.dpop_nonce {
            true => vec![self.nonce(now), self.nonce(before(now))],
            false => Vec::new(),
        };
        let proven = self.verify.possession(possession, access_token, &nonces, now)?;
        let key = self.store.keys().proof(&proven.thumbprint, &proven.once.id);
        match self.remember(&key, &proven.once).await? {
            true => Ok(proven.thumbprint),
            false => Err(Code::DpopProofReplayed.into()),
        }
    }

    /// What the next proof has to repeat, where `oauth.dpop_nonce` asks for it (RFC 9449 §8). It follows from the time and a
    /// key of the store, so that every replica knows it and nobody else.
    pub fn dpop_nonce(&self) -> Option<String> {
        self.settings.dpop_nonce.then(|| self.nonce(self.clock.now()))
    }

    fn nonce(&self, at: Timestamp) -> String {
        let period = at.as_second().div_euclid(NONCE_SECONDS);
        self.store.keys().nonce(&period.to_string())
    }
}

fn before(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second().saturating_sub(NONCE_SECONDS)).unwrap_or(Timestamp::MIN)
}
