//! What banks and acquirers have told, in the reconciliation.

use serde_json::{Value, json};
use strongroom_testkit::bank::{Line, statement, status_report};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh};
use strongroom_types::time::HOUR;

use super::{FROM, lines};
use crate::v1::banks::{Rail, text};
use crate::v1::pos::verified;

/// Item, count, amount and status of a line.
type Told = (String, Value, Value, Value);

/// Those of the lines of one check.
fn told(lines: &[Value], check: &str) -> Vec<Told> {
    let of = lines.iter().filter(|line| line["check"] == check);
    let told = of.map(|line| {
        let cell = |name: &str| line[name].clone();
        let item = text(line, "item").to_owned();
        (item, cell("count"), cell("amount"), cell("status"))
    });
    told.collect()
}

fn line(item: &str, count: i64, amount: impl Into<Value>, status: impl Into<Value>) -> Told {
    (item.to_owned(), json!(count), amount.into(), status.into())
}

fn differences(acme: &Tenant<'_>) -> String {
    let made = acme.get("/v1/reports?type=reconciliation").expect(200);
    made.field("data/0/differences")
}

/// A line that names no payout is money that nobody here knows of: the report says that something differs.
#[test]
fn what_a_bank_books_and_nobody_sent_is_a_difference() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let rail = Rail::new(&acme, 1_000);
    for minor in [100, 200, 300] {
        rail.collected(minor);
    }
    let (file, sent) = rail.sent();
    let report = status_report(
        &fresh("B"),
        text(&file, "message_id"),
        Some("PART"),
        &[(&sent[2].0, "RJCT", Some("AC04"))],
    );
    rail.applied(&report);
    let unknown = |credit, amount: &str| Line {
        credit,
        name: None,
        ..Line::debit("", amount)
    };
    let booked = [
        Line::debit(&sent[0].0, "1.00"),
        Line::debit(&sent[1].0, "2.00"),
        unknown(false, "7.50"),
        unknown(true, "40.00"),
        Line::back(&sent[1].0, "2.00", "AC04"),
    ];
    server.clock.advance(HOUR);
    let received = server.engine.now().to_string();
    let day = statement("08", &fresh("S"), &rail.iban, "PHP", &booked);
    assert_eq!(rail.applied(&day)["counts"]["unmatched"], 2);
    // Told again, a payout is confirmed once.
    let again = statement("08", &fresh("S"), &rail.iban, "PHP", &booked[..1]);
    rail.applied(&again);

    let found = lines(&acme, &json!({ "type": "reconciliation" }));
    let nothing = || Value::Null;
    assert_eq!(
        told(&found, "bank"),
        [
            line("sent", 3, 600, nothing()),
            line("refused", 1, nothing(), nothing()),
            line("confirmed", 2, 300, nothing()),
            line("returned", 1, 200, nothing()),
            line("unmatched_debits", 1, 750, "differs"),
            line("unmatched_credits", 1, 4_000, "differs"),
        ]
    );
    let bank = found.iter().find(|line| line["check"] == "bank").unwrap();
    assert_eq!(bank["account_type"], "payout_rail");
    let raw = rail.wallet.split_once('_').unwrap().1;
    assert!(text(bank, "account_id").ends_with(raw), "{bank}");
    assert_eq!(differences(&acme), "2");
    assert_eq!(server.reconcile(), 0, "no account differs");

    // Before the statement came it was not known of.
    let before = json!({ "type": "reconciliation", "from": FROM, "to": received });
    let found = told(&lines(&acme, &before), "bank");
    assert_eq!(found[0], line("sent", 3, 600, nothing()));
    assert_eq!(found[2], line("confirmed", 0, 0, nothing()));
    assert_eq!(found[4], line("unmatched_debits", 0, 0, "matches"));
    assert_eq!(differences(&acme), "0");
    drop(acme);
    verified(server);
}

#[test]
fn what_an_acquirer_has_yet_to_say_waits() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.funded("operating", 50_000);
    let paid = acme.paid(&wallet, 10_000);
    acme.payment(&wallet, 700, true);
    let done = acme.refund(&paid, 4_000).expect(201).id();
    acme.attend(&done);
    acme.refund(&paid, 500).expect(201);
    let found = lines(&acme, &json!({ "type": "reconciliation" }));
    let (nothing, amounts) = (Value::Null, |item: &str, minor: i64| {
        let status = Value::from("waits");
        (item.to_owned(), Value::Null, json!(minor), status)
    });
    assert_eq!(
        told(&found, "acquirer"),
        [
            line("captured", 2, 10_700, nothing.clone()),
            line("reversed", 0, 0, nothing.clone()),
            line("settled", 1, 10_000, nothing.clone()),
            line("refunded", 1, 4_000, nothing),
            amounts("unsettled", 700),
            amounts("refunding", 500),
        ]
    );
    assert_eq!(differences(&acme), "0", "what waits is no difference");
    drop(acme);
    verified(server);
}
