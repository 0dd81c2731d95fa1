//! `strongroom listen` under test, and a network that is cut again and again.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod proxy;

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use strongroom_testkit::receiver::Received;

use crate::program::{Demo, strongroom};
use crate::receiving::every_event;

/// How long a test waits; far longer than anything takes.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// 32 bytes behind the prefix.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A folder with the demo's key and a secret.
pub fn folder(demo: &Demo) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), demo.text("secret_key")).unwrap();
    fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    folder
}

pub fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// The ids of all events, in the stream's order.
pub fn ids(demo: &Demo) -> Vec<String> {
    let id = |body: &String| serde_json::from_str::<Value>(body).unwrap()["id"].clone();
    let bodies = every_event::stream(demo);
    let ids = bodies
        .iter()
        .map(|body| id(body).as_str().unwrap().to_owned());
    ids.collect()
}

pub fn id(received: &Received) -> String {
    received.header("webhook-id").to_owned()
}

/// A listener that runs, or did.
pub struct Listening {
    child: Child,
    folder: PathBuf,
    /// What stood in the file of its output before.
    before: usize,
}

impl Listening {
    /// Starts it with the key of a file in `folder`; what it prints is added to files there.
    #[track_caller]
    pub fn start(folder: &Path, url: &str, forward: &str, more: &[&str]) -> Listening {
        let add = |name: &str| -> File {
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).open(folder.join(name));
            file.unwrap()
        };
        let before = read(folder, "out").len();
        let child = command(folder, url, forward)
            .args(more)
            .stdout(add("out"))
            .stderr(add("err"))
            .spawn();
        Listening {
            child: child.unwrap(),
            folder: folder.to_path_buf(),
            before,
        }
    }

    /// The same, and waits until it follows the stream.
    #[track_caller]
    pub fn following(folder: &Path, url: &str, forward: &str, more: &[&str]) -> Listening {
        let before = read(folder, "out").matches("Following").count();
        let listening = Listening::start(folder, url, forward, more);
        until("it follows", || {
            read(folder, "out").matches("Following").count() > before
        });
        listening
    }

    pub fn out(&self) -> String {
        read(&self.folder, "out")
    }

    pub fn err(&self) -> String {
        read(&self.folder, "err")
    }

    /// The secret that it showed last.
    #[track_caller]
    pub fn secret(&self) -> String {
        let shown = |line: &str| {
            Some(
                line.trim()
                    .strip_prefix("signing secret")?
                    .trim()
                    .to_owned(),
            )
        };
        self.out().lines().rev().find_map(shown).unwrap()
    }

    pub fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has; not before it has introduced itself, as from then on it stops in good order.
    #[track_caller]
    pub fn stop(self) {
        until("it says who it is", || self.out().len() > self.before);
        self.send(Signal::INT);
        let err = self.err();
        assert_eq!(self.ended().code(), Some(0), "{err}");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", self.err());
            pause(Duration::from_millis(10));
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // A test that failed leaves none behind; one that ended has none.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The command with a key file `key` in `folder`.
pub fn command(folder: &Path, url: &str, forward: &str) -> Command {
    let mut command = strongroom();
    command
        .args(["listen", "--url", url, "--forward", forward, "--key-file"])
        .arg(folder.join("key"));
    command
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        pause(Duration::from_millis(10));
    }
}

pub fn pause(time: Duration) {
    let (_wait, never) = channel::<()>();
    let _ = never.recv_timeout(time);
}
