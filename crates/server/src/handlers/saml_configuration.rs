//! `GET /.well-known/saml-configuration`: what the administrator of a SAML identity provider enters there, to be read by
//! people. Programs read the metadata.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::sp_metadata::asked;
use crate::app::App;
use crate::fields::Fields;
use crate::pages::{self, Entry};
use crate::reply::Refusal;

/// A page with every value to copy; with `?region=` those of a region.
pub async fn saml_configuration(app: Data<App>, query: Fields) -> Result<HttpResponse, Refusal> {
    let region = asked(&app, &query).map_err(Refusal::page)?;
    let entries = [
        Entry::text("Entity ID (audience, identifier)", region.entity_id()),
        Entry::text("ACS URL (reply URL, single sign-on URL)", &region.acs_url()),
        Entry::text("Binding", "HTTP-POST"),
        Entry::text("Single logout URL", &region.slo_url(None)),
        Entry::text("Signature", "Sign the assertion, with RSA-SHA256 and SHA-256"),
        Entry::text("Name ID", "Persistent, or another identifier that never changes"),
        Entry::text("Attributes", "email; firstName, lastName and groups where the application wants them"),
        Entry::link("Metadata", &region.sp_metadata_url()),
        Entry::link("Signing certificate", &region.url("/.well-known/saml.cer")),
    ];
    Ok(pages::html(&mut HttpResponse::Ok(), pages::entries("SAML configuration", &entries)))
}
