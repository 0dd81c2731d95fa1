//! The built program under test: started, listened to, signalled, waited for with a deadline.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod installation;
pub mod writers;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use strongroom_testkit::exchange::{Outgoing, Reply};

/// How long a test waits for the program; far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program, with no terminal and nothing of the caller's environment that it reads.
pub fn strongroom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command
        .stdin(Stdio::null())
        .env_remove("RUST_LOG")
        .env_remove("STRONGROOM_PASSPHRASE_FILE")
        .env_remove("STRONGROOM_KEY_FILE");
    command
}

/// Runs the program to its end.
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ended {
    Ended::of(strongroom().args(arguments).output().unwrap())
}

/// What an ended program said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: Output) -> Ended {
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It did what it was asked for.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// It failed with a clear error: one lower-case sentence that holds `words`, no backtrace.
    #[track_caller]
    pub fn failed(self, words: &str) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        let line = self
            .err
            .lines()
            .find_map(|line| line.strip_prefix("error: "));
        let line = line.unwrap_or_else(|| panic!("no error line in {}", self.err));
        assert!(line.contains(words), "`{words}` is not in `{line}`");
        assert!(!line.starts_with(char::is_uppercase), "{line}");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }
}

/// A process that does not outlive the test that started it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // One that was waited for is not touched.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A program that runs.
pub struct Running {
    process: Process,
    out: BufReader<ChildStdout>,
    err: Receiver<String>,
    /// The first line it printed.
    pub line: String,
}

impl Running {
    /// Starts the program and waits for its first line.
    #[track_caller]
    pub fn start(command: &mut Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut stream = child.stderr.take().unwrap();
        let (send, err) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            drop(stream.read_to_string(&mut text));
            drop(send.send(text));
        });
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let running = Running {
            process: Process(child),
            out,
            err,
            line,
        };
        assert!(
            !running.line.is_empty(),
            "it printed nothing: {}",
            running.err.recv_timeout(PATIENCE).unwrap()
        );
        running
    }

    /// Reads on until a line that begins with `last`; gives all lines.
    pub fn lines_until(&mut self, last: &str) -> Vec<String> {
        let mut lines = vec![self.line.trim_end().to_owned()];
        while !lines.last().unwrap().starts_with(last) {
            let mut line = String::new();
            assert!(
                self.out.read_line(&mut line).unwrap() > 0,
                "it ended before `{last}`: {lines:?}"
            );
            lines.push(line.trim_end().to_owned());
        }
        lines
    }

    /// By which the system knows it.
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    pub fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(self, signal: Signal) -> Stopped {
        self.send(signal);
        self.ended()
    }

    /// Kills it as a power cut would.
    pub fn kill(self) {
        drop(self.process);
    }

    /// Waits for its end.
    pub fn ended(self) -> Stopped {
        let (send, receive) = channel();
        let (mut out, mut process) = (self.out, self.process);
        std::thread::spawn(move || {
            let mut rest = String::new();
            drop(out.read_to_string(&mut rest));
            drop(send.send((process.0.wait(), rest)));
        });
        let (status, rest) = receive.recv_timeout(PATIENCE).unwrap();
        Stopped {
            status: status.unwrap(),
            rest,
            err: self.err.recv_timeout(PATIENCE).unwrap(),
        }
    }
}

/// A program that ran and stopped.
#[derive(Debug)]
pub struct Stopped {
    pub status: ExitStatus,
    /// What it printed after its first line.
    pub rest: String,
    pub err: String,
}

/// A demo that runs.
pub struct Demo {
    pub running: Running,
    pub told: Value,
}

impl Demo {
    #[track_caller]
    pub fn start(data: Option<&Path>) -> Demo {
        Demo::start_with(data, &[])
    }

    #[track_caller]
    pub fn start_with(data: Option<&Path>, more: &[&str]) -> Demo {
        let mut command = strongroom();
        command.args(["demo", "--json", "--port", "0"]).args(more);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let running = Running::start(&mut command);
        let told = serde_json::from_str(&running.line).unwrap();
        Demo { running, told }
    }

    pub fn text(&self, field: &str) -> &str {
        self.told
            .pointer(&format!("/{field}"))
            .and_then(Value::as_str)
            .unwrap()
    }

    /// A request with its secret key.
    pub fn request(&self, method: &str, target: &str) -> Outgoing {
        Outgoing::new(address(self.text("base_url")), method, target)
            .bearer(self.text("secret_key"))
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Value {
        let reply = self.request("GET", target).send();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub fn available(&self, wallet: &str) -> i64 {
        let id = self.text(&format!("wallets/{wallet}"));
        self.get(&format!("/v1/wallets/{id}/balance"))["balances"]["available"]
            .as_i64()
            .unwrap()
    }

    /// Pays from the operating to the reserve wallet.
    pub fn pay(&self, amount: i64, key: &str) -> Reply {
        let recipient = serde_json::json!({ "type": "wallet", "id": self.text("wallets/reserve") });
        let body =
            serde_json::json!({ "amount": amount, "currency": "PHP", "recipient": recipient });
        self.request("POST", "/v1/payouts")
            .idempotent(key)
            .json(&body)
            .send()
    }
}

/// The address in `http://host:port`.
pub fn address(base_url: &str) -> SocketAddr {
    base_url
        .trim()
        .rsplit_once("http://")
        .unwrap()
        .1
        .parse()
        .unwrap()
}

/// `strongroom verify` finds nothing in a folder.
#[track_caller]
pub fn assert_clean(data: &Path) {
    let data = data.to_str().unwrap();
    assert!(
        run(&["verify", "--data", data])
            .done()
            .contains("no damage found")
    );
    assert!(
        run(&["audit", "verify", "--data", data])
            .done()
            .contains("no damage found")
    );
}

/// A command that verifies finds nothing.
#[track_caller]
pub fn assert_clean_with(command: &mut Command) {
    assert!(
        Ended::of(command.output().unwrap())
            .done()
            .contains("no damage found")
    );
}

/// The hashes of ceremonies in an opened export of the installation's log.
pub fn ceremony_hashes(bundle: &str) -> Vec<String> {
    let bundle: strongroom_audit::Bundle = serde_json::from_str(bundle).unwrap();
    let facts = bundle.entries.iter().filter_map(|entry| {
        let part = entry
            .parts
            .iter()
            .find(|part| part.tag == strongroom_domain::entry::tag::FACTS)?;
        let plain = &part.opened.as_ref()?.plaintext.0;
        strongroom_domain::entry::decode::<strongroom_domain::entry::EntryFacts>(plain).ok()
    });
    facts
        .filter(|facts| facts.action.as_str() == "ceremony_held")
        .flat_map(|facts| facts.details)
        .filter(|(name, _)| name == "transcript")
        .map(|(_, value)| value)
        .collect()
}
