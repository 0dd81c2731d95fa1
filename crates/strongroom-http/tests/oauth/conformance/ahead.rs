//! Requests that are sent ahead (RFC 9126), and their challenges (RFC 7636).

use strongroom_testkit::tenant::Tenant;

use super::{Plan, code_of, otherwise, pushes};
use crate::pushed::{asks, redeems};
use crate::walk::{
    CALLBACK, CHALLENGE, PASSWORD, VERIFIER, allow, fapi, page_of, parameter, sign_in,
};
use crate::{Fapi, Holder, refused, server};

#[test]
fn module_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[]).expect(201);
    // Loaded, and left; loaded again by a browser that looks ahead; and signed in on without an answer.
    page_of(&one, &pushed).expect(200);
    let left = page_of(&one, &pushed).expect(200);
    sign_in(&server, &left, &ana.email, PASSWORD, "").expect(200);
    let code = code_of(&one, &ana, &pushed);
    redeems(&mut one, &code).expect(200);
}

#[test]
fn module_par_attempt_reuse_request_uri() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[]).expect(201);
    code_of(&one, &ana, &pushed);
    for _ in 0..100 {
        let page = page_of(&one, &pushed).expect(400);
        assert_eq!(page.header("location"), None);
    }
}

#[test]
fn module_par_attempt_to_use_expired_request_uri() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[]).expect(201);
    let life = pushed.json()["expires_in"].as_i64().unwrap();
    assert!((5..600).contains(&life), "{life}");
    let other = pushes(&one, &[]).expect(201);
    server.clock.advance(life * 1_000 - 1);
    // Whoever had the page before then has the time for an answer.
    let page = page_of(&one, &pushed).expect(200);
    server.clock.advance(1);
    page_of(&one, &other).expect(400);
    let back = allow(&server, &page, &ana);
    assert!(parameter(&back, "code").is_some());
}

#[test]
fn module_par_attempt_to_use_request_uri_for_different_client() {
    let server = server();
    let Plan { ana, one, two } = Plan::on(&server);
    let pushed = pushes(&one, &[]).expect(201);
    let page = page_of(&two, &pushed).expect(400);
    assert_eq!(page.header("location"), None);
    // It is none the worse for that.
    assert!(!code_of(&one, &ana, &pushed).is_empty());
}

#[test]
fn module_par_authorization_request_containing_request_uri_form_param() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let pushed = pushes(&client, &[]).expect(201).field("request_uri");
    for name in [
        pushed.as_str(),
        "urn:ietf:params:oauth:request_uri:made-up",
        "https://shop.example/request.jwt",
    ] {
        let reply = pushes(&client, &[("request_uri", name)]);
        refused(&reply, 400, "invalid_request");
    }
}

#[test]
fn module_par_attempt_invalid_http_method() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let assertion = client.assertion();
    let mut fields = client.fields(&assertion);
    fields.extend(otherwise(&[]));
    let form = crate::walk::query(&fields);
    for method in ["PUT", "PATCH", "DELETE"] {
        let request = server.request(method, "/oauth/par");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body(&form).send().expect(405);
    }
    server.get(&format!("/oauth/par?{form}")).expect(405);
    // Nothing was taken of the assertion.
    crate::post(&server, "/oauth/par", &fields)
        .send()
        .expect(201);
}

#[test]
fn module_par_ensure_pkce_required() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    for changes in [
        &[("code_challenge", ""), ("code_challenge_method", "")][..],
        &[("code_challenge", "")],
    ] {
        refused(&pushes(&client, changes), 400, "invalid_request");
    }
}

#[test]
fn module_par_plain_pkce_rejected() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    for changes in [
        &[
            ("code_challenge", VERIFIER),
            ("code_challenge_method", "plain"),
        ][..],
        // `plain` is what a request means that names no method.
        &[("code_challenge", CHALLENGE), ("code_challenge_method", "")],
        &[
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "s256"),
        ],
    ] {
        refused(&pushes(&client, changes), 400, "invalid_request");
    }
}

/// What is redeemed for a code, with a verifier or without one.
fn with_verifier(client: &mut Fapi<'_>, code: &str, verifier: Option<&str>) -> crate::Reply {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ];
    fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    asks(client, &fields)
}

#[test]
fn module_ensure_pkce_code_verifier_required() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    let reply = with_verifier(&mut plan.one, &code, None);
    refused(&reply, 400, "invalid_grant");
    with_verifier(&mut plan.one, &code, Some(VERIFIER)).expect(200);
}

#[test]
fn module_incorrect_pkce_code_verifier_rejected() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    let other = "a".repeat(43);
    for wrong in [other.as_str(), CHALLENGE, &VERIFIER.to_lowercase(), "x"] {
        let reply = with_verifier(&mut plan.one, &code, Some(wrong));
        refused(&reply, 400, "invalid_grant");
    }
    with_verifier(&mut plan.one, &code, Some(VERIFIER)).expect(200);
}

#[test]
fn module_par_without_duplicate_parameters() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[]).expect(201);
    // `page_of` sends `client_id` and `request_uri`, and nothing else.
    let code = code_of(&one, &ana, &pushed);
    redeems(&mut one, &code).expect(200);
}
