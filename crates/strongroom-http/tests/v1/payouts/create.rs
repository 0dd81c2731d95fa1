//! `POST /v1/payouts` and `GET /v1/payouts/{id}`

use serde_json::{Value, json};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, bank_payout, fresh, payout, texts};

use crate::v1::{NOW, refuses, tenant};

#[test]
fn to_a_wallet_it_completes_in_its_own_commit() {
    let acme = tenant();
    let from = acme.funded("master", 10_000);
    let to = acme.wallet("operating");
    let mark = acme.mark();
    let mut body = payout(&from, &to, 2_500);
    body["currency"] = json!("PHP");
    body["reference_id"] = json!("pay_1");
    body["description"] = json!("rent");
    body["metadata"] = json!({ "month": "may" });
    let reply = acme.post("/v1/payouts", &body).expect(201);
    let id = reply.id();
    assert_eq!(
        reply.json(),
        json!({
            "id": id, "object": "payout", "status": "completed", "amount": 2_500, "amount_decimal": "25.00",
            "currency": "PHP", "source_wallet_id": from, "recipient": { "type": "wallet", "id": to },
            "reference_id": "pay_1", "description": "rent", "metadata": { "month": "may" }, "failure_code": null,
            "processed_at": NOW, "created_at": NOW,
        })
    );
    assert_eq!((acme.available(&from), acme.available(&to)), (7_500, 2_500));
    assert_eq!(
        acme.get(&format!("/v1/payouts/{id}")).expect(200).body,
        reply.body
    );
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        [
            "payout.initiated",
            "payout.pending",
            "payout.processing",
            "wallet.debited",
            "wallet.credited",
            "payout.completed",
        ]
    );
    let told = |status: &str, processed: Value| {
        json!({
            "payout_id": id, "amount": 2_500, "currency": "PHP", "status": status,
            "recipient": { "type": "wallet", "id": to }, "processed_at": processed,
        })
    };
    assert_eq!(events[0]["data"], told("initiated", json!(null)));
    assert_eq!(events[5]["data"], told("completed", json!(NOW)));
    assert_eq!(
        (&events[0]["created"], &events[0]["livemode"]),
        (&json!(1_767_225_600), &json!(false))
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["payout_created"]);
    assert_eq!(audit[0]["resource_id"], json!(id));
    acme.post("/v1/payouts", &body)
        .refused(409, "reference_id_taken");
}

#[test]
fn the_source_is_the_operating_wallet_unless_named() {
    let acme = tenant();
    acme.wallet("master");
    let operating = acme.funded("operating", 100);
    let other = acme.wallet("reserve");
    let documents =
        json!({ "amount": 60, "currency": "PHP", "recipient": { "type": "wallet", "id": other } });
    let made = acme.post("/v1/payouts", &documents).expect(201).json();
    assert_eq!(made["source_wallet_id"], json!(operating));
    let alias = json!({ "amount": 5, "wallet_id": other, "recipient": { "type": "wallet", "id": operating } });
    assert_eq!(
        acme.post("/v1/payouts", &alias).expect(201).json()["source_wallet_id"],
        json!(other)
    );
    let lacking =
        json!({ "amount": 1, "currency": "USD", "recipient": { "type": "wallet", "id": other } });
    acme.post("/v1/payouts", &lacking)
        .refused(422, "no_default_wallet");
}

#[test]
fn to_a_bank_it_holds_the_money_and_masks_the_number() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let mark = acme.mark();
    let reply = acme.pay_bank(&from, 400).expect(201);
    let body = reply.json();
    let id = reply.id();
    let subject = body["recipient"]["id"].clone();
    assert!(subject.as_str().unwrap().starts_with("subj_"), "{body}");
    assert_eq!(
        body,
        json!({
            "id": id, "object": "payout", "status": "initiated", "amount": 400, "amount_decimal": "4.00",
            "currency": "PHP", "source_wallet_id": from,
            "recipient": {
                "type": "bank_account", "id": subject, "account_name": "Ana Cruz", "bank_code": "BDO",
                "account_number": "********7890", "iban": null,
            },
            "reference_id": null, "description": null, "metadata": {}, "failure_code": null, "processed_at": null,
            "created_at": NOW,
        })
    );
    assert_eq!(
        (acme.available(&from), acme.balance(&from, "reserved")),
        (600, 400)
    );
    assert_eq!(
        acme.get(&format!("/v1/payouts/{id}")).expect(200).body,
        reply.body
    );
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        ["payout.initiated", "wallet.reserved"]
    );
    assert_eq!(
        events[0]["data"]["recipient"],
        json!({ "type": "bank_account", "id": subject }),
        "ids only"
    );
    // The same account is the same person, however often it is paid.
    assert_eq!(
        acme.pay_bank(&from, 100).expect(201).json()["recipient"]["id"],
        subject
    );
    let mut other = bank_payout(&from, 100);
    other["recipient"]["account_number"] = json!("9");
    let short = acme.post("/v1/payouts", &other).expect(201).json();
    assert_ne!(short["recipient"]["id"], subject);
    assert_eq!(
        short["recipient"]["account_number"],
        json!("*"),
        "short numbers are hidden whole"
    );
    let mut iban = bank_payout(&from, 100);
    iban["recipient"] = json!({ "type": "bank_account", "account_name": "B", "iban": "gb82 west 1234 5698 7654 32" });
    let shown = acme.post("/v1/payouts", &iban).expect(201).json();
    assert_eq!(shown["recipient"]["iban"], json!("******************5432"));
}

