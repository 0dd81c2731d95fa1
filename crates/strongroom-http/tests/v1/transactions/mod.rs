//! `/v1/transactions`

use serde_json::json;
use strongroom_testkit::tenant::texts;

use crate::v1::{NOW, tenant};

#[test]
fn the_organization_s_statement_holds_everything() {
    let acme = tenant();
    let from = acme.wallet("master");
    let to = acme.wallet("operating");
    let credit = acme.credit(&from, 1_000).id();
    let debit = acme
        .post(
            &format!("/v1/wallets/{from}/debit"),
            &json!({ "amount": 1 }),
        )
        .expect(201)
        .id();
    let payout = acme.pay(&from, &to, 30).expect(201).id();
    let held = acme.pay_bank(&from, 40).expect(201).id();
    acme.request("POST", &format!("/v1/payouts/{held}/cancel"))
        .idempotent("c")
        .send()
        .expect(200);
    let all = acme.all("/v1/transactions");
    assert_eq!(
        texts(&all, "type"),
        ["payout_release", "payout_hold", "payout", "debit", "credit"]
    );
    let found = |query: &str| texts(&acme.all(&format!("/v1/transactions?{query}")), "type");
    assert_eq!(found(&format!("wallet_id={to}")), ["payout"]);
    assert_eq!(
        found(&format!("payout_id={held}")),
        ["payout_release", "payout_hold"]
    );
    assert_eq!(found("type=debit"), ["debit"]);
    assert_eq!(
        found("min_amount=40&max_amount=40"),
        ["payout_release", "payout_hold"]
    );
    assert_eq!(found("wallet_id=nobody"), [""; 0]);
    assert_eq!(found(&format!("created_after={NOW}")).len(), 5);
    assert_eq!(found(&format!("created_before={NOW}")), [""; 0]);
    acme.get("/v1/transactions?type=gift")
        .refused(400, "invalid_parameter");
    acme.get("/v1/transactions?created_after=2026-13-01T00:00:00Z")
        .refused(400, "invalid_parameter");
    let read = acme
        .get(&format!(
            "/v1/transactions/{}",
            all[2]["id"].as_str().unwrap()
        ))
        .expect(200)
        .json();
    assert_eq!(
        read,
        json!({
            "id": all[2]["id"], "object": "transaction", "type": "payout", "status": "completed", "amount": 30,
            "amount_decimal": "0.30", "currency": "PHP", "source_wallet_id": from, "destination_wallet_id": to,
            "payout_id": payout, "reference": null, "description": null, "created_at": NOW,
        })
    );
    assert_eq!(read, all[2]);
    assert_eq!(
        (&all[3]["id"], &all[4]["id"]),
        (&json!(debit), &json!(credit))
    );
}

#[test]
fn pages_are_whole_and_disjoint() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let mut made: Vec<String> = (1..=9).map(|n| acme.credit(&wallet, n).id()).collect();
    made.reverse();
    for limit in 1..=10 {
        let mut walked = Vec::new();
        let mut next = format!("/v1/transactions?limit={limit}");
        loop {
            let page = acme.get(&next).expect(200).json();
            let ids = texts(page["data"].as_array().unwrap(), "id");
            assert!(ids.len() <= limit);
            walked.extend(ids);
            assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()));
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            next = format!("/v1/transactions?limit={limit}&after={cursor}");
        }
        assert_eq!(walked, made, "limit {limit}");
    }
    let before = acme
        .get(&format!("/v1/transactions?limit=3&before={}", made[5]))
        .expect(200)
        .json();
    assert_eq!(texts(before["data"].as_array().unwrap(), "id"), made[2..5]);
}
