//! Who gets in: credentials, limits on those without one, browsers, live mode, permissions.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_http::{Verb, routes};
use strongroom_types::mode::Mode;
use support::{Server, bearer, request, text};

/// `bearer_undefined`, `timing_unknown_key`: every way of having no valid key gets the same answer.
#[test]
fn bearer_undefined() {
    let server = Server::start();
    let real = server.owner().text;
    let unknown = "sk_test_00000000000000000000000000000000000000".to_owned();
    let mut bodies = Vec::new();
    for value in [
        "Bearer undefined".to_owned(),
        "Bearer null".to_owned(),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        String::new(),
        format!("Bearer  {real}"),
        format!("Bearer {real} "),
        format!("Bearer {}", real.to_uppercase()),
        format!("Basic {real}"),
        format!("Bearer {unknown}"),
        real.clone(),
    ] {
        let seen = server.send(request(
            "GET",
            "/v1/account",
            &[("authorization", value)],
            "",
        ));
        seen.refused(401, "unauthorized");
        assert_eq!(seen.header("www-authenticate"), Some("Bearer"));
        let mut body = seen.json();
        body["request_id"] = "".into();
        bodies.push(body.to_string());
    }
    let none = server.send(request("GET", "/v1/account", &[], ""));
    none.refused(401, "unauthorized");
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[test]
fn a_key_opens_by_either_header_and_says_what_it_is() {
    let server = Server::start();
    let key = server.owner();
    let seen = server.send(request(
        "GET",
        "/v1/auth/verify",
        &[("x-api-key", key.text.clone())],
        "",
    ));
    let body = seen.expect(200);
    assert_eq!(text(&body, "key_id"), key.id);
    assert_eq!(text(&body, "mode"), "test");
    assert!(body["permissions"].as_array().unwrap().len() > 10);
    let account = server.get(&key, "/v1/account").expect(200);
    assert_eq!(text(&account, "id"), server.books.organization.to_string());
    assert_eq!(text(&account, "default_currency"), "PHP");
}

/// No route but the open ones answers without a credential, and none tells whether it exists.
#[test]
fn every_guarded_route_needs_a_credential() {
    let server = Server::with(|settings| settings.unauthenticated_limit = 1_000);
    for route in routes().iter().filter(|route| route.permission.is_some()) {
        let path = route.path.replace("{id}", "x");
        server
            .send(request(route.verb.as_str(), &path, &[], ""))
            .refused(401, "unauthorized");
    }
    server
        .send(request("GET", "/v1/nothing", &[], ""))
        .refused(404, "not_found");
    let wrong = server.send(request("DELETE", "/v1/account", &[], ""));
    wrong.refused(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, OPTIONS"));
}

/// Each route refuses a key without its permission, and the refusal is on record.
#[test]
fn every_guarded_route_needs_its_permission() {
    let server = Server::start();
    let all = PermissionSet::new(vec!["*".into()]).unwrap();
    for route in routes() {
        let Some(permission) = route.permission else {
            continue;
        };
        let others: Vec<String> = strongroom_auth::permission::ALL
            .iter()
            .filter(|name| **name != permission && all.allows(name).is_some())
            .map(|name| (*name).to_owned())
            .collect();
        let rights = PermissionSet::new(others).unwrap();
        let key =
            server
                .books
                .key_with(Role::Custom, rights, SigningPolicy::Never, Dialect::Nextapi);
        let path = route.path.replace("{id}", "wallet_x");
        let body = if route.verb == Verb::Get { "" } else { "{" };
        let verb = route.verb.as_str();
        let seen = match route.xml {
            true => {
                let mut request = request(verb, &path, &[bearer(&key)], body);
                let kind = hyper::header::HeaderValue::from_static("application/xml");
                request.headers_mut().insert("content-type", kind);
                server.send(request)
            }
            false => server.write(verb, &key, &path, body),
        };
        seen.refused(403, "permission_denied");
        assert!(
            text(&seen.json(), "detail").contains(permission),
            "{permission}"
        );
    }
    let owner = server.owner();
    let page = |after: &str| {
        let path = format!("/v1/audit-logs?action=access_denied&limit=100{after}");
        server.get(&owner, &path).expect(200)
    };
    let log = page("");
    let mut told = log["data"].as_array().unwrap().len();
    let mut next = log["next_cursor"].clone();
    while let Some(cursor) = next.as_str() {
        let more = page(&format!("&after={cursor}"));
        told += more["data"].as_array().unwrap().len();
        next = more["next_cursor"].clone();
    }
    let guarded = routes()
        .iter()
        .filter(|route| route.permission.is_some())
        .count();
    assert_eq!(told, guarded);
    assert_eq!(text(&log["data"][0], "code"), "permission_denied");
    assert_eq!(text(&log["data"][0], "ip_address"), "192.0.2.1");
}

#[test]
fn failures_are_limited_per_network_and_good_keys_are_not() {
    let server = Server::with(|settings| settings.unauthenticated_limit = 3);
    let key = server.owner();
    let bad = || request("GET", "/v1/account", &[], "");
    for _ in 0..3 {
        server
            .send_from("2001:db8::1", bad())
            .refused(401, "unauthorized");
    }
    let seen = server.send_from("2001:db8::2", bad());
    seen.refused(429, "rate_limited");
    assert_eq!(
        text(&seen.json(), "message"),
        "Too many requests, please try again later"
    );
    assert_eq!(seen.header("retry-after"), Some("900"));
    assert_eq!(
        seen.header("ratelimit"),
        Some("\"unauthenticated\";r=0;t=900")
    );
    assert_eq!(
        seen.header("ratelimit-policy"),
        Some("\"unauthenticated\";q=3;w=900")
    );
    let good = server.send_from(
        "2001:db8::2",
        request("GET", "/v1/account", &[bearer(&key)], ""),
    );
    good.expect(200);
    server
        .send_from("2001:db8:0:1::1", bad())
        .refused(401, "unauthorized");
    server
        .send_from("2001:db8::3", request("GET", "/health", &[], ""))
        .expect(200);
    server.clock.advance(900_000);
    server
        .send_from("2001:db8::2", bad())
        .refused(401, "unauthorized");
}

#[test]
fn keys_and_organizations_have_limits_of_their_own() {
    let server = Server::with(|settings| {
        settings.key_limit = Some(2);
        settings.organization_limit = Some(3);
    });
    let [first, second] = [server.owner(), server.owner()];
    for _ in 0..2 {
        server.get(&first, "/v1/account").expect(200);
    }
    let seen = server.get(&first, "/v1/account");
    seen.refused(429, "rate_limited");
    assert_eq!(seen.header("ratelimit-policy"), Some("\"key\";q=2;w=1"));
    server.get(&second, "/v1/account").expect(200);
    let seen = server.get(&second, "/v1/account");
    seen.refused(429, "rate_limited");
    assert_eq!(
        seen.header("ratelimit-policy"),
        Some("\"organization\";q=3;w=1")
    );
    server.clock.advance(1_000);
    server.get(&first, "/v1/account").expect(200);
}

#[test]
fn a_secret_key_from_a_browser_is_refused_readably_and_on_record() {
    let server = Server::start();
    let key = server.owner();
    for (name, value) in [
        ("origin", "https://shop.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let headers = [bearer(&key), (name, value.to_owned())];
        let seen = server.send(request("GET", "/v1/account", &headers, ""));
        seen.refused(403, "secret_key_in_browser");
        assert_eq!(seen.header("access-control-allow-origin"), Some("*"));
    }
    let node = [
        bearer(&key),
        ("sec-fetch-mode", "cors".into()),
        ("accept-language", "*".into()),
    ];
    server
        .send(request("GET", "/v1/account", &node, ""))
        .expect(200);
    let log = server
        .get(&key, "/v1/audit-logs?action=secret_key_in_browser")
        .expect(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 2);

    let publishable = server.books.key(Role::Publishable);
    let headers = [
        bearer(&publishable),
        ("origin", "https://shop.example".to_owned()),
    ];
    server
        .send(request("GET", "/v1/account", &headers, ""))
        .expect(200);
    server
        .send(request("GET", "/v1/wallets", &headers, ""))
        .refused(403, "permission_denied");
}

#[test]
fn an_unknown_key_from_a_browser_learns_nothing() {
    let server = Server::start();
    let headers = [
        ("authorization", "Bearer sk_test_x".to_owned()),
        ("origin", "https://shop.example".to_owned()),
    ];
    server
        .send(request("GET", "/v1/account", &headers, ""))
        .refused(401, "unauthorized");
}

#[test]
fn live_keys_need_a_safe_way() {
    for allowed in [false, true] {
        let server = Server::with(|settings| settings.live_allowed = allowed);
        let key = server.books.in_mode(Mode::Live).key(Role::Owner);
        let seen = server.get(&key, "/v1/account");
        match allowed {
            true => assert_eq!(text(&seen.expect(200), "mode"), "live"),
            false => seen.refused(403, "live_mode_refused"),
        }
    }
}

#[test]
fn the_other_mode_and_the_other_tenant_see_nothing() {
    let server = Server::with(|settings| settings.live_allowed = true);
    let [wallet, _] = server.wallets(100);
    let other = strongroom_testkit::books::Books::found_in(server.books.engine.clone(), "Other");
    let mine = server.owner();
    server
        .get(&mine, &format!("/v1/wallets/{wallet}"))
        .expect(200);
    let strangers = [
        other.key(Role::Owner),
        server.books.in_mode(Mode::Live).key(Role::Owner),
    ];
    for key in &strangers {
        let mut answers = Vec::new();
        for id in [
            wallet.as_str(),
            "wallet_000000000000000000000001",
            "wallet_123",
            "payout_1",
            "%00",
        ] {
            let seen = server.get(key, &format!("/v1/wallets/{id}/balance"));
            seen.refused(404, "not_found");
            let mut body = seen.json();
            body["request_id"] = "".into();
            answers.push(body);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1);
        let body = r#"{"amount":1,"currency":"PHP"}"#;
        server
            .post(key, &format!("/v1/wallets/{wallet}/credit"), body)
            .refused(404, "wallet_not_found");
    }
}

#[test]
fn what_needs_no_key_is_open() {
    let server = Server::with(|settings| settings.pages_limit = 1);
    assert_eq!(
        text(
            &server.send(request("GET", "/health", &[], "")).expect(200),
            "status"
        ),
        "ok"
    );
    assert_eq!(
        text(
            &server.send(request("GET", "/ready", &[], "")).expect(200),
            "status"
        ),
        "ready"
    );
    let document = server
        .send(request("GET", "/openapi.json", &[], ""))
        .expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    server
        .send(request("GET", "/openapi.json", &[], ""))
        .refused(429, "rate_limited");
    server.books.engine.stop();
    assert_eq!(
        text(
            &server.send(request("GET", "/ready", &[], "")).expect(503),
            "status"
        ),
        "stopping"
    );
    server.send(request("GET", "/health", &[], "")).expect(200);
}
