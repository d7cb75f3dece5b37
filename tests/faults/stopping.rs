//! Fault 19: Postern is told to stop while people sign in. Probes say so first, what is under way is finished, and then it ends well.

use std::time::Duration;

use postern_e2e::{Postern, Redis, Settings};
use postern_lab::response::base64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::customer::Customer;

#[tokio::test]
async fn fault_19_who_is_told_to_stop_says_so_finishes_and_ends_well() {
    let redis = Redis::start().await;
    let environment = vec![("POSTERN_OPERATIONS__DRAIN_SECONDS", "2".to_owned())];
    let mut postern = Postern::start(&redis, Settings { environment, ..Settings::default() }).await;
    let customer = Customer::of(&postern).await;
    let waiting = customer.begin(&postern).await.expect("a login that begins");
    assert_eq!(postern.probe("/health/ready").await.0, 200);

    postern.ask_to_stop();
    loop {
        match postern.probe("/health/ready").await {
            (200, _) => tokio::time::sleep(Duration::from_millis(5)).await,
            refused => break assert_eq!(refused, (503, r#"{"status":"stopping"}"#.to_owned())),
        }
    }
    assert_eq!(postern.probe("/health/live").await.0, 200);
    // Whoever has not noticed yet is answered as before.
    customer.sign_in(&postern).await.expect("a login");

    // A response of which half has arrived when the doors close.
    let xml = waiting.response(&customer.idp).signed_assertion(&customer.idp.key);
    let form = [("SAMLResponse", base64(&xml)), ("RelayState", waiting.relay_state.clone())];
    let body = reqwest::Url::parse_with_params("http://x/", &form).expect("a form").query().expect("pairs").to_owned();
    let head = format!(
        "POST /api/oauth/saml HTTP/1.1\r\nHost: postern\r\nCookie: {}\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        waiting.cookie,
        body.len()
    );
    let address = postern.origin.trim_start_matches("http://").to_owned();
    let mut connection = TcpStream::connect(&address).await.expect("Postern listens");
    let (first, rest) = body.split_at(body.len() / 2);
    connection.write_all(format!("{head}{first}").as_bytes()).await.expect("half a request is sent");
    while TcpStream::connect(&address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    connection.write_all(rest.as_bytes()).await.expect("the other half is sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("an answer is read");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(answer.contains("code="), "{answer}");
    assert!(postern.ended().await.success());
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!("told to stop with half a response: 0 logins lost");
    }
}
