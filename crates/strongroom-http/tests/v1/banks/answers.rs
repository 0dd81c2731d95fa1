//! What becomes of payouts by what the bank says.

use serde_json::json;
use strongroom_testkit::bank::{Line, statement, status_report};
use strongroom_testkit::tenant::{fresh, texts};

use super::{Rail, text};
use crate::v1::tenant;

#[test]
fn a_status_report_completes_and_fails_single_payouts() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let ids = [
        rail.collected(100),
        rail.collected(200),
        rail.collected(300),
    ];
    let (file, sent) = rail.sent();
    let about = text(&file, "message_id");
    let mark = acme.mark();
    let report = status_report(
        &fresh("B"),
        about,
        Some("PART"),
        &[
            (&sent[0].0, "ACSC", None),
            (&sent[1].0, "RJCT", Some("AC04")),
            (&sent[2].0, "ACSP", None),
        ],
    );
    let answered = rail.applied(&report);
    assert_eq!(
        answered["counts"],
        json!({ "applied": 2, "confirmed": 0, "acknowledged": 1, "unmatched": 0 })
    );
    assert_eq!(answered["payout_file_id"], file["id"]);
    let found: Vec<String> = ids.iter().map(|id| rail.status(id)).collect();
    assert_eq!(found, ["completed", "failed", "processing"]);
    let reverse = format!("/v1/payouts/{}/reverse", ids[0]);
    let here = acme.request("POST", &reverse).idempotent(&fresh("r"));
    here.send().refused(409, "invalid_state");
    assert_eq!(rail.payout(&ids[1])["failure_code"], "account_closed");
    assert_eq!(acme.available(&rail.wallet), 600);
    assert_eq!(acme.balance(&rail.wallet, "reserved"), 300);
    let events = texts(&acme.events_since(&mark), "type");
    for event in [
        "bank_file.received",
        "payout.completed",
        "payout.failed",
        "bank_file.completed",
    ] {
        assert!(events.iter().any(|known| known == event), "{event}");
    }
    let audit = acme.audit_since(&mark);
    let failed = audit
        .iter()
        .find(|line| line["action"] == "payout_failed")
        .unwrap();
    assert_eq!(failed["details"]["reason_code"], "AC04");
    assert_eq!(failed["details"]["bank_file"], answered["id"]);
}

/// A message that is taken in part says nothing of the transfers that it does not name.
#[test]
fn what_a_report_in_part_does_not_name_is_no_entry_of_it() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let ids = [rail.collected(100), rail.collected(200)];
    let (file, sent) = rail.sent();
    let said = [(sent[0].0.as_str(), "ACSC", None)];
    let report = status_report(&fresh("B"), text(&file, "message_id"), Some("PART"), &said);
    let answered = rail.applied(&report);
    assert_eq!(
        answered["counts"],
        json!({ "applied": 1, "confirmed": 0, "acknowledged": 0, "unmatched": 0 })
    );
    assert_eq!(answered["entries"], 1);
    assert_eq!(rail.status(&ids[1]), "processing");
    // That it is taken in part, and no more, is told as such.
    let bare = status_report(&fresh("B"), text(&file, "message_id"), Some("PART"), &[]);
    assert_eq!(rail.applied(&bare)["counts"]["acknowledged"], 1);
}

/// What a report refuses that is still being applied is no part of the sum that the bank books.
#[test]
fn a_sum_is_of_what_earlier_files_leave_of_its_batch() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let ids = [
        rail.collected(100),
        rail.collected(200),
        rail.collected(300),
    ];
    let (file, sent) = rail.sent();
    let about = text(&file, "message_id");
    let said = [(sent[1].0.as_str(), "RJCT", Some("AC04"))];
    let report = status_report(&fresh("B"), about, Some("PART"), &said);
    let first = rail.upload(&report).expect(202).id();
    let whole = Line {
        name: None,
        batch: Some(about.to_owned()),
        ..Line::debit("", "4.00")
    };
    let day = statement("08", &fresh("S"), &rail.iban, "PHP", &[whole]);
    let second = rail.upload(&day).expect(202).id();
    acme.attend(&first);
    acme.attend(&second);
    let found: Vec<String> = ids.iter().map(|id| rail.status(id)).collect();
    assert_eq!(found, ["completed", "failed", "completed"]);
    assert_eq!(acme.available(&rail.wallet), 600);
    assert_eq!(acme.balance(&rail.wallet, "reserved"), 0);
}

#[test]
fn a_whole_file_is_accepted_or_rejected() {
    let acme = tenant();
    for (status, expected, left) in [("ACSC", "completed", 700), ("RJCT", "failed", 1_000)] {
        let rail = Rail::new(&acme, 1_000);
        let ids = [rail.collected(100), rail.collected(200)];
        let (file, _) = rail.sent();
        let report = status_report(&fresh("B"), text(&file, "message_id"), Some(status), &[]);
        rail.applied(&report);
        for id in &ids {
            assert_eq!(rail.status(id), expected);
        }
        assert_eq!(acme.available(&rail.wallet), left);
        assert_eq!(acme.balance(&rail.wallet, "reserved"), 0);
    }
    let rail = Rail::new(&acme, 1_000);
    let id = rail.collected(100);
    let (file, _) = rail.sent();
    let report = status_report(&fresh("B"), text(&file, "message_id"), Some("ACCP"), &[]);
    let answered = rail.applied(&report);
    assert_eq!(answered["counts"]["acknowledged"], 1);
    assert_eq!(
        rail.status(&id),
        "processing",
        "accepted is not carried out"
    );
}

