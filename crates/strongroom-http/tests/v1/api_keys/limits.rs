//! Money limits of a key, asked within the deciding transaction.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh, payout};

use crate::v1::tenant;

const DAY: i64 = 86_400_000;

/// A key that operates within limits.
fn key(acme: &Tenant<'_>, limits: &Value) -> (String, String) {
    let body = json!({ "role": "owner", "limits": limits });
    let made = acme.post("/v1/api-keys", &body).expect(201);
    (made.id(), made.field("key"))
}

fn with(acme: &Tenant<'_>, key: &str, path: &str, body: &Value) -> Outgoing {
    let request = acme.server.request("POST", path).bearer(key);
    request.idempotent(&fresh("limited")).json(body)
}

#[test]
fn no_payout_is_larger_than_the_key_may_make_and_no_day_s_sum_either() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 10_000), acme.wallet("operating"));
    let (id, key) = key(&acme, &json!({ "per_transaction": 100, "per_day": 250 }));
    let pay = |minor| with(&acme, &key, "/v1/payouts", &payout(&from, &to, minor)).send();
    pay(101).refused(403, "key_limit_exceeded");
    pay(100).expect(201);
    pay(100).expect(201);
    let refused = pay(51).refused(403, "key_limit_exceeded");
    assert_eq!(refused.field("errors/0/pointer"), "/amount");
    // Another act of the same day counts, another key's does not.
    let debit = with(
        &acme,
        &key,
        &format!("/v1/wallets/{from}/debit"),
        &json!({ "amount": 40 }),
    );
    debit.send().expect(201);
    acme.pay(&from, &to, 500).expect(201);
    pay(11).refused(403, "key_limit_exceeded");
    pay(10).expect(201);
    pay(1).refused(403, "key_limit_exceeded");
    assert_eq!(acme.available(&from), 10_000 - 200 - 40 - 500 - 10);
    // What is reversed gives nothing back; a new day does, and a restart forgets nothing.
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    let pay = |minor| with(&acme, &key, "/v1/payouts", &payout(&from, &to, minor)).send();
    pay(1).refused(403, "key_limit_exceeded");
    server.clock.advance(DAY);
    pay(100).expect(201);
    // Loosened and tightened, it counts at once.
    let change = |limits: Value| {
        let request = acme.request("PATCH", &format!("/v1/api-keys/{id}"));
        request
            .json(&json!({ "limits": limits }))
            .send()
            .expect(200)
    };
    change(json!({ "per_day": 100 }));
    pay(1).refused(403, "key_limit_exceeded");
    change(json!(null));
    pay(1_000).expect(201);
    let refusals = acme.all("/v1/audit-logs?action=payout_created&outcome=refused");
    assert!(
        refusals
            .iter()
            .all(|record| record["code"] == "key_limit_exceeded"),
        "{refusals:?}"
    );
    assert!(!refusals.is_empty());
}

#[test]
fn currencies_and_directions() {
    let acme = tenant();
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let transfer = json!({ "amount": 1, "source_wallet_id": from, "destination_wallet_id": to });
    let credit = (format!("/v1/wallets/{to}/credit"), json!({ "amount": 1 }));
    let try_all = |key: &str| -> Vec<u16> {
        let acts = [
            ("/v1/payouts", &payout(&from, &to, 1)),
            ("/v1/transfers", &transfer),
            (credit.0.as_str(), &credit.1),
        ];
        let sent = acts.map(|(path, body)| with(&acme, key, path, body).send());
        sent.iter().map(|reply: &Reply| reply.status).collect()
    };
    for (limits, expected) in [
        (json!({ "directions": ["out"] }), [201, 403, 403]),
        (json!({ "directions": ["internal", "in"] }), [403, 201, 201]),
        (json!({ "currencies": ["USD", "EUR"] }), [403, 403, 403]),
        (json!({ "currencies": ["PHP"] }), [201, 201, 201]),
        (json!({ "per_transaction": 0 }), [403, 403, 403]),
    ] {
        assert_eq!(try_all(&key(&acme, &limits).1), expected, "{limits}");
    }
}

#[test]
fn card_payments_count_as_coming_in() {
    let acme = tenant();
    acme.wallet("operating");
    let token = acme.token(VISA).expect(201).id();
    let pay = |limits: &Value, minor: i64| {
        let body = json!({ "payment_token": token, "amount": minor });
        with(&acme, &key(&acme, limits).1, "/v1/payments", &body).send()
    };
    pay(&json!({ "per_transaction": 500 }), 501).refused(403, "key_limit_exceeded");
    pay(&json!({ "directions": ["out"] }), 1).refused(403, "key_limit_exceeded");
    pay(&json!({ "directions": ["in"], "per_day": 500 }), 500).expect(201);
    // What another key was paid is no way around.
    let payment = acme.payment(&acme.wallet("master"), 500, false);
    let (_, held) = key(&acme, &json!({ "per_transaction": 100 }));
    let capture = |minor: i64| {
        let path = format!("/v1/payments/{payment}/capture");
        with(&acme, &held, &path, &json!({ "amount": minor })).send()
    };
    capture(101).refused(403, "key_limit_exceeded");
    capture(100).expect(200);
}

#[test]
fn many_at_once_stay_within_the_day() {
    let acme = tenant();
    let (from, to) = (acme.funded("master", 100_000), acme.wallet("operating"));
    let (_, key) = key(&acme, &json!({ "per_day": 1_000 }));
    let requests: Vec<Outgoing> = (0..32)
        .map(|_| with(&acme, &key, "/v1/payouts", &payout(&from, &to, 100)))
        .collect();
    let paid = std::thread::scope(|scope| {
        let sending: Vec<_> = requests
            .iter()
            .map(|r| scope.spawn(|| r.send().status))
            .collect();
        let statuses = sending.into_iter().map(|thread| thread.join().unwrap());
        statuses.filter(|status| *status == 201).count()
    });
    assert_eq!((paid, acme.available(&from)), (10, 99_000));
}

#[test]
fn a_limited_key_hands_nothing_on() {
    let acme = tenant();
    let (id, key) = key(&acme, &json!({ "per_day": 1_000 }));
    let send = |method: &str, path: &str, body: Value| {
        let request = acme.server.request(method, path).bearer(&key);
        request.idempotent(&fresh("limited")).json(&body).send()
    };
    send("POST", "/v1/api-keys", json!({ "role": "viewer" })).refused(403, "permission_not_held");
    let own = format!("/v1/api-keys/{id}");
    send("PATCH", &own, json!({ "limits": null })).refused(403, "permission_not_held");
    send("POST", &format!("{own}/roll"), json!({})).refused(403, "permission_not_held");
    let other = acme.key(Role::Viewer).id;
    send("POST", &format!("/v1/api-keys/{other}/revoke"), json!({}))
        .refused(403, "permission_not_held");
    // It may be rolled by its owner, and the new one is bound alike.
    let rolled = acme.post(&format!("{own}/roll"), &json!({})).expect(201);
    assert_eq!(rolled.json()["limits"]["per_day"], 1_000);
}
