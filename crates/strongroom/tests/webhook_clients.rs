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

mod listening;
mod program;
mod receiving;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use listening::Listening;
use program::Demo;
use receiving::delivery::{Delivery, delivered};
use receiving::every_event;
use receiving::foreign::{self, Found};
use receiving::{TO_THIS_MACHINE, delivery};
use serde_json::{Value, json};
use strongroom_client::webhook::Verifier;
use strongroom_client::{Credentials, GapHealer};
use strongroom_testkit::receiver::{Received, Receiver};
use strongroom_types::secret::SecretText;

/// A program's exit code for "does not verify".
const REFUSED: i32 = 3;

/// A client that is given a delivery's file; or why it cannot be run here.
struct Receiving {
    name: &'static str,
    line: Found<Line>,
}

/// A command, all but the delivery's file, which stands behind the script.
struct Line {
    program: PathBuf,
    script: Option<PathBuf>,
    more: Vec<OsString>,
}

impl Line {
    fn run(&self, delivery: &Path) -> Output {
        let mut command = Command::new(&self.program);
        command.args(&self.script).arg(delivery).args(&self.more);
        command.output().unwrap()
    }
}

#[test]
fn a_delivery_is_verified_by_everybody() {
    let demo = Demo::start_with(None, &TO_THIS_MACHINE);
    let delivery = delivered(&demo);
    by_our_crate(&delivery);
    by_clients(&delivery);
    assert_eq!(
        demo.running
            .stop(rustix::process::Signal::INT)
            .status
            .code(),
        Some(0)
    );
}

/// What `strongroom listen` brings is verified by the same clients, with the secret that it shows.
#[test]
fn a_forwarded_event_is_verified_by_everybody() {
    let demo = Demo::start(None);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), demo.text("secret_key")).unwrap();
    let receiver = Receiver::willing();
    let url = demo.text("base_url");
    let types = ["--events", "payout.completed"];
    let listener = Listening::following(folder.path(), url, &receiver.url(), &types);
    assert_eq!(demo.pay(700, "listen").status, 201);
    let Received { headers, body, .. } = delivery::next(&receiver, "payout.completed");
    let delivery = Delivery {
        body,
        headers,
        secret: listener.secret(),
        public_key: None,
    };
    listener.stop();
    by_our_crate(&delivery);
    by_clients(&delivery);
}

/// All that can be run here take a delivery, and refuse it when it was changed.
fn by_clients(delivery: &Delivery) {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("delivery.json");
    let bad = folder.path().join("tampered.json");
    std::fs::write(&good, delivery.file().to_string()).unwrap();
    std::fs::write(&bad, delivery.tampered().file().to_string()).unwrap();
    let mut verified = 1;
    for client in clients() {
        let line = match client.line {
            Ok(line) => line,
            Err(reason) => {
                println!("skipped: {}: {reason}", client.name);
                continue;
            }
        };
        for (file, code) in [(&good, 0), (&bad, REFUSED)] {
            let said = line.run(file);
            let what = format!("{} on {}: {}", client.name, file.display(), text(&said));
            assert_eq!(said.status.code(), Some(code), "{what}");
        }
        println!("verified: {}", client.name);
        verified += 1;
    }
    println!("verified by {verified} clients, the crate strongroom-client among them");
}

