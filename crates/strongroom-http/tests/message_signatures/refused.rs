//! What a signature must say and cover.

use serde_json::json;
use strongroom_testkit::exchange::Outgoing;
use strongroom_testkit::messages::Signing;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::{ORIGIN, SigningKey, server};

/// A wallet's creation, under an idempotency key, with its digest.
fn wallet(server: &TestServer, key: &SigningKey) -> Outgoing {
    let request = server
        .request("POST", "/v1/wallets?note=1")
        .bearer(&key.text);
    request
        .idempotent("one")
        .json(&json!({"type": "reserve"}))
        .digested()
}

/// What is done to a signature before it is made.
type Oddity<'a> = &'a dyn Fn(&mut Signing<'_>);

#[test]
fn everything_that_decides_must_be_covered() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = SigningKey::owner(&acme);
    let signer = key.signer();
    let covering = |covers: &[&str]| {
        let mut signing = Signing::by(&signer, &key.id, ORIGIN, server.seconds());
        signing.covers = Some(covers);
        wallet(&server, &key).signed_message(&signing).0.send()
    };
    let content = ["content-digest", "content-type", "idempotency-key"];
    let with = |place: &[&'static str]| [place, &content[..]].concat();
    for (covers, names) in [
        (vec![], "@method"),
        (with(&["@method"]), "@target-uri"),
        (with(&["@target-uri"]), "@method"),
        (with(&["@method", "@path", "@query"]), "@target-uri"),
        (with(&["@method", "@authority", "@path"]), "@target-uri"),
        (with(&["@method", "@authority", "@query"]), "@target-uri"),
        (
            vec!["@method", "@target-uri", "content-type", "idempotency-key"],
            "content-digest",
        ),
        (
            vec![
                "@method",
                "@target-uri",
                "content-digest",
                "idempotency-key",
            ],
            "content-type",
        ),
        (
            vec!["@method", "@target-uri", "content-digest", "content-type"],
            "idempotency-key",
        ),
    ] {
        let refused = covering(&covers).refused(401, "signature_invalid");
        let told = refused.field("detail");
        assert!(
            told.contains("must also cover") && told.contains(names),
            "{covers:?}: {told}"
        );
    }
    // All of these are enough; the query is refused only behind the signature.
    for place in [
        &["@method", "@target-uri"][..],
        &["@method", "@authority", "@path", "@query"],
        &["@method", "@authority", "@request-target"],
        &["@method", "@scheme", "@target-uri"],
    ] {
        covering(&with(place)).refused(400, "unknown_parameter");
    }
}

#[test]
fn a_changed_request_is_refused_and_test_mode_shows_what_the_server_built() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = SigningKey::owner(&acme);
    let signer = key.signer();
    let signing = || Signing::by(&signer, &key.id, ORIGIN, server.seconds());
    let plain = || {
        let request = server.request("POST", "/v1/wallets").bearer(&key.text);
        request.json(&json!({"type": "reserve"})).digested()
    };
    // Signed for another server.
    let mut elsewhere = signing();
    elsewhere.origin = "https://evil.example";
    let (request, _) = plain().signed_message(&elsewhere);
    let (_, ours) = plain().signed_message(&signing());
    let refused = request.clone().header("Host", "evil.example").send();
    let refused = refused.refused(401, "signature_invalid");
    assert_eq!(refused.field("error/details/expected_message"), ours);
    // The body changes behind its digest.
    let (request, _) = plain().signed_message(&signing());
    let refused = request.clone().body(r#"{"type":"master"}"#).send();
    let refused = refused.refused(401, "signature_invalid");
    assert!(
        refused.field("detail").contains("Content-Digest"),
        "{}",
        refused.text()
    );
    let expected = strongroom_httpsig::digest::of(br#"{"type":"master"}"#);
    assert_eq!(
        refused.field("error/details/expected_content_digest"),
        expected
    );
    // A digest that nobody can check is none.
    let request = server.request("POST", "/v1/wallets").bearer(&key.text);
    let request = request
        .json(&json!({"type": "reserve"}))
        .header("Content-Digest", "md5=:aGVsbG8=:");
    let refused = request
        .signed_message(&signing())
        .0
        .send()
        .refused(401, "signature_invalid");
    assert!(refused.field("detail").contains("`sha-256` or `sha-512`"));
    // Both ways at once are none.
    let (request, _) = plain().signed_message(&signing());
    request
        .signed(&key.secret, server.seconds())
        .send()
        .refused(401, "signature_invalid");
    assert!(acme.all("/v1/wallets?type=reserve").is_empty());
    let alerts = acme.all("/v1/alerts");
    assert!(
        alerts
            .iter()
            .any(|alert| alert["type"] == "forged_signature"),
        "{alerts:?}"
    );
}

#[test]
fn times_keys_and_algorithms_are_held_to() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = SigningKey::owner(&acme);
    let signer = key.signer();
    let now = server.seconds();
    let get = |change: &dyn Fn(&mut Signing<'_>)| {
        let mut signing = Signing::by(&signer, &key.id, ORIGIN, now);
        change(&mut signing);
        let request = server.request("GET", "/v1/account").bearer(&key.text);
        request.signed_message(&signing).0.send()
    };
    get(&|_| {}).expect(200);
    for (created, good) in [(-300, true), (300, true), (-301, false), (301, false)] {
        let reply = get(&|signing| signing.said.created = Some(now + created));
        match good {
            true => drop(reply.expect(200)),
            false => {
                let refused = reply.refused(401, "signature_expired");
                assert_eq!(
                    refused.json()["error"]["details"]["server_time"],
                    json!(now)
                );
            }
        }
    }
    get(&|signing| signing.said.expires = Some(now + 1)).expect(200);
    get(&|signing| signing.said.expires = Some(now)).refused(401, "signature_expired");
    get(&|signing| signing.said.alg = Some("hmac-sha256".into())).expect(200);
    get(&|signing| signing.said.tag = Some("anything".into())).expect(200);
    let odd: [(Oddity<'_>, &str); 5] = [
        (&|signing| signing.said.created = None, "`created`"),
        (&|signing| signing.said.keyid = None, "`keyid`"),
        (
            &|signing| signing.said.keyid = Some("key_0".into()),
            "`keyid`",
        ),
        (
            &|signing| signing.said.alg = Some("ed25519".into()),
            "`alg`",
        ),
        (
            &|signing| signing.said.alg = Some("rsa-pss-sha512".into()),
            "`alg`",
        ),
    ];
    for (change, words) in odd {
        let refused = get(change).refused(401, "signature_invalid");
        assert!(
            refused.field("detail").contains(words),
            "{}",
            refused.text()
        );
    }
    // Another organization's key signs nothing here.
    let stranger = SigningKey::owner(&Tenant::found(&server));
    let theirs = stranger.signer();
    let signing = Signing::by(&theirs, &key.id, ORIGIN, now);
    let request = server.request("GET", "/v1/account").bearer(&key.text);
    request
        .signed_message(&signing)
        .0
        .send()
        .refused(401, "signature_invalid");
}

#[test]
fn malformed_fields_say_what_is_wrong() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = SigningKey::owner(&acme);
    let send = |input: &str, signature: &str| {
        let request = server.request("GET", "/v1/account").bearer(&key.text);
        let request = request
            .header("Signature-Input", input)
            .header("Signature", signature);
        request
            .send()
            .refused(401, "signature_invalid")
            .field("detail")
    };
    for (input, signature, words) in [
        (
            "sig=(",
            "sig=:aGVsbG8=:",
            "`Signature-Input` is no dictionary",
        ),
        ("sig=()", "sig=:aGVsbG8", "`Signature` is no dictionary"),
        ("sig=1", "sig=:aGVsbG8=:", "must be a list of components"),
        ("sig=()", "sig=1", "must be base64 between colons"),
        ("sig=()", "other=:aGVsbG8=:", "stands in one of"),
        (
            "sig=(\"@status\")",
            "sig=:aGVsbG8=:",
            "is not one that can be covered",
        ),
        (
            "sig=(\"@method\" \"@method\")",
            "sig=:aGVsbG8=:",
            "stands twice",
        ),
        (
            "sig=();created=\"x\"",
            "sig=:aGVsbG8=:",
            "must be an integer",
        ),
    ] {
        let told = send(input, signature);
        assert!(told.contains(words), "{input} {signature}: {told}");
    }
    let half = |name: &str| {
        let request = server.request("GET", "/v1/account").bearer(&key.text);
        let request = request.header(name, "sig=:aGVsbG8=:");
        request
            .send()
            .refused(401, "signature_invalid")
            .field("detail")
    };
    assert!(half("Signature").contains("`Signature-Input` was not sent"));
    assert!(half("Signature-Input").contains("`Signature` was not sent"));
}

/// Where nobody said under which names the server is known, no address can be covered, and none need be.
#[test]
fn without_a_public_origin_the_host_header_says_nothing() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let key = SigningKey::owner(&acme);
    let signer = key.signer();
    let get = |covers: &[&str]| {
        let mut signing = Signing::by(&signer, &key.id, ORIGIN, server.seconds());
        signing.covers = Some(covers);
        let request = server.request("GET", "/v1/account").bearer(&key.text);
        request
            .header("Host", "api.nextapi.com")
            .signed_message(&signing)
            .0
            .send()
    };
    get(&["@method", "@path", "@query"]).expect(200);
    let refused = get(&["@method", "@target-uri"]).refused(401, "signature_invalid");
    assert!(
        refused.field("detail").contains("public origin"),
        "{}",
        refused.text()
    );
}

#[test]
fn a_live_key_is_shown_nothing() {
    let server = server();
    let acme = Tenant::found(&server).live();
    let key = SigningKey::owner(&acme);
    let signer = key.signer();
    let mut signing = Signing::by(&signer, &key.id, ORIGIN, server.seconds());
    signing.origin = "https://evil.example";
    let request = server.request("GET", "/v1/account").bearer(&key.text);
    let refused = request
        .signed_message(&signing)
        .0
        .send()
        .refused(401, "signature_invalid");
    assert!(!refused.text().contains("expected"), "{}", refused.text());
}
