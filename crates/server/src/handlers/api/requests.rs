//! What queries and bodies may hold, as the document at `/api/v1/openapi.json` says it.
//!
//! Handlers read them by name ([`Fields`](crate::fields::Fields)), so that JSON, forms and the texts of Jackson's clients are
//! all understood. These types only say which names there are; a test compares them with the names that are read.

use postern_core::observed::Observed;
use postern_core::ports::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

/// Which part of a list.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// How many to skip.
    page_offset: Option<u64>,
    /// The same.
    offset: Option<u64>,
    /// How many to answer, at most 50.
    page_limit: Option<u64>,
    /// The same.
    limit: Option<u64>,
}

/// Which connection.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ConnectionName {
    /// Its id or its `clientID`.
    #[param(example = "197b058e522d564592b5dcc3ab6e8621a3a5f13d")]
    id: String,
}

/// Which tenant.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TenantName {
    /// Its name, the `tenant` of its scopes.
    #[param(example = "acme.example.com")]
    tenant: String,
}

/// In which product somebody looks, too.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlsoIn {
    /// One that is neither registered nor known to be the tenant's.
    product: Option<String>,
}

/// What is said of a tenant.
#[derive(Serialize, ToSchema)]
pub struct TenantRequest {
    /// `active`, or `suspended`: nobody of it signs in.
    status: String,
}

/// Which connections: of scopes, of a client id, or to an IdP.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct WhichConnections {
    /// Whose they are; may be repeated.
    #[param(example = json!(["acme.example.com"]))]
    tenant: Option<Vec<String>>,
    /// For which app.
    #[param(example = "crm")]
    product: Option<String>,
    /// The connection.
    #[serde(rename = "clientID")]
    client_id: Option<String>,
    /// The IdP.
    entity_id: Option<String>,
    /// `saml` or `oidc` alone.
    strategy: Option<String>,
}

/// Which connections to remove: one by its name and secret, or all of a scope.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct DoomedConnections {
    /// The connection.
    #[serde(rename = "clientID")]
    client_id: Option<String>,
    /// Its secret.
    client_secret: Option<String>,
    /// Whose they are.
    tenant: Option<String>,
    /// For which app.
    product: Option<String>,
    /// `saml` or `oidc` alone.
    strategy: Option<String>,
}

/// Which sessions: of a scope, or one of these of it.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichSessions {
    /// Whose they are.
    #[param(example = "acme.example.com")]
    tenant: String,
    /// For which app.
    #[param(example = "crm")]
    product: String,
    /// The session.
    id: Option<String>,
    /// The person.
    sub: Option<String>,
    /// The person's address at the login.
    email: Option<String>,
}

/// Which list of people.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PeopleList {
    /// Those who do not come in, or those who are expected.
    #[param(schema_with = people_list, example = "blocked")]
    list: String,
}

fn people_list() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["blocked", "invited"])).build()
}

/// Which people: of a scope, or one of these of it.
#[derive(Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichPeople {
    /// Whose they are.
    #[param(example = "acme.example.com")]
    tenant: String,
    /// For which app.
    #[param(example = "crm")]
    product: String,
    /// The person's address.
    email: Option<String>,
    /// What the app calls the person.
    sub: Option<String>,
}

/// People to be listed: one, or up to 1000 under `people`.
#[derive(Serialize, ToSchema)]
pub struct NewPeople {
    /// Whose they are.
    tenant: String,
    /// For which app.
    product: String,
    /// Several at once.
    people: Option<Vec<NewPerson>>,
    #[serde(flatten)]
    person: NewPerson,
}

