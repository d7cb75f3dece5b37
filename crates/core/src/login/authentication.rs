//! How the person is to be authenticated: what the app asked for (OIDC Core §3.1.2.1), and whether the IdP's answer meets it.
//!
//! The IdP authenticates, so the wish goes on to it: ForceAuthn, IsPassive and RequestedAuthnContext in SAML, `prompt`,
//! `max_age` and `acr_values` in OpenID Connect. Providers ignore such wishes now and then, so the answer is judged here, in
//! one place for both protocols. Where an answer could still become a good one, the IdP is asked a second time, once.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Person;
use crate::fault::{Code, Fault};
use crate::ports::Timestamp;

/// What is asked of the authentication. By default nothing: whoever the IdP knows already is welcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Nothing may be shown to the person: `prompt=none`.
    pub silently: bool,
    /// The person has to authenticate now: `prompt=login`, `max_age=0`, Jackson's `forceAuthn=true`, or an answer that was
    /// too old.
    pub anew: bool,
    /// The person chooses who answers: `prompt=select_account`.
    pub choosing: bool,
    /// How many seconds ago the person may have authenticated: `max_age`.
    pub max_age: Option<u64>,
    /// Ways to authenticate, the best first: `acr_values`, or `acr` in `claims`.
    pub contexts: Vec<String>,
    /// Whether it has to be one of these: `acr` is essential in `claims`.
    pub context_is_essential: bool,
    /// Who it has to be: the value of `sub` in `claims`.
    pub subject: Option<String>,
    /// When the person had authenticated according to an answer that was too old.
    too_old: Option<Timestamp>,
}

/// The parameters in which an app asks.
#[derive(Debug, Default)]
pub(super) struct Wording {
    pub(super) prompt: Option<String>,
    pub(super) max_age: Option<String>,
    pub(super) acr_values: Option<String>,
    pub(super) claims: Option<String>,
    pub(super) force_authn: bool,
}

impl Asked {
    /// Reads what an app asks.
    pub(super) fn read(wording: &Wording) -> Result<Self, Code> {
        let mut asked = Self { anew: wording.force_authn, ..Self::default() };
        asked.read_prompt(wording.prompt.as_deref().unwrap_or_default())?;
        if let Some(max_age) = &wording.max_age {
            let seconds = max_age.parse().map_err(|_| Code::MaxAgeMalformed)?;
            // OIDC Core §3.1.2.1: "max_age=0 [...] is equivalent to prompt=login" (errata set 2).
            asked.anew |= seconds == 0;
            asked.max_age = Some(seconds);
        }
        asked.contexts = words(wording.acr_values.as_deref().unwrap_or_default()).map(str::to_owned).collect();
        if let Some(claims) = &wording.claims {
            asked.read_claims(claims).map_err(|_| Code::ClaimsMalformed)?;
        }
        Ok(asked)
    }

    /// OIDC Core §3.1.2.1: "If this parameter contains none with any other value, an error is returned." There is nothing to
    /// consent to here, so `consent` is met by asking nothing.
    fn read_prompt(&mut self, prompt: &str) -> Result<(), Code> {
        for word in words(prompt) {
            match word {
                "none" => self.silently = true,
                "login" => self.anew = true,
                "select_account" => self.choosing = true,
                "consent" => {}
                _ => return Err(Code::PromptMalformed),
            }
        }
        match self.silently && words(prompt).count() > 1 {
            true => Err(Code::PromptMalformed),
            false => Ok(()),
        }
    }

    /// OIDC Core §5.5. Only what says something about the authentication is read: which claims an app gets is decided by the
    /// connection's mapping, so that `claims` cannot widen it.
    fn read_claims(&mut self, claims: &str) -> Result<(), serde_json::Error> {
        let ClaimsParameter { id_token, userinfo } = serde_json::from_str(claims)?;
        let mut id_token = id_token.unwrap_or_default();
        if let Some(Some(acr)) = id_token.remove("acr") {
            let contexts = acr.texts();
            if !contexts.is_empty() {
                (self.contexts, self.context_is_essential) = (contexts, acr.essential);
            }
        }
        let userinfo = userinfo.unwrap_or_default().remove("sub");
        let subject = id_token.remove("sub").or(userinfo).flatten();
        self.subject = subject.and_then(|subject| subject.texts().into_iter().next());
        Ok(())
    }

