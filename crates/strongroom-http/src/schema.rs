//! Words for JSON schemas (2020-12, as OpenAPI 3.1 takes them). Each resource writes its own beside its handlers.

use serde_json::{Map, Value, json};

/// An object whose fields are all listed; `required` names those that must be there.
pub fn object(required: &[&str], fields: Vec<(&str, Value)>) -> Value {
    let properties: Map<String, Value> = fields
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A reply's object: every field is there.
pub fn reply(fields: Vec<(&str, Value)>) -> Value {
    let names: Vec<String> = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    object(&names, fields)
}

/// An object that may have one more field.
pub fn optional(mut object: Value, name: &str, field: Value) -> Value {
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(properties) = properties {
        properties.insert(name.to_owned(), field);
    }
    object
}

/// A schema with a name: the document holds it once.
pub fn named(name: &str, mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), Value::from(name));
    }
    schema
}

/// A page of `item`.
pub fn page(item: Value) -> Value {
    reply(vec![
        ("data", list(item)),
        ("has_more", json!({"type": "boolean"})),
        ("next_cursor", nullable(text())),
    ])
}

pub fn list(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

pub fn text() -> Value {
    json!({"type": "string"})
}

pub fn line(max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": max})
}

pub fn constant(value: &str) -> Value {
    json!({"const": value})
}

pub fn one_of(values: &[&str]) -> Value {
    json!({"type": "string", "enum": values})
}

pub fn id(prefix: &str) -> Value {
    json!({"type": "string", "pattern": format!("^{prefix}_[0-9a-f]{{24}}$")})
}

pub fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

pub fn currency() -> Value {
    json!({"type": "string", "minLength": 3, "maxLength": 3, "examples": ["PHP"]})
}

/// A time in seconds since 1970, as JWKs have it.
pub fn seconds() -> Value {
    json!({"type": "integer"})
}

/// Minor units in a reply.
pub fn minor() -> Value {
    json!({"type": "integer", "minimum": -9_007_199_254_740_991_i64, "maximum": 9_007_199_254_740_991_i64})
}

/// An amount in a request: minor units, or major units as text.
pub fn amount() -> Value {
    named(
        "amount",
        json!({
            "description": "An integer of minor units (10000 PHP = 100.00), or a string of major units with exactly the currency's decimals (\"100.00\"). Keys of the `nopos` dialect write major units as numbers.",
            "oneOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 9_007_199_254_740_991_i64},
                {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"},
            ],
        }),
    )
}

pub fn reference_id() -> Value {
    json!({"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,100}$"})
}

pub fn metadata() -> Value {
    json!({
        "type": "object",
        "maxProperties": 50,
        "propertyNames": {"minLength": 1, "maxLength": 40},
        "additionalProperties": {"type": "string", "maxLength": 500},
    })
}

pub fn nullable(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// A body without fields.
pub fn nothing() -> Value {
    object(&[], Vec::new())
}

/// The body of every error.
pub fn problem() -> Value {
    reply(vec![
        ("type", text()),
        ("title", text()),
        ("status", json!({"type": "integer"})),
        ("detail", text()),
        ("code", text()),
        ("message", text()),
        ("request_id", id("req")),
        (
            "error",
            reply(vec![
                ("code", text()),
                ("message", text()),
                ("details", json!({"type": "object"})),
            ]),
        ),
        (
            "errors",
            list(reply(vec![("pointer", text()), ("detail", text())])),
        ),
    ])
}
