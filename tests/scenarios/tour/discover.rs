//! A person writes an address that is none, and asks too often.

use postern_core::fault::Code;
use postern_e2e::login::Answer;

use super::{Guide, STRANGE};

/// How often one address may ask in a minute.
pub(super) const PER_MINUTE: &str = "2";

pub(super) async fn visit(guide: &mut Guide) {
    for code in [Code::EmailMalformed, Code::EmailMalformed, Code::RequestsTooMany] {
        let answer = ask(guide).await;
        guide.meet(code, answer);
    }
}

async fn ask(guide: &Guide) -> Answer {
    guide.postern.post_form("/api/discover", &[("client_id", &guide.client.0), ("email", STRANGE)]).await
}
