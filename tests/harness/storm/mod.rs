//! A storm of logins: many people sign in at once, over real HTTP, by way of several replicas, while something is broken. Everything that
//! is good for one use is used more than once on purpose: responses are posted twice and codes redeemed twice, at once and one
//! after the other, each at another replica, and when the storm is over all of them once more. What became of it is a [`Report`].

mod balancer;
mod once;
mod report;
mod staying;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use postern_core::fault::Code;
use postern_lab::response::{Response, base64};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub use self::balancer::{Asked, Balancer};
use self::once::Once;
pub use self::report::{Broken, Report, Step, Timing, Twice, Verdict};
use crate::Postern;
use crate::login::{self, Answer, CODE_CHALLENGE, CODE_VERIFIER, Idp, Waiting};

const REDIRECT: &str = "https://app.example.com/callback";
const TENANT: &str = "acme.example.com";
/// How long all is well before the trouble, and again afterwards.
const CALM: Duration = Duration::from_secs(2);
/// After a failure, people do not try again at once.
const BREATH: Duration = Duration::from_millis(20);
/// How many are busy with trying everything once more.
const REPLAYERS: usize = 4;

/// How many people there are.
#[derive(Debug, Clone, Copy)]
pub struct People {
    /// Who sign in, again and again.
    pub sign_in: usize,
    /// Who sign in once, and whose app then renews their tokens, again and again, and verifies each ID token.
    pub stay: usize,
}

/// A storm over some replicas, which begins when it [rages](Storm::rage).
pub struct Storm {
    balancer: Balancer,
    issuer: String,
    idp: Idp,
    /// An app that people sign in to.
    app: Client,
    /// One that they come to from their identity provider's list of apps.
    portal: Client,
    /// The connection of the latter.
    portal_connection: String,
    people: People,
    logins: AtomicUsize,
    over: AtomicBool,
    report: Mutex<Report>,
    kept: Mutex<Vec<Once>>,
}

#[derive(Clone)]
struct Client {
    id: String,
    secret: String,
}

/// How something is used that is good for one use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Twice at the same time.
    AtOnce,
    /// Twice at the same time, for a login that nobody asked for.
    FromIdp,
    /// Twice, one after the other.
    Again,
    /// Once.
    Once,
    /// Once, and never more, because that would end the session.
    Stay,
}

impl Manner {
    fn of(login: usize) -> Self {
        [Self::AtOnce, Self::Again, Self::FromIdp, Self::Once][login % 4]
    }

    fn races(self) -> bool {
        matches!(self, Self::AtOnce | Self::FromIdp)
    }
}

impl Storm {
    /// Makes everything known to the replicas that the logins need.
    pub async fn gather(replicas: &[&Postern], people: People) -> Arc<Self> {
        let first = replicas[0];
        let idp = Idp::new("https://idp.acme.example.com/metadata");
        let urls = [REDIRECT];
        let connection = |product: &str| {
            json!({
                "tenant": TENANT, "product": product, "redirectUrl": urls, "defaultRedirectUrl": REDIRECT,
                "rawMetadata": idp.metadata(),
            })
        };
        first.call("POST", "/api/v1/sso", Some(&connection("crm"))).await;
        let mut from_idp = connection("portal");
        from_idp["allow"] = json!(["unsolicited"]);
        from_idp["unsolicitedDelivery"] = "direct".into();
        let portal_connection = text(&first.call("POST", "/api/v1/sso", Some(&from_idp)).await, "id");
        let register = async |name: &str| {
            let product = json!({
                "name": name, "redirect_urls": urls, "grant_types": ["authorization_code", "refresh_token"],
            });
            let client = first.call("POST", "/api/v1/products", Some(&product)).await;
            Client { id: text(&client, "client_id"), secret: text(&client, "client_secret") }
        };
        Arc::new(Self {
            balancer: Balancer::new(replicas),
            issuer: first.public_url.clone(),
            app: register("crm").await,
            portal: register("portal").await,
            portal_connection,
            idp,
            people,
            logins: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            report: Mutex::default(),
            kept: Mutex::default(),
        })
    }

