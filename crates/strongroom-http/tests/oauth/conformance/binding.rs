//! Codes that are bound to a key before they exist (RFC 9449, section 10).

use super::{Plan, code_of, pushes, pushes_proven, thumbprint};
use crate::pushed::redeems;
use crate::{Holder, refused, server};

#[test]
fn module_ensure_mismatched_dpop_jkt_fails() {
    let server = server();
    let mut plan = Plan::on(&server);
    let other = thumbprint(&Holder::ed25519(9));
    let key = Holder::ed25519(200);
    let reply = pushes_proven(&mut plan.one, &key, &[("dpop_jkt", &other)]);
    refused(&reply, 400, "invalid_dpop_proof");
    let reply = pushes(&plan.one, &[("dpop_jkt", "no thumbprint")]);
    refused(&reply, 400, "invalid_request");
}

#[test]
fn module_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt() {
    let server = server();
    let mut plan = Plan::on(&server);
    let key = Holder::ed25519(200);
    let pushed = pushes_proven(&mut plan.one, &key, &[]).expect(201);
    let code = code_of(&plan.one, &plan.ana, &pushed);
    plan.one.proof_key = Holder::ed25519(9);
    refused(&redeems(&mut plan.one, &code), 400, "invalid_grant");
}

#[test]
fn module_ensure_token_endpoint_fails_with_mismatched_dpop_jkt() {
    let server = server();
    let mut plan = Plan::on(&server);
    let key = thumbprint(&Holder::ed25519(200));
    let pushed = pushes(&plan.one, &[("dpop_jkt", &key)]).expect(201);
    let code = code_of(&plan.one, &plan.ana, &pushed);
    plan.one.proof_key = Holder::ed25519(9);
    refused(&redeems(&mut plan.one, &code), 400, "invalid_grant");
}

#[test]
fn module_ensure_dpopproof_at_par_endpoint_binding_success() {
    let server = server();
    let mut plan = Plan::on(&server);
    let key = Holder::ed25519(200);
    let pushed = pushes_proven(&mut plan.one, &key, &[]).expect(201);
    let code = code_of(&plan.one, &plan.ana, &pushed);
    let given = redeems(&mut plan.one, &code).expect(200);
    let token = given.field("access_token");
    plan.one.get(&token, "/v1/account").expect(200);
}

#[test]
fn module_ensure_dpop_auth_code_binding_success() {
    let server = server();
    let mut plan = Plan::on(&server);
    let key = Holder::ed25519(200);
    let same = thumbprint(&key);
    let pushed = pushes_proven(&mut plan.one, &key, &[("dpop_jkt", &same)]).expect(201);
    let code = code_of(&plan.one, &plan.ana, &pushed);
    let given = redeems(&mut plan.one, &code).expect(200);
    assert_eq!(given.field("token_type"), "DPoP");
}
