//! A client that sends its next request before the last one was answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::program::{Demo, address};
use super::{Client, card, number, tokenize, wait};

fn head(method: &str, target: &str, key: &str, length: usize) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
    )
}

/// Sends all of it at once, and gives what comes back until the server closes.
fn exchange(demo: &Demo, requests: &str) -> String {
    let mut stream = TcpStream::connect(address(demo.text("base_url"))).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(3)))
        .unwrap();
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    String::from_utf8(answers).unwrap()
}

#[test]
fn what_is_pipelined_behind_a_card_is_refused_and_a_card_behind_others_is_taken() {
    let demo = Demo::start(None);
    wait(|| tokenize(&Client::of(&demo), "ready", &number(1)));
    let key = demo.text("secret_key");
    let body = card(&number(2), "917").to_string();
    let make = |more: &str| {
        let head = head("POST", "/v1/tokens", key, body.len());
        format!("{head}{more}\r\n{body}")
    };
    // A stream, which would never end where a card's answer is written.
    let stream = format!(
        "{}Accept: text/event-stream\r\n\r\n",
        head("GET", "/v1/events", key, 0)
    );
    let answers = exchange(&demo, &format!("{}{stream}", make("")));
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(statuses.len(), 2, "{answers}");
    assert!(statuses[0].starts_with("201"), "{answers}");
    assert!(statuses[1].starts_with("405"), "{answers}");
    assert!(answers.contains("is answered before the next one is sent"));

    // The other way round it was read along here, and is passed on before anything looks at it.
    let account = format!("{}\r\n", head("GET", "/v1/account", key, 0));
    let answers = exchange(
        &demo,
        &format!("{account}{}", make("Connection: close\r\n")),
    );
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(statuses.len(), 2, "{answers}");
    assert!(statuses[0].starts_with("200"), "{answers}");
    assert!(statuses[1].starts_with("201"), "{answers}");
    assert!(!answers.contains(&number(2)), "{answers}");
}

/// A head that is no request is answered by the vault's own library, and by nothing of ours; its answer has our headers.
#[test]
fn a_broken_head_for_the_vault_is_answered_with_the_headers_of_every_answer() {
    let demo = Demo::start(None);
    wait(|| tokenize(&Client::of(&demo), "ready", &number(1)));
    for broken in ["no header\r\n\r\n", "Content-Length: many\r\n\r\n"] {
        let request = format!("POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\n{broken}");
        let answer = exchange(&demo, &request);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        for (name, value) in strongroom_channel::dressed::PROTECTING {
            assert!(answer.contains(&format!("{name}: {value}\r\n")), "{answer}");
        }
    }
}
