//! Tokens that are bound to a key (RFC 9449, section 7), at the API.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::holder::Holder;
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::{Fapi, ORIGIN, Plain, server};

#[track_caller]
fn refused(reply: Reply, code: &str) {
    let reply = reply.refused(401, code);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP algs=\"ES256 EdDSA PS256\"") && challenge.contains(code),
        "{challenge}"
    );
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn a_bound_token_is_of_no_use_without_its_key() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let token = client.token(None);
    let url = format!("{ORIGIN}/v1/account");
    let nonce = client.nonce.clone();
    let seconds = server.seconds();
    let by = |scheme: &str, proof: Option<String>| {
        let request = server.request("GET", "/v1/account");
        let request = request.header("Authorization", format!("{scheme} {token}"));
        match proof {
            Some(proof) => request.header("DPoP", proof).send(),
            None => request.send(),
        }
    };
    let proof = |holder: &Holder, method: &str, url: &str, token: &str| {
        Some(holder.proof((method, url), seconds, nonce.as_deref(), Some(token)))
    };
    let mine = &client.proof_key;
    let mark = acme.mark();
    for reply in [
        by("Bearer", None),
        by("Bearer", proof(mine, "GET", &url, &token)),
        by("DPoP", None),
        by("DPoP", proof(&Holder::ed25519(9), "GET", &url, &token)),
        by("DPoP", proof(mine, "POST", &url, &token)),
        by(
            "DPoP",
            proof(mine, "GET", "https://evil.example/v1/account", &token),
        ),
        by(
            "DPoP",
            proof(mine, "GET", &format!("{ORIGIN}/v1/wallets"), &token),
        ),
        by("DPoP", proof(mine, "GET", &url, "at_test_another")),
        by("DPoP", Some("x.y.z".to_owned())),
        server
            .request("GET", "/v1/account")
            .header("X-API-Key", &token)
            .send(),
    ] {
        refused(reply, "invalid_dpop_proof");
    }
    let two = server
        .request("GET", "/v1/account")
        .header("Authorization", format!("DPoP {token}"))
        .header("DPoP", proof(mine, "GET", &url, &token).unwrap())
        .header("DPoP", proof(mine, "GET", &url, &token).unwrap());
    refused(two.send(), "invalid_dpop_proof");
    // It is on record, against the client.
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action")[0], "oauth_proof_refused");
    assert!(
        audit[0]["credential_id"]
            .as_str()
            .unwrap()
            .starts_with("oat_")
    );
    let good = by("DPoP", proof(mine, "GET", &url, &token)).expect(200);
    assert!(good.header("dpop-nonce").is_some());
    // Schemes are read in either case (RFC 9110, section 11.1).
    by("dpop", proof(mine, "GET", &url, &token)).expect(200);
}

#[test]
fn a_proof_repeats_a_nonce_of_the_server_and_is_taken_once() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let token = client.token(None);
    let good = client.nonce.clone();
    for odd in [None, Some("another".to_owned())] {
        client.nonce = odd;
        let reply = client.get(&token, "/v1/account");
        assert!(reply.header("dpop-nonce").is_some());
        refused(reply, "use_dpop_nonce");
    }
    client.nonce = good;
    let request = client.request(&token, "GET", "/v1/account?x=1");
    request.send().refused(400, "unknown_parameter");
    for _ in 0..100 {
        refused(request.send(), "invalid_dpop_proof");
    }
    // The nonce of before is good for a while, then another is asked for.
    server.clock.advance(299_000);
    client.get(&token, "/v1/account").expect(200);
    server.clock.advance(1_000);
    let reply = client.get(&token, "/v1/account");
    client.nonce = reply.header("dpop-nonce").map(str::to_owned);
    refused(reply, "use_dpop_nonce");
    client.get(&token, "/v1/account").expect(200);
}

#[test]
fn a_bound_token_moves_live_money_and_a_loose_one_does_not() {
    let server = server();
    let acme = Tenant::found(&server);
    let live = acme.live();
    // With live money, keys sign what makes clients.
    let register = |body: &serde_json::Value| {
        let request = server.request("POST", "/v1/oauth/clients");
        let request = request.bearer(&live.owner.text).idempotent(&fresh("live"));
        let signed = request
            .json(body)
            .signed(&live.owner.signing_secret, server.seconds());
        signed.send().expect(201)
    };
    let key = Holder::ed25519(4);
    let body = json!({ "name": "Payroll", "jwks": key.jwks(), "scopes": ["read", "write"] });
    let made = register(&body);
    let mut client = Fapi {
        server: &server,
        id: made.id(),
        key,
        proof_key: Holder::p256(),
        nonce: None,
    };
    let token = client.token(None);
    let payout = json!({
        "amount": 5,
        "recipient": { "type": "wallet", "id": "wallet_000000000000000000000000" },
    });
    let bound = client.request(&token, "POST", "/v1/payouts");
    let bound = bound.idempotent("bound").json(&payout).send();
    assert_ne!(bound.status, 401, "{}", bound.text());
    assert_ne!(bound.status, 403, "{}", bound.text());
    let body = json!({ "name": "Shop", "profile": "classic", "scopes": ["read", "write"] });
    let made = register(&body);
    let plain = Plain {
        id: made.id(),
        secret: made.field("client_secret"),
    };
    let token = plain.token(&server);
    let loose = |method: &str, target: &str| server.request(method, target).bearer(&token);
    loose("GET", "/v1/account").send().expect(200);
    let reply = loose("POST", "/v1/payouts")
        .idempotent("loose")
        .json(&payout)
        .send();
    reply.refused(403, "oauth_token_too_weak");
}

#[test]
fn a_token_that_is_not_bound_is_sent_as_a_bearer() {
    let server = server();
    let acme = Tenant::found(&server);
    let plain = Plain::registered(&acme, "oauth21", "client_secret_basic", &["read"]);
    let token = plain.token(&server);
    let by = |scheme: &str| {
        let request = server.request("GET", "/v1/account");
        request
            .header("Authorization", format!("{scheme} {token}"))
            .send()
    };
    by("Bearer").expect(200);
    refused(by("DPoP"), "invalid_dpop_proof");
    // A page may hold one: it is no secret of the organization's.
    let page = server.request("GET", "/v1/account").bearer(&token);
    page.header("Origin", "https://shop.example")
        .send()
        .expect(200);
}
