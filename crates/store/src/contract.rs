//! The contract of [`Backend`]: what each verb means, shown on whichever backend is given. A behaviour that is not shown here
//! is not promised, and no backend is excused from any of it, least of all from the contention.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use postern_core::inventory::{HEAD_BYTES, Kept};
use postern_core::ports::{Backend, Consumed, Op, Place, REVISION_BYTES, Reply, Seal, TOMBSTONE};
use tokio::task::JoinSet;

use crate::batch::HIGHEST_SCORE;
use crate::root::{RootKey, RootKeys};
use crate::stage::{TestRandom, one};
use crate::{KeyRing, ping};

/// Long enough that a slow machine gets through the writes and looks before it ends.
const LIFETIME: Duration = Duration::from_secs(2);

/// Runs every check. `wait` lets time pass, at least as much as it is told.
pub(crate) async fn suite(backend: Arc<dyn Backend>, wait: impl AsyncFn(Duration)) {
    ping(&*backend).await.unwrap();
    values_are_kept(&*backend).await;
    put_new_writes_where_nothing_is(&*backend).await;
    replace_if_wants_the_value_that_was_read(&*backend).await;
    consume_takes_once(&*backend).await;
    rewriting_keeps_what_it_does_not_say(&*backend, &wait).await;
    lifetimes_end(&*backend, &wait).await;
    lifetimes_follow_the_last_write(&*backend, &wait).await;
    tombstones_last_from_the_last_attempt(&*backend, &wait).await;
    indexes_are_ordered(&*backend).await;
    indexes_are_read_in_pages_and_trimmed(&*backend).await;
    logs_are_read_onwards(&*backend).await;
    logs_forget_the_oldest(&*backend).await;
    logs_are_rewritten_in_place(&*backend).await;
    batches_run_in_order(&*backend).await;
    names_are_printable_ascii(&*backend).await;
    values_are_any_bytes(&*backend).await;
    bound_values_are_like_others(&*backend).await;
    everything_is_listed(&*backend).await;
    what_stays_is_listed_whatever_comes_and_goes(&*backend).await;
    one_of_many_consumes(&backend).await;
    one_of_many_writes(&backend).await;
    many_append_and_index(&backend).await;
    one_of_many_consumes_a_sealed_record(&backend).await;
    sealed_records_are_replaced_by_revision(&*backend).await;
}

// ---- Short words for operations ------------------------------------------------------------------------------------

async fn get(backend: &dyn Backend, key: &str) -> Option<Vec<u8>> {
    match one(backend, Op::Get { key: key.into() }).await {
        Reply::Value(value) => value,
        other => panic!("{other:?}"),
    }
}

async fn written(backend: &dyn Backend, op: Op) -> bool {
    match one(backend, op).await {
        Reply::Written(written) => written,
        other => panic!("{other:?}"),
    }
}

async fn consumed(backend: &dyn Backend, op: Op) -> Consumed {
    match one(backend, op).await {
        Reply::Consumed(consumed) => consumed,
        other => panic!("{other:?}"),
    }
}

async fn count(backend: &dyn Backend, op: Op) -> u64 {
    match one(backend, op).await {
        Reply::Count(count) => count,
        other => panic!("{other:?}"),
    }
}

async fn page(backend: &dyn Backend, index: &str, offset: u64, limit: u64) -> Vec<(String, u64)> {
    match one(backend, Op::IndexPage { index: index.into(), offset, limit }).await {
        Reply::Members(members) => members,
        other => panic!("{other:?}"),
    }
}

async fn read(backend: &dyn Backend, log: &str, after: Option<&str>, limit: u64) -> Vec<(String, Vec<u8>)> {
    match one(backend, Op::LogRead { log: log.into(), after: after.map(str::to_owned), limit }).await {
        Reply::Entries(entries) => entries,
        other => panic!("{other:?}"),
    }
}

fn put(key: &str, value: &str) -> Op {
    Op::Put { key: key.into(), value: value.into(), lifetime: None, bound: false }
}
fn put_for(key: &str, value: &str, lifetime: Duration) -> Op {
    Op::Put { key: key.into(), value: value.into(), lifetime: Some(lifetime), bound: false }
}
fn put_new(key: &str, value: &str) -> Op {
    Op::PutNew { key: key.into(), value: value.into(), lifetime: None }
}
fn put_new_for(key: &str, value: &str, lifetime: Duration) -> Op {
    Op::PutNew { key: key.into(), value: value.into(), lifetime: Some(lifetime) }
}
fn consume(key: &str, tombstone: &[u8]) -> Op {
    consume_for(key, tombstone, Duration::from_secs(600))
}
fn consume_for(key: &str, tombstone: &[u8], lifetime: Duration) -> Op {
    Op::Consume { key: key.into(), tombstone: tombstone.into(), lifetime }
}
fn replace_if(key: &str, revision: &str, value: &str) -> Op {
    Op::ReplaceIf { key: key.into(), revision: revision.into(), value: value.into(), lifetime: None }
}
fn delete(key: &str) -> Op {
    Op::Delete { key: key.into() }
}
fn index_add(index: &str, score: u64, member: &str) -> Op {
    Op::IndexAdd { index: index.into(), score, member: member.into() }
}
fn append(log: &str, entry: &[u8], keep: u64) -> Op {
    Op::LogAppend { log: log.into(), entry: entry.into(), keep }
}

