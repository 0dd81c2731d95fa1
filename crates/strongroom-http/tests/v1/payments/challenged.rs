//! 3-D Secure in the sandbox: asked, answered, refused, abandoned, answered twice and late.

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};
use strongroom_types::time::SECOND;

use crate::v1::payments::{balances, now, pay, verified};
use crate::v1::{payment_links, tenant};

const CHALLENGED: &str = "4000000000003105";
const THEN_DECLINED: &str = "4000000000003113";
const THEN_LATE: &str = "4000000000003121";

fn answer(acme: &Tenant<'_>, path: &str, word: &str) -> Reply {
    acme.server
        .request("POST", path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("answer={word}"))
        .send()
}

/// A payment whose cardholder is asked, and where.
fn asked(acme: &Tenant<'_>, number: &str, wallet: &str) -> (String, String) {
    let more = json!({ "return_url": "https://shop.example/back?o=7" });
    let id = pay(acme, number, wallet, more).expect(201).id();
    acme.attend(&id);
    let payment = acme.get(&format!("/v1/payments/{id}")).expect(200);
    assert_eq!(payment.field("status"), "requires_action");
    assert_eq!(payment.field("next_action/type"), "redirect");
    assert_eq!(
        payment.field("next_action/expires_at"),
        "2026-01-01T00:15:00.000Z"
    );
    (id, payment.field("next_action/path"))
}

#[test]
fn whoever_identifies_himself_pays() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let mark = acme.mark();
    let (id, path) = asked(&acme, CHALLENGED, &wallet);
    assert_eq!(balances(&acme, &wallet), [0, 0, 0]);
    for verb in ["capture", "void"] {
        acme.post(&format!("/v1/payments/{id}/{verb}"), &json!({}))
            .refused(409, "invalid_state");
    }
    let page = acme.server.get(&path);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Is it you who pays?") && page.text().contains("ending in 3105"));
    let answered = answer(&acme, &path, "confirm");
    assert_eq!(
        (answered.status, answered.header("location")),
        (303, Some(path.as_str()))
    );
    assert_eq!(now(&acme, &id, "status"), "processing");
    // Twice, and otherwise: the first answer counts.
    for word in ["confirm", "refuse"] {
        assert_eq!(answer(&acme, &path, word).status, 303);
    }
    assert!(acme.server.get(&path).text().contains("is being processed"));
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "status"), "captured");
    assert_eq!(now(&acme, &id, "next_action"), "null");
    assert_eq!(balances(&acme, &wallet), [0, 500, 0]);
    let text = acme.server.get(&path).text();
    assert!(
        text.contains("Payment complete")
            && text.contains("href=\"https://shop.example/back?o=7\"")
    );
    let mut types = texts(&acme.events_since(&mark), "type");
    types.retain(|text| text.starts_with("payment."));
    assert_eq!(
        types,
        [
            "payment.created",
            "payment.requires_action",
            "payment.authenticated",
            "payment.authorized",
            "payment.captured",
            "payment.succeeded"
        ]
    );
}

#[test]
fn what_was_approved_and_not_taken_is_not_complete() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let (id, path) = asked(&acme, CHALLENGED, &wallet);
    acme.post(&format!("/v1/wallets/{wallet}/freeze"), &json!({}))
        .expect(200);
    assert_eq!(answer(&acme, &path, "confirm").status, 303);
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "status"), "authorized");
    let page = acme.server.get(&path).text();
    assert!(page.contains("is being processed"), "{page}");
    acme.post(&format!("/v1/payments/{id}/void"), &json!({}))
        .expect(200);
    let page = acme.server.get(&path).text();
    assert!(page.contains("was not made"), "{page}");
}

