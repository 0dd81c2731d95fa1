//! Proofs at the token endpoint (RFC 9449, section 5).

use strongroom_testkit::holder::Holder;
use strongroom_testkit::tenant::Tenant;

use crate::{Fapi, Plain, TOKEN_URL, post, refused, server};

#[test]
fn a_challenge_for_a_nonce_spends_nothing() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let (assertion, seconds) = (client.assertion(), server.seconds());
    let mut fields = client.fields(&assertion);
    fields.push(("grant_type", "client_credentials"));
    let ask = |nonce: Option<&str>| {
        let proof = client
            .proof_key
            .proof(("POST", TOKEN_URL), seconds, nonce, None);
        post(&server, "/oauth/token", &fields)
            .header("DPoP", proof)
            .send()
    };
    let challenged = ask(None);
    refused(&challenged, 400, "use_dpop_nonce");
    let nonce = challenged.header("dpop-nonce").unwrap();
    // The same assertion is good, since nothing was done with it.
    ask(Some(nonce)).expect(200);
    refused(&ask(Some(nonce)), 401, "invalid_client");
}

#[test]
fn a_client_whose_tokens_are_bound_sends_a_proof() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let bare = client.asks("/oauth/token", &[("grant_type", "client_credentials")]);
    refused(&bare, 400, "invalid_dpop_proof");
    let nonce = bare.header("dpop-nonce").unwrap().to_owned();
    let seconds = server.seconds();
    for (method, url) in [
        ("GET", TOKEN_URL),
        ("POST", "https://pay.example/oauth/revoke"),
        ("POST", "https://evil.example/oauth/token"),
    ] {
        let assertion = client.assertion();
        let mut fields = client.fields(&assertion);
        fields.push(("grant_type", "client_credentials"));
        let proof = client
            .proof_key
            .proof((method, url), seconds, Some(&nonce), None);
        let reply = post(&server, "/oauth/token", &fields)
            .header("DPoP", proof)
            .send();
        refused(&reply, 400, "invalid_dpop_proof");
    }
}

/// Whoever is not made to may bind his tokens all the same.
#[test]
fn a_proof_binds_the_token_of_any_client() {
    let server = server();
    let acme = Tenant::found(&server);
    let plain = Plain::registered(&acme, "oauth21", "client_secret_basic", &["read"]);
    let holder = Holder::ed25519(3);
    let ask = |nonce: Option<&str>| {
        let proof = holder.proof(("POST", TOKEN_URL), server.seconds(), nonce, None);
        let request = post(
            &server,
            "/oauth/token",
            &[("grant_type", "client_credentials")],
        );
        request
            .header("Authorization", plain.basic())
            .header("DPoP", proof)
            .send()
    };
    let nonce = ask(None).header("dpop-nonce").unwrap().to_owned();
    let given = ask(Some(&nonce)).expect(200);
    assert_eq!(given.field("token_type"), "DPoP");
    let token = given.field("access_token");
    let account = server.request("GET", "/v1/account").bearer(&token).send();
    account.refused(401, "invalid_dpop_proof");
}
