//! Who has an account at the make-believe identity provider.

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What never changes about the account; the persistent NameID.
    pub id: String,
    /// The user name, and the `email` attribute.
    pub email: String,
    /// The `firstName` attribute.
    pub first_name: String,
    /// The `lastName` attribute.
    pub last_name: String,
    /// The `groups` attribute.
    pub groups: Vec<String>,
}

/// Everyone's password.
pub const PASSWORD: &str = "correct horse";

/// Three people of example.com.
pub fn people() -> Vec<Person> {
    let person = |id: &str, first_name: &str, last_name: &str, groups: &[&str]| Person {
        id: id.into(),
        email: format!("{}@example.com", first_name.to_lowercase()),
        first_name: first_name.into(),
        last_name: last_name.into(),
        groups: groups.iter().map(|&group| group.into()).collect(),
    };
    vec![
        person("u-1001", "Alice", "Martin", &["engineering", "everyone"]),
        person("u-1002", "Bob", "Okafor", &["sales", "everyone"]),
        person("u-1003", "Carol", "Nuñez & Sons", &["administrators", "everyone"]),
    ]
}
