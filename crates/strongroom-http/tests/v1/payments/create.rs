//! `POST /v1/payments`

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, card, fresh, texts};

use crate::v1::payments::{balances, now, pay};
use crate::v1::{NOW, refuses, tenant};

#[test]
fn it_is_processing_until_the_acquirer_has_answered() {
    let acme = tenant();
    let wallet = acme.wallet("operating");
    let token = acme.token(VISA).expect(201).id();
    let mark = acme.mark();
    let body = json!({
        "payment_token": token, "amount": "5.00", "reference_id": fresh("order"), "customer_id": "cus-7",
        "description": "two coffees", "metadata": { "till": "3" },
    });
    let reply = acme.post("/v1/payments", &body).expect(201);
    let id = reply.id();
    let mut shown = json!({
        "id": id, "object": "payment", "status": "processing", "amount": 500, "amount_decimal": "5.00",
        "currency": "PHP", "amount_captured": 0, "amount_capturable": 0, "amount_settled": 0,
        "amount_refunded": 0, "amount_refundable": 0, "wallet_id": wallet, "payment_token": token,
        "fee": 0, "fee_decimal": "0.00", "net": 0, "net_decimal": "0.00",
        "card": { "brand": "visa", "last4": "4242" }, "capture": true, "next_action": null,
        "return_url": null, "payment_link_id": null, "customer_id": "cus-7",
        "reference_id": body["reference_id"], "description": "two coffees", "metadata": { "till": "3" },
        "failure_code": null, "approval_code": null, "authorized_at": null, "expires_at": null,
        "created_at": NOW,
    });
    assert_eq!(reply.json(), shown);
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["payment.created"]);
    assert_eq!(
        events[0]["data"],
        json!({
            "payment_id": id, "amount": 500, "currency": "PHP", "status": "processing",
            "amount_captured": 0, "amount_refunded": 0, "payment_token": token,
        })
    );
    let mark = acme.mark();
    acme.attend(&id);
    let answered = acme.get(&format!("/v1/payments/{id}")).expect(200).json();
    for (field, value) in [
        ("status", json!("captured")),
        ("amount_captured", json!(500)),
        ("amount_refundable", json!(500)),
        ("approval_code", answered["approval_code"].clone()),
        ("authorized_at", json!(NOW)),
        ("expires_at", json!("2026-01-08T00:00:00.000Z")),
    ] {
        shown[field] = value;
    }
    assert_eq!(answered, shown);
    assert_eq!(answered["approval_code"].as_str().unwrap().len(), 6);
    assert_eq!(
        balances(&acme, &wallet),
        [0, 500, 0],
        "pending until it is settled"
    );
    let told = acme.events_since(&mark);
    assert_eq!(
        texts(&told, "type"),
        [
            "payment.authorized",
            "payment.captured",
            "payment.succeeded"
        ]
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(
        texts(&audit, "action"),
        ["payment_sent", "payment_authorized"]
    );
    assert_eq!(texts(&audit, "user_id"), ["system:acquirer"; 2]);
    let mark = acme.mark();
    acme.attend(&id);
    assert_eq!(balances(&acme, &wallet), [500, 0, 0]);
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["wallet.credited", "payment.settled"]
    );
    let lines = acme.all(&format!("/v1/wallets/{wallet}/transactions"));
    assert_eq!(
        texts(&lines, "type"),
        ["payment_settlement", "payment_capture"]
    );
    assert_eq!(texts(&lines, "payment_id"), [id.clone(), id]);
    assert_eq!(texts(&lines, "payout_id"), ["null"; 2]);
}

