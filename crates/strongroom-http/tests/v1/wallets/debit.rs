//! `POST /v1/wallets/{id}/debit`

use serde_json::json;
use strongroom_testkit::tenant::texts;

use crate::v1::{NOW, refuses, tenant};

#[test]
fn money_goes_out_and_low_balance_is_told_once() {
    let acme = tenant();
    let id = acme
        .post(
            "/v1/wallets",
            &json!({ "type": "master", "low_balance_threshold": 500 }),
        )
        .id();
    acme.credit(&id, 1_000);
    let path = format!("/v1/wallets/{id}/debit");
    let mark = acme.mark();
    let reply = acme
        .post(&path, &json!({ "amount": "6.00", "reference": "r" }))
        .expect(201);
    let transaction = reply.id();
    assert_eq!(
        reply.json(),
        json!({
            "id": transaction, "object": "transaction", "type": "debit", "status": "completed", "amount": 600,
            "amount_decimal": "6.00", "currency": "PHP", "source_wallet_id": id, "destination_wallet_id": null,
            "payout_id": null, "reference": "r", "description": null, "created_at": NOW,
        })
    );
    acme.post(&path, &json!({ "amount": 100 })).expect(201);
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        ["wallet.debited", "wallet.low_balance", "wallet.debited"]
    );
    assert_eq!(events[1]["data"]["amount"], json!(400), "what is left");
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["wallet_debited"; 2]
    );
    assert_eq!(acme.available(&id), 300);
}

#[test]
fn more_than_there_is_stays() {
    let acme = tenant();
    let id = acme.funded("master", 100);
    refuses(
        &acme,
        "POST",
        &format!("/v1/wallets/{id}/debit"),
        &[
            (r#"{"amount":101}"#, 422, "insufficient_funds", ""),
            (
                r#"{"amount":9007199254740991}"#,
                422,
                "insufficient_funds",
                "",
            ),
            (r#"{"amount":0}"#, 422, "amount_not_positive", "/amount"),
            (
                r#"{"amount":1,"currency":"EUR"}"#,
                422,
                "currency_mismatch",
                "/currency",
            ),
        ],
    );
    assert_eq!(acme.available(&id), 100);
    acme.post(
        &format!("/v1/wallets/{id}/debit"),
        &json!({ "amount": 100 }),
    )
    .expect(201);
}
