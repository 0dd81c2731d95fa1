//! What a till's key reads of money, and which payments it changes.

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

use crate::v1::tenant;
use crate::v1::tills::{key_for, store};

/// What a terminal may do that takes payments by itself.
const TERMINAL: &[&str] = &[
    "read:payments",
    "create:payments",
    "capture:payments",
    "void:payments",
    "read:refunds",
    "create:refunds",
    "read:payouts",
    "read:payout_files",
    "read:wallets",
    "read:transactions",
];

/// The key of a till.
struct Terminal<'a, 's> {
    acme: &'a Tenant<'s>,
    text: String,
}

impl<'a, 's> Terminal<'a, 's> {
    fn new(acme: &'a Tenant<'s>, store: &str) -> (Terminal<'a, 's>, String) {
        let key = key_for(acme, TERMINAL);
        let body = json!({ "store_id": store, "name": "1", "api_key_id": key.id });
        acme.post("/v1/tills", &body).expect(201);
        let text = key.text.clone();
        (Terminal { acme, text }, key.id)
    }

    fn get(&self, path: &str) -> Reply {
        let request = self.acme.server.request("GET", path);
        request.bearer(&self.text).send()
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        let request = self.acme.server.request("POST", path).bearer(&self.text);
        request.idempotent(&fresh("terminal")).json(body).send()
    }

    fn change(&self, payment: &str, step: &str) -> Reply {
        let request = self
            .acme
            .server
            .request("POST", &format!("/v1/payments/{payment}/{step}"));
        let request = request.bearer(&self.text);
        request.idempotent(&fresh("terminal")).send()
    }

    fn ids(&self, path: &str) -> Vec<String> {
        let page = self.get(path).expect(200).json();
        let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
        page["data"].as_array().unwrap().iter().map(id).collect()
    }

    fn pay(&self, minor: i64, capture: bool) -> String {
        let token = self.acme.token(VISA).expect(201).id();
        let body = json!({ "payment_token": token, "amount": minor, "capture": capture });
        self.post("/v1/payments", &body).expect(201).id()
    }
}

#[test]
fn it_reads_no_money_of_the_organization_and_changes_no_payment_of_others() {
    let acme = tenant();
    let wallet = acme.funded("operating", 5_000);
    let (terminal, _) = Terminal::new(&acme, &store(&acme));
    let to = acme.wallet("sub_merchant");
    let payout = acme.pay(&wallet, &to, 10).expect(201).id();
    let schedule = json!({
        "amount": 5, "source_wallet_id": wallet, "recipient": { "type": "wallet", "id": to },
        "interval": "daily", "start_on": "2026-01-02",
    });
    let schedule = acme
        .post("/v1/payout-schedules", &schedule)
        .expect(201)
        .id();
    for path in [
        format!("/v1/payouts/{payout}"),
        format!("/v1/payout-schedules/{schedule}"),
        format!("/v1/wallets/{wallet}"),
        format!("/v1/wallets/{wallet}/balance"),
    ] {
        acme.get(&path).expect(200);
        terminal.get(&path).refused(404, "not_found");
    }
    for list in [
        "/v1/payouts",
        "/v1/payout-schedules",
        "/v1/payout-files",
        "/v1/wallets",
        "/v1/transfers",
    ] {
        assert_eq!(terminal.ids(list), [""; 0], "{list}");
    }

    // What the office took is nothing of the till's.
    let (open, paid) = (acme.payment(&wallet, 500, false), acme.paid(&wallet, 700));
    for id in [&open, &paid] {
        terminal
            .get(&format!("/v1/payments/{id}"))
            .refused(404, "not_found");
    }
    let mark = acme.mark();
    terminal.change(&open, "capture").refused(404, "not_found");
    let part = json!({ "amount": 100 });
    let capture = format!("/v1/payments/{open}/capture");
    terminal.post(&capture, &part).refused(404, "not_found");
    terminal.change(&open, "void").refused(404, "not_found");
    let refund = json!({ "payment_id": paid, "reason": "mine" });
    terminal
        .post("/v1/refunds", &refund)
        .refused(404, "payment_not_found");
    // Each of these tries is on record.
    let tried = acme.audit_since(&mark);
    assert_eq!(
        tried.iter().filter(|e| e["outcome"] == "refused").count(),
        4,
        "{tried:?}"
    );
    let shown = acme.get(&format!("/v1/payments/{open}")).expect(200);
    assert_eq!(shown.field("status"), "authorized");
    acme.post(&capture, &part).expect(200);
}

/// What a server knows of tills' keys in memory it knows again after a restart: of the key that a till has, and of the one before,
/// which is held to it by its own record alone.
#[test]
fn it_is_a_tills_key_after_a_restart() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.funded("operating", 5_000);
    let payout = acme.pay(&wallet, &acme.wallet("sub_merchant"), 10);
    let path = format!("/v1/payouts/{}", payout.expect(201).id());
    let (before, now) = (key_for(&acme, TERMINAL), key_for(&acme, TERMINAL));
    let body = json!({ "store_id": store(&acme), "name": "1", "api_key_id": before.id });
    let till = acme.post("/v1/tills", &body).expect(201).id();
    let changed = json!({ "api_key_id": now.id });
    let change = acme.request("PATCH", &format!("/v1/tills/{till}"));
    change.json(&changed).send().expect(200);

    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    acme.get(&path).expect(200);
    for key in [&before, &now] {
        let request = server.request("GET", &path).bearer(&key.text);
        request.send().refused(404, "not_found");
    }
}

#[test]
fn it_reads_and_changes_what_it_made_itself() {
    let acme = tenant();
    acme.wallet("operating");
    let (here, there) = (store(&acme), store(&acme));
    let (terminal, key) = Terminal::new(&acme, &here);
    let (beside, _) = Terminal::new(&acme, &here);
    let (elsewhere, _) = Terminal::new(&acme, &there);

    let id = terminal.pay(500, false);
    let path = format!("/v1/payments/{id}");
    assert_eq!(
        terminal.get(&path).expect(200).field("status"),
        "processing"
    );
    assert_eq!(terminal.ids("/v1/payments"), [id.as_str()]);
    beside.get(&path).expect(200);
    elsewhere.get(&path).refused(404, "not_found");
    assert_eq!(elsewhere.ids("/v1/payments"), [""; 0]);
    acme.attend(&id);
    elsewhere.change(&id, "void").refused(404, "not_found");
    terminal.change(&id, "capture").expect(200);
    acme.attend(&id);
    let voided = terminal.pay(300, false);
    acme.attend(&voided);
    terminal.change(&voided, "void").expect(200);

    // Money that went back, too; also to the key that the till's is rolled into.
    let body = json!({ "payment_id": id, "amount": 200, "reason": "cold" });
    let back = terminal.post("/v1/refunds", &body).expect(201).id();
    elsewhere
        .post("/v1/refunds", &body)
        .refused(404, "payment_not_found");
    let roll = acme.post(&format!("/v1/api-keys/{key}/roll"), &json!({}));
    let rolled = Terminal {
        acme: &acme,
        text: roll.expect(201).field("key"),
    };
    for terminal in [&terminal, &rolled] {
        terminal.get(&path).expect(200);
        terminal.get(&format!("/v1/refunds/{back}")).expect(200);
        assert_eq!(terminal.ids("/v1/refunds"), [back.as_str()]);
        assert_eq!(terminal.ids("/v1/payments").len(), 2);
    }
    elsewhere
        .get(&format!("/v1/refunds/{back}"))
        .refused(404, "not_found");
    assert_eq!(elsewhere.ids("/v1/refunds"), [""; 0]);
}