// ---- Values --------------------------------------------------------------------------------------------------------

async fn values_are_kept(backend: &dyn Backend) {
    assert_eq!(get(backend, "values:none").await, None);
    assert_eq!(one(backend, put("values:a", "one")).await, Reply::Done);
    assert_eq!(get(backend, "values:a").await.unwrap(), b"one");
    one(backend, put("values:a", "two")).await;
    assert_eq!(get(backend, "values:a").await.unwrap(), b"two");
    assert!(written(backend, delete("values:a")).await);
    assert!(!written(backend, delete("values:a")).await);
    assert_eq!(get(backend, "values:a").await, None);
}

async fn put_new_writes_where_nothing_is(backend: &dyn Backend) {
    assert!(written(backend, put_new("new:a", "one")).await);
    assert!(!written(backend, put_new("new:a", "two")).await);
    assert!(!written(backend, put_new_for("new:a", "three", LIFETIME)).await);
    assert_eq!(get(backend, "new:a").await.unwrap(), b"one");
    written(backend, delete("new:a")).await;
    assert!(written(backend, put_new("new:a", "four")).await);

    one(backend, put("new:spent", "live")).await;
    consumed(backend, consume("new:spent", b"left")).await;
    assert!(!written(backend, put_new("new:spent", "again")).await, "what was left behind is there");
}

async fn replace_if_wants_the_value_that_was_read(backend: &dyn Backend) {
    assert!(!written(backend, replace_if("replace:a", "1", "2 two")).await);
    assert!(!written(backend, replace_if("replace:a", "", "2 two")).await);
    assert_eq!(get(backend, "replace:a").await, None, "nothing is written where there was nothing");

    one(backend, put("replace:a", "1 one")).await;
    assert!(!written(backend, replace_if("replace:a", "1 one and more", "x")).await);
    assert!(!written(backend, replace_if("replace:a", "0", "x")).await);
    assert!(written(backend, replace_if("replace:a", "1 ", "2 two")).await);
    assert!(!written(backend, replace_if("replace:a", "1 ", "3 three")).await, "it was read too long ago");
    assert_eq!(get(backend, "replace:a").await.unwrap(), b"2 two");
    assert!(written(backend, replace_if("replace:a", "", "4 four")).await, "every value begins with nothing");

    consumed(backend, consume("replace:a", b"left")).await;
    assert!(!written(backend, replace_if("replace:a", "4", "5 five")).await, "nobody revives what was spent");
}

async fn consume_takes_once(backend: &dyn Backend) {
    assert_eq!(consumed(backend, consume("consume:none", b"left")).await, Consumed::Absent);
    assert_eq!(get(backend, "consume:none").await, None, "consuming never creates");

    one(backend, put("consume:a", "live")).await;
    assert_eq!(consumed(backend, consume("consume:a", b"left")).await, Consumed::Live(b"live".into()));
    assert_eq!(get(backend, "consume:a").await.unwrap(), [&[TOMBSTONE], &b"left"[..]].concat());
    for _ in 0..3 {
        assert_eq!(consumed(backend, consume("consume:a", b"left")).await, Consumed::Spent(b"left".into()));
    }
    assert!(written(backend, delete("consume:a")).await);
    assert_eq!(consumed(backend, consume("consume:a", b"left")).await, Consumed::Absent);

    one(backend, put_for("consume:b", "", LIFETIME * 100)).await;
    assert_eq!(consumed(backend, consume("consume:b", b"")).await, Consumed::Live(vec![]), "an empty value is a value");
    assert_eq!(consumed(backend, consume("consume:b", b"")).await, Consumed::Spent(vec![]));
}

// ---- Time ----------------------------------------------------------------------------------------------------------

