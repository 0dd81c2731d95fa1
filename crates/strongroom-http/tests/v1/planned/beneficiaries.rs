//! Accounts under a name, which cool off before they are paid.

use serde_json::{Value, json};
use strongroom_auth::{PermissionSet, Role};
use strongroom_testkit::bank::{iban, rail};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use super::{DAY, HOUR, beneficiary, change, cools_off, described, now, to_beneficiary};
use crate::v1::payments::verified;
use crate::v1::{NOW, refuses, tenant};

#[test]
fn an_account_is_kept_masked_and_paid_after_a_day() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let mark = acme.mark();
    let made = acme.post("/v1/beneficiaries", &described(7)).expect(201);
    let id = made.id();
    let shown = made.json();
    let number = iban(7);
    let masked = format!("{}{}", "*".repeat(18), &number[18..]);
    assert_eq!(
        (&shown["name"], &shown["account"]),
        (
            &json!("Ana Peña"),
            &json!({ "bank_code": "COBADEFF", "account_number": null, "iban": masked })
        )
    );
    assert_eq!(shown["payable_from"], "2026-01-02T00:00:00.000Z");
    assert_eq!(shown["status"], "active");
    let path = format!("/v1/beneficiaries/{id}");
    assert_eq!(acme.get(&path).expect(200).json(), shown);
    assert_eq!(acme.all("/v1/beneficiaries"), [shown]);
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["beneficiary.created"]);
    assert_eq!(events[0]["data"], json!({ "id": id }));
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["beneficiary_created"]);
    let told = format!("{audit:?}{events:?}");
    assert!(!told.contains(&number) && !told.contains("Peña"), "{told}");

    let pay = || acme.post("/v1/payouts", &to_beneficiary(&from, 100, &id));
    let early = pay().refused(422, "beneficiary_cooling_off");
    assert_eq!(early.field("errors/0/pointer"), "/beneficiary_id");
    assert!(early.text().contains("2026-01-02T00:00:00.000Z"));
    server.clock.advance(DAY - 1);
    pay().refused(422, "beneficiary_cooling_off");
    server.clock.advance(1);
    let paid = pay().expect(201).json();
    assert_eq!(paid["beneficiary_id"], json!(id));
    assert_eq!(
        (&paid["recipient"]["type"], &paid["recipient"]["iban"]),
        (&json!("bank_account"), &json!(masked))
    );
    assert_eq!(paid["description"], "rent");
    let listed = acme.all(&format!("/v1/payouts?beneficiary_id={id}"));
    assert_eq!(texts(&listed, "id"), [paid["id"].as_str().unwrap()]);
    assert_eq!(acme.balance(&from, "reserved"), 100);
    for _ in 0..3 {
        server.rail();
    }
    let path = format!("/v1/payouts/{}", paid["id"].as_str().unwrap());
    assert_eq!(now(&acme, &path, "status"), "completed");
    drop(acme);
    verified(server);
}

#[test]
fn another_account_begins_anew_and_somebody_is_told() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let id = beneficiary(&acme, 1);
    let path = format!("/v1/beneficiaries/{id}");
    server.clock.advance(2 * DAY);
    let pay = || acme.post("/v1/payouts", &to_beneficiary(&from, 100, &id));
    // What says nothing of the account, and the same account once more, changes nothing there.
    let mark = acme.mark();
    let same =
        json!({ "name": "Ana Reyes", "reference": "food", "account": described(1)["account"] });
    let reply = change(&acme, "PATCH", &path, &same).expect(200);
    assert_eq!(reply.field("payable_from"), "2026-01-02T00:00:00.000Z");
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["beneficiary.updated"]);
    assert_eq!(events[0]["data"]["changed"], json!(["name", "reference"]));
    pay().expect(201);
    assert_eq!(acme.all("/v1/alerts"), [Value::Null; 0]);

    let mark = acme.mark();
    let other = json!({ "account": { "account_number": "0012-3456", "bank_code": "BDO" } });
    let reply = change(&acme, "PATCH", &path, &other).expect(200).json();
    assert_eq!(reply["payable_from"], "2026-01-04T00:00:00.000Z");
    assert_eq!(reply["account_changed_at"], "2026-01-03T00:00:00.000Z");
    assert_eq!(
        reply["account"],
        json!({ "bank_code": "BDO", "account_number": "*****3456", "iban": null })
    );
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["beneficiary.account_changed"]);
    assert_eq!(
        events[0]["data"],
        json!({ "id": id, "changed": ["account"] })
    );
    let alerts = acme.all("/v1/alerts");
    assert_eq!(texts(&alerts, "type"), ["beneficiary_account_changed"]);
    assert_eq!(
        (&alerts[0]["subject_id"], &alerts[0]["severity"]),
        (&json!(id), &json!("high"))
    );
    pay().refused(422, "beneficiary_cooling_off");
    server.clock.advance(DAY);
    let paid = pay().expect(201);
    assert_eq!(paid.field("recipient/account_number"), "*****3456");
    drop(acme);
    verified(server);
}

