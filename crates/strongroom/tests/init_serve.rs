//! `init`, `serve` and what keeps an installation: keyring, passphrase, recovery kit, second tenants; and each way in
//! which a start can fail.

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use program::{Running, address, assert_clean_with, run, strongroom};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::exchange::Outgoing;
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery staple";

/// An installation in a folder of its own.
struct Installation {
    dir: TempDir,
    /// What `init` printed.
    told: String,
}

impl Installation {
    /// Made by `init`, with a configuration that listens on any port.
    fn new(listen: &str) -> Installation {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        fs::write(dir.path().join("strongroom.toml"), config(listen)).unwrap();
        let mut installation = Installation {
            dir,
            told: String::new(),
        };
        let arguments = [
            "--organization",
            "Acme Payments",
            "--currency",
            "EUR",
            "--recovery-kit",
        ];
        let mut init = installation.command("init");
        init.args(arguments).arg(installation.path("kit.txt"));
        let output = init.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        installation.told = String::from_utf8(output.stdout).unwrap();
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command on this installation, with its passphrase.
    fn command(&self, name: &str) -> Command {
        let mut command = strongroom();
        command.args(name.split(' '));
        command.arg("--config").arg(self.path("strongroom.toml"));
        command
            .arg("--passphrase-file")
            .arg(self.path("passphrase"));
        command
    }

    fn serve(&self) -> Serving {
        let running = Running::start(&mut self.command("serve"));
        Serving { running }
    }

    /// A key or secret from a table that was printed.
    fn shown(&self, name: &str) -> String {
        value(&self.told, name)
    }
}

fn config(listen: &str) -> String {
    format!("data = 'data'\nkeyring = 'keyring.toml'\nlisten = '{listen}'\n")
}

fn value(table: &str, name: &str) -> String {
    let line = table
        .lines()
        .find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_else(|| panic!("no `{name}` in {table}"))
        .trim()
        .to_owned()
}

/// A server that serves.
struct Serving {
    running: Running,
}

impl Serving {
    fn request(&self, method: &str, target: &str, key: &str) -> Outgoing {
        let port = address(&self.running.line).port();
        Outgoing::new(format!("127.0.0.1:{port}").parse().unwrap(), method, target).bearer(key)
    }

    fn account(&self, key: &str) -> (u16, Value) {
        let reply = self.request("GET", "/v1/account", key).send();
        (reply.status, reply.json())
    }
}

fn seconds() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a client signs with its own time"
    )]
    let now = SystemTime::now();
    i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Runs a command that must fail, and gives what it said.
#[track_caller]
fn failed(command: &mut Command, words: &str) -> String {
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    let line = err
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap_or_else(|| panic!("{err}"));
    assert!(line.contains(words), "`{words}` is not in `{line}`");
    assert!(
        !err.contains(PASSPHRASE) && !err.contains("panicked"),
        "{err}"
    );
    err
}

#[track_caller]
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
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
fn a_second_organization_sees_nothing_of_the_first() {
    let made = Installation::new("127.0.0.1:0");
    let mut add = made.command("organization add");
    let told = done(add.args(["--name", "Second Shop"]));
    let second = value(&told, "test secret key");
    let serving = made.serve();
    let wallet = serving
        .request("POST", "/v1/wallets", &made.shown("test secret key"))
        .json(&json!({ "type": "master" }));
    let id = wallet.send().field("id");
    assert_eq!(serving.account(&second).1["name"], "Second Shop");
    assert_eq!(
        serving
            .request("GET", &format!("/v1/wallets/{id}"), &second)
            .send()
            .status,
        404
    );
    failed(
        made.command("organization add").args(["--name", "Third"]),
        "in use by another process",
    );
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    failed(
        made.command("organization add").args(["--name", " "]),
        "1 to 200 characters",
    );
    assert_clean_with(&mut made.command("verify"));
}

