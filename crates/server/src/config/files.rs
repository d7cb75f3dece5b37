//! The files that a configuration was read from, remembered by what was in them, so that it is noticed when one changes.
//! Content is compared and not the time of the last change: Kubernetes puts another folder in the place of a mounted secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Files, each with the SHA-256 of what was in it; none where it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Option<[u8; 32]>>);

impl Files {
    /// Reads a file, and remembers what was in it.
    pub(super) fn read(&mut self, path: &Path) -> std::io::Result<String> {
        let text = std::fs::read_to_string(path);
        self.0.insert(path.to_owned(), text.as_ref().ok().map(|text| Sha256::digest(text).into()));
        text
    }

    /// The same files as they are now.
    pub fn now(&self) -> Self {
        let mut now = Self::default();
        for path in self.0.keys() {
            // One that is away is remembered as such.
            let _ = now.read(path);
        }
        now
    }
}
