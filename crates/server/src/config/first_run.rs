//! The keys that nobody configured. With a store in a file they are made at the first start and kept beside it; with a
//! store in memory they are made anew at every start. With Redis nothing is made: replicas would each make their own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use postern_core::ports::Random;
use postern_core::secret::Secret;
use postern_store::{RootKey, RootKeys, StoreUrl};

use super::{ApiKey, Config, Problem, Problems};

/// The keys that Postern runs with, and what to tell the operator about them.
pub struct Keys {
    /// The root keys, the sealing one first.
    pub root: RootKeys,
    /// The keys of the API. None: it answers 401.
    pub api: Vec<ApiKey>,
    /// The API key that was made by Postern, now or at an earlier start; none if keys are configured.
    pub made_api_key: Option<Secret>,
    /// What the operator ought to know.
    pub notices: Vec<Notice>,
}

/// Something the operator ought to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A file was made; the text says which and what it is for.
    Made(String),
    /// Something will not work as it stands.
    Warning(String),
}

impl Notice {
    /// Tells it by the log.
    pub fn log(&self) {
        match self {
            Notice::Made(text) => tracing::info!("{text}"),
            Notice::Warning(text) => tracing::warn!("{text}"),
        }
    }
}

/// Takes the configured keys, and makes those that are missing and may be made.
pub fn keys(config: &Config, random: &dyn Random) -> Result<Keys, Problems> {
    let mut notices = Vec::new();
    let root = match (&config.root_keys, &config.store.url) {
        (Some(configured), _) => configured.clone(),
        (None, StoreUrl::Redb(store)) => root_key_file(store, random, &mut notices)?,
        // With Redis a configuration without root keys does not load; with memory this one lasts as long as what it seals.
        (None, StoreUrl::Memory | StoreUrl::Redis(_)) => RootKeys::single(RootKey::generate(1, random)),
    };
    let (api, made_api_key) = api_keys(config, random, &mut notices)?;
    Ok(Keys { root, api, made_api_key, notices })
}

/// The keys of the API: those that are configured, else one that Postern makes, which is told too.
pub fn api_keys(
    config: &Config,
    random: &dyn Random,
    notices: &mut Vec<Notice>,
) -> Result<(Vec<ApiKey>, Option<Secret>), Problem> {
    let made = match (&config.admin.api_keys[..], &config.store.url) {
        ([], StoreUrl::Redb(store)) => Some(api_key_file(store, random, notices)?),
        ([], StoreUrl::Memory) => Some(api_key(random)),
        ([], StoreUrl::Redis(_)) => {
            let text =
                "admin.api_keys is empty, so the API under /api/v1 answers 401 to everybody. Write a key into it.";
            notices.push(Notice::Warning(text.to_owned()));
            None
        }
        _ => None,
    };
    Ok((made.iter().map(ApiKey::full).chain(config.admin.api_keys.iter().cloned()).collect(), made))
}

fn api_key(random: &dyn Random) -> Secret {
    Secret::random(random, "postern_")
}

/// The root keys that are configured, or that an earlier start made. Makes none.
pub fn found_root_keys(config: &Config) -> Result<Option<RootKeys>, Problem> {
    match (&config.root_keys, &config.store.url) {
        (Some(configured), _) => Ok(Some(configured.clone())),
        (None, StoreUrl::Redb(store)) => kept_root_keys(&root_key_path(store)),
        (None, StoreUrl::Memory | StoreUrl::Redis(_)) => Ok(None),
    }
}

fn kept_root_keys(path: &Path) -> Result<Option<RootKeys>, Problem> {
    let Some(text) = kept(path)? else { return Ok(None) };
    let lines: Vec<&str> = text.expose().lines().filter(|line| !line.trim().is_empty()).collect();
    RootKeys::parse(&lines).map(Some).map_err(|error| {
        Problem::new(path.display().to_string(), format!("cannot be used: {error}"), "Restore it from its copy.")
    })
}

fn root_key_path(store: &Path) -> PathBuf {
    beside(store, ".keys")
}

fn root_key_file(store: &Path, random: &dyn Random, notices: &mut Vec<Notice>) -> Result<RootKeys, Problem> {
    let path = root_key_path(store);
    if let Some(keys) = kept_root_keys(&path)? {
        return Ok(keys);
    }
    // A new key could not open what is there.
    if store.exists() {
        let fault = format!("is missing, but {} exists and is sealed with it", store.display());
        let instead = format!("Restore it or set seal.keys; or remove {} to begin anew.", store.display());
        return Err(Problem::new(path.display().to_string(), fault, instead));
    }
    let key = RootKey::generate(1, random);
    keep(&path, &key.to_text())?;
    let text = format!(
        "made a root key in {}. Keep a copy in a safe place: without it nothing in {} can be read again.",
        path.display(),
        store.display()
    );
    notices.push(Notice::Made(text));
    Ok(RootKeys::single(key))
}

