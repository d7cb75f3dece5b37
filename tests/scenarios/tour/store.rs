//! The store fails: a record is spoilt, and then Redis is gone.

use postern_core::fault::Code;
use postern_e2e::login;

use super::{Guide, PRODUCT};

/// Somebody changes a byte in the middle of a record.
pub(super) async fn spoil_a_record(guide: &mut Guide) {
    let other = format!("{PRODUCT}-spoilt");
    let client = guide.postern.register(&other, &["https://app.example.com/".to_owned()]).await;
    let names = guide.redis.command(&["KEYS", "p1:product:*"]);
    for name in names.lines() {
        guide.redis.command(&["SETRANGE", name, "40", "spoilt"]);
    }
    let answer = login::authorize(&guide.postern, &guide.asking(&[("client_id", Some(&client.0))])).await;
    guide.meet(Code::RecordUnreadable, answer);
}

/// Redis stops.
pub(super) async fn take_it_away(guide: &mut Guide) {
    guide.redis.stop();
    let answer = login::authorize(&guide.postern, &guide.asking(&[])).await;
    guide.meet(Code::StoreUnavailable, answer);
}
