//! The commands of `docs/pos.md`, run as they stand against the demo.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::process::Command;

use program::{Demo, assert_clean};
use rustix::process::Signal;

const DOCUMENT: &str = include_str!("../../../docs/pos.md");

/// The shell blocks of the document, one after another.
fn script() -> String {
    let mut script = String::from("set -euo pipefail\n");
    let mut inside = false;
    for line in DOCUMENT.lines() {
        match (inside, line) {
            (false, "```sh") => inside = true,
            (true, "```") => inside = false,
            (true, line) => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}

#[test]
fn what_the_document_says_works() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: there is no curl here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path()));
    let ran = Command::new("bash")
        .args(["-c", &script()])
        .env("BASE_URL", demo.text("base_url"))
        .env("SECRET_KEY", demo.text("secret_key"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{out}\n{err}");
    let total = out.lines().find(|line| line.starts_with("TOTAL PHP"));
    assert!(total.is_some_and(|line| line.ends_with("195.00")), "{out}");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}
