//! What the server says of itself: the OpenAPI document and the table of errors.

use std::collections::BTreeSet;

use satchel::http::{Code, openapi_json, table};
use serde_json::Value;

use super::assert_page;
use crate::harness::Server;

fn document() -> Value {
    serde_json::from_str(&openapi_json(&table())).unwrap()
}

/// Every operation: method, path, and what is said of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, said)| (method, path.clone(), said)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                match inner {
                    Value::String(target) if key == "$ref" => drop(found.insert(target.clone())),
                    _ => references(inner, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[test]
fn the_openapi_document_is_the_one_that_was_reviewed() {
    let mut document = document();
    document["info"]["version"] = "(version)".into();
    assert_page("openapi", &serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn every_route_is_documented_and_nothing_else() {
    let mut documented: Vec<(String, String)> =
        operations(&document()).into_iter().map(|(method, path, _)| (method.to_uppercase(), path)).collect();
    let mut routes: Vec<(String, String)> =
        table().iter().map(|route| (route.name().0.to_string(), route.name().1.to_owned())).collect();
    documented.sort();
    routes.sort();
    assert_eq!(documented, routes);
}

#[test]
fn every_operation_says_what_it_does_who_may_and_how_it_fails() {
    let document = document();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    for (method, path, said) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(said["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{name}: {}", said["summary"]);
        let id = said["operationId"].as_str().unwrap_or_else(|| panic!("{name} has no id"));
        assert!(ids.insert(id.to_owned()), "two operations are called {id}");
        assert!(said["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{name} has no heading");
        let security = said["security"].as_array().unwrap_or_else(|| panic!("{name} does not say who may"));
        assert!(!security.is_empty(), "{name}: an empty list says nothing");
        for requirement in security.iter().flat_map(|requirement| requirement.as_object().unwrap().keys()) {
            assert!(schemes.contains_key(requirement), "{name}: {requirement} is not explained");
        }
        let responses = said["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with(['2', '3']) || status == "101"), "{name}: no success");
        let may_fail = security.iter().all(|requirement| *requirement != serde_json::json!({}))
            || said["requestBody"].is_object()
            || path.contains('{');
        assert!(!may_fail || responses.contains_key("default"), "{name} does not say how it fails");
        let variables = path.matches('{').count();
        let described = said["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "path").count();
        assert_eq!(variables, described, "{name}: parts of its path");
    }
}

#[test]
fn what_the_document_refers_to_is_there() {
    let document = document();
    let mut targets = BTreeSet::new();
    references(&document, &mut targets);
    assert!(targets.len() > 10, "{targets:?}");
    for target in targets {
        let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} is outside"));
        assert!(document.pointer(pointer).is_some(), "{target} is nowhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_under_both_names() {
    let server = Server::start().await;
    let one = server.anybody().get("/openapi.json").await;
    let other = server.anybody().get("/api/docs/swagger.json").await;
    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(one.headers["content-type"], "application/json");
    assert_eq!(one.text, other.text);
    assert_eq!(one.body, document());
}

#[test]
fn the_error_table_is_the_one_that_was_reviewed() {
    let lines = Code::ALL.iter().map(|code| format!("{} {}\n", code.status(), code.as_str()));
    assert_page("errors", &lines.collect::<String>());
    // one word stands for both ways of asking for a one-time code: at a login (401) and after it (403)
    let words: BTreeSet<_> = Code::ALL.iter().filter(|code| **code != Code::OtpToGoOn).map(|c| c.as_str()).collect();
    assert_eq!(words.len(), Code::ALL.len() - 1, "two errors have one code");
}
