//! How long a retry finds its first answer.

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, payout};

const HOUR: i64 = 3_600_000;

#[test]
fn an_answer_is_kept_for_a_day_and_its_key_for_longer() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let wallet = || {
        let body = json!({ "type": "master", "owner": { "name": "Ana" } });
        acme.request("POST", "/v1/wallets")
            .idempotent("wallet")
            .json(&body)
            .send()
    };
    let pay = || {
        acme.request("POST", "/v1/payouts")
            .idempotent("payout")
            .json(&payout(&from, &to, 10))
            .send()
    };
    let token = acme.token(VISA).expect(201).id();
    let charge = || {
        acme.request("POST", "/v1/payments")
            .idempotent("payment")
            .json(&json!({ "payment_token": token, "amount": 500, "wallet_id": to }))
            .send()
    };
    let paid = acme.payment(&from, 200, true);
    let back = || {
        acme.request("POST", "/v1/refunds")
            .idempotent("refund")
            .json(&json!({ "payment_id": paid, "amount": 50, "reason": "too much" }))
            .send()
    };
    let policy = json!({
        "act": "refund", "approvals": 1, "threshold": { "amount": 60, "currency": "PHP" },
    });
    acme.post("/v1/approval-policies", &policy).expect(201);
    let asked = acme.refund(&paid, 70).expect(202);
    let other = acme.key(Role::Owner);
    let vote = || {
        server
            .request("POST", &format!("/v1/approvals/{}/approve", asked.id()))
            .bearer(&other.text)
            .idempotent("vote")
            .json(&json!({ "hash": asked.field("hash") }))
            .send()
    };
    let voted = vote().expect(200);
    let refused = || {
        acme.request("POST", "/v1/payouts")
            .idempotent("refused")
            .json(&payout(&from, &to, 5_000))
            .send()
    };
    let first = (
        wallet().expect(201),
        pay().expect(201),
        charge().expect(201),
        back().expect(201),
        refused().refused(422, "insufficient_funds"),
    );
    for hours in [1, 22] {
        server.clock.advance(hours * HOUR);
        server.purge();
        assert_eq!(
            wallet().expect(201).body,
            first.0.body,
            "after {hours} more hours"
        );
        assert_eq!(pay().expect(201).body, first.1.body);
        assert_eq!(charge().expect(201).body, first.2.body);
        assert_eq!(back().expect(201).body, first.3.body);
        assert_eq!(refused().expect(422).body, first.4.body);
    }
    // Later the stored answer's key is destroyed. What was done is still known, and still done once.
    server.clock.advance(72 * HOUR);
    acme.wallet("reserve");
    server.purge();
    let gone = wallet().refused(409, "reply_not_kept");
    assert_eq!(gone.field("error/details/resource_id"), first.0.id());
    assert_eq!(acme.all("/v1/wallets").len(), 4);
    // So is what was voted on, and what came of it is nothing that a vote is answered with.
    let asked = vote().refused(409, "reply_not_kept");
    assert_eq!(
        asked.field("error/details/resource_id"),
        voted.field("resource_id")
    );
    // The money part of an entry is kept for years, and its answer follows from it.
    assert_eq!(pay().expect(201).body, first.1.body);
    assert_eq!(charge().expect(201).body, first.2.body);
    assert_eq!(back().expect(201).body, first.3.body);
    assert_eq!(acme.available(&to), 10);
}
