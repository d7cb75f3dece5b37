//! What an operator is told of a Redis that is set up badly, before it costs anything: by `postern doctor`, and at the start.

use postern_e2e::{Postern, Redis, Settings};

#[tokio::test]
async fn the_doctor_tells_what_is_wrong_with_a_redis_and_with_what_it_keeps() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    postern.register("crm", &["https://app.example.com/callback".to_owned()]).await;
    let doctor = || {
        let (status, told) = Postern::run(&redis, &["doctor"], &[("POSTERN_PUBLIC_URL", postern.public_url.clone())]);
        assert!(!told.contains(Postern::ROOT_KEY) && !told.contains(Postern::API_KEY), "{told}");
        (status, told)
    };
    let (status, told) = doctor();
    assert_eq!(status, Some(0), "{told}");
    for line in [
        format!("advice   store {}/0: has no append-only file", redis.url()),
        format!("ok       public_url: {} is answered by this Postern", postern.public_url),
        "ok       key ring: opens".to_owned(),
        "all of them open".to_owned(),
    ] {
        assert!(told.contains(&line), "{line} is not in {told}");
    }

    redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let product = redis.command(&["KEYS", "p1:product:*"]);
    redis.command(&["SETRANGE", product.trim(), "40", "spoilt"]);
    let (status, told) = doctor();
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("has maxmemory-policy allkeys-lru"), "{told}");
    assert!(told.contains("problem  records: there is one that does not open"), "{told}");

    // Where nobody is: told, and no reason to doubt the store.
    let elsewhere = [("POSTERN_PUBLIC_URL", "http://localhost:1".to_owned())];
    let (_, told) = Postern::run(&redis, &["doctor"], &elsewhere);
    assert!(told.contains("advice   public_url: http://localhost:1 could not be tried from here"), "{told}");
}

#[tokio::test]
async fn postern_does_not_start_where_what_it_keeps_would_be_removed() {
    let redis = Redis::start().await;
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    let (status, told) = Postern::run(&redis, &["serve"], &[]);
    assert_eq!(status, Some(2), "{told}");
    assert!(told.contains("Set maxmemory-policy noeviction"), "{told}");
    assert_eq!(redis.command(&["DBSIZE"]).trim(), "0");

    let environment = vec![("POSTERN_STORE__ALLOW_EVICTION", "true".to_owned())];
    let postern = Postern::start(&redis, Settings { environment, ..Settings::default() }).await;
    assert!(postern.log().contains("has maxmemory-policy volatile-ttl"), "{}", postern.log());
}
