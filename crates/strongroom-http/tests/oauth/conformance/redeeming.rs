//! What is given for a code and for a refresh token, and to whom.

use super::{Draft, Plan, allowed, sends};
use crate::pushed::{asks, redeems, refreshes};
use crate::walk::{CALLBACK, VERIFIER, parameter};
use crate::{TOKEN_URL, refused, server};

fn redeeming(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// Another client's name, by the key of the first.
#[test]
fn module_ensure_client_id_in_token_endpoint() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    super::learns_nonce(&mut plan.one);
    let (one, two) = (&plan.one, &plan.two);
    let proof = Draft::proof(one, ("POST", TOKEN_URL), None).signed(&one.proof_key);
    // `two` says that it is itself, and `one` has signed it.
    let foreign = Draft::assertion(two).head("alg", one.key.algorithm().into());
    let foreign = foreign.signed(&one.key);
    let fields = redeeming(&code);
    let shown = (Some(foreign.as_str()), Some(proof.as_str()));
    refused(
        &sends(two, "/oauth/token", shown, &fields),
        401,
        "invalid_client",
    );
    // An assertion of one and the name of the other.
    let own = one.assertion();
    let mut fields = two.fields(&own);
    let redeeming = redeeming(&code);
    fields.extend_from_slice(&redeeming);
    let reply = crate::post(&server, "/oauth/token", &fields).send();
    refused(&reply, 400, "invalid_request");
    redeems(&mut plan.one, &code).expect(200);
}

#[test]
fn module_ensure_holder_of_key_required() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    let bare = plan.one.asks("/oauth/token", &redeeming(&code));
    refused(&bare, 400, "invalid_dpop_proof");
    redeems(&mut plan.one, &code).expect(200);
}

#[test]
fn module_ensure_authorization_code_is_bound_to_client() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    refused(&redeems(&mut plan.two, &code), 400, "invalid_grant");
    redeems(&mut plan.one, &code).expect(200);
}

#[test]
fn module_attempt_reuse_authorization_code_after_one_second() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    let given = redeems(&mut plan.one, &code).expect(200);
    let token = given.field("access_token");
    plan.one.get(&token, "/v1/account").expect(200);
    server.clock.advance(1_000);
    refused(&redeems(&mut plan.one, &code), 400, "invalid_grant");
    plan.one
        .get(&token, "/v1/account")
        .refused(401, "unauthorized");
}

#[test]
fn module_ensure_token_endpoint_fails_with_expired_auth_code() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    server.clock.advance(62_000);
    refused(&redeems(&mut plan.one, &code), 400, "invalid_grant");
}

#[test]
fn module_refresh_token() {
    let server = server();
    let mut plan = Plan::on(&server);
    let mut tokens = Vec::new();
    for client in [&mut plan.one, &mut plan.two] {
        let back = allowed(client, &plan.ana, &[]);
        let code = parameter(&back, "code").unwrap();
        let refresh = redeems(client, &code).expect(200).field("refresh_token");
        // RFC 6749, appendix A.17.
        assert!(refresh.bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
        let again = refreshes(client, &refresh).expect(200);
        assert!(again.json().get("id_token").is_none());
        // It is not rotated, so one that got lost on its way is asked for again.
        assert!(again.json().get("refresh_token").is_none());
        server.clock.advance(30_000);
        let again = refreshes(client, &refresh).expect(200);
        let token = again.field("access_token");
        client.get(&token, "/v1/account").expect(200);
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
        ];
        let bare = client.asks("/oauth/token", &fields);
        refused(&bare, 400, "invalid_dpop_proof");
        let nobody = sends(client, "/oauth/token", (None, None), &fields);
        refused(&nobody, 401, "invalid_client");
        tokens.push((token, refresh));
    }
    let [(_, first), (token, second)] = tokens.as_slice() else {
        panic!("two clients were asked for")
    };
    plan.one
        .get(token, "/v1/account")
        .refused(401, "invalid_dpop_proof");
    refused(&refreshes(&mut plan.one, second), 400, "invalid_grant");
    // The other client's attempt has ended nothing.
    for (client, refresh) in [(&mut plan.one, first), (&mut plan.two, second)] {
        refreshes(client, refresh).expect(200);
    }
    let none = asks(&mut plan.one, &[("grant_type", "refresh_token")]);
    refused(&none, 400, "invalid_request");
}