async fn lifetimes_end(backend: &dyn Backend, wait: &impl AsyncFn(Duration)) {
    let all = ["ends:put", "ends:new", "ends:replaced", "ends:spent", "ends:unspent", "ends:unreplaced"];
    let (put_a, put_b) = (put("ends:replaced", "1"), put("ends:spent", "live"));
    let replaced = Op::ReplaceIf {
        key: "ends:replaced".into(),
        revision: b"1".into(),
        value: b"2".into(),
        lifetime: Some(LIFETIME),
    };
    for op in [
        put_for("ends:put", "x", LIFETIME),
        put_new_for("ends:new", "x", LIFETIME),
        put_a,
        replaced,
        put_b,
        consume_for("ends:spent", b"left", LIFETIME),
        put_for("ends:unspent", "live", LIFETIME),
        put_for("ends:unreplaced", "1", LIFETIME),
    ] {
        one(backend, op).await;
    }
    for key in all {
        assert!(get(backend, key).await.is_some(), "{key} lives");
    }
    assert!(!written(backend, put_new("ends:new", "y")).await);

    wait(LIFETIME).await;
    for key in all {
        assert_eq!(get(backend, key).await, None, "{key} has ended");
    }
    assert!(!written(backend, delete("ends:put")).await);
    assert!(written(backend, put_new("ends:new", "y")).await);
    assert_eq!(consumed(backend, consume("ends:spent", b"left")).await, Consumed::Absent);
    assert_eq!(consumed(backend, consume("ends:unspent", b"left")).await, Consumed::Absent);
    assert_eq!(get(backend, "ends:unspent").await, None, "consuming never creates");
    assert!(!written(backend, replace_if("ends:unreplaced", "1", "2")).await);
}

async fn rewriting_keeps_what_it_does_not_say(backend: &dyn Backend, wait: &impl AsyncFn(Duration)) {
    let rewrite = |key: &str, revision: &str, value: &str| Op::Rewrite {
        key: key.into(),
        revision: revision.into(),
        value: value.into(),
    };
    assert!(!written(backend, rewrite("rewrite:none", "", "2")).await);
    assert_eq!(get(backend, "rewrite:none").await, None, "nothing is written where there was nothing");

    for op in [put("rewrite:stays", "1 one"), put_for("rewrite:ends", "1 one", LIFETIME)] {
        one(backend, op).await;
    }
    for key in ["rewrite:stays", "rewrite:ends"] {
        assert!(!written(backend, rewrite(key, "0", "x")).await);
        assert!(written(backend, rewrite(key, "1 ", "2 two, and longer")).await);
        assert!(!written(backend, rewrite(key, "1 ", "3")).await, "it was read too long ago");
        assert_eq!(get(backend, key).await.unwrap(), b"2 two, and longer");
    }
    one(backend, put("rewrite:spent", "live")).await;
    consumed(backend, consume_for("rewrite:spent", b"left", LIFETIME)).await;
    assert!(written(backend, rewrite("rewrite:spent", "\0le", "\0another form")).await);
    assert_eq!(
        consumed(backend, consume_for("rewrite:spent", b"x", LIFETIME)).await,
        Consumed::Spent(b"another form".into())
    );

    wait(LIFETIME).await;
    assert_eq!(get(backend, "rewrite:ends").await, None, "its lifetime is the one before");
    assert_eq!(get(backend, "rewrite:stays").await.unwrap(), b"2 two, and longer");
}

async fn lifetimes_follow_the_last_write(backend: &dyn Backend, wait: &impl AsyncFn(Duration)) {
    for op in [
        put_for("last:kept", "x", LIFETIME),
        put("last:kept", "y"),
        put("last:ended", "x"),
        put_for("last:ended", "y", LIFETIME),
        put_for("last:replaced", "1", LIFETIME),
        replace_if("last:replaced", "1", "2"),
        put_for("last:longer", "x", LIFETIME),
        put_for("last:longer", "y", LIFETIME * 100),
        put_for("last:again", "x", LIFETIME),
        delete("last:again"),
        put("last:again", "y"),
    ] {
        one(backend, op).await;
    }
    assert_eq!(get(backend, "last:ended").await.unwrap(), b"y");
    wait(LIFETIME).await;
    assert_eq!(get(backend, "last:kept").await.unwrap(), b"y");
    assert_eq!(get(backend, "last:ended").await, None);
    assert_eq!(get(backend, "last:replaced").await.unwrap(), b"2");
    assert_eq!(get(backend, "last:longer").await.unwrap(), b"y");
    assert_eq!(get(backend, "last:again").await.unwrap(), b"y");
}

