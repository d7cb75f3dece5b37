//! Under which addresses and names IdPs know Postern. Every connection belongs to the deployment's own, or to one of the named
//! regions of the configuration, and its IdP is told of no other: requests, responses and logout messages, redirect URIs and
//! metadata are those of its region alone.
//!
//! Towards apps there is one address, the public URL, which is also the issuer. A login by a connection of a region is begun there
//! and goes on at the region's own address ([`Region::sign_on_url`]), because the cookie that binds it to its browser has to be
//! where the IdP's answer arrives.

use std::collections::{BTreeMap, BTreeSet};

use postern_core::connection::{Allowance, Connection, ConnectionId, Idp};
use postern_core::fault::{Code, Fault};
use postern_core::openid::Callback;
use postern_core::redirect::with_parameters;

use crate::config::PublicUrl;
use crate::handlers::logout;

/// One address and name.
#[derive(Debug, Clone)]
pub struct Region {
    /// What connections call it; `None`: the deployment's own.
    name: Option<String>,
    public_url: PublicUrl,
    entity_id: String,
}

impl Region {
    /// The deployment's own, or a named one.
    pub fn new(name: Option<String>, public_url: PublicUrl, entity_id: String) -> Self {
        Self { name, public_url, entity_id }
    }

    /// Its name; the deployment's own has none.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name under which SAML IdPs know us.
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// The address of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        self.public_url.at(path)
    }

    /// Where an app's question is answered by a connection of this region.
    pub fn sign_on_url<'p>(&self, question: impl Iterator<Item = (&'p str, &'p str)>) -> String {
        let path = match &self.name {
            Some(name) => format!("/api/oauth/authorize/{name}"),
            None => "/api/oauth/authorize".to_owned(),
        };
        with_parameters(&self.url(&path), question)
    }

    /// Where a connection's responses are posted: at an address of its own where it may send unsolicited ones, because
    /// providers know one address for both.
    pub fn acs_url_of(&self, connection: &Connection) -> String {
        match &connection.idp {
            Idp::Saml(idp) if idp.allow.contains(&Allowance::Unsolicited) => {
                self.url(&format!("/api/oauth/saml/{}", connection.id))
            }
            _ => self.acs_url(),
        }
    }

    /// Where all others are posted.
    pub fn acs_url(&self) -> String {
        self.url("/api/oauth/saml")
    }

    /// Where the IdP of a connection sends logout messages. Without a connection: the address that all share.
    pub fn slo_url(&self, connection: Option<&ConnectionId>) -> String {
        match connection {
            Some(id) => self.url(&format!("/api/oauth/saml/slo/{id}")),
            None => self.url("/api/oauth/saml/slo"),
        }
    }

    /// Where an OpenID Provider sends people back to.
    pub fn oidc_callback_of(&self, connection: &Connection, callback: Callback) -> String {
        match callback {
            Callback::Own => self.url(&format!("/api/oauth/oidc/{}", connection.id)),
            Callback::Shared => self.url("/api/oauth/oidc"),
        }
    }

    /// Where an OpenID Provider sends people back to who have signed out there.
    pub fn logout_return_url(&self) -> String {
        match &self.name {
            Some(name) => self.url(&format!("{}/{name}", logout::RETURN)),
            None => self.url(logout::RETURN),
        }
    }

    /// Our metadata for an IdP that has no connection yet.
    pub fn sp_metadata_url(&self) -> String {
        match &self.name {
            Some(name) => self.url(&format!("/.well-known/sp-metadata?region={name}")),
            None => self.url("/.well-known/sp-metadata"),
        }
    }

    /// Our metadata for the IdP of one connection.
    pub fn sp_metadata_url_of(&self, connection: &Connection) -> String {
        self.url(&format!("/.well-known/sp-metadata?connection={}", connection.id))
    }

    /// Where an OpenID Provider finds the keys that we authenticate to it with.
    pub fn oidc_jwks_of(&self, connection: &Connection) -> String {
        self.url(&format!("/api/oauth/oidc/{}/jwks", connection.id))
    }
}

/// The deployment's own region, and those that are named.
#[derive(Debug, Clone)]
pub struct Regions {
    home: Region,
    named: BTreeMap<String, Region>,
}

impl Regions {
    /// The deployment's own, and these.
    pub fn new(home: Region, named: BTreeMap<String, Region>) -> Self {
        Self { home, named }
    }

    /// The deployment's own.
    pub fn home(&self) -> &Region {
        &self.home
    }

    /// The one of this name; none: the deployment's own.
    pub fn named(&self, name: Option<&str>) -> Result<&Region, Fault> {
        match name {
            None => Ok(&self.home),
            Some(name) => self.named.get(name).ok_or_else(|| Code::RegionUnknown.fault().received(name)),
        }
    }

    /// The names of those that have one, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// The one that a connection belongs to.
    pub fn of(&self, connection: &Connection) -> Result<&Region, Fault> {
        self.named(connection.region.as_deref())
    }

    /// The paths under which their addresses lie, but for those under which everything does.
    pub fn prefixes(&self) -> BTreeSet<String> {
        let prefixes = self.named.values().map(|region| region.public_url.prefix());
        prefixes.filter(|prefix| !["", self.home.public_url.prefix()].contains(prefix)).map(str::to_owned).collect()
    }

    /// Refuses a name that the configuration does not know.
    pub fn check(&self, name: &str) -> Result<(), Fault> {
        match self.named.contains_key(name) {
            true => Ok(()),
            false => {
                let known = self.names().collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "none".to_owned() } else { known };
                Err(Code::FieldInvalid
                    .fault()
                    .expected(format!("region {name} is not configured; configured: {known}")))
            }
        }
    }
}
