//! Something that is good for one use, and how often it was taken.

use reqwest::header::COOKIE;

use super::balancer::{Asked, Balancer};
use super::{Client, Step};

/// A response or a code, as it is sent.
pub(super) struct Once {
    pub(super) step: Step,
    /// How often it was taken.
    pub(super) taken: usize,
    path: String,
    form: Vec<(&'static str, String)>,
    cookie: Option<String>,
    client: Option<Client>,
}

impl Once {
    pub(super) fn new(step: Step, path: &str, form: Vec<(&'static str, String)>) -> Self {
        Self { step, taken: 0, path: path.to_owned(), form, cookie: None, client: None }
    }

    /// It comes from the browser that has this cookie.
    pub(super) fn in_browser(self, cookie: String) -> Self {
        Self { cookie: Some(cookie), ..self }
    }

    /// Whether it comes from a browser in which something began.
    pub(super) fn is_of_browser(&self) -> bool {
        self.cookie.is_some()
    }

    /// It comes from this client.
    pub(super) fn by(self, client: &Client) -> Self {
        Self { client: Some(client.clone()), ..self }
    }

    pub(super) async fn send(&self, balancer: &Balancer, replica: usize) -> Asked {
        let request = |http: &reqwest::Client, origin: &str| {
            let mut request = http.post(format!("{origin}{}", self.path)).form(&self.form);
            if let Some(cookie) = &self.cookie {
                request = request.header(COOKIE, cookie);
            }
            match &self.client {
                Some(Client { id, secret }) => request.basic_auth(id, Some(secret)),
                None => request,
            }
        };
        balancer.ask(replica, request).await
    }
}
