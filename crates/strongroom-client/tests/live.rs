//! Stored events as the server has them, by pages and by the live stream.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod scripted;

use scripted::{Act, Scripted, header};
use strongroom_client::{ClientError, StoredEvent};

const STREAM: &str = "200 OK\r\nContent-Type: text/event-stream";

/// Not as a parser would write it.
const BODY: &str = r#"{"id":"evt_2", "type":"a.b","amount":1.50,"note":"Pe\u00f1a"}"#;

#[tokio::test]
async fn a_page_keeps_the_bytes() {
    let page = format!(r#"{{"data":[{BODY}],"has_more":true,"next_cursor":"evt_2"}}"#);
    let server = Scripted::new(vec![Act::answer("200 OK", page)]);
    let page = server
        .client()
        .stored_events(Some("evt_1?x"))
        .await
        .unwrap();
    let event = StoredEvent {
        id: "evt_2".into(),
        event_type: "a.b".into(),
        body: BODY.into(),
    };
    assert_eq!((page.data, page.has_more), (vec![event], true));
    let seen = server.seen();
    assert!(
        seen[0]
            .1
            .starts_with("GET /v1/events?limit=100&after=evt_1%3Fx HTTP")
    );
}

#[tokio::test]
async fn a_stream_says_where_it_begins_and_gives_events_until_it_ends() {
    let text = format!(
        "retry: 1000\nid: evt_1\n\n:\n\nid: evt_2\nevent: a.b\ndata: {BODY}\n\ndata: of no id\n\nid: evt_3\ndata: half"
    );
    let server = Scripted::new(vec![Act::answer(STREAM, text)]);
    let client = server.client();
    let mut stream = client
        .stream_events(Some("evt_1"), &["a.b", "c.d"])
        .await
        .unwrap();
    assert_eq!(stream.begins_after(), Some("evt_1"));
    let event = stream.next().await.unwrap().unwrap();
    assert_eq!(
        (event.id.as_str(), event.event_type.as_str()),
        ("evt_2", "a.b")
    );
    assert_eq!(event.body, BODY);
    assert_eq!(
        stream.next().await.unwrap(),
        None,
        "what is half is no event"
    );
    let (_, request) = server.seen().remove(0);
    assert!(
        request.starts_with("GET /v1/events/stream?type=a%2Eb,c%2Ed HTTP"),
        "{request}"
    );
    assert_eq!(header(&request, "last-event-id").as_deref(), Some("evt_1"));
    assert_eq!(
        header(&request, "accept").as_deref(),
        Some("text/event-stream")
    );
    assert!(header(&request, "x-signature").is_some());
}

#[tokio::test]
async fn what_is_no_stream_is_told_apart() {
    let refusal = r#"{"status":403,"code":"permission_denied","detail":"no"}"#;
    let server = Scripted::new(vec![
        Act::answer("403 Forbidden", refusal),
        Act::answer("502 Bad Gateway", "<html>"),
        Act::answer("404 Not Found", "<html>"),
        Act::answer("200 OK\r\nContent-Type: text/html", "<html>"),
        Act::Hang,
        Act::Silence,
        Act::answer(STREAM, "retry: 1"),
    ]);
    let client = server.client();
    let mut kinds = Vec::new();
    for _ in 0..7 {
        let error = client.stream_events(None, &[]).await.unwrap_err();
        kinds.push(match error {
            ClientError::Refused(problem) => problem.code,
            ClientError::Unreachable(_) => "unreachable".into(),
            ClientError::Malformed(_) => "malformed".into(),
            ClientError::BadUrl(_) => "bad url".into(),
            ClientError::Untrusted(_) => "untrusted".into(),
        });
    }
    let expected = [
        "permission_denied",
        "unreachable",
        "malformed",
        "malformed",
        "unreachable",
        "unreachable",
        "unreachable",
    ];
    assert_eq!(kinds, expected);
}
