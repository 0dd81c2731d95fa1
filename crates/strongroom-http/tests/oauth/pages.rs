//! What people see, and what an application gets back when it asks in a way that is not taken.

use strongroom_testkit::tenant::Tenant;

use crate::server;
use crate::walk::{
    PASSWORD, answer, app, error, form, parameter, person, sign_in, ticket, way_back,
};

#[test]
fn nobody_is_sent_to_an_address_that_was_not_registered() {
    let server = server();
    let acme = Tenant::found(&server);
    let shop = app(&acme, "oauth21", "none", &["read"]);
    for odd in [
        "https://shop.example/cb/",
        "https://shop.example/cb?x=1",
        "https://shop.example/CB",
        "https://shop.example:443/cb",
        "https://shop.example.evil.example/cb",
        "https://evil.example/cb",
        "http://shop.example/cb",
        "javascript:alert(1)",
        "//evil.example",
        "",
    ] {
        let page = server.get(&shop.asks(&[("redirect_uri", odd)])).expect(400);
        assert_eq!(page.header("location"), None, "{odd}");
        assert!(page.text().starts_with("<!doctype html>"), "{odd}");
    }
    for unknown in ["client_000000000000000000000000", "x", ""] {
        let page = server
            .get(&shop.asks(&[("client_id", unknown)]))
            .expect(400);
        assert_eq!(page.header("location"), None);
    }
    let twice = format!("{}&client_id={}", shop.asks(&[]), shop.id);
    server.get(&twice).expect(400);
}

#[test]
fn what_is_asked_in_another_way_goes_back_with_an_error() {
    let server = server();
    let acme = Tenant::found(&server);
    let shop = app(&acme, "oauth21", "none", &["read"]);
    for (besides, expected) in [
        (("response_type", "token"), "unsupported_response_type"),
        (
            ("response_type", "code id_token"),
            "unsupported_response_type",
        ),
        (("response_type", ""), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "write"), "invalid_scope"),
        (("scope", "everything"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("request", "e.e.e"), "request_not_supported"),
        (("dpop_jkt", "x"), "invalid_request"),
    ] {
        let page = server
            .get(&shop.asks(&[besides, ("state", "s")]))
            .expect(400);
        // Nobody is sent anywhere but by his own hand.
        assert_eq!(page.header("location"), None);
        let to = way_back(&page);
        error(&to, expected);
        assert_eq!(parameter(&to, "state").as_deref(), Some("s"));
    }
}

#[test]
fn who_refuses_is_sent_back_and_who_signs_in_wrongly_is_not() {
    let server = server();
    let acme = Tenant::found(&server);
    let (ana, shop) = (
        person(&acme, "viewer"),
        app(&acme, "oauth21", "none", &["read"]),
    );
    let page = server.get(&shop.asks(&[])).expect(200);
    let again = sign_in(&server, &page, &ana.email, "not the password", "").expect(422);
    assert!(again.text().contains("role=\"alert\""), "{}", again.text());
    assert_eq!(ticket(&again), ticket(&page));
    // Somebody of another organization is nobody here.
    let elsewhere = person(&Tenant::found(&server), "owner");
    sign_in(&server, &page, &elsewhere.email, PASSWORD, "").expect(422);
    let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
    error(&answer(&server, &asked, "refuse"), "access_denied");
    // An answer is given once, and a ticket of before is none.
    for over in [&page, &asked] {
        let fields = [("ticket", ticket(over)), ("answer", "allow".to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        form(&server, &fields).expect(400);
    }
}

#[test]
fn nothing_is_allowed_without_signing_in_or_from_another_site() {
    let server = server();
    let acme = Tenant::found(&server);
    let (ana, shop) = (
        person(&acme, "viewer"),
        app(&acme, "oauth21", "none", &["read"]),
    );
    let page = server.get(&shop.asks(&[])).expect(200);
    let fields = [("ticket", ticket(&page)), ("answer", "allow".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    form(&server, &fields).expect(400);
    let page = server.get(&shop.asks(&[])).expect(200);
    let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
    let fields = [("ticket", ticket(&asked)), ("answer", "allow".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let foreign = crate::post(&server, "/oauth/authorize", &fields);
    foreign
        .header("Sec-Fetch-Site", "cross-site")
        .send()
        .expect(403);
    // A session in a cookie is no answer to this.
    let cookie = crate::post(&server, "/oauth/authorize", &[("answer", "allow")]);
    let cookie = cookie.header("Cookie", format!("__Host-strongroom={}", ana.session()));
    cookie.send().expect(400);
    form(&server, &fields).expect(303);
}

#[test]
fn a_request_is_over_after_ten_minutes_or_ten_tries() {
    let server = server();
    let acme = Tenant::found(&server);
    let (ana, shop) = (
        person(&acme, "viewer"),
        app(&acme, "oauth21", "none", &["read"]),
    );
    let page = server.get(&shop.asks(&[])).expect(200);
    server.clock.advance(600_000);
    sign_in(&server, &page, &ana.email, PASSWORD, "").expect(400);
    let page = server.get(&shop.asks(&[])).expect(200);
    for n in 0..10 {
        let email = format!("nobody{n}@lumen.example");
        sign_in(&server, &page, &email, "not the password", "").expect(422);
    }
    sign_in(&server, &page, &ana.email, PASSWORD, "").expect(400);
}
