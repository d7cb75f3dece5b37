//! What clients sign to prove something, as far as `core` knows of it: the verdicts, and the port that finds them.

use crate::client_metadata::ClientKeys;
use crate::fault::Fault;
use crate::login::finish::UsedOnce;
use crate::ports::Timestamp;
use crate::secret::Secret;

/// Verifies what clients sign. Keeps signatures out of `core`.
pub trait Verify: Send + Sync {
    /// A client's assertion that it is `client_id` (RFC 7523 §3). It may be used once.
    fn client_assertion(
        &self,
        assertion: &str,
        client_id: &str,
        keys: &ClientKeys,
        now: Timestamp,
    ) -> Result<UsedOnce, Fault>;

    /// A proof that whoever sends this request has a key (RFC 9449 §4.3). It may be used once. `access_token` is the token
    /// beside it; `nonces` are those that it may repeat, where one was asked for.
    fn possession(
        &self,
        possession: &Possession,
        access_token: Option<&str>,
        nonces: &[String],
        now: Timestamp,
    ) -> Result<Possessed, Fault>;
}

/// A proof of possession, and the request that it came with (RFC 9449 §4).
#[derive(Debug)]
pub struct Possession {
    /// The header `DPoP`.
    pub proof: Secret,
    /// The method of the request.
    pub method: String,
    /// The public address that it was sent to.
    pub url: String,
}

/// What a good proof says.
#[derive(Debug)]
pub struct Possessed {
    /// The thumbprint of the key.
    pub thumbprint: String,
    /// The proof's own name.
    pub once: UsedOnce,
}
