//! Which connection answers a login, and by which rules: as they are when the IdP's answer arrives, not as they were when it was
//! asked. What the browser brings back says where they lie, so that they can be read in the batch that takes the login.

use std::sync::Arc;

use super::{Login, Logins};
use crate::connection::{Connection, ConnectionId};
use crate::fault::{Code, Fault};
use crate::policy::{Reading, Rules};
use crate::ports::StoreError;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::store::{Answers, Batch, Slot, Store};

/// A login that was taken, and what was read beside it.
#[derive(Debug)]
pub struct Taken {
    /// The login.
    pub login: Login,
    /// What it will be judged by, if the browser was right about it.
    pub beside: Option<Beside>,
}

/// A connection and the rules of its scope, read before it was certain that they are the login's.
#[derive(Debug)]
pub struct Beside {
    id: ConnectionId,
    scope: Scope,
    connection: Result<Option<Arc<Connection>>, StoreError>,
    rules: Result<Rules, Fault>,
}

/// The same while the store is asked.
pub(super) struct Asking {
    id: ConnectionId,
    scope: Scope,
    connection: Slot<Connection>,
    rules: Reading,
}

/// How much of a ticket is the secret: 192 random bits as base64url. The rest names the connection. Both together are no longer than the
/// cookies that the release before takes for ours, so that it can answer what this one began (fault 16 of docs/FAULTS.md).
const SECRET: usize = 32;
/// How long the random part of a connection's id is.
const NAME: usize = 32;

/// What the browser keeps of a login: a secret, and which connection answers, unless that has an id of another form. All of it is part of
/// the login's name, so none of it can be another's.
pub(super) fn ticket(secret: &Secret, connection: &ConnectionId) -> Secret {
    let name = connection.0.strip_prefix(ConnectionId::PREFIX).filter(|name| name.len() == NAME);
    match (secret.expose().get(..SECRET), name) {
        (Some(secret), Some(name)) => Secret::new(format!("{secret}{name}")),
        _ => secret.clone(),
    }
}

impl Asking {
    /// Adds the question to the batch that takes the login. The scope is known where the cache remembers the connection.
    pub(super) fn ask(batch: &mut Batch<'_>, store: &Store, ticket: &str) -> Option<Self> {
        let (_, name) = ticket.split_at_checked(SECRET).filter(|(_, name)| name.len() == NAME)?;
        let (id, keys) = (ConnectionId(format!("{}{name}", ConnectionId::PREFIX)), store.keys());
        let key = keys.connection(&id);
        let scope = store.remembered(&key)?.scope.clone();
        Some(Self { connection: batch.get(&key), rules: Rules::ask(batch, &keys, &scope), id, scope })
    }

    pub(super) fn answer(self, answers: &Answers<'_>) -> Beside {
        let (connection, rules) = (answers.get(self.connection), self.rules.answer(answers));
        Beside { id: self.id, scope: self.scope, connection, rules }
    }
}

impl Logins {
    /// The connection that answers a login now, and the rules of its scope. A connection which was deactivated or deleted since the
    /// login began is out at once; a test may be of one that is not in use.
    pub async fn answering(&self, login: &Login, beside: Option<Beside>) -> Result<(Arc<Connection>, Rules), Fault> {
        let scope = &login.requested.scope;
        let beside = beside.filter(|beside| beside.id == login.connection && beside.scope == *scope);
        let (connection, rules) = match beside {
            Some(beside) => (beside.connection?, beside.rules),
            None => {
                let (mut batch, keys) = (self.store.batch(), self.store.keys());
                let connection = batch.get(&keys.connection(&login.connection));
                let rules = Rules::ask(&mut batch, &keys, scope);
                let answers = batch.run().await?;
                (answers.get(connection)?, rules.answer(&answers))
            }
        };
        let connection = connection.filter(|connection| connection.scope == *scope).ok_or(Code::ConnectionMissing)?;
        self.store.check_pinned::<Connection>(connection.revised, login.connection_revised)?;
        if login.test.is_none() {
            connection.check_signs_in()?;
        }
        Ok((connection, rules?))
    }
}