async fn tombstones_last_from_the_last_attempt(backend: &dyn Backend, wait: &impl AsyncFn(Duration)) {
    one(backend, put_for("tombstone:a", "live", LIFETIME * 100)).await;
    consumed(backend, consume_for("tombstone:a", b"left", LIFETIME)).await;
    wait(LIFETIME / 2).await;
    let again = consumed(backend, consume_for("tombstone:a", b"left", LIFETIME * 2)).await;
    assert_eq!(again, Consumed::Spent(b"left".into()));
    wait(LIFETIME).await;
    assert!(get(backend, "tombstone:a").await.is_some());
    wait(LIFETIME).await;
    assert_eq!(get(backend, "tombstone:a").await, None);
}

/// For backends whose clock a test can move: to the nanosecond.
pub(crate) async fn values_end_at_their_instant(backend: &Arc<dyn Backend>, advance: impl Fn(Duration)) {
    let (backend, tick) = (&**backend, Duration::from_nanos(1));
    one(backend, put_for("instant:a", "x", LIFETIME)).await;
    one(backend, put_for("instant:b", "x", LIFETIME)).await;
    advance(LIFETIME - tick);
    assert!(get(backend, "instant:a").await.is_some());
    assert!(!written(backend, put_new("instant:b", "y")).await);
    advance(tick);
    assert_eq!(get(backend, "instant:a").await, None, "gone from the very instant on");
    assert!(written(backend, put_new("instant:b", "y")).await);
}

// ---- Indexes and logs ----------------------------------------------------------------------------------------------

async fn indexes_are_ordered(backend: &dyn Backend) {
    assert_eq!(page(backend, "order", 0, 10).await, []);
    assert_eq!(count(backend, Op::IndexCount { index: "order".into() }).await, 0);
    let remove = |member: &str| Op::IndexRemove { index: "order".into(), member: member.into() };
    assert!(!written(backend, remove("a")).await);

    for (score, member) in [(2, "b"), (1, "z"), (2, "a"), (HIGHEST_SCORE, "top"), (2, "B"), (0, "zero"), (2, "ab")] {
        assert_eq!(one(backend, index_add("order", score, member)).await, Reply::Done);
    }
    let expected = [("top", HIGHEST_SCORE), ("b", 2), ("ab", 2), ("a", 2), ("B", 2), ("z", 1), ("zero", 0)];
    assert_eq!(page(backend, "order", 0, 10).await, expected.map(|(member, score)| (member.to_owned(), score)));

    one(backend, index_add("order", HIGHEST_SCORE - 1, "z")).await;
    one(backend, index_add("order", HIGHEST_SCORE - 1, "z")).await;
    assert_eq!(count(backend, Op::IndexCount { index: "order".into() }).await, 7, "a member is in one place");
    assert_eq!(page(backend, "order", 0, 2).await[1], ("z".to_owned(), HIGHEST_SCORE - 1));
    assert!(written(backend, remove("z")).await);
    assert!(!written(backend, remove("z")).await);
    assert_eq!(page(backend, "orders", 0, 10).await, [], "a longer name is another index");

    let above = index_add("order", HIGHEST_SCORE + 1, "more");
    assert!(backend.run(vec![above]).await.is_err(), "a score that cannot be kept exactly is refused");
}

async fn indexes_are_read_in_pages_and_trimmed(backend: &dyn Backend) {
    let adds = (0..25).map(|number| index_add("pages", 1000 + number, &format!("m{number:02}"))).collect();
    backend.run(adds).await.unwrap();
    let mut seen = Vec::new();
    for offset in (0..30).step_by(10) {
        let members = page(backend, "pages", offset, 10).await;
        assert_eq!(members.len(), if offset < 20 { 10 } else { 5 });
        seen.extend(members);
    }
    assert!(seen.is_sorted_by(|earlier, later| earlier.1 > later.1));
    assert_eq!(seen.len(), 25);
    assert_eq!(page(backend, "pages", 0, 0).await, []);
    assert_eq!(page(backend, "pages", 5, 0).await, []);
    assert_eq!(page(backend, "pages", 25, 10).await, []);
    assert_eq!(page(backend, "pages", u64::MAX, u64::MAX).await, []);
    assert_eq!(page(backend, "pages", 24, u64::MAX).await, [("m00".to_owned(), 1000)]);

    let trim = |below| Op::IndexTrim { index: "pages".into(), below };
    assert_eq!(count(backend, trim(1000)).await, 0, "the lowest score stays");
    assert_eq!(count(backend, trim(1010)).await, 10);
    assert_eq!(count(backend, Op::IndexCount { index: "pages".into() }).await, 15);
    assert_eq!(page(backend, "pages", 14, 10).await, [("m10".to_owned(), 1010)]);
    one(backend, index_add("pages", 5, "m00")).await;
    assert_eq!(count(backend, trim(HIGHEST_SCORE)).await, 16);
    assert_eq!(count(backend, trim(HIGHEST_SCORE)).await, 0);
    assert_eq!(page(backend, "pages", 0, 10).await, []);
}

