//! What others have to agree to, and what it is that they agreed to.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::bank::iban;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use super::{DAY, beneficiary, change, cools_off, described, now, to_beneficiary, with};
use crate::v1::approvals::{approve, policy};
use crate::v1::payments::verified;

const NOON: &str = "2026-01-01T12:00:00.000Z";

fn agreed(acme: &Tenant<'_>, asked: &Reply) -> Reply {
    let other = acme.key(Role::Owner);
    approve(acme, &other, &asked.json())
}

#[test]
fn an_account_and_the_time_it_cools_off_can_need_others() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let id = beneficiary(&acme, 50);
    let path = format!("/v1/beneficiaries/{id}");
    policy(&acme, "beneficiary_change", 1);
    let asked = acme.post("/v1/beneficiaries", &described(51)).expect(202);
    // Who agrees sees the account in full.
    assert_eq!(asked.field("request/account/iban"), iban(51));
    let done = agreed(&acme, &asked).expect(200);
    assert_eq!(done.field("status"), "executed");
    let made = format!("/v1/beneficiaries/{}", done.field("resource_id"));
    assert_eq!(
        now(&acme, &made, "payable_from"),
        "2026-01-02T00:00:00.000Z"
    );

    let account = json!({ "account": described(52)["account"] });
    let asked = change(&acme, "PATCH", &path, &account).expect(202);
    assert_eq!(acme.all("/v1/alerts"), [Value::Null; 0]);
    let mark = acme.mark();
    agreed(&acme, &asked).expect(200);
    let told = texts(&acme.events_since(&mark), "type");
    assert!(
        told.contains(&"beneficiary.account_changed".to_owned()),
        "{told:?}"
    );
    assert_eq!(
        texts(&acme.all("/v1/alerts"), "type"),
        ["beneficiary_account_changed"]
    );
    assert!(now(&acme, &path, "account/iban").ends_with(&iban(52)[18..]));

    let shorter = json!({ "beneficiary_cooling_off": 0 });
    let asked = change(&acme, "PATCH", "/v1/payout-settings", &shorter).expect(202);
    assert_eq!(
        now(&acme, "/v1/payout-settings", "beneficiary_cooling_off"),
        "86400"
    );
    agreed(&acme, &asked).expect(200);
    assert_eq!(
        now(&acme, "/v1/payout-settings", "beneficiary_cooling_off"),
        "0"
    );
    // What says nothing of where money goes does not wait.
    change(&acme, "PATCH", &path, &json!({ "reference": "x" })).expect(200);
    drop(acme);
    verified(server);
}

/// SECURITY: four eyes saw one account; another is not paid in its place.
#[test]
fn what_was_agreed_to_is_paid_to_that_account_or_not_at_all() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    cools_off(&acme, 0);
    let from = acme.funded("master", 100_000);
    policy(&acme, "payout", 1);
    let pay = |id: &str, more: &Value| {
        let body = with(to_beneficiary(&from, 5_000, id), more);
        acme.post("/v1/payouts", &body).expect(202)
    };
    let moves = |id: &str, n: u64| {
        let account = json!({ "account": described(n)["account"] });
        let path = format!("/v1/beneficiaries/{id}");
        change(&acme, "PATCH", &path, &account).expect(200);
    };
    let id = beneficiary(&acme, 60);
    let asked = pay(&id, &json!({}));
    assert_eq!(asked.field("request/recipient/iban"), iban(60));
    assert_eq!(asked.field("request/recipient/beneficiary_id"), id);
    let paid = agreed(&acme, &asked).expect(200);
    assert_eq!(paid.field("status"), "executed");
    let asked = pay(&id, &json!({}));
    moves(&id, 61);
    let failed = agreed(&acme, &asked).expect(200);
    assert_eq!(failed.field("status"), "failed");
    assert!(
        failed.text().contains("beneficiary_changed"),
        "{}",
        failed.text()
    );

    // The same of one for later: agreed to now, changed before its time.
    let [changed, kept] = [beneficiary(&acme, 62), beneficiary(&acme, 63)];
    let planned: Vec<String> = [&changed, &kept]
        .map(|id| {
            let asked = pay(id, &json!({ "execute_at": NOON }));
            assert_eq!(asked.field("request/execute_at"), NOON);
            agreed(&acme, &asked).expect(200).field("resource_id")
        })
        .to_vec();
    moves(&changed, 64);
    server.clock.advance(DAY / 2);
    server.rail();
    let path = |n: usize| format!("/v1/payouts/{}", planned[n]);
    assert_eq!(now(&acme, &path(0), "failure_code"), "beneficiary_changed");
    assert_eq!(now(&acme, &path(1), "status"), "initiated");
    // With the one that was executed first, which is on its way to the bank.
    assert_eq!(acme.balance(&from, "reserved"), 10_000);
    drop(acme);
    verified(server);
}

#[test]
fn a_schedule_waits_as_its_payouts_would() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 100_000), acme.wallet("operating"));
    policy(&acme, "payout", 1);
    let body = |minor: i64| {
        json!({
            "amount": minor, "source_wallet_id": from, "recipient": { "type": "wallet", "id": to },
            "interval": "daily", "start_on": "2026-01-02",
        })
    };
    let path = "/v1/payout-schedules";
    let small = acme.post(path, &body(500)).expect(201).id();
    let asked = acme.post(path, &body(5_000)).expect(202);
    assert_eq!(asked.field("request/schedule/interval"), "daily");
    assert_eq!(asked.field("request/amount"), "5000");
    let large = agreed(&acme, &asked).expect(200).field("resource_id");
    // More of the small one waits, less of it and a pause do not.
    let own = format!("{path}/{small}");
    change(&acme, "PATCH", &own, &json!({ "status": "paused" })).expect(200);
    change(
        &acme,
        "PATCH",
        &own,
        &json!({ "status": "active", "amount": 400 }),
    )
    .expect(200);
    let asked = change(&acme, "PATCH", &own, &json!({ "amount": 2_000 })).expect(202);
    assert_eq!(now(&acme, &own, "amount"), "400");
    agreed(&acme, &asked).expect(200);
    assert_eq!(now(&acme, &own, "amount"), "2000");
    // What was agreed to once needs nobody any more.
    server.clock.advance(DAY);
    server.rail();
    assert_eq!(acme.available(&to), 7_000);
    let last = now(&acme, &format!("{path}/{large}"), "last_payout_id");
    assert_eq!(
        now(&acme, &format!("/v1/payouts/{last}"), "status"),
        "completed"
    );
    drop(acme);
    verified(server);
}
