//! Files that are refused, or were there before: nothing moves.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::bank::{Line, statement, status_report};
use strongroom_testkit::tenant::fresh;

use super::{Rail, text, upload};
use crate::v1::tenant;

#[test]
fn the_same_file_is_answered_as_before() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let id = rail.collected(100);
    let (_, sent) = rail.sent();
    let (first, second) = (fresh("S"), fresh("S"));
    let lines = [Line::debit(&sent[0].0, "1.00")];
    let day = statement("08", &first, &rail.iban, "PHP", &lines);
    let file = rail.applied(&day);
    assert_eq!(rail.status(&id), "completed");
    let mark = acme.mark();
    let again = rail.upload(&day).expect(202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json(), file);
    // The same message with another content is not applied either.
    let other = [Line::back(&sent[0].0, "1.00", "AC04")];
    let forged = statement("08", &first, &rail.iban, "PHP", &other);
    assert_eq!(rail.upload(&forged).expect(202).json(), file);
    assert_eq!(acme.audit_since(&mark), [Value::Null; 0]);
    assert_eq!(rail.status(&id), "completed");
    let honest = statement("08", &second, &rail.iban, "PHP", &other);
    rail.applied(&honest);
    assert_eq!(rail.status(&id), "reversed");
}

/// A bank's numbers of messages may have the form of cards' numbers, and be masked to the same.
#[test]
fn messages_that_look_alike_once_masked_are_two() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let ids = [rail.collected(100), rail.collected(200)];
    let (_, sent) = rail.sent();
    let day = |number: &str, n: usize| {
        let lines = [Line::debit(&sent[n].0, &sent[n].1)];
        statement("08", number, &rail.iban, "PHP", &lines)
    };
    let days = [day("5312202601060001", 0), day("5312202601140001", 1)];
    let files = days.each_ref().map(|day| rail.applied(day));
    for (file, id) in files.iter().zip(&ids) {
        assert_eq!(file["counts"]["applied"], 1);
        assert_eq!(rail.status(id), "completed");
        let mark = &text(file, "sha256")[..20];
        let shown = format!("************0001~{mark}");
        assert_eq!(file["message_id"], shown);
    }
    for (file, day) in files.iter().zip(&days) {
        let again = rail.upload(day).expect(202);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.json(), *file);
    }
    assert_eq!(acme.all("/v1/bank-files").len(), 2);
}

#[test]
fn sixteen_at_once_are_one() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    rail.collected(100);
    let (_, sent) = rail.sent();
    let lines = [Line::debit(&sent[0].0, "1.00")];
    let day = statement("08", &fresh("S"), &rail.iban, "PHP", &lines);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| upload(&acme, &day).expect(202).id()))
            .collect();
        tries.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(acme.all("/v1/bank-files").len(), 1);
}

#[test]
fn files_of_another_tenant_move_nothing() {
    let (acme, other) = (tenant(), tenant());
    let (ours, theirs) = (Rail::new(&acme, 1_000), Rail::new(&other, 1_000));
    let id = theirs.collected(100);
    let (file, sent) = theirs.sent();
    let (about, name) = (text(&file, "message_id"), sent[0].0.as_str());
    let report = status_report(&fresh("B"), about, Some("RJCT"), &[]);
    ours.upload(&report).refused(403, "bank_file_foreign");
    let lines = [Line::debit(name, "1.00")];
    let day = statement("08", &fresh("S"), &theirs.iban, "PHP", &lines);
    ours.upload(&day).refused(403, "bank_file_foreign");
    // In a statement of one's own account, another's payout is nobody's.
    let day = statement("08", &fresh("S"), &ours.iban, "PHP", &lines);
    let answered = ours.applied(&day);
    assert_eq!(ours.entries(&answered)[0]["mismatch"], "unknown_reference");
    // Nor does a second account of the same tenant speak for the first one's payouts.
    let second = Rail::new(&other, 10);
    let day = statement("08", &fresh("S"), &second.iban, "PHP", &lines);
    let answered = second.applied(&day);
    assert_eq!(
        second.entries(&answered)[0]["mismatch"],
        "unknown_reference"
    );
    assert_eq!(theirs.status(&id), "processing");
    assert_eq!(other.balance(&theirs.wallet, "reserved"), 100);
    let refused = acme.all("/v1/audit-logs?outcome=refused");
    let foreign = refused
        .iter()
        .filter(|line| line["code"] == "bank_file_foreign");
    assert_eq!(foreign.count(), 2, "they are on record");
}

