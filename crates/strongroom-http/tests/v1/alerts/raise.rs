//! What raises an alert, and how often.

use serde_json::{Value, json};
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_testkit::books::Key;
use strongroom_testkit::receiver::Receiver;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh, texts};

use crate::v1::alerts::{alerts, browse, until};
use crate::v1::tenant;

/// The one alert there is.
fn only(acme: &Tenant<'_>) -> Value {
    let mut found = alerts(acme, "");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn owner(acme: &Tenant<'_>) -> Key {
    acme.key(Role::Owner)
}

#[test]
fn a_secret_key_in_a_browser_raises_one_that_shows_nothing_of_it() {
    let acme = tenant();
    let key = owner(&acme);
    browse(&acme, &key.text);
    let alert = only(&acme);
    let shown = alert.to_string();
    assert!(!shown.contains(&key.text) && !shown.contains(&key.signing_secret));
    assert_eq!(alert["type"], "secret_key_in_browser");
    assert_eq!(alert["severity"], "high");
    assert_eq!(alert["status"], "open");
    assert_eq!(alert["subject_id"], json!(key.id));
    assert_eq!((&alert["count"], &alert["note"]), (&json!(1), &json!(null)));
    assert!(
        alert["last_request_id"]
            .as_str()
            .unwrap()
            .starts_with("req_")
    );
    let events = acme.all("/v1/events");
    let events = &events[events.len() - 1..];
    assert_eq!(texts(events, "type"), ["alert.raised"]);
    let data = json!({
        "alert_id": alert["id"], "type": "secret_key_in_browser", "severity": "high", "status": "open", "subject_id": key.id,
    });
    assert_eq!(events[0]["data"], data);
    // The refusal and the alert stand beside each other in the log.
    let log = acme.all("/v1/audit-logs");
    assert_eq!(
        texts(&log[..2], "action"),
        ["alert_raised", "secret_key_in_browser"]
    );
    assert_eq!(log[0]["user_id"], "system:watch");
    assert_eq!(
        log[0]["sequence"],
        json!(log[1]["sequence"].as_u64().unwrap() + 1)
    );
    let path = format!("/v1/alerts/{}", alert["id"].as_str().unwrap());
    assert_eq!(acme.get(&path).expect(200).json(), alert);
}

#[test]
fn forged_and_replayed_signatures_raise_one_each() {
    let acme = tenant();
    let key = owner(&acme);
    let seconds = acme.server.seconds();
    let post = |secret: &str| {
        acme.server
            .request("POST", "/v1/wallets")
            .bearer(&key.text)
            .json(&json!({ "type": "master" }))
            .signed(secret, seconds)
            .send()
    };
    post("another secret").refused(401, "signature_invalid");
    assert_eq!(only(&acme)["type"], "forged_signature");
    post(&key.signing_secret).expect(201);
    post(&key.signing_secret).refused(401, "signature_replayed");
    let found = alerts(&acme, "");
    assert_eq!(
        texts(&found, "type"),
        ["replayed_signature", "forged_signature"]
    );
    assert!(
        found
            .iter()
            .all(|alert| alert["subject_id"] == json!(key.id))
    );
}

#[test]
fn a_leaked_key_raises_one_in_the_commit_that_revokes_it() {
    let acme = tenant();
    let key = owner(&acme);
    let leak = |text: &str| {
        let body = json!({ "key": text });
        acme.server.request("POST", "/leaks").json(&body).send()
    };
    leak(&key.text).expect(202);
    let alert = only(&acme);
    assert_eq!(
        (&alert["type"], &alert["severity"]),
        (&json!("leaked_key"), &json!("critical"))
    );
    assert_eq!(alert["subject_id"], json!(key.id));
    // What is no key, and what was one, tells nobody anything.
    for text in [key.text.as_str(), "sk_test_nobody", "x"] {
        leak(text).expect(202);
    }
    assert_eq!(only(&acme)["count"], 1);
}

#[test]
fn an_address_outside_a_keys_networks_raises_one_and_a_trial_does_not() {
    let acme = tenant();
    let restricted = |mode: &str| {
        let body =
            json!({ "role": "viewer", "networks": ["203.0.113.0/24"], "networks_mode": mode });
        acme.post("/v1/api-keys", &body).expect(201)
    };
    let visit = |key: &str| {
        let request = acme.server.request("GET", "/v1/account").bearer(key);
        request.send()
    };
    visit(&restricted("report").field("key")).expect(200);
    assert_eq!(alerts(&acme, "").len(), 0);
    let held = restricted("enforce");
    visit(&held.field("key")).refused(403, "address_not_allowed");
    let alert = only(&acme);
    assert_eq!(alert["type"], "address_refused");
    assert_eq!(alert["subject_id"], json!(held.id()));
}

#[test]
fn a_card_number_in_a_field_raises_one_without_a_digit_of_it() {
    let acme = tenant();
    let body = json!({ "type": "master", "metadata": { "note": VISA } });
    acme.post("/v1/wallets", &body)
        .refused(422, "card_number_refused");
    let alert = only(&acme);
    assert_eq!(alert["type"], "card_number_in_field");
    assert!(!alert.to_string().contains(&VISA[12..]), "{alert}");
}

#[test]
fn a_webhook_turned_inward_raises_one_and_a_typing_error_does_not() {
    let acme = tenant();
    let hook = |url: &str| {
        let body = json!({ "url": url, "events": ["*"] });
        acme.post("/v1/webhooks", &body)
            .refused(422, "invalid_field");
    };
    hook("htps://example.org/");
    hook("https://user@example.org/");
    assert_eq!(alerts(&acme, "").len(), 0);
    for url in [
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://2130706433/",
    ] {
        hook(url);
    }
    let found = until(&acme, |found| !found.is_empty());
    assert_eq!(texts(&found, "type"), ["webhook_target_refused"]);
    assert_eq!(found[0]["subject_id"], json!(acme.owner.id));
}

#[test]
fn ten_denials_of_one_key_in_a_minute_are_probing() {
    let acme = tenant();
    let set = PermissionSet::new(vec!["read:account".into()]).unwrap();
    let keys: Vec<Key> = (0..2)
        .map(|_| {
            let policy = SigningPolicy::Never;
            acme.books
                .key_with(Role::Custom, set.clone(), policy, Dialect::Nextapi)
        })
        .collect();
    let denied = |key: &Key| {
        let request = acme.server.request("GET", "/v1/wallets").bearer(&key.text);
        request.send().refused(403, "permission_denied");
    };
    for _ in 0..9 {
        keys.iter().for_each(denied);
    }
    assert_eq!(alerts(&acme, "").len(), 0);
    denied(&keys[0]);
    let alert = only(&acme);
    assert_eq!(alert["type"], "privilege_probing");
    assert_eq!(alert["subject_id"], json!(keys[0].id));
}

#[test]
fn an_endpoint_that_the_server_gives_up_raises_one() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let gone = Receiver::start(|_| (410, None));
    let body = json!({ "url": gone.url(), "events": ["wallet.created"] });
    let id = acme.post("/v1/webhooks", &body).expect(201).id();
    acme.wallet("master");
    server.deliver();
    let alert = only(&acme);
    assert_eq!(alert["type"], "webhook_disabled");
    assert_eq!(alert["subject_id"], json!(id));
}

