//! `/api/v1/openapi.json` tells of every route of the API, and of every name that a handler reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use actix_web::http::Method;
use postern_core::policy::Policy;
use serde_json::Value;

use crate::world::{PUBLIC, World};

async fn document() -> Value {
    let world = World::new().await;
    let answer = world.api(Method::GET, "openapi.json", Value::Null).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

#[actix_web::test]
async fn the_document_has_every_route_of_the_api_and_no_other() {
    let document = document().await;
    assert_eq!((&document["openapi"], &document["servers"][0]["url"]), (&"3.1.0".into(), &PUBLIC.into()));
    let documented: BTreeSet<String> =
        operations(&document).iter().map(|(path, method, _)| format!("{} {path}", method.to_uppercase())).collect();
    // A route is a line such as: route!(config, "/api/v1/sso/exists", "GET", get => …);
    let lines = include_str!("../../src/routes.rs").lines();
    let routes = lines.filter_map(|line| line.trim().strip_prefix("route!(config, \"/api/v1/"));
    let routed: BTreeSet<String> = routes
        .flat_map(|line| {
            let parts: Vec<&str> = line.split('"').collect();
            let (path, methods) = (parts[0], parts[2]);
            methods.split(", ").map(|method| format!("{method} /api/v1/{path}")).collect::<Vec<_>>()
        })
        .collect();
    assert!(routed.len() >= 50, "{routed:#?}");
    assert_eq!(documented, routed, "an attribute #[utoipa::path] and a line in openapi.rs belong to every route");
}

#[actix_web::test]
async fn every_operation_has_a_name_of_its_own_and_says_what_may_be_refused() {
    let document = document().await;
    let operations = operations(&document);
    let names: BTreeSet<_> =
        operations.iter().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), operations.len());
    for (path, method, operation) in operations {
        for status in ["400", "401", "403", "503"] {
            let refused = &operation["responses"][status]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(refused, "#/components/schemas/Refused", "{method} {path} {status}");
        }
        let older = path.contains("connections") || path.contains("/saml");
        assert_eq!(operation["deprecated"] == true, older, "{path}");
    }
}

/// Names in queries and bodies.
#[actix_web::test]
async fn the_document_has_every_name_that_is_read_and_no_other() {
    let document = document().await;
    let mut documented = BTreeSet::new();
    for (.., operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "query" {
                documented.insert(parameter["name"].as_str().unwrap().to_owned());
            }
        }
        properties(&document, &operation["requestBody"]["content"]["application/json"]["schema"], &mut documented);
    }
    let mut read = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/handlers/api");
    for entry in fs::read_dir(folder).unwrap() {
        read.extend(names_read(&fs::read_to_string(entry.unwrap().path()).unwrap()));
    }
    // The settings of a policy are read by their names in core.
    read.extend(Policy::default().shown().into_iter().map(|(name, _)| name));
    assert!(read.len() > 60, "{read:?}");
    assert_eq!(documented, read);
}

/// The names of a schema's members, also of those that it is made of.
fn properties(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return properties(document, &document["components"]["schemas"][name], names);
    }
    schema["properties"].as_object().into_iter().for_each(|members| names.extend(members.keys().cloned()));
    schema["allOf"].as_array().into_iter().flatten().for_each(|part| properties(document, part, names));
}

/// The names that a file reads from fields: the texts among the arguments of the functions that do so.
fn names_read(source: &str) -> BTreeSet<String> {
    let readers = ["one(", "all(", "required(", "boolean(", "list(", "text(", "texts(", "endpoints(", "number("];
    let mut names = BTreeSet::new();
    for reader in readers {
        for (at, _) in source.match_indices(reader) {
            let part_of_another = source[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let arguments = source[at + reader.len()..].split(')').next().unwrap();
            if !part_of_another && !arguments.contains(['{', ';']) {
                let texts = arguments.split('"').skip(1).step_by(2);
                names.extend(
                    texts
                        .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
                        .map(str::to_owned),
                );
            }
        }
    }
    names
}