#[test]
fn what_is_deleted_is_paid_no_more_and_leaves_its_payouts() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    cools_off(&acme, 0);
    let from = acme.funded("master", 1_000);
    let id = beneficiary(&acme, 3);
    let paid = acme.post("/v1/payouts", &to_beneficiary(&from, 100, &id));
    let paid = paid.expect(201);
    let path = format!("/v1/beneficiaries/{id}");
    let mark = acme.mark();
    let reply = change(&acme, "DELETE", &path, &json!({}))
        .expect(200)
        .json();
    assert_eq!(
        (&reply["status"], &reply["name"], &reply["account"]),
        (&json!("deleted"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["beneficiary.deleted"]
    );
    assert_eq!(acme.get(&path).expect(200).json(), reply);
    assert_eq!(acme.all("/v1/beneficiaries"), [Value::Null; 0]);
    assert_eq!(acme.all("/v1/beneficiaries?status=deleted"), [reply]);
    for (method, body) in [("DELETE", json!({})), ("PATCH", described(4))] {
        change(&acme, method, &path, &body).refused(404, "not_found");
    }
    let again = acme.post("/v1/payouts", &to_beneficiary(&from, 100, &id));
    again.refused(404, "beneficiary_not_found");
    // The payout has an account of its own.
    let kept = acme.get(&format!("/v1/payouts/{}", paid.id())).expect(200);
    assert_eq!(kept.json()["recipient"], paid.json()["recipient"]);
    drop(acme);
    verified(server);
}

#[test]
fn a_file_carries_the_account_to_the_bank() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    cools_off(&acme, 0);
    let wallet = acme.funded("master", 1_000);
    acme.post("/v1/payout-rails", &rail(&wallet, &iban(90)))
        .expect(201);
    let id = beneficiary(&acme, 91);
    let paid = acme.post("/v1/payouts", &to_beneficiary(&wallet, 250, &id));
    acme.attend(&paid.expect(201).id());
    let file = acme.post("/v1/payout-files", &json!({ "wallet_id": wallet }));
    let file = file.expect(201).id();
    acme.attend(&file);
    let content = acme.get(&format!("/v1/payout-files/{file}/content"));
    let content = content.expect(200).text();
    for text in [iban(91).as_str(), "COBADEFF", ">rent<", ">2.50<"] {
        assert!(content.contains(text), "{text}: {content}");
    }
    drop(acme);
    verified(server);
}

