//! The library `standardwebhooks` on a delivery in a file: exit code 0 when it verifies, 3 when it does not.
//! Run by `crates/strongroom/tests/webhook_clients.rs` as a client that is not ours.
//! Never a part of the workspace: it is built in a folder of its own.

use std::error::Error;
use std::process::ExitCode;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use standardwebhooks::Webhook;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the delivery's file")?;
    let delivery: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let text = |name: &str| delivery[name].as_str().ok_or("a field is missing");
    let mut headers = HeaderMap::new();
    for (name, value) in delivery["headers"].as_object().ok_or("no headers")? {
        let value = HeaderValue::from_str(value.as_str().ok_or("a header is no text")?)?;
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, value);
    }
    let webhook = Webhook::new(text("secret")?)?;
    Ok(match webhook.verify(text("body")?.as_bytes(), &headers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => {
            eprintln!("{refused}");
            ExitCode::from(3)
        }
    })
}
