//! `GET /.well-known/sp-metadata`: what the administrator of an IdP configures us from. With `?region=` that of a region, with
//! `?connection=` that of one connection: it says whether its requests are signed and what it asks for, and has the connection's own address and keys
//! where it has some.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::connection::ConnectionId;
use postern_core::fault::{Code, Fault};
use postern_saml::metadata::SpMetadata;

use crate::app::App;
use crate::fields::Fields;
use crate::region::Region;
use crate::reply::Refusal;

/// The metadata of this deployment, of a region, or of one connection (SAML Metadata §2.4.4).
pub async fn sp_metadata(app: Data<App>, query: Fields) -> Result<HttpResponse, Refusal> {
    let mut keys = app.sp_keys();
    let mut region = asked(&app, &query).map_err(Refusal::page)?;
    let (mut acs_url, mut slo_url) = (region.acs_url(), region.slo_url(None));
    let (mut signs_requests, mut asks_for_subject_id) = (None, false);
    let mut name_id_formats = Vec::new();
    if let Some(id) = query.one("connection").map_err(Refusal::page)? {
        let id = ConnectionId(id.to_owned());
        let connection = app.connections.present(&id).await.map_err(Refusal::page)?;
        let idp = connection.idp.saml().map_err(Refusal::page)?;
        signs_requests = Some(idp.gets_signed_requests());
        name_id_formats.extend(idp.name_id_format.format().map(str::to_owned));
        asks_for_subject_id = idp.asks_for_subject_id;
        region = app.region_of(&connection).map_err(Refusal::page)?;
        acs_url = region.acs_url_of(&connection);
        slo_url = region.slo_url(Some(&connection.id));
        keys = app.sp_keys_of(&connection).map_err(Refusal::page)?;
    }
    let (signing, encryption) = (keys.signing_certificates(), keys.encryption_certificates());
    let metadata = SpMetadata {
        entity_id: region.entity_id(),
        acs_url: &acs_url,
        slo_url: Some(&slo_url),
        signs_requests,
        signing: &signing,
        encryption: &encryption,
        name_id_formats: &name_id_formats,
        asks_for_subject_id,
        presentation: app.appearance.presentation(),
        technical_contact: app.appearance.technical_contact(),
    };
    Ok(HttpResponse::Ok().content_type("application/samlmetadata+xml; charset=utf-8").body(metadata.xml()))
}

/// The region that a query names, or the deployment's own.
pub(super) fn asked<'a>(app: &'a App, query: &Fields) -> Result<&'a Region, Fault> {
    app.regions.named(query.one("region")?).map_err(|_| Code::RouteUnknown.into()) // whoever asks is no operator
}
