//! The books and the payout's states: nothing twice, nothing from a state that has ended, nothing that is not there.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, payout};

use crate::{at_once, tenant};

fn act(acme: &Tenant<'_>, id: &str, verb: &str) -> Reply {
    acme.request("POST", &format!("/v1/payouts/{id}/{verb}"))
        .idempotent(&fresh(verb))
        .send()
}

#[test]
fn void_twice() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let held = acme.pay_bank(&from, 400).expect(201).id();
    let paid = acme.pay(&from, &to, 100).expect(201).id();
    for (id, verb) in [(&held, "cancel"), (&paid, "reverse")] {
        let statuses = at_once(16, |_| act(&acme, id, verb).status);
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{verb}: {statuses:?}"
        );
        assert!(
            statuses.iter().all(|status| matches!(status, 200 | 409)),
            "{verb}: {statuses:?}"
        );
        act(&acme, id, verb).refused(409, "invalid_state");
    }
    assert_eq!(
        (
            acme.available(&from),
            acme.balance(&from, "reserved"),
            acme.available(&to)
        ),
        (1_000, 0, 0)
    );
}

#[test]
fn apply_after_reject() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let failing = acme.pay_bank(&from, 101).expect(201).id();
    let cancelled = acme.pay_bank(&from, 200).expect(201).id();
    let reversed = acme.pay(&from, &to, 50).expect(201).id();
    act(&acme, &cancelled, "cancel").expect(200);
    act(&acme, &reversed, "reverse").expect(200);
    while server.rail() > 0 {}
    let status = |id: &str| acme.get(&format!("/v1/payouts/{id}")).field("status");
    for (id, ended) in [
        (&failing, "failed"),
        (&cancelled, "cancelled"),
        (&reversed, "reversed"),
    ] {
        assert_eq!(status(id), ended);
        for verb in ["cancel", "reverse"] {
            act(&acme, id, verb).refused(409, "invalid_state");
        }
        assert_eq!(server.rail(), 0);
        assert_eq!(status(id), ended);
    }
    assert_eq!(
        (acme.available(&from), acme.balance(&from, "reserved")),
        (1_000, 0)
    );
    // A refused payout stays refused under its key, also once the money is there.
    let poor = acme.wallet("reserve");
    let send = || {
        acme.request("POST", "/v1/payouts")
            .idempotent("late")
            .json(&payout(&poor, &to, 70))
            .send()
    };
    let first = send().refused(422, "insufficient_funds");
    acme.credit(&poor, 100);
    let again = send().refused(422, "insufficient_funds");
    assert_eq!(
        (again.header("idempotent-replayed"), &again.body),
        (Some("true"), &first.body)
    );
    assert_eq!(acme.available(&poor), 100);
}

#[test]
fn inflight_counts() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let held = acme.pay_bank(&from, 600).expect(201).id();
    acme.pay_bank(&from, 401).refused(422, "insufficient_funds");
    acme.pay(&from, &to, 401).refused(422, "insufficient_funds");
    acme.post(
        &format!("/v1/wallets/{from}/debit"),
        &json!({ "amount": 401 }),
    )
    .refused(422, "insufficient_funds");
    acme.request("POST", &format!("/v1/wallets/{from}/close"))
        .send()
        .refused(422, "wallet_not_empty");
    acme.pay(&from, &to, 400).expect(201);
    acme.request("POST", &format!("/v1/wallets/{from}/close"))
        .send()
        .refused(422, "wallet_not_empty");
    act(&acme, &held, "cancel").expect(200);
    acme.pay(&from, &to, 600).expect(201);
    acme.pay(&from, &to, 1).refused(422, "insufficient_funds");
}

#[test]
fn double_spend_race() {
    let acme = tenant();
    let from = acme.funded("master", 5_000);
    let to = acme.wallet("operating");
    let replies = at_once(32, |n| match n % 4 {
        0 => acme.pay(&from, &to, 5_000),
        1 => acme.pay_bank(&from, 5_000),
        2 => acme.post(
            &format!("/v1/wallets/{from}/debit"),
            &json!({ "amount": 5_000 }),
        ),
        _ => {
            let body =
                json!({ "amount": 5_000, "source_wallet_id": from, "destination_wallet_id": to });
            acme.post("/v1/transfers", &body)
        }
    });
    let won: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(
        won.len(),
        1,
        "{:?}",
        replies
            .iter()
            .map(|r| (r.status, r.code()))
            .collect::<Vec<_>>()
    );
    assert!(
        replies.iter().all(
            |r| r.status == 201 || (r.status, r.code().as_str()) == (422, "insufficient_funds")
        )
    );
    assert_eq!(acme.available(&from), 0);
    let lines = acme.all(&format!("/v1/wallets/{from}/transactions"));
    assert_eq!(
        lines.len(),
        2,
        "the credit and the one withdrawal: {lines:?}"
    );
    // The history is one line: each change starts where the one before it ended.
    let mut before = 0;
    for line in lines.iter().rev() {
        let change = line["change"]["available"].as_i64().unwrap();
        let after = line["balances_after"]["available"].as_i64().unwrap();
        assert_eq!(before + change, after, "{line}");
        before = after;
    }
}

#[test]
fn dup_new_key() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let mut body = payout(&from, &to, 100);
    body["reference_id"] = json!("invoice-7");
    let first = acme.post("/v1/payouts", &body).expect(201).id();
    let again = acme
        .post("/v1/payouts", &body)
        .refused(409, "reference_id_taken");
    assert!(
        again.text().contains(&first),
        "the one that exists is named: {}",
        again.text()
    );
    let found = acme.all("/v1/payouts?reference_id=invoice-7");
    assert_eq!((found.len(), &found[0]["id"]), (1, &json!(first)));
    assert_eq!(acme.available(&to), 100);
    let codes = at_once(16, |_| {
        let mut body = payout(&from, &to, 10);
        body["reference_id"] = json!("invoice-8");
        acme.post("/v1/payouts", &body).status
    });
    assert_eq!(
        codes.iter().filter(|status| **status == 201).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(acme.available(&to), 110);
}
