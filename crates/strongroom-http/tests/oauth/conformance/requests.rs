//! What a client may ask a person for, and what comes back.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::holder::escaped;
use strongroom_testkit::tenant::Tenant;

use super::{Plan, allowed, code_of, pushes};
use crate::pushed::redeems;
use crate::walk::{
    CALLBACK, PASSWORD, ahead, allow, answer, error, fapi, page_of, parameter, query, sign_in,
};
use crate::{Fapi, Holder, ORIGIN, refused, server};

/// The page of what was pushed, its address with more in it.
fn page_with(client: &Fapi<'_>, pushed: &Reply, more: &str) -> Reply {
    let name = escaped(&pushed.field("request_uri"));
    let target = format!(
        "/oauth/authorize?client_id={}&request_uri={name}&{more}",
        client.id
    );
    client.server.get(&target)
}

#[test]
fn module_discovery_end_point_verification() {
    let server = server();
    let path = "/.well-known/oauth-authorization-server";
    let told = server.get(path).expect(200);
    assert_eq!(told.header("content-type"), Some("application/json"));
    let told = told.json();
    let at = |path: &str| json!(format!("{ORIGIN}{path}"));
    for (name, expected) in [
        ("issuer", json!(ORIGIN)),
        ("authorization_endpoint", at("/oauth/authorize")),
        ("token_endpoint", at("/oauth/token")),
        ("pushed_authorization_request_endpoint", at("/oauth/par")),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
        ("request_parameter_supported", json!(false)),
    ] {
        assert_eq!(told[name], expected, "{name}");
    }
    let lists = |name: &str, value: &str| told[name].as_array().unwrap().contains(&json!(value));
    for grant in ["authorization_code", "refresh_token", "client_credentials"] {
        assert!(lists("grant_types_supported", grant), "{grant}");
    }
    assert!(!lists("grant_types_supported", "implicit"));
    assert!(!lists("grant_types_supported", "password"));
    for way in ["private_key_jwt", "tls_client_auth"] {
        assert!(lists("token_endpoint_auth_methods_supported", way), "{way}");
    }
    for name in [
        "token_endpoint_auth_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        assert_eq!(told[name], json!(["ES256", "EdDSA", "PS256"]), "{name}");
    }
}

#[test]
fn module_happy_flow() {
    let server = server();
    let Plan {
        ana,
        mut one,
        mut two,
    } = Plan::on(&server);
    let mut tokens = Vec::new();
    for client in [&mut one, &mut two] {
        let back = allowed(client, &ana, &[("scope", "read")]);
        assert!(back.starts_with(&format!("{CALLBACK}?")), "{back}");
        assert_eq!(parameter(&back, "state").as_deref(), Some("s-1"));
        assert_eq!(parameter(&back, "iss").as_deref(), Some(ORIGIN));
        let code = parameter(&back, "code").unwrap();
        let given = redeems(client, &code).expect(200);
        assert_eq!(given.header("cache-control"), Some("no-store"));
        assert_eq!(given.field("token_type"), "DPoP");
        assert_eq!(given.field("scope"), "read");
        assert!(given.json().get("id_token").is_none());
        let token = given.field("access_token");
        client.get(&token, "/v1/account").expect(200);
        tokens.push(token);
    }
    // Each token is of its own client's key alone.
    one.get(&tokens[1], "/v1/account")
        .refused(401, "invalid_dpop_proof");
    two.get(&tokens[0], "/v1/account")
        .refused(401, "invalid_dpop_proof");
}

#[test]
fn module_user_rejects_authentication() {
    let server = server();
    let Plan { ana, one, two } = Plan::on(&server);
    for client in [&one, &two] {
        let pushed = pushes(client, &[]).expect(201);
        let page = page_of(client, &pushed).expect(200);
        let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
        let back = answer(&server, &asked, "refuse");
        error(&back, "access_denied");
        assert_eq!(parameter(&back, "state").as_deref(), Some("s-1"));
    }
}

#[test]
fn module_ensure_authorization_request_without_state_success() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    let back = allowed(&one, &ana, &[("state", "")]);
    assert_eq!(parameter(&back, "state"), None);
    let code = parameter(&back, "code").unwrap();
    redeems(&mut one, &code).expect(200);
}

/// Of OpenID Connect: there are no ID tokens here, so nothing lacks a nonce.
#[test]
fn module_ensure_authorization_request_without_nonce_success() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    assert!(ahead().iter().all(|(name, _)| *name != "nonce"));
    let code = parameter(&allowed(&one, &ana, &[]), "code").unwrap();
    redeems(&mut one, &code).expect(200);
}

/// Of OpenID Connect: a nonce is nothing that is known here, and disturbs nothing.
#[test]
fn module_ensure_authorization_request_with_64_char_nonce_success() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    let nonce = "n".repeat(64);
    let code = parameter(&allowed(&one, &ana, &[("nonce", &nonce)]), "code").unwrap();
    redeems(&mut one, &code).expect(200);
}

#[test]
fn module_ensure_other_scope_order_succeeds() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    for scope in ["read write", "write read"] {
        let code = parameter(&allowed(&one, &ana, &[("scope", scope)]), "code").unwrap();
        let given = redeems(&mut one, &code).expect(200);
        assert_eq!(given.field("scope"), "read write");
    }
}

