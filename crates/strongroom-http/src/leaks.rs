//! `POST /leaks`: what somebody sends in who found a key where it should not be.

use serde_json::{Value as Schema, json};
use strongroom_types::secret::SecretText;

use crate::json::{parse_object, read_object};
use crate::problem::Problem;
use crate::schema;

/// Longer than any key.
const MOST_KEY: usize = 255;

/// Where it was found; for the sender's use, and not kept.
const MOST_SOURCE: usize = 2_048;

/// The key's text.
///
/// # Errors
/// 400 or 422 when the body is not one JSON object with a `key`.
pub fn read(body: &[u8]) -> Result<SecretText, Problem> {
    let object = parse_object(body).map_err(Problem::from)?;
    read_object(&object, |fields| {
        let key = fields.text("key", MOST_KEY);
        let key = fields.required("key", key);
        let _source = fields.text("source", MOST_SOURCE);
        key.map(SecretText::new)
    })
    .map_err(Problem::from)
}

pub fn body_schema() -> Schema {
    schema::object(
        &["key"],
        vec![
            ("key", schema::line(MOST_KEY)),
            ("source", schema::line(MOST_SOURCE)),
        ],
    )
}

pub fn schema() -> Schema {
    json!({"type": "object", "required": ["status"], "properties": {"status": {"const": "received"}}})
}
