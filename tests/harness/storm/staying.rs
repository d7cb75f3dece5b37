//! People who stay: their app renews their tokens again and again, at one replica after the other, and verifies each ID token by
//! the keys that another one serves.

use std::sync::atomic::Ordering;

use super::{BREATH, Manner, Step, Storm, Verdict};
use crate::key_set::KeySet;
use crate::login::Answer;

impl Storm {
    pub(super) async fn come_and_stay(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let mut tokens = self.sign_in(Manner::Stay).await;
            for replica in 0.. {
                let Some(renewable) = &tokens else { break };
                if self.over.load(Ordering::Relaxed) {
                    break;
                }
                self.verify(replica + 1, renewable).await;
                tokens = self.renew(replica, renewable).await;
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    /// What comes in the place of these tokens. Nothing, where the person has to begin anew.
    async fn renew(&self, replica: usize, tokens: &Answer) -> Option<Answer> {
        let token = tokens.member("refresh_token").expect("a refresh token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let asked = self.balancer.ask(replica, |http, origin| {
            let request = http.post(format!("{origin}/api/oauth/token"));
            request.basic_auth(&self.app.id, Some(&self.app.secret)).form(&form)
        });
        let renewed = self.good(Step::Refresh, asked.await);
        if let Err((step, Verdict::BeginAnew(code))) = &renewed {
            *self.report().anew.entry((*step, code.name())).or_default() += 1;
        }
        renewed.ok()
    }

    async fn verify(&self, replica: usize, tokens: &Answer) {
        let asked = self.balancer.ask(replica, |http, origin| http.get(format!("{origin}/oauth/jwks"))).await;
        let Ok(keys) = self.good(Step::Keys, asked) else { return };
        let token = tokens.member("id_token").expect("an ID token");
        match KeySet::read(&keys.body).verify(&token, &self.issuer, &self.app.id) {
            Ok(_) => self.report().verified += 1,
            Err(why) => self.report().invalid.push(why),
        }
    }
}
