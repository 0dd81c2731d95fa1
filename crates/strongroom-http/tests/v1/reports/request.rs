//! Asking for a report, watching it, fetching it, getting rid of it.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_crypto::sha256;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::silent::SilentAcquirer;
use strongroom_testkit::tenant::{Tenant, fresh, texts};
use strongroom_types::time::Timestamp;

use super::{FROM, TO, of, with};
use crate::v1::payments::verified;
use crate::v1::refuses;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn each_format_comes_with_its_type_and_name() {
    let acme = Tenant::found(TestServer::shared());
    acme.paid(&acme.wallet("operating"), 10_000);
    for (format, media, start) in [
        ("json", "application/json", "{\"columns"),
        ("csv", "text/csv; charset=utf-8", "day,currency,"),
        ("parquet", "application/vnd.apache.parquet", "PAR1"),
        ("pdf", "application/pdf", "%PDF-1.7\n"),
    ] {
        let asked = acme.post("/v1/reports", &with("sales", "format", format));
        let asked = asked.expect(202);
        let id = asked.id();
        assert_eq!(asked.field("status"), "queued");
        assert_eq!(asked.field("progress"), "0");
        let content = format!("/v1/reports/{id}/content");
        acme.get(&content).refused(409, "report_not_ready");
        acme.attend(&id);
        let made = acme.get(&format!("/v1/reports/{id}")).expect(200);
        assert_eq!(made.field("status"), "completed");
        assert_eq!(made.field("progress"), "100");
        assert_eq!(made.field("content"), content);
        let file = acme.get(&content).expect(200);
        assert_eq!(file.header("content-type"), Some(media));
        let name = format!("attachment; filename=\"sales-{id}.{format}\"");
        assert_eq!(file.header("content-disposition"), Some(name.as_str()));
        assert!(file.body.starts_with(start.as_bytes()), "{}", file.text());
        assert_eq!(made.field("size"), file.body.len().to_string());
        assert_eq!(made.field("sha256"), hex(&sha256(&[&file.body])));
    }
    let listed = acme.all("/v1/reports?type=sales");
    assert_eq!(texts(&listed, "format"), ["pdf", "parquet", "csv", "json"]);
    assert_eq!(acme.all("/v1/reports?type=tax").len(), 0);
}

#[test]
fn a_report_is_told_of_and_on_record() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let mark = acme.mark();
    let id = acme.post("/v1/reports", &of("balances")).expect(202).id();
    // Nothing is attended to by name: it is due once its period is over.
    server.clock.advance(60_000);
    server.rail();
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        ["report.requested", "report.completed"]
    );
    let data = &events[1]["data"];
    assert_eq!(data["report_id"], json!(id));
    assert_eq!(data["type"], "balances");
    assert_eq!(data["status"], "completed");
    let audit = acme.audit_since(&mark);
    assert_eq!(
        texts(&audit, "action"),
        ["report_requested", "report_completed"]
    );
    drop(acme);
    verified(server);
}

#[test]
fn a_report_ends_after_a_week() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let id = acme.post("/v1/reports", &of("sales")).expect(202).id();
    server.clock.advance(60_000);
    server.rail();
    let read = || acme.get(&format!("/v1/reports/{id}")).expect(200);
    let end = read().field("expires_at");
    assert!(end.starts_with("2026-01-08T00:01:0"), "{end}");
    let content = format!("/v1/reports/{id}/content");
    let ends = |from: &str| Timestamp::parse(from).unwrap().0 - server.engine.now().0;
    server.clock.advance(ends(&end) - 1);
    acme.get(&content).expect(200);
    // Its time is over from then on, though the server has not come to it yet.
    server.clock.advance(1);
    assert_eq!(read().field("status"), "expired");
    assert_eq!(read().field("content"), "null");
    assert_eq!(acme.all("/v1/reports")[0]["status"], "expired");
    acme.get(&content).refused(404, "not_found");
    let delete = acme.request("DELETE", &format!("/v1/reports/{id}"));
    delete
        .idempotent(&fresh("delete"))
        .send()
        .refused(409, "invalid_state");
    server.rail();
    assert_eq!(read().field("status"), "expired");
    assert_eq!(read().field("content"), "null");
    acme.get(&format!("/v1/reports/{id}/content"))
        .refused(404, "not_found");
    assert_eq!(server.rail(), 0, "nothing is left to do");
    drop(acme);
    verified(server);
}

