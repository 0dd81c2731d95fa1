//! `strongroom user create`, and what a person's second factor is worth after the process was killed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use program::assert_clean_with;
use program::installation::{Installation, Serving, config, done, failed, value};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_auth::totp;
use strongroom_testkit::exchange::Reply;
use strongroom_types::time::Timestamp;

const PASSWORD: &str = "kelp tonic 7 umbrella";

/// So many milliseconds from now.
fn moment(ahead: i64) -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "an authenticator has a clock of its own"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_millis()).unwrap() + ahead)
}

fn create(made: &Installation, password: &str, email: &str) -> std::process::Command {
    fs::write(made.path("password"), format!("{password}\n")).unwrap();
    let mut command = made.command("user create");
    command
        .args(["--organization", &made.shown("organization")])
        .args(["--email", email, "--name", "Ana Cruz", "--password-file"])
        .arg(made.path("password"));
    command
}

fn login(serving: &Serving, besides: &Value) -> Reply {
    let mut body = json!({ "email": "ana@lumen.example", "password": PASSWORD });
    for (name, value) in besides.as_object().unwrap() {
        body[name] = value.clone();
    }
    serving
        .request("POST", "/v1/sessions", "")
        .json(&body)
        .send()
}

/// Base 32 (RFC 4648) back to bytes.
fn decoded(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        digit => digit - b'2' + 26,
    };
    let bits: String = text
        .bytes()
        .map(|letter| format!("{:05b}", value(letter)))
        .collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

#[test]
fn the_first_owner_signs_in_and_a_spent_code_stays_spent() {
    let made = Installation::new("127.0.0.1:0");
    failed(
        &mut create(&made, "Password1234", "ana@lumen.example"),
        "leaked",
    );
    failed(
        &mut create(&made, "kelp-tonic7", "ana@lumen.example"),
        "12 characters",
    );
    let told = done(&mut create(&made, PASSWORD, "ana@lumen.example"));
    assert!(!told.contains(PASSWORD), "{told}");
    let user = value(&told, "user");
    failed(
        &mut create(&made, PASSWORD, "ANA@lumen.example"),
        "belongs to",
    );

    let serving = made.serve();
    let entered = login(&serving, &json!({})).expect(201);
    assert_eq!(entered.field("user_id"), user);
    assert_eq!(entered.field("mode"), "live");
    let token = entered.field("token");
    let me = serving.request("GET", "/v1/me", &token).send().expect(200);
    assert_eq!(
        (me.field("role"), me.field("name")),
        ("owner".into(), "Ana Cruz".into())
    );
    let offered = serving
        .request("POST", "/v1/me/totp", &token)
        .json(&json!({}));
    let secret = decoded(&offered.send().expect(201).field("secret"));
    let code = json!({ "code": totp::code_at(&secret, moment(0)) });
    let confirm = serving
        .request("POST", "/v1/me/totp/confirm", &token)
        .json(&code);
    let codes = confirm.send().expect(200).json()["recovery_codes"].clone();
    let shown = json!({ "totp": totp::code_at(&secret, moment(30_000)) });
    let recovery = json!({ "recovery_code": codes[0] });
    let kept = login(&serving, &shown).expect(201).field("token");
    login(&serving, &recovery).expect(201);

    serving.running.kill();
    let serving = made.serve();
    for _ in 0..4 {
        login(&serving, &shown).refused(401, "second_factor_invalid");
        login(&serving, &recovery).refused(401, "second_factor_invalid");
    }
    let me = serving.request("GET", "/v1/me", &kept).send().expect(200);
    assert_eq!(me.id(), user, "sessions outlive the process");
    let stopped = serving.running.stop(Signal::TERM);
    let log = format!("{}{}", stopped.rest, stopped.err);
    for secret in [PASSWORD, &token, &kept, "ana@lumen.example"] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    assert_clean_with(&mut made.command("verify"));
}

#[test]
fn a_password_comes_from_standard_input() {
    use std::io::Write;
    let made = Installation::configured(&config("127.0.0.1:0"));
    let mut command = made.command("user create");
    command
        .args([
            "--organization",
            &made.shown("organization"),
            "--mode",
            "test",
        ])
        .args([
            "--email",
            "ben@lumen.example",
            "--name",
            "Ben",
            "--role",
            "viewer",
        ])
        .arg("--password-stdin")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(PASSWORD.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("viewer of test"), "{told}");
}
