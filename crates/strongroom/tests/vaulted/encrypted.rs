//! Card fields that the client encrypts to the published key.

use serde_json::{Value, json};
use strongroom_crypto::jwe::client::encrypted;
use strongroom_testkit::exchange::{Outgoing, Reply};

use super::program::{Demo, address};
use super::{Client, card, number, reveal, wait};

/// The published key, as anybody may read it.
fn published(demo: &Demo) -> Value {
    let reply = Outgoing::new(
        address(demo.text("base_url")),
        "GET",
        "/.well-known/strongroom-encryption-keys",
    )
    .send();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let keys = reply.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (&keys[0]["use"], &keys[0]["alg"]),
        (&json!("enc"), &json!("ECDH-ES"))
    );
    assert_eq!(
        keys[0].get("d"),
        None,
        "the private part stays in the vault"
    );
    keys[0].clone()
}

fn sealed(key: &Value, header: &Value, text: &str) -> String {
    let point = ["x", "y"].map(|name| key[name].as_str().unwrap());
    encrypted((point[0], point[1]), &header.to_string(), text.as_bytes())
}

fn header(key: &Value) -> Value {
    json!({ "alg": "ECDH-ES", "enc": "A256GCM", "kid": key["kid"] })
}

fn make(client: &Client, body: &Value, retry: &str) -> Reply {
    wait(|| {
        client
            .request("POST", "/v1/tokens")
            .idempotent(retry)
            .json(body)
            .try_send()
            .filter(|reply| reply.status != 503)
    })
}

fn with(header: &Value, name: &str, value: &str) -> Value {
    let mut header = header.clone();
    header[name] = json!(value);
    header
}

#[test]
fn encrypted_fields_make_the_same_token_as_clear_ones() {
    let demo = Demo::start(None);
    let client = Client::of(&demo);
    let key = published(&demo);
    let head = header(&key);
    let number = number(41);
    let body = || card(&sealed(&key, &head, &number), &sealed(&key, &head, "917"));

    let made = make(&client, &body(), "once");
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["card"]["last4"], json!(number[12..]));
    let clear = make(&client, &card(&number, "917"), "clear").json();
    assert_eq!(made["card"]["fingerprint"], clear["card"]["fingerprint"]);
    let again = make(&client, &body(), "once").json();
    assert_eq!(
        made["id"], again["id"],
        "encrypted anew it is the same request"
    );
    let shown = wait(|| reveal(&client, made["id"].as_str().unwrap()));
    assert_eq!(shown, number);

    let good = sealed(&key, &head, &number);
    let tampered = format!("{}AAAA", &good[..good.len() - 4]);
    for (text, code) in [
        (
            sealed(&key, &with(&head, "kid", "other"), &number),
            "encryption_key_unknown",
        ),
        (
            sealed(&key, &with(&head, "alg", "dir"), &number),
            "encryption_invalid",
        ),
        (
            sealed(&key, &with(&head, "enc", "A128GCM"), &number),
            "encryption_invalid",
        ),
        (
            sealed(&key, &with(&head, "zip", "DEF"), &number),
            "encryption_invalid",
        ),
        (
            sealed(&key, &with(&head, "cty", "JWT"), &number),
            "encryption_invalid",
        ),
        (tampered, "encryption_invalid"),
        (format!("{good}{}", "A".repeat(2_048)), "encryption_invalid"),
        (sealed(&key, &head, &good), "card_number_invalid"),
        (
            sealed(&key, &head, "4242424242424241"),
            "card_number_invalid",
        ),
    ] {
        let refused = make(&client, &card(&text, "917"), &text[text.len() - 20..]);
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (422, &json!(code))
        );
        assert_eq!(refused.json()["errors"][0]["pointer"], "/card/number");
        assert!(!refused.text().contains(&text[..40]), "{}", refused.text());
    }
    let code = sealed(&key, &with(&head, "kid", "other"), "917");
    let refused = make(&client, &card(&number, &code), "code");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/card/cvv");
}
