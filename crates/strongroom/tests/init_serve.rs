//! `init` and `serve`, and each way in which a start can fail.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use program::installation::{Installation, PASSPHRASE, Serving, config, done, failed};
use program::{Running, assert_clean_with, run, strongroom};
use rustix::process::Signal;
use serde_json::{Value, json};

fn seconds() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a client signs with its own time"
    )]
    let now = SystemTime::now();
    i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn an_installation_is_made_served_and_stopped() {
    let made = Installation::new("127.0.0.1:0");
    for private in ["keyring.toml", "kit.txt", "data/strongroom.db"] {
        assert_eq!(
            fs::metadata(made.path(private))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o600,
            "{private}"
        );
    }
    let kit = fs::read_to_string(made.path("kit.txt")).unwrap();
    assert!(
        !made.told.contains(kit.lines().next().unwrap()),
        "the kit is in the file alone"
    );
    assert!(!made.path("data/demo.json").exists() && !made.path("data/demo-passphrase").exists());

    let serving = made.serve();
    let (test, live) = (made.shown("test secret key"), made.shown("live secret key"));
    let (status, account) = serving.account(&test);
    assert_eq!(
        (status, account["name"].as_str(), account["mode"].as_str()),
        (200, Some("Acme Payments"), Some("test"))
    );
    assert_eq!(account["default_currency"], "EUR");
    assert_eq!(serving.account(&live).1["mode"], "live");
    let wallets = serving.request("GET", "/v1/wallets", &test).send().json();
    assert_eq!(wallets["data"], json!([]), "no demo wallets");

    // Live keys must sign what is sensitive; test keys need not.
    let key = json!({ "type": "secret", "role": "viewer" });
    let unsigned = |key_text: &str| serving.request("POST", "/v1/api-keys", key_text).json(&key);
    assert_eq!(unsigned(&test).send().status, 201);
    let refused = unsigned(&live).send();
    assert_eq!(
        (refused.status, refused.field("code").as_str()),
        (401, "signature_missing")
    );
    assert_eq!(
        unsigned(&live)
            .signed(&made.shown("live signing secret"), seconds())
            .send()
            .status,
        201
    );

    let stopped = serving.running.stop(Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    let lines: Vec<Value> = stopped
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines.iter().any(|line| line["message"] == "ready"),
        "{}",
        stopped.err
    );
    for secret in [&test, &live, &made.shown("live signing secret"), PASSPHRASE] {
        assert!(!stopped.err.contains(secret), "a secret is in the log");
    }
    assert_clean_with(&mut made.command("verify"));
    assert_clean_with(&mut made.command("audit verify"));
}

#[test]
fn with_a_data_directory_alone_all_lies_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("passphrase");
    fs::write(&file, PASSPHRASE).unwrap();
    let data = dir.path().join("pay");
    let mut init = strongroom();
    init.args(["init", "--data"])
        .arg(&data)
        .env("STRONGROOM_PASSPHRASE_FILE", &file);
    let told = done(&mut init);
    assert!(
        told.contains("Recovery kit"),
        "without a file the kit is shown: {told}"
    );
    let kit: Vec<&str> = told
        .lines()
        .filter(|line| line.split_whitespace().count() == 4 && line.len() == 21)
        .collect();
    assert_eq!(kit.len(), 8, "{told}");
    assert!(
        fs::read_to_string(data.join("strongroom.toml"))
            .unwrap()
            .contains("data = '.'")
    );
    let mut verify = strongroom();
    verify
        .args(["verify", "--data"])
        .arg(&data)
        .env("STRONGROOM_PASSPHRASE_FILE", &file);
    assert_clean_with(&mut verify);
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let made = Installation::new("127.0.0.1:0");
    let keyring = fs::read(made.path("keyring.toml")).unwrap();
    failed(&mut made.command("init"), "is not empty");
    let other = made.path("other.toml");
    fs::write(&other, "data = 'elsewhere'\nkeyring = 'keyring.toml'\n").unwrap();
    let mut init = strongroom();
    init.args(["init", "--config"])
        .arg(&other)
        .arg("--passphrase-file")
        .arg(made.path("passphrase"));
    failed(&mut init, "exists already");
    assert_eq!(fs::read(made.path("keyring.toml")).unwrap(), keyring);
    assert!(!made.path("elsewhere").exists());
}

