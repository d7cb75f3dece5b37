//! `/api/v1/openapi.json`: this API for programs, as OpenAPI 3.1. Printed from the attributes of the handlers and from the types
//! that they answer with; a test compares its addresses with `routes.rs`, and its names with those that are read.

use actix_web::HttpResponse;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Deprecated, OpenApi as Document, Ref, RefOr, Response, Server};
use utoipa::{Modify, OpenApi};

use super::{
    ApiCall, connection_keys, connection_secret, discover, domains, events, health, idp, people, policy, products,
    providers, removal, saml_config, sessions, sp_keys, sso, tenants, test_logins, token_keys, traces,
};
use crate::reply::{Refused, no_store};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Postern",
        description = "What operators and their programs manage: docs/API.md tells it with examples. Bodies may be forms, too.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        openapi,
        sso::create, sso::find, sso::update, sso::delete, sso::exists, sso::of_product, sso::sp,
        health::find, idp::inspect, saml_config::find,
        test_logins::offer, test_logins::find,
        connection_keys::list, connection_keys::add, connection_keys::remove, connection_keys::activate,
        connection_secret::rotate,
        providers::list, providers::find, providers::guide,
        products::create, products::find, products::update, products::delete, products::rotate_secret,
        tenants::list, tenants::find, tenants::put,
        removal::tenant, removal::scope, removal::contents,
        domains::claim,
        domains::find,
        domains::get,
        domains::update,
        domains::delete,
        domains::verify,
        policy::find,
        policy::update,
        policy::replace,
        people::find, people::add, people::remove,
        discover::discover,
        sessions::find, sessions::end,
        traces::find, traces::of_product, traces::delete, traces::count,
        events::read,
        sp_keys::list, sp_keys::add, sp_keys::remove, sp_keys::activate,
        token_keys::list, token_keys::add, token_keys::remove, token_keys::activate,
    ),
    components(schemas(Refused)),
    modifiers(&Common),
)]
struct Api;

/// What an address was called before, and what it is called now (Jackson's older names).
const OLDER: [(&str, &str); 8] = [
    ("/api/v1/connections", "/api/v1/sso"),
    ("/api/v1/connections/exists", "/api/v1/sso/exists"),
    ("/api/v1/connections/product", "/api/v1/sso/product"),
    ("/api/v1/saml/config", "/api/v1/sso"),
    ("/api/v1/saml/config/exists", "/api/v1/sso/exists"),
    ("/api/v1/saml-traces", "/api/v1/sso-traces"),
    ("/api/v1/saml-traces/product", "/api/v1/sso-traces/product"),
    ("/api/v1/saml-traces/product/count", "/api/v1/sso-traces/product/count"),
];

/// `GET`: the document.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = Object)))]
pub async fn openapi(call: ApiCall) -> HttpResponse {
    let mut document = document();
    document.servers = Some(vec![Server::new(call.app.public_url.as_str())]);
    no_store(&mut HttpResponse::Ok()).json(document)
}

/// The document, wherever the API is served.
pub fn document() -> Document {
    Api::openapi()
}

/// What is the same for every address: the key, what may be refused anywhere, and older names.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        let key = ApiKeyValue::with_description("Authorization", "`Api-Key KEY`, with one of admin.api_keys");
        if let Some(components) = &mut document.components {
            components.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(key)));
        }
        document.security = Some(vec![SecurityRequirement::new("key", [""; 0])]);
        let paths = &mut document.paths.paths;
        for (older, present) in OLDER {
            let Some(present) = paths.get(present).cloned() else { continue };
            let item = paths.entry(older.to_owned()).or_default();
            for ((_, own), (_, present)) in operations(item).into_iter().zip(operations(&mut present.clone())) {
                *own = own.take().or_else(|| present.take());
                if let Some(own) = own {
                    own.deprecated = Some(Deprecated::True);
                }
            }
        }
        for (path, item) in paths {
            for (method, operation) in operations(item) {
                if let Some(operation) = operation {
                    complete(operation, method, path);
                }
            }
        }
    }
}

/// The operations of an address.
fn operations(item: &mut PathItem) -> [(&'static str, &mut Option<Operation>); 5] {
    let PathItem { get, post, put, patch, delete, .. } = item;
    [("get", get), ("post", post), ("put", put), ("patch", patch), ("delete", delete)]
}

/// Gives an operation a name that no other has, and what any of them may be refused for.
fn complete(operation: &mut Operation, method: &str, path: &str) {
    let words = path.trim_start_matches("/api/v1/").split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = std::iter::once(method).chain(words.filter(|word| !word.is_empty())).collect();
    operation.operation_id = Some(words.join("_"));
    let large = operation.request_body.is_some().then_some("413");
    for status in ["400", "401", "403", "429", "503"].into_iter().chain(large) {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::new("")));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            response.description = meaning(status).to_owned();
            if status.starts_with(['4', '5']) && response.content.is_empty() {
                let refused = Content::new(Some(Ref::from_schema_name("Refused")));
                response.content.insert("application/json".to_owned(), RefOr::T(refused));
            }
        }
    }
}

fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "Done",
        "201" => "Made",
        "204" => "Done, and there is nothing to say",
        "400" => "Something about the request is wrong",
        "401" => "There is no API key, or an unknown one",
        "403" => "The API key may not",
        "404" => "There is no such thing",
        "409" => "It cannot be now",
        "412" => "It is another one by now than the request is based on",
        "428" => "The request does not say what it is based on",
        "413" => "The body is too large",
        "429" => "Too many wrong API keys came from this address",
        _ => "The store cannot be reached",
    }
}
