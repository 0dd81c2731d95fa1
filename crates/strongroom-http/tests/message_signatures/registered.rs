//! Public keys registered with an API key, and which scheme it signs by.

use serde_json::{Value, json};
use strongroom_httpsig::Signer;
use strongroom_testkit::messages::Signing;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::{ED25519_PRIVATE, ED25519_PUBLIC, ORIGIN, SigningKey, server};

#[test]
fn a_registered_key_signs_until_it_is_taken_away() {
    let server = server();
    let acme = Tenant::found(&server);
    let registered = json!([{"id": "till-1", "public_key": ED25519_PUBLIC}]);
    let body = json!({"role": "viewer", "signing": "always", "public_keys": registered});
    let made = acme.post("/v1/api-keys", &body).expect(201);
    let shown = json!([{"id": "till-1", "algorithm": "ed25519", "public_key": ED25519_PUBLIC}]);
    assert_eq!(made.json()["public_keys"], shown);
    assert_eq!(made.json()["signing_scheme"], "any");
    let (id, text) = (made.id(), made.field("key"));
    let signer = Signer::from_pem(ED25519_PRIVATE).unwrap();
    let get = |keyid: &str| {
        let signing = Signing::by(&signer, keyid, ORIGIN, server.seconds());
        let request = server.request("GET", "/v1/account").bearer(&text);
        request.signed_message(&signing).0.send()
    };
    get("till-1").expect(200);
    get("till-2").refused(401, "signature_invalid");
    let change = |body: Value| {
        let request = acme.request("PATCH", &format!("/v1/api-keys/{id}"));
        request.idempotent(&fresh("key")).json(&body).send()
    };
    let renamed = json!([{"id": "till-2", "public_key": ED25519_PUBLIC}]);
    change(json!({"public_keys": renamed})).expect(200);
    get("till-1").refused(401, "signature_invalid");
    get("till-2").expect(200);
    // A roll keeps them.
    let rolled = acme
        .post(&format!("/v1/api-keys/{id}/roll"), &json!({}))
        .expect(201);
    assert_eq!(rolled.json()["public_keys"][0]["id"], "till-2");
    let changed = change(json!({"public_keys": []})).expect(200);
    assert_eq!(changed.json()["public_keys"], json!([]));
    get("till-2").refused(401, "signature_invalid");
}

#[test]
fn a_key_s_scheme_is_the_only_one_that_counts() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = |scheme: &str| {
        SigningKey::made(
            &acme,
            &json!({"role": "viewer", "signing": "always", "signing_scheme": scheme}),
        )
    };
    let now = server.seconds();
    let by_v1 = |key: &SigningKey| {
        let request = server.request("GET", "/v1/account").bearer(&key.text);
        request.signed(&key.secret, now).send()
    };
    let by_message = |key: &SigningKey| {
        let request = server.request("GET", "/v1/account");
        key.sign(request, now).send()
    };
    let bare = |key: &SigningKey| {
        let request = server.request("GET", "/v1/account").bearer(&key.text);
        request
            .send()
            .refused(401, "signature_missing")
            .field("detail")
    };
    let (any, v1, rfc) = (key("any"), key("v1"), key("rfc9421"));
    by_v1(&any).expect(200);
    by_message(&any).expect(200);
    by_v1(&v1).expect(200);
    by_message(&v1).refused(401, "signature_invalid");
    by_v1(&rfc).refused(401, "signature_invalid");
    by_message(&rfc).expect(200);
    assert!(bare(&v1).contains("`X-Signature`") && bare(&rfc).contains("`Signature-Input`"));
}

#[test]
fn what_is_no_key_is_not_registered() {
    let server = server();
    let acme = Tenant::found(&server);
    let one = json!({"id": "a", "public_key": ED25519_PUBLIC});
    let off_the_curve = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXA==
-----END PUBLIC KEY-----";
    for (keys, pointer) in [
        (json!("x"), "/public_keys"),
        (json!(["x"]), "/public_keys"),
        (json!([one, one]), "/public_keys"),
        (json!([one, one, one, one, one]), "/public_keys"),
        (json!([{"id": "a"}]), "/public_keys/0/public_key"),
        (json!([{"public_key": ED25519_PUBLIC}]), "/public_keys/0/id"),
        (
            json!([{"id": "key_1", "public_key": ED25519_PUBLIC}]),
            "/public_keys/0/id",
        ),
        (
            json!([{"id": "a", "public_key": "x"}]),
            "/public_keys/0/public_key",
        ),
        (
            json!([{"id": "a", "public_key": off_the_curve}]),
            "/public_keys/0/public_key",
        ),
    ] {
        let reply = acme.post(
            "/v1/api-keys",
            &json!({"role": "viewer", "public_keys": keys}),
        );
        assert_eq!(reply.status, 422, "{keys}: {}", reply.text());
        assert_eq!(reply.field("errors/0/pointer"), pointer, "{keys}");
    }
    let reply = acme.post(
        "/v1/api-keys",
        &json!({"role": "viewer", "signing_scheme": "v2"}),
    );
    assert_eq!(reply.field("errors/0/pointer"), "/signing_scheme");
}
