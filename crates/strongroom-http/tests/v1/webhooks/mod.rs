//! `/v1/webhooks`

mod attempts;
mod challenge;
mod change;
mod create;
mod deliver;
mod fail;
mod replay;
mod roll;
mod shadow;

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::receiver::{Received, Receiver};
use strongroom_testkit::tenant::Tenant;

/// An endpoint at `receiver` for these types, with further fields.
pub fn hook(acme: &Tenant<'_>, receiver: &Receiver, events: &[&str], more: Value) -> Reply {
    let mut body = json!({ "url": receiver.url(), "events": events });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    acme.post("/v1/webhooks", &body).expect(201)
}

pub fn ids(received: &[Received]) -> Vec<String> {
    received
        .iter()
        .map(|r| r.header("webhook-id").to_owned())
        .collect()
}