#[test]
fn a_webhook_hears_of_it() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let receiver = Receiver::willing();
    let body = json!({ "url": receiver.url(), "events": ["alert.*"] });
    acme.post("/v1/webhooks", &body).expect(201);
    browse(&acme, &owner(&acme).text);
    assert_eq!(server.deliver(), 1);
    // Who may not read alerts is told of none.
    let set = vec!["create:webhooks".to_owned(), "read:wallets".to_owned()];
    let set = PermissionSet::new(set).unwrap();
    let blind = acme
        .books
        .key_with(Role::Custom, set, SigningPolicy::Never, Dialect::Nextapi);
    let deaf = Receiver::willing();
    let body = json!({ "url": deaf.url(), "events": ["*"] });
    server
        .request("POST", "/v1/webhooks")
        .bearer(&blind.text)
        .idempotent(&fresh("hook"))
        .json(&body)
        .send()
        .expect(201);
    browse(&acme, &owner(&acme).text);
    assert_eq!(server.deliver(), 1);
}

#[test]
fn a_flood_is_one_alert_and_one_entry_in_ten_seconds() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let key = owner(&acme);
    for _ in 0..40 {
        browse(&acme, &key.text);
    }
    assert_eq!(only(&acme)["count"], 1);
    let raised = |acme: &Tenant<'_>| {
        let log = acme.all("/v1/audit-logs");
        let actions = texts(&log, "action");
        let count = |what: &str| actions.iter().filter(|text| *text == what).count();
        (count("alert_raised"), count("alert_repeated"))
    };
    assert_eq!(raised(&acme), (1, 0));
    server.clock.advance(10_000);
    browse(&acme, &key.text);
    assert_eq!(only(&acme)["count"], 41);
    assert_eq!(raised(&acme), (1, 1));
    // What was counted last is told within a minute, though nothing more happens.
    browse(&acme, &key.text);
    server.clock.advance(10_000);
    server.summarise();
    let alert = &until(&acme, |found| found[0]["count"] == 42)[0];
    assert!(alert["first_seen_at"].as_str() < alert["last_seen_at"].as_str());
    // A restart forgets what was counted, and not the alert.
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    browse(&acme, &key.text);
    assert_eq!(only(&acme)["count"], 43);
    let other = Tenant::found(&server);
    assert_eq!(alerts(&other, "").len(), 0);
}

