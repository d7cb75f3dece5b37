//! What clients sign, verified with the functions of `postern_jose`: the one place where `core` meets a signature.

use postern_core::client_metadata::ClientKeys;
use postern_core::fault::{Code, Fault};
use postern_core::login::finish::UsedOnce;
use postern_core::ports::Timestamp;
use postern_core::proof::{Possessed, Possession, Verify};
use postern_jose::client_assertion;
use postern_jose::dpop;
use postern_jose::jwks::Jwks;
use postern_jose::jws::Algorithm;

/// How long a client's assertion may live at most, in seconds. Longer ones would have to be remembered longer.
const LONGEST_ASSERTION: i64 = 300;

/// Verifies for one issuer.
pub struct Proofs {
    /// Who we are: the audience of assertions.
    pub issuer: String,
}

impl Verify for Proofs {
    fn client_assertion(
        &self,
        assertion: &str,
        client_id: &str,
        keys: &ClientKeys,
        now: Timestamp,
    ) -> Result<UsedOnce, Fault> {
        let jwks = Jwks::parse(keys.jwks.as_bytes()).map_err(|why| Code::RecordUnreadable.fault().because(why))?;
        let names = keys.algorithm.as_deref().map_or(ClientKeys::USUAL.to_vec(), |name| vec![name]);
        let algorithms: Vec<_> = names.into_iter().filter_map(Algorithm::named).collect();
        let expected = client_assertion::Expected {
            client_id,
            issuer: &self.issuer,
            algorithms: &algorithms,
            longest_seconds: LONGEST_ASSERTION,
            now,
        };
        let good = client_assertion::verify(assertion, &jwks, &expected)?;
        Ok(UsedOnce { id: good.jti, usable_until: good.usable_until })
    }

    fn possession(
        &self,
        possession: &Possession,
        access_token: Option<&str>,
        nonces: &[String],
        now: Timestamp,
    ) -> Result<Possessed, Fault> {
        let expected = dpop::Expected {
            method: &possession.method,
            url: &possession.url,
            algorithms: Algorithm::FAPI,
            access_token,
            nonces,
            now,
        };
        let good = dpop::verify(possession.proof.expose(), &expected)?;
        Ok(Possessed { thumbprint: good.jkt, once: UsedOnce { id: good.jti, usable_until: good.usable_until } })
    }
}
