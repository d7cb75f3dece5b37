//! What a Redis keeps, in pages: `SCAN` on every primary, one after the other.
//!
//! A place in a scan means something to one run of one server alone. So it carries the connection that it came over, and in a
//! cluster what the map of the slots was: another connection may lead to another server, another map may have moved keys to
//! where the list has been already. Either ends the list with an error, and it begins anew.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Pipeline, RedisError, Value, from_redis_value};
use postern_core::inventory::{Cursor, HEAD_BYTES, Item, Kept, Page};
use postern_core::ports::StoreError;

use super::cluster::{Cluster, Slots};
use super::link::{self, Line, Link};
use super::{Servers, command, epoch, words};

/// How many keys the server looks at for a page: some tens of microseconds in which it does nothing else.
const LOOKED_AT: u32 = 200;

/// A page of the list of everything.
pub(crate) async fn page(servers: &Servers, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
    let place = after.map(Place::read).transpose()?;
    match servers {
        Servers::One(link) => {
            let (items, next) = scan(link, prefix, place.as_ref()).await?;
            Ok(Page { items, next: next.map(|next| next.write()) })
        }
        Servers::Cluster(cluster) => page_of_cluster(cluster, prefix, place).await,
    }
}

/// One node after the other, in the order of their addresses. At the end the cluster has to be what it was at the beginning.
async fn page_of_cluster(cluster: &Cluster, prefix: &str, place: Option<Place>) -> Result<Page, StoreError> {
    let slots = match place {
        None => cluster.look_again().await?,
        Some(_) => cluster.slots().await?,
    };
    if place.as_ref().is_some_and(|place| place.map != hash(&slots)) {
        return Err(link::changed());
    }
    let mut rest = slots.keepers().into_iter().skip(place.as_ref().map_or(0, |place| place.node));
    let node = place.as_ref().map_or(0, |place| place.node);
    let (items, next) = match rest.next() {
        None => return Err(link::nobody()),
        Some(address) => scan(&cluster.link(address)?, prefix, place.filter(|place| place.call > 0).as_ref()).await?,
    };
    let next = match (next, rest.next()) {
        (Some(next), _) => Some(Place { node, map: hash(&slots), ..next }),
        (None, Some(_)) => Some(Place { node: node + 1, map: hash(&slots), ..Place::default() }),
        (None, None) if cluster.look_again().await? != slots => return Err(link::changed()),
        (None, None) => None,
    };
    Ok(Page { items, next: next.map(|next| next.write()) })
}

fn hash(slots: &Slots) -> u64 {
    let mut hasher = DefaultHasher::new();
    slots.hash(&mut hasher);
    hasher.finish()
}

/// Where a list goes on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    /// Which of the nodes of a cluster.
    node: usize,
    /// The map of the cluster's slots.
    map: u64,
    /// Which call to the server; 0: it was not called yet.
    call: u64,
    /// The server's own word for it; 0: the start.
    scan: u64,
}

impl Place {
    fn write(&self) -> Cursor {
        Cursor(format!("{} {} {} {}", self.node, self.map, self.call, self.scan))
    }

    fn read(cursor: &Cursor) -> Result<Self, StoreError> {
        let mut numbers = cursor.0.split(' ').map(str::parse::<u64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(link::changed);
        let (node, map, call, scan) = (next()?, next()?, next()?, next()?);
        Ok(Self { node: usize::try_from(node).unwrap_or(usize::MAX), map, call, scan })
    }
}

/// What one server keeps: a part of it, and where the rest begins.
async fn scan(link: &Arc<Link>, prefix: &str, place: Option<&Place>) -> Result<(Vec<Item>, Option<Place>), StoreError> {
    let Line { call, mut connection, .. } = link.line().await?;
    if place.is_some_and(|place| place.call != call) {
        return Err(link::changed());
    }
    let failed = |error: RedisError| {
        link.failed(call, &error);
        link::unavailable(&error)
    };
    let mut question = words::SCAN.cmd();
    question.arg(place.map_or(0, |place| place.scan)).arg("MATCH").arg(pattern(prefix)).arg("COUNT").arg(LOOKED_AT);
    let (scan, keys): (u64, Vec<String>) = question.query_async(&mut connection).await.map_err(failed)?;
    let next = (scan != 0).then_some(Place { call, scan, ..Place::default() });
    if keys.is_empty() {
        return Ok((Vec::new(), next));
    }
    let mut questions = Pipeline::with_capacity(3 * keys.len());
    for key in &keys {
        let last = epoch::HEADER + HEAD_BYTES - 1;
        let mut head = words::GETRANGE.cmd();
        head.arg(key).arg(0).arg(last);
        questions.add_command(head);
        for word in [words::PTTL, words::TYPE] {
            let mut command = word.cmd();
            command.arg(key);
            questions.add_command(command);
        }
    }
    let answers = connection.send_packed_commands(&questions, 0, 3 * keys.len()).await.map_err(failed)?;
    let (answers, []) = answers.as_chunks::<3>() else { return Err(command::nonsense()) };
    let items = keys.into_iter().zip(answers).map(|(key, answers)| item(key, answers));
    Ok((items.filter_map(Result::transpose).collect::<Result<_, _>>()?, next))
}

/// What is under a key; none, where it ended since it was listed.
fn item(key: String, [head, left, kind]: &[Value; 3]) -> Result<Option<Item>, StoreError> {
    let nonsense = |_| command::nonsense();
    let kept = match &*from_redis_value::<String>(kind.clone()).map_err(nonsense)? {
        "none" => return Ok(None),
        "zset" => Kept::Index,
        "stream" => Kept::Log,
        "string" => {
            let (bound, mut head) = epoch::told_apart(from_redis_value(head.clone()).map_err(nonsense)?);
            head.truncate(HEAD_BYTES);
            let lifetime = match from_redis_value::<i64>(left.clone()).map_err(nonsense)? {
                -2 => return Ok(None),
                left => u64::try_from(left).ok().map(Duration::from_millis),
            };
            Kept::Value { head, lifetime, bound }
        }
        _ => return Err(command::nonsense()),
    };
    Ok(Some(Item { key, kept }))
}

/// A pattern that fits what begins like this and nothing else.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_again_and_nothing_else_is() {
        let place = Place { node: 2, map: u64::MAX, call: 7, scan: 1 << 63 };
        assert_eq!(Place::read(&place.write()).unwrap(), place);
        for text in ["", "1 2 3", "1 2 3 x", "p1:conn:{abc}"] {
            assert!(Place::read(&Cursor(text.to_owned())).is_err(), "{text}");
        }
    }
}
