//! As what somebody comes in: their role and their team, by the groups and the department that the IdP names.
//!
//! Rules are ordered, and the first that matches decides: those of the connection before those of the scope, and when none matches,
//! the default of the connection before that of the scope. A product declares which roles there are, and which of them are
//! privileged. What it does not declare is told of nobody, whatever a rule says; a privileged role is nobody's by default unless an
//! administrator has said so of this very role.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wildmatch::WildMatch;

use crate::fault::Fault;
use crate::mapping::Claims;
use crate::products::{Product, invalid};

/// The role that everybody has of whom nothing else is said. Every product has it.
pub const MEMBER: &str = "member";

/// The claims that say what a tenant's policy makes of a person, and what it makes that from.
pub const PLACED: [&str; 5] = ["role", "role_source", "team", "department", "provisioning"];

/// How many rules a setting may have, and a product roles.
const MOST: usize = 100;

/// How long a name may be, in bytes.
const LONGEST: usize = 256;

/// A role of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Whether nobody should have it by accident.
    #[serde(default)]
    pub privileged: bool,
}

impl Role {
    /// The roles in a JSON list, each by its name or as `{ "name", "privileged" }`; in no text there are none.
    pub fn list(sent: &str) -> Result<Vec<Role>, Fault> {
        if sent.is_empty() {
            return Ok(Vec::new());
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Sent {
            Name(String),
            Role(Role),
        }
        let malformed = || invalid("roles", "is not a list of names, or of objects with name and privileged");
        let sent: Vec<Sent> = serde_json::from_str(sent).map_err(|_| malformed())?;
        let roles = sent.into_iter().map(|sent| match sent {
            Sent::Name(name) => Role { name, privileged: false },
            Sent::Role(role) => role,
        });
        Ok(roles.collect())
    }

    /// Refuses roles that a product cannot declare.
    pub fn check(roles: &[Role]) -> Result<(), Fault> {
        if roles.len() > MOST {
            return Err(invalid("roles", "has more than 100 roles"));
        }
        for (at, role) in roles.iter().enumerate() {
            check_name("roles", &role.name)?;
            if roles[..at].iter().any(|other| other.name == role.name) {
                return Err(invalid("roles", format!("names {} twice", role.name)));
            }
            if role.name == MEMBER && role.privileged {
                return Err(invalid("roles", "marks member as privileged, which is everybody's role by default"));
            }
        }
        Ok(())
    }
}

impl Product {
    /// The names of its roles.
    fn role_names(&self) -> Vec<&str> {
        self.roles.iter().map(|role| role.name.as_str()).collect()
    }

    /// Its role of this name.
    fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }
}

/// What a scope, or a connection instead of its scope, says of roles and teams.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleSettings {
    /// Who is in such a group has this role.
    pub group_roles: Vec<Rule>,
    /// Who is in none has this one; `None`: that of the scope, and in the end [`MEMBER`].
    pub default_role: Option<String>,
    /// The privileged role that somebody has confirmed to be the default.
    pub confirmed: Option<String>,
    /// Who is in such a group is in this team.
    pub group_teams: Vec<Rule>,
    /// Who is in such a department is in this team.
    pub department_teams: Vec<Rule>,
    /// Who is in neither is in this one.
    pub default_team: Option<String>,
}

/// Who matches gets something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// An exact name, or a pattern with `*` for any text and `?` for one character.
    pub matches: String,
    /// What they get.
    pub gives: String,
}

impl Rule {
    /// Whether it is about one of the names. An exact name needs no pattern.
    fn is_about(&self, names: &[&str]) -> bool {
        if !self.matches.contains(['*', '?']) {
            return names.contains(&self.matches.as_str());
        }
        let pattern = WildMatch::new(&self.matches);
        names.iter().any(|name| pattern.matches(name))
    }
}

/// The settings that are lists of rules: the name of each, and the members that say who matches and what they get.
const RULES: [(&str, &str, &str); 3] =
    [("group_roles", "group", "role"), ("group_teams", "group", "team"), ("department_teams", "department", "team")];

impl RoleSettings {
    fn rules(&mut self, name: &str) -> Option<&mut Vec<Rule>> {
        match name {
            "group_roles" => Some(&mut self.group_roles),
            "group_teams" => Some(&mut self.group_teams),
            "department_teams" => Some(&mut self.department_teams),
            _ => None,
        }
    }

