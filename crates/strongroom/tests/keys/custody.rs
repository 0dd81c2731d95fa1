//! One suite for every keeping of the roots: passphrase, shares, HSM. And what each refuses, without falling back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::program::installation::{Serving, value};
use crate::program::{Ended, Running, strongroom};
use crate::softhsm::{PIN, SoftHsm};

const PASSPHRASE: &str = "correct horse battery staple";

/// How the roots are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Passphrase,
    Shares,
    Hsm,
}

/// An installation whose roots are kept in some way.
pub struct Kept {
    pub dir: TempDir,
    pub hsm: Option<SoftHsm>,
    /// What opens its keyring.
    pub opening: Vec<String>,
    pub told: String,
}

impl Kept {
    /// Made by `init`; nothing where there is no HSM.
    pub fn new(kind: Kind) -> Option<Kept> {
        let dir = tempfile::tempdir().unwrap();
        let hsm = match kind {
            Kind::Hsm => Some(SoftHsm::new(dir.path())?),
            _ => None,
        };
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let config = "data = 'data'\nkeyring = 'keyring.toml'\nlisten = '127.0.0.1:0'\n";
        fs::write(path("strongroom.toml"), config).unwrap();
        fs::write(path("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        fs::write(path("pin"), format!("{PIN}\n")).unwrap();
        let share = |number: u8| path(&format!("shares/share-{number}.txt"));
        let (making, opening) = match kind {
            Kind::Passphrase => {
                let both = vec!["--passphrase-file".to_owned(), path("passphrase")];
                (both.clone(), both)
            }
            Kind::Shares => {
                let making = [
                    "--root",
                    "shares",
                    "--shares",
                    "5",
                    "--threshold",
                    "3",
                    "--share-dir",
                ];
                let making = making
                    .iter()
                    .map(|&text| text.to_owned())
                    .chain([path("shares")]);
                let opening = [5, 1, 3]
                    .into_iter()
                    .flat_map(|n| ["--share-file".to_owned(), share(n)]);
                (making.collect(), opening.collect())
            }
            Kind::Hsm => {
                let module = hsm.as_ref().unwrap().module.to_str().unwrap().to_owned();
                let opening = vec![
                    "--hsm-module".to_owned(),
                    module,
                    "--pin-file".to_owned(),
                    path("pin"),
                ];
                let making = ["--root", "hsm", "--hsm-token", "pay"].map(str::to_owned);
                (making.into_iter().chain(opening.clone()).collect(), opening)
            }
        };
        let mut kept = Kept {
            dir,
            hsm,
            opening,
            told: String::new(),
        };
        let mut init = kept.bare("init");
        init.args(&making)
            .args(["--organization", "Acme", "--recovery-kit"])
            .arg(kept.path("kit.txt"));
        kept.told = Ended::of(init.output().unwrap()).done();
        Some(kept)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command on the installation, without what opens its keyring.
    pub fn bare(&self, name: &str) -> Command {
        let mut command = strongroom();
        command
            .args(name.split(' '))
            .arg("--config")
            .arg(self.path("strongroom.toml"));
        if let Some(hsm) = &self.hsm {
            command.env("SOFTHSM2_CONF", &hsm.conf);
        }
        command
    }

    pub fn command(&self, name: &str) -> Command {
        let mut command = self.bare(name);
        command.args(&self.opening);
        command
    }

    pub fn run(&self, name: &str, more: &[&str]) -> Ended {
        Ended::of(self.command(name).args(more).output().unwrap())
    }

    pub fn serve(&self) -> Serving {
        let running = Running::start(&mut self.command("serve"));
        Serving { running }
    }

    pub fn key(&self) -> String {
        value(&self.told, "test secret key")
    }

    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.run("verify", &[]).done().contains("no damage found"));
    }
}

/// Makes a wallet, so that something is sealed.
pub fn wallet(serving: &Serving, key: &str, name: &str) -> String {
    let reply = serving
        .request("POST", "/v1/wallets", key)
        .idempotent(&format!("wallet-{name}"))
        .json(&json!({ "type": "master", "currency": "PHP", "reference_id": name, "owner": { "name": "Ana Cruz" } }))
        .send();
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy_folder(&entry.path(), &target),
            kind if kind.is_file() => drop(fs::copy(entry.path(), target).unwrap()),
            _ => {}
        }
    }
}

