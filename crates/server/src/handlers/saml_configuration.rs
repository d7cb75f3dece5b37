//! `GET /.well-known/saml-configuration`: what the administrator of a SAML identity provider enters there, to be read by
//! people. Programs read the metadata.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::app::App;
use crate::pages::{self, Entry};

/// A page with every value to copy.
pub async fn saml_configuration(app: Data<App>) -> HttpResponse {
    let entries = [
        Entry::text("Entity ID (audience, identifier)", app.home().entity_id()),
        Entry::text("ACS URL (reply URL, single sign-on URL)", &app.home().acs_url()),
        Entry::text("Binding", "HTTP-POST"),
        Entry::text("Single logout URL", &app.home().slo_url(None)),
        Entry::text("Signature", "Sign the assertion, with RSA-SHA256 and SHA-256"),
        Entry::text("Name ID", "Persistent, or another identifier that never changes"),
        Entry::text("Attributes", "email; firstName, lastName and groups where the application wants them"),
        Entry::link("Metadata", &app.url("/.well-known/sp-metadata")),
        Entry::link("Signing certificate", &app.url("/.well-known/saml.cer")),
    ];
    pages::html(&mut HttpResponse::Ok(), pages::entries("SAML configuration", &entries))
}
