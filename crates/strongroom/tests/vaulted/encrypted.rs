//! Card fields that the client encrypts to the published key.

use std::path::Path;

use serde_json::{Value, json};
use strongroom_crypto::jwe::client::encrypted;
use strongroom_testkit::exchange::{Outgoing, Reply};

use super::killed::kill;
use super::program::{Demo, address, assert_clean, run};
use super::{Client, card, number, reveal, vault_of, wait};

/// The published keys, as anybody may read them, newest first.
fn published(demo: &Demo) -> Vec<Value> {
    let reply = wait(|| {
        let target = "/.well-known/strongroom-encryption-keys";
        let asked = Outgoing::new(address(demo.text("base_url")), "GET", target);
        // The vault may be coming back.
        asked.try_send().filter(|reply| reply.status != 503)
    });
    assert_eq!(reply.status, 200, "{}", reply.text());
    let keys = reply.json()["keys"].as_array().unwrap().clone();
    for (place, key) in keys.iter().enumerate() {
        assert_eq!(
            (&key["use"], &key["alg"]),
            (&json!("enc"), &json!("ECDH-ES"))
        );
        assert_eq!(key.get("d"), None, "the private part stays in the vault");
        assert!(key["nbf"].as_i64().unwrap() > 1_700_000_000);
        assert_eq!(key.get("exp").is_some(), place > 0, "{key}");
    }
    keys
}

/// The only published key.
fn the_key(demo: &Demo) -> Value {
    let keys = published(demo);
    assert_eq!(keys.len(), 1);
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
    let key = the_key(&demo);
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

fn rotate(data: &Path, more: &[&str]) -> Value {
    let mut arguments = vec!["keys", "rotate", "--json", "--level", "encryption"];
    arguments.extend(["--data", data.to_str().unwrap()]);
    arguments.extend(more);
    serde_json::from_str(&run(&arguments).done()).unwrap()
}

/// Issue 5: the key is replaced while the server runs; what clients still encrypt to the one before is understood.
#[test]
fn a_new_key_lets_the_one_before_open_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let demo = Demo::start(Some(&data));
    let client = Client::of(&demo);
    let old = the_key(&demo);
    let number = number(42);
    let body = |key: &Value| {
        let head = header(key);
        card(&sealed(key, &head, &number), &sealed(key, &head, "917"))
    };
    let made = make(&client, &body(&old), "once").json();

    let told = rotate(&data, &[]);
    let keys = published(&demo);
    assert_eq!((keys.len(), &keys[1]["kid"]), (2, &old["kid"]));
    assert_ne!(keys[0]["kid"], old["kid"]);
    assert_eq!(told["encryption_keys"][0]["kid"], keys[0]["kid"]);
    assert_eq!(
        keys[1]["exp"].as_i64().unwrap() - keys[0]["nbf"].as_i64().unwrap(),
        86_400
    );
    // Neither key of the vault's is lost with its process.
    kill(vault_of(&demo));
    for (place, key) in keys.iter().enumerate() {
        let again = make(&client, &body(key), "once").json();
        assert_eq!(made["id"], again["id"], "a retry, encrypted to key {place}");
        let fresh = make(&client, &body(key), &format!("fresh-{place}"));
        assert_eq!(fresh.status, 201, "{}", fresh.text());
        assert_eq!(
            fresh.json()["card"]["fingerprint"],
            made["card"]["fingerprint"]
        );
    }
    assert_eq!(published(&demo), keys);
    let status = run(&["keys", "status", "--json", "--data", data.to_str().unwrap()]).done();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["encryption_keys"][1]["kid"], old["kid"]);

    rotate(&data, &["--at-once"]);
    let newest = the_key(&demo);
    for key in &keys {
        let refused = make(&client, &body(key), key["kid"].as_str().unwrap());
        assert_eq!(refused.json()["code"], json!("encryption_key_unknown"));
    }
    let again = make(&client, &body(&newest), "once").json();
    assert_eq!(
        made["id"], again["id"],
        "the mark of a number outlives its keys"
    );

    let wrong = ["keys", "rotate", "--at-once", "--level", "data", "--data"];
    let wrong = wrong.into_iter().chain([data.to_str().unwrap()]);
    run(&wrong.collect::<Vec<_>>()).failed("`encryption`");
    drop(demo);
    assert_clean(&data);
    let alone = ["keys", "rotate", "--level", "encryption", "--data"];
    let alone = alone.into_iter().chain([data.to_str().unwrap()]);
    run(&alone.collect::<Vec<_>>()).failed("start the server");
}
