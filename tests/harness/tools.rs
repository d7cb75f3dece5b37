//! Where programs and folders are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What `scripts/install` put beside the Debian packages: `bin/node`, `bin/redis-server`, `simplesamlphp/`.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = cache().join("tools").join(path);
    assert!(path.exists(), "{} is missing: run scripts/install test", path.display());
    path
}

/// Where things are kept that outlive a checkout.
pub(crate) fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .expect("a home directory");
    cache.join("postern")
}

/// A file of this package.
pub(crate) fn ours(path: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.exists(), "{} is missing: run scripts/install test", path.display());
    path
}

/// A folder under `target/` for something that outlives the test.
pub(crate) fn kept(path: &str) -> PathBuf {
    let path = target().join("e2e").join(path);
    std::fs::create_dir_all(&path).expect("a folder under target/");
    path
}

/// Makes a key and a certificate for an identity provider: `idp.key` and `idp.crt` in this folder.
pub(crate) fn idp_key(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=idp.example.com", "-days", "2"])
        .args(["-keyout", "idp.key", "-out", "idp.crt"])
        .current_dir(folder)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
}

/// The `postern` program, built now in the profile of these tests, so that it is never an old one. `E2E_POSTERN` names
/// another, for example a release.
pub(crate) fn postern() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| std::env::var_os("E2E_POSTERN").map_or_else(build, PathBuf::from)).clone()
}

fn build() -> PathBuf {
    let profile = match profile() {
        "debug" => "dev".to_owned(),
        other => other.to_owned(),
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--package", "postern", "--bin", "postern", "--profile", &profile])
        .current_dir(ours(".."))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "postern does not build");
    target().join(self::profile()).join("postern")
}

/// This test runs as `target/<profile>/deps/scenarios-…`.
fn running() -> &'static PathBuf {
    static RUNNING: OnceLock<PathBuf> = OnceLock::new();
    RUNNING.get_or_init(|| std::env::current_exe().expect("the path of this test"))
}

fn profile() -> &'static str {
    running()
        .ancestors()
        .nth(2)
        .and_then(|path| path.file_name())
        .and_then(|name| name.to_str())
        .expect("a profile's folder")
}

fn target() -> PathBuf {
    running().ancestors().nth(3).expect("the target folder").to_owned()
}