async fn logs_are_read_onwards(backend: &dyn Backend) {
    assert_eq!(read(backend, "log", None, 10).await, []);
    let mut positions = Vec::new();
    for entry in [&b"first"[..], b"", &[0, 255, 10, 13]] {
        match one(backend, append("log", entry, 1000)).await {
            Reply::Position(position) => positions.push(position),
            other => panic!("{other:?}"),
        }
    }
    let all = read(backend, "log", None, 10).await;
    assert_eq!(all.iter().map(|(position, _)| position.clone()).collect::<Vec<_>>(), positions);
    assert_eq!(all.iter().map(|(_, entry)| &entry[..]).collect::<Vec<_>>(), [&b"first"[..], b"", &[0, 255, 10, 13]]);
    assert_eq!(read(backend, "log", None, 2).await, all[..2]);
    assert_eq!(read(backend, "log", None, 0).await, []);
    assert_eq!(read(backend, "log", Some(&positions[0]), 10).await, all[1..]);
    assert_eq!(read(backend, "log", Some(&positions[1]), 1).await, all[2..]);
    assert_eq!(read(backend, "log", Some(&positions[2]), 10).await, []);
    for foreign in ["0-0", "", "$", "nonsense", "-1"] {
        assert_eq!(read(backend, "log", Some(foreign), 10).await, all, "{foreign}: read from the start");
    }
    assert_eq!(read(backend, "logs", None, 10).await, [], "a longer name is another log");

    one(backend, append("log", b"later", 1000)).await;
    assert_eq!(read(backend, "log", Some(&positions[2]), 10).await[0].1, b"later");
}

async fn logs_forget_the_oldest(backend: &dyn Backend) {
    let entry = |number: u32| format!("{number:0500}").into_bytes();
    for hundred in 0..10 {
        backend
            .run((0..100).map(|number| append("short", &entry(hundred * 100 + number), 50)).collect())
            .await
            .unwrap();
    }
    let kept = read(backend, "short", None, 2000).await;
    assert!((50..=250).contains(&kept.len()), "{} entries are about 50", kept.len());
    assert_eq!(kept.last().unwrap().1, entry(999));
    assert!(kept.is_sorted_by(|earlier, later| earlier.1 < later.1));
    assert_eq!(
        read(backend, "short", Some("1-0"), 1).await,
        kept[..1],
        "a reader that was away goes on with the oldest"
    );
}

// ---- Batches, names, bytes -----------------------------------------------------------------------------------------

async fn batches_run_in_order(backend: &dyn Backend) {
    assert_eq!(backend.run(vec![]).await.unwrap(), []);
    let get = |key: &str| Op::Get { key: key.into() };
    let replies = backend
        .run(vec![
            get("batch:a"),
            put("batch:a", "1"),
            get("batch:a"),
            put_new("batch:a", "2"),
            replace_if("batch:a", "1", "3"),
            put_for("batch:b", "code", LIFETIME * 100),
            consume("batch:b", b"left"),
            consume("batch:b", b"left"),
            index_add("batch:i", 1, "m"),
            Op::IndexCount { index: "batch:i".into() },
            delete("batch:a"),
            get("batch:a"),
            get("batch:b"),
        ])
        .await
        .unwrap();
    let value = |bytes: &[u8]| Reply::Value(Some(bytes.into()));
    assert_eq!(
        replies,
        [
            Reply::Value(None),
            Reply::Done,
            value(b"1"),
            Reply::Written(false),
            Reply::Written(true),
            Reply::Done,
            Reply::Consumed(Consumed::Live(b"code".into())),
            Reply::Consumed(Consumed::Spent(b"left".into())),
            Reply::Done,
            Reply::Count(1),
            Reply::Written(true),
            Reply::Value(None),
            value(b"\0left"),
        ]
    );
}

async fn names_are_printable_ascii(backend: &dyn Backend) {
    let printable: String = (b' '..=b'~').map(char::from).collect();
    one(backend, put(&printable, "x")).await;
    assert_eq!(get(backend, &printable).await.unwrap(), b"x");
    one(backend, index_add(&format!("i{printable}"), 1, &printable)).await;
    assert_eq!(page(backend, &format!("i{printable}"), 0, 1).await, [(printable.clone(), 1)]);
    one(backend, append(&format!("l{printable}"), b"x", 10)).await;
    assert_eq!(read(backend, &format!("l{printable}"), None, 1).await.len(), 1);

    let long = "k".repeat(2000);
    one(backend, put(&long, "x")).await;
    assert_eq!(get(backend, &long).await.unwrap(), b"x");

    for unfit in ["", "a\nb", "a\0b", "ä"] {
        let first = put("names:first", "x");
        assert!(backend.run(vec![first, put(unfit, "x")]).await.is_err(), "{unfit:?}");
        assert_eq!(get(backend, "names:first").await, None, "such a batch is refused whole");
    }
}

