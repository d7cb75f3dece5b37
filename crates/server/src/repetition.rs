//! A login that succeeds and is begun again at once, over and over: the app does not keep its session, and sends the person to
//! sign in for ever. Identity providers who know the person answer without a word, so nothing but the address bar shows it.
//!
//! Nobody remembers such a thing but the browser: a cookie counts the logins of one connection that succeeded in it, each
//! within [`WINDOW`] of the one before. The trace tells of the third, and after [`MOST`] the person is told instead of sent on.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use postern_core::connection::ConnectionId;
use postern_core::fault::{Code, Fault};
use sha2::{Digest as _, Sha256};

/// Not one of the cookies of a login, which have a hyphen there.
const COOKIE: &str = "__Host-postern_again";

/// How soon after a success the next one counts.
const WINDOW: Duration = Duration::from_secs(30);

/// How many successes in a row are worth a note.
const SEVERAL: u32 = 2;

/// After how many the next login is refused.
const MOST: u32 = 10;

/// What a browser remembers of its latest successes.
#[derive(Debug, Default)]
pub struct Repetition {
    of: String,
    successes: u32,
}

impl Repetition {
    /// Reads the cookies of a request.
    pub fn read<'a>(cookies: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let ours = cookies.filter(|(name, _)| *name == COOKIE).find_map(|(_, value)| {
            let (of, successes) = value.split_once('.')?;
            Some(Self { of: of.to_owned(), successes: successes.parse().ok()? })
        });
        ours.unwrap_or_default()
    }

    fn successes(&self, connection: &ConnectionId) -> u32 {
        if self.of == name(connection) { self.successes } else { 0 }
    }

    /// What there is to note about a login of this connection that begins, or that it is one too many.
    pub fn judge(&self, connection: &ConnectionId) -> Result<Option<String>, Fault> {
        match self.successes(connection) {
            0..SEVERAL => Ok(None),
            successes @ SEVERAL..MOST => Ok(Some(format!(
                "{successes} logins of this browser succeeded within {} s of one another, and the application began this one: \
                 see LoginLoop",
                WINDOW.as_secs()
            ))),
            successes => Err(Code::LoginLoop.fault().received(format!("{successes} logins"))),
        }
    }

    /// Lets the browser count a success.
    pub fn count(&self, response: &mut HttpResponse, connection: &ConnectionId) {
        let (of, successes) = (name(connection), self.successes(connection).saturating_add(1));
        let seconds = WINDOW.as_secs();
        // The next success comes by a post from another site, like the answers that the other cookies wait for.
        let cookie = format!("{COOKIE}={of}.{successes}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=None");
        // A hash and a number: plain ASCII, so this is always a header value.
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
}

/// A short name for a connection, good enough to tell a person's few from each other.
fn name(connection: &ConnectionId) -> String {
    let hash = Sha256::digest(connection.0.as_bytes());
    postern_core::base64url(&hash[..9])
}
