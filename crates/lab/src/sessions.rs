//! What the server remembers of a browser, behind a random cookie, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;
use postern_core::ports::Random;
use postern_core::secret::random_text;

/// Everything is forgotten when this many browsers are known: enough for a demo, and no leak.
const MOST: usize = 1000;

/// What is remembered, by cookie.
pub(crate) struct Sessions<T> {
    cookie: &'static str,
    random: Arc<dyn Random>,
    known: Mutex<HashMap<String, T>>,
}

impl<T: Clone> Sessions<T> {
    /// Nothing yet. Cookies do not tell ports apart, so every server on loopback needs its own `cookie`.
    pub(crate) fn new(cookie: &'static str, random: Arc<dyn Random>) -> Self {
        Self { cookie, random, known: Mutex::default() }
    }

    /// What is remembered of the browser that sent `request`.
    pub(crate) fn of(&self, request: &HttpRequest) -> Option<T> {
        self.known().get(&self.id(request)?).cloned()
    }

    /// Remembers `value` under a new id and forgets what was there. The result is the `Set-Cookie` header; `Lax`, because
    /// people come back here by a link or redirect from another site.
    pub(crate) fn begin(&self, request: &HttpRequest, value: T) -> String {
        let id = random_text(&*self.random);
        let old = self.id(request);
        let mut known = self.known();
        if let Some(old) = old {
            known.remove(&old);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(id.clone(), value);
        format!("{}={id}; Path=/; HttpOnly; SameSite=Lax", self.cookie)
    }

    /// Forgets the browser. The result is the `Set-Cookie` header.
    pub(crate) fn end(&self, request: &HttpRequest) -> String {
        if let Some(id) = self.id(request) {
            self.known().remove(&id);
        }
        format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0", self.cookie)
    }

    fn id(&self, request: &HttpRequest) -> Option<String> {
        let headers = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
        let mut cookies =
            headers.flat_map(|header| header.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.find(|(name, _)| *name == self.cookie).map(|(_, value)| value.to_owned())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, T>> {
        // A panic elsewhere leaves the map as whole as it was.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
