//! Who has no key cannot occupy the vault: requests that come to no end make room for those of others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::program::{Demo, address};
use super::{Client, number, reveal, tokenize, wait};

/// More than one address may have.
const STALLED: usize = 300;

#[test]
fn stalled_requests_without_a_key_keep_nobody_out() {
    let demo = Demo::start(None);
    let client = Client::of(&demo);
    let token = wait(|| tokenize(&client, "before", &number(1)));
    let place = address(demo.text("base_url"));
    let stalled: Vec<TcpStream> = (0..STALLED)
        .map(|_| {
            let mut stream = TcpStream::connect(place).unwrap();
            let head = "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk_test_none\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"card\":";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Beside all of them.
    for n in 2..6 {
        assert_eq!(wait(|| reveal(&client, &token)), number(1));
        wait(|| tokenize(&client, &format!("beside-{n}"), &number(n)));
    }
    // Each is closed after its time, answered or not, and none of them was let in.
    for mut stream in stalled {
        stream
            .set_read_timeout(Some(Duration::from_mins(3)))
            .unwrap();
        let mut answer = Vec::new();
        // A connection that had to make room is reset.
        if stream.read_to_end(&mut answer).is_ok() && !answer.is_empty() {
            assert!(
                answer.starts_with(b"HTTP/1.1 408"),
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
    }
    wait(|| tokenize(&client, "after", &number(9)));
}
