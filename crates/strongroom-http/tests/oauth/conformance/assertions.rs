//! Assertions by which a client shows who it is, at the endpoints that take them.

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::Tenant;

use super::{Draft, PAR_URL, Plan, otherwise, sends};
use crate::walk::{CALLBACK, VERIFIER, fapi};
use crate::{Fapi, Holder, ORIGIN, TOKEN_URL, refused, server};

/// A pushed request with this assertion.
fn pushes_with(client: &Fapi<'_>, assertion: &str) -> Reply {
    sends(
        client,
        "/oauth/par",
        (Some(assertion), None),
        &otherwise(&[]),
    )
}

/// Refused at both endpoints, for that alone: the same assertion without the change is taken.
fn refused_with(client: &Fapi<'_>, claim: &str, value: &Value) {
    let wrong = || {
        let draft = Draft::assertion(client).claim(claim, value.clone());
        draft.signed(&client.key)
    };
    refused(&pushes_with(client, &wrong()), 401, "invalid_client");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", "ac_x"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let reply = sends(client, "/oauth/token", (Some(&wrong()), None), &fields);
    refused(&reply, 401, "invalid_client");
    let good = Draft::assertion(client).signed(&client.key);
    pushes_with(client, &good).expect(201);
}

/// Each test asks by a client that acts for people.
fn with_client(test: impl FnOnce(&Fapi<'_>)) {
    let server = server();
    let acme = Tenant::found(&server);
    test(&fapi(&acme, Holder::p256(), &["read"]));
}

/// No key of RSA is at hand to sign by PKCS #1 with; that it is the algorithm which is refused is what the answer says.
/// `acceptance/oauth/checks.mjs` signs in earnest.
#[test]
fn module_ensure_signed_client_assertion_with_rs256_fails() {
    with_client(|client| {
        for odd in ["RS256", "PS384", "ES384", "HS256", "none", "rs256"] {
            let draft = Draft::assertion(client).head("alg", json!(odd));
            let reply = pushes_with(client, &draft.signed(&client.key));
            refused(&reply, 401, "invalid_client");
            assert!(
                reply.field("error_description").contains("`alg` is ES256"),
                "{odd}: {}",
                reply.text()
            );
        }
    });
}

#[test]
fn module_ensure_client_assertion_in_token_endpoint() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    super::learns_nonce(&mut plan.one);
    let one = &plan.one;
    let proof = Draft::proof(one, ("POST", TOKEN_URL), None).signed(&one.proof_key);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let reply = sends(one, "/oauth/token", (None, Some(&proof)), &fields);
    refused(&reply, 401, "invalid_client");
    // An assertion without a word of what it is, and the word without one.
    let assertion = one.assertion();
    let mut half = fields.to_vec();
    half.push(("client_assertion", &assertion));
    let reply = sends(one, "/oauth/token", (None, None), &half);
    refused(&reply, 400, "invalid_request");
    let mut half = fields.to_vec();
    half.push((
        "client_assertion_type",
        strongroom_testkit::holder::JWT_BEARER,
    ));
    let reply = sends(one, "/oauth/token", (None, None), &half);
    refused(&reply, 400, "invalid_request");
}

#[test]
fn module_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails() {
    with_client(|client| {
        let past = client.server.seconds() - 300;
        refused_with(client, "exp", &json!(past));
        refused_with(client, "exp", &Value::Null);
    });
}

#[test]
fn module_ensure_client_assertion_with_wrong_aud_fails() {
    with_client(|client| {
        refused_with(client, "aud", &json!("https://evil.example"));
        refused_with(client, "aud", &Value::Null);
        refused_with(client, "aud", &json!(format!("{ORIGIN}/")));
    });
}

#[test]
fn module_ensure_client_assertion_with_no_sub_fails() {
    with_client(|client| {
        refused_with(client, "sub", &Value::Null);
        refused_with(client, "sub", &json!("client_000000000000000000000000"));
        refused_with(client, "iss", &Value::Null);
    });
}

#[test]
fn module_par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted() {
    with_client(|client| {
        for ahead in [8, 10] {
            let then = json!(client.server.seconds() + ahead);
            let draft = Draft::assertion(client).claim("nbf", then.clone());
            let draft = draft.claim("iat", then);
            pushes_with(client, &draft.signed(&client.key)).expect(201);
        }
    });
}

#[test]
fn module_par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails() {
    with_client(|client| {
        let then = client.server.seconds() + 62;
        for claim in ["nbf", "iat"] {
            let draft = Draft::assertion(client).claim("exp", json!(then + 60));
            let draft = draft.claim(claim, json!(then));
            let reply = pushes_with(client, &draft.signed(&client.key));
            refused(&reply, 401, "invalid_client");
        }
    });
}

#[test]
fn module_par_test_array_as_audience_fails() {
    with_client(|client| {
        refused_with(client, "aud", &json!([ORIGIN, "https://other.example"]));
        refused_with(client, "aud", &json!([ORIGIN]));
    });
}

#[test]
fn module_par_test_par_endpoint_url_as_audience_fails() {
    with_client(|client| refused_with(client, "aud", &json!(PAR_URL)));
}

#[test]
fn module_par_test_token_endpoint_url_as_audience_fails() {
    with_client(|client| refused_with(client, "aud", &json!(TOKEN_URL)));
}
