//! What FAPI 2.0 (Security Profile, Final) asks of servers and no module of its plan asks. `docs/fapi2.md` lists both.

use std::collections::HashSet;

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::Tenant;

use crate::conformance::{Draft, Plan, allowed, pushes, sends};
use crate::walk::{CALLBACK, PASSWORD, fapi, form, page_of, parameter, sign_in, ticket};
use crate::{Fapi, Holder, Plain, refused, server};

/// 5.2.3, 3.
#[test]
fn no_page_of_another_site_reads_the_authorization_endpoint() {
    let server = server();
    let plan = Plan::on(&server);
    let pushed = pushes(&plan.one, &[]).expect(201);
    let page = page_of(&plan.one, &pushed).expect(200);
    assert_eq!(page.header("access-control-allow-origin"), None);
    let asked = |method: &str, path: &str| {
        let request = server.request(method, path);
        let request = request.header("Origin", "https://evil.example");
        request
            .header("Access-Control-Request-Method", "POST")
            .send()
    };
    for method in ["OPTIONS", "GET", "POST"] {
        let reply = asked(method, "/oauth/authorize");
        let cross: Vec<&str> = reply
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| name.starts_with("access-control-"))
            .collect();
        assert!(cross.is_empty(), "{method}: {cross:?}");
    }
    // Where an application in a browser asks, it may.
    let preflight = asked("OPTIONS", "/oauth/token").expect(204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
}

/// 5.3.2.1, 2.
#[test]
fn nothing_is_given_for_a_password() {
    let server = server();
    let plan = Plan::on(&server);
    let fields = [
        ("grant_type", "password"),
        ("username", plan.ana.email.as_str()),
        ("password", PASSWORD),
    ];
    let reply = plan.one.asks("/oauth/token", &fields);
    refused(&reply, 400, "unsupported_grant_type");
}

/// 5.3.2.1, 4.
#[test]
fn every_token_of_fapi_is_bound() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = Holder::p256();
    for constraint in ["", "none", "bearer"] {
        let body = json!({
            "name": "x",
            "scopes": ["read"],
            "jwks": key.jwks(),
            "sender_constraint": constraint,
        });
        let reply = acme.post("/v1/oauth/clients", &body);
        reply.refused(422, "invalid_field");
    }
    let mut client = Fapi::registered(&acme, key, &["read"]);
    let given = client.opens(None).expect(200);
    assert_eq!(given.field("token_type"), "DPoP");
    let token = given.field("access_token");
    let told = client.asks("/oauth/introspect", &[("token", &token)]);
    assert!(told.expect(200).field("cnf/jkt").len() == 43);
    let bare = server.request("GET", "/v1/account").bearer(&token).send();
    bare.refused(401, "invalid_dpop_proof");
}

/// 5.3.2.1, 13: of assertions and of proofs.
#[test]
fn times_of_jwts_are_ten_seconds_ahead_at_least_and_less_than_sixty() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let token = client.token(None);
    let asks = |ahead: i64, claim: &str| {
        let time = json!(server.seconds() + ahead);
        let assertion = Draft::assertion(&client).claim(claim, time);
        let assertion = assertion.signed(&client.key);
        let shown = (Some(assertion.as_str()), None);
        sends(&client, "/oauth/introspect", shown, &[("token", &token)])
    };
    let reads = |ahead: i64| {
        let account = "https://pay.example/v1/account";
        let proof = Draft::proof(&client, ("GET", account), Some(&token));
        let proof = proof.claim("iat", json!(server.seconds() + ahead));
        crate::conformance::account(&client, &token, &proof.signed(&client.proof_key))
    };
    for ahead in [0, 5, 10] {
        asks(ahead, "iat").expect(200);
        asks(ahead, "nbf").expect(200);
        reads(ahead).expect(200);
    }
    for claim in ["iat", "nbf"] {
        refused(&asks(61, claim), 401, "invalid_client");
    }
    reads(61).refused(401, "invalid_dpop_proof");
}

