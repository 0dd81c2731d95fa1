//! What every answer has: the shape that the OpenAPI document promises, the headers, a method for each path.

use strongroom_http::{LimitClass, Route, Verb, routes};
use strongroom_testkit::server::TestServer;

use crate::sample::{guarded, name, sample, tenant};
use crate::schema::faults;

/// On everything, whatever went wrong.
const ALWAYS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
];

#[test]
fn replies_are_as_the_document_says() {
    let acme = tenant();
    acme.credit(&acme.wallet("master"), 500);
    acme.pay_bank(&acme.funded("master", 500), 5).expect(201);
    acme.server.checkpoint();
    for route in guarded() {
        let reply = sample(route, &acme).done(&acme.owner.text);
        assert_eq!(
            reply.header("content-type"),
            Some("application/json"),
            "{}",
            name(route)
        );
        assert!(
            reply
                .header("x-request-id")
                .is_some_and(|id| id.starts_with("req_")),
            "{}",
            name(route)
        );
        for (header, value) in ALWAYS {
            assert_eq!(
                reply.header(header),
                Some(*value),
                "{} {header}",
                name(route)
            );
        }
        let found = faults(&(route.reply_schema)(), &reply.json());
        assert_eq!(found, [""; 0], "{}: {}", name(route), reply.text());
        assert!(!reply.body.ends_with(b"\n"), "{}", name(route));
    }
}

#[test]
fn bodies_we_send_are_as_the_document_says() {
    let acme = tenant();
    for route in guarded() {
        let (Some(schema), Some(body)) = (route.body, sample(route, &acme).body) else {
            continue;
        };
        assert_eq!(faults(&schema(), &body), [""; 0], "{}", name(route));
    }
}

#[test]
fn a_head_is_a_get_without_its_body() {
    let acme = tenant();
    for route in guarded().filter(|route| route.verb == Verb::Get) {
        let sample = sample(route, &acme);
        let get = sample.done(&acme.owner.text);
        let head = acme.request("HEAD", &sample.target).send().expect(200);
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{}",
            name(route)
        );
        let length = head
            .header("content-length")
            .unwrap()
            .parse::<usize>()
            .unwrap();
        assert!(
            length.abs_diff(get.body.len()) < 400,
            "{}: {length}",
            name(route)
        );
    }
}

#[test]
fn each_path_names_its_methods() {
    let server = TestServer::shared();
    let acme = tenant();
    for path in routes().iter().map(|route| route.path) {
        let verbs: Vec<&str> = routes()
            .iter()
            .filter(|r| r.path == path)
            .map(|r| r.verb.as_str())
            .collect();
        let target = path.replace("{id}", "x");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if verbs.contains(&method) {
                continue;
            }
            for reply in [
                server.request(method, &target).send(),
                acme.request(method, &target).send(),
            ] {
                let reply = reply.refused(405, "method_not_allowed");
                let allow = reply.header("allow").unwrap();
                assert!(
                    verbs.iter().all(|verb| allow.contains(verb)),
                    "{path} {allow}"
                );
                assert!(!allow.contains(method), "{path} {allow}");
            }
        }
    }
}

#[test]
fn preflights_are_answered_without_a_key_and_without_credentials() {
    let server = TestServer::shared();
    for route in guarded() {
        let target = route.path.replace("{id}", "x");
        let request = server
            .request("OPTIONS", &target)
            .header("Origin", "https://shop.example");
        let reply = request
            .header("Access-Control-Request-Method", route.verb.as_str())
            .send()
            .expect(204);
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some("*"),
            "{target}"
        );
        assert!(
            reply
                .header("access-control-allow-methods")
                .unwrap()
                .contains(route.verb.as_str()),
            "{target}"
        );
        let allowed = reply
            .header("access-control-allow-headers")
            .unwrap()
            .to_ascii_lowercase();
        for header in [
            "authorization",
            "content-type",
            "idempotency-key",
            "x-signature",
            "x-timestamp",
            "x-api-key",
        ] {
            assert!(allowed.contains(header), "{target}: {header}");
        }
        assert_eq!(
            reply.header("access-control-allow-credentials"),
            None,
            "{target}"
        );
    }
}

#[test]
fn what_is_open_is_open_and_says_little() {
    let server = TestServer::shared();
    let open = |route: &&Route| {
        route.permission.is_none() && route.limit != LimitClass::Api && !route.is_mutating()
    };
    for route in routes().iter().filter(open) {
        if [
            "/.well-known/strongroom-pins",
            "/.well-known/strongroom-encryption-keys",
        ]
        .contains(&route.path)
        {
            // This server has none to publish.
            server.get(route.path).expect(404);
            continue;
        }
        if route.path == "/oauth/authorize" {
            // It is about a client's request: `oauth` has some.
            server.get(route.path).expect(400);
            continue;
        }
        if route.path.contains("{id}") {
            // The id is what one needs: `v1/payment_links` has some.
            server.get(&route.path.replace("{id}", "x")).expect(404);
            continue;
        }
        let reply = server.get(route.path).expect(200);
        if route.path.starts_with("/tools/") || route.path == "/account" {
            continue;
        }
        assert_eq!(
            faults(&(route.reply_schema)(), &reply.json()),
            [""; 0],
            "{}",
            route.path
        );
        // A key that is wrong does not close what needs none.
        server
            .request("GET", route.path)
            .bearer("sk_test_wrong")
            .send()
            .expect(200);
    }
    let document = server.get("/openapi.json").json();
    assert_eq!(document, strongroom_http::document());
}

#[test]
fn a_page_is_html_that_may_run_its_own_script_and_nothing_else() {
    let server = TestServer::shared();
    let path = "/tools/webhook-signature";
    let page = server.get(path).expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().starts_with("<!doctype html>"));
    for (header, value) in ALWAYS {
        if *header != "content-security-policy" {
            assert_eq!(page.header(header), Some(*value), "{header}");
        }
    }
    let policy = page.header("content-security-policy").unwrap();
    let rules: Vec<&str> = policy.split("; ").collect();
    for rule in [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(rules.contains(&rule), "{policy}");
    }
    for source in ["script-src 'sha256-", "style-src 'sha256-"] {
        let rule = rules.iter().find(|rule| rule.starts_with(source));
        let rule = rule.unwrap_or_else(|| panic!("{policy}"));
        assert_eq!(rule.split(' ').count(), 2, "{rule}");
    }
    assert_eq!(rules.len(), 6, "{policy}");
    assert_eq!(page.header("access-control-allow-origin"), None);
    let head = server.request("HEAD", path).send().expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-security-policy"), Some(policy));
}