#[test]
fn live_keys_are_refused_in_clear_beyond_this_machine() {
    let made = Installation::new("0.0.0.0:0");
    let serving = made.serve();
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

#[test]
fn the_passphrase_changes_and_the_kit_recovers() {
    let made = Installation::new("127.0.0.1:0");
    let new = made.path("new-passphrase");
    fs::write(&new, "another long passphrase").unwrap();
    done(
        made.command("keys passphrase")
            .arg("--new-passphrase-file")
            .arg(&new),
    );
    failed(
        &mut made.command("verify"),
        "the passphrase does not open the keyring",
    );
    fs::copy(&new, made.path("passphrase")).unwrap();
    assert_clean_with(&mut made.command("verify"));

    // The keyring is lost; a kit of another installation does not replace it, its own does.
    fs::remove_file(made.path("keyring.toml")).unwrap();
    let other = Installation::new("127.0.0.1:0");
    let recover = |kit: PathBuf| {
        let mut command = made.command("keys recover");
        command
            .arg("--recovery-kit")
            .arg(kit)
            .arg("--new-passphrase-file")
            .arg(&new);
        command
    };
    let err = failed(&mut recover(other.path("kit.txt")), "keyring");
    assert!(
        err.contains("recovery kit must be the one of this data directory"),
        "{err}"
    );
    assert!(!made.path("keyring.toml").exists());
    let typed = made.path("typed");
    let mistyped =
        fs::read_to_string(made.path("kit.txt"))
            .unwrap()
            .replacen(['7', '8', '9'], "3", 1);
    fs::write(&typed, mistyped).unwrap();
    failed(&mut recover(typed), "mistyped");
    done(&mut recover(made.path("kit.txt")));
    assert_clean_with(&mut made.command("verify"));
    let serving = made.serve();
    assert_eq!(serving.account(&made.shown("test secret key")).0, 200);
    assert_eq!(serving.running.stop(Signal::INT).status.code(), Some(0));
}

/// A log taken elsewhere verifies there, and only under the key and the checkpoint that are known.
#[test]
fn an_exported_log_verifies_alone() {
    let made = Installation::new("127.0.0.1:0");
    let serving = made.serve();
    let test = made.shown("test secret key");
    assert_eq!(
        serving
            .request("POST", "/v1/wallets", &test)
            .json(&json!({ "type": "master" }))
            .send()
            .status,
        201
    );
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));

    let bundle = made.path("log.json");
    let organization = made.shown("organization");
    let mut export = made.command("audit export");
    export
        .args([
            "--organization",
            &organization,
            "--mode",
            "test",
            "--opened",
            "--out",
        ])
        .arg(&bundle);
    done(&mut export);
    let parsed: Value = serde_json::from_slice(&fs::read(&bundle).unwrap()).unwrap();
    let note = made.path("note.txt");
    fs::write(&note, parsed["checkpoint"].as_str().unwrap()).unwrap();
    let key = parsed["verifier_key"].as_str().unwrap();

    let check = |more: &[&str]| {
        let mut command = strongroom();
        command
            .args(["audit", "verify"])
            .arg(&bundle)
            .args(more)
            .output()
            .unwrap()
    };
    let note = note.to_str().unwrap();
    assert_eq!(check(&[]).status.code(), Some(0));
    assert_eq!(
        check(&["--key", key, "--checkpoint", note]).status.code(),
        Some(0)
    );
    assert_eq!(
        check(&["--key", "strongroom/other+00000000+AAAA"])
            .status
            .code(),
        Some(1)
    );
    let mut whole = made.command("audit verify");
    assert_clean_with(whole.args(["--checkpoint", note]));

    let altered = fs::read_to_string(&bundle)
        .unwrap()
        .replacen("\"time\":1", "\"time\":2", 1);
    fs::write(&bundle, altered).unwrap();
    let found = check(&[]);
    assert_eq!(found.status.code(), Some(1));
    assert!(
        String::from_utf8(found.stdout)
            .unwrap()
            .starts_with("damage: entry 1")
    );
}