#[test]
fn whoever_refuses_is_not_charged_and_the_bank_may_still_decline() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let (id, path) = asked(&acme, CHALLENGED, &wallet);
    let mark = acme.mark();
    assert_eq!(answer(&acme, &path, "refuse").status, 303);
    assert_eq!(now(&acme, &id, "failure_code"), "authentication_failed");
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["payment_failed"]
    );
    assert!(acme.server.get(&path).text().contains("was not made"));

    let (id, path) = asked(&acme, THEN_DECLINED, &wallet);
    answer(&acme, &path, "confirm");
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "failure_code"), "card_declined");

    let (id, path) = asked(&acme, THEN_LATE, &wallet);
    answer(&acme, &path, "confirm");
    for _ in 0..2 {
        acme.attend(&id);
        assert_eq!(now(&acme, &id, "status"), "processing");
    }
    acme.attend(&id);
    assert_eq!(now(&acme, &id, "status"), "captured");
    assert_eq!(balances(&acme, &wallet), [0, 500, 0]);
}

#[test]
fn nobody_answers_without_the_challenge_s_key() {
    let acme = tenant();
    let (id, path) = asked(&acme, CHALLENGED, &acme.wallet("master"));
    let mark = acme.mark();
    let last = path.chars().last().unwrap();
    let other = if last == '0' { '1' } else { '0' };
    let wrong = format!("{}{other}", &path[..path.len() - 1]);
    for path in [
        wrong.as_str(),
        "/challenges/chal_",
        "/challenges/x",
        &format!("/challenges/{id}"),
    ] {
        assert_eq!(acme.server.get(path).status, 404, "{path}");
        assert_eq!(answer(&acme, path, "confirm").status, 404, "{path}");
    }
    for word in ["", "yes", "confirm&answer=refuse", "confirm&more=1"] {
        assert_eq!(answer(&acme, &path, word).status, 400, "{word}");
    }
    let foreign = acme
        .server
        .request("POST", &path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Sec-Fetch-Site", "cross-site")
        .body("answer=confirm");
    assert_eq!(foreign.send().status, 403);
    assert_eq!(acme.audit_since(&mark), [Value::Null; 0]);
    assert_eq!(now(&acme, &id, "status"), "requires_action");
}

#[test]
fn a_challenge_that_nobody_answers_lapses_also_over_a_restart() {
    let server = TestServer::start(ServerSettings::default());
    let (place, id, path);
    {
        let acme = Tenant::found(&server);
        (id, path) = asked(&acme, CHALLENGED, &acme.wallet("master"));
        place = acme.leave();
    }
    let server = server.restart(ServerSettings::default());
    {
        let acme = Tenant::back(&server, place);
        server.rail();
        assert_eq!(now(&acme, &id, "status"), "requires_action");
        server.clock.advance(900 * SECOND);
        // Too late by its own clock, whether or not the server has looked.
        assert_eq!(answer(&acme, &path, "confirm").status, 303);
        assert_eq!(now(&acme, &id, "status"), "requires_action");
        server.rail();
        assert_eq!(now(&acme, &id, "failure_code"), "authentication_abandoned");
        server.rail();
    }
    verified(server);
}

#[test]
fn on_the_page_a_payer_goes_to_his_bank_and_comes_back() {
    let acme = tenant();
    let made = payment_links::link(&acme, &json!({}));
    let link = payment_links::id(&made);
    let payment = payment_links::pay(&acme, link, 0, CHALLENGED);
    acme.attend(&payment);
    let own = format!("/pay/{link}?attempt={payment}");
    let text = acme.server.get(&own).text();
    let path = now(&acme, &payment, "next_action/path");
    assert!(
        text.contains("Go on to your bank") && text.contains(&path),
        "{text}"
    );
    let others = acme.server.get(&format!("/pay/{link}")).text();
    assert!(
        others.contains("is being processed") && !others.contains("/challenges/"),
        "{others}"
    );
    let answered = answer(&acme, &path, "refuse");
    assert_eq!(
        (answered.status, answered.header("location")),
        (303, Some(own.as_str()))
    );
    let text = acme.server.get(&own).text();
    assert!(text.contains("told that it is not you who pays"), "{text}");
    let payment = payment_links::pay(&acme, link, 1, CHALLENGED);
    acme.attend(&payment);
    answer(&acme, &now(&acme, &payment, "next_action/path"), "confirm");
    acme.attend(&payment);
    assert_eq!(payment_links::now(&acme, link)["status"], "paid");
}
