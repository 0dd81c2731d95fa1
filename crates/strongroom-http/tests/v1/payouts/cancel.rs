//! `POST /v1/payouts/{id}/cancel`

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::{NOW, tenant};

#[test]
fn before_processing_the_money_comes_back() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let id = acme.pay_bank(&from, 400).expect(201).id();
    let mark = acme.mark();
    let reply = acme
        .request("POST", &format!("/v1/payouts/{id}/cancel"))
        .idempotent("c")
        .send()
        .expect(200)
        .json();
    assert_eq!(
        (&reply["status"], &reply["processed_at"]),
        (&json!("cancelled"), &json!(NOW))
    );
    assert_eq!(reply["recipient"]["account_number"], json!("********7890"));
    assert_eq!(
        (acme.available(&from), acme.balance(&from, "reserved")),
        (1_000, 0)
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["wallet.released", "payout.cancelled"]
    );
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["payout_cancelled"]
    );
}

#[test]
fn from_processing_on_it_is_too_late() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let cancel = |id: &str| {
        acme.request("POST", &format!("/v1/payouts/{id}/cancel"))
            .idempotent(&fresh("c"))
            .send()
    };
    let early = acme.pay_bank(&from, 100).expect(201).id();
    let late = acme.pay_bank(&from, 200).expect(201).id();
    server.rail();
    cancel(&early).expect(200);
    assert_eq!(server.rail(), 1, "a cancelled payout has no rail any more");
    cancel(&late).refused(409, "invalid_state");
    server.rail();
    cancel(&late).refused(409, "invalid_state");
    let to = acme.wallet("operating");
    let done = acme.pay(&from, &to, 5).expect(201).id();
    cancel(&done).refused(409, "invalid_state");
    assert_eq!(acme.available(&from), 795);
}
