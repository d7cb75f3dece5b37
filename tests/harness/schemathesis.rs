//! Schemathesis: makes requests of an OpenAPI document, good and bad, and compares the answers with what the document promises.

use std::process::Command;

use crate::Postern;
use crate::tools::{kept, ours};

/// What is compared. Not among them: whether bad values are refused and good ones accepted. The API reads what Jackson's clients
/// send, so numbers and lists may be text and unknown members are ignored; and no schema can say which metadata are good.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth,use_after_free,\
                      ensure_resource_availability,missing_required_header";

/// Checks the API of a Postern, always with the same requests, and returns what was found. It fails if it found anything.
pub async fn check(postern: &Postern) -> Result<String, String> {
    let mut command = Command::new(ours("schemathesis/.venv/bin/schemathesis"));
    command
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", postern.origin))
        .args(["--url", &postern.origin, "--header", &format!("Authorization: Api-Key {}", Postern::API_KEY)])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "5", "--generation-deterministic", "--no-shrink"])
        .args(["--request-timeout", "10", "--warnings", "off", "--suppress-health-check", "all"])
        .env("NO_COLOR", "1")
        .current_dir(kept("schemathesis"));
    let run = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread");
    let run = run.expect("schemathesis runs");
    let found = String::from_utf8_lossy(&run.stdout).into_owned();
    if run.status.success() { Ok(found) } else { Err(found + &String::from_utf8_lossy(&run.stderr)) }
}