#[test]
fn live_keys_are_refused_in_clear_beyond_this_machine() {
    let made = Installation::new("0.0.0.0:0");
    failed(&mut made.command("serve"), "keys would travel in clear");
    let mut serve = made.command("serve");
    let running = Running::start(serve.arg("--behind-proxy"));
    let serving = Serving { running };
    assert_eq!(serving.account(&made.shown("test secret key")).0, 200);
    let (status, problem) = serving.account(&made.shown("live secret key"));
    assert_eq!(
        (status, problem["code"].as_str()),
        (403, Some("live_mode_refused"))
    );
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
}

#[test]
fn every_failed_start_says_why() {
    let made = Installation::new("127.0.0.1:0");
    let serving = made.serve();
    failed(&mut made.command("serve"), "in use by another process");
    failed(&mut made.command("verify"), "in use by another process");
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));

    let wrong = made.path("wrong");
    fs::write(&wrong, "some other passphrase").unwrap();
    let mut serve = strongroom();
    serve
        .args(["serve", "--config"])
        .arg(made.path("strongroom.toml"))
        .arg("--passphrase-file")
        .arg(&wrong);
    failed(&mut serve, "the passphrase does not open the keyring");

    fs::rename(made.path("keyring.toml"), made.path("away")).unwrap();
    let err = failed(&mut made.command("serve"), "there is no keyring at");
    assert!(err.contains("keys recover"), "{err}");
    fs::rename(made.path("away"), made.path("keyring.toml")).unwrap();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(made.path("strongroom.toml"), config(&address)).unwrap();
    failed(
        &mut made.command("serve"),
        &format!("cannot listen on {address}"),
    );

    fs::write(
        made.path("strongroom.toml"),
        format!("{}danger_zone = true\n", config("127.0.0.1:0")),
    )
    .unwrap();
    failed(
        &mut made.command("serve"),
        "line 4: unknown field `danger_zone`",
    );

    fs::write(made.path("strongroom.toml"), config("127.0.0.1:0")).unwrap();
    set_schema_version(&made.path("data/strongroom.db"), 9_999);
    let err = failed(&mut made.command("serve"), "schema version 9999");
    assert!(err.contains("newer program"), "{err}");
}

/// A start that fails half way leaves nothing behind, and the next one works.
#[test]
fn a_failed_init_is_undone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("passphrase");
    fs::write(&file, PASSPHRASE).unwrap();
    let config = dir.path().join("here/strongroom.toml");
    let init = || {
        let mut init = strongroom();
        init.args(["init", "--config"]).arg(&config);
        init.arg("--passphrase-file").arg(&file);
        init
    };
    // The kit's folder is not there, which is found when the keyring is written already.
    failed(
        init()
            .arg("--recovery-kit")
            .arg(dir.path().join("missing/kit.txt")),
        "cannot write",
    );
    assert_eq!(
        fs::read_dir(dir.path().join("here/data")).unwrap().count(),
        0
    );
    assert!(!dir.path().join("here/keyring.toml").exists());
    assert!(done(&mut init()).contains("live secret key"));
}

/// A folder in which not even root can write.
#[test]
fn an_unwritable_directory_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("passphrase");
    fs::write(&file, PASSPHRASE).unwrap();
    for unwritable in ["/proc/strongroom", "/dev/null/strongroom"] {
        let mut init = strongroom();
        init.args(["init", "--data", unwritable, "--passphrase-file"])
            .arg(&file);
        failed(&mut init, unwritable);
        run(&["demo", "--port", "0", "--data", unwritable]).failed(unwritable);
    }
}

/// Bytes 60 to 63 of the file are SQLite's user version, which holds the schema's number.
fn set_schema_version(database: &Path, version: u32) {
    let mut bytes = fs::read(database).unwrap();
    bytes[60..64].copy_from_slice(&version.to_be_bytes());
    fs::write(database, bytes).unwrap();
}
