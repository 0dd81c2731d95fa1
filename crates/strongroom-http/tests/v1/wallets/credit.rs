//! `POST /v1/wallets/{id}/credit`

use serde_json::json;
use strongroom_testkit::tenant::{fresh, texts};

use crate::v1::{NOW, refuses, tenant};

#[test]
fn the_documents_body_brings_money_in() {
    let acme = tenant();
    let id = acme.wallet("master");
    let mark = acme.mark();
    let body = json!({ "amount": 10_000, "currency": "PHP", "reference": "top-up 1", "description": "first" });
    let reply = acme
        .post(&format!("/v1/wallets/{id}/credit"), &body)
        .expect(201);
    let transaction = reply.id();
    assert_eq!(
        reply.json(),
        json!({
            "id": transaction, "object": "transaction", "type": "credit", "status": "completed", "amount": 10_000,
            "amount_decimal": "100.00", "currency": "PHP", "source_wallet_id": null, "destination_wallet_id": id,
            "payout_id": null, "reference": "top-up 1", "description": "first", "created_at": NOW,
        })
    );
    assert_eq!(acme.available(&id), 10_000);
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["wallet.credited"]);
    let data = json!({ "wallet_id": id, "amount": 10_000, "currency": "PHP", "transaction_id": transaction });
    assert_eq!(events[0]["data"], data);
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["wallet_credited"]);
    assert_eq!(audit[0]["resource_id"], json!(transaction));
}

