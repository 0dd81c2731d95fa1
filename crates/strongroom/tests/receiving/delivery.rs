//! A delivery, taken off the wire by an endpoint of the test's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::Demo;

const PATIENCE: Duration = Duration::from_secs(20);

/// What an endpoint received, and what it verifies with.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub body: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub secret: String,
    pub public_key: Option<String>,
}

impl Delivery {
    /// As the clients read it.
    pub fn file(&self) -> Value {
        let headers: serde_json::Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let mut file = json!({ "body": self.body, "headers": headers, "secret": self.secret });
        if let Some(key) = &self.public_key {
            file["public_key"] = json!(key);
        }
        file
    }

    /// The same with another amount, still the JSON it was.
    pub fn tampered(&self) -> Delivery {
        let body = self.body.replace("\"amount\":", "\"amount\":9");
        assert_ne!(body, self.body);
        Delivery {
            body,
            ..self.clone()
        }
    }
}

/// An endpoint on this machine that takes everything.
pub struct Endpoint {
    pub url: String,
    received: Receiver<(Vec<(String, String)>, String)>,
}

impl Endpoint {
    pub fn open() -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (send, received) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let send = send.clone();
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while let Some(request) = read(&mut stream) {
                        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                        if send.send(request).is_err()
                            || stream.get_mut().write_all(answer).is_err()
                        {
                            return;
                        }
                    }
                });
            }
        });
        Endpoint { url, received }
    }

    /// The next delivery whose body holds `part`.
    pub fn next(&self, part: &str) -> (Vec<(String, String)>, String) {
        loop {
            let request = self.received.recv_timeout(PATIENCE);
            let request = request.unwrap_or_else(|_| panic!("no delivery with `{part}` came"));
            if request.1.contains(part) {
                return request;
            }
        }
    }
}

/// One request; `None` when the sender has closed.
fn read(stream: &mut impl BufRead) -> Option<(Vec<(String, String)>, String)> {
    let mut line = String::new();
    if stream.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, text)| text.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some((headers, String::from_utf8(body).unwrap()))
}

/// Makes an endpoint, pays, and takes what it is sent.
pub fn delivered(demo: &Demo) -> Delivery {
    let endpoint = Endpoint::open();
    let wanted = json!({ "url": endpoint.url, "events": ["payout.completed"], "ed25519": true });
    let made = demo.request("POST", "/v1/webhooks").json(&wanted).send();
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(demo.pay(700, "webhooks").status, 201);
    let (headers, body) = endpoint.next("payout.completed");
    Delivery {
        body,
        headers,
        secret: made["secret"].as_str().unwrap().to_owned(),
        public_key: made["public_key"].as_str().map(str::to_owned),
    }
}
