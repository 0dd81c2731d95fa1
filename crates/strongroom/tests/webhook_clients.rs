//! One delivery, verified by whoever may receive it: the documents' snippets, libraries that are not ours, our SDKs; and
//! what is written in JavaScript and Python beside the workspace, run with the programs that this machine has.
//!
//! Libraries from elsewhere are installed, by name, only under `STRONGROOM_TEST_ALL` (`acceptance/webhooks/run.sh`).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;
mod receiving;

use std::path::PathBuf;
use std::process::{Command, Output};

use program::Demo;
use receiving::delivery::{Delivery, delivered};
use receiving::every_event;
use receiving::foreign::{self, Found};
use serde_json::{Value, json};
use strongroom_client::webhook::Verifier;
use strongroom_types::secret::SecretText;

/// A program's exit code for "does not verify".
const REFUSED: i32 = 3;

/// A client that is given a delivery's file.
struct Client {
    name: &'static str,
    /// The command, to which nothing but the file is missing; or why it cannot be run here.
    command: Found<Box<dyn Fn(&PathBuf) -> Command>>,
}

#[test]
fn a_delivery_is_verified_by_everybody() {
    let demo = Demo::start_with(None, &receiving::arguments());
    let delivery = delivered(&demo);
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("delivery.json");
    let bad = folder.path().join("tampered.json");
    std::fs::write(&good, delivery.file().to_string()).unwrap();
    std::fs::write(&bad, delivery.tampered().file().to_string()).unwrap();

    by_our_crate(&delivery);
    let mut verified = 1;
    for client in clients() {
        let command = match client.command {
            Ok(command) => command,
            Err(reason) => {
                println!("skipped: {}: {reason}", client.name);
                continue;
            }
        };
        let said = command(&good).output().unwrap();
        assert_eq!(
            said.status.code(),
            Some(0),
            "{}: {}",
            client.name,
            text(&said)
        );
        let said = command(&bad).output().unwrap();
        let code = said.status.code();
        assert_eq!(
            code,
            Some(REFUSED),
            "{} takes a changed body: {}",
            client.name,
            text(&said)
        );
        println!("verified: {}", client.name);
        verified += 1;
    }
    println!("verified by {verified} clients, the crate strongroom-client among them");
    assert_eq!(
        demo.running
            .stop(rustix::process::Signal::INT)
            .status
            .code(),
        Some(0)
    );
}

fn by_our_crate(delivery: &Delivery) {
    let secret = SecretText::new(delivery.secret.clone());
    let mut verifier = Verifier::new().secret(&secret).unwrap();
    let mut wanted = vec!["standard", "nextapi", "nopos"];
    if let Some(key) = &delivery.public_key {
        verifier = verifier.public_key(key).unwrap();
        wanted.insert(1, "ed25519");
    }
    let pairs = || {
        delivery
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    };
    let now = receiving::unix_seconds();
    let verified = verifier
        .verify(delivery.body.as_bytes(), pairs(), now)
        .unwrap();
    let schemes: Vec<_> = verified
        .schemes
        .iter()
        .map(|scheme| scheme.as_str())
        .collect();
    assert_eq!(schemes, wanted);
    assert_eq!(verified.id.as_deref(), Some(verified.event.id.as_str()));
    let changed = delivery.tampered().body;
    assert!(verifier.verify(changed.as_bytes(), pairs(), now).is_err());
}

fn clients() -> Vec<Client> {
    let node = |name, script: &'static str, more: &'static [&'static str]| Client {
        name,
        command: foreign::program("node").map(|node| {
            let script = foreign::file(script);
            Box::new(move |delivery: &PathBuf| {
                let mut command = Command::new(&node);
                command.arg(&script).arg(delivery).args(more);
                command
            }) as Box<dyn Fn(&PathBuf) -> Command>
        }),
    };
    let mut all = vec![
        node(
            "the NextAPI document's snippet, parsed body",
            "clients/documents.mjs",
            &["nextapi"],
        ),
        node(
            "the NoPOS document's snippet, raw body",
            "clients/documents.mjs",
            &["nopos"],
        ),
        node("our TypeScript SDK", "clients/sdk.mjs", &[]),
    ];
    all.push(python("our Python SDK", "sdk", foreign::python()));
    all.extend(["standardwebhooks", "svix"].map(library));
    let library = foreign::from_pypi();
    all.push(python("standardwebhooks of PyPI", "library", library));
    all.push(Client {
        name: "standardwebhooks of Rust",
        command: foreign::from_cargo().map(|program| {
            Box::new(move |delivery: &PathBuf| {
                let mut command = Command::new(&program);
                command.arg(delivery);
                command
            }) as Box<dyn Fn(&PathBuf) -> Command>
        }),
    });
    all
}

fn python(name: &'static str, which: &'static str, python: Found<PathBuf>) -> Client {
    let command = python.map(|python| {
        Box::new(move |delivery: &PathBuf| {
            let mut command = Command::new(&python);
            command
                .arg(foreign::file("clients/verify.py"))
                .arg(delivery)
                .arg(which);
            command
        }) as Box<dyn Fn(&PathBuf) -> Command>
    });
    Client { name, command }
}

fn library(package: &'static str) -> Client {
    let command = foreign::from_npm().map(|(node, folder)| {
        Box::new(move |delivery: &PathBuf| {
            let mut command = Command::new(&node);
            command
                .arg(foreign::file("clients/library.mjs"))
                .arg(delivery);
            command.arg(package).arg(&folder);
            command
        }) as Box<dyn Fn(&PathBuf) -> Command>
    });
    let name = if package == "svix" {
        "svix of npm"
    } else {
        "standardwebhooks of npm"
    };
    Client { name, command }
}

/// `body === JSON.stringify(JSON.parse(body))` for every type of event there is.
#[test]
fn javascript_writes_every_event_as_we_do() {
    let Ok(node) = foreign::program("node").inspect_err(|reason| println!("skipped: {reason}"))
    else {
        return;
    };
    let arguments = [&receiving::arguments()[..], &["--rail-step", "10"]].concat();
    let demo = Demo::start_with(None, &arguments);
    let bodies = every_event::bodies(&demo);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bodies.json");
    std::fs::write(&file, json!(bodies).to_string()).unwrap();
    let said = Command::new(node)
        .arg(foreign::file("clients/roundtrip.mjs"))
        .arg(file)
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(
        found,
        json!({ "bodies": bodies.len(), "changed": [] }),
        "{}",
        text(&said)
    );
    assert_eq!(
        demo.running
            .stop(rustix::process::Signal::INT)
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn the_typescript_sdk_and_the_page_pass_their_tests() {
    let Ok(node) = foreign::program("node").inspect_err(|reason| println!("skipped: {reason}"))
    else {
        return;
    };
    let said = Command::new(node)
        .arg("--test")
        .arg(foreign::root().join("sdk/typescript/test/client.test.js"))
        .arg(foreign::root().join("sdk/typescript/test/webhooks.test.js"))
        .arg(foreign::file("page.test.mjs"))
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", text(&said));
}

#[test]
fn the_python_sdk_passes_its_tests() {
    let Ok(python) = foreign::python().inspect_err(|reason| println!("skipped: {reason}")) else {
        return;
    };
    let folder = foreign::root().join("sdk/python");
    let said = Command::new(python)
        .args(["-B", "-m", "unittest", "discover", "-s", "tests"])
        .env("PYTHONPATH", folder.join("src"))
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", text(&said));
}

fn text(said: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    )
}
