//! Every route, on one page.

use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};

use postern_core::fault::Code;

use crate::app::App;
use crate::cors;
use crate::handlers::{
    acs, authorize, discover, discovery, error, health, introspect, jwks, login as sign_in, logout, metrics,
    oidc_callback, oidc_configuration, oidc_jwks, par, revoke, saml_cer, saml_configuration, select, slo, sp_metadata,
    test_login, token, unsolicited, userinfo,
};
use crate::handlers::{api, root};
use crate::reply::Refusal;

/// One address and what it answers; other methods get 405 and the list of those that it takes.
macro_rules! route {
    ($config:expr, $path:expr, $allow:literal, $( $method:ident => $handler:expr ),+ ) => {
        $config.service(
            web::resource($path)
                $( .route(web::$method().to($handler)) )+
                .default_service(web::to(|| async { Err::<actix_web::HttpResponse, _>(Refusal::method($allow)) })),
        )
    };
}

/// The same for an address that scripts of other sites may ask ([`cors`]).
macro_rules! open_route {
    ($config:expr, $path:literal, $allow:literal, $( $method:ident => $handler:expr ),+ ) => {
        $config.service(
            web::resource($path)
                $( .route(web::$method().to($handler)) )+
                .route(web::method(Method::OPTIONS).to(cors::preflight))
                .default_service(web::to(|| async { Err::<actix_web::HttpResponse, _>(Refusal::method($allow)) })),
        )
    };
}

/// What the public listener answers: under the path of the public URL and without it, because proxies keep it or strip it; and
/// under those of regions what browsers and IdPs ask.
pub fn public(config: &mut ServiceConfig, app: &Data<App>, serves_api: bool) {
    let prefix = app.public_url.prefix().to_owned();
    let regions = app.regions.prefixes();
    let routes = move |config: &mut ServiceConfig| {
        login(config);
        if serves_api {
            operator(config);
        }
    };
    config.app_data(app.clone());
    if !prefix.is_empty() {
        config.service(web::scope(&prefix).configure(routes));
        // RFC 8414 §3.1: the well-known part goes between host and path. The other document has it behind the path.
        route!(config, format!("/.well-known/oauth-authorization-server{prefix}"), "GET", get => discovery::discovery);
    }
    for region in regions {
        config.service(web::scope(&region).configure(login));
    }
    config.configure(routes).default_service(web::to(unknown));
}

/// What a listener for the API alone answers.
pub fn admin(config: &mut ServiceConfig, app: &Data<App>) {
    config.app_data(app.clone());
    config.configure(operator).default_service(web::to(unknown));
}

/// What the operations listener answers.
pub fn operations(config: &mut ServiceConfig, app: &Data<App>) {
    config.app_data(app.clone());
    route!(config, "/health/live", "GET, HEAD", get => health::live, head => health::live);
    route!(config, "/health/ready", "GET, HEAD", get => health::ready, head => health::ready);
    route!(config, "/metrics", "GET", get => metrics::metrics);
    config.default_service(web::to(unknown));
}

