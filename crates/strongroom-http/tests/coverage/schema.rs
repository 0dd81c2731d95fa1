//! Holds a value against the words of JSON Schema that the route table uses; a word it does not know is a fault, so
//! that no promise goes unchecked.

use serde_json::Value;

/// What is wrong with `value`, with the pointer of each place.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let words = match schema {
        Value::Bool(true) => return,
        Value::Object(words) => words,
        other => return found.push(format!("{at}: {other} is no schema")),
    };
    for (word, wanted) in words {
        if let Some(fault) = one(word, wanted, value, at, words, found) {
            found.push(format!("{at}: {fault} ({word}: {wanted}, found {value})"));
        }
    }
}

fn one(
    word: &str,
    wanted: &Value,
    value: &Value,
    at: &str,
    words: &serde_json::Map<String, Value>,
    found: &mut Vec<String>,
) -> Option<&'static str> {
    let good = match word {
        "description" | "examples" | "default" | "title" => true,
        "type" => is_type(wanted.as_str().unwrap(), value),
        "const" => wanted == value,
        "enum" => wanted.as_array().unwrap().contains(value),
        "anyOf" => wanted
            .as_array()
            .unwrap()
            .iter()
            .any(|s| faults(s, value).is_empty()),
        "oneOf" => {
            wanted
                .as_array()
                .unwrap()
                .iter()
                .filter(|s| faults(s, value).is_empty())
                .count()
                == 1
        }
        "items" => {
            for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                check(wanted, item, &format!("{at}/{n}"), found);
            }
            true
        }
        "properties" => {
            for (name, schema) in wanted.as_object().unwrap() {
                if let Some(member) = value.get(name) {
                    check(schema, member, &format!("{at}/{name}"), found);
                }
            }
            true
        }
        "required" => wanted
            .as_array()
            .unwrap()
            .iter()
            .all(|name| value.get(name.as_str().unwrap()).is_some()),
        "additionalProperties" => additional(wanted, value, words, at, found),
        "propertyNames" => {
            let names = value.as_object().into_iter().flatten();
            names
                .into_iter()
                .all(|(name, _)| faults(wanted, &Value::String(name.clone())).is_empty())
        }
        "maxProperties" => value
            .as_object()
            .is_none_or(|members| members.len() <= number(wanted)),
        "minLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() >= number(wanted)),
        "maxLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() <= number(wanted)),
        "minimum" => value.as_i64().is_none_or(|n| n >= wanted.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|n| n <= wanted.as_i64().unwrap()),
        "exclusiveMinimum" => value.as_i64().is_none_or(|n| n > wanted.as_i64().unwrap()),
        "format" => value
            .as_str()
            .is_none_or(|t| wanted != "date-time" || is_time(t)),
        "pattern" => value
            .as_str()
            .is_none_or(|t| is_like(wanted.as_str().unwrap(), t)),
        _ => false,
    };
    (!good).then_some("does not hold")
}

fn additional(
    wanted: &Value,
    value: &Value,
    words: &serde_json::Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) -> bool {
    let known = words.get("properties").and_then(Value::as_object);
    let Some(members) = value.as_object() else {
        return true;
    };
    let further = members
        .iter()
        .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
    match wanted {
        Value::Bool(false) => further.count() == 0,
        schema => {
            further
                .for_each(|(name, member)| check(schema, member, &format!("{at}/{name}"), found));
            true
        }
    }
}

fn number(wanted: &Value) -> usize {
    usize::try_from(wanted.as_u64().unwrap()).unwrap()
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    }
}

fn is_time(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}

/// The few patterns there are.
fn is_like(pattern: &str, text: &str) -> bool {
    if let Some(prefix) = pattern
        .strip_prefix('^')
        .and_then(|p| p.strip_suffix("_[0-9a-f]{24}$"))
    {
        let hex = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('_'));
        return hex.is_some_and(|h| {
            h.len() == 24 && h.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
    }
    match pattern {
        "^[a-zA-Z0-9_-]{1,100}$" => {
            (1..=100).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        }
        "^[0-9]+(\\.[0-9]+)?$" => text.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
        _ => false,
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    use serde_json::json;
    let schema = json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": { "id": { "type": "string", "pattern": "^key_[0-9a-f]{24}$" }, "n": { "anyOf": [{ "type": "null" }] } },
    });
    let good = json!({ "id": "key_0123456789abcdef01234567", "n": null });
    assert_eq!(faults(&schema, &good), [""; 0]);
    for bad in [
        json!({}),
        json!([]),
        json!({ "id": "key_1" }),
        json!({ "id": "key_0123456789abcdef01234567", "n": 1 }),
        json!({ "id": "key_0123456789abcdef01234567", "x": 1 }),
    ] {
        assert!(!faults(&schema, &bad).is_empty(), "{bad}");
    }
    assert!(!faults(&json!({ "unheard": 1 }), &json!(1)).is_empty());
}