#[test]
fn each_declined_card_says_why_and_moves_nothing() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    for (number, code) in [
        ("4000000000000002", "card_declined"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000009987", "lost_card"),
        ("4000000000009979", "stolen_card"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "incorrect_cvv"),
        ("4000000000000119", "processing_error"),
    ] {
        let id = pay(&acme, number, &wallet, json!({})).expect(201).id();
        let mark = acme.mark();
        acme.attend(&id);
        assert_eq!(now(&acme, &id, "status"), "failed");
        assert_eq!(now(&acme, &id, "failure_code"), code);
        let events = acme.events_since(&mark);
        assert_eq!(texts(&events, "type"), ["payment.failed"]);
        assert_eq!(events[0]["data"]["failure_code"], code);
        let path = format!("/v1/payments/{id}");
        acme.post(&format!("{path}/capture"), &json!({}))
            .refused(409, "invalid_state");
        acme.post(&format!("{path}/void"), &json!({}))
            .refused(409, "invalid_state");
    }
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
}

#[test]
fn a_token_for_one_payment_is_used_up_by_it() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let token = acme.token(VISA).expect(201).id();
    let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
    let id = acme.post("/v1/payments", &body).expect(201).id();
    let again = || acme.post("/v1/payments", &body).refused(422, "token_used");
    assert_eq!(again().field("errors/0/pointer"), "/payment_token");
    acme.attend(&id);
    again();
    let path = format!("/v1/tokens/{token}");
    assert_eq!(acme.get(&path).expect(200).field("status"), "used");
    let reveal = json!({ "reason": "late" });
    acme.post(&format!("{path}/reveal"), &reveal)
        .refused(422, "token_used");
    let mut lasting = card(VISA);
    lasting["use"] = json!("multi_use");
    let token = acme.post("/v1/tokens", &lasting).expect(201).id();
    let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
    for _ in 0..3 {
        let id = acme.post("/v1/payments", &body).expect(201).id();
        acme.attend(&id);
        assert_eq!(now(&acme, &id, "status"), "captured");
    }
    assert_eq!(balances(&acme, &wallet), [0, 2_000, 0]);
}

#[test]
fn one_of_many_gets_the_token() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    for _ in 0..10 {
        let token = acme.token(VISA).expect(201).id();
        let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let send = || acme.post("/v1/payments", &body).status;
            let threads: Vec<_> = (0..32).map(|_| scope.spawn(send)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let made = statuses.iter().filter(|status| **status == 201).count();
        let refused = statuses.iter().filter(|status| **status == 422).count();
        assert_eq!((made, refused), (1, 31), "{statuses:?}");
    }
}

#[test]
fn a_wallet_that_takes_no_money_is_not_paid_into() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let freeze = |how: &str| {
        acme.post(&format!("/v1/wallets/{wallet}/{how}"), &json!({}))
            .expect(200);
    };
    let id = pay(&acme, VISA, &wallet, json!({})).expect(201).id();
    freeze("freeze");
    pay(&acme, VISA, &wallet, json!({})).refused(422, "wallet_frozen");
    // Approved while it was frozen: it is authorized, and can be captured later.
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "status"), "authorized");
    let capture = format!("/v1/payments/{id}/capture");
    acme.post(&capture, &json!({}))
        .refused(422, "wallet_frozen");
    freeze("unfreeze");
    acme.post(&capture, &json!({})).expect(200);
    assert_eq!(balances(&acme, &wallet), [0, 500, 0]);
    let closed = acme.wallet("master");
    acme.post(&format!("/v1/wallets/{closed}/close"), &json!({}))
        .expect(200);
    pay(&acme, VISA, &closed, json!({})).refused(422, "wallet_closed");
}

#[test]
fn a_token_that_was_deleted_pays_nothing() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let token = acme.token(VISA).expect(201).id();
    let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
    let id = acme.post("/v1/payments", &body).expect(201).id();
    acme.request("DELETE", &format!("/v1/tokens/{token}"))
        .send()
        .expect(200);
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "failure_code"), "token_unusable");
    acme.post("/v1/payments", &body)
        .refused(404, "token_not_found");
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
}