fn login(config: &mut ServiceConfig) {
    route!(config, "/", "GET, HEAD", get => root::root, head => root::root);
    route!(config, "/api/oauth/authorize", "GET, POST", get => authorize::authorize, post => authorize::authorize);
    route!(config, "/api/oauth/authorize/{region}", "GET, POST", get => authorize::authorize_in, post => authorize::authorize_in);
    route!(config, "/login", "GET, POST", get => sign_in::page, post => sign_in::submit);
    route!(config, "/test/{token}", "GET, POST", get => test_login::page, post => test_login::press);
    route!(config, "/idp/select", "GET", get => select::select);
    route!(config, "/api/oauth/saml", "POST", post => acs::acs);
    route!(config, "/api/oauth/saml/slo", "GET, POST", get => slo::slo, post => slo::slo);
    route!(config, "/api/oauth/saml/slo/{connection}", "GET, POST", get => slo::slo, post => slo::slo);
    route!(config, "/api/oauth/saml/{connection}", "POST", post => unsolicited::unsolicited);
    route!(config, "/api/oauth/oidc", "GET", get => oidc_callback::shared);
    route!(config, "/api/oauth/oidc/{connection}", "GET", get => oidc_callback::own);
    route!(config, "/api/oauth/oidc/{connection}/jwks", "GET", get => oidc_jwks::oidc_jwks);
    open_route!(config, "/api/oauth/token", "OPTIONS, POST", post => token::token);
    open_route!(config, "/api/oauth/userinfo", "GET, OPTIONS, POST", get => userinfo::userinfo, post => userinfo::userinfo);
    route!(config, "/api/oauth/par", "POST", post => par::par);
    route!(config, "/api/oauth/logout", "GET, POST", get => logout::logout, post => logout::logout);
    route!(config, "/api/oauth/logout/return", "GET", get => logout::back);
    route!(config, "/api/oauth/logout/return/{region}", "GET", get => logout::back_from_region);
    route!(config, "/api/oauth/introspect", "POST", post => introspect::introspect);
    route!(config, "/api/oauth/revoke", "POST", post => revoke::revoke);
    open_route!(config, "/oauth/jwks", "GET, OPTIONS", get => jwks::jwks);
    route!(config, "/api/oauth/jwks", "GET", get => jwks::jwks);
    open_route!(config, "/.well-known/openid-configuration", "GET, OPTIONS", get => discovery::discovery);
    open_route!(config, "/.well-known/oauth-authorization-server", "GET, OPTIONS", get => discovery::discovery);
    route!(config, "/.well-known/sp-metadata", "GET", get => sp_metadata::sp_metadata);
    route!(config, "/.well-known/saml.cer", "GET", get => saml_cer::saml_cer);
    route!(config, "/.well-known/saml-configuration", "GET", get => saml_configuration::saml_configuration);
    route!(config, "/.well-known/oidc-configuration", "GET", get => oidc_configuration::oidc_configuration);
    open_route!(config, "/api/discover", "OPTIONS, POST", post => discover::discover);
    route!(config, "/error/{code}", "GET", get => error::error);
    route!(config, "/api/health", "GET, HEAD", get => health::version, head => health::version);
}

