//! Backups while card tokens come and go, and while the roots are replaced: each is one moment of books and vault.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::json;
use strongroom_testkit::exchange::Outgoing;

use crate::place::{Place, ended, text};
use crate::program::{Demo, address, run};

const BACKUPS: usize = 6;
const WRITERS: usize = 3;
const NUMBERS: [&str; 3] = ["4242424242424242", "5555555555554444", "378282246310005"];

/// Who asks a demo, from any thread.
struct Client {
    address: SocketAddr,
    key: String,
}

impl Client {
    fn of(demo: &Demo) -> Client {
        Client {
            address: address(demo.text("base_url")),
            key: demo.text("secret_key").to_owned(),
        }
    }

    fn request(&self, method: &str, target: &str) -> Outgoing {
        Outgoing::new(self.address, method, target).bearer(&self.key)
    }
}

/// Until told to stop: makes a token, and deletes it. One in eight stays.
fn churn(client: &Client, writer: usize, made: &AtomicUsize, stop: &AtomicBool) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let cvv = if writer == 2 { "9170" } else { "917" };
        let card =
            json!({ "number": NUMBERS[writer], "exp_month": 12, "exp_year": 2099, "cvv": cvv });
        let body = json!({ "card": card, "use": "multi_use" });
        let reply = client.request("POST", "/v1/tokens").json(&body).send();
        assert_eq!(reply.status, 201, "{}", reply.text());
        let token = reply.json()["id"].as_str().unwrap().to_owned();
        if n % 8 != 7 {
            let path = format!("/v1/tokens/{token}");
            assert_eq!(client.request("DELETE", &path).send().status, 200);
        }
        made.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn books_and_vault_are_of_one_moment() {
    let place = Place::new();
    let demo = place.demo();
    let client = Client::of(&demo);
    let (made, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (client, made, stop) = (&client, &made, &stop);
            scope.spawn(move || churn(client, writer, made, stop));
        }
        for n in 0..BACKUPS {
            let before = made.load(Ordering::Relaxed);
            while made.load(Ordering::Relaxed) < before + 5 {
                std::thread::yield_now();
            }
            let file = place.path(&format!("backup-{n}"));
            let told = place.backup(&["--out", text(&file), "--verify"]);
            assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    place.keep_keys();
    let target = place.path("restored");
    let file = place.path(&format!("backup-{}", BACKUPS - 1));
    let report = ended(place.restore(&file, &["--to", text(&target)])).done();
    assert!(report.contains("held against the vault"), "{report}");
    assert!(!report.contains("without a token"), "{report}");
}

/// The vault's keyring in a backup opens with the roots that the rows in it are wrapped under, whenever it was made.
#[test]
fn roots_may_be_replaced_meanwhile() {
    let place = Place::new();
    let demo = place.demo();
    let card = json!({ "number": NUMBERS[0], "exp_month": 12, "exp_year": 2099, "cvv": "917" });
    let body = json!({ "card": card, "use": "multi_use" });
    let made = demo.request("POST", "/v1/tokens").json(&body).send();
    assert_eq!(made.status, 201, "{}", made.text());
    let data = place.data();
    std::thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            let rotate = ["keys", "rotate", "--data", text(&data), "--level", "root"];
            let mut done = 0;
            while done < 3 {
                // While a backup looks at books and vault, the keyring is not changed: then it is asked again.
                match run(&rotate).code {
                    Some(0) => done += 1,
                    code => assert_eq!(code, Some(1)),
                }
            }
        });
        for n in 0.. {
            let file = place.path(&format!("backup-{n}"));
            let told = place.backup(&["--out", text(&file), "--verify"]);
            assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
            if rotating.is_finished() {
                break;
            }
        }
        rotating.join().unwrap();
    });
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    crate::program::assert_clean(&data);
}
