//! An installation for a test: made by `init` in a folder of its own, served, and told what it said.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use strongroom_testkit::exchange::Outgoing;
use tempfile::TempDir;

use super::{Running, address, strongroom};

pub const PASSPHRASE: &str = "correct horse battery staple";

/// An installation in a folder of its own.
pub struct Installation {
    pub dir: TempDir,
    /// What `init` printed.
    pub told: String,
}

impl Installation {
    /// Made by `init`, with a configuration that listens on any port.
    pub fn new(listen: &str) -> Installation {
        Installation::configured(&config(listen))
    }

    /// Made by `init`, with this configuration.
    pub fn configured(text: &str) -> Installation {
        Installation::configured_with(text, &[])
    }

    /// The same, with files beside the configuration.
    pub fn configured_with(text: &str, files: &[(&str, &str)]) -> Installation {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(dir.path().join(name), content).unwrap();
        }
        fs::write(dir.path().join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        fs::write(dir.path().join("strongroom.toml"), text).unwrap();
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command on this installation, with its passphrase.
    pub fn command(&self, name: &str) -> Command {
        let mut command = strongroom();
        command.args(name.split(' '));
        command.arg("--config").arg(self.path("strongroom.toml"));
        command
            .arg("--passphrase-file")
            .arg(self.path("passphrase"));
        command
    }

    pub fn serve(&self) -> Serving {
        let running = Running::start(&mut self.command("serve"));
        Serving { running }
    }

    /// A key or secret from a table that was printed.
    pub fn shown(&self, name: &str) -> String {
        value(&self.told, name)
    }
}

pub fn config(listen: &str) -> String {
    format!("data = 'data'\nkeyring = 'keyring.toml'\nlisten = '{listen}'\n")
}

pub fn value(table: &str, name: &str) -> String {
    let line = table
        .lines()
        .find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_else(|| panic!("no `{name}` in {table}"))
        .trim()
        .to_owned()
}

/// A server that serves.
pub struct Serving {
    pub running: Running,
}

impl Serving {
    pub fn request(&self, method: &str, target: &str, key: &str) -> Outgoing {
        let port = address(&self.running.line).port();
        Outgoing::new(format!("127.0.0.1:{port}").parse().unwrap(), method, target).bearer(key)
    }

    pub fn account(&self, key: &str) -> (u16, Value) {
        let reply = self.request("GET", "/v1/account", key).send();
        (reply.status, reply.json())
    }
}

/// Runs a command that must fail, and gives what it said.
#[track_caller]
pub fn failed(command: &mut Command, words: &str) -> String {
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
pub fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
