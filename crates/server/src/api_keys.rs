//! The keys of the API that are good at this moment. [`crate::reload`] puts others in their place.

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::ApiKey;

/// Who may use the API.
pub struct ApiKeys(RwLock<Arc<[ApiKey]>>);

impl ApiKeys {
    /// Lets these in.
    pub fn new(keys: Vec<ApiKey>) -> Self {
        Self(RwLock::new(keys.into()))
    }

    /// Lets these in, and nobody else, from the next request on.
    pub fn replace(&self, keys: Vec<ApiKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    /// The key that was sent, if it is one. Every one is compared, each in constant time, so that the answer's time tells
    /// nothing.
    pub fn find(&self, sent: &str) -> Option<ApiKey> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        keys.iter().fold(None, |known, key| if key.hash.matches(sent) { Some(key.clone()) } else { known })
    }
}
