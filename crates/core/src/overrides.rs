//! What a connection says in the place of its scope's policy.

use serde_json::{Map, Value};

use crate::connection::Connection;
use crate::fault::Fault;
use crate::products::{Product, invalid};
use crate::requirements::Requirements;
use crate::roles::RoleSettings;

impl Connection {
    /// Overrides these settings, each as text, and no others any more.
    pub(crate) fn set_overrides(&mut self, sent: &[(String, String)], product: Option<&Product>) -> Result<(), Fault> {
        let (mut roles, mut requirements) = (RoleSettings::default(), Requirements::default());
        let mut confirms = false;
        for (name, sent) in sent {
            match name.as_str() {
                "confirm_privileged_default" => confirms = sent == "true",
                _ if roles.set(name, sent)? || requirements.set(name, sent)? => {}
                _ => return Err(invalid("policy", format!("has no setting {name} for a connection"))),
            }
        }
        roles.check(product, confirms)?;
        (self.roles, self.requirements) = (roles, requirements);
        Ok(())
    }

    /// What it overrides, by name; `None`: nothing.
    pub fn overrides(&self) -> Option<Map<String, Value>> {
        let nothing = self.roles == RoleSettings::default() && self.requirements == Requirements::default();
        (!nothing).then(|| shown(&self.roles, &self.requirements))
    }
}

/// What a connection overrides that overrides nothing.
pub(crate) fn nothing() -> Map<String, Value> {
    shown(&RoleSettings::default(), &Requirements::default())
}

fn shown(roles: &RoleSettings, requirements: &Requirements) -> Map<String, Value> {
    roles.shown().into_iter().chain(requirements.overrides()).collect()
}
