//! Named regions: other addresses and names under which identity providers know this Postern.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::PublicUrl;
use super::reading::Reading;
use super::saml::{Saml, check_entity_id};
use super::settings::settings;
use crate::region::{Region, Regions};

settings! {
    /// Other addresses under which identity providers know this Postern, by name. A connection with `region` has the addresses
    /// and the entity ID of that region alone, in its metadata, its guide, and whatever is checked; apps and the issuer stay at
    /// `public_url`. A region that connections still name is not to be taken away: nobody signs in by them then.
    struct Written in "" {
        /// A table for each region, such as `[regions.eu]`, with `public_url` (like that of the top of the file, and another
        /// one) and, if it is to be another than that, `entity_id`. The name has up to 32 lower-case letters, digits and hyphens.
        /// All addresses have to lead to this Postern. The environment may set one member: `POSTERN_REGIONS__EU__PUBLIC_URL`.
        regions: BTreeMap<String, WrittenRegion>,
    }
}

/// A region as it is written.
#[derive(Deserialize)]
pub(super) struct WrittenRegion {
    public_url: Option<String>,
    entity_id: Option<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

pub(super) const SECTION: super::settings::Section = Written::SECTION;

pub(super) fn read(reading: &mut Reading, public_url: &PublicUrl, saml: &Saml) -> Regions {
    let mut known = vec![public_url.clone()];
    let mut named = BTreeMap::new();
    for (name, written) in Written::take(reading).regions {
        check_name(reading, &name);
        for member in written.unknown.keys() {
            let key = format!("regions.{name}.{member}");
            reading.refuse(&key, "is not a setting", "Write public_url or entity_id.");
        }
        let key = format!("regions.{name}.public_url");
        let Some(url) = read_url(reading, &key, written.public_url.as_deref()) else { continue };
        if known.contains(&url) {
            reading.refuse(
                &key,
                format!("is {url}, which is taken already"),
                "Give each region an address of its own.",
            );
        }
        let entity_id = written.entity_id.unwrap_or_else(|| url.as_str().to_owned());
        check_entity_id(reading, &format!("regions.{name}.entity_id"), &entity_id);
        known.push(url.clone());
        named.insert(name.clone(), Region::new(Some(name), url, entity_id));
    }
    Regions::new(Region::new(None, public_url.clone(), saml.entity_id.clone()), named)
}

/// The name stands in addresses.
fn check_name(reading: &mut Reading, name: &str) {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain || !(1..=32).contains(&name.len()) {
        let instead = "Use up to 32 lower-case letters, digits and hyphens.";
        reading.refuse(&format!("regions.{name}"), "has a name that does not fit into an address", instead);
    }
}

fn read_url(reading: &mut Reading, key: &str, written: Option<&str>) -> Option<PublicUrl> {
    let Some(written) = written else {
        reading.refuse(key, "is missing", "Write the address of the region, such as https://sso-eu.example.com.");
        return None;
    };
    PublicUrl::parse(written).map_err(|unfit| reading.refuse(key, unfit.fault, unfit.instead)).ok()
}