    /// Whether nothing in particular is asked.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Judges an answer to a question of `began`: is it the right person, authenticated lately enough, in the right way?
    /// `skew` is how far the clock of the IdP may be off.
    pub(super) fn check(
        &mut self,
        person: &Person,
        began: Timestamp,
        now: Timestamp,
        skew: Duration,
    ) -> Result<(), Fault> {
        self.check_time(person.authentication.at, began, now, skew)?;
        self.check_context(person.authentication.context.as_deref())?;
        let subject = person.claims.get("sub").and_then(Value::as_str);
        match &self.subject {
            Some(expected) if Some(expected.as_str()) != subject => Err(Code::SubjectOther.into()),
            _ => Ok(()),
        }
    }

    fn check_context(&self, context: Option<&str>) -> Result<(), Fault> {
        match context {
            _ if !self.context_is_essential => Ok(()),
            Some(context) if self.contexts.iter().any(|asked| asked == context) => Ok(()),
            // OIDC Core §5.5.1.1: "If this is an Essential Claim and the requirement cannot be met, then the Authorization
            // Server MUST treat that outcome as a failed authentication attempt."
            other => Err(Code::AuthenticationContextUnmet
                .fault()
                .expected(self.contexts.join(" "))
                .received(other.unwrap_or("none"))),
        }
    }

    /// OIDC Core §3.1.2.1: for `max_age`, "if the elapsed time is greater than this value, the OP MUST attempt to actively
    /// re-authenticate the End-User"; the same for `prompt=login`. An answer to `max_age` gets no tolerance for clocks: the
    /// worst that a clock does is one more question. An answer to a question to authenticate anew has one.
    fn check_time(
        &mut self,
        at: Option<Timestamp>,
        began: Timestamp,
        now: Timestamp,
        skew: Duration,
    ) -> Result<(), Fault> {
        let earliest = match (self.anew, self.max_age) {
            (true, _) => earlier(began, skew),
            (false, Some(seconds)) => earlier(now, Duration::from_secs(seconds)),
            (false, None) => return Ok(()),
        };
        let at = at.ok_or(Code::AuthenticationTimeMissing)?;
        if at >= earliest && self.too_old.is_none_or(|before| at > before) {
            return Ok(());
        }
        Err(self.refuse_as_stale(at, &format!("{earliest} or later")))
    }

    /// The refusal of an answer by which the person authenticated too long ago. The next one has to name a later time.
    pub(super) fn refuse_as_stale(&mut self, at: Timestamp, expected: &str) -> Fault {
        self.too_old = Some(at);
        Code::AuthenticationStale.fault().expected(expected).received(at.to_string())
    }

    /// Changes what is asked into what could still be answered well, after an answer that was refused. Whether there is
    /// such a question; no question leads here twice.
    pub fn again(&mut self, why: Code) -> bool {
        match why {
            Code::AuthenticationStale if !self.anew && !self.silently => self.anew = true,
            // OIDC Core §3.1.2.1: `acr_values` are voluntary, but a SAML IdP that cannot meet them has to refuse.
            Code::SamlNoAuthnContext if !self.contexts.is_empty() && !self.context_is_essential => {
                self.contexts.clear()
            }
            _ => return false,
        }
        true
    }
}

#[derive(Deserialize)]
struct ClaimsParameter {
    id_token: Option<BTreeMap<String, Option<ClaimWish>>>,
    userinfo: Option<BTreeMap<String, Option<ClaimWish>>>,
}

#[derive(Deserialize)]
struct ClaimWish {
    #[serde(default)]
    essential: bool,
    value: Option<Value>,
    #[serde(default)]
    values: Vec<Value>,
}

impl ClaimWish {
    fn texts(&self) -> Vec<String> {
        self.value.iter().chain(&self.values).filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|word| !word.is_empty())
}

