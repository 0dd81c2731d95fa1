//! The pin set: signed away from the server, served by it, and held to by clients.

use std::path::Path;
use std::process::Command;

use rcgen::KeyPair;
use strongroom_testkit::exchange::Outgoing;

use crate::authority::{Authority, Odd, put};
use crate::client::{HOST, Served, config, shown};
use crate::program::installation::{Installation, failed};
use crate::program::{Ended, run, strongroom};

/// A signing key's public part, made in `dir`.
fn signing_key(dir: &Path) -> String {
    let out = dir.join("pins-key.pem");
    run(&["pins", "key", "--out", out.to_str().unwrap()])
        .done()
        .trim()
        .to_owned()
}

fn sign(dir: &Path, more: &[&str]) -> Ended {
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let mut command = strongroom();
    command.args(["pins", "sign", "--signing-key", &file("pins-key.pem")]);
    command.args([
        "--certificate",
        &file("certificate.pem"),
        "--backup",
        &file("spare.pem"),
    ]);
    command.args([
        "--host",
        HOST,
        "--previous",
        &file("pins.json"),
        "--out",
        &file("pins.json"),
    ]);
    Ended::of(command.args(more).output().unwrap())
}

/// A server with pins for its certificate and a spare key.
fn pinned() -> (Served, String, KeyPair) {
    let spare = KeyPair::generate().unwrap();
    let made = tempfile::tempdir().unwrap();
    let public = signing_key(made.path());
    let more = format!("pins = 'pins.json'\npins_key = '{public}'\n");
    let served = Served::start(&more, |_, dir| {
        std::fs::copy(made.path().join("pins-key.pem"), dir.join("pins-key.pem")).unwrap();
        put(&dir.join("spare.pem"), &spare.serialize_pem(), 0o600);
        sign(dir, &[]).done();
    });
    (served, public, spare)
}

#[test]
fn what_no_pin_covers_is_not_served() {
    let (served, public, spare) = pinned();
    let client = served.client();
    let document = Outgoing::new(served.api, "GET", "/.well-known/strongroom-pins");
    let reply = client.send(&document).unwrap().expect(200);
    assert_eq!(
        reply.body,
        std::fs::read(served.made.path("pins.json")).unwrap()
    );
    assert!(served.metric("tls_pins_expire_seconds") > 0);
    let file = served.made.path("pins.json");
    let show = |key: &str| {
        run(&[
            "pins",
            "show",
            "--pins",
            file.to_str().unwrap(),
            "--key",
            key,
        ])
    };
    assert!(show(&public).done().contains("sequence   1"));
    show("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").failed("not signed by the key");

    // A key that nobody was told of changes nothing.
    let first = shown(&client.open(served.api).unwrap());
    let stranger = served.authority.server(&[HOST]);
    stranger.write(served.made.dir.path());
    served.wait("tls_reloads_failed_total", 1);
    assert_eq!(shown(&client.open(served.api).unwrap()), first);
    // Nor can it be published under those who know the set before.
    sign(served.made.dir.path(), &[]).failed("not in the set before");
    // The spare key was announced.
    let spared = served.authority.issue(&[HOST], &spare, 5, Odd::Not);
    spared.write(served.made.dir.path());
    crate::client::wait("the spare key's certificate", || {
        shown(&client.open(served.api).unwrap()) == spared.der
    });
    let (made, authority) = (served.made.path(""), served.authority.pem());
    assert!(!authority.is_empty());
    // A start is held to the pins like a reload.
    stranger.write(&made);
    let Served { running, made, .. } = served;
    running.kill();
    let told = failed(&mut made.command("serve"), "no pin in");
    assert!(
        told.contains("pins.json") && told.contains("certificate.pem"),
        "{told}"
    );
}

#[test]
fn a_set_that_is_no_good_is_refused_at_the_start() {
    let made = Installation::configured(&config(""));
    let dir = made.dir.path();
    let authority = Authority::new("Test Authority");
    authority.server(&[HOST]).write(dir);
    put(
        &made.path("spare.pem"),
        &KeyPair::generate().unwrap().serialize_pem(),
        0o600,
    );
    let public = signing_key(dir);
    sign(dir, &[]).done();
    let configured = |key: &str| {
        let more = format!("pins = 'pins.json'\npins_key = '{key}'\n");
        std::fs::write(made.path("strongroom.toml"), config(&more)).unwrap();
    };
    let other = tempfile::tempdir().unwrap();
    configured(&signing_key(other.path()));
    failed(&mut made.command("serve"), "is not signed by the key");
    configured(&public);
    std::fs::write(made.path("pins.json"), "{}").unwrap();
    failed(&mut made.command("serve"), "is no pin set");
    configured("short");
    failed(&mut made.command("serve"), "`tls.pins_key`");
    // The certificate's own key is no backup of itself.
    std::fs::remove_file(made.path("pins.json")).unwrap();
    std::fs::copy(made.path("key.pem"), made.path("spare.pem")).unwrap();
    sign(dir, &[]).failed("no backup pin");
}

#[test]
fn sdks_connect_to_pinned_keys_alone() {
    let (served, public, _) = pinned();
    put(&served.made.path("ca.pem"), &served.authority.pem(), 0o644);
    // A server with the same name and authority, whose key is in no set: what a mis-issued certificate would be.
    let impostor = Impostor::start(&served);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let clients = format!("{root}/acceptance/tls");
    let arguments = [
        served.api.port().to_string(),
        impostor.port().to_string(),
        served.made.path("ca.pem").to_str().unwrap().to_owned(),
        public,
        HOST.to_owned(),
    ];
    for (program, script) in [("node", "pinned.mjs"), ("python3", "pinned.py")] {
        let ran = Command::new(program)
            .arg(format!("{clients}/{script}"))
            .args(&arguments)
            .output();
        let output = match ran {
            Ok(output) => output,
            Err(error) => {
                println!("skipped: {program} cannot be run ({error})");
                continue;
            }
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if let Some(reason) = text.lines().find(|line| line.starts_with("skipped: ")) {
            println!("{program}: {reason}");
            continue;
        }
        assert!(
            output.status.success(),
            "{program}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            text.contains("pinned: connected; impostor: refused; forged set: refused"),
            "{text}"
        );
    }
    drop(impostor);
    served.stop();
}

/// Another server for the same name.
struct Impostor {
    served: Option<crate::program::Running>,
    address: std::net::SocketAddr,
    _made: Installation,
}

impl Impostor {
    fn start(original: &Served) -> Impostor {
        let made = Installation::configured(&config(""));
        original.authority.server(&[HOST]).write(made.dir.path());
        let (running, address, _) = crate::client::start(&made, &[]);
        Impostor {
            served: Some(running),
            address,
            _made: made,
        }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        if let Some(running) = self.served.take() {
            running.kill();
        }
    }
}
