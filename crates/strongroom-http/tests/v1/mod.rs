//! What the routes' tests share.

mod access;
mod account;
mod alerts;
mod api_keys;
mod approvals;
mod audit_logs;
mod auth;
mod banks;
mod checkpoints;
mod customers;
mod events;
mod fees;
mod payment_links;
mod payments;
mod payouts;
mod people;
mod planned;
mod pos;
mod products;
mod rate_limits;
mod refunds;
mod reports;
mod request_logs;
mod roles;
mod test_data;
mod tills;
mod tokens;
mod transactions;
mod transfers;
mod wallets;
mod webhooks;

use serde_json::{Value, json};
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, fresh};

/// The clock of the shared server stands still.
pub const NOW: &str = "2026-01-01T00:00:00.000Z";

/// An organization of the test's own on the shared server.
pub fn tenant() -> Tenant<'static> {
    Tenant::found(TestServer::shared())
}

/// A request body, what it is answered with, and the field that the answer names.
pub type BadBody<'a> = (&'a str, u16, &'a str, &'a str);

/// Every body is refused as it should be, and none of them changes anything.
#[track_caller]
pub fn refuses(tenant: &Tenant<'_>, method: &str, path: &str, cases: &[BadBody<'_>]) {
    let mark = tenant.mark();
    for (body, status, code, pointer) in cases {
        let reply = tenant
            .request(method, path)
            .idempotent(&fresh("bad"))
            .body(body)
            .send();
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (*status, *code),
            "{body} → {}",
            reply.text()
        );
        let reply = reply.refused(*status, code);
        let named = reply.json()["errors"][0]["pointer"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        assert_eq!(named, *pointer, "{body} → {}", reply.text());
    }
    let mut events = tenant.events_since(&mark);
    // A card number astray is told, whatever else is not.
    events.retain(|event| event["type"] != "security.card_number_refused");
    assert_eq!(events, [Value::Null; 0], "a refusal told events");
    for record in tenant.audit_since(&mark) {
        assert_eq!(
            record["outcome"], "refused",
            "a refusal changed something: {record}"
        );
    }
}

/// `{"data":[…],"has_more":…,"next_cursor":…}`.
pub fn page(items: &[Value]) -> Value {
    json!({ "data": items, "has_more": false, "next_cursor": null })
}

/// The balances of a wallet that has nothing pending or reserved.
pub fn plain(available: i64) -> Value {
    json!({ "available": available, "pending": 0, "reserved": 0, "total": available })
}
