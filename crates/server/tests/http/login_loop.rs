//! An app that does not keep its session sends people to sign in for ever.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::Value;

use crate::world::{Answer, IDP, World, asking, waiting};

/// One round of the loop in a browser with these cookies: what authorize said, and the cookie after the login.
async fn turn(world: &World, cookies: &str, parameters: &[(&str, &str)]) -> (Answer, Option<String>) {
    let request = TestRequest::get().uri(&format!("/api/oauth/authorize?{}", asking(parameters)));
    let asked = world.send(request.insert_header(("Cookie", cookies))).await;
    if !asked.header("location").starts_with("https://idp.example.com/") {
        return (asked, None);
    }
    let login = waiting(&asked);
    let response = world.response(&login).signed_assertion(&world.key);
    let answer = world.answer_as(&format!("{}; {cookies}", login.cookie), &login, &response).await;
    assert!(answer.sent("code").is_some(), "{}", answer.body);
    let set = answer.headers.get_all("set-cookie").map(|value| value.to_str().unwrap());
    let again = set.filter(|cookie| cookie.starts_with("__Host-postern_again=")).collect::<Vec<_>>();
    let [again] = again[..] else { panic!("{again:?}") };
    assert!(again.ends_with("; Path=/; Max-Age=30; Secure; HttpOnly; SameSite=None"), "{again}");
    (asked, Some(again.split(';').next().unwrap().to_owned()))
}

#[actix_web::test]
async fn a_login_loop_is_noted_from_the_third_turn_and_ended_after_ten() {
    let world = World::new().await;
    world.connect("globex.example", "crm", IDP).await;
    let notes = async || {
        let found = world.api(Method::GET, "sso-traces?product=crm", Value::Null).await.json();
        found["data"][0]["notes"].to_string()
    };
    let mut cookie = String::new();
    for done in 0..10 {
        let before = world.counted.counts();
        let (_, again) = turn(&world, &cookie, &[]).await;
        assert!((world.counted.counts() - before).round_trips <= 7, "it costs nothing");
        cookie = again.unwrap();
        assert_eq!(notes().await.contains("LoginLoop"), done >= 2, "{done}: {}", notes().await);
        world.advance(Duration::from_secs(1));
    }
    let (refused, _) = turn(&world, &cookie, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "LoginLoop"));
    assert_eq!(refused.header("location"), "", "the app would only send the person back");
    // Another customer's login in the same browser, and the browser when it has forgotten.
    let other = [("client_id", "tenant=globex.example&product=crm")];
    assert!(turn(&world, &cookie, &other).await.1.is_some());
    assert!(turn(&world, "", &[]).await.1.is_some());
    for nonsense in ["x", ".", "x.y", "x.-1", "x.99999999999"] {
        assert!(turn(&world, &format!("__Host-postern_again={nonsense}"), &[]).await.1.is_some());
    }
}
