//! `POST /v1/wallets/{id}/close`

use serde_json::json;
use strongroom_testkit::tenant::texts;

use crate::v1::tenant;

#[test]
fn only_an_empty_leaf_closes_and_stays_closed() {
    let acme = tenant();
    let master = acme.wallet("master");
    let leaf = acme.funded("operating", 5);
    let close = |id: &str| {
        acme.request("POST", &format!("/v1/wallets/{id}/close"))
            .send()
    };
    close(&leaf).refused(422, "wallet_not_empty");
    close(&master).refused(422, "wallet_has_children");
    acme.post(
        &format!("/v1/wallets/{leaf}/debit"),
        &json!({ "amount": 5 }),
    )
    .expect(201);
    let mark = acme.mark();
    assert_eq!(close(&leaf).expect(200).field("status"), "closed");
    assert_eq!(texts(&acme.events_since(&mark), "type"), ["wallet.closed"]);
    assert_eq!(texts(&acme.audit_since(&mark), "action"), ["wallet_closed"]);
    for verb in ["close", "freeze", "unfreeze"] {
        acme.request("POST", &format!("/v1/wallets/{leaf}/{verb}"))
            .send()
            .refused(422, "wallet_closed");
    }
    acme.post(
        &format!("/v1/wallets/{leaf}/credit"),
        &json!({ "amount": 5 }),
    )
    .refused(422, "wallet_closed");
    let patch = json!({ "metadata": {} });
    acme.request("PATCH", &format!("/v1/wallets/{leaf}"))
        .json(&patch)
        .send()
        .refused(422, "wallet_closed");
    close(&master).expect(200);
}

#[test]
fn a_closed_operating_wallet_is_no_default() {
    let acme = tenant();
    acme.wallet("master");
    let operating = acme.wallet("operating");
    let reserve = acme.wallet("reserve");
    acme.request("POST", &format!("/v1/wallets/{operating}/close"))
        .send()
        .expect(200);
    let body = json!({ "amount": 1, "recipient": { "type": "wallet", "id": reserve } });
    acme.post("/v1/payouts", &body)
        .refused(422, "no_default_wallet");
}
