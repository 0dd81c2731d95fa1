//! Proofs of possession that are taken though they are a little unusual.

use serde_json::json;
use strongroom_testkit::exchange::Reply;

use super::{ACCOUNT_URL, Draft, PAR_URL, Plan, account, code_of, learns_nonce, otherwise, sends};
use crate::pushed::redeems;
use crate::walk::{CALLBACK, VERIFIER};
use crate::{Fapi, TOKEN_URL, server};

/// The whole way, each proof of it changed in the same manner; gives what the resource said.
fn the_way(plan: &mut Plan<'_>, change: impl Fn(Draft) -> Draft) -> Reply {
    learns_nonce(&mut plan.one);
    let one = &plan.one;
    let proof = |method: &str, url: &str, token: Option<&str>| {
        change(Draft::proof(one, (method, url), token)).signed(&one.proof_key)
    };
    let assertion = one.assertion();
    let shown = proof("POST", PAR_URL, None);
    let shown = (Some(assertion.as_str()), Some(shown.as_str()));
    let pushed = sends(one, "/oauth/par", shown, &otherwise(&[])).expect(201);
    let code = code_of(one, &plan.ana, &pushed);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let assertion = one.assertion();
    let shown = proof("POST", TOKEN_URL, None);
    let shown = (Some(assertion.as_str()), Some(shown.as_str()));
    let given = sends(one, "/oauth/token", shown, &fields).expect(200);
    let token = given.field("access_token");
    account(one, &token, &proof("GET", ACCOUNT_URL, Some(&token)))
}

#[test]
fn module_check_dpop_proof_nbf_exp() {
    let server = server();
    let mut plan = Plan::on(&server);
    let seconds = server.seconds();
    let more = |draft: Draft| {
        let draft = draft.claim("nbf", json!(seconds));
        draft.claim("exp", json!(seconds + 300))
    };
    the_way(&mut plan, more).expect(200);
}

#[test]
fn module_ensure_dpopproof_with_iat_10seconds_before_succeeds() {
    let server = server();
    let mut plan = Plan::on(&server);
    let then = server.seconds() - 10;
    the_way(&mut plan, |draft| draft.claim("iat", json!(then))).expect(200);
}

#[test]
fn module_ensure_dpopproof_with_iat_10seconds_after_succeeds() {
    let server = server();
    let mut plan = Plan::on(&server);
    let then = server.seconds() + 10;
    the_way(&mut plan, |draft| draft.claim("iat", json!(then))).expect(200);
}

#[test]
fn module_access_token_type_header_case_sensitivity() {
    let server = server();
    let mut plan = Plan::on(&server);
    let code = plan.code(&plan.one);
    let given = redeems(&mut plan.one, &code).expect(200);
    let (one, token): (&Fapi<'_>, _) = (&plan.one, given.field("access_token"));
    for scheme in ["DPoP", "dpop", "DPOP", "dPoP"] {
        let proof = Draft::proof(one, ("GET", ACCOUNT_URL), Some(&token)).signed(&one.proof_key);
        let request = server.request("GET", "/v1/account");
        let request = request.header("Authorization", format!("{scheme} {token}"));
        request.header("DPoP", proof).send().expect(200);
    }
}