/// Somebody to be listed, by `email` or by `sub`.
#[derive(Serialize, ToSchema)]
pub struct NewPerson {
    /// The person's address.
    email: Option<String>,
    /// What the app calls the person.
    sub: Option<String>,
    /// Why, for the operator alone.
    reason: Option<String>,
    /// Until when an invitation counts.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// An identity provider, by SAML or by OpenID Connect, and how it is asked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdpRequest {
    /// SAML metadata.
    raw_metadata: Option<String>,
    /// SAML metadata in base64.
    encoded_raw_metadata: Option<String>,
    /// Where SAML metadata are fetched from.
    metadata_url: Option<String>,
    /// The entity ID, by hand, or one of several in the metadata.
    #[serde(rename = "entityID")]
    entity_id: Option<String>,
    /// Where people sign in, by hand.
    sso_url: Option<String>,
    /// `redirect` or `post`.
    sso_binding: Option<String>,
    /// Where logout messages are heard, by hand.
    slo_url: Option<String>,
    /// `redirect` or `post`.
    slo_binding: Option<String>,
    /// The certificates that sign, by hand: PEM or base64.
    certificates: Option<Vec<String>>,
    /// Takes only metadata with a near end.
    strict_federation: Option<bool>,
    /// Where metadata of an OpenID Provider are fetched from.
    oidc_discovery_url: Option<String>,
    /// Metadata of an OpenID Provider.
    #[schema(value_type = Option<Object>)]
    oidc_metadata: Option<Map<String, Value>>,
    /// The exact issuer.
    oidc_issuer: Option<String>,
    /// Who we are to the OpenID Provider.
    oidc_client_id: Option<String>,
    /// The secret that proves it.
    oidc_client_secret: Option<String>,
    /// `client_secret_basic`, `client_secret_post` or `private_key_jwt`.
    oidc_client_auth_method: Option<String>,
    /// `issuer` or `token_endpoint`: whom our assertions are for.
    oidc_assertion_audience: Option<String>,
    /// What is asked for.
    oidc_scopes: Option<Vec<String>>,
    /// More parameters of every request.
    #[schema(value_type = Option<Object>)]
    oidc_parameters: Option<Map<String, Value>>,
    /// Claims that an ID token has to carry with exactly this value.
    #[schema(value_type = Option<Object>)]
    oidc_required_claims: Option<Map<String, Value>>,
    /// Audiences besides us that ID tokens may name.
    oidc_audiences: Option<Vec<String>>,
    /// `shared` or `own`.
    oidc_callback: Option<String>,
    /// Whether it is a SAML identity provider, in Jackson's way to say it.
    #[serde(rename = "isSAML")]
    is_saml: Option<bool>,
    /// Whether it is an OpenID Provider, in Jackson's way to say it.
    #[serde(rename = "isOIDC")]
    is_oidc: Option<bool>,
}

/// What an operator settles about a connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSettings {
    /// Redirect URIs that apps may name.
    redirect_url: Option<Vec<String>>,
    /// Where an IdP-initiated login ends that is delivered directly.
    default_redirect_url: Option<String>,
    /// Text for lists.
    name: Option<String>,
    /// Text for lists.
    label: Option<String>,
    /// Text, up to 100 characters.
    description: Option<String>,
    /// Whether people have to sign in anew each time.
    force_authn: Option<bool>,
    /// Whether the IdP may not show anything.
    is_passive: Option<bool>,
    /// The NameID format to ask for, or `omitted`.
    identifier_format: Option<String>,
    /// The IdPs that may answer behind this one.
    scoping: Option<Vec<String>>,
    /// Whether our metadata ask for subject-id or pairwise-id.
    ask_for_subject_id: Option<bool>,
    /// The scopes that this IdP speaks for.
    scopes: Option<Vec<String>>,
    /// Whether requests are signed.
    sign_requests: Option<bool>,
    /// The ways of authentication, one of which the IdP has to use.
    authn_contexts: Option<Vec<String>>,
    /// What the IdP may call us before the person.
    provider_name: Option<String>,
    /// Higher comes first.
    sort_order: Option<u32>,
    /// The region of the configuration under whose addresses its IdP knows us; empty: the deployment's own.
    region: Option<String>,
    /// Whether people are sent to it who choose nothing. The others of the scope are not, then.
    default: Option<bool>,
    /// What is loosened.
    allow: Option<Vec<String>>,
    /// `application` or `direct`.
    unsolicited_delivery: Option<String>,
    /// Where claims come from.
    #[schema(value_type = Option<Object>)]
    mapping: Option<Map<String, Value>>,
    /// What of the scope's policy it overrides: all of it at once.
    policy: Option<PolicyOverrides>,
    /// The provider, by its id in `/api/v1/providers`.
    provider: Option<String>,
    /// `draft`, `active` or `deactivated`.
    status: Option<String>,
    /// Refuses logins, keeps everything: the same as `status`, in Jackson's words.
    deactivated: Option<bool>,
    /// Whether people who sign out here are signed out at a SAML IdP, too.
    single_logout: Option<bool>,
}

