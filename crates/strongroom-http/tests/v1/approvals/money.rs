//! What else can wait: payouts to banks, debits, refunds.

use serde_json::json;
use strongroom_auth::Role;
use strongroom_engine::verify::verify;
use strongroom_store::SqliteStore;
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, bank_payout};

use crate::v1::approvals::{Held, approve, policy, send, text};
use crate::v1::tenant;

#[test]
fn a_payout_to_a_bank_shows_the_account_to_who_approves_it() {
    let held = Held::new(tenant(), 1);
    let body = bank_payout(&held.from, 5_000);
    let asked = send(&held.acme, &held.maker, "/v1/payouts", &body);
    let asked = asked.expect(202).json();
    assert_eq!(
        asked["request"]["recipient"]["account_number"],
        "001234567890"
    );
    assert_eq!(asked["request"]["recipient"]["account_name"], "Ana Cruz");
    assert_eq!(held.acme.balance(&held.from, "reserved"), 0);
    let done = held
        .approve(&held.acme.key(Role::Owner), &asked)
        .expect(200);
    assert_eq!(done.field("status"), "executed");
    assert_eq!(held.acme.balance(&held.from, "reserved"), 5_000);
}

#[test]
fn a_payout_without_a_source_names_the_wallet_that_pays() {
    let acme = tenant();
    policy(&acme, "payout", 1);
    let (from, to) = (acme.funded("operating", 5_000), acme.wallet("master"));
    let body = json!({ "amount": 2_000, "recipient": { "type": "wallet", "id": to } });
    let asked = acme.post("/v1/payouts", &body).expect(202).json();
    assert_eq!(asked["request"]["source_wallet_id"], json!(from));
    approve(&acme, &acme.key(Role::Owner), &asked).expect(200);
    assert_eq!((acme.available(&from), acme.available(&to)), (3_000, 2_000));
}

#[test]
fn debits_and_refunds_wait_as_payouts_do() {
    let acme = tenant();
    policy(&acme, "debit", 1);
    policy(&acme, "refund", 1);
    let other = acme.key(Role::Owner);
    let wallet = acme.funded("master", 9_000);
    let debit = format!("/v1/wallets/{wallet}/debit");
    acme.post(&debit, &json!({ "amount": 1_000 })).expect(201);
    let asked = acme.post(&debit, &json!({ "amount": 2_000, "reference": "till 7" }));
    let asked = asked.expect(202).json();
    assert_eq!(asked["request"]["reference"], "till 7");
    assert_eq!(acme.available(&wallet), 8_000);
    let done = approve(&acme, &other, &asked).expect(200).json();
    assert_eq!(acme.available(&wallet), 6_000);
    let shown = format!("/v1/transactions/{}", text(&done, "resource_id"));
    assert_eq!(acme.get(&shown).expect(200).field("amount"), "2000");

    let payment = acme.paid(&wallet, 3_000);
    acme.refund(&payment, 500).expect(201);
    // Without an amount it is all that is left, and that is what is agreed to.
    let all = json!({ "payment_id": payment, "reason": "returned" });
    let asked = acme.post("/v1/refunds", &all).expect(202).json();
    assert_eq!(asked["request"]["amount"], 2_500);
    let done = approve(&acme, &other, &asked).expect(200).json();
    let shown = format!("/v1/refunds/{}", text(&done, "resource_id"));
    assert_eq!(acme.get(&shown).expect(200).field("amount"), "2500");
    // What waited too is more than is left by then.
    let late = acme.paid(&wallet, 3_000);
    let body = json!({ "payment_id": late, "amount": 2_000, "reason": "twice" });
    let two = [0; 2].map(|_| acme.post("/v1/refunds", &body).expect(202).json());
    let ends = two.map(|asked| approve(&acme, &other, &asked).expect(200).json());
    assert_eq!(text(&ends[0], "status"), "executed");
    assert_eq!(text(&ends[1], "failure_code"), "refund_exceeds_payment");
}

/// Everything that an approval can come to stands sealed in the files, and `verify` derives all of it again.
#[test]
fn what_waited_and_what_came_of_it_is_sealed_and_verified() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    {
        let held = Held::new(Tenant::found(&server), 2);
        let acme = &held.acme;
        let [one, two] = [acme.key(Role::Owner), acme.key(Role::Owner)];
        let mut body = bank_payout(&held.from, 2_000);
        body["recipient"]["account_name"] = json!("Xiomara Quetzalcoatl");
        body["description"] = json!("zebrafish invoice");
        for _ in 0..2 {
            let asked = send(acme, &held.maker, "/v1/payouts", &body).expect(202);
            held.approve(&one, &asked.json()).expect(200);
        }
        let bank = acme.all("/v1/approvals")[0].clone();
        held.approve(&two, &bank).expect(200);
        let mut plain = held.body(2_000);
        plain["description"] = json!("zebrafish invoice");
        let ask = || {
            send(acme, &held.maker, "/v1/payouts", &plain)
                .expect(202)
                .json()
        };
        let (made, rejected, _open) = (ask(), ask(), ask());
        held.approve(&one, &made).expect(200);
        held.approve(&two, &made).expect(200);
        let path = format!("/v1/approvals/{}/reject", text(&rejected, "id"));
        send(acme, &one, &path, &json!({ "reason": "zebrafish" })).expect(200);
        let failing = [ask(), ask()];
        for asked in &failing {
            held.approve(&one, asked).expect(200);
            held.approve(&two, asked).expect(200);
        }
        server.checkpoint();
    }
    server.halt();
    let copy = DataFolder::copy_of(server.folder());
    let store = SqliteStore::open_read_only(copy.path()).unwrap();
    let report = verify(&store, server.root_keys(), 1).unwrap();
    assert!(report.is_clean(), "{report}");
    for name in ["strongroom.db", "strongroom.db-wal"] {
        let bytes = std::fs::read(copy.path().join(name)).unwrap_or_default();
        for secret in ["Xiomara", "zebrafish", "approval_request"] {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "`{secret}` stands in {name}");
        }
    }
}
