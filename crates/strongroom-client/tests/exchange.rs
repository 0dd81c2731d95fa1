//! What the client puts on the wire, and how it behaves when answers are lost, late or busy.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use strongroom_client::{
    Client, ClientError, Credentials, NewPayout, NewRecipient, Outgoing, Retries, sign,
};
use strongroom_types::secret::SecretText;

const SECRET: &str = "sign_test";

/// What a server does with the next request.
enum Act {
    /// Answers; the connection stays open.
    Answer(&'static str, &'static str),
    /// Closes without a word.
    Hang,
    /// Says nothing for as long as the client waits.
    Silence,
}

/// A server with a script; gives the requests it saw, each with the number of its connection.
struct Scripted {
    base_url: String,
    thread: JoinHandle<Vec<(usize, String)>>,
}

impl Scripted {
    fn new(script: Vec<Act>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        Scripted {
            base_url,
            thread: std::thread::spawn(move || play(&listener, script)),
        }
    }

    fn client(&self) -> Client {
        let credentials = Credentials {
            key: SecretText::new("sk_test_x".into()),
            signing_secret: Some(SecretText::new(SECRET.into())),
        };
        let retries = Retries {
            first_wait: Duration::from_millis(1),
            time_limit: Duration::from_millis(300),
            ..Retries::default()
        };
        Client::new(&self.base_url, credentials)
            .unwrap()
            .with_retries(retries)
    }

    fn seen(self) -> Vec<(usize, String)> {
        self.thread.join().unwrap()
    }
}

fn play(listener: &TcpListener, script: Vec<Act>) -> Vec<(usize, String)> {
    let mut seen = Vec::new();
    let mut connection = 0;
    let mut open: Option<TcpStream> = None;
    let mut held = Vec::new();
    for act in script {
        let request = loop {
            let stream = open.get_or_insert_with(|| {
                connection += 1;
                listener.accept().unwrap().0
            });
            match read_request(stream) {
                Some(request) => break request,
                None => open = None,
            }
        };
        seen.push((connection, request));
        match act {
            Act::Answer(head, body) => {
                let answer = format!(
                    "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                open.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
            }
            Act::Hang => open = None,
            Act::Silence => held.extend(open.take()),
        }
    }
    seen
}

/// One request with its body; `None` when the client has closed.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + std::str::from_utf8(&body).unwrap())
}

fn header(request: &str, name: &str) -> Option<String> {
    let mut headers = request
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "));
    headers
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
}

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

const CREATED: Act = Act::Answer("201 Created", "{}");

#[tokio::test]
async fn a_request_is_signed_and_identified() {
    let server = Scripted::new(vec![CREATED]);
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
    let server = Scripted::new(vec![CREATED, CREATED]);
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
        Act::Answer(
            "503 Service Unavailable\r\nRetry-After: 0",
            r#"{"status":503,"code":"overloaded"}"#,
        ),
        Act::Answer(
            "409 Conflict",
            r#"{"status":409,"code":"idempotency_key_in_use"}"#,
        ),
        Act::Answer(
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
    let server = Scripted::new(vec![Act::Answer("422 Unprocessable Content", refusal)]);
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
        Act::Answer("200 OK", "<html>"),
        Act::Answer("500 Oops", "<html>"),
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