#[test]
fn a_deleted_report_is_gone_also_before_it_is_made() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let delete = |id: &str| {
        let request = acme.request("DELETE", &format!("/v1/reports/{id}"));
        request.idempotent(&fresh("delete")).send()
    };
    let made = acme.post("/v1/reports", &of("sales")).expect(202).id();
    server.clock.advance(60_000);
    server.rail();
    assert_eq!(delete(&made).expect(200).field("status"), "deleted");
    acme.get(&format!("/v1/reports/{made}/content"))
        .refused(404, "not_found");
    delete(&made).refused(409, "invalid_state");
    let waiting = acme.post("/v1/reports", &of("sales")).expect(202).id();
    delete(&waiting).expect(200);
    let mark = acme.mark();
    assert_eq!(server.rail(), 0, "its work went with it");
    acme.attend(&waiting);
    assert_eq!(acme.events_since(&mark).len(), 0);
    delete("report_000000000000000000000000").refused(404, "not_found");
    assert_eq!(acme.all("/v1/reports").len(), 0);
    drop(acme);
    verified(server);
}

#[test]
fn so_many_wait_and_no_more() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    for _ in 0..20 {
        acme.post("/v1/reports", &of("sales")).expect(202);
    }
    acme.post("/v1/reports", &of("sales"))
        .refused(422, "limit_reached");
    // They wait for the end of their period.
    assert_eq!(server.rail(), 0);
    server.clock.advance(60_000);
    assert_eq!(server.rail(), 20);
    acme.post("/v1/reports", &of("sales")).expect(202);
    drop(acme);
    verified(server);
}

/// A report is made of what cannot change any more.
#[test]
fn a_period_that_is_not_over_is_refused_or_waited_for() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.wallet("operating");
    let asked = |kind: &str, to: &str| json!({ "type": kind, "from": FROM, "to": to });
    for kind in ["sales", "balances", "fees", "payouts", "tax", "shift"] {
        let refused = acme.post("/v1/reports", &asked(kind, "2026-01-01T00:01:00.001Z"));
        let refused = refused.refused(422, "period_not_over");
        assert_eq!(refused.field("errors/0/pointer"), "/to");
        assert!(
            refused.text().contains("it is 2026-01-01T00:00:00.000Z"),
            "{}",
            refused.text()
        );
    }
    // Of all time, whatever the period says.
    let all = asked("reconciliation", "2030-01-01T00:00:00Z");
    acme.post("/v1/reports", &all).expect(202);
    assert_eq!(server.rail(), 1);
    // What happens before the end of a period is in it, also after the report was asked for.
    let minute = acme
        .post("/v1/reports", &asked("balances", TO))
        .expect(202)
        .id();
    acme.credit(&wallet, 700);
    assert_eq!(server.rail(), 0);
    let path = format!("/v1/reports/{minute}");
    assert_eq!(acme.get(&path).field("status"), "queued");
    server.clock.advance(60_000);
    acme.credit(&wallet, 50);
    assert_eq!(server.rail(), 1);
    let content = acme.get(&format!("{path}/content")).expect(200).json();
    let lines = content["lines"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["account_id"] == json!(wallet));
    assert_eq!(line.unwrap()["closing_total"], 700);
    drop(acme);
    verified(server);
}

