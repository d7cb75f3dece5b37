//! The release before, built from the history of this repository and kept for the next time.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools;

/// How many commits back, where there is no release yet.
const BACK: &str = "HEAD~20";

/// The program of the release before, and its commit: of the revision in `PREVIOUS` or else of the last tag.
pub fn program() -> (PathBuf, String) {
    let revision = std::env::var("PREVIOUS").ok().or_else(|| git(&["describe", "--tags", "--abbrev=0", "HEAD^"]));
    let revision = revision.unwrap_or_else(|| BACK.to_owned());
    let commit = git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")]);
    let commit = commit.unwrap_or_else(|| panic!("there is no {revision} here: name another in PREVIOUS"));
    let folder = tools::cache().join("previous").join(&commit);
    let program = folder.join("postern");
    if !program.exists() {
        build(&commit, &folder, &program);
    }
    (program, commit)
}

fn build(commit: &str, folder: &Path, program: &Path) {
    let source = folder.join("source");
    std::fs::create_dir_all(&source).expect("a folder in the cache");
    let archive = folder.join("source.tar");
    git(&["archive", "--output", &archive.to_string_lossy(), commit]).expect("an archive");
    // With new times: by those of the commit cargo would take what it built of another commit for this.
    run(Command::new("tar").arg("-xmf").arg(&archive).arg("-C").arg(&source));
    // Shared by all of them, so that only the first takes long.
    let target = tools::cache().join("previous/target");
    run(Command::new(env!("CARGO"))
        .args(["build", "--locked", "--workspace", "--bin", "postern", "--target-dir"])
        .arg(&target)
        .current_dir(&source));
    std::fs::copy(target.join("debug/postern"), program).expect("the program");
    std::fs::remove_dir_all(source).expect("its source can go");
    std::fs::remove_file(archive).expect("so can the archive");
}

/// What git says; none, where it knows of nothing.
fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).current_dir(tools::ours("..")).output().expect("git runs");
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{command:?}");
}
