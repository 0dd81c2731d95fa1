//! `/v1/approvals` and `/v1/approval-policies`

mod again;
mod approve;
mod end;
mod money;
mod policies;
mod race;
mod shared;

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh, payout};

/// What waits for approvals when it is more.
const THRESHOLD: i64 = 1_000;

/// Has acts of a kind wait; amounts over the threshold alone where there are any.
pub(super) fn policy(acme: &Tenant<'_>, act: &str, approvals: u32) -> String {
    let mut body = json!({ "act": act, "approvals": approvals });
    if ["payout", "debit", "refund"].contains(&act) {
        body["threshold"] = json!({ "amount": THRESHOLD, "currency": "PHP" });
    }
    acme.post("/v1/approval-policies", &body).expect(201).id()
}

/// A request with somebody's key.
fn send(acme: &Tenant<'_>, key: &Key, target: &str, body: &Value) -> Reply {
    let request = acme.server.request("POST", target).bearer(&key.text);
    request.idempotent(&fresh("approval")).json(body).send()
}

/// An organization whose payouts over the threshold wait, a maker, and a payout of his.
pub(super) struct Held<'s> {
    pub(super) acme: Tenant<'s>,
    maker: Key,
    from: String,
    pub(super) to: String,
}

impl<'s> Held<'s> {
    pub(super) fn new(acme: Tenant<'s>, approvals: u32) -> Held<'s> {
        policy(&acme, "payout", approvals);
        let (from, to) = (acme.funded("master", 10_000), acme.wallet("operating"));
        let maker = acme.key(Role::Operator);
        Held {
            acme,
            maker,
            from,
            to,
        }
    }

    pub(super) fn body(&self, minor: i64) -> Value {
        payout(&self.from, &self.to, minor)
    }

    /// A payout that waits, as its maker is told.
    fn waiting(&self, minor: i64) -> Value {
        let reply = send(&self.acme, &self.maker, "/v1/payouts", &self.body(minor));
        reply.expect(202).json()
    }

    /// What the approval says now.
    fn now(&self, approval: &Value) -> Value {
        let path = format!("/v1/approvals/{}", text(approval, "id"));
        self.acme.get(&path).expect(200).json()
    }

    pub(super) fn approve(&self, key: &Key, approval: &Value) -> Reply {
        approve(&self.acme, key, approval)
    }

    /// Nothing has moved.
    #[track_caller]
    fn is_untouched(&self) {
        let left = (
            self.acme.available(&self.from),
            self.acme.available(&self.to),
        );
        assert_eq!(left, (10_000, 0));
        assert_eq!(self.acme.all("/v1/payouts").len(), 0);
    }
}

pub(super) fn approve(acme: &Tenant<'_>, key: &Key, approval: &Value) -> Reply {
    let path = format!("/v1/approvals/{}/approve", text(approval, "id"));
    send(acme, key, &path, &json!({ "hash": approval["hash"] }))
}

pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap()
}
