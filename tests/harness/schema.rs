//! A validator of JSON schemas, which came with Schemathesis.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tools::ours;

/// The schema of what apps are told.
pub fn claims() -> PathBuf {
    ours("../docs/claims.schema.json")
}

/// What is wrong with answers, in a line for each that is not as the schema says.
pub async fn check(answers: &[Value]) -> Vec<String> {
    let mut command = Command::new(ours("schemathesis/.venv/bin/python"));
    command
        .arg(ours("schemathesis/answers.py"))
        .arg(claims())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let answers = serde_json::to_vec(answers).expect("JSON");
    let done = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("python starts");
        child.stdin.take().expect("its input").write_all(&answers).expect("it reads");
        child.wait_with_output().expect("it ends")
    });
    let done = done.await.expect("a thread");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).lines().map(str::to_owned).collect()
}
