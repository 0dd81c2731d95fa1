//! Collecting, closing, making and sending.

use serde_json::json;
use strongroom_testkit::bank::{fresh_iban, iban, payout, rail, transfers};
use strongroom_testkit::tenant::{bank_payout, texts};

use super::{Rail, text};
use crate::v1::tenant;

#[test]
fn payouts_leave_in_one_file() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let mark = acme.mark();
    let (first, second) = (rail.collected(101), rail.collected(202));
    assert_eq!(acme.balance(&rail.wallet, "reserved"), 303);
    let file = rail.ready();
    assert_eq!(
        (&file["status"], &file["payouts"], &file["amount_decimal"]),
        (&json!("ready"), &json!(2), &json!("3.03"))
    );
    assert_eq!(rail.payout(&first)["payout_file_id"], file["id"]);
    let content = rail.content(&file);
    assert_eq!(content, rail.content(&file), "the same bytes each time");
    assert_eq!(file["bytes"], json!(content.len()));
    let name = |id: &str| format!("PO{}", &id["payout_".len()..]);
    assert_eq!(
        transfers(&content),
        [
            (name(&first), "1.01".to_owned()),
            (name(&second), "2.02".to_owned())
        ]
    );
    for part in [
        "<Nm>Acme + Sohne</Nm>",
        "<Nm>Ana Pena</Nm>",
        "<CtrlSum>3.03</CtrlSum>",
        "<BICFI>DEUTDEFF</BICFI>",
        &format!("<IBAN>{}</IBAN>", rail.iban),
        &format!("<MsgId>{}</MsgId>", text(&file, "message_id")),
    ] {
        assert!(content.contains(part), "{part}: {content}");
    }
    let sha256 = strongroom_crypto::sha256(&[content.as_bytes()]);
    let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text(&file, "sha256"), sha256);
    let path = format!("/v1/payout-files/{}/sent", text(&file, "id"));
    acme.post(&path, &json!({})).expect(200);
    acme.post(&path, &json!({})).refused(409, "invalid_state");
    assert_eq!(rail.status(&first), "pending");
    acme.attend(text(&file, "id"));
    assert_eq!(rail.status(&first), "processing");
    assert_eq!(rail.status(&second), "processing");
    let events = texts(&acme.events_since(&mark), "type");
    for event in [
        "payout_file.created",
        "payout_file.closed",
        "payout_file.ready",
        "payout_file.sent",
        "payout.processing",
    ] {
        assert!(events.iter().any(|known| known == event), "{event}");
    }
    let audit = acme.audit_since(&mark);
    let made = audit
        .iter()
        .find(|line| line["action"] == "payout_file_made");
    assert_eq!(made.unwrap()["details"]["sha256"], json!(sha256));
    let taken = texts(&audit, "action");
    let taken = taken.iter().filter(|a| *a == "payout_file_downloaded");
    assert_eq!(taken.count(), 2, "who took it is on record");
}

#[test]
fn a_cancelled_payout_leaves_an_open_file_and_no_other() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let (first, second) = (rail.collected(100), rail.collected(200));
    let cancel = |id: &str| acme.post(&format!("/v1/payouts/{id}/cancel"), &json!({}));
    cancel(&first).expect(200);
    assert_eq!(acme.balance(&rail.wallet, "reserved"), 200);
    let file = rail.ready();
    assert_eq!(
        (&file["payouts"], &file["amount"]),
        (&json!(1), &json!(200))
    );
    cancel(&second).refused(409, "invalid_state");
    assert_eq!(transfers(&rail.content(&file)).len(), 1);
}

#[test]
fn a_full_file_is_closed_and_the_next_one_begun() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let path = format!(
        "/v1/payout-rails/{}",
        rail.wallet.replace("wallet_", "rail_")
    );
    let patch = acme
        .request("PATCH", &path)
        .json(&json!({ "batch_limit": 2 }));
    patch.send().expect(200);
    let files: Vec<String> = (1..=5)
        .map(|n| {
            let id = rail.collected(n);
            text(&rail.payout(&id), "payout_file_id").to_owned()
        })
        .collect();
    assert!(files[0] == files[1] && files[2] == files[3] && files[3] != files[4]);
    let list = acme.all(&format!("/v1/payout-files?wallet_id={}", rail.wallet));
    assert_eq!(texts(&list, "status"), ["open", "closed", "closed"]);
    assert_eq!(texts(&list, "amount_decimal"), ["0.05", "0.07", "0.03"]);
    let open = acme.all("/v1/payout-files?status=open");
    assert_eq!(texts(&open, "id"), [files[4].as_str()]);
}