/// Of OpenID Connect: what it asks to be told of a person is not told.
#[test]
fn module_test_claims_parameter_identity_claims() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    let claims = json!({
        "id_token": { "email": { "essential": true }, "name": null },
        "userinfo": { "email": null, "birthdate": null },
    })
    .to_string();
    let back = allowed(&one, &ana, &[("claims", &claims)]);
    let code = parameter(&back, "code").unwrap();
    let given = redeems(&mut one, &code).expect(200);
    let told = given.json();
    let mut names: Vec<&String> = told.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "access_token",
            "expires_in",
            "refresh_token",
            "scope",
            "token_type"
        ]
    );
    assert!(!back.contains(&escaped(&ana.email)) && !given.text().contains(&ana.email));
    let metadata = server
        .get("/.well-known/oauth-authorization-server")
        .expect(200)
        .json();
    for name in [
        "claims_supported",
        "userinfo_endpoint",
        "claims_parameter_supported",
    ] {
        assert!(metadata.get(name).is_none(), "{name}");
    }
}

/// Of OpenID Connect: what stands in the browser's address beside the pushed request counts for nothing.
#[test]
fn module_ensure_different_nonce_inside_and_outside_request_object() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[("nonce", "inside")]).expect(201);
    let page = page_with(&one, &pushed, "nonce=outside").expect(200);
    let back = allow(&server, &page, &ana);
    assert!(!back.contains("side"), "{back}");
    let code = parameter(&back, "code").unwrap();
    redeems(&mut one, &code).expect(200);
}

#[test]
fn module_ensure_different_state_inside_and_outside_request_object() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[("state", "inside")]).expect(201);
    let page = page_with(&one, &pushed, "state=outside").expect(200);
    let back = allow(&server, &page, &ana);
    assert_eq!(parameter(&back, "state").as_deref(), Some("inside"));
}

/// Of OpenID Connect, as the other nonces are.
#[test]
fn module_ensure_authorization_request_with_long_nonce() {
    let server = server();
    let Plan { ana, mut one, .. } = Plan::on(&server);
    let nonce = "n".repeat(384);
    let code = parameter(&allowed(&one, &ana, &[("nonce", &nonce)]), "code").unwrap();
    redeems(&mut one, &code).expect(200);
}

#[test]
fn module_ensure_authorization_request_with_long_state() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    let state = "0123456789".repeat(100);
    let back = allowed(&one, &ana, &[("state", &state)]);
    assert_eq!(parameter(&back, "state"), Some(state));
    let endless = "s".repeat(1_025);
    let reply = pushes(&one, &[("state", &endless)]);
    refused(&reply, 400, "invalid_request");
}

#[test]
fn module_state_only_outside_request_object_not_used() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    let pushed = pushes(&one, &[("state", "")]).expect(201);
    let page = page_with(&one, &pushed, "state=outside").expect(200);
    let back = allow(&server, &page, &ana);
    assert_eq!(parameter(&back, "state"), None);
    assert!(parameter(&back, "code").is_some());
}

#[test]
fn module_ensure_request_object_without_redirect_uri_fails() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let reply = pushes(&client, &[("redirect_uri", "")]);
    refused(&reply, 400, "invalid_request");
}

/// RFC 9126, 2.4, lets a server take what was not registered. This one does not, and says so before anybody is sent anywhere.
#[test]
fn module_plain_fapi_tolerate_unregistered_redirect_uri() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    for odd in [
        "https://shop.example/cb/more",
        "https://shop.example/cb?more",
    ] {
        let reply = pushes(&client, &[("redirect_uri", odd)]);
        refused(&reply, 400, "invalid_request");
    }
}

#[test]
fn module_ensure_unsigned_authorization_request_without_using_par_fails() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let mut fields = ahead();
    fields.push(("client_id", &client.id));
    let target = format!("/oauth/authorize?{}", query(&fields));
    let page = server.get(&target).expect(400);
    assert_eq!(page.header("location"), None);
    assert!(!page.text().contains("<form"), "{}", page.text());
}

#[test]
fn module_ensure_redirect_uri_in_authorization_request() {
    let server = server();
    let Plan { ana, one, .. } = Plan::on(&server);
    let reply = pushes(&one, &[("redirect_uri", "")]);
    refused(&reply, 400, "invalid_request");
    // Nor does one in the browser's address take the place of the one that was pushed.
    let pushed = pushes(&one, &[]).expect(201);
    let evil = escaped("https://evil.example/cb");
    let page = page_with(&one, &pushed, &format!("redirect_uri={evil}")).expect(200);
    let back = allow(&server, &page, &ana);
    assert!(back.starts_with(&format!("{CALLBACK}?code=")), "{back}");
    let again = pushes(&one, &[]).expect(201);
    assert!(!code_of(&one, &ana, &again).is_empty());
}

#[test]
fn module_ensure_response_type_code_idtoken_fails() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let reply = pushes(&client, &[("response_type", "code id_token")]);
    refused(&reply, 400, "unsupported_response_type");
}

#[test]
fn module_ensure_response_type_token_fails() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let reply = pushes(&client, &[("response_type", "token")]);
    refused(&reply, 400, "unsupported_response_type");
}