/// 5.3.2.2, 10 and 11.
#[test]
fn people_are_sent_on_by_303_alone() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    for word in ["allow", "refuse"] {
        let pushed = pushes(&one, &[]).expect(201);
        let page = page_of(&one, &pushed).expect(200);
        let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
        assert_eq!(asked.header("location"), None);
        let fields = [("ticket", ticket(&asked)), ("answer", word.to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let moved = form(&server, &fields).expect(303);
        let to = moved.header("location").unwrap();
        assert!(
            to.starts_with(CALLBACK) && !to.contains(&ticket(&asked)),
            "{to}"
        );
        assert!(!moved.text().contains("<form"), "{}", moved.text());
    }
}

/// 5.3.2.2, 13.
#[test]
fn the_page_says_who_asks_whom_for_what() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[("scope", "write")]).expect(201);
    let page = page_of(&one, &pushed).expect(200);
    for words in ["Ledger", "Acme", "Sign in"] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
    for words in [
        "Ledger",
        "Acme",
        "make and cancel payouts and payment links",
        &ana.email,
        "https://shop.example",
        "90 days",
        ">Allow<",
        ">Refuse<",
    ] {
        assert!(asked.text().contains(words), "{words}: {}", asked.text());
    }
    assert!(!asked.text().contains("make and change wallets"));
}

/// 5.3.4, 2.
#[test]
fn a_token_in_an_address_or_a_form_is_none() {
    let server = server();
    let acme = Tenant::found(&server);
    let plain = Plain::registered(&acme, "oauth21", "client_secret_basic", &["read"]);
    let token = plain.token(&server);
    let account = server.request("GET", "/v1/account").bearer(&token);
    account.send().expect(200);
    let bare = server.get(&format!("/v1/account?access_token={token}"));
    bare.refused(401, "unauthorized");
    let sent = server.request("POST", "/v1/payouts");
    let sent = sent.header("Content-Type", "application/x-www-form-urlencoded");
    let sent = sent.body(format!("access_token={token}")).send();
    sent.refused(401, "unauthorized");
}

#[track_caller]
fn challenged(reply: &Reply, expected: &str) {
    assert_eq!(reply.header("www-authenticate"), Some(expected));
}

/// 5.3.4, 3, and RFC 6750, section 3.1.
#[test]
fn a_token_that_is_over_revoked_or_altered_is_invalid() {
    const PROVEN: &str = "DPoP algs=\"ES256 EdDSA PS256\", error=\"invalid_token\"";
    const BEARER: &str = "Bearer error=\"invalid_token\"";
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let (token, revoked) = (client.token(None), client.token(None));
    client.get(&token, "/v1/account").expect(200);
    client
        .asks("/oauth/revoke", &[("token", &revoked)])
        .expect(200);
    let last = if token.ends_with('a') { 'b' } else { 'a' };
    let altered = format!("{}{last}", &token[..token.len() - 1]);
    for none in [revoked.as_str(), &altered, "at_test_", "at_live_x"] {
        let reply = client.get(none, "/v1/account").refused(401, "unauthorized");
        challenged(&reply, PROVEN);
    }
    server.clock.advance(600_000);
    let reply = client
        .get(&token, "/v1/account")
        .refused(401, "unauthorized");
    challenged(&reply, PROVEN);
    let plain = Plain::registered(&acme, "oauth21", "client_secret_basic", &["read"]);
    let token = plain.token(&server);
    server.clock.advance(600_000);
    let account = server.request("GET", "/v1/account").bearer(&token);
    challenged(&account.send().refused(401, "unauthorized"), BEARER);
    // Who shows nothing is told how, and of no error.
    challenged(
        &server.get("/v1/account").refused(401, "unauthorized"),
        "Bearer",
    );
}

/// 5.3.4, 4, and RFC 6750, section 3.1.
#[test]
fn a_token_that_does_not_hold_enough_is_told_so() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let token = client.token(None);
    let wallet = json!({ "type": "master" });
    let made = client.request(&token, "POST", "/v1/wallets").json(&wallet);
    let reply = made.send().refused(403, "permission_denied");
    challenged(
        &reply,
        "DPoP algs=\"ES256 EdDSA PS256\", error=\"insufficient_scope\"",
    );
    let plain = Plain::registered(&acme, "oauth21", "client_secret_basic", &["read"]);
    let made = server.request("POST", "/v1/wallets");
    let made = made.bearer(&plain.token(&server)).json(&wallet).send();
    challenged(
        &made.refused(403, "permission_denied"),
        "Bearer error=\"insufficient_scope\"",
    );
    let viewer = acme.key(strongroom_auth::Role::Viewer);
    let made = server.request("POST", "/v1/wallets").bearer(&viewer.text);
    let reply = made.json(&wallet).send().refused(403, "permission_denied");
    assert_eq!(reply.header("www-authenticate"), None);
}

