//! Products: the apps, registered as OAuth clients.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client_metadata::{ClientAuthentication, backchannel_url, changed_keys, refresh_tokens};
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::former_secrets::{self, FormerSecrets};
use crate::policy::Rules;
use crate::ports::{Clock, Random};
use crate::redirect;
use crate::roles::Role;
use crate::scope::{Scope, check_name};
use crate::secret::{Secret, SecretHash, random_id};
use crate::signing::SigningAlgorithm;
use crate::store::{Record, Store};
use crate::trace::milliseconds;

/// An app that sends people here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Product {
    /// Its OAuth `client_id`, `prod_…`.
    pub client_id: String,
    /// Its name: the `product` of every scope that belongs to it.
    pub name: String,
    /// How it authenticates at the token endpoint.
    pub authentication: ClientAuthentication,
    /// Where its people may be sent back to. Decides alone, whatever its connections list.
    pub redirect_urls: Vec<String>,
    /// Where a login starts that began at the IdP (OIDC Core §4).
    pub initiate_login_url: Option<String>,
    /// Where its people sign in with a password, where they may.
    #[serde(default)]
    pub password_login_url: Option<String>,
    /// Where its people may be sent after logging out.
    pub post_logout_redirect_urls: Vec<String>,
    /// How its ID tokens are signed.
    #[serde(default)]
    pub id_token_algorithm: SigningAlgorithm,
    /// Where it hears that a session was ended (Back-Channel Logout §2.2).
    #[serde(default)]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it may use refresh tokens (`grant_types`).
    #[serde(default)]
    pub refresh_tokens: bool,
    /// How long its sessions live, where that differs from the settings.
    #[serde(default)]
    pub session_limits: SessionLimits,
    /// Whether its logins begin with a question that it pushed, and with no other (RFC 9126 §6).
    #[serde(default)]
    pub require_pushed_requests: bool,
    /// Whether its access tokens are bound to a key, always (RFC 9449 §5.2).
    #[serde(default)]
    pub dpop_bound: bool,
    /// The roles that its people can have; [`crate::roles::MEMBER`] is always one.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Shown on error pages.
    pub support_url: Option<String>,
    /// Shown on error pages.
    pub support_email: Option<String>,
    /// When it was registered.
    pub created: crate::ports::Timestamp,
}

/// How long the sessions of one product live; `None`: as the settings say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionLimits {
    /// After the login, in hours: 1 to 720.
    pub session_hours: Option<u32>,
    /// Without the app using it, in minutes: 30 to 480, or 0 for no limit.
    pub idle_minutes: Option<u32>,
    /// For offline tokens, after the login, in days: 1 to 90.
    pub refresh_days: Option<u32>,
}

impl SessionLimits {
    /// Sets a limit to what was sent; an empty text goes back to the settings.
    fn set(
        limit: &mut Option<u32>,
        field: &str,
        sent: Option<String>,
        allowed: RangeInclusive<u32>,
    ) -> Result<(), Fault> {
        let Some(sent) = sent else { return Ok(()) };
        let off = field == "idle_minutes" && sent == "0";
        *limit = match sent.parse() {
            _ if sent.is_empty() => None,
            Ok(number) if off || allowed.contains(&number) => Some(number),
            _ => return Err(invalid(field, format!("is not {} to {}", allowed.start(), allowed.end()))),
        };
        Ok(())
    }
}

impl Product {
    /// Its `grant_types` (RFC 7591 §2).
    pub fn grant_types(&self) -> &'static [&'static str] {
        match self.refresh_tokens {
            true => &["authorization_code", "refresh_token"],
            false => &["authorization_code"],
        }
    }
}

impl Record for Product {
    const CLASS: &'static str = "product";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// The way from a `client_id` to its product.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProductAlias {
    /// The product's name.
    pub name: String,
}

