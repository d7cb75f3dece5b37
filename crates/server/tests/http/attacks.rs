//! Every row of the attack table (`docs/ATTACKS.md`), posted to the assertion consumer service by the browser that began the
//! login: what a response can do at worst. Each is refused with the code that the table names, and never as a failure of
//! ours.

use postern_lab::attack::{CLASSES, GENUINE, Scene};
use postern_lab::encryption::Encryption;
use postern_lab::key::Key;
use postern_lab::response::Response;

use crate::world::{Answer, IDP, PUBLIC, Waiting, World};

/// A world with what an attacker might have: an answer that succeeded earlier, and another tenant's.
struct Stage {
    world: World,
    other_key: Key,
    earlier: Response,
    foreign: String,
    /// Postern's own key, as identity providers know it.
    encrypt_to: Vec<u8>,
}

impl Stage {
    async fn set() -> Self {
        let (world, other_key) = (World::new().await, Key::generate().unwrap());
        let login = world.begin(&[]).await;
        let earlier = world.response(&login);
        assert!(world.answer(&login, &earlier.signed_assertion(&world.key)).await.sent("code").is_some());
        let foreign = world.response(&login).sent_by("https://idp.globex.example.com").for_audience(PUBLIC);
        let foreign = foreign.answering("_request-of-globex").signed_assertion(&other_key);
        world.app.load_keys().await.unwrap();
        let encrypt_to = Encryption::key_of(&world.app.sp_keys().encryption_certificates()[0].der);
        Self { world, other_key, earlier, foreign, encrypt_to }
    }

    /// Begins a login and posts what is made for it.
    async fn post(&self, field: impl FnOnce(&Scene<'_>) -> String) -> Answer {
        let login = self.world.begin(&[]).await;
        let acs = format!("{PUBLIC}/api/oauth/saml");
        let scene = Scene {
            idp: IDP,
            key: &self.world.key,
            other_key: &self.other_key,
            sp: PUBLIC,
            acs: &acs,
            request_id: &login.request_id,
            now: postern_core::ports::Clock::now(&*self.world.clock),
            encrypt_to: &self.encrypt_to,
            earlier: &self.earlier,
            foreign: &self.foreign,
        };
        let Waiting { relay_state, cookie, .. } = &login;
        let form = [("SAMLResponse", field(&scene)), ("RelayState", relay_state.clone())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.world.form("/api/oauth/saml", &form, &[("Cookie", cookie)]).await
    }
}

#[actix_web::test]
async fn every_attack_is_refused_for_what_its_name_says() {
    let stage = Stage::set().await;
    let mut wrong = Vec::new();
    for attack in CLASSES.iter().flat_map(|class| class.attacks) {
        let answer = stage.post(|scene| attack.field(scene)).await;
        assert!(answer.status.as_u16() < 500, "{}: {}", attack.name, answer.status);
        if answer.status == 303 && answer.sent("code").is_some() {
            wrong.push(format!("{} was accepted", attack.name));
            continue;
        }
        let code = answer.code();
        if !attack.expected.iter().any(|expected| expected.name() == code) {
            wrong.push(format!("{} ended in {code}, not in {:?}", attack.name, attack.expected));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[actix_web::test]
async fn what_is_unusual_and_genuine_is_accepted() {
    let stage = Stage::set().await;
    for genuine in GENUINE {
        let answer = stage.post(|scene| genuine.field(scene)).await;
        let code = answer.sent("code").unwrap_or_else(|| panic!("{} ended in {}", genuine.name, answer.code()));
        let tokens = stage.world.redeem(&code, &[]).await.json();
        let claims = stage.world.claims(tokens["access_token"].as_str().unwrap()).await.json();
        assert_eq!(claims["email"], "alice@example.com", "{}", genuine.name);
    }
}