#[test]
fn what_makes_no_account_is_refused() {
    let acme = tenant();
    let good = iban(5);
    let with = |account: &str| format!(r#"{{"name":"Ana","account":{account}}}"#);
    let cases = [
        (with("{}"), 422, "field_required", "/account/account_number"),
        (
            with(&format!(r#"{{"iban":"{good}","account_number":"1"}}"#)),
            422,
            "invalid_field",
            "/account/iban",
        ),
        (
            with(r#"{"iban":"DE00370400440532013000"}"#),
            422,
            "invalid_field",
            "/account/iban",
        ),
        (
            with(&format!(r#"{{"iban":"{good}","bic":"X"}}"#)),
            422,
            "invalid_field",
            "/account/bic",
        ),
        (
            with(&format!(
                r#"{{"iban":"{good}","bic":"COBADEFF","bank_code":"B"}}"#
            )),
            422,
            "invalid_field",
            "/account/bic",
        ),
        (
            with(r#"{"account_number":"12","branch":"x"}"#),
            422,
            "unknown_field",
            "/account/branch",
        ),
        (
            r#"{"account":{"account_number":"12"}}"#.to_owned(),
            422,
            "field_required",
            "/name",
        ),
        (
            r#"{"name":"Ana"}"#.to_owned(),
            422,
            "field_required",
            "/account",
        ),
        (
            r#"{"name":"Ana","account":{"account_number":"12"},"currency":"XXX"}"#.to_owned(),
            422,
            "invalid_field",
            "/currency",
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(body, status, code, at)| (body.as_str(), *status, *code, *at))
        .collect();
    refuses(&acme, "POST", "/v1/beneficiaries", &cases);
}

#[test]
fn a_reference_finds_one_and_a_currency_bounds_it() {
    let acme = tenant();
    cools_off(&acme, 0);
    let mut body = described(6);
    body["reference_id"] = json!(fresh("vendor"));
    body["currency"] = json!("eur");
    let made = acme.post("/v1/beneficiaries", &body).expect(201).json();
    acme.post("/v1/beneficiaries", &body)
        .refused(409, "reference_id_taken");
    let target = format!(
        "/v1/beneficiaries?reference_id={}",
        body["reference_id"].as_str().unwrap()
    );
    assert_eq!(acme.all(&target), std::slice::from_ref(&made));
    let from = acme.funded("master", 1_000);
    let payout = to_beneficiary(&from, 5, made["id"].as_str().unwrap());
    acme.post("/v1/payouts", &payout)
        .refused(422, "currency_mismatch");
    acme.post("/v1/payouts", &to_beneficiary(&from, 5, "ben_1"))
        .refused(404, "beneficiary_not_found");
    assert_eq!(made["created_at"], NOW);
}

#[test]
fn each_is_its_organization_s_in_its_mode() {
    let acme = tenant();
    let id = beneficiary(&acme, 8);
    let path = format!("/v1/beneficiaries/{id}");
    let elsewhere = [tenant(), acme.live()];
    for other in &elsewhere {
        other.get(&path).refused(404, "not_found");
        change(other, "DELETE", &path, &json!({})).refused(404, "not_found");
        let from = other.wallet("master");
        let body = to_beneficiary(&from, 5, &id);
        other
            .post("/v1/payouts", &body)
            .refused(404, "beneficiary_not_found");
        assert_eq!(other.all("/v1/beneficiaries"), [Value::Null; 0]);
    }
}

/// Who pays need not be who says where to.
#[test]
fn writing_them_and_paying_are_two_rights() {
    let acme = tenant();
    cools_off(&acme, 0);
    let from = acme.funded("master", 1_000);
    let writer = PermissionSet::new(vec!["write:beneficiaries".into()]).unwrap();
    let writer = acme.books.key_with(
        Role::Custom,
        writer,
        strongroom_auth::SigningPolicy::Never,
        strongroom_auth::Dialect::Nextapi,
    );
    let operator = acme.key(Role::Operator);
    let send = |key: &str, method: &str, path: &str, body: &Value| {
        let request = acme.server.request(method, path).bearer(key);
        request.idempotent(&fresh("right")).json(body).send()
    };
    let made = send(&writer.text, "POST", "/v1/beneficiaries", &described(9));
    let id = made.expect(201).id();
    let path = format!("/v1/beneficiaries/{id}");
    send(&operator.text, "PATCH", &path, &described(10)).refused(403, "permission_denied");
    send(&operator.text, "POST", "/v1/beneficiaries", &described(10))
        .refused(403, "permission_denied");
    let payout = to_beneficiary(&from, 5, &id);
    send(&writer.text, "POST", "/v1/payouts", &payout).refused(403, "permission_denied");
    send(&operator.text, "POST", "/v1/payouts", &payout).expect(201);
}

/// Live keys sign a change of an account, whatever their policy says.
#[test]
fn a_live_account_is_changed_by_a_signed_request_alone() {
    let acme = tenant();
    let live = acme.live();
    let id = beneficiary(&live, 11);
    let path = format!("/v1/beneficiaries/{id}");
    let request = || {
        let request = live.request("PATCH", &path).idempotent(&fresh("live"));
        request.json(&json!({ "account": described(12)["account"] }))
    };
    request().send().refused(401, "signature_missing");
    let seconds = live.server.seconds();
    let signed = request().signed(&live.owner.signing_secret, seconds).send();
    assert_eq!(
        signed.expect(200).field("payable_from"),
        "2026-01-02T00:00:00.000Z"
    );
}

/// Two at once: each is decided over what the other left.
#[test]
fn a_payout_and_a_change_of_account_at_once_have_an_order() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 100_000);
    for n in 0..20 {
        cools_off(&acme, 0);
        let id = beneficiary(&acme, 100 + 2 * n);
        cools_off(&acme, 24 * 3_600);
        let path = format!("/v1/beneficiaries/{id}");
        let account = json!({ "account": described(101 + 2 * n)["account"] });
        let (paid, changed) = std::thread::scope(|scope| {
            let pay = scope.spawn(|| acme.post("/v1/payouts", &to_beneficiary(&from, 5, &id)));
            let change = scope.spawn(|| change(&acme, "PATCH", &path, &account));
            (pay.join().unwrap(), change.join().unwrap())
        });
        changed.expect(200);
        let old = iban(100 + 2 * n);
        match paid.status {
            201 => assert!(paid.field("recipient/iban").ends_with(&old[18..])),
            _ => drop(paid.refused(422, "beneficiary_cooling_off")),
        }
    }
    server.clock.advance(HOUR);
    drop(acme);
    verified(server);
}
