//! Promise 2: nothing readable at rest. A dump of Redis, the whole log at debug level and the metrics, after good logins and
//! after one failure of every kind, tell nothing of whose logins they were.

use postern_core::fault::Code;

use crate::marks::Marks;
use crate::tour::Tour;

#[tokio::test]
async fn a_dump_of_redis_a_debug_log_and_the_metrics_tell_nothing() {
    let tour = Tour::take().await;
    let (dump, log) = (tour.dump.as_slice(), tour.log.as_bytes());

    std::fs::write("/tmp/postern.rdb", dump).unwrap();
    // There is something to search, and it is what we think it is.
    assert!(contains(dump, b"p1:conn:{"), "the dump holds connections under their blind names");
    let requests = tour.log.lines().filter(|line| line.contains("/api/oauth/saml")).count();
    assert!(requests > 50, "only {requests} requests to the assertion consumer service were logged");
    assert!(tour.log.contains("DEBUG"), "nothing was logged at debug level");
    assert!(tour.log.contains(Code::SamlAudienceMismatch.name()), "failures are logged");
    assert!(tour.marks.len() > 200, "only {} values were marked", tour.marks.len());

    assert_eq!(tour.marks.found_in(dump), [""; 0], "in the dump of Redis");
    assert_eq!(tour.marks.found_in(log), [""; 0], "in the log");
    assert!(tour.metrics.contains("code=\"SamlAudienceMismatch\""), "failures are counted: {}", tour.metrics);
    assert!(!tour.metrics.contains("postern_store_errors_total 0"), "the store was away: {}", tour.metrics);
    assert_eq!(tour.marks.found_in(tour.metrics.as_bytes()), [""; 0], "in the metrics");
}

/// The search would notice: the same values, told by mistake.
#[tokio::test]
async fn a_value_that_were_told_would_be_found() {
    let redis = postern_e2e::Redis::start().await;
    redis.command(&["SET", "p1:conn:{oops}", "name=tenant-q8x1zv.example.com"]);
    let mut marks = Marks::default();
    marks.add("tenant", "tenant-q8x1zv.example.com");
    assert_eq!(marks.found_in(&redis.dump()), ["tenant, plain"]);
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