/// What every keeping must do: found, serve, stop, verify, list, replace the roots under a running server, export,
/// recover by the kit; and an old copy of the data opens with the old keyring alone.
fn suite(kind: Kind) {
    let Some(kept) = Kept::new(kind) else { return };
    let key = kept.key();
    let serving = kept.serve();
    let first = wallet(&serving, &key, "first");
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    kept.assert_clean();
    copy_folder(&kept.path("data"), &kept.path("old-data"));
    fs::copy(kept.path("keyring.toml"), kept.path("old-keyring.toml")).unwrap();

    let serving = kept.serve();
    let told = kept.run("keys rotate", &["--level", "root"]).done();
    assert!(told.contains("0 records on the old version"), "{told}");
    let status = kept.run("keys status", &["--scan", "--json"]).done();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["root_version"], &status["shred_root_version"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(status["parts_under_missing_keys"], json!(0));
    wallet(&serving, &key, "second");
    let seen = serving
        .request("GET", &format!("/v1/wallets/{first}"), &key)
        .send();
    assert_eq!(seen.status, 200, "{}", seen.text());
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    kept.assert_clean();
    assert!(kept.run("audit export", &[]).done().contains("strongroom"));

    // The old copy, with the new keyring: unreadable. With the old keyring, which is to be destroyed: readable.
    let config = |data: &str, keyring: &str| format!("data = '{data}'\nkeyring = '{keyring}'\n");
    fs::write(kept.path("old.toml"), config("old-data", "keyring.toml")).unwrap();
    let verify = |config: &str| {
        let mut command = strongroom();
        command
            .arg("verify")
            .arg("--config")
            .arg(kept.path(config))
            .args(&kept.opening);
        if let Some(hsm) = &kept.hsm {
            command.env("SOFTHSM2_CONF", &hsm.conf);
        }
        Ended::of(command.output().unwrap())
    };
    verify("old.toml").failed("wrapped under root version 1");
    fs::write(
        kept.path("older.toml"),
        config("old-data", "old-keyring.toml"),
    )
    .unwrap();
    assert!(verify("older.toml").done().contains("no damage found"));

    // The kit of before is void, the new one makes a keyring under a passphrase, whatever kept it.
    let new = [
        "--new-passphrase-file",
        kept.path("passphrase").to_str().unwrap(),
    ]
    .map(str::to_owned);
    let recover = |kit: &str| {
        let mut command = kept.bare("keys recover");
        Ended::of(
            command
                .arg("--recovery-kit")
                .arg(kept.path(kit))
                .args(&new)
                .output()
                .unwrap(),
        )
    };
    recover("kit.txt").failed("root version 2");
    kept.run(
        "keys kit",
        &["--recovery-kit", kept.path("kit-2.txt").to_str().unwrap()],
    )
    .done();
    recover("kit-2.txt").done();
    let mut verify = kept.bare("verify");
    verify.arg("--passphrase-file").arg(kept.path("passphrase"));
    assert!(
        Ended::of(verify.output().unwrap())
            .done()
            .contains("no damage found")
    );
}

#[test]
fn a_passphrase_passes_the_suite() {
    suite(Kind::Passphrase);
}

#[test]
fn shares_pass_the_suite() {
    suite(Kind::Shares);
}

#[test]
fn an_hsm_passes_the_suite() {
    suite(Kind::Hsm);
}

#[test]
fn shares_that_do_not_belong_are_named() {
    let kept = Kept::new(Kind::Shares).unwrap();
    let other = Kept::new(Kind::Shares).unwrap();
    let share = |kept: &Kept, number: u8| kept.path(&format!("shares/share-{number}.txt"));
    let verify = |files: &[PathBuf]| {
        let mut command = kept.bare("verify");
        for file in files {
            command.arg("--share-file").arg(file);
        }
        Ended::of(command.output().unwrap())
    };
    let [one, two, three] = [1, 2, 3].map(|number| share(&kept, number));
    verify(&[one.clone(), two.clone()]).failed("2 shares were given, and 3 are needed");
    verify(&[one.clone(), two.clone(), one.clone()]).failed("share 1 was given twice");
    verify(&[one.clone(), two.clone(), share(&other, 3)]).failed("share 3 belongs to another set");
    let text = fs::read_to_string(&three).unwrap();
    let typo = match text.as_bytes()[7] {
        b'A' => text.replacen('A', "B", 1),
        _ => format!("{}A{}", &text[..7], &text[8..]),
    };
    fs::write(kept.path("typo.txt"), typo).unwrap();
    verify(&[one.clone(), two.clone(), kept.path("typo.txt")]).failed("mistyped character");
    fs::write(kept.path("short.txt"), &text[..20]).unwrap();
    verify(&[one.clone(), two.clone(), kept.path("short.txt")]).failed("characters instead of 80");
    // A passphrase is no substitute, and no share stands in an error.
    let mut command = kept.bare("verify");
    command
        .arg("--passphrase-file")
        .arg(kept.path("passphrase"));
    let told = Ended::of(command.output().unwrap()).failed("shares of the root are needed");
    assert!(!told.contains(text.lines().next().unwrap()), "{told}");
    // Case, spaces and hyphens do not matter, and all five do as well as three.
    let typed = fs::read_to_string(&one)
        .unwrap()
        .to_lowercase()
        .replace(' ', "-");
    fs::write(&one, typed).unwrap();
    assert!(
        verify(&[1, 2, 3, 4, 5].map(|n| share(&kept, n)))
            .done()
            .contains("no damage found")
    );
}

#[test]
fn an_hsm_that_fails_is_told_and_nothing_stands_in_for_it() {
    let Some(kept) = Kept::new(Kind::Hsm) else {
        return;
    };
    let hsm = kept.hsm.as_ref().unwrap();
    let module = hsm.module.to_str().unwrap();
    let pin = kept.path("pin");
    let verify = |module: &str, pin: &Path| {
        let mut command = kept.bare("verify");
        // A passphrase that nothing asks for must open nothing.
        command
            .args(["--hsm-module", module, "--pin-file"])
            .arg(pin);
        command
            .arg("--passphrase-file")
            .arg(kept.path("passphrase"));
        Ended::of(command.output().unwrap())
    };
    assert!(verify(module, &pin).done().contains("no damage found"));

    fs::write(kept.path("wrong-pin"), "111111\n").unwrap();
    let told = verify(module, &kept.path("wrong-pin")).failed("refuses the PIN");
    assert!(!told.contains("111111") && !told.contains(PIN), "{told}");
    verify("/usr/lib/no-such-module.so", &pin).failed("PKCS#11 module cannot be used");
    verify(kept.path("pin").to_str().unwrap(), &pin).failed("PKCS#11 module cannot be used");
    let mut without = kept.bare("verify");
    without.arg("--pin-file").arg(&pin);
    Ended::of(without.output().unwrap()).failed("no PKCS#11 module is named");
    let mut unattended = kept.bare("serve");
    unattended.args(["--hsm-module", module]);
    Ended::of(unattended.output().unwrap()).failed("there is no terminal to ask at");

    // The token is taken away, and put back.
    let away = kept.path("away");
    fs::rename(&hsm.tokens, &away).unwrap();
    fs::create_dir(&hsm.tokens).unwrap();
    verify(module, &pin).failed("there is no token `pay`");
    // Another token of the same label is not it.
    hsm.token("pay");
    verify(module, &pin).failed("serial number");
    fs::remove_dir_all(&hsm.tokens).unwrap();
    fs::rename(&away, &hsm.tokens).unwrap();
    assert!(verify(module, &pin).done().contains("no damage found"));

    // The key is deleted.
    let keys = hsm.objects();
    assert_eq!(
        keys.len(),
        1,
        "one key, and nothing else, is in the token: {keys:?}"
    );
    fs::rename(&keys[0], kept.path("key.object")).unwrap();
    verify(module, &pin).failed("holds no key `strongroom-root`");
    fs::rename(kept.path("key.object"), &keys[0]).unwrap();

    // A server asks the token at its start and never again.
    let serving = kept.serve();
    fs::rename(&hsm.tokens, &away).unwrap();
    wallet(&serving, &kept.key(), "without-token");
    fs::rename(&away, &hsm.tokens).unwrap();
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
}

#[test]
fn secrets_are_taken_from_no_argument() {
    for name in [
        "init",
        "serve",
        "verify",
        "keys rotate",
        "keys ceremony",
        "keys status",
    ] {
        let help = Ended::of(
            strongroom()
                .args(name.split(' '))
                .arg("--help")
                .output()
                .unwrap(),
        )
        .done();
        for option in ["--passphrase ", "--pin ", "--share "] {
            assert!(!help.contains(option), "{name}: {help}");
        }
    }
}
