//! `/v1/fee-schedules`, and what they charge

mod charge;
mod schedules;

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::Tenant;

/// A schedule in the home currency.
pub fn schedule(acme: &Tenant<'_>, on: &str, bps: i64, fixed: i64, more: &Value) -> Reply {
    let mut body = json!({ "applies_to": on, "percent_bps": bps });
    if fixed > 0 {
        body["amounts"] = json!([{ "currency": "PHP", "fixed": fixed }]);
    }
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    acme.post("/v1/fee-schedules", &body)
}

/// `fee` and `net` of something, both ways.
pub fn shown(reply: &Reply) -> [String; 4] {
    ["fee", "fee_decimal", "net", "net_decimal"].map(|name| reply.field(name))
}
