//! A delivery, taken off the wire by an endpoint of the test's own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_testkit::receiver::{Received, Receiver};

use crate::program::Demo;

const PATIENCE: Duration = Duration::from_secs(120);

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

/// The first delivery to `receiver` whose body holds `part`.
pub fn next(receiver: &Receiver, part: &str) -> Received {
    let started = Instant::now();
    loop {
        let received = receiver.received();
        if let Some(found) = received.into_iter().find(|one| one.body.contains(part)) {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "no delivery with `{part}` came"
        );
        std::thread::yield_now();
    }
}

/// Makes an endpoint, pays, and takes what it is sent: the bytes that the stream has.
pub fn delivered(demo: &Demo) -> Delivery {
    let receiver = Receiver::willing();
    let wanted = json!({ "url": receiver.url(), "events": ["payout.completed"], "ed25519": true });
    let made = demo.request("POST", "/v1/webhooks").json(&wanted).send();
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(demo.pay(700, "webhooks").status, 201);
    let Received { headers, body, .. } = next(&receiver, "payout.completed");
    let stream = demo
        .request("GET", "/v1/events?type=payout.completed")
        .send();
    assert!(stream.text().contains(&body), "{}", stream.text());
    Delivery {
        body,
        headers,
        secret: made["secret"].as_str().unwrap().to_owned(),
        public_key: Some(made["public_key"].as_str().unwrap().to_owned()),
    }
}