/// 5.4.1, 2 and 3.
#[test]
fn keys_of_clients_are_long_enough() {
    let server = server();
    let acme = Tenant::found(&server);
    let register = |key: Value| {
        let body = json!({ "name": "x", "scopes": ["read"], "jwks": { "keys": [key] } });
        acme.post("/v1/oauth/clients", &body)
    };
    let b64 = strongroom_testkit::holder::b64;
    let rsa = |bytes: usize, first: u8| {
        let mut modulus = vec![0x55; bytes];
        modulus[0] = first;
        json!({ "kty": "RSA", "e": "AQAB", "n": b64(&modulus) })
    };
    register(rsa(256, 0x80)).expect(201);
    let point = Holder::p256().jwk();
    let on = |curve: &str| {
        let mut key = point.clone();
        key["crv"] = json!(curve);
        key
    };
    for (what, key) in [
        ("1024 bits", rsa(128, 0x80)),
        ("2047 bits", rsa(256, 0x7f)),
        ("P-192", on("P-192")),
        ("P-224", on("P-224")),
        ("secp256k1", on("secp256k1")),
        (
            "half a key of Ed25519",
            json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&[1; 16]) }),
        ),
    ] {
        let reply = register(key);
        assert_eq!(reply.status, 422, "{what}: {}", reply.text());
        assert_eq!(reply.field("errors/0/pointer"), "/jwks", "{what}");
    }
}

/// 5.4.1, 4: 128 bits at least. What counts is how many letters are drawn, and that they are.
#[test]
fn what_is_given_out_cannot_be_guessed() {
    let server = server();
    let mut plan = Plan::on(&server);
    let acme = Tenant::found(&server);
    let plain = Plain::registered(&acme, "oauth21", "client_secret_basic", &["read"]);
    let tokens: Vec<String> = (0..12).map(|_| plain.token(&server)).collect();
    drawn(&tokens, "at_test_", 22);
    let secrets: Vec<String> = (0..12)
        .map(|_| Plain::registered(&acme, "classic", "client_secret_post", &["read"]).secret)
        .collect();
    drawn(&secrets, "cs_test_", 22);
    let pushed: Vec<String> = (0..12)
        .map(|_| pushes(&plan.one, &[]).expect(201).field("request_uri"))
        .collect();
    drawn(&pushed, "urn:ietf:params:oauth:request_uri:", 22);
    // The first sixteen letters of these are the grant's number, and the last tell that they are ours.
    let mut codes = Vec::new();
    let mut refreshes = Vec::new();
    for _ in 0..6 {
        let back = allowed(&plan.one, &plan.ana, &[]);
        let code = parameter(&back, "code").unwrap();
        let given = crate::pushed::redeems(&mut plan.one, &code).expect(200);
        refreshes.push(given.field("refresh_token")[19..].to_owned());
        codes.push(code[19..].to_owned());
    }
    drawn(&codes, "", 22);
    drawn(&refreshes, "", 22);
}

/// So many letters after a beginning differ from text to text, each of them.
#[track_caller]
fn drawn(texts: &[String], head: &str, letters: usize) {
    let rests: Vec<&[u8]> = texts
        .iter()
        .map(|text| text.strip_prefix(head).unwrap().as_bytes())
        .collect();
    assert_eq!(rests.iter().collect::<HashSet<_>>().len(), texts.len());
    for at in 0..letters {
        let seen: HashSet<u8> = rests.iter().map(|rest| rest[at]).collect();
        assert!(seen.len() > 1, "letter {at} of {texts:?}");
    }
}

/// 5.3.2.1, 3: public clients are of another profile, and so is what they are given.
#[test]
fn clients_of_fapi_are_confidential() {
    let server = server();
    let acme = Tenant::found(&server);
    let body = json!({
        "name": "x",
        "scopes": ["read"],
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    });
    let reply = acme.post("/v1/oauth/clients", &body);
    let reply = reply.refused(422, "invalid_field");
    assert_eq!(
        reply.field("errors/0/pointer"),
        "/token_endpoint_auth_method"
    );
    // Whoever knows no more than the id of one is nobody.
    let client = fapi(&acme, Holder::p256(), &["read"]);
    for target in [
        "/oauth/par",
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
    ] {
        let fields = [("grant_type", "client_credentials"), ("token", "x")];
        let reply = sends(&client, target, (None, None), &fields);
        refused(&reply, 401, "invalid_client");
    }
}
