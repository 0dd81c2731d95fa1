//! A signature is for one act.

use serde_json::json;
use strongroom_httpsig::Signer;
use strongroom_testkit::messages::Signing;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, payout};

use crate::{ED25519_PRIVATE, ED25519_PUBLIC, ORIGIN, SigningKey, server};

#[test]
fn a_signature_is_spent_once_and_after_a_restart() {
    let server = server();
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    let key = SigningKey::owner(&acme);
    let seconds = server.seconds();
    let request = |server: &TestServer, idempotency: &str| {
        let request = server.request("POST", "/v1/payouts");
        let request = request
            .idempotent(idempotency)
            .json(&payout(&from, &to, 10));
        key.sign(request, seconds)
    };
    let first = request(&server, "one").send().expect(201);
    let again = request(&server, "one").send().expect(201);
    assert_eq!(
        (&again.body, again.header("idempotent-replayed")),
        (&first.body, Some("true"))
    );
    // The idempotency key is covered: the signature of one request is none of another.
    let mut moved = request(&server, "two");
    moved = moved.header("X-Idempotency-Key", "three");
    moved.send().refused(401, "signature_invalid");
    // A second request of the same second, under another key, is another signature.
    request(&server, "two").send().expect(201);
    // Reads may be repeated.
    let read = || {
        let request = server.request("GET", &format!("/v1/wallets/{to}/balance"));
        key.sign(request, seconds).send().expect(200).json()
    };
    assert_eq!(read(), read());
    assert_eq!(read()["balances"]["available"], json!(20));
    let left = acme.leave();
    let mut settings = ServerSettings::default();
    settings.edge.public_origins = vec![ORIGIN.to_owned()];
    let server = server.restart(settings);
    let acme = Tenant::back(&server, left);
    assert_eq!(request(&server, "one").send().expect(201).body, first.body);
    assert_eq!(acme.available(&to), 20);
}

/// Without an idempotency key nothing tells two requests apart but what was signed.
#[test]
fn what_was_signed_is_spent_whatever_its_signature_looks_like() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = SigningKey::owner(&acme);
    let seconds = server.seconds();
    let create = |server: &TestServer, nonce: &str| {
        let signer = key.signer();
        let mut signing = Signing::by(&signer, &key.id, ORIGIN, seconds);
        signing.said.nonce = Some(nonce.to_owned());
        let request = server
            .request("POST", "/v1/wallets")
            .json(&json!({"type": "reserve"}));
        request
            .bearer(&key.text)
            .digested()
            .signed_message(&signing)
            .0
    };
    create(&server, "a").send().expect(201);
    for _ in 0..100 {
        create(&server, "a")
            .send()
            .refused(401, "signature_replayed");
    }
    create(&server, "b").send().expect(201);
    // Refused by the decision, it is spent too.
    let close = |nonce: &str| {
        let signer = key.signer();
        let mut signing = Signing::by(&signer, &key.id, ORIGIN, seconds);
        signing.said.nonce = Some(nonce.to_owned());
        let path = "/v1/wallets/wallet_000000000000000000000000/close";
        let request = server.request("POST", path).bearer(&key.text);
        request.signed_message(&signing).0.send()
    };
    close("c").refused(404, "not_found");
    close("c").refused(401, "signature_replayed");
    let left = acme.leave();
    let mut settings = ServerSettings::default();
    settings.edge.public_origins = vec![ORIGIN.to_owned()];
    let server = server.restart(settings);
    let acme = Tenant::back(&server, left);
    create(&server, "a")
        .send()
        .refused(401, "signature_replayed");
    create(&server, "b")
        .send()
        .refused(401, "signature_replayed");
    create(&server, "d").send().expect(201);
    let reserves = acme.all("/v1/wallets?type=reserve");
    assert_eq!(reserves.len(), 3);
    let told = acme.all("/v1/alerts");
    let replays = told
        .iter()
        .filter(|alert| alert["type"] == "replayed_signature");
    assert_eq!(replays.count(), 1, "{told:?}");
}

/// Of one ECDSA signature a second one is made without the key: `s` becomes the order of the curve less `s`.
#[test]
fn a_signature_s_twin_is_a_replay() {
    let server = server();
    let acme = Tenant::found(&server);
    let private = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUpuF81l+kOxbjf7T
4mNSv0r5tN67Gim7rnf6EFpcYDuhRANCAASohVhlUsKs9kcYeM/XsJNbT/4P0t/D
QSSOoXvEHgWK8DHOJzfS0wzgYX6FHoPGHvVnnRUYZ2V2SQNdkKdM2ehd
-----END PRIVATE KEY-----";
    let public = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----";
    let keys = json!([{"id": "till-1", "public_key": public}, {"id": "till-2", "public_key": ED25519_PUBLIC}]);
    let key = SigningKey::made(
        &acme,
        &json!({"role": "owner", "signing": "always", "signing_scheme": "rfc9421", "public_keys": keys}),
    );
    let signer = Signer::from_pem(private).unwrap();
    let signing = Signing::by(&signer, "till-1", ORIGIN, server.seconds());
    let request = server.request("POST", "/v1/wallets").bearer(&key.text);
    let plain = request.json(&json!({"type": "reserve"})).digested();
    let (signed, _) = plain.clone().signed_message(&signing);
    signed.send().expect(201);
    signed.send().refused(401, "signature_replayed");
    let twin = signed.with_replaced("Signature", twin);
    twin.send().refused(401, "signature_replayed");
    // Signed anew over the same text it is the same request.
    plain
        .clone()
        .signed_message(&signing)
        .0
        .send()
        .refused(401, "signature_replayed");
    // The other key signs for itself, and not under another's name.
    let other = Signer::from_pem(ED25519_PRIVATE).unwrap();
    let signing = Signing::by(&other, "till-2", ORIGIN, server.seconds());
    plain.clone().signed_message(&signing).0.send().expect(201);
    let signing = Signing::by(&other, "till-1", ORIGIN, server.seconds());
    plain
        .signed_message(&signing)
        .0
        .send()
        .refused(401, "signature_invalid");
    assert_eq!(acme.all("/v1/wallets?type=reserve").len(), 2);
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn twin(value: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let text = value
        .strip_prefix("sig=:")
        .unwrap()
        .strip_suffix(':')
        .unwrap();
    let mut bytes = STANDARD.decode(text).unwrap();
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(bytes[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        bytes[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("sig=:{}:", STANDARD.encode(bytes))
}
