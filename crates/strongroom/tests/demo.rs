//! `strongroom demo`, as a person and as a script use it: over the wire, through restarts and kills.
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

use program::{Demo, Running, address, assert_clean, run, strongroom};
use rustix::process::Signal;
use serde_json::Value;
use strongroom_testkit::exchange::{Outgoing, Reply};

const FUNDS: i64 = 10_000_000;

#[test]
fn one_line_of_json_and_everything_in_it_works() {
    let demo = Demo::start(None);
    let mut names: Vec<&str> = demo
        .told
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "base_url",
            "data_dir",
            "organization_id",
            "publishable_key",
            "secret_key",
            "signing_secret",
            "wallets"
        ]
    );
    let account = demo.get("/v1/account");
    assert_eq!(
        (account["id"].as_str(), account["mode"].as_str()),
        (Some(demo.text("organization_id")), Some("test"))
    );
    for wallet in ["master", "operating", "reserve"] {
        assert_eq!(demo.available(wallet), FUNDS, "{wallet}");
        let id = demo.text(&format!("wallets/{wallet}"));
        assert_eq!(demo.get(&format!("/v1/wallets/{id}"))["type"], wallet);
    }
    let publishable = Outgoing::new(address(demo.text("base_url")), "GET", "/v1/account");
    assert_eq!(
        publishable
            .bearer(demo.text("publishable_key"))
            .send()
            .status,
        200
    );
    let second = Outgoing::new(address(demo.text("base_url")), "GET", "/v1/account")
        .bearer(demo.text("secret_key"));
    assert_eq!(second.signed("sign_of_somebody_else", 1).send().status, 401);

    let data = demo.text("data_dir").to_owned();
    assert!(Path::new(&data).join("strongroom.db").exists());
    let stopped = demo.running.stop(Signal::INT);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    assert_eq!((stopped.rest.as_str(), stopped.err.as_str()), ("", ""));
    assert!(
        !Path::new(&data).exists(),
        "a temporary folder goes with its demo"
    );
}

#[test]
fn money_and_credentials_outlive_stops_and_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("sandbox");
    let first = Demo::start(Some(&data));
    let paid = first.pay(700, "order-1");
    assert_eq!(paid.status, 201, "{}", paid.text());
    let told = without_address(&first.told);
    assert_eq!(first.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(&data);

    let second = Demo::start(Some(&data));
    assert_eq!(without_address(&second.told), told);
    let again = second.pay(700, "order-1");
    assert_eq!(
        (again.header("idempotent-replayed"), &again.body),
        (Some("true"), &paid.body)
    );
    assert_eq!(second.pay(300, "order-2").status, 201);
    second.running.kill();
    assert_clean(&data);

    let third = Demo::start(Some(&data));
    assert_eq!(without_address(&third.told), told);
    assert_eq!(
        (third.available("operating"), third.available("reserve")),
        (FUNDS - 1_000, FUNDS + 1_000)
    );
    assert_eq!(
        third.pay(300, "order-2").header("idempotent-replayed"),
        Some("true")
    );
    assert_eq!(third.running.stop(Signal::INT).status.code(), Some(0));
    assert_clean(&data);
}

fn without_address(told: &Value) -> Value {
    let mut told = told.clone();
    told.as_object_mut().unwrap().remove("base_url");
    told
}

/// Killed while it is being made, at each thing it makes: the next start finishes or makes it anew.
#[test]
fn a_demo_that_was_killed_while_being_made_is_made_anew() {
    let steps = [
        "demo-unfinished",
        "demo-passphrase",
        "keyring.toml",
        "strongroom.db",
        "strongroom.db-wal",
        "requests",
        "attempts",
    ];
    for step in steps {
        let dir = tempfile::tempdir().unwrap();
        let mut command = strongroom();
        let quiet = command
            .args(["demo", "--json", "--port", "0", "--data"])
            .arg(dir.path());
        let mut child = quiet.stdout(std::process::Stdio::null()).spawn().unwrap();
        while !dir.path().join(step).exists() && !dir.path().join("demo.json").exists() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let demo = Demo::start(Some(dir.path()));
        assert_eq!(demo.available("operating"), FUNDS, "killed at {step}");
        assert!(!dir.path().join("demo-unfinished").exists());
        assert_eq!(demo.running.stop(Signal::INT).status.code(), Some(0));
        assert_clean(dir.path());
    }
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(dir.path().join("strongroom.db"), "precious").unwrap();
    let data = dir.path().to_str().unwrap();
    run(&["demo", "--port", "0", "--data", data]).failed("is not empty and holds no demo");
    assert_eq!(
        fs::read_to_string(dir.path().join("strongroom.db")).unwrap(),
        "precious"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(mode(dir.path()), 0o755);
}

#[test]
fn two_at_once_and_taken_ports_are_told_clearly() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    let data = dir.path().to_str().unwrap();
    for command in [
        &["demo", "--port", "0", "--data", data][..],
        &["verify", "--data", data],
    ] {
        let err = run(command).failed("in use by another process");
        assert!(err.contains("hint:"), "{err}");
    }
    let port = address(demo.text("base_url")).port().to_string();
    run(&["demo", "--port", &port]).failed(&format!("cannot listen on 127.0.0.1:{port}"));
    assert_eq!(demo.running.stop(Signal::INT).status.code(), Some(0));
}