#[test]
fn what_has_no_good_key_raises_nothing() {
    let acme = tenant();
    for key in ["", "sk_test_unknown", "undefined"] {
        for _ in 0..20 {
            let request = acme.server.request("GET", "/v1/account").bearer(key);
            let request = request.header("Origin", "https://shop.example");
            request.send().refused(401, "unauthorized");
        }
    }
    assert_eq!(alerts(&acme, "").len(), 0);
}

#[test]
fn a_key_without_its_client_certificate_raises_one() {
    let acme = tenant();
    let body = json!({"role": "viewer", "client_certificates": ["00ff".repeat(16)]});
    let key = acme.post("/v1/api-keys", &body).expect(201);
    let request = acme
        .server
        .request("GET", "/v1/account")
        .bearer(&key.field("key"));
    request.send().refused(403, "certificate_not_allowed");
    let alert = only(&acme);
    assert_eq!(
        (&alert["type"], &alert["subject_id"]),
        (&json!("certificate_refused"), &json!(key.id()))
    );
}

/// A signature of RFC 9421 that does not fit is forged like any other, and whoever watches is told without asking.
#[test]
fn a_forged_message_signature_is_told_live() {
    use std::io::{BufRead, BufReader, Write};
    let acme = tenant();
    let request = acme.request("GET", "/v1/events/stream?type=alert.raised");
    let mut socket = std::net::TcpStream::connect(request.address()).unwrap();
    socket
        .set_read_timeout(Some(std::time::Duration::from_secs(120)))
        .unwrap();
    socket.write_all(&request.bytes()).unwrap();
    let mut lines = BufReader::new(socket).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "retry: 1000"), "no stream");
    let forged = acme.request("GET", "/v1/account").header(
        "Signature-Input",
        format!(
            "sig=(\"@method\" \"@path\" \"@query\");created={};keyid=\"{}\"",
            acme.server.seconds(),
            acme.owner.id
        ),
    );
    forged
        .header("Signature", "sig=:aGVsbG8=:")
        .send()
        .refused(401, "signature_invalid");
    let told = lines.find(|line| line.starts_with("data: ")).unwrap();
    assert!(
        told.contains("forged_signature") && told.contains(&acme.owner.id),
        "{told}"
    );
}
