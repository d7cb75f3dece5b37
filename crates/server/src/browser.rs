//! The cookies that bind a login to the browser that began it (RFC 9700 §4.7): one for each login, so that several can be
//! under way in one browser, and a bounded number of them. And the cookie by which a browser knows the sessions that began in
//! it, for a logout that names none.
//!
//! SameSite=None, because the IdP's answer is posted from another site; Secure and `__Host-`, because then no other host
//! and no plain connection can set or read it.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use postern_core::login::SessionId;
use postern_core::login::finish::Issued;
use postern_core::secret::Secret;
use sha2::{Digest as _, Sha256};

use crate::repetition::Repetition;

const PREFIX: &str = "__Host-postern-";

/// The cookie of the sessions that began in this browser.
const SESSIONS: &str = "__Host-postern.sessions";

/// How many logins may be under way in one browser, and how many sessions it remembers. The oldest give way.
const MOST: usize = 8;

/// The logins that this browser began.
#[derive(Debug)]
pub struct Browser {
    /// Login id and secret. Ids sort by the time they were made.
    logins: Vec<(String, Secret)>,
    /// Its latest successes.
    pub repetition: Repetition,
    /// Session and secret, the newest first.
    sessions: Vec<(SessionId, Secret)>,
}

impl FromRequest for Browser {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
        let pairs: Vec<_> =
            headers.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
        let repetition = Repetition::read(pairs.iter().copied());
        let remembered = pairs.iter().find(|(name, _)| *name == SESSIONS).map_or("", |(_, value)| value);
        let sessions = remembered.split('~').filter_map(|pair| pair.split_once('.'));
        let sessions = sessions.filter(|(id, secret)| is_plain(id) && is_plain(secret)).take(MOST);
        let sessions = sessions.map(|(id, secret)| (SessionId(id.to_owned()), Secret::new(secret))).collect();
        let mut logins: Vec<_> = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)))
            .filter(|(id, value)| is_plain(id) && is_plain(value))
            .map(|(id, value)| (id.to_owned(), Secret::new(value)))
            .collect();
        logins.sort_by(|a, b| a.0.cmp(&b.0));
        ready(Ok(Self { logins, sessions, repetition }))
    }
}

/// What we put into our cookies: nothing that needs quoting.
fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Browser {
    /// The secret of a login, if this browser began it.
    pub fn secret_of(&self, login_id: &str) -> Option<&str> {
        self.logins.iter().find(|(id, _)| id == login_id).map(|(_, secret)| secret.expose())
    }

    /// Lets the browser remember a login that it begins, and forget the oldest where there are too many.
    pub fn remember(&self, response: &mut HttpResponse, login_id: &str, secret: &Secret, lifetime: Duration) {
        let surplus = (self.logins.len() + 1).saturating_sub(MOST);
        for (id, _) in self.logins.iter().take(surplus) {
            set(response, id, "", 0);
        }
        set(response, login_id, secret.expose(), lifetime.as_secs());
    }

    /// The sessions that began in this browser, with what proves it.
    pub fn sessions(&self) -> &[(SessionId, Secret)] {
        &self.sessions
    }

    /// What only this browser can know of its sessions, for a form on a page of ours: nobody else can make it post that
    /// (RFC 9700 §4.16).
    pub fn confirmation(&self) -> Secret {
        let known = self
            .sessions
            .iter()
            .fold(Sha256::new_with_prefix("sign out"), |known, (_, secret)| known.chain_update(secret.expose()));
        Secret::new(data_encoding::BASE64URL_NOPAD.encode(&known.finalize()))
    }

    /// Lets the browser remember a session that begins, so that the person can end it from here.
    pub fn remember_session(&self, response: &mut HttpResponse, issued: &Issued) {
        let newest = [(issued.session.clone(), issued.browser.clone())];
        let sessions: Vec<_> = newest.iter().chain(&self.sessions).take(MOST).collect();
        set_sessions(response, &sessions, issued.lifetime.as_secs());
    }

    /// Lets the browser forget the sessions that it knows.
    pub fn forget_sessions(&self, response: &mut HttpResponse) {
        if !self.sessions.is_empty() {
            set_sessions(response, &[], 0);
        }
    }

    /// Lets the browser forget a login that is over.
    pub fn forget(response: &mut HttpResponse, login_id: &str) {
        if is_plain(login_id) {
            set(response, login_id, "", 0);
        }
    }
}

fn set_sessions(response: &mut HttpResponse, sessions: &[&(SessionId, Secret)], seconds: u64) {
    let pairs: Vec<_> = sessions.iter().map(|(id, secret)| format!("{}.{}", id.0, secret.expose())).collect();
    let cookie = format!("{SESSIONS}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=None", pairs.join("~"));
    // Names of sessions and secrets are base64url, so this is always a header value.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

fn set(response: &mut HttpResponse, id: &str, value: &str, seconds: u64) {
    let cookie = format!("{PREFIX}{id}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=None");
    // Ids and values are plain ASCII, so this is always a header value.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
