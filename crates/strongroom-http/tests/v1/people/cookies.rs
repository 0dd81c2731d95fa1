//! A session in a cookie: only pages of this server use it.

use serde_json::json;
use strongroom_testkit::exchange::Outgoing;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::people::{PASSWORD, join};

const OURS: &str = "https://pay.example";

#[test]
fn a_cookie_acts_for_our_pages_alone() {
    let mut settings = ServerSettings::default();
    settings.edge.public_origins = vec![OURS.into()];
    let server = TestServer::start(settings);
    let acme = Tenant::found(&server);
    let person = join(&acme, "admin");
    let reply = person
        .login(PASSWORD, &json!({ "cookie": true }))
        .expect(201);
    assert!(reply.json().get("token").is_none(), "pages never see it");
    let cookie = reply.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.starts_with("__Host-strongroom=sess_test_"),
        "{cookie}"
    );
    for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let (pair, _) = cookie.split_once(';').unwrap();
    let csrf = reply.field("csrf_token");
    let with = |method: &str, target: &str, headers: &[(&str, &str)]| {
        let request = server.request(method, target).header("Cookie", pair);
        headers
            .iter()
            .fold(request, |request: Outgoing, (name, value)| {
                request.header(name, value)
            })
    };
    with("GET", "/v1/me", &[]).send().expect(200);
    with("GET", "/v1/me", &[("Sec-Fetch-Site", "same-origin")])
        .send()
        .expect(200);
    with("GET", "/v1/me", &[("Sec-Fetch-Site", "cross-site")])
        .send()
        .refused(403, "csrf_refused");
    let mark = acme.mark();
    let make = |headers: &[(&str, &str)]| {
        let request = with("POST", "/v1/wallets", headers).idempotent(&fresh("cookie"));
        request.json(&json!({ "type": "master" })).send()
    };
    for headers in [
        vec![],
        vec![("Origin", OURS)],
        vec![("X-CSRF-Token", csrf.as_str())],
        vec![
            ("Origin", "https://evil.example"),
            ("X-CSRF-Token", csrf.as_str()),
        ],
        vec![
            ("Origin", OURS),
            ("X-CSRF-Token", "0123456789abcdef0123456789abcdef"),
        ],
        vec![
            ("Origin", OURS),
            ("X-CSRF-Token", csrf.as_str()),
            ("Sec-Fetch-Site", "same-site"),
        ],
    ] {
        make(&headers).refused(403, "csrf_refused");
    }
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["access_denied"; 6]
    );
    make(&[("Origin", OURS), ("X-CSRF-Token", &csrf)]).expect(201);
    // A key in a cookie is none, and two cookies are none.
    let key = format!("__Host-strongroom={}", acme.owner.text);
    let bare = server.request("GET", "/v1/account").header("Cookie", &key);
    bare.send().refused(401, "unauthorized");
    with("GET", "/v1/me", &[("Cookie", pair)])
        .send()
        .refused(401, "unauthorized");
    let ended = with(
        "POST",
        "/v1/sessions/current/end",
        &[("Origin", OURS), ("X-CSRF-Token", &csrf)],
    );
    let ended = ended.json(&json!({})).send().expect(200);
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0"));
    with("GET", "/v1/me", &[])
        .send()
        .refused(401, "unauthorized");
}
