//! What the client puts on the wire, and how it behaves when answers are lost, late or busy.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod scripted;

use strongroom_client::{ClientError, NewPayout, NewRecipient, Outgoing, sign};

use scripted::{Act, SECRET, Scripted, header};

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

fn payout() -> Outgoing {
    let recipient = NewRecipient::Wallet {
        id: "wallet_1".into(),
    };
    let payout = NewPayout {
        amount: 100,
        currency: "PHP".into(),
        source_wallet_id: None,
        recipient,
        reference_id: None,
    };
    payout.outgoing().unwrap()
}

fn created() -> Act {
    Act::answer("201 Created", "{}")
}

#[tokio::test]
async fn a_request_is_signed_and_identified() {
    let server = Scripted::new(vec![created()]);
    server
        .client()
        .send(&payout().under_key("order-7"))
        .await
        .unwrap();
    let seen = server.seen();
    let request = &seen[0].1;
    assert!(
        request.starts_with("POST /v1/payouts HTTP/1.1\r\n"),
        "{request}"
    );
    assert_eq!(
        header(request, "authorization").as_deref(),
        Some("Bearer sk_test_x")
    );
    assert_eq!(
        header(request, "idempotency-key").as_deref(),
        Some("order-7")
    );
    assert_eq!(
        body(request),
        r#"{"amount":100,"currency":"PHP","recipient":{"type":"wallet","id":"wallet_1"}}"#
    );
    let timestamp = header(request, "x-timestamp").unwrap();
    let expected = sign(
        SECRET,
        "POST",
        "/v1/payouts",
        &timestamp,
        body(request).as_bytes(),
    );
    assert_eq!(header(request, "x-signature"), Some(expected));
}

#[tokio::test]
async fn every_change_has_a_key_of_its_own() {
    let server = Scripted::new(vec![created(), created()]);
    let client = server.client();
    client.send(&payout()).await.unwrap();
    client.send(&payout()).await.unwrap();
    let seen = server.seen();
    let keys: Vec<_> = seen
        .iter()
        .map(|(_, request)| header(request, "idempotency-key").unwrap())
        .collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[0].len(), 32);
    assert_eq!((seen[0].0, seen[1].0), (1, 1), "one connection serves both");
}

/// A lost answer, a busy server and a key in use: the same request again, under the same key.
#[tokio::test]
async fn what_passes_is_tried_again_under_the_same_key() {
    let script = vec![
        Act::Hang,
        Act::answer(
            "503 Service Unavailable\r\nRetry-After: 0",
            r#"{"status":503,"code":"overloaded"}"#,
        ),
        Act::answer(
            "409 Conflict",
            r#"{"status":409,"code":"idempotency_key_in_use"}"#,
        ),
        Act::answer(
            "201 Created\r\nIdempotent-Replayed: true\r\nX-Request-Id: req_1",
            "{}",
        ),
    ];
    let server = Scripted::new(script);
    let reply = server.client().send(&payout()).await.unwrap();
    assert_eq!(
        (reply.status, reply.replayed, reply.request_id.as_deref()),
        (201, true, Some("req_1"))
    );
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for (_, request) in &seen {
        assert_eq!(
            header(request, "idempotency-key"),
            header(&seen[0].1, "idempotency-key")
        );
        assert_eq!(body(request), body(&seen[0].1));
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    let refusal = r#"{"status":422,"code":"insufficient_funds","detail":"too little","request_id":"req_9","errors":[{"pointer":"/amount","detail":"is too high"}]}"#;
    let server = Scripted::new(vec![Act::answer("422 Unprocessable Content", refusal)]);
    let refused = server
        .client()
        .call::<serde_json::Value>(&payout())
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, ClientError::Refused(_)), "{text}");
    assert_eq!(
        text,
        "refused with 422 `insufficient_funds`: too little; `/amount` is too high (request `req_9`)"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn silence_ends_after_all_attempts() {
    let script = (0..4).map(|_| Act::Silence).collect();
    let server = Scripted::new(script);
    let outcome = server.client().send(&Outgoing::get("/v1/account")).await;
    assert!(matches!(outcome, Err(ClientError::Unreachable(_))));
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn an_answer_of_another_shape_is_told() {
    let server = Scripted::new(vec![
        Act::answer("200 OK", "<html>"),
        Act::answer("500 Oops", "<html>"),
    ]);
    let client = server.client();
    for _ in 0..2 {
        let outcome = client.account().await;
        assert!(
            matches!(outcome, Err(ClientError::Malformed(_))),
            "{outcome:?}"
        );
    }
}