    /// The claims that its rules read.
    pub fn reads(&self) -> impl Iterator<Item = &'static str> {
        let groups = (!self.group_roles.is_empty() || !self.group_teams.is_empty()).then_some("groups");
        groups.into_iter().chain((!self.department_teams.is_empty()).then_some("department"))
    }

    /// Sets one setting; an empty text goes back to the default. `false`: it is none of these.
    pub fn set(&mut self, name: &str, sent: &str) -> Result<bool, Fault> {
        if let Some((name, matches, gives)) = RULES.iter().find(|(known, ..)| *known == name) {
            let read = read_rules(name, (matches, gives), sent)?;
            if let Some(rules) = self.rules(name) {
                *rules = read;
            }
            return Ok(true);
        }
        let named = || match sent {
            "" => Ok(None),
            _ => check_name(name, sent).map(|()| Some(sent.to_owned())),
        };
        match name {
            "default_role" => self.default_role = named()?,
            "default_team" => self.default_team = named()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Every setting with its value, by name.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("default_role".into(), json!(self.default_role));
        shown.insert("default_team".into(), json!(self.default_team));
        if let Some(confirmed) = &self.confirmed {
            shown.insert("confirmed_privileged_default".into(), json!(confirmed));
        }
        for (name, matches, gives) in RULES {
            let rules = self.clone().rules(name).map(std::mem::take).unwrap_or_default();
            let rules = rules.into_iter().map(|rule| json!({ matches: rule.matches, gives: rule.gives }));
            shown.insert(name.into(), rules.collect());
        }
        shown
    }

    /// Refuses roles that the product does not declare, and a privileged default that nobody has confirmed. `confirms`: somebody does
    /// so now.
    pub fn check(&mut self, product: Option<&Product>, confirms: bool) -> Result<(), Fault> {
        let known = || product.map(|product| product.role_names().join(", ")).unwrap_or_default();
        let unknown = |field: &str, name: &str| {
            let why = format!("names the role {name}, which the product does not declare; it declares: {}", known());
            invalid(field, why)
        };
        if let Some(rule) = self.group_roles.iter().find(|rule| !is_declared(product, &rule.gives)) {
            return Err(unknown("group_roles", &rule.gives));
        }
        // What was confirmed of one default says nothing of the next.
        if self.confirmed != self.default_role {
            self.confirmed = None;
        }
        let Some(default) = self.default_role.clone() else { return Ok(()) };
        if !is_declared(product, &default) {
            return Err(unknown("default_role", &default));
        }
        if confirms && self.privileged_default(product).is_some() {
            self.confirmed = Some(default.clone());
        }
        match self.privileged_default(product) {
            Some(role) if self.confirmed.as_deref() != Some(role) => Err(invalid(
                "default_role",
                format!(
                    "makes everybody {role}, a privileged role, unless a rule says otherwise; \
                         send confirm_privileged_default=true if that is meant"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The default role, where it is privileged.
    pub fn privileged_default(&self, product: Option<&Product>) -> Option<&str> {
        let name = self.default_role.as_deref()?;
        product?.role(name)?.privileged.then_some(name)
    }
}

fn check_name(field: &str, name: &str) -> Result<(), Fault> {
    match name.trim().is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        true => Err(invalid(field, "has a name that is empty, longer than 256 bytes or holds a control character")),
        false => Ok(()),
    }
}

fn read_rules(name: &str, (matches, gives): (&str, &str), sent: &str) -> Result<Vec<Rule>, Fault> {
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let malformed = || invalid(name, format!("is not a list of objects with {matches} and {gives}"));
    let rules: Vec<Map<String, Value>> = serde_json::from_str(sent).map_err(|_| malformed())?;
    if rules.len() > MOST {
        return Err(invalid(name, "has more than 100 rules"));
    }
    let read = |rule: &Map<String, Value>| {
        let text = |member: &str| rule.get(member).and_then(Value::as_str).map(str::to_owned);
        match (text(matches), text(gives), rule.len()) {
            (Some(matches), Some(gives), 2) => {
                check_name(name, &matches)?;
                check_name(name, &gives)?;
                Ok(Rule { matches, gives })
            }
            _ => Err(malformed()),
        }
    };
    rules.iter().map(read).collect()
}

/// What one login gets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The role, and where it comes from: `group` or `default`.
    pub role: Option<(String, &'static str)>,
    /// The team.
    pub team: Option<String>,
    /// How that came about, in counts and without a name.
    pub notes: Vec<String>,
}

impl Placed {
    /// Says so in the claims, in the place of whatever a connection mapped to these names, and gives the notes for the trace.
    pub fn tell(self, claims: &mut Claims) -> Vec<String> {
        let (role, source) = self.role.map(|(role, source)| (Some(role), Some(source.to_owned()))).unwrap_or_default();
        for (name, value) in [("role", role), ("role_source", source), ("team", self.team)] {
            match value {
                Some(value) => claims.insert(name.to_owned(), json!(value)),
                None => claims.remove(name),
            };
        }
        self.notes
    }
}

/// Settings in the order in which they are asked, with what traces call them.
type Layers<'s> = [(&'static str, &'s RoleSettings); 2];

/// As what somebody comes in. `connection` and `scope` are the settings of both, `told` the claims that the IdP's answer gave.
pub fn place(connection: &RoleSettings, scope: &RoleSettings, product: Option<&Product>, told: &Claims) -> Placed {
    let layers: Layers<'_> = [("connection", connection), ("scope", scope)];
    let (groups, departments) = (texts(told.get("groups")), texts(told.get("department")));
    let mut placed = Placed::default();
    let declared = |name: &str| is_declared(product, name);
    let by_group =
        first_match(&layers, "group_roles", |settings| &settings.group_roles, &groups, &declared, &mut placed);
    placed.role = match by_group {
        Some(role) => Some((role, "group")),
        None => default_role(&layers, product, &mut placed).map(|role| (role, "default")),
    };

    let any = |_: &str| true;
    placed.team = first_match(&layers, "group_teams", |settings| &settings.group_teams, &groups, &any, &mut placed)
        .or_else(|| {
            first_match(
                &layers,
                "department_teams",
                |settings| &settings.department_teams,
                &departments,
                &any,
                &mut placed,
            )
        })
        .or_else(|| layers.iter().find_map(|(_, layer)| layer.default_team.clone()));
    placed
}

/// The default of the connection, or of the scope, or [`MEMBER`]; nothing where that would be a role that the product does not declare
/// any more, or a privileged one that nobody has confirmed.
fn default_role(layers: &Layers<'_>, product: Option<&Product>, placed: &mut Placed) -> Option<String> {
    let set = layers.iter().find_map(|(_, settings)| Some((settings, settings.default_role.as_ref()?)));
    let Some((settings, name)) = set else { return Some(MEMBER.to_owned()) };
    let unconfirmed = settings.privileged_default(product).is_some() && settings.confirmed.as_ref() != Some(name);
    match () {
        () if !is_declared(product, name) => {
            placed.notes.push("default_role names a role that the product does not declare".to_owned())
        }
        () if unconfirmed => placed.notes.push("default_role is privileged, and nobody has confirmed that".to_owned()),
        () => return Some(name.clone()),
    }
    None
}

/// Whether a product has a role. One that is not registered has [`MEMBER`] alone.
fn is_declared(product: Option<&Product>, name: &str) -> bool {
    name == MEMBER || product.is_some_and(|product| product.role(name).is_some())
}

/// What the first rule gives that matches one of the names. Where there are rules, a note says what became of them.
fn first_match(
    layers: &Layers<'_>,
    setting: &str,
    rules: impl Fn(&RoleSettings) -> &Vec<Rule>,
    names: &[&str],
    may_give: &dyn Fn(&str) -> bool,
    placed: &mut Placed,
) -> Option<String> {
    let mut asked = 0;
    for (layer, settings) in layers {
        for (at, rule) in rules(settings).iter().enumerate() {
            asked += 1;
            if !rule.is_about(names) {
                continue;
            }
            if may_give(&rule.gives) {
                placed.notes.push(format!("{setting}: rule {} of the {layer} matched", at + 1));
                return Some(rule.gives.clone());
            }
            placed.notes.push(format!(
                "{setting}: rule {} of the {layer} names a role that the product does not declare",
                at + 1
            ));
        }
    }
    let what = if setting == "department_teams" { "department" } else { "groups" };
    match (asked, names.len()) {
        (0, _) => {}
        (rules, 0) => placed.notes.push(format!("{setting}: {what}_attribute_missing, for {rules} rules")),
        (rules, names) => placed.notes.push(format!(
            "{setting}: no_{}_rule_matched, of {rules} rules for {names} values",
            what.trim_end_matches('s')
        )),
    }
    None
}

/// A text, or the texts of a list.
fn texts(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
