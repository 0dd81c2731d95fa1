//! `POST /v1/wallets/{id}/freeze` and `/unfreeze`

use serde_json::json;
use strongroom_testkit::tenant::texts;

use crate::v1::tenant;

#[test]
fn a_frozen_wallet_moves_nothing_until_it_is_thawed() {
    let acme = tenant();
    let id = acme.funded("master", 1_000);
    let other = acme.funded("operating", 1_000);
    let set = |verb: &str| {
        acme.request("POST", &format!("/v1/wallets/{id}/{verb}"))
            .send()
    };
    let mark = acme.mark();
    assert_eq!(set("freeze").expect(200).field("status"), "frozen");
    for reply in [
        acme.post(&format!("/v1/wallets/{id}/credit"), &json!({ "amount": 1 })),
        acme.post(&format!("/v1/wallets/{id}/debit"), &json!({ "amount": 1 })),
        acme.pay(&id, &other, 1),
        acme.pay(&other, &id, 1),
        acme.pay_bank(&id, 1),
    ] {
        let reply = reply.refused(422, "wallet_frozen");
        assert!(reply.text().contains(&id), "{}", reply.text());
    }
    set("freeze").refused(409, "invalid_state");
    assert_eq!(set("unfreeze").expect(200).field("status"), "active");
    set("unfreeze").refused(409, "invalid_state");
    acme.pay(&id, &other, 1).expect(201);
    let events = texts(&acme.events_since(&mark), "type");
    assert_eq!(events[..2], ["wallet.frozen", "wallet.unfrozen"]);
    let audit = acme.audit_since(&mark);
    let done: Vec<_> = audit
        .iter()
        .filter(|a| a["outcome"] == "success")
        .cloned()
        .collect();
    assert_eq!(
        texts(&done, "action"),
        ["wallet_frozen", "wallet_unfrozen", "payout_created"]
    );
}