#[test]
fn amounts_as_both_families_write_them() {
    let acme = tenant();
    let id = acme.wallet("master");
    let path = format!("/v1/wallets/{id}/credit");
    for (body, minor) in [
        (r#"{"amount":1}"#, 1),
        (r#"{"amount":"100.00"}"#, 10_000),
        (r#"{"amount":"0.01"}"#, 1),
        (r#"{"amount":250,"currency":"php"}"#, 250),
    ] {
        let before = acme.available(&id);
        acme.request("POST", &path)
            .idempotent(&fresh("c"))
            .body(body)
            .send()
            .expect(201);
        assert_eq!(acme.available(&id) - before, minor, "{body}");
    }
    refuses(
        &acme,
        "POST",
        &path,
        &[
            (r#"{}"#, 422, "field_required", "/amount"),
            (r#"{"amount":null}"#, 422, "field_required", "/amount"),
            (r#"{"amount":0}"#, 422, "amount_not_positive", "/amount"),
            (r#"{"amount":-0}"#, 422, "amount_not_positive", "/amount"),
            (r#"{"amount":-5}"#, 422, "amount_not_positive", "/amount"),
            (r#"{"amount":100.00}"#, 422, "amount_not_integer", "/amount"),
            (r#"{"amount":1.0}"#, 422, "amount_not_integer", "/amount"),
            (r#"{"amount":1e3}"#, 422, "amount_not_integer", "/amount"),
            (r#"{"amount":1E400}"#, 422, "amount_not_integer", "/amount"),
            (r#"{"amount":"100"}"#, 422, "amount_decimals", "/amount"),
            (r#"{"amount":"100.0"}"#, 422, "amount_decimals", "/amount"),
            (r#"{"amount":"100.000"}"#, 422, "amount_decimals", "/amount"),
            (
                r#"{"amount":"0.00"}"#,
                422,
                "amount_not_positive",
                "/amount",
            ),
            (
                r#"{"amount":"-1.00"}"#,
                422,
                "amount_not_positive",
                "/amount",
            ),
            (r#"{"amount":"1,000.00"}"#, 422, "amount_invalid", "/amount"),
            (r#"{"amount":"1e2"}"#, 422, "amount_invalid", "/amount"),
            (r#"{"amount":""}"#, 422, "amount_invalid", "/amount"),
            (r#"{"amount":" 1.00"}"#, 422, "amount_invalid", "/amount"),
            (r#"{"amount":true}"#, 422, "amount_invalid", "/amount"),
            (r#"{"amount":[1]}"#, 422, "amount_invalid", "/amount"),
            (
                r#"{"amount":9007199254740992}"#,
                422,
                "amount_too_large",
                "/amount",
            ),
            (
                r#"{"amount":9223372036854775808}"#,
                422,
                "amount_too_large",
                "/amount",
            ),
            (
                r#"{"amount":99999999999999999999999999999999999999999}"#,
                422,
                "amount_too_large",
                "/amount",
            ),
            (
                r#"{"amount":"90071992547409.92"}"#,
                422,
                "amount_too_large",
                "/amount",
            ),
            (r#"{"amount":NaN}"#, 400, "invalid_json", ""),
            (r#"{"amount":01}"#, 400, "invalid_json", ""),
            (r#"{"amount":+1}"#, 400, "invalid_json", ""),
            (r#"{"amount":0x10}"#, 400, "invalid_json", ""),
            (
                r#"{"amount":1,"amount":2}"#,
                422,
                "duplicate_key",
                "/amount",
            ),
            (
                r#"{"amount":1,"wallet_id":"x"}"#,
                422,
                "unknown_field",
                "/wallet_id",
            ),
            (
                r#"{"amount":1,"currency":"USD"}"#,
                422,
                "currency_mismatch",
                "/currency",
            ),
            (
                r#"{"amount":1,"currency":"XXX"}"#,
                422,
                "invalid_field",
                "/currency",
            ),
        ],
    );
    let fraction = acme
        .request("POST", &path)
        .idempotent(&fresh("c"))
        .body(r#"{"amount":99.5}"#)
        .send();
    let detail = fraction.field("detail");
    assert!(
        detail.contains("10000") && detail.contains("\"100.00\""),
        "both valid forms are shown: {detail}"
    );
}

#[test]
fn decimals_follow_the_currency() {
    let acme = tenant();
    for (currency, text, minor, decimal) in [
        ("JPY", "100", 100, "100"),
        ("KWD", "1.500", 1_500, "1.500"),
        ("USD", "1.50", 150, "1.50"),
    ] {
        let wallet = json!({ "type": "master", "currency": currency });
        let id = acme.post("/v1/wallets", &wallet).expect(201).id();
        let path = format!("/v1/wallets/{id}/credit");
        let reply = acme
            .post(&path, &json!({ "amount": text }))
            .expect(201)
            .json();
        assert_eq!(
            (&reply["amount"], &reply["amount_decimal"]),
            (&json!(minor), &json!(decimal)),
            "{currency}"
        );
        assert_eq!(
            reply["currency"],
            json!(currency),
            "the wallet's currency is the default"
        );
        acme.post(&path, &json!({ "amount": "1.5" }))
            .refused(422, "amount_decimals");
    }
}

#[test]
fn a_balance_has_a_limit() {
    let acme = tenant();
    let id = acme.wallet("master");
    acme.credit(&id, 9_007_199_254_740_991);
    let over = acme.post(&format!("/v1/wallets/{id}/credit"), &json!({ "amount": 1 }));
    over.refused(422, "balance_limit");
    assert_eq!(acme.available(&id), 9_007_199_254_740_991);
}

#[test]
fn live_funding_is_for_those_who_hold_it() {
    let live = tenant().live();
    let id = live.wallet("master");
    let path = format!("/v1/wallets/{id}/credit");
    for (role, status) in [
        (strongroom_auth::Role::Operator, 403),
        (strongroom_auth::Role::Viewer, 403),
        (strongroom_auth::Role::Admin, 201),
    ] {
        let key = live.key(role);
        let request = live
            .server
            .request("POST", &path)
            .bearer(&key.text)
            .idempotent(&fresh("f"));
        request.body(r#"{"amount":5}"#).send().expect(status);
    }
    assert_eq!(live.available(&id), 5);
}
