//! `POST /v1/payouts/{id}/reverse`

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::tenant;

#[test]
fn a_payout_to_a_wallet_comes_back_if_the_money_is_still_there() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let reverse = |id: &str| {
        acme.request("POST", &format!("/v1/payouts/{id}/reverse"))
            .idempotent(&fresh("r"))
            .send()
    };
    let kept = acme.pay(&from, &to, 300).expect(201).id();
    let mark = acme.mark();
    assert_eq!(reverse(&kept).expect(200).field("status"), "reversed");
    assert_eq!((acme.available(&from), acme.available(&to)), (1_000, 0));
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["wallet.debited", "wallet.credited", "payout.reversed"]
    );
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["payout_reversed"]
    );
    let spent = acme.pay(&from, &to, 300).expect(201).id();
    acme.post(&format!("/v1/wallets/{to}/debit"), &json!({ "amount": 1 }))
        .expect(201);
    reverse(&spent).refused(422, "insufficient_funds");
    let lines = acme.all(&format!("/v1/transactions?payout_id={kept}"));
    assert_eq!(texts(&lines, "type"), ["payout_reversal", "payout"]);
}

#[test]
fn a_bank_payout_comes_back_once_it_is_completed() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let id = acme.pay_bank(&from, 400).expect(201).id();
    let reverse = || {
        acme.request("POST", &format!("/v1/payouts/{id}/reverse"))
            .idempotent(&fresh("r"))
            .send()
    };
    for _ in 0..3 {
        reverse().refused(409, "invalid_state");
        server.rail();
    }
    assert_eq!(acme.balance(&from, "total"), 600);
    reverse().expect(200);
    assert_eq!(acme.balance(&from, "available"), 1_000);
    reverse().refused(409, "invalid_state");
}