/// A new connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewConnection {
    /// Whose it is.
    tenant: String,
    /// For which app.
    product: String,
    /// The e-mail domains to claim with it: names, or objects with `domain`, `include_subdomains` and `proof`. Each is linked to the
    /// connection.
    #[schema(value_type = Option<Vec<Object>>)]
    domains: Option<Vec<Value>>,
    /// What to change of the scope's policy, with the `revision` that this is based on, unless it is the first.
    scope_policy: Option<PolicyRequest>,
    #[serde(flatten)]
    idp: IdpRequest,
    #[serde(flatten)]
    settings: ConnectionSettings,
}

/// What changes about a connection, which `clientID` names, or `tenant` and `product`.
#[derive(Serialize, ToSchema)]
pub struct ChangedConnection {
    /// The connection.
    #[serde(rename = "clientID")]
    client_id: Option<String>,
    /// Its secret.
    #[serde(rename = "clientSecret")]
    client_secret: String,
    /// Whose it is.
    tenant: Option<String>,
    /// For which app.
    product: Option<String>,
    #[serde(flatten)]
    idp: IdpRequest,
    #[serde(flatten)]
    settings: ConnectionSettings,
}

/// What is set about a registered app.
#[derive(Serialize, ToSchema)]
pub struct ProductRequest {
    /// Its name, the `product` of scopes.
    name: String,
    /// Where codes may be sent.
    redirect_urls: Option<Vec<String>>,
    /// How it authenticates.
    token_endpoint_auth_method: Option<String>,
    /// The keys of a client that signs.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Map<String, Value>>,
    /// Where these keys are.
    jwks_uri: Option<String>,
    /// How it has to sign.
    token_endpoint_auth_signing_alg: Option<String>,
    /// Whether its access tokens are always bound to a key.
    dpop_bound_access_tokens: Option<bool>,
    /// Where it begins a login.
    initiate_login_url: Option<String>,
    /// Where people sign in with a password, where they may; empty: nowhere.
    password_login_url: Option<String>,
    /// How its ID tokens are signed.
    id_token_signed_response_alg: Option<String>,
    /// Where people may go after logging out.
    post_logout_redirect_urls: Option<Vec<String>>,
    /// Where it is told of ended sessions.
    backchannel_logout_uri: Option<String>,
    /// What it may redeem.
    grant_types: Option<Vec<String>>,
    /// How long its sessions live, in hours.
    session_hours: Option<u32>,
    /// How long they live unused, in minutes.
    idle_minutes: Option<u32>,
    /// How long offline access lives, in days.
    refresh_days: Option<u32>,
    /// Whether logins begin with a pushed request alone.
    require_pushed_authorization_requests: Option<bool>,
    /// The roles that its people can have: names, or objects with `name` and `privileged`.
    #[schema(value_type = Option<Vec<Object>>)]
    roles: Option<Vec<Value>>,
    /// Shown on error pages.
    support_url: Option<String>,
    /// Shown on error pages.
    support_email: Option<String>,
}

/// A registered app that gets a new secret.
#[derive(Serialize, ToSchema)]
pub struct ProductSecret {
    /// Its name.
    name: String,
    /// For how many seconds the secret before goes on: 0, at once its end, to 2592000; 86400 where nothing is said.
    overlap_seconds: Option<u32>,
}

