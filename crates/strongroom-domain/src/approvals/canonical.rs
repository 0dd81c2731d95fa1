//! The text of a request that approvers sign the hash of: JSON without white space, the names of every object in order.
//!
//! It names the approval, so that no agreement counts for another, and what is asked for, so that none counts under
//! other policies.

use serde_json::{Map, Value, json};

use crate::approvals::{ApprovalBody, Asked, Parked};

/// The text, made from what is stored. `None` never happens: everything in it has a JSON form.
pub(super) fn text(body: &ApprovalBody, command: &Parked) -> Option<String> {
    let value = json!({
        "object": "approval_request",
        "approval_id": body.id,
        "act": body.act.as_str(),
        "maker": body.maker,
        "policies": body.policies.iter().map(asked).collect::<Vec<_>>(),
        "requested_at": body.created_at,
        "expires_at": body.expires_at,
        "request": command.asked(),
    });
    serde_json::to_string(&ordered(value)).ok()
}

fn asked(asked: &Asked) -> Value {
    let roles: Vec<&str> = asked.roles.iter().map(|role| role.as_str()).collect();
    json!({
        "id": asked.policy,
        "version": asked.version,
        "approvals": asked.approvals,
        "roles": roles,
    })
}

/// The same value with the names of each object in order, however objects are kept in memory.
fn ordered(value: Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.into_iter().map(ordered).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            let ordered = fields
                .into_iter()
                .map(|(name, field)| (name, ordered(field)));
            Value::Object(ordered.collect::<Map<_, _>>())
        }
        plain => plain,
    }
}
