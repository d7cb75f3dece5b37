//! The cookies that bind a login to the browser that began it (RFC 9700 §4.7): one for each login, so that several can be
//! under way in one browser, and a bounded number of them.
//!
//! SameSite=None, because the IdP's answer is posted from another site; Secure and `__Host-`, because then no other host
//! and no plain connection can set or read it.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use postern_core::secret::Secret;

use crate::repetition::Repetition;

const PREFIX: &str = "__Host-postern-";

/// How many logins may be under way in one browser. The oldest give way.
const MOST: usize = 8;

/// The logins that this browser began.
#[derive(Debug)]
pub struct Browser {
    /// Login id and secret. Ids sort by the time they were made.
    logins: Vec<(String, Secret)>,
    /// Its latest successes.
    pub repetition: Repetition,
}

impl FromRequest for Browser {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
        let pairs: Vec<_> =
            headers.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
        let repetition = Repetition::read(pairs.iter().copied());
        let mut logins: Vec<_> = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)))
            .filter(|(id, value)| is_plain(id) && is_plain(value))
            .map(|(id, value)| (id.to_owned(), Secret::new(value)))
            .collect();
        logins.sort_by(|a, b| a.0.cmp(&b.0));
        ready(Ok(Self { logins, repetition }))
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

    /// Lets the browser forget a login that is over.
    pub fn forget(response: &mut HttpResponse, login_id: &str) {
        if is_plain(login_id) {
            set(response, login_id, "", 0);
        }
    }
}

fn set(response: &mut HttpResponse, id: &str, value: &str, seconds: u64) {
    let cookie = format!("{PREFIX}{id}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=None");
    // Ids and values are plain ASCII, so this is always a header value.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
