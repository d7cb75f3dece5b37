//! Where a process keeps what it knows: with Redis, in no file.

use postern_e2e::login::{self, CODE_CHALLENGE, CODE_VERIFIER, Idp};
use postern_e2e::{Postern, Redis, Settings};

const REDIRECT: &str = "https://app.example.com/callback";

#[tokio::test]
async fn with_redis_no_file_is_written() {
    let (redis, home) = (Redis::start().await, tempfile::tempdir().unwrap());
    let folder = home.path().display().to_string();
    let environment = ["HOME", "TMPDIR", "XDG_CACHE_HOME"].map(|name| (name, folder.clone())).to_vec();
    let postern = Postern::start(&redis, Settings { environment, ..Settings::default() }).await;
    let idp = Idp::new("https://idp.acme.example.com/metadata");
    let urls = [REDIRECT.to_owned()];
    postern.connect("acme.example.com", "crm", &urls, ("rawMetadata", &idp.metadata())).await;
    let (client_id, secret) = postern.register("crm", &urls).await;
    let question = [
        ("client_id", client_id.as_str()),
        ("tenant", "acme.example.com"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let waiting = login::begin(&postern, &question).await;
    let response = waiting.response(&idp).signed_assertion(&idp.key);
    let code = waiting.answer(&response).await.parameter("code").expect("a code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client_id.as_str()),
        ("client_secret", secret.as_str()),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", CODE_VERIFIER),
    ];
    assert_eq!(postern.post_form("/api/oauth/token", &form).await.status, 200);

    assert_eq!(postern.written_files(), Vec::<std::path::PathBuf>::new());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
