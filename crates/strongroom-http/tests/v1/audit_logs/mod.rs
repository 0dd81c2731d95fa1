//! `/v1/audit-logs`, their filters and their proofs

use serde_json::{Value, json};
use strongroom_audit::verify_bundle;
use strongroom_auth::Role;
use strongroom_testkit::tenant::texts;

use crate::v1::{NOW, tenant};

#[test]
fn a_record_says_who_did_what_from_where() {
    let acme = tenant();
    let reply = acme
        .request("POST", "/v1/wallets")
        .header("User-Agent", "till/7 (ñ)")
        .json(&json!({ "type": "master" }))
        .signed(&acme.owner.signing_secret, acme.server.seconds())
        .send()
        .expect(201);
    let request = reply.header("x-request-id").unwrap();
    let record = acme.all("/v1/audit-logs?action=wallet_created").remove(0);
    let id = record["id"].as_str().unwrap().to_owned();
    assert_eq!(
        record,
        json!({
            "id": id, "object": "audit_log", "sequence": record["sequence"], "timestamp": NOW, "created_at": NOW,
            "user_id": acme.owner.id, "credential_id": acme.owner.id, "action": "wallet_created",
            "resource_id": reply.id(), "outcome": "success", "code": null,
            "organization_id": acme.books.organization.to_string(), "mode": "test", "ip_address": "127.0.0.1",
            "user_agent": "till/7 (ñ)", "request_id": request, "policy": "role:owner:*", "signed": true,
            "details": {},
        })
    );
    assert_eq!(
        acme.get(&format!("/v1/audit-logs/{id}")).expect(200).json(),
        record
    );
}

#[test]
fn a_refusal_is_a_record_too() {
    let acme = tenant();
    let viewer = acme.key(Role::Viewer);
    let mark = acme.mark();
    let request = acme
        .server
        .request("POST", "/v1/wallets")
        .bearer(&viewer.text)
        .json(&json!({ "type": "master" }));
    request.send().refused(403, "permission_denied");
    let wallet = acme.wallet("master");
    acme.post(
        &format!("/v1/wallets/{wallet}/debit"),
        &json!({ "amount": 5 }),
    )
    .refused(422, "insufficient_funds");
    let refused: Vec<Value> = acme
        .audit_since(&mark)
        .into_iter()
        .filter(|r| r["outcome"] == "refused")
        .collect();
    assert_eq!(
        texts(&refused, "action"),
        ["access_denied", "wallet_debited"]
    );
    assert_eq!(
        texts(&refused, "code"),
        ["permission_denied", "insufficient_funds"]
    );
    assert_eq!(refused[0]["credential_id"], json!(viewer.id));
}

#[test]
fn filters_find_what_they_name() {
    let acme = tenant();
    let operator = acme.key(Role::Operator);
    let from = acme.funded("master", 100);
    let to = acme.wallet("operating");
    let body = strongroom_testkit::tenant::payout(&from, &to, 10);
    let by = |key: &str, idem: &str| {
        acme.server
            .request("POST", "/v1/payouts")
            .bearer(key)
            .idempotent(idem)
            .json(&body)
            .send()
    };
    let payout = by(&operator.text, "a").expect(201).id();
    let found = |query: &str| texts(&acme.all(&format!("/v1/audit-logs?{query}")), "action");
    assert_eq!(
        found(&format!("credential_id={}", operator.id)),
        ["payout_created"]
    );
    assert_eq!(found(&format!("resource_id={payout}")), ["payout_created"]);
    assert_eq!(found(&format!("resource_id={to}")), ["wallet_created"]);
    assert_eq!(found("resource_id=nobody"), [""; 0]);
    assert_eq!(found("outcome=refused"), [""; 0]);
    assert_eq!(
        found("action=payout_created&outcome=success"),
        ["payout_created"]
    );
    assert_eq!(found(&format!("created_before={NOW}")), [""; 0]);
    acme.get("/v1/audit-logs?action=payout_stolen")
        .refused(400, "invalid_parameter");
    let all = acme.all("/v1/audit-logs");
    let sequences: Vec<u64> = all
        .iter()
        .map(|r| r["sequence"].as_u64().unwrap())
        .collect();
    let dense: Vec<u64> = (1..=u64::try_from(sequences.len()).unwrap())
        .rev()
        .collect();
    assert_eq!(sequences, dense, "newest first and without a hole");
}

#[test]
fn a_proof_verifies_offline_and_a_changed_one_does_not() {
    let acme = tenant();
    let from = acme.funded("master", 100);
    let to = acme.wallet("operating");
    let payout = acme.pay(&from, &to, 10).expect(201).id();
    let record = acme
        .all(&format!("/v1/audit-logs?resource_id={payout}"))
        .remove(0);
    let path = format!("/v1/audit-logs/{}/proof", record["id"].as_str().unwrap());
    let first = acme.get(&path).expect(200);
    let report = verify_bundle(&first.body, None).unwrap();
    let sequence = record["sequence"].as_u64().unwrap();
    assert_eq!(
        (report.entries, report.range),
        (1, Some((sequence, sequence)))
    );
    assert!(
        report.opened_parts > 0,
        "the entry is in clear for its reader"
    );
    for _ in 0..20 {
        acme.pay(&from, &to, 1).expect(201);
    }
    acme.server.checkpoint();
    let later = acme.get(&path).expect(200);
    let report = verify_bundle(&later.body, None).unwrap();
    assert!(report.size > sequence);
    let mut bundle: Value = later.json();
    let plain = bundle["entries"][0]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .position(|p| p["opened"].is_object())
        .unwrap();
    let text = bundle["entries"][0]["parts"][plain]["opened"]["plaintext"]
        .as_str()
        .unwrap()
        .to_owned();
    let swapped = if text.starts_with('A') { "B" } else { "A" };
    bundle["entries"][0]["parts"][plain]["opened"]["plaintext"] =
        json!(format!("{swapped}{}", &text[1..]));
    assert!(verify_bundle(bundle.to_string().as_bytes(), None).is_err());
}
