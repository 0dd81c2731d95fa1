//! `POST /v1/transfers`

use serde_json::{Value, json};
use strongroom_testkit::tenant::texts;

use crate::v1::{NOW, refuses, tenant};

fn transfer(source: &str, destination: &str, minor: i64) -> Value {
    json!({ "amount": minor, "source_wallet_id": source, "destination_wallet_id": destination })
}

#[test]
fn money_moves_between_two_wallets() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let mark = acme.mark();
    let mut body = transfer(&from, &to, 400);
    body["reference_id"] = json!("move-1");
    body["description"] = json!("float");
    let reply = acme.post("/v1/transfers", &body).expect(201);
    let id = reply.id();
    assert_eq!(
        reply.json(),
        json!({
            "id": id, "object": "transaction", "type": "transfer", "status": "completed", "amount": 400,
            "amount_decimal": "4.00", "currency": "PHP", "source_wallet_id": from, "destination_wallet_id": to,
            "payout_id": null, "reference": "move-1", "description": "float", "created_at": NOW,
        })
    );
    assert_eq!((acme.available(&from), acme.available(&to)), (600, 400));
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        ["wallet.debited", "wallet.credited", "transfer.completed"]
    );
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["transfer_created"]
    );
    assert_eq!(
        acme.get(&format!("/v1/transfers/{id}")).expect(200).body,
        reply.body
    );
    assert_eq!(
        acme.get(&format!("/v1/transactions/{id}")).expect(200).body,
        reply.body
    );
    acme.post("/v1/transfers", &body)
        .refused(409, "reference_id_taken");
}

#[test]
fn transfers_that_cannot_be() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let dollars = acme
        .post(
            "/v1/wallets",
            &json!({ "type": "master", "currency": "USD" }),
        )
        .expect(201)
        .id();
    let body = |source: &str, destination: &str, rest: &str| {
        format!(
            r#"{{"amount":10,"source_wallet_id":"{source}","destination_wallet_id":"{destination}"{rest}}}"#
        )
    };
    let foreign = tenant().wallet("master");
    refuses(
        &acme,
        "POST",
        "/v1/transfers",
        &[
            (
                &body(&from, &from, ""),
                422,
                "same_wallet",
                "/destination_wallet_id",
            ),
            (
                &body(&from, &foreign, ""),
                404,
                "wallet_not_found",
                "/destination_wallet_id",
            ),
            (
                &body(&foreign, &to, ""),
                404,
                "wallet_not_found",
                "/source_wallet_id",
            ),
            (
                &body("wallet_1", &to, ""),
                404,
                "wallet_not_found",
                "/source_wallet_id",
            ),
            (
                &body(&acme.owner.id, &to, ""),
                404,
                "wallet_not_found",
                "/source_wallet_id",
            ),
            (
                &body(&from, &dollars, ""),
                422,
                "currency_mismatch",
                "/currency",
            ),
            (
                &body(&from, &to, r#","currency":"USD""#),
                422,
                "currency_mismatch",
                "/currency",
            ),
            (
                &body(&from, &to, r#","reference_id":"a.b""#),
                422,
                "invalid_field",
                "/reference_id",
            ),
            (
                &body(&from, &to, r#","metadata":{}"#),
                422,
                "unknown_field",
                "/metadata",
            ),
            (
                &body(&from, &"x".repeat(65), ""),
                422,
                "invalid_field",
                "/destination_wallet_id",
            ),
            (&body(&to, &from, ""), 422, "insufficient_funds", ""),
            (
                r#"{"amount":10}"#,
                422,
                "field_required",
                "/destination_wallet_id",
            ),
            (
                r#"{"amount":0.5,"source_wallet_id":1}"#,
                422,
                "field_required",
                "/destination_wallet_id",
            ),
        ],
    );
    assert_eq!((acme.available(&from), acme.available(&to)), (1_000, 0));
}
