//! Whose: a tenant and a product.

use serde::{Deserialize, Serialize};

/// A (tenant, product) pair. Both are free text without `:`, because Jackson's computed client ids join them with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// One customer organisation.
    pub tenant: String,
    /// The app.
    pub product: String,
}

/// Why a name is no tenant or product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It holds a colon.
    #[error("cannot contain the character :")]
    Colon,
    /// It is longer than 256 bytes, or holds a control character.
    #[error("is longer than 256 bytes or holds a control character")]
    Form,
}

/// Checks the name of a tenant or a product.
pub fn check_name(name: &str) -> Result<(), NameError> {
    match name {
        "" => Err(NameError::Empty),
        name if name.contains(':') => Err(NameError::Colon),
        name if name.len() > 256 || name.chars().any(char::is_control) => Err(NameError::Form),
        _ => Ok(()),
    }
}

impl Scope {
    /// A scope of two checked names.
    pub fn new(tenant: impl Into<String>, product: impl Into<String>) -> Result<Self, NameError> {
        let scope = Self { tenant: tenant.into(), product: product.into() };
        check_name(&scope.tenant)?;
        check_name(&scope.product)?;
        Ok(scope)
    }

    /// The scope in `tenant=T&product=P`, the form in which clients of Jackson put it into `client_id` and elsewhere.
    pub fn encoded(text: &str) -> Option<Self> {
        let (mut tenant, mut product) = (None, None);
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "tenant" if tenant.is_none() => tenant = Some(value.into_owned()),
                "product" if product.is_none() => product = Some(value.into_owned()),
                "tenant" | "product" => return None,
                _ => {}
            }
        }
        Self::new(tenant?, product?).ok()
    }

    /// The same written: what [`Scope::encoded`] reads.
    pub fn to_encoded(&self) -> String {
        let pairs = [("tenant", &self.tenant), ("product", &self.product)];
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_scopes_are_read_and_others_are_not() {
        let scope = Scope::encoded("tenant=acme.example&product=crm%20two").unwrap();
        assert_eq!((scope.tenant.as_str(), scope.product.as_str()), ("acme.example", "crm two"));
        assert_eq!(Scope::encoded(&scope.to_encoded()), Some(scope));
        for text in [
            "dummy",
            "",
            "tenant=a",
            "product=b",
            "tenant=&product=b",
            "tenant=a:b&product=c",
            "tenant=a&tenant=b&product=c",
        ] {
            assert_eq!(Scope::encoded(text), None, "{text}");
        }
    }
}