impl Record for ProductAlias {
    const CLASS: &'static str = "client";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// What may be set on a product. `None` leaves a member as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProductSettings {
    /// See [`Product::redirect_urls`].
    pub redirect_urls: Option<Vec<String>>,
    /// `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none`.
    pub token_endpoint_auth_method: Option<String>,
    /// See [`crate::client_metadata::ClientKeys::jwks`]: given, or fetched from [`ProductSettings::jwks_uri`], and readable.
    pub jwks: Option<String>,
    /// See [`crate::client_metadata::ClientKeys::uri`].
    pub jwks_uri: Option<String>,
    /// See [`crate::client_metadata::ClientKeys::algorithm`]; an empty string removes it.
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// See [`Product::initiate_login_url`]; an empty string removes it.
    pub initiate_login_url: Option<String>,
    /// See [`Product::password_login_url`]; an empty string removes it.
    pub password_login_url: Option<String>,
    /// See [`Product::post_logout_redirect_urls`].
    pub post_logout_redirect_urls: Option<Vec<String>>,
    /// `RS256`, `ES256` or `EdDSA`.
    pub id_token_signed_response_alg: Option<String>,
    /// See [`Product::backchannel_logout_uri`]; an empty string removes it.
    pub backchannel_logout_uri: Option<String>,
    /// `authorization_code`, and `refresh_token` for apps that may use refresh tokens.
    pub grant_types: Option<Vec<String>>,
    /// See [`SessionLimits::session_hours`]; an empty string goes back to the settings.
    pub session_hours: Option<String>,
    /// See [`SessionLimits::idle_minutes`]; an empty string goes back to the settings.
    pub idle_minutes: Option<String>,
    /// See [`SessionLimits::refresh_days`]; an empty string goes back to the settings.
    pub refresh_days: Option<String>,
    /// See [`Product::dpop_bound`].
    pub dpop_bound_access_tokens: Option<bool>,
    /// See [`Product::require_pushed_requests`].
    pub require_pushed_authorization_requests: Option<bool>,
    /// See [`Product::roles`].
    pub roles: Option<Vec<Role>>,
    /// See [`Product::support_url`]; an empty string removes it.
    pub support_url: Option<String>,
    /// See [`Product::support_email`]; an empty string removes it.
    pub support_email: Option<String>,
}

/// Registers and finds products.
#[derive(Clone)]
pub struct Products {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Products {
    /// Products in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { store, clock, random }
    }

    /// Registers an app. Returns its secret, which is never shown again.
    pub async fn create(&self, name: &str, settings: ProductSettings) -> Result<(Product, Option<Secret>), Fault> {
        check_name(name).map_err(|why| invalid("product", why))?;
        let now = self.clock.now();
        let mut product = Product {
            client_id: format!("prod_{}", random_id(&*self.random)),
            name: name.to_owned(),
            authentication: ClientAuthentication::None,
            redirect_urls: Vec::new(),
            initiate_login_url: None,
            password_login_url: None,
            post_logout_redirect_urls: Vec::new(),
            id_token_algorithm: SigningAlgorithm::default(),
            backchannel_logout_uri: None,
            refresh_tokens: false,
            session_limits: SessionLimits::default(),
            require_pushed_requests: false,
            dpop_bound: false,
            roles: Vec::new(),
            support_url: None,
            support_email: None,
            created: now,
        };
        let method = settings.token_endpoint_auth_method.clone().unwrap_or_else(|| "client_secret_basic".to_owned());
        let secret =
            self.apply(&mut product, ProductSettings { token_endpoint_auth_method: Some(method), ..settings })?;
        if product.redirect_urls.is_empty() {
            return Err(Code::FieldMissing.fault().expected("redirect_urls"));
        }

        let keys = self.store.keys();
        let mut batch = self.store.batch();
        batch.put(&keys.product_alias(&product.client_id), &ProductAlias { name: name.to_owned() }, None);
        let created = batch.put_new(&keys.product(name), &product, None);
        batch.index_add(&keys.products(), milliseconds(now), keys.product_name(name));
        if !batch.run().await?.written(created) {
            let mut batch = self.store.batch();
            batch.delete(&keys.product_alias(&product.client_id));
            batch.run().await?;
            return Err(Code::ProductExists.into());
        }
        self.append(EventKind::ProductCreated, &product, json!({ "client_id": product.client_id })).await?;
        Ok((product, secret))
    }

    /// Changes a product. Returns a secret where the change gave it one.
    pub async fn update(&self, name: &str, settings: ProductSettings) -> Result<(Product, Option<Secret>), Fault> {
        let key = self.store.keys().product(name);
        let mut batch = self.store.batch();
        let slot = batch.get(&key);
        let stored = batch.run().await?.stored(slot)?.ok_or(Code::ProductNotFound)?;
        let mut product = (*stored.record).clone();
        let secret = self.apply(&mut product, settings)?;
        self.replace(&key, &stored, &product, None).await?;
        Ok((product, secret))
    }

