//! Deliveries of the vectors that all three SDKs share, and gaps healed from a stream.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod scripted;

use serde_json::{Value, json};
use strongroom_client::webhook::{Refused, Scheme, Verifier};
use strongroom_client::{ClientError, GapHealer, sign};
use strongroom_types::secret::SecretText;

use scripted::{Act, Scripted};

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../sdk/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn verifier(secrets: &Value) -> Verifier {
    let secrets = secrets.as_array().unwrap().iter().map(text);
    secrets.fold(Verifier::new(), |verifier, secret| {
        if secret.starts_with("whpk_") {
            verifier.public_key(secret).unwrap()
        } else {
            verifier.secret(&SecretText::new(secret.into())).unwrap()
        }
    })
}

fn pairs(headers: &Value) -> Vec<(&str, &str)> {
    let headers = headers.as_object().unwrap();
    let pair = |(name, value)| (String::as_str(name), text(value));
    headers.iter().map(pair).collect()
}

#[test]
fn the_shared_requests_are_signed_alike() {
    let shared = vectors("requests.json");
    let all = shared["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 5);
    for vector in all {
        let signed = sign(
            text(&shared["key"]),
            text(&vector["method"]),
            text(&vector["target"]),
            text(&shared["timestamp"]),
            text(&vector["body"]).as_bytes(),
        );
        // The client signs an empty body as the documents do; the server takes the other form too.
        let same = !text(&vector["signed_body"]).is_empty();
        assert_eq!(signed == text(&vector["signature"]), same, "{vector}");
    }
}

#[test]
fn every_shared_delivery_is_judged_alike() {
    let shared = vectors("webhooks.json");
    let all = shared["deliveries"].as_array().unwrap();
    assert!(all.len() > 25);
    for one in all {
        let mut verifier = verifier(&one["secrets"]);
        if one["allow_untimed"] == true {
            verifier = verifier.allow_untimed();
        }
        let now = one["now"].as_u64().unwrap();
        let outcome = verifier.verify(text(&one["body"]).as_bytes(), pairs(&one["headers"]), now);
        let about = text(&one["about"]);
        match outcome {
            Ok(delivery) => {
                let schemes: Vec<_> = delivery.schemes.iter().map(|s| s.as_str()).collect();
                assert_eq!(json!(schemes), one["schemes"], "{about}");
                let body: Value = serde_json::from_str(text(&one["body"])).unwrap();
                assert_eq!(delivery.event.id, text(&body["id"]), "{about}");
                assert_eq!(delivery.event.data, body["data"], "{about}");
            }
            Err(refused) => assert_eq!(json!(refused.code()), one["refused"], "{about}"),
        }
    }
}

#[test]
fn the_body_alone_is_signed_as_the_documents_do() {
    let shared = vectors("webhooks.json");
    let vector = &shared["body_hmac"][0];
    let header = format!("sha256={}", text(&vector["hex"]));
    let secret = SecretText::new(text(&vector["key"]).into());
    let verifier = Verifier::new().secret(&secret).unwrap().allow_untimed();
    let outcome = verifier.verify(
        text(&vector["body"]).as_bytes(),
        [("nextapi-signature", header.as_str())],
        0,
    );
    assert_eq!(outcome.unwrap_err(), Refused::MalformedBody);
}

#[test]
fn a_header_that_is_there_twice_is_refused() {
    let shared = vectors("webhooks.json");
    let one = &shared["deliveries"][0];
    for name in ["webhook-id", "webhook-timestamp", "nextapi-signature"] {
        let mut headers = pairs(&one["headers"]);
        headers.push((name, "x"));
        let now = one["now"].as_u64().unwrap();
        let outcome = verifier(&one["secrets"]).verify(text(&one["body"]).as_bytes(), headers, now);
        assert!(
            matches!(outcome, Err(Refused::MalformedHeader(_))),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_key_is_refused_and_no_key_verifies_nothing() {
    for bad in ["", "whpk_AAAA"] {
        assert!(
            Verifier::new()
                .secret(&SecretText::new(bad.into()))
                .is_err()
        );
        assert!(Verifier::new().public_key(bad).is_err());
    }
    assert!(Verifier::new().public_key("whsec_AAAA").is_err());
    let shared = vectors("webhooks.json");
    let one = &shared["deliveries"][0];
    let body = text(&one["body"]).as_bytes();
    let now = one["now"].as_u64().unwrap();
    for verifier in [Verifier::new(), Verifier::new().allow_untimed()] {
        let outcome = verifier.verify(body, pairs(&one["headers"]), now);
        assert_eq!(outcome.unwrap_err(), Refused::NoMatch);
    }
}

#[test]
fn an_ed25519_delivery_names_its_scheme() {
    let shared = vectors("webhooks.json");
    let one = &shared["deliveries"][2];
    let now = one["now"].as_u64().unwrap();
    let delivery = verifier(&one["secrets"])
        .verify(text(&one["body"]).as_bytes(), pairs(&one["headers"]), now)
        .unwrap();
    assert_eq!(delivery.schemes, [Scheme::Ed25519]);
    assert_eq!(delivery.timestamp, Some(now));
    assert_eq!(delivery.event.event_type, "payout.completed");
    let amount: Value = delivery.event.data_as().unwrap();
    assert_eq!(amount["amount"], 10_000);
}

fn page(numbers: &[u32], has_more: bool) -> String {
    let event = |n: &u32| json!({"id": format!("evt_{n:03}"), "created": 1, "type": "wallet.created", "data": {}, "livemode": false});
    let data: Vec<_> = numbers.iter().map(event).collect();
    json!({"data": data, "has_more": has_more, "next_cursor": null}).to_string()
}

fn ids(events: &[strongroom_client::Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

/// Webhooks bring 2 and 5; the stream has 1 to 6 on three pages, then 7.
#[tokio::test]
async fn what_no_webhook_brought_is_read_once_and_in_order() {
    let server = Scripted::new(vec![
        Act::answer("200 OK", page(&[1, 2], true)),
        Act::answer("200 OK", page(&[3, 4], true)),
        Act::answer("200 OK", page(&[5, 6], false)),
        Act::answer("200 OK", page(&[7], false)),
    ]);
    let client = server.client();
    let mut healer = GapHealer::default();
    for id in ["evt_002", "evt_005"] {
        assert!(healer.is_new(id));
        assert!(healer.is_new(id), "a failed attempt comes again");
        healer.handled(id);
        assert!(!healer.is_new(id));
    }
    let first = healer.heal(&client).await.unwrap();
    assert_eq!(
        ids(&first.missed),
        ["evt_001", "evt_003", "evt_004", "evt_006"]
    );
    assert!(first.complete);
    assert_eq!(healer.cursor(), Some("evt_006"));
    assert!(!healer.is_new("evt_003"), "a late webhook is a repetition");
    assert!(healer.is_new("evt_007"));
    let second = healer.heal(&client).await.unwrap();
    assert_eq!(ids(&second.missed), ["evt_007"]);
    let targets: Vec<String> = server
        .seen()
        .iter()
        .map(|(_, request)| request.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(
        targets,
        [
            "/v1/events?limit=100",
            "/v1/events?limit=100&after=evt_002",
            "/v1/events?limit=100&after=evt_004",
            "/v1/events?limit=100&after=evt_006"
        ]
    );
}

/// A refusal in the middle moves nothing: the next call gives everything.
#[tokio::test]
async fn a_failed_healing_is_begun_anew() {
    let server = Scripted::new(vec![
        Act::answer("200 OK", page(&[1, 2], true)),
        Act::answer(
            "403 Forbidden",
            r#"{"status":403,"code":"permission_denied"}"#,
        ),
        Act::answer("200 OK", page(&[1, 2, 3], false)),
    ]);
    let client = server.client();
    let mut healer = GapHealer::new(None);
    healer.handled("evt_001");
    let refused = healer.heal(&client).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)));
    assert_eq!(healer.cursor(), None);
    let healed = healer.heal(&client).await.unwrap();
    assert_eq!(ids(&healed.missed), ["evt_002", "evt_003"]);
    assert_eq!(server.seen().len(), 3);
}