/// Nobody but the owner reads what a demo leaves, its database included.
#[test]
fn all_its_files_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("sandbox");
    let demo = Demo::start(Some(&data));
    assert_eq!(demo.pay(1, "private").status, 201);
    assert_eq!(mode(&data), 0o700);
    let mut folders = vec![data];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
    assert!(files >= 6, "{files}");
    assert_eq!(demo.running.stop(Signal::INT).status.code(), Some(0));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.pay(1, "damage").status, 201);
    assert_eq!(demo.running.stop(Signal::INT).status.code(), Some(0));
    let database = dir.path().join("strongroom.db");
    let mut bytes = fs::read(&database).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[4090] ^= 1;
    }
    fs::write(&database, bytes).unwrap();
    let ended = run(&["verify", "--data", dir.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.out.contains("damage: ") || ended.err.starts_with("error: "),
        "{ended:?}"
    );
}

#[test]
fn the_tour_keeps_its_promises() {
    let out = run(&["demo", "--tour"]).done();
    assert!(out.ends_with("Every step did what it claims.\n"), "{out}");
    for promise in [
        "Idempotent-Replayed: true",
        "insufficient_funds",
        "idempotency_key_reused",
        "no damage found",
    ] {
        assert!(out.contains(promise), "{promise}");
    }
    let folder = out
        .lines()
        .find_map(|line| line.split_once("strongroom verify --data "))
        .unwrap()
        .1;
    assert!(!Path::new(folder).exists());
}

/// The tour on a folder that is kept, twice: nothing of the first walk stands in the way of the second.
#[test]
fn the_tour_can_be_walked_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    run(&["demo", "--tour", "--data", data, "--rail-step", "10"]).done();
    run(&["demo", "--tour", "--data", data, "--rail-step", "10"]).done();
    assert_clean(dir.path());
}

/// The printed lines do what they say, each as the shell would read it.
#[test]
fn the_printed_lines_work() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = strongroom();
    let mut running = Running::start(
        command
            .args(["demo", "--port", "0", "--data"])
            .arg(dir.path()),
    );
    let lines = running.lines_until("Ctrl-C ends it");
    let curls: Vec<Curl> = lines
        .iter()
        .filter(|line| line.starts_with("curl "))
        .map(|line| Curl::parse(line))
        .collect();
    assert_eq!(curls.len(), 8, "{lines:#?}");
    for curl in &curls {
        let reply = curl.send();
        assert!(
            matches!(reply.status, 200 | 201),
            "{}: {}",
            curl.url,
            reply.text()
        );
        if curl.method == "POST" {
            assert_eq!(curl.send().body, reply.body, "{} pays once", curl.url);
        }
        if let Some((file, then)) = &curl.then {
            fs::write(file, &reply.body).unwrap();
            assert_eq!(then[0], env!("CARGO_BIN_EXE_strongroom"));
            assert!(run(&then[1..]).done().contains("verified"));
        }
    }
    let posts = curls.iter().filter(|curl| curl.method == "POST").count();
    let proofs = curls.iter().filter(|curl| curl.then.is_some()).count();
    assert_eq!((posts, proofs), (2, 1));
    assert!(lines.iter().any(|line| line.contains("/metrics")));
    assert_eq!(running.stop(Signal::INT).status.code(), Some(0));
}

/// A curl line, taken apart.
struct Curl {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// The file of the reply, and the command behind `&&`.
    then: Option<(String, Vec<String>)>,
}

impl Curl {
    fn parse(line: &str) -> Curl {
        let mut words = words(line).into_iter().skip(1);
        let mut curl = Curl {
            method: "GET".into(),
            url: String::new(),
            headers: vec![],
            body: None,
            then: None,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "-sS" => {}
                "-w" => assert_eq!(words.next().as_deref(), Some("\\n")),
                "-X" => curl.method = words.next().unwrap(),
                "-d" => curl.body = words.next(),
                "-o" => curl.then = Some((words.next().unwrap(), Vec::new())),
                "-H" => {
                    let header = words.next().unwrap();
                    let (name, value) = header.split_once(": ").unwrap();
                    curl.headers.push((name.into(), value.into()));
                }
                "&&" => curl.then.as_mut().unwrap().1 = words.by_ref().collect(),
                url => {
                    assert!(url.starts_with("http://") && curl.url.is_empty(), "{url}");
                    curl.url = url.into();
                }
            }
        }
        curl
    }

    fn send(&self) -> Reply {
        let (host, path) = self
            .url
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let mut outgoing = Outgoing::new(host.parse().unwrap(), &self.method, &format!("/{path}"));
        for (name, value) in &self.headers {
            outgoing = outgoing.header(name, value);
        }
        match &self.body {
            Some(body) => outgoing.body(body).send(),
            None => outgoing.send(),
        }
    }
}

/// A line's words as a shell reads them: blanks separate, single quotes hold together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    assert!(!quoted, "{line}");
    words.into_iter().filter(|word| !word.is_empty()).collect()
}