#[test]
fn what_is_not_made_yet_is_not_given_out() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let body = json!({ "wallet_id": rail.wallet });
    acme.post("/v1/payout-files", &body)
        .refused(422, "payout_file_empty");
    let id = rail.collected(5);
    let file = text(&rail.payout(&id), "payout_file_id").to_owned();
    let content = format!("/v1/payout-files/{file}/content");
    acme.get(&content).refused(409, "invalid_state");
    acme.post("/v1/payout-files", &body).expect(201);
    acme.get(&content).refused(409, "invalid_state");
    acme.post(&format!("/v1/payout-files/{file}/sent"), &json!({}))
        .refused(409, "invalid_state");
    acme.post("/v1/payout-files", &body)
        .refused(422, "payout_file_empty");
    let viewer = acme.key(strongroom_auth::Role::Viewer);
    let request = acme.server.request("GET", &content).bearer(&viewer.text);
    request.send().refused(403, "permission_denied");
}

#[test]
fn live_money_leaves_by_a_file_rail_alone() {
    let acme = tenant();
    let live = acme.live();
    let pay = |body: &serde_json::Value| {
        live.request("POST", "/v1/payouts")
            .idempotent(&strongroom_testkit::tenant::fresh("live"))
            .json(body)
            .signed(&live.owner.signing_secret, live.server.seconds())
            .send()
    };
    let wallet = live.funded("master", 100);
    pay(&payout(&wallet, 5, &iban(1))).refused(422, "no_rail");
    let seconds = live.server.seconds();
    let request = live.request("POST", "/v1/payout-rails");
    let request = request.json(&rail(&wallet, &fresh_iban()));
    request
        .signed(&live.owner.signing_secret, seconds)
        .send()
        .expect(201);
    pay(&bank_payout(&wallet, 5)).refused(422, "no_rail");
    let id = pay(&payout(&wallet, 6, &iban(1))).expect(201).id();
    live.attend(&id);
    let paid = live.get(&format!("/v1/payouts/{id}")).expect(200);
    assert_eq!(paid.field("status"), "pending");
}

#[test]
fn rails_are_checked() {
    let acme = tenant();
    let taken = Rail::new(&acme, 10);
    let create = |body: &serde_json::Value| acme.post("/v1/payout-rails", body);
    create(&rail(&taken.wallet, &fresh_iban())).refused(409, "already_exists");
    let wallet = acme.wallet("master");
    create(&rail(&wallet, &taken.iban)).refused(409, "already_exists");
    create(&rail("wallet_000000000000000000000001", &fresh_iban()))
        .refused(404, "wallet_not_found");
    for (pointer, value) in [
        ("/debtor/iban", json!("DE00370400440000000001")),
        ("/debtor/iban", json!("GB82WEST1234569876543")),
        ("/debtor/bic", json!("DEUTDEF")),
        ("/debtor/name", json!("山田")),
        ("/cut_off/time", json!("25:00")),
        ("/cut_off/zone", json!("Europe/Atlantis")),
        ("/batch_limit", json!(10_001)),
    ] {
        let mut body = rail(&wallet, &fresh_iban());
        body["batch_limit"] = json!(5);
        *body.pointer_mut(pointer).unwrap() = value;
        let reply = create(&body).refused(422, "invalid_field");
        assert_eq!(reply.field("errors/0/pointer"), pointer, "{}", reply.text());
    }
    let mut body = payout(&taken.wallet, 1, &iban(5));
    body["recipient"]["account_name"] = json!("山田");
    acme.post("/v1/payouts", &body)
        .refused(422, "rail_cannot_carry");
    let path = format!(
        "/v1/payout-rails/{}",
        taken.wallet.replace("wallet_", "rail_")
    );
    let patch = acme.request("PATCH", &path);
    patch.json(&json!({ "active": false })).send().expect(200);
    acme.post("/v1/payouts", &body).expect(201);
}
