//! `GET /v1/wallets/{id}/transactions`: the statement.

use serde_json::{Value, json};
use strongroom_testkit::tenant::texts;

use crate::v1::{NOW, plain, tenant};

#[test]
fn each_line_shows_the_change_and_what_was_left() {
    let acme = tenant();
    let id = acme.wallet("master");
    let other = acme.wallet("operating");
    let credit = acme.credit(&id, 1_000).id();
    let payout = acme.pay(&id, &other, 300).expect(201).id();
    acme.pay_bank(&id, 200).expect(201);
    let lines = acme.all(&format!("/v1/wallets/{id}/transactions"));
    assert_eq!(
        texts(&lines, "type"),
        ["payout_hold", "payout", "credit"],
        "newest first"
    );
    assert_eq!(
        lines[2],
        json!({
            "id": credit, "object": "transaction", "type": "credit", "status": "completed", "amount": 1_000,
            "amount_decimal": "10.00", "currency": "PHP", "source_wallet_id": null, "destination_wallet_id": id,
            "payout_id": null, "reference": null, "description": null, "created_at": NOW,
            "wallet_id": id, "change": plain(1_000), "balances_after": plain(1_000),
        })
    );
    assert_eq!(
        (&lines[1]["payout_id"], &lines[1]["change"]),
        (&json!(payout), &plain(-300))
    );
    assert_eq!(
        lines[0]["change"],
        json!({ "available": -200, "pending": 0, "reserved": 200, "total": 0 })
    );
    assert_eq!(
        lines[0]["balances_after"],
        json!({ "available": 500, "pending": 0, "reserved": 200, "total": 700 })
    );
    let theirs = acme.all(&format!("/v1/wallets/{other}/transactions"));
    assert_eq!((theirs.len(), &theirs[0]["change"]), (1, &plain(300)));
}

#[test]
fn a_statement_is_filtered_and_paged() {
    let acme = tenant();
    let id = acme.wallet("master");
    let other = acme.wallet("operating");
    for n in 1..=6 {
        acme.credit(&id, n * 100);
    }
    let payout = acme.pay(&id, &other, 50).expect(201).id();
    let path = format!("/v1/wallets/{id}/transactions");
    let amounts = |query: &str| {
        let lines = acme.all(&format!("{path}?{query}"));
        lines
            .iter()
            .map(|line| line["amount"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(amounts("type=credit"), [600, 500, 400, 300, 200, 100]);
    assert_eq!(amounts("min_amount=200&max_amount=400"), [400, 300, 200]);
    assert_eq!(amounts(&format!("payout_id={payout}")), [50]);
    assert_eq!(amounts("payout_id=nobody"), [0; 0]);
    assert_eq!(amounts("created_before=2026-01-01T00:00:00Z"), [0; 0]);
    let mut walked: Vec<Value> = Vec::new();
    let mut next = format!("{path}?limit=2");
    while walked.len() < 100 {
        let page = acme.get(&next).expect(200).json();
        walked.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        next = format!("{path}?limit=2&after={cursor}");
    }
    assert_eq!(walked, acme.all(&path));
    let third = walked[2]["id"].as_str().unwrap();
    let before = acme
        .get(&format!("{path}?before={third}&limit=1"))
        .expect(200)
        .json();
    assert_eq!(before["data"][0]["id"], walked[1]["id"]);
    acme.get(&format!("{path}?after=txn_000000000000000000000001"))
        .refused(400, "bad_cursor");
    acme.credit(&other, 5);
    let elsewhere = acme.all(&format!("/v1/wallets/{other}/transactions"));
    let foreign = elsewhere
        .iter()
        .map(|transaction| transaction["id"].as_str().unwrap())
        .find(|id| walked.iter().all(|own| own["id"] != *id))
        .unwrap();
    for side in ["after", "before"] {
        acme.get(&format!("{path}?{side}={foreign}"))
            .refused(400, "bad_cursor");
    }
    acme.get(&format!("{path}?after={third}&before={third}"))
        .refused(400, "invalid_parameter");
    acme.get(&format!("{path}?wallet_id={other}"))
        .refused(400, "unknown_parameter");
}