/// A connection that gets a new secret.
#[derive(Serialize, ToSchema)]
pub struct ConnectionSecret {
    /// For how many seconds the secret before goes on: 0, at once its end, to 2592000; 86400 where nothing is said.
    overlap_seconds: Option<u32>,
}

/// What a new key is for.
#[derive(Serialize, ToSchema)]
pub struct NewKey {
    /// `signing` or `encryption`.
    #[serde(rename = "use")]
    purpose: String,
}

/// The key to put into use.
#[derive(Serialize, ToSchema)]
pub struct KeyId {
    /// The key.
    id: String,
}

/// The key to put into use; or a use alone, for which the deployment's keys are in use again.
#[derive(Serialize, ToSchema)]
pub struct KeyIdOrUse {
    /// The key.
    id: Option<String>,
    /// `signing` or `encryption`.
    #[serde(rename = "use")]
    purpose: Option<String>,
}

/// How a new key for tokens signs.
#[derive(Serialize, ToSchema)]
pub struct NewTokenKey {
    /// `RS256`, `ES256` or `EdDSA`.
    alg: String,
}

/// The key to put into use, and whether at once.
#[derive(Serialize, ToSchema)]
pub struct TokenKeyId {
    /// The key.
    id: String,
    /// Does not wait.
    force: Option<bool>,
}

/// Whose door is looked for.
#[derive(Serialize, ToSchema)]
pub struct Discovered {
    /// The person's address.
    email: String,
    /// For which app.
    product: String,
    /// The organisation, where the app knows it.
    tenant: Option<String>,
    /// Whether the app knows the person as one of its administrators.
    admin: Option<bool>,
}

/// A domain that a tenant claims.
#[derive(Serialize, ToSchema)]
pub struct NewDomain {
    /// Who claims it.
    tenant: String,
    /// For which app.
    product: String,
    /// The domain.
    domain: String,
    /// `dns`, or `operator`: it is proven at once.
    proof: Option<String>,
    /// The connection that its people sign in by.
    connection: Option<String>,
    /// Whether the names below it are meant too.
    include_subdomains: Option<bool>,
}

/// What changes about a domain.
#[derive(Serialize, ToSchema)]
pub struct ChangedDomain {
    /// The connection that its people sign in by.
    connection: Option<String>,
    /// Whether the names below it are meant too.
    include_subdomains: Option<bool>,
}

/// What proves a domain.
#[derive(Serialize, ToSchema)]
pub struct DomainProof {
    /// `dns`, or `operator`: his word.
    proof: Option<String>,
}

/// What of a scope's policy a connection may override.
#[derive(Serialize, ToSchema)]
pub struct PolicyOverrides {
    /// Who is in such a group has this role.
    group_roles: Option<Vec<GroupRole>>,
    /// Everybody else's role.
    default_role: Option<String>,
    /// Who is in such a group is in this team.
    group_teams: Option<Vec<GroupTeam>>,
    /// Else, who is in such a department.
    department_teams: Option<Vec<DepartmentTeam>>,
    /// Everybody else's team.
    default_team: Option<String>,
    /// The claims that have to arrive.
    required_claims: Option<Vec<String>>,
    /// Where one does not: `refuse` the login, or `tell` the app, but for an address that is required.
    missing_claims: Option<String>,
    /// The ways to authenticate, one of which it has to be.
    required_acr: Option<Vec<String>>,
}

/// A rule about roles.
#[derive(Serialize, ToSchema)]
pub struct GroupRole {
    /// A name, or a pattern with `*` and `?`.
    group: String,
    /// A role that the product declares.
    role: String,
}

/// A rule about teams.
#[derive(Serialize, ToSchema)]
pub struct GroupTeam {
    /// A name, or a pattern with `*` and `?`.
    group: String,
    /// The team.
    team: String,
}