    /// Gives a product a new secret. The one before goes on for `overlap`.
    pub async fn rotate_secret(&self, name: &str, overlap: Duration) -> Result<(Product, Secret), Fault> {
        let key = self.store.keys().product(name);
        let mut batch = self.store.batch();
        let slot = batch.get(&key);
        let stored = batch.run().await?.stored(slot)?.ok_or(Code::ProductNotFound)?;
        let mut product = (*stored.record).clone();
        let ClientAuthentication::ClientSecret { hash, former, .. } = &mut product.authentication else {
            return Err(Code::FieldInvalid.fault().expected("token_endpoint_auth_method with a secret"));
        };
        let secret = Secret::random(&*self.random, "ps_");
        let replaced = std::mem::replace(hash, SecretHash::of(secret.expose()));
        let now = self.clock.now();
        former.retire(replaced, overlap, now);
        let changed = former_secrets::changed(former.end(now));
        self.replace(&key, &stored, &product, Some(changed)).await?;
        Ok((product, secret))
    }

    /// Writes a product in the place of what was read. The event says what changed, where something does not speak for itself.
    async fn replace(
        &self,
        key: &crate::store::Key<Product>,
        stored: &crate::store::Stored<Product>,
        product: &Product,
        changed: Option<Value>,
    ) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        let written = batch.replace(key, Some(stored), product);
        if !batch.run().await?.written(written) {
            return Err(Code::ChangedMeanwhile.into());
        }
        let mut data = json!({ "client_id": product.client_id });
        if let Some(changed) = changed {
            data["changed"] = changed;
        }
        self.append(EventKind::ProductUpdated, product, data).await
    }

    /// The product of a scope, if it is registered, and the rules by which a login of the scope is judged now.
    pub async fn find_with_rules(&self, scope: &Scope) -> Result<(Option<Arc<Product>>, Rules), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let rules = Rules::ask(&mut batch, &keys, scope);
        let rules = rules.answer(&batch.run().await?)?;
        Ok((rules.product.clone(), rules))
    }

    /// The product of this name.
    pub async fn find(&self, name: &str) -> Result<Option<Arc<Product>>, Fault> {
        Ok(self.store.get(&self.store.keys().product(name)).await?)
    }

    /// The product with this `client_id`.
    pub async fn find_by_client_id(&self, client_id: &str) -> Result<Option<Arc<Product>>, Fault> {
        match self.store.get(&self.store.keys().product_alias(client_id)).await? {
            Some(alias) => self.find(&alias.name).await,
            None => Ok(None),
        }
    }

    /// Products, newest first.
    pub async fn list(&self, offset: u64, limit: u64) -> Result<Vec<Arc<Product>>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let page = batch.index_page(&keys.products(), offset, limit);
        let answers = batch.run().await?;
        let mut batch = self.store.batch();
        let slots: Vec<_> = answers.members(page).map(|member| batch.get(&keys.product_member(member))).collect();
        let answers = batch.run().await?;
        Ok(slots.into_iter().filter_map(|slot| answers.get(slot).transpose()).collect::<Result<_, _>>()?)
    }

    /// Removes the registration ([`crate::removal`] removes what is under it), and tells how much there was.
    pub(crate) async fn forget(&self, product: &Product, mut had: Value) -> Result<(), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        // Off the list first: it may not miss who is registered anew as soon as the record is gone.
        batch.index_remove(&keys.products(), keys.product_name(&product.name));
        batch.delete(&keys.product(&product.name));
        batch.delete(&keys.product_alias(&product.client_id));
        batch.run().await?;
        had["client_id"] = json!(product.client_id);
        self.append(EventKind::ProductDeleted, product, had).await
    }

    /// Checks and applies settings. The secret is one that the change made.
    fn apply(&self, product: &mut Product, settings: ProductSettings) -> Result<Option<Secret>, Fault> {
        let mut secret = None;
        let jwks = (settings.jwks, settings.jwks_uri, settings.token_endpoint_auth_signing_alg);
        if let Some(urls) = settings.redirect_urls {
            product.redirect_urls = checked_urls("redirect_urls", urls)?;
            if product.redirect_urls.is_empty() {
                return Err(invalid("redirect_urls", "needs at least one URL"));
            }
        }
        if let Some(urls) = settings.post_logout_redirect_urls {
            product.post_logout_redirect_urls = checked_urls("post_logout_redirect_urls", urls)?;
        }
        if let Some(url) = settings.backchannel_logout_uri {
            product.backchannel_logout_uri = backchannel_url(url)?;
        }
        if let Some(grants) = settings.grant_types {
            product.refresh_tokens = refresh_tokens(&grants)?;
        }
        let limits = &mut product.session_limits;
        SessionLimits::set(&mut limits.session_hours, "session_hours", settings.session_hours, 1..=720)?;
        SessionLimits::set(&mut limits.idle_minutes, "idle_minutes", settings.idle_minutes, 30..=480)?;
        SessionLimits::set(&mut limits.refresh_days, "refresh_days", settings.refresh_days, 1..=90)?;
        if let Some(url) = settings.initiate_login_url {
            product.initiate_login_url = optional_url("initiate_login_url", url)?;
        }
        if let Some(url) = settings.password_login_url {
            product.password_login_url = optional_url("password_login_url", url)?;
        }
        if let Some(name) = settings.id_token_signed_response_alg {
            product.id_token_algorithm = SigningAlgorithm::named(&name)
                .ok_or_else(|| invalid("id_token_signed_response_alg", "is not one of RS256, ES256, EdDSA"))?;
        }
        if let Some(required) = settings.require_pushed_authorization_requests {
            product.require_pushed_requests = required;
        }
        if let Some(bound) = settings.dpop_bound_access_tokens {
            product.dpop_bound = bound;
        }
        if let Some(roles) = settings.roles {
            Role::check(&roles)?;
            product.roles = roles;
        }
        if let Some(url) = settings.support_url {
            product.support_url = optional_url("support_url", url)?;
        }
        if let Some(address) = settings.support_email {
            if !address.is_empty()
                && (!address.contains('@') || address.len() > 254 || address.contains(char::is_whitespace))
            {
                return Err(invalid("support_email", "is not an e-mail address"));
            }
            product.support_email = Some(address).filter(|address| !address.is_empty());
        }
        let method = settings.token_endpoint_auth_method.as_deref();
        if method.unwrap_or(product.authentication.method()) == "private_key_jwt" {
            let keys = changed_keys(product.authentication.keys(), jwks, self.clock.now())?;
            product.authentication = ClientAuthentication::PrivateKeyJwt { keys };
            return Ok(None);
        }
        match (method, &product.authentication) {
            (None, _) | (Some("none"), ClientAuthentication::None) => {}
            (Some("none"), _) => product.authentication = ClientAuthentication::None,
            (Some(method @ ("client_secret_basic" | "client_secret_post")), present) => {
                let post = method == "client_secret_post";
                let (hash, former) = match present {
                    ClientAuthentication::ClientSecret { hash, former, .. } => (hash.clone(), former.clone()),
                    ClientAuthentication::None | ClientAuthentication::PrivateKeyJwt { .. } => {
                        let fresh = Secret::random(&*self.random, "ps_");
                        let hash = SecretHash::of(fresh.expose());
                        secret = Some(fresh);
                        (hash, FormerSecrets::default())
                    }
                };
                product.authentication = ClientAuthentication::ClientSecret { hash, post, former };
            }
            (Some(_), _) => {
                let known = "is not one of client_secret_basic, client_secret_post, private_key_jwt, none";
                return Err(invalid("token_endpoint_auth_method", known));
            }
        }
        Ok(secret)
    }

    /// Puts the keys in place that a client publishes now.
    pub async fn renew_keys(&self, name: &str, jwks: String) -> Result<(), Fault> {
        let key = self.store.keys().product(name);
        let mut batch = self.store.batch();
        let slot = batch.get(&key);
        let stored = batch.run().await?.stored(slot)?.ok_or(Code::ProductNotFound)?;
        let mut product = (*stored.record).clone();
        let ClientAuthentication::PrivateKeyJwt { keys } = &mut product.authentication else { return Ok(()) };
        (keys.jwks, keys.since) = (jwks, self.clock.now());
        self.replace(&key, &stored, &product, None).await
    }

    async fn append(&self, kind: EventKind, product: &Product, data: Value) -> Result<(), Fault> {
        let event = Event { kind, time: self.clock.now(), tenant: None, product: Some(product.name.clone()), data };
        let mut batch = self.store.batch();
        event.append(&mut batch, &self.store);
        batch.run().await?;
        Ok(())
    }
}

/// At most 100 URLs, each of which may be registered.
pub(crate) fn checked_urls(field: &str, urls: Vec<String>) -> Result<Vec<String>, Fault> {
    if urls.len() > 100 {
        return Err(invalid(field, "has more than 100 URLs"));
    }
    for url in &urls {
        redirect::check_registered(url).map_err(|why| invalid(field, format!("{why}: {url}")))?;
    }
    Ok(urls)
}

fn optional_url(field: &str, url: String) -> Result<Option<String>, Fault> {
    if url.is_empty() {
        return Ok(None);
    }
    redirect::check_named(&url).map_err(|why| invalid(field, why))?;
    if !url.starts_with("http") {
        return Err(invalid(field, "must use https"));
    }
    Ok(Some(url))
}

/// A field of an API request that is not accepted, and why.
pub(crate) fn invalid(field: &str, why: impl std::fmt::Display) -> Fault {
    Code::FieldInvalid.fault().expected(format!("{field} {why}"))
}
