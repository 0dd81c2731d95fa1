//! One vault for the nodes of a machine: whichever decides uses it, and a node without one declines and loses nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;

use crate::database::{Database, PASSWORD, config, free_port};
use crate::pair::{PATIENCE, Pair, pause};
use crate::program::{Running, strongroom};

const NUMBER: &str = "4242424242424242";

/// A key that nothing else uses.
fn once() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("once-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

struct Shop {
    port: u16,
    key: String,
}

impl Shop {
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.ask_once(&once(), method, path, body)
    }

    fn ask_once(&self, key: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let address = ([127, 0, 0, 1], self.port).into();
        let request = strongroom_testkit::exchange::Outgoing::new(address, method, path);
        let request = request.bearer(&self.key).idempotent(key);
        match body {
            Some(body) => request.json(body).send(),
            None => request.send(),
        }
    }

    /// Again and again while nobody decides or the vault is away.
    fn made(&self, path: &str, body: &Value) -> Value {
        let key = once();
        let reply = wait(|| {
            let reply = self.ask_once(&key, "POST", path, Some(body));
            (reply.status != 503).then_some(reply)
        });
        assert_eq!(reply.status, 201, "{path}: {}", reply.text());
        reply.json()
    }

    fn pay(&self, token: &str) -> Reply {
        let body = json!({ "payment_token": token, "amount": 100 });
        self.ask("POST", "/v1/payments", Some(&body))
    }

    fn until(&self, path: &str, status: &str) {
        wait(|| {
            let reply = self.ask("GET", path, None);
            (reply.status == 200 && reply.field("status") == status).then_some(())
        });
    }

    fn reveal(&self, token: &str) -> Reply {
        let body = json!({ "reason": "a test" });
        self.ask("POST", &format!("/v1/tokens/{token}/reveal"), Some(&body))
    }
}

#[track_caller]
fn wait<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "it did not come");
        pause(Duration::from_millis(50));
    }
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

fn with_vault(mut command: Command, role: &str, socket: &Path) -> Running {
    command.args(["--role", role, "--vault-socket"]).arg(socket);
    Running::start(&mut command)
}

fn stop(running: Running) {
    let stopped = running.stop(Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
}

#[test]
fn nodes_share_a_vault_and_one_without_it_loses_nothing() {
    let Some(database) = Database::start() else {
        return;
    };
    let pair = Pair::new(&database);
    let key = pair.made.shown("test secret key");
    let socket = pair.made.path("v.sock");
    let shop = |number: usize| Shop {
        port: pair.ports[number],
        key: key.clone(),
    };
    let start_vault = || with_vault(pair.made.command("serve"), "vault", &socket);
    let start = |number: usize| with_vault(pair.command(number), "api", &socket);
    let vault = start_vault();
    let (first, second) = (start(0), start(1));
    shop(0).made("/v1/wallets", &json!({ "type": "operating" }));
    let card = json!({ "number": NUMBER, "exp_month": 12, "exp_year": 2099, "cvv": "917" });
    let body = json!({ "card": card, "use": "multi_use" });
    let token = id(&shop(1).made("/v1/tokens", &body));
    stop(first);
    let paid = id(&shop(1).made(
        "/v1/payments",
        &json!({ "payment_token": token, "amount": 100 }),
    ));
    shop(1).until(&format!("/v1/payments/{paid}"), "captured");
    let shown = wait(|| Some(shop(1).reveal(&token)).filter(|reply| reply.status == 200));
    assert_eq!(shown.json()["card"]["number"], NUMBER);

    // The vault goes, a payment waits, and a node without it takes the books over.
    stop(vault);
    wait(|| Some(()).filter(|()| shop(1).reveal(&token).field("code") == "vault_unavailable"));
    let waiting = shop(1).pay(&token);
    assert_eq!(waiting.status, 201, "{}", waiting.text());
    let waiting = format!("/v1/payments/{}", waiting.field("id"));
    stop(second);
    let alone = Shop {
        port: free_port(),
        key: key.clone(),
    };
    let file = pair.made.path("third.toml");
    let store = format!(
        "postgres = '{}'\npassword_file = 'password'\n",
        database.url()
    );
    assert_eq!(
        fs::read_to_string(pair.made.path("password")).unwrap(),
        PASSWORD
    );
    let keyring = PathBuf::from("keyring.toml");
    fs::write(&file, config(alone.port, "third", &keyring, &store)).unwrap();
    let mut serve = strongroom();
    serve.args(["serve", "--config"]).arg(&file);
    serve
        .arg("--passphrase-file")
        .arg(pair.made.path("passphrase"));
    let third = Running::start(&mut serve);
    wait(|| Some(()).filter(|()| alone.ask("GET", "/v1/account", None).status == 200));
    for refused in [alone.pay(&token), alone.reveal(&token)] {
        let code = (refused.status, refused.field("code"));
        assert_eq!(code, (503, "vault_unavailable".to_owned()));
    }
    // A card of its own is paid with meanwhile, so the other had its turn.
    let own = id(&alone.made("/v1/tokens", &body));
    let own = alone.pay(&own);
    assert_eq!(own.status, 201, "{}", own.text());
    alone.until(&format!("/v1/payments/{}", own.field("id")), "captured");
    assert_eq!(
        alone.ask("GET", &waiting, None).field("status"),
        "processing"
    );
    stop(third);

    // With the vault all is paid; numbers of the node without one moved into it.
    let vault = start_vault();
    let second = start(1);
    shop(1).until(&waiting, "captured");
    stop(second);
    stop(vault);
    let mut verify = pair.made.command("verify");
    let told = crate::program::Ended::of(verify.output().unwrap()).done();
    assert!(
        told.contains("card numbers held against the vault"),
        "{told}"
    );
}
