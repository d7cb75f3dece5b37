//! `GET /.well-known/sp-metadata`: what the administrator of an IdP configures us from.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_saml::metadata::SpMetadata;

use crate::app::App;

/// The metadata of this deployment (SAML Metadata §2.4.4).
pub async fn sp_metadata(app: Data<App>) -> HttpResponse {
    let acs_url = app.acs_url();
    let metadata = SpMetadata { entity_id: app.saml_entity_id(), acs_url: &acs_url, ..SpMetadata::default() };
    HttpResponse::Ok().content_type("application/samlmetadata+xml; charset=utf-8").body(metadata.xml())
}