fn operator(config: &mut ServiceConfig) {
    // Jackson's older names for the same things.
    route!(config, "/api/v1/connections", "DELETE, GET, PATCH, POST", get => api::sso::find, post => api::sso::create, patch => api::sso::update, delete => api::sso::delete);
    route!(config, "/api/v1/connections/exists", "GET", get => api::sso::exists);
    route!(config, "/api/v1/connections/product", "GET", get => api::sso::of_product);
    route!(config, "/api/v1/saml/config", "DELETE, GET, PATCH, POST", get => api::saml_config::find, post => api::sso::create, patch => api::sso::update, delete => api::sso::delete);
    route!(config, "/api/v1/saml/config/exists", "GET", get => api::sso::exists);
    route!(config, "/api/v1/saml-traces", "GET", get => api::traces::find);
    route!(config, "/api/v1/saml-traces/product", "DELETE, GET", get => api::traces::of_product, delete => api::traces::delete);
    route!(config, "/api/v1/saml-traces/product/count", "GET", get => api::traces::count);

    route!(config, "/api/v1/sso", "DELETE, GET, PATCH, POST", get => api::sso::find, post => api::sso::create, patch => api::sso::update, delete => api::sso::delete);
    route!(config, "/api/v1/sso/exists", "GET", get => api::sso::exists);
    route!(config, "/api/v1/sso/inspect", "POST", post => api::idp::inspect);
    route!(config, "/api/v1/sso/{id}/sp", "GET", get => api::sso::sp);
    route!(config, "/api/v1/openapi.json", "GET", get => api::openapi::openapi);
    route!(config, "/api/v1/sso/{id}/guide", "GET", get => api::providers::guide);
    route!(config, "/api/v1/sso/{id}/health", "GET", get => api::health::find);
    route!(config, "/api/v1/sso/{id}/test", "POST", post => api::test_logins::offer);
    route!(config, "/api/v1/sso/{id}/test/{test}", "GET", get => api::test_logins::find);
    route!(config, "/api/v1/sso/{id}/keys", "DELETE, GET, POST", get => api::connection_keys::list, post => api::connection_keys::add, delete => api::connection_keys::remove);
    route!(config, "/api/v1/sso/{id}/keys/activate", "POST", post => api::connection_keys::activate);
    route!(config, "/api/v1/sso/{id}/secret", "POST", post => api::connection_secret::rotate);
    route!(config, "/api/v1/sso/product", "GET", get => api::sso::of_product);
    route!(config, "/api/v1/sso-traces", "GET", get => api::traces::find);
    route!(config, "/api/v1/sso-traces/product", "DELETE, GET", get => api::traces::of_product, delete => api::traces::delete);
    route!(config, "/api/v1/sso-traces/product/count", "GET", get => api::traces::count);
    route!(config, "/api/v1/providers", "GET", get => api::providers::list);
    route!(config, "/api/v1/providers/{id}", "GET", get => api::providers::find);
    route!(config, "/api/v1/products", "DELETE, GET, PATCH, POST", get => api::products::find, post => api::products::create, patch => api::products::update, delete => api::products::delete);
    route!(config, "/api/v1/products/secret", "POST", post => api::products::rotate_secret);
    route!(config, "/api/v1/tenants", "GET", get => api::tenants::list);
    route!(config, "/api/v1/tenants/{tenant}", "DELETE, GET, PUT", get => api::tenants::find, put => api::tenants::put, delete => api::removal::tenant);
    route!(config, "/api/v1/tenants/{tenant}/contents", "GET", get => api::removal::contents);
    route!(config, "/api/v1/tenants/{tenant}/products/{product}", "DELETE", delete => api::removal::scope);
    route!(config, "/api/v1/domains", "GET, POST", get => api::domains::find, post => api::domains::claim);
    route!(config, "/api/v1/domains/{id}", "DELETE, GET, PATCH", get => api::domains::get, patch => api::domains::update, delete => api::domains::delete);
    route!(config, "/api/v1/domains/{id}/verify", "POST", post => api::domains::verify);
    route!(config, "/api/v1/tenants/{tenant}/products/{product}/policy", "GET, PATCH, PUT", get => api::policy::find, patch => api::policy::update, put => api::policy::replace);
    route!(config, "/api/v1/people/{list}", "DELETE, GET, POST", get => api::people::find, post => api::people::add, delete => api::people::remove);
    route!(config, "/api/v1/discover", "POST", post => api::discover::discover);
    route!(config, "/api/v1/sessions", "DELETE, GET", get => api::sessions::find, delete => api::sessions::end);
    route!(config, "/api/v1/events", "GET", get => api::events::read);
    route!(config, "/api/v1/sp-keys", "DELETE, GET, POST", get => api::sp_keys::list, post => api::sp_keys::add, delete => api::sp_keys::remove);
    route!(config, "/api/v1/token-keys", "DELETE, GET, POST", get => api::token_keys::list, post => api::token_keys::add, delete => api::token_keys::remove);
    route!(config, "/api/v1/token-keys/activate", "POST", post => api::token_keys::activate);
    route!(config, "/api/v1/sp-keys/activate", "POST", post => api::sp_keys::activate);
}

async fn unknown(request: actix_web::HttpRequest) -> Result<actix_web::HttpResponse, Refusal> {
    match request.path().contains("/api/") {
        true => Err(Refusal::api(Code::RouteUnknown)),
        false => Err(Refusal::page(Code::RouteUnknown)),
    }
}