fn api_key_file(store: &Path, random: &dyn Random, notices: &mut Vec<Notice>) -> Result<Secret, Problem> {
    let path = beside(store, ".api-key");
    if let Some(key) = kept(&path)? {
        return Ok(key);
    }
    let key = api_key(random);
    keep(&path, &key)?;
    notices.push(Notice::Made(format!("made an API key, which may do everything, in {}.", path.display())));
    Ok(key)
}

/// `postern.redb` → `postern.redb.keys`.
fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What an earlier start kept in this file.
fn kept(path: &Path) -> Result<Option<Secret>, Problem> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            let instead = "Restore it; or remove it if Postern has never run.";
            Err(Problem::new(path.display().to_string(), "is empty", instead))
        }
        Ok(text) => Ok(Some(Secret::new(text.trim_end()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path, &error)),
    }
}

/// Keeps a secret in a new file that only this user can read. A file that exists is never written to.
fn keep(path: &Path, secret: &Secret) -> Result<(), Problem> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut file = options.open(path)?;
        writeln!(file, "{}", secret.expose())?;
        file.sync_all()
    };
    write().map_err(|error: io::Error| unusable(path, &error))
}

fn unusable(path: &Path, error: &io::Error) -> Problem {
    let instead = "Let this user read it and create it, or configure seal.keys and admin.api_keys.";
    Problem::new(path.display().to_string(), format!("cannot be used: {error}"), instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn counting() -> Counting {
        Counting(0.into())
    }

    fn on_file(folder: &Path) -> (Config, PathBuf) {
        let store = folder.join("postern.redb");
        (Config::of_toml(&format!("store.url = 'redb:{}'", store.display())).unwrap(), store)
    }

    #[test]
    fn keys_are_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (config, store) = on_file(folder.path());
        let random = counting();
        let first = keys(&config, &random).unwrap();
        assert!(matches!(&first.notices[..], [Notice::Made(_), Notice::Made(_)]), "{:?}", first.notices);
        fs::write(&store, "data").unwrap();
        let second = keys(&config, &random).unwrap();
        assert_eq!(second.notices, []);
        assert_eq!((first.root.numbers(), second.root.numbers()), (vec![1], vec![1]));
        let key = second.made_api_key.unwrap();
        assert_eq!(first.made_api_key.unwrap().expose(), key.expose());
        assert!(second.api[0].hash.matches(key.expose()));
        let kept = fs::read_to_string(beside(&store, ".keys")).unwrap();
        assert_eq!(kept, "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "made once, from the first random bytes");
    }

    #[cfg(unix)]
    #[test]
    fn kept_keys_are_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (config, store) = on_file(folder.path());
        keys(&config, &counting()).unwrap();
        for ending in [".keys", ".api-key"] {
            assert_eq!(fs::metadata(beside(&store, ending)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_store_without_its_key_file_gets_no_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let (config, store) = on_file(folder.path());
        fs::write(&store, "data").unwrap();
        let problems = keys(&config, &counting()).err().unwrap().to_string();
        assert!(problems.contains("is missing, but"), "{problems}");
        assert!(!beside(&store, ".keys").exists());
        fs::write(beside(&store, ".keys"), "\n").unwrap();
        assert!(keys(&config, &counting()).err().unwrap().to_string().contains("is empty"));
    }

    #[test]
    fn memory_has_keys_of_its_own_and_redis_has_none() {
        let random = counting();
        let memory = Config::of_toml("store.url = 'memory:'").unwrap();
        let [one, other] = [(); 2].map(|()| keys(&memory, &random).unwrap().made_api_key.unwrap());
        assert_ne!(one.expose(), other.expose());

        let written = RootKey::generate(7, &random).to_text();
        let redis = format!("store.url = 'redis://localhost'\nseal.keys = ['{}']", written.expose());
        let keys = keys(&Config::of_toml(&redis).unwrap(), &random).unwrap();
        assert_eq!(keys.root.numbers(), [7]);
        assert!(keys.api.is_empty() && matches!(&keys.notices[..], [Notice::Warning(_)]));
    }
}
