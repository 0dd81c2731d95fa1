//! The OpenAPI 3.1 document, made from the route table; committed as `openapi/v1.json` and locked by a test.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::oauth;
use crate::pay::Part;
use crate::presented::SESSION_COOKIE;
use crate::query::{Parameter, ParameterKind};
use crate::route::{Door, ReplyKind, Route, SignatureClass};
use crate::routes::routes;
use crate::schema;
use crate::v1::approvals;

/// The document as served: compact.
pub fn served() -> Bytes {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document().to_string()));
    DOCUMENT.clone()
}

/// The whole document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.verb.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Strongroom",
            "version": "v1",
            "description": "A self-hosted payments core: wallets, transfers, payouts, keys, events and a provable log.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or the token of a session."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "A session that began with `cookie`; what changes anything needs its `X-CSRF-Token` beside it."},
            },
            "responses": {"problem": problem_response()},
            "schemas": {"problem": schema::problem()},
        },
    });
    let mut named = Map::new();
    if let Some(paths) = document.get_mut("paths") {
        take_named(paths, &mut named);
    }
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.extend(named);
    }
    document
}

/// Moves every schema that has a title to `named` and leaves a reference in its place.
fn take_named(value: &mut Value, named: &mut Map<String, Value>) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| take_named(item, named)),
        Value::Object(fields) => {
            fields
                .values_mut()
                .for_each(|field| take_named(field, named));
            let is_schema = fields.contains_key("type") || fields.contains_key("oneOf");
            let Some(title) = fields
                .get("title")
                .and_then(Value::as_str)
                .filter(|_| is_schema)
            else {
                return;
            };
            let reference = json!({"$ref": format!("#/components/schemas/{title}")});
            named.insert(title.to_owned(), std::mem::replace(value, reference));
        }
        _ => {}
    }
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": {
            route.success.to_string(): {
                "description": "Done.",
                "content": content(route),
            },
            "default": {"$ref": "#/components/responses/problem"},
        },
        "security": match (&route.door, route.permission) {
            (Door::Personal(_), _) => json!([{"bearer": []}, {"session": []}]),
            (_, Some(_)) => json!([{"bearer": []}, {"apiKey": []}, {"session": []}]),
            (_, None) => json!([]),
        },
    });
    if route.waits
        && let Some(responses) = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut)
    {
        responses.insert("202".into(), waiting());
    }
    if let (Some(fields), Some(permission)) = (operation.as_object_mut(), route.permission) {
        fields.insert("x-permission".into(), json!(permission));
    }
    if let (Some(fields), Some(body)) = (operation.as_object_mut(), route.body) {
        fields.insert("requestBody".into(), request_body(route, &body()));
    }
    operation
}

/// The answer where a policy has the request wait.
fn waiting() -> Value {
    json!({
        "description": "It waits for approvals.",
        "content": {"application/json": {"schema": approvals::schema()}},
    })
}

/// What a success holds.
fn content(route: &Route) -> Value {
    match (&route.door, route.reply) {
        (Door::Pay(Part::Code), _) => json!({"image/svg+xml": {"schema": schema::text()}}),
        (
            Door::Page(_)
            | Door::Pay(_)
            | Door::Account(_)
            | Door::Oauth(oauth::Part::Page | oauth::Part::Answer),
            _,
        ) => json!({"text/html": {"schema": schema::text()}}),
        (_, ReplyKind::Stream) => {
            json!({"text/event-stream": {"schema": (route.reply_schema)()}})
        }
        (_, ReplyKind::File) => {
            json!({"application/xml": {"schema": (route.reply_schema)()}})
        }
        (_, ReplyKind::Kept | ReplyKind::Secret) => {
            let json = json!({"schema": (route.reply_schema)()});
            let others = route.media.iter().map(|media| (*media, json!({})));
            let all = std::iter::once(("application/json", json)).chain(others);
            let all: Map<String, Value> = all.map(|(media, of)| (media.to_owned(), of)).collect();
            Value::Object(all)
        }
    }
}