async fn values_are_any_bytes(backend: &dyn Backend) {
    let large: Vec<u8> = (1..=1 << 20).map(|at: u32| at.to_be_bytes()[3] ^ at.to_be_bytes()[2]).collect();
    for lifetime in [None, Some(LIFETIME * 100)] {
        let key = "bytes:large".to_owned();
        one(backend, Op::Put { key: key.clone(), value: large.clone(), lifetime, bound: false }).await;
        assert!(get(backend, &key).await.unwrap() == large);
        assert!(
            written(
                backend,
                Op::ReplaceIf { key, revision: large[..REVISION_BYTES].into(), value: large.clone(), lifetime }
            )
            .await
        );
    }
    // Compared without being printed.
    assert!(consumed(backend, consume("bytes:large", &large)).await == Consumed::Live(large.clone()));
    assert!(consumed(backend, consume("bytes:large", &large)).await == Consumed::Spent(large));
}

/// As long as the server is the same.
async fn bound_values_are_like_others(backend: &dyn Backend) {
    let lifetime = Some(LIFETIME * 100);
    let put_bound = |key: &str| Op::Put { key: key.into(), value: b"live".into(), lifetime, bound: true };
    one(backend, put_bound("bound:a")).await;
    assert_eq!(get(backend, "bound:a").await.unwrap(), b"live");
    assert!(!written(backend, put_new("bound:a", "x")).await);
    assert_eq!(consumed(backend, consume("bound:a", b"left")).await, Consumed::Live(b"live".into()));
    assert_eq!(consumed(backend, consume("bound:a", b"left")).await, Consumed::Spent(b"left".into()));
    one(backend, put_bound("bound:a")).await;
    assert!(written(backend, delete("bound:a")).await);
    assert_eq!(get(backend, "bound:a").await, None);
}

async fn logs_are_rewritten_in_place(backend: &dyn Backend) {
    const LOG: &str = "rewritten";
    let part = |after: Option<&str>, entries: &[(String, Vec<u8>)], last| Op::LogRewrite {
        log: LOG.into(),
        after: after.map(str::to_owned),
        entries: entries.iter().map(|(position, entry)| (position.clone(), [b"new ", &entry[..]].concat())).collect(),
        last,
    };
    for number in 0..10 {
        one(backend, append(LOG, &[number], 1000)).await;
    }
    let before = read(backend, LOG, None, 1000).await;
    let ends = [before[3].0.as_str(), before[9].0.as_str()];
    // Somebody begins and gives up.
    assert!(written(backend, part(None, &before[..7], false)).await);
    assert!(written(backend, part(None, &before[..4], false)).await);
    let at_last = append(LOG, &[10], 1000);
    one(backend, at_last).await;
    assert!(written(backend, part(Some(ends[0]), &before[4..], false)).await);
    one(backend, append(LOG, &[11], 1000)).await;
    assert!(written(backend, part(Some(ends[1]), &[], true)).await);
    one(backend, append(LOG, &[12], 1000)).await;

    let after = read(backend, LOG, None, 1000).await;
    assert_eq!(after.len(), 13);
    assert!(after.iter().zip(&before).all(|(now, then)| now.0 == then.0), "positions stay");
    for (number, (_, entry)) in after.iter().enumerate() {
        let number = number as u8;
        let expected = if number < 10 { [b"new ", &[number][..]].concat() } else { vec![number] };
        assert_eq!(*entry, expected);
    }
    assert!(after.is_sorted_by(|earlier, later| position(&earlier.0) < position(&later.0)));
    assert_eq!(read(backend, LOG, Some(ends[1]), 10).await.len(), 3, "a reader's place is still good");
    let kept = listed(backend, "", async || {}).await;
    assert!(kept.keys().all(|key| !key.contains("copy")), "nothing stays beside it");
}

fn position(text: &str) -> (u64, u64) {
    let (millisecond, number) = text.split_once('-').unwrap();
    (millisecond.parse().unwrap(), number.parse().unwrap())
}

// ---- Lists ---------------------------------------------------------------------------------------------------------

/// All that is kept under keys that begin like this; `between` happens after each page.
async fn listed(backend: &dyn Backend, prefix: &str, between: impl AsyncFn()) -> BTreeMap<String, Kept> {
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = backend.list(prefix, after.as_ref()).await.unwrap();
        all.extend(page.items.into_iter().map(|item| (item.key, item.kept)));
        after = page.next;
        between().await;
        if after.is_none() {
            return all;
        }
    }
}

