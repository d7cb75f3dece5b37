//! A secret that a command prints, such as one that asks a vault.

use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use postern_core::secret::Secret;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How much it may print.
const LONGEST: u64 = 64 * 1024;
const SLOW: &str = "takes longer than 10 seconds";

/// Runs a program with its arguments, without a shell, and returns what it prints on standard output. What it says on standard
/// error is thrown away, because it may hold what must not be in a log. The error says what is wrong with the command, and nothing
/// of what it printed.
pub(super) fn output(words: &[String]) -> Result<Secret, String> {
    let (program, arguments) = words.split_first().ok_or("is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let printed = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = printed.map(|printed| printed.take(LONGEST).read_to_string(&mut text));
        // Where nobody waits any more, nobody wants it.
        let _ = sender.send(matches!(read, Some(Ok(_))).then(|| Secret::new(text)));
    });
    let status = ended(&mut child)?;
    let text = receiver.recv_timeout(LOOK * 10).map_err(|_| SLOW)?;
    match status.success() {
        true => text.ok_or_else(|| "prints what is no text".to_owned()),
        false => Err(format!("failed: {status}")),
    }
}

/// Waits for the end of a program, and ends one that takes too long.
fn ended(child: &mut Child) -> Result<ExitStatus, String> {
    for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        std::thread::sleep(LOOK);
    }
    // It may have ended in this very moment.
    let _ = child.kill();
    let _ = child.wait();
    Err(SLOW.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        output(&words).map(|text| text.expose().to_owned())
    }

    #[test]
    fn a_command_is_run_without_a_shell_and_heard_on_standard_output_alone() {
        assert_eq!(told(&["printf", "%s\n", "$HOME; a secret"]).unwrap(), "$HOME; a secret\n");
        assert_eq!(told(&["sh", "-c", "echo noise >&2; echo key"]).unwrap(), "key\n");
        let failed = told(&["sh", "-c", "echo key; echo sesame >&2; exit 3"]).unwrap_err();
        assert!(failed.contains("3") && !failed.contains("sesame") && !failed.contains("key"), "{failed}");
        assert!(told(&["/no/such/program"]).unwrap_err().starts_with("cannot be run"));
        assert_eq!(told(&[]).unwrap_err(), "is empty");
        assert_eq!(told(&["printf", r"\377"]).unwrap_err(), "prints what is no text");
    }
}
