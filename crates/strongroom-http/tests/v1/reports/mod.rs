//! `/v1/reports`

mod figures;
mod reconcile;
mod request;
mod statements;
mod taxes;

use serde_json::{Value, json};
use strongroom_testkit::tenant::Tenant;

/// The minute that the servers' clock begins with; what ends later cannot be asked for yet.
pub const FROM: &str = "2026-01-01T00:00:00.000Z";
pub const TO: &str = "2026-01-01T00:01:00.000Z";

/// A report of that minute.
pub fn of(kind: &str) -> Value {
    json!({ "type": kind, "from": FROM, "to": TO })
}

/// The same with more.
pub fn with(kind: &str, name: &str, value: &str) -> Value {
    let mut asked = of(kind);
    asked[name] = json!(value);
    asked
}

/// The lines of one.
pub fn lines(acme: &Tenant<'_>, asked: &Value) -> Vec<Value> {
    let content = acme.report(asked).json();
    content["lines"].as_array().unwrap().clone()
}

/// The sum of a member of some values.
pub fn sum(values: &[Value], member: &str) -> i64 {
    values
        .iter()
        .filter_map(|value| value[member].as_i64())
        .sum()
}