#[test]
fn a_file_that_was_not_sent_has_no_answer() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let id = rail.collected(100);
    let file = rail.ready();
    let report = status_report(&fresh("B"), text(&file, "message_id"), Some("RJCT"), &[]);
    rail.upload(&report).refused(409, "invalid_state");
    let name = format!("PO{}", &id["payout_".len()..]);
    let lines = [Line::debit(&name, "1.00")];
    let day = statement("08", &fresh("S"), &rail.iban, "PHP", &lines);
    let answered = rail.applied(&day);
    assert_eq!(rail.entries(&answered)[0]["mismatch"], "unknown_reference");
    assert_eq!(rail.status(&id), "pending");
}

/// A line is a few bytes, and stands for as many payouts as its batch has.
#[test]
fn lines_that_stand_for_too_many_payouts_are_refused() {
    let acme = tenant();
    let rail = Rail::new(&acme, 1_000);
    let id = rail.collected(100);
    for _ in 0..4 {
        rail.collected(100);
    }
    let (file, _) = rail.sent();
    let line = |amount: &str| Line {
        name: None,
        batch: Some(text(&file, "message_id").to_owned()),
        ..Line::debit("", amount)
    };
    let day = |lines: &[Line]| statement("08", &fresh("S"), &rail.iban, "PHP", lines);
    let many = day(&vec![line("5.00"); 5_001]);
    rail.upload(&many).refused(422, "bank_file_invalid");
    assert_eq!(rail.status(&id), "processing");
    // Of what no line stands for, there may be more; and the sum said once more is no news.
    let others = day(&vec![line("5.01"); 50]);
    assert_eq!(rail.applied(&others)["counts"]["unmatched"], 50);
    let twice = rail.applied(&day(&[line("5.00"), line("5.00")]));
    assert_eq!(
        twice["counts"],
        json!({ "applied": 5, "confirmed": 5, "acknowledged": 0, "unmatched": 0 })
    );
}

#[test]
fn what_is_no_message_is_refused_by_name() {
    let acme = tenant();
    let rail = Rail::new(&acme, 10);
    let good = statement("08", &fresh("S"), &rail.iban, "PHP", &[]);
    let mark = acme.mark();
    for (xml, path) in [
        (String::new(), ""),
        ("{}".to_owned(), ""),
        (
            good.replace("camt.053.001.08", "camt.053.001.99"),
            "/Document",
        ),
        (
            good.replace("<Document", "<!DOCTYPE a [<!ENTITY b \"c\">]><Document"),
            "",
        ),
        (
            good.replace("<BkToCstmrStmt>", "<BkToCstmrStmt>&b;"),
            "/Document/BkToCstmrStmt",
        ),
        (
            good.replace("</BkToCstmrStmt>", ""),
            "/Document/BkToCstmrStmt",
        ),
        (
            good.replace("<Stmt>", &"<Stmt>".repeat(50)),
            "/Document/BkToCstmrStmt/Stmt",
        ),
    ] {
        let reply = rail.upload(&xml).refused(422, "bank_file_invalid");
        let found = reply.field("error/details/path");
        assert!(found.starts_with(path), "{found} for {xml}");
        assert!(reply.json()["error"]["details"]["line"].is_string());
    }
    assert_eq!(acme.events_since(&mark), [Value::Null; 0]);
    let request = acme.request("POST", "/v1/bank-files");
    let request = request.json(&json!({ "a": 1 }));
    request.send().refused(415, "unsupported_media_type");
    let request = acme.request("POST", "/v1/bank-files").body(&good);
    let request = request.header("Content-Type", "application/xml");
    let zipped = request.header("Content-Encoding", "gzip").send();
    zipped.refused(415, "unsupported_media_type");
    let large = vec![b' '; (16 << 20) + 1];
    let request = acme.request("POST", "/v1/bank-files").body(&large);
    let request = request.header("Content-Type", "application/xml");
    let sent = request.try_send();
    assert!(sent.is_none_or(|reply| reply.status == 413));
    let viewer = acme.key(Role::Operator);
    let request = acme.server.request("POST", "/v1/bank-files").body(&good);
    let request = request.header("Content-Type", "application/xml");
    let denied = request.bearer(&viewer.text).send();
    denied.refused(403, "permission_denied");
}
