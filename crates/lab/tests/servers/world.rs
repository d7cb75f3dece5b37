//! What the tests of the two servers share: a fixed time, real chance, and a reader of pages.

use std::sync::Arc;

use postern_core::ports::{Clock, Random, Timestamp};
use reqwest::header::SET_COOKIE;
use roxmltree::Document;

pub(crate) const NOW: &str = "2026-01-31T12:00:00Z";

pub(crate) fn clock() -> Arc<dyn Clock> {
    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            NOW.parse().unwrap()
        }
    }
    Arc::new(Fixed)
}

pub(crate) fn random() -> Arc<dyn Random> {
    struct Chance;
    impl Random for Chance {
        fn fill(&self, bytes: &mut [u8]) {
            aws_lc_rs::rand::fill(bytes).unwrap();
        }
    }
    Arc::new(Chance)
}

/// A page as a browser would see it.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) policy: String,
    pub(crate) cookie: Option<String>,
    pub(crate) html: String,
}

impl Page {
    pub(crate) async fn of(response: reqwest::Response) -> Page {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let cookie = header(SET_COOKIE.as_str()).map(|cookie| cookie.split(';').next().unwrap().to_owned());
        let (status, policy) = (response.status().as_u16(), header("content-security-policy").unwrap_or_default());
        Page { status, policy, cookie, html: response.text().await.unwrap() }
    }

    /// The address of the first form and the names and values of its fields.
    pub(crate) fn form(&self) -> (String, Vec<(String, String)>) {
        let start = self.html.find("<form").expect("there is a form");
        let end = start + self.html[start..].find("</form>").unwrap() + "</form>".len();
        let form = self.html[start..end].replace(" required", "").replace(" autofocus", "");
        let closed: String = form.split_inclusive('\n').map(close).collect();
        let document = Document::parse(&closed).unwrap_or_else(|error| panic!("{error}: {closed}"));
        let fields = document.descendants().filter(|node| node.has_tag_name("input")).map(|input| {
            let attribute = |name| input.attribute(name).unwrap_or_default().to_owned();
            (attribute("name"), attribute("value"))
        });
        (document.root_element().attribute("action").unwrap().to_owned(), fields.collect())
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.form().1.into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

/// The lab writes every field on a line of its own.
fn close(line: &str) -> String {
    match line.trim_end().strip_suffix('>') {
        Some(open) if line.starts_with("<input") => format!("{open}/>"),
        _ => line.to_owned(),
    }
}