/// `time` minus a duration; at the beginning of time where that is before it.
fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Authentication;
    use crate::login::Admission;

    const SKEW: Duration = Duration::from_secs(180);

    fn asked(prompt: &str, max_age: Option<&str>, claims: Option<&str>) -> Result<Asked, Code> {
        Asked::read(&Wording {
            prompt: Some(prompt.into()),
            max_age: max_age.map(str::to_owned),
            acr_values: Some("urn:a urn:b".into()),
            claims: claims.map(str::to_owned),
            force_authn: false,
        })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn answered(authenticated_at: Option<i64>, context: Option<&str>) -> Person {
        let claims = [("sub".to_owned(), Value::from("s1"))].into_iter().collect();
        let (at, context) = (authenticated_at.map(at), context.map(str::to_owned));
        let authentication = Authentication { at, context, ..Authentication::default() };
        Person { claims, authentication, admission: Admission::default() }
    }

    /// Begun at 0, answered at 10 by somebody who authenticated then.
    fn judged(asked: &mut Asked, authenticated_at: Option<i64>) -> Result<(), Code> {
        asked.check(&answered(authenticated_at, None), at(0), at(10), SKEW).map_err(|fault| fault.code)
    }

    #[test]
    fn f5_none_stands_alone_and_other_prompts_are_known() {
        assert!(asked("none", None, None).unwrap().silently);
        let several = asked("login select_account consent", None, None).unwrap();
        assert!(several.anew && several.choosing && !several.silently);
        for wrong in ["none login", "login none", "NONE", "create"] {
            assert_eq!(asked(wrong, None, None), Err(Code::PromptMalformed), "{wrong}");
        }
        for wrong in ["-1", "1.5", "x", "99999999999999999999"] {
            assert_eq!(asked("", Some(wrong), None), Err(Code::MaxAgeMalformed), "{wrong}");
        }
        assert!(asked("", Some("0"), None).unwrap().anew);
    }

    #[test]
    fn f4_an_answer_that_is_too_old_is_refused_after_one_more_question() {
        let mut lately = asked("", Some("60"), None).unwrap();
        assert_eq!(judged(&mut lately, None), Err(Code::AuthenticationTimeMissing));
        assert_eq!(judged(&mut lately, Some(-50)), Ok(()));
        assert_eq!(judged(&mut lately, Some(-51)), Err(Code::AuthenticationStale));
        assert!(lately.again(Code::AuthenticationStale) && lately.anew);
        assert_eq!(judged(&mut lately, Some(-51)), Err(Code::AuthenticationStale), "though the clock could explain it");
        assert_eq!(judged(&mut lately, Some(-50)), Ok(()));
        assert!(!lately.again(Code::AuthenticationStale));
        assert!(!asked("none", Some("60"), None).unwrap().again(Code::AuthenticationStale));

        let mut login = asked("login", None, None).unwrap();
        assert_eq!(judged(&mut login, Some(-180)), Ok(()));
        assert_eq!(judged(&mut login, Some(-181)), Err(Code::AuthenticationStale));
        assert_eq!(judged(&mut Asked::default(), None), Ok(()));
        assert_eq!(judged(&mut asked("", Some(&u64::MAX.to_string()), None).unwrap(), Some(-1_000_000)), Ok(()));
    }

    #[test]
    fn f6_an_essential_context_has_to_be_met_and_a_voluntary_one_is_a_wish() {
        let met = |asked: &mut Asked, context| {
            asked.check(&answered(None, context), at(0), at(0), SKEW).map_err(|fault| fault.code)
        };
        let mut voluntary =
            asked("", None, Some(r#"{"id_token":{"acr":null,"auth_time":{"essential":true}}}"#)).unwrap();
        assert_eq!(voluntary.contexts, ["urn:a", "urn:b"]);
        assert_eq!(met(&mut voluntary, Some("urn:c")), Ok(()));
        assert!(voluntary.again(Code::SamlNoAuthnContext) && voluntary.contexts.is_empty());
        assert!(!voluntary.again(Code::SamlNoAuthnContext));

        let claims = r#"{"userinfo":null,"id_token":{"acr":{"essential":true,"values":["urn:c"],"value":"urn:d"}}}"#;
        let mut essential = asked("", None, Some(claims)).unwrap();
        assert_eq!(essential.contexts, ["urn:d", "urn:c"]);
        assert_eq!(met(&mut essential, Some("urn:c")), Ok(()));
        assert_eq!(met(&mut essential, Some("urn:a")), Err(Code::AuthenticationContextUnmet));
        assert_eq!(met(&mut essential, None), Err(Code::AuthenticationContextUnmet));
        assert!(!essential.again(Code::SamlNoAuthnContext));
        for wrong in ["", "[]", "{", r#"{"id_token":[]}"#, r#"{"id_token":{"acr":{"essential":"yes"}}}"#] {
            assert_eq!(asked("", None, Some(wrong)), Err(Code::ClaimsMalformed), "{wrong}");
        }
    }

    #[test]
    fn an_expected_subject_is_the_only_one_that_may_come() {
        let expecting =
            |sub| asked("", None, Some(&format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#))).unwrap();
        assert_eq!(judged(&mut expecting("s1"), None), Ok(()));
        assert_eq!(judged(&mut expecting("s2"), None), Err(Code::SubjectOther));
    }

    #[test]
    fn a_wish_survives_the_store_and_an_older_record_has_none() {
        let asked = asked("login", Some("5"), None).unwrap();
        assert_eq!(serde_json::from_value::<Asked>(serde_json::to_value(&asked).unwrap()).unwrap(), asked);
        assert!(serde_json::from_str::<Asked>("{}").unwrap().is_nothing());
    }
}
