//! The Rust SDK, and `strongroom listen` on it, against a server that speaks TLS: authorities, and the keys of a pin set.

use std::path::Path;

use rcgen::KeyPair;
use serde_json::{Value, json};
use strongroom_client::pins::{PinCheck, PinRefused, PinSet};
use strongroom_client::{Client, ClientError, Credentials, Outgoing, Trust};
use strongroom_testkit::receiver::Receiver;
use strongroom_types::secret::SecretText;

use crate::authority::{Authority, put};
use crate::client::{HOST, Served, wait};
use crate::program::{Running, run, strongroom};

/// The clock of these tests: within all that is signed for long.
fn now() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

struct Pinned {
    served: Served,
    public: String,
    document: Vec<u8>,
    /// A set of keys that the server does not have.
    others: Vec<u8>,
}

fn sign(dir: &Path, certificate: &str, out: &str) -> Vec<u8> {
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let done = run(&[
        "pins".to_owned(),
        "sign".to_owned(),
        "--signing-key".to_owned(),
        file("pins-key.pem"),
        "--certificate".to_owned(),
        file(certificate),
        "--backup".to_owned(),
        file("spare.pem"),
        "--host".to_owned(),
        "127.0.0.1".to_owned(),
        "--out".to_owned(),
        file(out),
    ]);
    done.done();
    std::fs::read(dir.join(out)).unwrap()
}

fn start() -> Pinned {
    let made = tempfile::tempdir().unwrap();
    let key = made.path().join("pins-key.pem");
    let public = run(&["pins", "key", "--out", key.to_str().unwrap()]).done();
    let (mut document, mut others) = (Vec::new(), Vec::new());
    let served = Served::start("", |authority, dir| {
        authority.server(&[HOST, "127.0.0.1"]).write(dir);
        std::fs::copy(&key, dir.join("pins-key.pem")).unwrap();
        let spare = KeyPair::generate().unwrap();
        put(&dir.join("spare.pem"), &spare.serialize_pem(), 0o600);
        let other = authority.server(&["127.0.0.1"]);
        put(&dir.join("other.pem"), &other.certificate, 0o644);
        put(&dir.join("authority.pem"), &authority.pem(), 0o644);
        document = sign(dir, "certificate.pem", "pins.json");
        others = sign(dir, "other.pem", "others.json");
    });
    Pinned {
        served,
        public: public.trim().to_owned(),
        document,
        others,
    }
}

impl Pinned {
    fn url(&self) -> String {
        format!("https://{}", self.served.api)
    }

    fn client(&self) -> Client {
        let credentials = Credentials {
            key: SecretText::new(self.served.made.shown("test secret key")),
            signing_secret: None,
        };
        Client::new(&self.url(), credentials).unwrap()
    }

    fn pins(&self, document: &[u8], least_sequence: u64) -> Result<PinSet, PinRefused> {
        let check = PinCheck {
            public_key: &self.public,
            host: "127.0.0.1",
            least_sequence,
            now: now(),
        };
        PinSet::verify(document, &check)
    }

    fn trust(&self) -> Trust {
        Trust::only(self.served.authority.pem().as_bytes()).unwrap()
    }
}

async fn account(client: &Client) -> Result<Value, ClientError> {
    client.call(&Outgoing::get("/v1/account")).await
}

#[track_caller]
fn untrusted(outcome: Result<Value, ClientError>, words: &str) {
    match outcome {
        Err(ClientError::Untrusted(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_sdk_speaks_to_pinned_keys_alone() {
    let pinned = start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = || pinned.client();
        let trusted = client().with_trust(pinned.trust()).unwrap();
        assert!(account(&trusted).await.unwrap()["name"].is_string());
        untrusted(account(&client()).await, "");
        let other = Trust::only(Authority::new("Other").pem().as_bytes()).unwrap();
        untrusted(account(&client().with_trust(other).unwrap()).await, "");

        let set = pinned.pins(&pinned.document, 1).unwrap();
        assert_eq!(
            pinned.pins(&pinned.document, 2),
            Err(PinRefused::RolledBack)
        );
        let held = client().with_trust(pinned.trust().pinned(set)).unwrap();
        assert!(account(&held).await.unwrap()["name"].is_string());
        let others = pinned.pins(&pinned.others, 0).unwrap();
        let held = client().with_trust(pinned.trust().pinned(others)).unwrap();
        untrusted(account(&held).await, "no pin covers");

        let clear = Client::new(
            "http://127.0.0.1:1",
            Credentials {
                key: SecretText::new("sk_test_x".to_owned()),
                signing_secret: None,
            },
        );
        let refused = clear
            .unwrap()
            .with_trust(pinned.trust())
            .map(|_| json!(null));
        untrusted(refused, "http");
    });
    assert!(!pinned.served.stop().contains("panicked"));
}

#[test]
fn listen_follows_a_server_over_tls_and_refuses_one_that_is_not_pinned() {
    let pinned = start();
    let receiver = Receiver::start(|_| (200, None));
    let dir = pinned.served.made.dir.path();
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    put(
        &dir.join("key"),
        &pinned.served.made.shown("test secret key"),
        0o600,
    );
    let forward = format!("http://{}/hooks", receiver.address);
    let listen = |pins: &str| {
        let mut command = strongroom();
        command.args(["listen", "--from-beginning", "--forward", &forward]);
        command.args(["--url", &pinned.url(), "--key-file", &file("key")]);
        command.args([
            "--authorities",
            &file("authority.pem"),
            "--pins",
            &file(pins),
        ]);
        command.args(["--pins-key", &pinned.public]);
        command
    };
    let refused = crate::program::Ended::of(listen("others.json").output().unwrap());
    refused.failed("no pin covers");
    assert_eq!(receiver.received().len(), 0);

    let wallet = json!({ "type": "master" });
    let request = pinned.served.request("POST", "/v1/wallets");
    let request = request.idempotent("one").json(&wallet);
    let made = pinned.served.client().send(&request).unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let listening = Running::start(&mut listen("pins.json"));
    wait("an event over TLS", || !receiver.received().is_empty());
    drop(listening.stop(rustix::process::Signal::TERM));
    assert!(!pinned.served.stop().contains("panicked"));
}
