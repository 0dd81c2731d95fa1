//! A delivery, taken off the wire by an endpoint of the test's own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_crypto::{MacKey, SigningKey};

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
    if !super::can_deliver() {
        println!("the program sends no webhooks yet: this delivery is signed by the test");
        return signed_here(demo);
    }
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

/// An event of the stream, signed as CONTRACT 5 has it.
fn signed_here(demo: &Demo) -> Delivery {
    assert_eq!(demo.pay(700, "webhooks").status, 201);
    let reply = demo
        .request("GET", "/v1/events?type=payout.completed&limit=1")
        .send();
    let event = &reply.json()["data"][0];
    let page = reply.text();
    let from = page.find("{\"id\":\"evt_").unwrap();
    let to = page.rfind("],\"has_more\"").unwrap();
    let body = page[from..to].to_owned();
    let (id, time) = (
        event["id"].as_str().unwrap(),
        super::unix_seconds().to_string(),
    );
    let key: [u8; 32] = strongroom_crypto::random();
    let pair = SigningKey::from_seed(&key);
    let secret = format!("whsec_{}", STANDARD.encode(key));
    let signed = format!("{id}.{time}.{body}");
    let tag = MacKey::new(secret.as_bytes()).tag(&[body.as_bytes()]);
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    let standard = STANDARD.encode(MacKey::new(&key).tag(&[signed.as_bytes()]));
    let public = STANDARD.encode(pair.sign(signed.as_bytes()));
    let headers = [
        ("nextapi-signature", format!("sha256={hex}")),
        ("x-nopos-signature", hex.clone()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", time),
        ("webhook-signature", format!("v1,{standard} v1a,{public}")),
    ];
    Delivery {
        body,
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        secret,
        public_key: Some(format!("whpk_{}", STANDARD.encode(pair.public()))),
    }
}