/// A rule about teams.
#[derive(Serialize, ToSchema)]
pub struct DepartmentTeam {
    /// A name, or a pattern with `*` and `?`.
    department: String,
    /// The team.
    team: String,
}

/// Whether people have to use single sign-on.
#[derive(Serialize, ToSchema)]
pub struct EnforcementSettings {
    /// `false`, `"observe"`, or `true`.
    #[schema(value_type = Option<Value>)]
    enforce_sso: Option<Value>,
    /// `verified_domains`, or `organisation`: whoever the app says belongs to the tenant, too.
    enforcement_scope: Option<String>,
    /// Whether people who have a password may go on using it.
    allow_password_fallback: Option<bool>,
    /// For how many days; 0: for good.
    #[schema(maximum = 90)]
    grace_period_days: Option<u32>,
    /// Whether people whom the app knows as its administrators may always use a password.
    bypass_admins: Option<bool>,
    /// Addresses that may always use a password.
    #[schema(max_items = 20)]
    break_glass: Option<Vec<String>>,
}

/// What is counted while enforcement is observed.
#[derive(Serialize, ToSchema)]
pub struct ObservedRecord {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// How many addresses it would be about, of those that the app's server has asked for.
    addresses: u64,
    /// How many of them could not use a password, once any grace is over.
    kept_out: u64,
}

impl From<Observed> for ObservedRecord {
    fn from(Observed { since, addresses, kept_out }: Observed) -> Self {
        Self { since, addresses, kept_out }
    }
}

/// The settings of a policy.
#[derive(Serialize, ToSchema)]
pub struct PolicySettings {
    #[serde(flatten)]
    enforcement: EnforcementSettings,
    /// Of an address at a domain that is not the tenant's: `refuse` the login, or `flag` it.
    foreign_domains: Option<String>,
    /// For how many minutes after a login an app may refresh its tokens before the identity provider has to be asked again.
    #[schema(minimum = 5, maximum = 1440)]
    revalidate_minutes: Option<u32>,
    /// Whether the app makes accounts for people whom it does not know.
    auto_provision: Option<bool>,
    /// For whom it is open: `anyone_in_domain`, or `invited_only`.
    access_policy: Option<String>,
    /// Of others: `refuse` the login, or `tell` the app.
    uninvited: Option<String>,
    /// How many hours after the authentication at the identity provider a session ends.
    #[schema(minimum = 1)]
    session_duration_hours: Option<u32>,
    /// How many minutes the app may leave it unused; 0: as many as it likes.
    #[schema(maximum = 480)]
    idle_timeout_minutes: Option<u32>,
    /// How many sessions a person may have; the oldest ends.
    #[schema(minimum = 1, maximum = 1000)]
    max_sessions_per_user: Option<u32>,
    /// How many days after the login offline tokens end.
    #[schema(minimum = 1, maximum = 90)]
    refresh_days: Option<u32>,
    #[serde(flatten)]
    overrides: PolicyOverrides,
}

/// A change of a policy.
#[derive(Serialize, ToSchema)]
pub struct PolicyRequest {
    /// The revision that it is based on, where the header `If-Match` does not say so.
    revision: Option<u64>,
    /// Says that a privileged role is meant to be the default.
    confirm_privileged_default: Option<bool>,
    /// Enforces single sign-on though something is missing for that.
    force: Option<bool>,
    #[serde(flatten)]
    settings: PolicySettings,
}

/// A policy.
#[derive(Serialize, ToSchema)]
pub struct PolicyRecord {
    /// How often it was changed.
    revision: u64,
    /// Since when single sign-on is enforced.
    #[schema(value_type = Option<String>, format = DateTime)]
    enforced_since: Option<Timestamp>,
    /// What is counted while that is observed.
    observed: Option<ObservedRecord>,
    /// The privileged role that an administrator has confirmed to be the default.
    confirmed_privileged_default: Option<String>,
    /// What to mind about it.
    warnings: Option<Vec<String>>,
    #[serde(flatten)]
    settings: PolicySettings,
}