fn by_our_crate(delivery: &Delivery) {
    let secret = SecretText::new(delivery.secret.clone());
    let mut verifier = Verifier::new().secret(&secret).unwrap();
    let mut expected = vec!["standard", "nextapi", "nopos"];
    if let Some(key) = delivery.public_key.as_deref() {
        verifier = verifier.public_key(key).unwrap();
        expected.insert(1, "ed25519");
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
    assert_eq!(schemes, expected);
    assert_eq!(verified.id.as_deref(), Some(verified.event.id.as_str()));
    let changed = delivery.tampered().body;
    assert!(verifier.verify(changed.as_bytes(), pairs(), now).is_err());
}

fn clients() -> Vec<Receiving> {
    let node = || foreign::program("node");
    let npm = |package: &str| {
        let (node, folder) = foreign::from_npm()?;
        let more = vec![package.into(), folder.into_os_string()];
        Ok(line(node, "clients/library.mjs", more))
    };
    let documents = |which: &str| Ok(line(node()?, "clients/documents.mjs", vec![which.into()]));
    let python = |python, which: &str| line(python, "clients/verify.py", vec![which.into()]);
    let cargo = |program| Line {
        program,
        script: None,
        more: Vec::new(),
    };
    let all = [
        (
            "the NextAPI document's snippet, on the parsed body",
            documents("nextapi"),
        ),
        (
            "the NoPOS document's snippet, on the raw body",
            documents("nopos"),
        ),
        (
            "our TypeScript SDK",
            node().map(|node| line(node, "clients/sdk.mjs", Vec::new())),
        ),
        (
            "our Python SDK",
            foreign::python().map(|found| python(found, "sdk")),
        ),
        ("standardwebhooks of npm", npm("standardwebhooks")),
        ("svix of npm", npm("svix")),
        (
            "standardwebhooks of PyPI",
            foreign::from_pypi().map(|found| python(found, "library")),
        ),
        ("standardwebhooks of Rust", foreign::from_cargo().map(cargo)),
    ];
    all.into_iter()
        .map(|(name, line)| Receiving { name, line })
        .collect()
}

fn line(program: PathBuf, script: &str, more: Vec<OsString>) -> Line {
    Line {
        program,
        script: Some(foreign::file(script)),
        more,
    }
}

/// `body === JSON.stringify(JSON.parse(body))` for every type of event there is.
#[test]
fn javascript_writes_every_event_as_we_do() {
    let Ok(node) = foreign::program("node").inspect_err(|reason| println!("skipped: {reason}"))
    else {
        return;
    };
    let arguments = [&TO_THIS_MACHINE[..], &["--rail-step", "10"]].concat();
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

/// A receiver that is told of wallets only, and heals the rest from the server's own stream.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_webhook_brought_is_healed() {
    let demo = Demo::start_with(None, &TO_THIS_MACHINE);
    let receiver = Receiver::willing();
    let wanted = json!({ "url": receiver.url(), "events": ["wallet.credited"] });
    let made = demo.request("POST", "/v1/webhooks").json(&wanted).send();
    assert_eq!(made.status, 201, "{}", made.text());
    for n in 0..60 {
        assert_eq!(demo.pay(100 + n, &format!("pay-{n}")).status, 201);
    }
    let brought = delivery::next(&receiver, "wallet.credited").json();
    let brought = brought["id"].as_str().unwrap();
    let credentials = Credentials {
        key: SecretText::new(demo.text("secret_key").into()),
        signing_secret: None,
    };
    let client = strongroom_client::Client::new(demo.text("base_url"), credentials).unwrap();
    let mut healer = GapHealer::default();
    assert!(healer.is_new(brought));
    healer.handled(brought);
    let healed = healer.heal(&client).await.unwrap();
    assert!(healed.complete);
    let healed: Vec<String> = healed.missed.into_iter().map(|event| event.id).collect();
    let mut all: Vec<String> = every_event::stream(&demo)
        .iter()
        .map(|body| {
            serde_json::from_str::<Value>(body).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(
        all.len() > 100,
        "{} events are more than one page",
        all.len()
    );
    assert!(all.is_sorted(), "ids grow with the stream");
    assert_eq!(healer.cursor(), all.last().map(String::as_str));
    all.retain(|id| id != brought);
    assert_eq!(healed, all);
    assert!(healer.heal(&client).await.unwrap().missed.is_empty());
    assert!(!healer.is_new(brought));
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
fn the_typescript_sdk_type_checks_and_its_types_are_made_from_it() {
    let (node, compiler) = match foreign::typescript() {
        Ok(found) => found,
        Err(reason) => return println!("skipped: typescript: {reason}"),
    };
    let sdk = foreign::root().join("sdk/typescript");
    let made = tempfile::tempdir().unwrap();
    let said = Command::new(node)
        .arg(compiler.join("node_modules/typescript/bin/tsc"))
        .arg("--project")
        .arg(&sdk)
        .arg("--typeRoots")
        .arg(compiler.join("node_modules/@types"))
        .arg("--outDir")
        .arg(made.path())
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", text(&said));
    let mut files = 0;
    for entry in std::fs::read_dir(made.path()).unwrap() {
        let name = entry.unwrap().file_name();
        let read = |folder: &Path| std::fs::read_to_string(folder.join(&name));
        let committed = read(&sdk.join("types")).unwrap_or_default();
        let about = "run `npm run types` in sdk/typescript";
        assert_eq!(committed, read(made.path()).unwrap(), "{name:?}: {about}");
        files += 1;
    }
    assert_eq!(files, std::fs::read_dir(sdk.join("types")).unwrap().count());
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