async fn everything_is_listed(backend: &dyn Backend) {
    let lifetime = LIFETIME * 100;
    let long = "v".repeat(HEAD_BYTES + 1);
    for op in [
        put("list:{a}", "short"),
        put("list:{b}", &long),
        put_for("list:{c}", "ends", lifetime),
        Op::Put { key: "list:{d}".into(), value: long.clone().into(), lifetime: Some(lifetime), bound: true },
        put_for("list:{e}", "live", lifetime),
        consume_for("list:{e}", b"left", lifetime),
        put_for("list:{f}", "gone", lifetime),
        delete("list:{f}"),
        index_add("list:{g}", 7, "member"),
        append("list:{h}", b"entry", 10),
        put("list", "before"),
        put("lisu", "after"),
        put("list*", "no pattern"),
    ] {
        one(backend, op).await;
    }
    let all = listed(backend, "list:", async || {}).await;
    let keys = ["list:{a}", "list:{b}", "list:{c}", "list:{d}", "list:{e}", "list:{g}", "list:{h}"];
    assert_eq!(all.keys().collect::<Vec<_>>(), keys);
    let value = |key: &str| match &all[key] {
        Kept::Value { head, lifetime, .. } => (head.clone(), *lifetime),
        other => panic!("{key}: {other:?}"),
    };
    assert_eq!(value("list:{a}"), (b"short".to_vec(), None));
    assert_eq!(value("list:{b}"), (long.as_bytes()[..HEAD_BYTES].to_vec(), None));
    assert_eq!(value("list:{d}").0, long.as_bytes()[..HEAD_BYTES], "as it was written, whether it is bound or not");
    assert_eq!(value("list:{e}").0, [&[TOMBSTONE], &b"left"[..]].concat());
    for key in ["list:{c}", "list:{d}", "list:{e}"] {
        let left = value(key).1.unwrap();
        assert!(left <= lifetime && left > lifetime / 2, "{key}: {left:?}");
    }
    assert_eq!((&all["list:{g}"], &all["list:{h}"]), (&Kept::Index, &Kept::Log));
    assert_eq!(listed(backend, "list*", async || {}).await.into_keys().collect::<Vec<_>>(), ["list*"]);
    assert!(listed(backend, "", async || {}).await.len() >= keys.len() + 3);
    assert!(listed(backend, "list:{none}", async || {}).await.is_empty());
}

async fn what_stays_is_listed_whatever_comes_and_goes(backend: &dyn Backend) {
    let key = |number: u32| format!("stays:{{{number:04}}}");
    backend.run((0..1500).map(|number| put_for(&key(number), "x", LIFETIME * 100)).collect()).await.unwrap();
    let round = Cell::new(0);
    let all = listed(backend, "stays:", async || {
        let at = round.replace(round.get() + 1);
        let goes = (0..50).map(|number| delete(&key(3 * (50 * at + number))));
        let comes = (0..50).map(|number| put_for(&key(2000 + 50 * at + number), "x", LIFETIME * 100));
        let renewed = (0..50).map(|number| put_for(&key(3 * (50 * at + number) + 1), "y", LIFETIME * 100));
        if at < 10 {
            backend.run(goes.chain(comes).chain(renewed).collect()).await.unwrap();
        }
    })
    .await;
    for number in (0..1500).filter(|number| number % 3 != 0) {
        assert!(all.contains_key(&key(number)), "{number} was there all the time");
    }
    assert!(round.get() > 5, "it comes in pages");
}

// ---- Contention ----------------------------------------------------------------------------------------------------

/// Runs an operation made for each of 50 at once.
async fn at_once(backend: &Arc<dyn Backend>, op: impl Fn(usize) -> Op) -> Vec<Reply> {
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let (backend, op) = (backend.clone(), op(number));
        tasks.spawn(async move { one(&*backend, op).await });
    }
    tasks.join_all().await
}

async fn one_of_many_consumes(backend: &Arc<dyn Backend>) {
    for (round, lifetime) in [None, Some(LIFETIME * 100)].into_iter().cycle().take(10).enumerate() {
        let key = format!("race:consume:{round}");
        one(&**backend, Op::Put { key: key.clone(), value: b"live".into(), lifetime, bound: round % 3 == 0 }).await;
        let replies = at_once(backend, |_| consume(&key, b"left")).await;
        let live = replies.iter().filter(|reply| **reply == Reply::Consumed(Consumed::Live(b"live".into())));
        let spent = replies.iter().filter(|reply| **reply == Reply::Consumed(Consumed::Spent(b"left".into())));
        assert_eq!((live.count(), spent.count()), (1, 49));
    }
}

