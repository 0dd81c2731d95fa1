//! `/v1/tokens`

mod create;
mod delete;
mod expire;
mod list;
mod reveal;

use serde_json::{Value, json};
use strongroom_testkit::tenant::{VISA, card};

/// The body of a token for a test card with some of the card's fields changed; `null` takes one away.
pub fn card_with(changes: Value) -> Value {
    let mut body = card(VISA);
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body["card"].as_object_mut().unwrap().remove(name)),
            value => body["card"][name] = value.clone(),
        }
    }
    body
}

/// A token's body with further fields beside the card.
pub fn token_with(more: Value) -> Value {
    let mut body = card(VISA);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A reveal's body.
pub fn because(reason: &str) -> Value {
    json!({ "reason": reason })
}