#[test]
fn what_does_not_fit_is_named() {
    let acme = Tenant::found(TestServer::shared());
    let wallet = acme.wallet("operating");
    let body = |more: &str| format!(r#"{{"from":"{FROM}","to":"{TO}"{more}}}"#);
    let cases = [
        (body(""), 422, "field_required", "/type"),
        (body(r#","type":"profit""#), 422, "invalid_field", "/type"),
        (
            body(r#","type":"tax","format":"xls""#),
            422,
            "invalid_field",
            "/format",
        ),
        (
            r#"{"type":"sales"}"#.to_owned(),
            422,
            "field_required",
            "/from",
        ),
        (
            format!(r#"{{"type":"sales","from":"{FROM}"}}"#),
            422,
            "field_required",
            "/to",
        ),
        (
            format!(r#"{{"type":"sales","from":"{TO}","to":"{FROM}"}}"#),
            422,
            "invalid_field",
            "/to",
        ),
        (
            format!(r#"{{"type":"sales","from":"{TO}","to":"{TO}"}}"#),
            422,
            "invalid_field",
            "/to",
        ),
        (
            r#"{"type":"sales","from":"2026","to":7}"#.to_owned(),
            422,
            "invalid_field",
            "/from",
        ),
        (
            body(r#","type":"sales","since":1"#),
            422,
            "unknown_field",
            "/since",
        ),
        (
            body(r#","type":"sales","store_id":"store_1""#),
            422,
            "invalid_field",
            "/store_id",
        ),
        (
            body(&format!(r#","type":"tax","wallet_id":"{wallet}""#)),
            422,
            "invalid_field",
            "/wallet_id",
        ),
        (
            body(r#","type":"sales","wallet_id":"wallet_1""#),
            404,
            "not_found",
            "/wallet_id",
        ),
        (
            body(r#","type":"shift","shift_id":"x""#),
            404,
            "not_found",
            "/shift_id",
        ),
        (
            body(r#","type":"sales","currency":"PHP""#),
            422,
            "invalid_field",
            "/currency",
        ),
        (
            body(r#","type":"balances","currency":"pesos""#),
            422,
            "invalid_field",
            "/currency",
        ),
        (
            r#"{"type":"shift"}"#.to_owned(),
            422,
            "field_required",
            "/from",
        ),
    ];
    let cases: Vec<(&str, u16, &str, &str)> = cases
        .iter()
        .map(|(body, status, code, pointer)| (body.as_str(), *status, *code, *pointer))
        .collect();
    refuses(&acme, "POST", "/v1/reports", &cases);
}

#[test]
fn who_may_see_what() {
    let acme = Tenant::found(TestServer::shared());
    let other = Tenant::found(TestServer::shared());
    let id = acme.post("/v1/reports", &of("sales")).expect(202).id();
    acme.attend(&id);
    let content = format!("/v1/reports/{id}/content");
    other.get(&content).refused(404, "not_found");
    other
        .get(&format!("/v1/reports/{id}"))
        .refused(404, "not_found");
    let wallet = acme.wallet("operating");
    let foreign = with("sales", "wallet_id", &wallet);
    other
        .post("/v1/reports", &foreign)
        .refused(404, "not_found");
    for (role, status) in [
        (Role::Admin, 200),
        (Role::Operator, 200),
        (Role::Viewer, 200),
        (Role::Publishable, 403),
    ] {
        let key = acme.key(role).text;
        let request = acme.server.request("GET", &content).bearer(&key);
        assert_eq!(request.send().status, status, "{role:?}");
    }
    let viewer = acme.key(Role::Viewer).text;
    let delete = acme.server.request("DELETE", &format!("/v1/reports/{id}"));
    delete
        .bearer(&viewer)
        .idempotent(&fresh("delete"))
        .send()
        .refused(403, "permission_denied");
}

/// A till's key is told of its own store, and of nothing that is no store's.
#[test]
fn a_till_s_key_sees_its_store_alone() {
    let acme = Tenant::found(TestServer::shared());
    let permissions = json!(["read:reports"]);
    let wanted = json!({ "permissions": permissions });
    let made = acme.post("/v1/api-keys", &wanted).expect(201);
    let (key, key_id) = (made.field("key"), made.id());
    let store = |name: &str| {
        let body = json!({ "name": name });
        acme.post("/v1/stores", &body).expect(201).id()
    };
    let (own, foreign) = (store("Makati"), store("Cebu"));
    let till = json!({ "store_id": own, "name": "1", "api_key_id": key_id });
    acme.post("/v1/tills", &till).expect(201);
    let ask = |body: &Value| {
        let request = acme.server.request("POST", "/v1/reports").bearer(&key);
        request.idempotent(&fresh("till")).json(body).send()
    };
    ask(&of("sales")).refused(403, "permission_denied");
    ask(&with("tax", "store_id", &foreign)).refused(403, "permission_denied");
    let narrowed = ask(&of("tax")).expect(202);
    assert_eq!(narrowed.field("store_id"), own);
    let whole = acme.post("/v1/reports", &of("tax")).expect(202).id();
    let get = |path: &str| acme.server.request("GET", path).bearer(&key).send();
    get(&format!("/v1/reports/{whole}")).refused(404, "not_found");
    get(&format!("/v1/reports/{}", narrowed.id())).expect(200);
    let listed = get("/v1/reports").expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

/// The workers make what was asked for, one after another, beside everything else.
#[test]
fn the_workers_make_reports() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let ids: Vec<String> = ["sales", "fees", "balances", "reconciliation"]
        .iter()
        .map(|kind| acme.post("/v1/reports", &of(kind)).expect(202).id())
        .collect();
    server.clock.advance(60_000);
    server.at_work(Arc::new(SilentAcquirer), || {
        let began = std::time::Instant::now();
        for id in &ids {
            while acme
                .get(&format!("/v1/reports/{id}"))
                .expect(200)
                .field("status")
                != "completed"
            {
                assert!(began.elapsed().as_secs() < 300, "`{id}` is never made");
                std::thread::yield_now();
            }
        }
    });
    drop(acme);
    verified(server);
}