async fn one_of_many_writes(backend: &Arc<dyn Backend>) {
    for (round, lifetime) in [None, Some(LIFETIME * 100)].into_iter().cycle().take(4).enumerate() {
        let key = format!("race:write:{round}");
        let value = |number| format!("{number:02}").into_bytes();
        let won = |replies: &[Reply]| {
            let winners: Vec<usize> = (0..50).filter(|at| replies[*at] == Reply::Written(true)).collect();
            assert_eq!(winners.len(), 1);
        };
        won(&at_once(backend, |number| Op::PutNew { key: key.clone(), value: value(number), lifetime }).await);
        let revision = get(&**backend, &key).await.unwrap();
        won(&at_once(backend, |number| Op::ReplaceIf {
            key: key.clone(),
            revision: revision.clone(),
            value: value(50 + number),
            lifetime,
        })
        .await);
        won(&at_once(backend, |_| delete(&key)).await);
    }
}

async fn many_append_and_index(backend: &Arc<dyn Backend>) {
    let replies = at_once(backend, |number| append("race:log", &[number as u8], 1000)).await;
    let positions: BTreeSet<String> = replies.iter().map(|reply| format!("{reply:?}")).collect();
    assert_eq!(positions.len(), 50, "no two entries have one position");
    let entries = read(&**backend, "race:log", None, 1000).await;
    assert_eq!(entries.iter().map(|(_, entry)| entry[0]).collect::<BTreeSet<_>>(), (0..50).collect());

    at_once(backend, |number| index_add("race:index", number as u64, &format!("m{}", number % 25))).await;
    assert_eq!(count(&**backend, Op::IndexCount { index: "race:index".into() }).await, 25);
    assert_eq!(page(&**backend, "race:index", 0, 100).await.len(), 25);
}

// ---- Sealed --------------------------------------------------------------------------------------------------------

async fn ring(backend: &dyn Backend) -> Arc<KeyRing> {
    let roots = RootKeys::single(RootKey::generate(1, &TestRandom::default()));
    Arc::new(KeyRing::load_or_create(backend, &roots, Arc::new(TestRandom::seeded(1))).await.unwrap())
}

/// As a code is redeemed: read, make out what to leave behind, take.
async fn one_of_many_consumes_a_sealed_record(backend: &Arc<dyn Backend>) {
    const PLACE: Place<'_> = Place { class: "code", schema: 1, key: "race:sealed", bearer: b"the code" };
    let ring = ring(&**backend).await;
    let (value, key) = (ring.seal(PLACE, b"session 7"), PLACE.key.to_owned());
    assert_ne!(value[0], TOMBSTONE, "no sealed record is taken for a spent one");
    one(&**backend, Op::Put { key, value, lifetime: Some(LIFETIME * 100), bound: true }).await;

    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (backend, ring) = (backend.clone(), ring.clone());
        tasks.spawn(async move {
            let found = get(&*backend, PLACE.key).await.unwrap();
            let opened = ring.open(PLACE, found.strip_prefix(&[TOMBSTONE]).unwrap_or(&found)).unwrap();
            match consumed(&*backend, consume(PLACE.key, &ring.seal(PLACE, &opened))).await {
                Consumed::Live(live) => {
                    assert_eq!(**ring.open(PLACE, &live).unwrap(), *b"session 7");
                    true
                }
                Consumed::Spent(left) => {
                    assert_eq!(**ring.open(PLACE, &left).unwrap(), *b"session 7");
                    false
                }
                Consumed::Absent | Consumed::Foreign => panic!("it was there"),
            }
        });
    }
    let winners = tasks.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
}

async fn sealed_records_are_replaced_by_revision(backend: &dyn Backend) {
    const PLACE: Place<'_> = Place { class: "connection", schema: 1, key: "replace:sealed", bearer: b"" };
    let ring = ring(backend).await;
    let key = PLACE.key.to_owned();
    one(backend, Op::Put { key: key.clone(), value: ring.seal(PLACE, b"same"), lifetime: None, bound: false }).await;
    let read = get(backend, PLACE.key).await.unwrap();
    let replace = || Op::ReplaceIf {
        key: key.clone(),
        revision: read[..REVISION_BYTES].into(),
        value: ring.seal(PLACE, b"same"),
        lifetime: None,
    };
    assert!(written(backend, replace()).await);
    assert!(!written(backend, replace()).await, "the same plain bytes, sealed anew, are another revision");
    let now = get(backend, PLACE.key).await.unwrap();
    assert_eq!(**ring.open(PLACE, &now).unwrap(), *b"same");
}