#[test]
fn statements_confirm_and_bring_back() {
    let acme = tenant();
    for version in ["02", "08"] {
        let rail = Rail::new(&acme, 1_000);
        let ids = [
            rail.collected(100),
            rail.collected(200),
            rail.collected(300),
        ];
        let (_, sent) = rail.sent();
        let name = |n: usize| sent[n].0.as_str();
        // What came back stands before what went out.
        let lines = [
            Line::back(name(1), "2.00", "AC06"),
            Line::debit(name(0), "1.00"),
            Line::debit(name(1), "2.00"),
        ];
        let day = statement(version, &fresh("S"), &rail.iban, "PHP", &lines);
        let file = rail.applied(&day);
        assert_eq!(file["counts"]["applied"], 3);
        let found: Vec<String> = ids.iter().map(|id| rail.status(id)).collect();
        assert_eq!(found, ["completed", "reversed", "processing"]);
        assert_eq!(rail.payout(&ids[1])["failure_code"], "account_blocked");
        assert_eq!(acme.available(&rail.wallet), 600);
        // The next day confirms one again, and returns another, also to a wallet that is frozen meanwhile.
        acme.request("POST", &format!("/v1/wallets/{}/freeze", rail.wallet))
            .send()
            .expect(200);
        let lines = [
            Line::debit(name(0), "1.00"),
            Line::back(name(0), "1.00", "AC01"),
        ];
        let day = statement(version, &fresh("S"), &rail.iban, "PHP", &lines);
        let file = rail.applied(&day);
        assert_eq!(
            (&file["counts"]["applied"], &file["counts"]["confirmed"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(rail.status(&ids[0]), "reversed");
        assert_eq!(acme.available(&rail.wallet), 700);
        // That it went out, said once more, is no news.
        let lines = [Line::debit(name(0), "1.00")];
        let day = statement(version, &fresh("S"), &rail.iban, "PHP", &lines);
        assert_eq!(rail.applied(&day)["counts"]["confirmed"], 1);
        assert_eq!(rail.status(&ids[0]), "reversed");
    }
}

#[test]
fn a_batch_that_was_booked_in_one_sum_is_confirmed_as_a_whole() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let ids = [rail.collected(100), rail.collected(200)];
    let (file, _) = rail.sent();
    let line = |amount: &str| Line {
        batch: Some(text(&file, "message_id").to_owned()),
        name: None,
        ..Line::debit("", amount)
    };
    let other = statement("08", &fresh("S"), &rail.iban, "PHP", &[line("3.01")]);
    let other = rail.applied(&other);
    assert_eq!(other["counts"]["unmatched"], 1);
    assert_eq!(rail.entries(&other)[0]["mismatch"], "amount_differs");
    assert_eq!(rail.status(&ids[0]), "processing");
    let whole = statement("08", &fresh("S"), &rail.iban, "PHP", &[line("3.00")]);
    assert_eq!(rail.applied(&whole)["counts"]["applied"], 2);
    for id in &ids {
        assert_eq!(rail.status(id), "completed");
    }
}

#[test]
fn what_matches_nothing_is_listed() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let id = rail.collected(100);
    let (_, sent) = rail.sent();
    let incoming = Line {
        credit: true,
        name: None,
        ..Line::debit("", "77.00")
    };
    let card = Line::debit("4242424242424242", "3.00");
    let lines = [
        incoming,
        Line::debit("NOTPROVIDED", "5.00"),
        Line::debit("PO000000000000000000000009", "5.00"),
        Line::debit(&sent[0].0, "1.01"),
        card,
    ];
    let day = statement("08", &fresh("S"), &rail.iban, "PHP", &lines);
    let file = rail.applied(&day);
    assert_eq!(file["counts"]["unmatched"], 5);
    let path = format!(
        "/v1/bank-files/{}/entries?status=unmatched",
        text(&file, "id")
    );
    let unmatched = acme.all(&path);
    let page = acme.get(&format!("{path}&limit=2&after=2")).expect(200);
    let page = page.json();
    assert_eq!(page["data"], json!(unmatched[2..4]));
    assert_eq!(page["next_cursor"], "4");
    assert_eq!(
        texts(&unmatched, "mismatch"),
        [
            "no_reference",
            "unknown_reference",
            "unknown_reference",
            "amount_differs",
            "unknown_reference"
        ]
    );
    assert_eq!(texts(&unmatched, "id"), ["1", "2", "3", "4", "5"]);
    assert_eq!(unmatched[0]["direction"], "credit");
    assert_eq!(unmatched[4]["reference"], "************4242");
    assert_eq!(rail.status(&id), "processing");
    let none = format!(
        "/v1/bank-files/{}/entries?status=applied",
        text(&file, "id")
    );
    assert!(acme.all(&none).is_empty());
    // After a return, that it went out is said too late.
    let back = [Line::back(&sent[0].0, "1.00", "AC04")];
    let day = statement("08", &fresh("S"), &rail.iban, "PHP", &back);
    rail.applied(&day);
    assert_eq!(rail.status(&id), "failed");
    let late = [Line::debit(&sent[0].0, "1.00")];
    let day = statement("08", &fresh("S"), &rail.iban, "PHP", &late);
    let file = rail.applied(&day);
    assert_eq!(rail.entries(&file)[0]["mismatch"], "wrong_state");
    assert_eq!(acme.available(&rail.wallet), 1_000);
}