/// `post_v1_wallets_id_credit`: unlike for every row, and stable as long as the row is.
fn operation_id(route: &Route) -> String {
    let path = route
        .path
        .replace(['{', '}'], "")
        .replace(['/', '-', '.'], "_");
    format!("{}{path}", route.verb.as_str().to_ascii_lowercase())
}

/// Pages are for people; no program should read them.
pub(crate) fn page_schema() -> Value {
    schema::text()
}

fn request_body(route: &Route, body: &Value) -> Value {
    let kind = match route.door {
        Door::Pay(_) | Door::Oauth(_) | Door::Account(_) => "application/x-www-form-urlencoded",
        _ if route.xml => "application/xml",
        _ => "application/json",
    };
    let required = body.get("required").and_then(Value::as_array);
    json!({
        "required": required.is_some_and(|names| !names.is_empty()),
        "content": {kind: {"schema": body}},
    })
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        parameters.push(parameter(
            "path",
            "id",
            true,
            "The resource's id.",
            &schema::text(),
        ));
    }
    if route.is_mutating() {
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255});
        let about = "A retry under the same key gets the first reply again.";
        parameters.push(parameter(
            "header",
            "Idempotency-Key",
            route.money,
            about,
            &key,
        ));
    }
    if route.signature == SignatureClass::Sensitive {
        let hex = json!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
        let about = "HMAC-SHA-256 of method, URL, timestamp and body; needed by keys that sign.";
        parameters.push(parameter("header", "X-Signature", false, about, &hex));
        let seconds = json!({"type": "string", "pattern": "^[0-9]{1,12}$"});
        parameters.push(parameter(
            "header",
            "X-Timestamp",
            false,
            "Unix seconds.",
            &seconds,
        ));
    }
    if route.waits {
        let about = "The approval that a request sent again was given, where its reply is for its maker alone.";
        let id = schema::id("appr");
        parameters.push(parameter("header", "Approval-Id", false, about, &id));
    }
    parameters.extend(route.query.iter().map(query_parameter));
    parameters
}

fn parameter(place: &str, name: &str, required: bool, about: &str, schema: &Value) -> Value {
    json!({"in": place, "name": name, "required": required, "description": about, "schema": schema})
}

fn query_parameter(known: &Parameter) -> Value {
    let schema = match known.kind {
        ParameterKind::Text => schema::text(),
        ParameterKind::Integer => json!({"type": "integer", "minimum": 0}),
        ParameterKind::Time => schema::time(),
        ParameterKind::OneOf(values) => schema::one_of(&values()),
    };
    parameter("query", known.name, known.required, known.about, &schema)
}

fn problem_response() -> Value {
    let content = json!({"schema": {"$ref": "#/components/schemas/problem"}});
    json!({
        "description": "What went wrong, as RFC 9457 has it.",
        "content": {"application/problem+json": content},
    })
}

/// The reply of `/health` and `/ready`.
/// A JSON Web Signature, flattened.
pub fn pins_schema() -> Value {
    let parts = ["protected", "payload", "signature"];
    schema::reply(parts.map(|part| (part, schema::text())).to_vec())
}

pub fn status_schema() -> Value {
    schema::reply(vec![("status", schema::text())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/v1.json");
        let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
            std::fs::write(path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(
            committed == made,
            "run with UPDATE_GOLDEN=1 and review the change"
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Array(list) => list.iter().for_each(|item| references(item, found)),
                Value::Object(fields) => {
                    found.extend(
                        fields
                            .get("$ref")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                    );
                    fields.values().for_each(|field| references(field, found));
                }
                _ => {}
            }
        }
        let (document, mut found) = (document(), Vec::new());
        references(&document, &mut found);
        assert!(found.contains(&"#/components/schemas/wallet".to_owned()));
        for reference in found {
            let target = document.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some_and(Value::is_object), "{reference}");
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let mut names: Vec<_> = routes().iter().map(operation_id).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(names.contains(&"post_v1_wallets_id_credit".to_owned()));
    }
}
