//! How requests are read: bodies, parameters, idempotency keys, signatures, CORS, HEAD.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use strongroom_auth::{Dialect, Role, SigningPolicy};
use strongroom_types::mode::Mode;
use support::{Server, bearer, request, text};

#[test]
fn a_retry_gets_the_first_answer_byte_for_byte() {
    let server = Server::start();
    let key = server.owner();
    let [from, to] = server.wallets(10_000);
    let body = format!(
        r#"{{"amount":2500,"source_wallet_id":"{from}","recipient":{{"type":"wallet","id":"{to}"}}}}"#
    );
    let send = |name: &'static str, value: &str, body: &str| {
        let headers = [bearer(&key), (name, value.to_owned())];
        server.send(request("POST", "/v1/payouts", &headers, body))
    };
    let first = send("idempotency-key", "order-7", &body);
    first.expect(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    for (name, value) in [
        ("idempotency-key", "order-7"),
        ("x-idempotency-key", "\"order-7\""),
    ] {
        let again = send(name, value, &body);
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    send("idempotency-key", "order-7", &body.replace("2500", "2501"))
        .refused(409, "idempotency_key_reused");
    send("idempotency-key", "a b", &body).refused(400, "idempotency_key_invalid");
    let balance = server
        .get(&key, &format!("/v1/wallets/{to}/balance"))
        .expect(200);
    assert_eq!(balance["balances"]["available"], 2500);
}

#[test]
fn a_refusal_is_replayed_too_under_its_first_request_s_id() {
    let server = Server::start();
    let key = server.owner();
    let [from, to] = server.wallets(0);
    let body =
        format!(r#"{{"amount":1,"source_wallet_id":"{from}","destination_wallet_id":"{to}"}}"#);
    let headers = [bearer(&key), ("idempotency-key", "t-1".to_owned())];
    let send = || server.send(request("POST", "/v1/transfers", &headers, &body));
    let first = send();
    first.refused(422, "insufficient_funds");
    let wallet = server
        .books
        .wallet(strongroom_domain::wallets::WalletType::Reserve);
    server.books.fund(wallet, 5);
    let again = send();
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
}

#[test]
fn money_needs_a_key_unless_the_dialect_has_none() {
    let server = Server::start();
    let [wallet, _] = server.wallets(0);
    let path = format!("/v1/wallets/{wallet}/credit");
    let key = server.owner();
    let plain = request("POST", &path, &[bearer(&key)], r#"{"amount":100}"#);
    server.send(plain).refused(400, "idempotency_key_required");
    let till = server.books.key_with(
        Role::Owner,
        Role::Owner.permissions(),
        SigningPolicy::Never,
        Dialect::Nopos,
    );
    let seen = server.send(request(
        "POST",
        &path,
        &[bearer(&till)],
        r#"{"amount":1.5}"#,
    ));
    let body = seen.expect(201);
    assert_eq!(
        (body["amount"].as_i64(), text(&body, "amount_decimal")),
        (Some(150), "1.50".into())
    );
}

#[test]
fn bodies_are_read_strictly() {
    let server = Server::start();
    let key = server.owner();
    let [wallet, _] = server.wallets(0);
    let path = format!("/v1/wallets/{wallet}/credit");
    for (body, status, code) in [
        ("", 400, "invalid_json"),
        ("{", 400, "invalid_json"),
        (r#"{"amount":1}x"#, 400, "invalid_json"),
        ("[]", 422, "body_not_object"),
        (r#"{"amount":1,"amount":2}"#, 422, "duplicate_key"),
        (r#"{"amount":1,"tip":2}"#, 422, "unknown_field"),
        (r#"{"amount":1.5}"#, 422, "amount_not_integer"),
        (r#"{"amount":"1"}"#, 422, "amount_decimals"),
        (r#"{"amount":0}"#, 422, "amount_not_positive"),
        (r#"{"amount":9007199254740992}"#, 422, "amount_too_large"),
        (r#"{"amount":true}"#, 422, "amount_invalid"),
        (r#"{}"#, 422, "field_required"),
        (r#"{"amount":1,"currency":"XAU"}"#, 422, "invalid_field"),
        (r#"{"amount":1,"currency":"USD"}"#, 422, "currency_mismatch"),
    ] {
        server.post(&key, &path, body).refused(status, code);
    }
    let seen = server
        .post(&key, &path, r#"{"amount":1.5,"z":1,"y":{"x":1}}"#)
        .expect(422);
    let pointers: Vec<_> = seen["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| text(e, "pointer"))
        .collect();
    assert_eq!(pointers, ["/y", "/z", "/amount"]);
    let large = format!(r#"{{"amount":1,"description":"{}"}}"#, "x".repeat(1 << 20));
    server
        .post(&key, &path, &large)
        .refused(413, "body_too_large");
    for (name, value, status) in [
        ("content-type", "application/x-www-form-urlencoded", 415),
        ("content-encoding", "gzip", 415),
        ("content-type", "text/plain;charset=UTF-8", 201),
    ] {
        let mut odd = request(
            "POST",
            &path,
            &[bearer(&key), ("idempotency-key", value.to_owned())],
            r#"{"amount":1}"#,
        );
        odd.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(server.send(odd).status, status, "{value}");
    }
}

#[test]
fn parameters_are_known_or_refused() {
    let server = Server::start();
    let key = server.owner();
    for (query, code) in [
        ("colour=red", "unknown_parameter"),
        ("limit=0", "invalid_parameter"),
        ("limit=101", "invalid_parameter"),
        ("limit=5&limit=6", "invalid_parameter"),
        ("status=asleep", "invalid_parameter"),
        ("created_after=yesterday", "invalid_parameter"),
        ("after=nonsense", "bad_cursor"),
    ] {
        server
            .get(&key, &format!("/v1/wallets?{query}"))
            .refused(400, code);
    }
    server
        .post(&key, "/v1/payouts?dry_run=true", "{}")
        .refused(400, "unknown_parameter");
    server
        .get(&key, "/v1/wallets?parent_id=wallet_9&status=active")
        .expect(200);
}

#[test]
fn lists_are_paged() {
    let server = Server::start();
    let key = server.owner();
    for n in 0..5 {
        let body = format!(
            r#"{{"type":"master","reference_id":"w{n}","owner":{{"email":"a+{n}@example.org"}}}}"#
        );
        server.post(&key, "/v1/wallets", &body).expect(201);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/wallets?limit=2".to_owned();
    for _ in 0..3 {
        let page = server.get(&key, &path).expect(200);
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|w| text(w, "reference_id")),
        );
        path = format!("/v1/wallets?limit=2&after={}", text(&page, "next_cursor"));
        assert_eq!(page["has_more"], seen.len() < 5);
    }
    seen.sort();
    assert_eq!(seen, ["w0", "w1", "w2", "w3", "w4"]);
    let one = server.get(&key, "/v1/wallets?reference_id=w3").expect(200);
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    let by_mail = server
        .get(&key, "/v1/wallets?email=A%2B2%40example.org")
        .expect(200);
    assert_eq!(text(&by_mail["data"][0], "reference_id"), "w2");
}

/// `sig_replay`, `sig_no_ts`, and what each policy asks for.
#[test]
fn signatures_are_needed_checked_and_spent() {
    let server = Server::start();
    let key = server.books.key_with(
        Role::Owner,
        Role::Owner.permissions(),
        SigningPolicy::Sensitive,
        Dialect::Nextapi,
    );
    let [from, to] = server.wallets(10_000);
    let body = format!(
        r#"{{"amount":100,"source_wallet_id":"{from}","recipient":{{"type":"wallet","id":"{to}"}}}}"#
    );
    let send = |extra: &[(&'static str, String)], idempotency: &str| {
        let mut headers = vec![bearer(&key), ("idempotency-key", idempotency.to_owned())];
        headers.extend_from_slice(extra);
        server.send(request("POST", "/v1/payouts", &headers, &body))
    };
    send(&[], "a").refused(401, "signature_missing");
    let signed = server.signature(&key, "POST", "/v1/payouts", &body);
    send(&signed[..1], "a").refused(401, "signature_missing");
    let elsewhere = server.signature(&key, "POST", "/v1/transfers", &body);
    let seen = send(&elsewhere, "a");
    seen.refused(401, "signature_invalid");
    let expected = text(&seen.json()["error"]["details"], "expected_message");
    assert!(
        expected.starts_with("POST\n/v1/payouts\n") && expected.ends_with(&body),
        "{expected}"
    );
    assert_eq!(seen.header("www-authenticate"), Some("Bearer"));

    let first = send(&signed, "a");
    first.expect(201);
    assert_eq!(send(&signed, "a").body, first.body);
    let replayed = send(&signed, "b");
    replayed.refused(401, "signature_replayed");
    assert!(text(&replayed.json(), "detail").contains("reference_id"));
    server.clock.advance(301_000);
    send(&signed, "a").refused(401, "signature_expired");

    // Reading is not sensitive, but a signature that is there is checked.
    server.get(&key, "/v1/account").expect(200);
    let mut headers = vec![bearer(&key)];
    headers.extend(elsewhere);
    server
        .send(request("GET", "/v1/account", &headers, ""))
        .refused(401, "signature_expired");
    let log = server
        .get(&key, "/v1/audit-logs?action=signature_refused")
        .expect(200);
    assert!(log["data"].as_array().unwrap().len() >= 4);
}

#[test]
fn a_key_that_signs_everything_signs_reads_as_the_documents_do() {
    let server =
        Server::with(|settings| settings.public_origins = vec!["https://pay.example".into()]);
    let key = server.books.key_with(
        Role::Owner,
        Role::Owner.permissions(),
        SigningPolicy::Always,
        Dialect::Nextapi,
    );
    server
        .get(&key, "/v1/account")
        .refused(401, "signature_missing");
    for url in ["/v1/account", "https://pay.example/v1/account"] {
        for body in ["undefined", ""] {
            let mut headers = vec![bearer(&key)];
            headers.extend(server.signature(&key, "GET", url, body));
            server
                .send(request("GET", "/v1/account", &headers, ""))
                .expect(200);
            // A read spends nothing.
            server
                .send(request("GET", "/v1/account", &headers, ""))
                .expect(200);
        }
    }
    let mut other_host = vec![bearer(&key), ("host", "evil.example".to_owned())];
    other_host.extend(server.signature(&key, "GET", "https://evil.example/v1/account", ""));
    server
        .send(request("GET", "/v1/account", &other_host, ""))
        .refused(401, "signature_invalid");
}

#[test]
fn a_live_key_is_never_shown_what_the_server_signed() {
    let server = Server::with(|settings| settings.live_allowed = true);
    let key = server.books.in_mode(Mode::Live).key(Role::Owner);
    let mut headers = vec![bearer(&key)];
    headers.extend(server.signature(&key, "GET", "/v1/other", ""));
    let seen = server.send(request("GET", "/v1/account", &headers, ""));
    seen.refused(401, "signature_invalid");
    assert_eq!(seen.json()["error"]["details"], serde_json::json!({}));
}

#[test]
fn preflights_and_heads_are_answered() {
    let server = Server::with(|settings| settings.behind_tls = true);
    let key = server.owner();
    let preflight = [
        ("origin", "https://a.example".to_owned()),
        ("access-control-request-method", "POST".into()),
    ];
    let seen = server.send(request("OPTIONS", "/v1/payouts", &preflight, ""));
    assert_eq!((seen.status, seen.body.len()), (204, 0));
    assert_eq!(seen.header("access-control-allow-origin"), Some("*"));
    assert_eq!(seen.header("access-control-allow-credentials"), None);
    assert!(
        seen.header("access-control-allow-headers")
            .unwrap()
            .contains("Authorization")
    );
    let head = server.send(request("HEAD", "/v1/account", &[bearer(&key)], ""));
    let get = server.get(&key, "/v1/account");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("content-length"),
        Some(get.body.len().to_string().as_str())
    );
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-type", "application/json"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(get.header(name), Some(value), "{name}");
    }
    assert!(get.header("strict-transport-security").is_some());
    assert!(get.header("x-request-id").unwrap().starts_with("req_"));
    server
        .send(request(
            "GET",
            &format!("/v1/{}", "x".repeat(9_000)),
            &[],
            "",
        ))
        .refused(414, "uri_too_long");
}

/// A body that never comes.
struct Never;

impl hyper::body::Body for Never {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[test]
fn a_request_whose_client_goes_away_is_counted_all_the_same() {
    let server = Server::start();
    let key = server.owner();
    let (head, _) = request("POST", "/v1/wallets", &[bearer(&key)], "").into_parts();
    let unread = hyper::Request::from_parts(head, Never);
    let peer = "192.0.2.1".parse().unwrap();
    server.runtime.block_on(async {
        let patience = std::time::Duration::from_millis(20);
        let gone = tokio::time::timeout(patience, server.app.handle(peer, unread)).await;
        assert!(gone.is_err());
    });
    let text = metrics(&server);
    let line = r#"{route="/v1/wallets",method="POST",status="4xx"} 1"#;
    assert!(
        text.contains(line) && text.contains("in_flight 0"),
        "{text}"
    );
}

fn metrics(server: &Server) -> String {
    let response = server.app.administer(&request("GET", "/metrics", &[], ""));
    let body = http_body_util::BodyExt::collect(response.into_body());
    let body = server.runtime.block_on(body).unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn the_operator_s_numbers_name_no_one() {
    let server = Server::start();
    let key = server.owner();
    server.get(&key, "/v1/account").expect(200);
    server
        .get(&key, "/v1/wallets/wallet_1")
        .refused(404, "not_found");
    server
        .send(request("BREW", "/v1/sk_test_secret", &[], ""))
        .refused(404, "not_found");
    let pasted = r#"{"type":"master","metadata":{"note":"4242 4242 4242 4242"}}"#;
    server
        .post(&key, "/v1/wallets", pasted)
        .refused(422, "card_number_refused");
    let text = metrics(&server);
    for line in [
        r#"strongroom_http_requests_total{route="/v1/account",method="GET",status="2xx"} 1"#,
        r#"strongroom_http_requests_total{route="(unknown)",method="OTHER",status="4xx"} 1"#,
        r#"strongroom_http_refusals_total{reason="not_found"} 2"#,
        r#"strongroom_http_refusals_total{reason="card_number_refused"} 1"#,
        "strongroom_http_requests_in_flight 0",
        "strongroom_engine_commits_total",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for hidden in ["wallet_1", "secret", "4242 4242"] {
        assert!(!text.contains(hidden), "{hidden} is in\n{text}");
    }
}
