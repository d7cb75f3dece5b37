//! Judges answers of IdPs, and looks the key up where it is unknown (M5, G6): the metadata is fetched, and the answer judged
//! once more by what it says now. The message itself adds no trust. `postern_core::lookup` tells who fetches and who waits.

use std::sync::Arc;
use std::time::Duration;

use postern_core::connection::{Connection, Idp};
use postern_core::fault::{Code, Fault};
use postern_core::lookup::{Lookup, Turn};
use postern_core::refresh::Renewal;
use postern_core::secret::Secret;
use postern_oidc::id_token::{self, VerifiedIdToken};
use postern_oidc::redeem::Tokens;
use postern_saml::logout::Arrived;
use postern_saml::response::{self, VerifiedAssertion};

use super::metadata::refresh;
use crate::app::App;
use crate::logout_message::UnverifiedLogout;

/// How many responses may wait for a lookup at once, in one process. More are judged by the keys that are known.
pub const MOST_WAITING: usize = 50;

/// How long a browser waits for metadata: less than [`SPACING`](postern_core::lookup::SPACING).
const LONGEST: Duration = Duration::from_secs(3);
/// How often those who wait look.
const PAUSE: Duration = Duration::from_millis(200);
/// How often in all: for as long as a lookup, the time until the next, and that one.
const LOOKS: usize = 50;

/// Verifies a response to a connection, at the address and in the name that its region has.
pub async fn verify(
    app: &App,
    connection: &Connection,
    xml: &[u8],
    request_id: Option<&str>,
) -> Result<VerifiedAssertion, Fault> {
    let (keys, region) = (app.sp_keys_of(connection)?, app.region_of(connection)?);
    let acs_url = region.acs_url_of(connection);
    let judge = |connection: &Connection| {
        let idp = connection.idp.saml()?;
        response::verify(xml, &app.expectation(region, idp, &acs_url, request_id, &keys.decryption))
    };
    judged(app, connection, &[Code::SamlSignatureOtherKey], judge).await
}

/// Verifies a logout message to a connection that arrived at `address`. A signature over a query says nothing of its key, so one
/// that does not hold may be of an unknown one.
pub async fn verify_logout(
    app: &App,
    connection: &Connection,
    message: &UnverifiedLogout,
    address: &str,
) -> Result<Arrived, Fault> {
    let judge = |connection: &Connection| message.verify(&app.logout_expectation(connection.idp.saml()?, address));
    judged(app, connection, &[Code::SamlSignatureOtherKey, Code::LogoutSignatureInvalid], judge).await
}

/// Verifies an ID token that belongs to the login with this nonce (OIDC Core §10.1.1).
pub async fn verify_id_token(
    app: &App,
    connection: &Connection,
    tokens: &Tokens,
    nonce: &Secret,
) -> Result<VerifiedIdToken, Fault> {
    let judge = |connection: &Connection| {
        let idp = connection.idp.oidc()?;
        id_token::verify(&tokens.unverified_id_token, app.id_token_expectation(idp, nonce, tokens))
    };
    judged(app, connection, &[Code::OidcKeyUnknown], judge).await
}

/// Judges by the keys that are known and, where that ends in one of the faults that an unknown key causes, by others, if the
/// metadata has any.
async fn judged<T>(
    app: &App,
    connection: &Connection,
    unknown_key: &[Code],
    judge: impl Fn(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match judge(connection) {
        Err(fault) if unknown_key.contains(&fault.code) => {
            match renewed(app, connection, |present| has_other_keys(present, connection)).await {
                Some(connection) => judge(&connection),
                None => Err(fault),
            }
        }
        verdict => verdict,
    }
}

/// The connection by metadata that holds: where strict federation ends with the metadata, they are fetched (M4).
pub async fn current(app: &App, connection: Arc<Connection>) -> Result<Arc<Connection>, Fault> {
    let check = |connection: &Connection| connection.idp.check_current(app.now());
    let Err(fault) = check(&connection) else { return Ok(connection) };
    renewed(app, &connection, |present| check(present).is_ok()).await.ok_or(fault)
}

/// The connection as its metadata has it now, if that is better.
async fn renewed(
    app: &App,
    connection: &Connection,
    is_better: impl Fn(&Connection) -> bool,
) -> Option<Arc<Connection>> {
    if !connection.idp.is_renewed() {
        return None;
    }
    let _place = app.lookups.try_acquire().ok()?;
    let mut earlier: Option<Lookup> = None;
    for _ in 0..LOOKS {
        let turn = app.connections.look_up(&connection.id).await.ok()?;
        if turn.own {
            return Some(fetched(app, turn).await).filter(|present| is_better(present));
        }
        if is_better(&turn.connection) {
            return Some(turn.connection);
        }
        let earlier = earlier.get_or_insert_with(|| turn.lookup.clone());
        if turn.lookup.is_done() && !turn.lookup.is(earlier) {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}

/// The connection after it was fetched for.
async fn fetched(app: &App, Turn { lookup, connection, .. }: Turn) -> Arc<Connection> {
    let renewal = tokio::time::timeout(LONGEST, refresh(app, &connection)).await;
    let outcome = renewal.unwrap_or_else(|_| Err(Code::FetchTimeout.into()));
    let present = match outcome {
        Ok(Renewal::Changed(renewed)) => renewed,
        Ok(Renewal::Unchanged) => connection,
        Err(fault) => {
            tracing::warn!(fault.code = fault.code.name(), "metadata could not be fetched on demand");
            app.metrics.metadata_failed(fault.code);
            // Or somebody else renewed it at the same time.
            app.connections.answering(&connection.id).await.unwrap_or(connection)
        }
    };
    if let Err(fault) = app.connections.looked_up(&present.id, lookup).await {
        tracing::warn!(fault.code = fault.code.name(), "those who wait for a key could not be told");
    }
    present
}

fn has_other_keys(one: &Connection, other: &Connection) -> bool {
    match (&one.idp, &other.idp) {
        (Idp::Saml(one), Idp::Saml(other)) => one.signing_keys != other.signing_keys,
        (Idp::Oidc(one), Idp::Oidc(other)) => one.provider.keys != other.provider.keys,
        _ => true,
    }
}
