//! The store fails: an older record is brought back, another is spoilt, and then Redis is gone.

use postern_core::fault::Code;
use postern_e2e::login;

use super::{Guide, PRODUCT};

/// Somebody puts an older version of a record in the place of the present one.
pub(super) async fn bring_a_record_back(guide: &mut Guide) {
    let other = format!("{PRODUCT}-brought-back");
    let before = guide.redis.command(&["KEYS", "p1:product:*"]);
    let client = guide.postern.register(&other, &["https://app.example.com/".to_owned()]).await;
    let names = guide.redis.command(&["KEYS", "p1:product:*"]);
    let name = names.lines().find(|name| !before.lines().any(|known| known == *name)).expect("one product more");
    guide.redis.command(&["COPY", name, "older"]);
    let change = serde_json::json!({ "name": other, "description": "changed" });
    guide.postern.call("PATCH", "/api/v1/products", Some(&change)).await;
    guide.redis.command(&["RENAME", "older", name]);
    let answer = login::authorize(&guide.postern, &guide.asking(&[("client_id", Some(&client.0))])).await;
    guide.meet(Code::RecordRolledBack, answer);
}

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