#[test]
fn payouts_that_cannot_be() {
    let acme = tenant();
    let from = acme.funded("master", 100);
    let to = acme.wallet("operating");
    let foreign = tenant().wallet("master");
    let live = acme.live().wallet("master");
    let wallet = |source: &str, target: &str, rest: &str| {
        format!(
            r#"{{"amount":10,"source_wallet_id":"{source}","recipient":{{"type":"wallet","id":"{target}"}}{rest}}}"#
        )
    };
    let bank = |inner: &str| {
        format!(
            r#"{{"amount":1,"source_wallet_id":"{from}","recipient":{{"type":"bank_account","account_name":"A"{inner}}}}}"#
        )
    };
    refuses(
        &acme,
        "POST",
        "/v1/payouts",
        &[
            (
                &wallet(&from, &from, ""),
                422,
                "same_wallet",
                "/recipient/id",
            ),
            (
                &wallet(&from, &foreign, ""),
                404,
                "wallet_not_found",
                "/recipient/id",
            ),
            (
                &wallet(&foreign, &to, ""),
                404,
                "wallet_not_found",
                "/source_wallet_id",
            ),
            (
                &wallet(&live, &to, ""),
                404,
                "wallet_not_found",
                "/source_wallet_id",
            ),
            (
                &wallet(&from, &live, ""),
                404,
                "wallet_not_found",
                "/recipient/id",
            ),
            (
                &wallet(&from, "wallet_123", ""),
                404,
                "wallet_not_found",
                "/recipient/id",
            ),
            (
                &wallet(&from, &acme.owner.id, ""),
                404,
                "wallet_not_found",
                "/recipient/id",
            ),
            (
                &wallet(&from, &to, r#","currency":"USD""#),
                422,
                "currency_mismatch",
                "/currency",
            ),
            (&wallet(&to, &from, ""), 422, "insufficient_funds", ""),
            (
                &wallet(&from, &to, r#","wallet_id":"wallet_1""#),
                422,
                "invalid_field",
                "/wallet_id",
            ),
            (
                &wallet(&from, &to, r#","dry_run":true"#),
                422,
                "unknown_field",
                "/dry_run",
            ),
            (
                &wallet(&from, &to, r#","metadata":{"7":"x"}"#),
                422,
                "invalid_field",
                "/metadata",
            ),
            (
                &wallet(&from, &to, r#","description":"""#),
                422,
                "invalid_field",
                "/description",
            ),
            (
                &wallet(&from, &"w".repeat(65), ""),
                422,
                "invalid_field",
                "/recipient/id",
            ),
            (
                &bank(""),
                422,
                "field_required",
                "/recipient/account_number",
            ),
            (
                &bank(r#","account_number":"1","iban":"GB82WEST12345698765432""#),
                422,
                "invalid_field",
                "/recipient/iban",
            ),
            (
                &bank(r#","iban":"GB82WEST12345698765433""#),
                422,
                "invalid_field",
                "/recipient/iban",
            ),
            (
                &bank(r#","account_number":"<script>""#),
                422,
                "invalid_field",
                "/recipient/account_number",
            ),
            (
                &bank(r#","account_number":"1","cvv":"123""#),
                422,
                "unknown_field",
                "/recipient/cvv",
            ),
            (
                &bank(r#","account_number":"1","bank_code":"B D O""#),
                422,
                "invalid_field",
                "/recipient/bank_code",
            ),
            (r#"{"amount":1}"#, 422, "field_required", "/recipient"),
            (
                r#"{"amount":1,"recipient":"ana"}"#,
                422,
                "invalid_field",
                "/recipient",
            ),
            (
                r#"{"amount":1,"recipient":{"type":"card"}}"#,
                422,
                "invalid_field",
                "/recipient/type",
            ),
            (
                r#"{"amount":1,"recipient":{"id":"x"}}"#,
                422,
                "field_required",
                "/recipient/type",
            ),
        ],
    );
    assert_eq!(acme.available(&from), 100);
}

#[test]
fn live_mode_has_no_sandbox_rail() {
    let live = tenant().live();
    let from = live.funded("master", 100);
    live.pay_bank(&from, 50).refused(422, "no_rail");
    let to = live.wallet("operating");
    live.pay(&from, &to, 50).expect(201);
    assert_eq!(
        (live.available(&from), live.balance(&from, "reserved")),
        (50, 0)
    );
}

#[test]
fn numbers_of_the_other_dialect_are_major_units() {
    let acme = tenant();
    let from = acme.funded("master", 100_000);
    let to = acme.wallet("operating");
    let key = acme
        .post(
            "/v1/api-keys",
            &json!({ "role": "owner", "dialect": "nopos" }),
        )
        .expect(201)
        .field("key");
    let send = |amount: &str| {
        let body = format!(
            r#"{{"amount":{amount},"source_wallet_id":"{from}","recipient":{{"type":"wallet","id":"{to}"}}}}"#
        );
        // That dialect's documents show no idempotency key, so none is needed.
        acme.server
            .request("POST", "/v1/payouts")
            .bearer(&key)
            .body(body)
            .send()
    };
    for (amount, minor) in [
        ("100", 10_000),
        ("100.00", 10_000),
        ("0.01", 1),
        ("1.5", 150),
        (r#""2.00""#, 200),
    ] {
        assert_eq!(
            send(amount).expect(201).json()["amount"],
            json!(minor),
            "{amount}"
        );
    }
    for (amount, code) in [
        ("1.005", "amount_decimals"),
        ("1e2", "amount_invalid"),
        ("0", "amount_not_positive"),
        ("0.00", "amount_not_positive"),
        (r#""2""#, "amount_decimals"),
    ] {
        send(amount).refused(422, code);
    }
    // 100.10 is exact: nothing goes through a binary fraction.
    assert_eq!(send("100.10").expect(201).json()["amount"], json!(10_010));
}

#[test]
fn the_sandbox_rail_moves_it_and_the_amount_chooses_its_end() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000_000);
    let make = |minor: i64| acme.pay_bank(&from, minor).expect(201).id();
    let cases = [
        (make(10_000), "completed", json!(null)),
        (make(10_001), "failed", json!("insufficient_funds")),
        (make(10_002), "failed", json!("invalid_account")),
        (make(10_003), "failed", json!("bank_unavailable")),
        (make(10_004), "completed", json!(null)),
    ];
    let mark = acme.mark();
    let read = |id: &str| acme.get(&format!("/v1/payouts/{id}")).expect(200).json();
    for status in ["pending", "processing"] {
        assert_eq!(server.rail(), 5);
        assert!(
            cases
                .iter()
                .all(|(id, _, _)| read(id)["status"] == json!(status)),
            "{status}"
        );
        assert_eq!(acme.balance(&from, "reserved"), 50_010, "held all the way");
    }
    assert_eq!(server.rail(), 5);
    assert_eq!(server.rail(), 0, "nothing is left to do");
    for (id, status, failure) in &cases {
        let now = read(id);
        assert_eq!(
            (&now["status"], &now["failure_code"]),
            (&json!(status), failure),
            "{now}"
        );
        assert!(now["processed_at"].is_string(), "{now}");
    }
    assert_eq!(
        (acme.available(&from), acme.balance(&from, "reserved")),
        (979_996, 0)
    );
    let events: Vec<Value> = acme.events_since(&mark);
    let of = |id: &str| {
        let mine: Vec<Value> = events
            .iter()
            .filter(|e| e["data"]["payout_id"] == json!(id))
            .cloned()
            .collect();
        texts(&mine, "type")
    };
    assert_eq!(
        of(&cases[0].0),
        ["payout.pending", "payout.processing", "payout.completed"]
    );
    assert_eq!(
        of(&cases[1].0),
        ["payout.pending", "payout.processing", "payout.failed"]
    );
    let failed = events
        .iter()
        .find(|e| e["type"] == "payout.failed")
        .unwrap();
    assert_eq!(failed["data"]["failure_code"], json!("insufficient_funds"));
    let audit = acme.audit_since(&mark);
    assert!(
        audit
            .iter()
            .all(|record| record["user_id"] == "system:rail"),
        "{audit:?}"
    );
    let lines = acme.all(&format!("/v1/transactions?payout_id={}", cases[0].0));
    assert_eq!(texts(&lines, "type"), ["payout_settlement", "payout_hold"]);
    // The first answer is what a retry gets, whatever became of the payout since.
    let body = bank_payout(&from, 77);
    let key = fresh("retry");
    let send = || {
        acme.request("POST", "/v1/payouts")
            .idempotent(&key)
            .json(&body)
            .send()
    };
    let first = send().expect(201);
    server.rail();
    assert_eq!(send().expect(201).body, first.body);
}