    /// People sign in while the trouble happens, and a while before and after. Then everything is tried once more.
    pub async fn rage(self: &Arc<Self>, what: &str, trouble: impl Future<Output = ()>) -> Report {
        let mut people = JoinSet::new();
        for _ in 0..self.people.sign_in {
            let storm = self.clone();
            people.spawn(async move { storm.come_and_go().await });
        }
        for _ in 0..self.people.stay {
            let storm = self.clone();
            people.spawn(async move { storm.come_and_stay().await });
        }
        tokio::time::sleep(CALM).await;
        trouble.await;
        let enough = self.report().completed + 3 * self.balancer.count();
        postern_store::testing::until("people sign in again", async || self.report().completed >= enough).await;
        tokio::time::sleep(CALM).await;
        self.over.store(true, Ordering::Relaxed);
        people.join_all().await;
        self.try_everything_once_more().await;
        let mut report = std::mem::take(&mut *self.report());
        report.what = what.to_owned();
        for once in self.kept().drain(..) {
            let twice = match once.step {
                Step::Redeem => &mut report.codes,
                _ if once.is_of_browser() => &mut report.solicited,
                _ => &mut report.unsolicited,
            };
            twice.count(once.taken);
        }
        report
    }

    async fn come_and_go(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let manner = Manner::of(self.logins.load(Ordering::Relaxed));
            self.sign_in(manner).await;
        }
    }

    /// One login: what the app gets for its code.
    async fn sign_in(&self, manner: Manner) -> Option<Answer> {
        let number = self.logins.fetch_add(1, Ordering::Relaxed);
        self.report().begun += 1;
        match self.try_sign_in(number, manner).await {
            Ok(tokens) => {
                self.report().completed += 1;
                return Some(tokens);
            }
            Err((step, Verdict::BeginAnew(code))) => {
                *self.report().anew.entry((step, code.name())).or_default() += 1;
            }
            // What is broken is in the report already.
            Err(_) => {}
        }
        tokio::time::sleep(BREATH).await;
        None
    }

    /// Each request goes to another replica than the one before.
    async fn try_sign_in(&self, number: usize, manner: Manner) -> Result<Answer, (Step, Verdict)> {
        let mut response = match manner {
            Manner::FromIdp => self.unsolicited(number),
            _ => self.solicited(number).await?,
        };
        let answered = self.use_up(&mut response, manner, number + 1).await;
        if manner == Manner::Again {
            self.once_more(&mut response, number + 2).await;
        }
        self.keep(response, manner);

        let mut code = self.redemption(manner, &answered?.code());
        let redeemed = self.use_up(&mut code, manner, number + 2).await;
        let asked = match redeemed.as_ref().ok().and_then(|answer| answer.member("access_token")) {
            // A second redemption has ended the session.
            Some(token) if !manner.races() => Some(self.userinfo(number, &token).await),
            _ => None,
        };
        if manner == Manner::Again {
            self.once_more(&mut code, number + 3).await;
        }
        self.keep(code, manner);
        asked.transpose()?;
        redeemed
    }

    /// The app asks for a login, and the identity provider signs the answer.
    async fn solicited(&self, number: usize) -> Result<Once, (Step, Verdict)> {
        let question = [
            ("client_id", self.app.id.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let asked = self.balancer.ask(number, |http, origin| {
            http.get(Url::parse_with_params(&format!("{origin}/api/oauth/authorize"), question).expect("a URL"))
        });
        let waiting = Waiting::of(&self.issuer, self.good(Step::Authorize, asked.await)?);
        let xml = waiting.response(&self.idp).signed_assertion(&self.idp.key);
        let form = vec![("SAMLResponse", base64(&xml)), ("RelayState", waiting.relay_state)];
        Ok(Once::new(Step::Respond, "/api/oauth/saml", form).in_browser(waiting.cookie))
    }

    /// The identity provider sends somebody whom nobody asked for.
    fn unsolicited(&self, number: usize) -> Once {
        let path = format!("/api/oauth/saml/{}", self.portal_connection);
        let response = Response {
            id: format!("_response{number}"),
            assertion_id: format!("_assertion{number}"),
            ..Response::at(login::now())
                .sent_by(&self.idp.entity_id)
                .for_audience(&self.issuer)
                .sent_to(&format!("{}{path}", self.issuer))
        };
        Once::new(Step::Respond, &path, vec![("SAMLResponse", base64(&response.signed_assertion(&self.idp.key)))])
    }

    fn redemption(&self, manner: Manner, code: &str) -> Once {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
        ];
        let client = match manner {
            Manner::FromIdp => &self.portal,
            _ => {
                form.push(("code_verifier", CODE_VERIFIER.to_owned()));
                &self.app
            }
        };
        Once::new(Step::Redeem, "/api/oauth/token", form).by(client)
    }

    /// Uses something as it is used first: once, or twice at the same time. One good answer is enough.
    async fn use_up(&self, once: &mut Once, manner: Manner, replica: usize) -> Result<Answer, (Step, Verdict)> {
        let step = once.step;
        let asked = match manner.races() {
            true => {
                let (one, other) =
                    tokio::join!(once.send(&self.balancer, replica), once.send(&self.balancer, replica + 1));
                vec![one, other]
            }
            false => vec![once.send(&self.balancer, replica).await],
        };
        let mut good = None;
        let mut refused = Vec::new();
        for asked in asked {
            match self.good(step, asked) {
                Ok(answer) => {
                    once.taken += 1;
                    good = Some(answer);
                }
                Err(why) => refused.push(why),
            }
        }
        // Of two refusals the one is told that is not about the other.
        refused.sort_by_key(|(_, verdict)| {
            matches!(verdict, Verdict::BeginAnew(Code::LoginSpent | Code::CodeSpent | Code::SamlAssertionReplayed))
        });
        good.ok_or_else(|| refused.remove(0))
    }

    fn keep(&self, once: Once, manner: Manner) {
        if manner != Manner::Stay {
            self.kept().push(once);
        }
    }

    /// Uses it although it was used.
    async fn once_more(&self, once: &mut Once, replica: usize) {
        let asked = once.send(&self.balancer, replica).await;
        if self.good(once.step, asked).is_ok() {
            once.taken += 1;
        }
    }

    async fn try_everything_once_more(self: &Arc<Self>) {
        let waiting = Arc::new(Mutex::new(std::mem::take(&mut *self.kept())));
        let mut replayers = JoinSet::new();
        for replica in 0..REPLAYERS {
            let (storm, waiting) = (self.clone(), waiting.clone());
            replayers.spawn(async move {
                loop {
                    let Some(mut once) = waiting.lock().expect("a list").pop() else { return };
                    storm.once_more(&mut once, replica).await;
                    storm.kept().push(once);
                }
            });
        }
        replayers.join_all().await;
    }

    async fn userinfo(&self, replica: usize, token: &str) -> Result<Answer, (Step, Verdict)> {
        let asked = self
            .balancer
            .ask(replica, |http, origin| http.get(format!("{origin}/api/oauth/userinfo")).bearer_auth(token));
        self.good(Step::Userinfo, asked.await)
    }

    /// Writes down what was asked: the answer, if it is a good one.
    fn good(&self, step: Step, asked: Asked) -> Result<Answer, (Step, Verdict)> {
        let verdict = step.judge(&asked);
        let Asked { replica, began, took, answer } = asked;
        let mut report = self.report();
        report.timings.push(Timing { step, replica, began, took, good: verdict == Verdict::Good });
        match (verdict, answer) {
            (Verdict::Good, Ok(answer)) => Ok(answer),
            (verdict, _) => {
                if let Verdict::Broken(why) = &verdict {
                    report.broken.push(Broken { step, replica, began, why: why.clone() });
                }
                Err((step, verdict))
            }
        }
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().expect("nobody panics with the report")
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Once>> {
        self.kept.lock().expect("nobody panics with the list")
    }
}

fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_else(|| panic!("no {name} in {record}")).to_owned()
}