#[test]
fn time_ends_tokens_and_cards() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.wallet("master");
    let mut body = card(VISA);
    body["card"]["exp_month"] = json!(1);
    body["card"]["exp_year"] = json!(2026);
    body["use"] = json!("multi_use");
    let lasting = acme.post("/v1/tokens", &body).expect(201).id();
    let short = acme.token(VISA).expect(201).id();
    let paid_with = |token: &str| {
        let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
        acme.post("/v1/payments", &body)
    };
    server.clock.advance(3_600_000);
    paid_with(&short).refused(422, "token_expired");
    paid_with(&lasting).expect(201);
    server.clock.advance(31 * 86_400_000);
    paid_with(&lasting).refused(422, "card_expired");
}

#[test]
fn what_a_payment_names_must_be_there_and_fit() {
    let (acme, other) = (tenant(), tenant());
    let wallet = acme.wallet("master");
    let token = acme.token(VISA).expect(201).id();
    let foreign = other.token(VISA).expect(201).id();
    let with = |changes: Value| {
        let mut body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
                value => body[name] = value.clone(),
            }
        }
        body.to_string()
    };
    let bodies = [
        (
            with(json!({ "payment_token": null })),
            422,
            "field_required",
            "/payment_token",
        ),
        (
            with(json!({ "amount": null })),
            422,
            "field_required",
            "/amount",
        ),
        (
            with(json!({ "amount": 0 })),
            422,
            "amount_not_positive",
            "/amount",
        ),
        (
            with(json!({ "amount": 1.5 })),
            422,
            "amount_not_integer",
            "/amount",
        ),
        (
            with(json!({ "amount": "5" })),
            422,
            "amount_decimals",
            "/amount",
        ),
        (
            with(json!({ "capture": "yes" })),
            422,
            "invalid_field",
            "/capture",
        ),
        (
            with(json!({ "card": { "number": "1" } })),
            422,
            "unknown_field",
            "/card",
        ),
        (
            with(json!({ "payment_token": foreign })),
            404,
            "token_not_found",
            "/payment_token",
        ),
        (
            with(json!({ "payment_token": "tok_1" })),
            404,
            "token_not_found",
            "/payment_token",
        ),
        (
            with(json!({ "wallet_id": "wallet_1" })),
            404,
            "wallet_not_found",
            "/wallet_id",
        ),
        (
            with(json!({ "wallet_id": null })),
            422,
            "no_default_wallet",
            "/wallet_id",
        ),
        (
            with(json!({ "currency": "USD" })),
            422,
            "currency_mismatch",
            "/currency",
        ),
        (
            with(json!({ "payment_token": "4242424242424242" })),
            422,
            "card_number_refused",
            "/payment_token",
        ),
    ];
    let cases: Vec<_> = bodies
        .iter()
        .map(|(body, status, code, pointer)| (body.as_str(), *status, *code, *pointer))
        .collect();
    refuses(&acme, "POST", "/v1/payments", &cases);
    let reference = fresh("order");
    let first = pay(&acme, VISA, &wallet, json!({ "reference_id": reference })).expect(201);
    let second = pay(&acme, VISA, &wallet, json!({ "reference_id": reference }));
    let second = second.refused(409, "reference_id_taken");
    assert!(second.text().contains(&first.id()), "{}", second.text());
}

#[test]
fn there_is_no_acquirer_in_live_mode() {
    let live = tenant().live();
    let wallet = live.wallet("master");
    pay(&live, VISA, &wallet, json!({})).refused(422, "no_acquirer");
}

#[test]
fn a_publishable_key_pays_nothing() {
    let acme = tenant();
    let public = acme.key(Role::Publishable);
    let token = acme.token(VISA).expect(201).id();
    let request = acme
        .server
        .request("POST", "/v1/payments")
        .bearer(&public.text);
    let body = json!({ "payment_token": token, "amount": 500 });
    request
        .json(&body)
        .idempotent(&fresh("p"))
        .send()
        .refused(403, "permission_denied");
}
