//! Payment links: the form goes to the vault, and whoever is killed in between, a link is paid once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};

use super::memory::found;
use super::program::{Demo, assert_clean};
use super::{Client, number, vault_of, wait};

fn link(client: &Client) -> String {
    let body = json!({ "amount": 500, "currency": "PHP" });
    let reply = client
        .request("POST", "/v1/payment-links")
        .json(&body)
        .send();
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

fn form(client: &Client, link: &str, attempt: u64, number: &str) -> Outgoing {
    let fields = format!("attempt={attempt}&number={number}&expiry=12/99&cvv=917&name=Ana");
    Outgoing::new(client.address, "POST", &format!("/pay/{link}"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(fields)
}

/// A form's answer, once the vault is there.
fn sent(client: &Client, link: &str, attempt: u64, number: &str) -> Reply {
    let answered = || form(client, link, attempt, number).try_send();
    wait(|| answered().filter(|reply| reply.status != 503))
}

fn get(client: &Client, path: &str) -> Option<Value> {
    let reply = client.request("GET", path).try_send()?;
    (reply.status == 200).then(|| reply.json())
}

/// A link once it is paid.
fn paid(client: &Client, link: &str) -> Value {
    wait(|| {
        get(client, &format!("/v1/payment-links/{link}")).filter(|link| link["status"] == "paid")
    })
}

#[test]
fn the_form_s_card_never_comes_to_the_api_process() {
    let demo = Demo::start(None);
    let client = Client::of(&demo);
    let vault = vault_of(&demo);
    let made = link(&client);
    let number = number(7_301_944);
    let reply = sent(&client, &made, 0, &number);
    assert_eq!(reply.status, 303, "{}", reply.text());
    assert!(reply.header("location").unwrap().contains("?attempt=pay_"));
    paid(&client, &made);
    let needles = [number.into_bytes()];
    let (Some(api), Some(vault)) = (found(demo.running.id(), &needles), found(vault, &needles))
    else {
        return println!("skipped: the memory of another process may not be read here");
    };
    assert_eq!(api, [false], "the API process has seen the number");
    // What the vault had in hand it has wiped.
    println!("the vault's memory holds it: {}", vault[0]);
}

/// One connection, as a browser keeps it: page and form by turns.
#[test]
fn one_connection_goes_to_the_vault_and_back() {
    let demo = Demo::start(None);
    let client = Client::of(&demo);
    vault_of(&demo);
    let made = link(&client);
    // The vault is up.
    assert_eq!(sent(&client, &made, 0, "1").status, 422);
    let mut stream = TcpStream::connect(client.address).unwrap();
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(120)))
        .unwrap();
    let page = Outgoing::new(client.address, "GET", &format!("/pay/{made}"));
    let page = page.header("Connection", "keep-alive").bytes();
    let faulty = form(&client, &made, 0, "4242424242424241").header("Connection", "keep-alive");
    for _ in 0..3 {
        for (request, status) in [(&page, 200), (&faulty.bytes(), 422)] {
            stream.write_all(request).unwrap();
            assert_eq!(one_answer(&mut stream), status);
        }
    }
    let good = form(&client, &made, 0, "4242424242424242").header("Connection", "keep-alive");
    stream.write_all(&good.bytes()).unwrap();
    assert_eq!(one_answer(&mut stream), 303);
    stream.write_all(&page).unwrap();
    assert_eq!(one_answer(&mut stream), 200);
    paid(&client, &made);
}

/// Reads one answer to its end; gives its status.
fn one_answer(stream: &mut TcpStream) -> u16 {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Whoever sends the form while the vault is away is told so on a page, and nothing was read.
#[test]
fn while_the_vault_is_away_the_page_says_so() {
    let demo = Demo::start(None);
    let client = Client::of(&demo);
    let made = link(&client);
    assert_eq!(sent(&client, &made, 0, "1").status, 422);
    let pid = i32::try_from(vault_of(&demo)).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // Until it is there again, which may be at once.
    let mut away = 0;
    let back = wait(|| match form(&client, &made, 0, "1").try_send() {
        Some(reply) if reply.status == 503 => {
            away += 1;
            let kind = reply.header("content-type").unwrap();
            assert_eq!(kind, "text/html; charset=utf-8", "{}", reply.text());
            None
        }
        other => other,
    });
    assert_eq!(back.status, 422);
    println!("{away} forms were sent meanwhile");
}

#[test]
fn a_kill_between_form_and_payment_pays_no_link_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut links: Vec<String> = Vec::new();
    for cycle in 0..4_u64 {
        let demo = Demo::start(Some(dir.path()));
        let client = Client::of(&demo);
        vault_of(&demo);
        let ready = link(&client);
        assert_eq!(sent(&client, &ready, 0, "1").status, 422);
        // Those of before are sent again: a payer who saw no answer tries once more.
        for link in &links {
            sent(&client, link, 0, "4242424242424242");
        }
        let fresh: Vec<String> = (0..6).map(|_| self::link(&client)).collect();
        let payers: Vec<_> = fresh
            .iter()
            .map(|link| {
                let (client, link) = (Client::of(&demo), link.clone());
                std::thread::spawn(move || {
                    drop(form(&client, &link, 0, "4242424242424242").try_send());
                })
            })
            .collect();
        // Some are answered, some are on their way.
        for _ in 0..cycle {
            std::thread::yield_now();
        }
        demo.running.kill();
        for payer in payers {
            payer.join().unwrap();
        }
        links.extend(fresh);
    }
    let demo = Demo::start(Some(dir.path()));
    let client = Client::of(&demo);
    vault_of(&demo);
    for link in &links {
        pay_until_paid(&client, link);
    }
    let page = get(&client, "/v1/payments?limit=100").unwrap();
    let payments = page["data"].as_array().unwrap();
    for link in &links {
        let of_link = payments.iter().filter(|payment| {
            payment["payment_link_id"] == json!(link) && payment["status"] != "failed"
        });
        assert_eq!(of_link.count(), 1, "{link}");
    }
    let stopped = demo.running.stop(rustix::process::Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0));
    assert_clean(dir.path());
}

/// Pays as a person would who does not give up: again where nothing is under way, with the form as it is then.
fn pay_until_paid(client: &Client, link: &str) {
    wait(|| {
        let now = get(client, &format!("/v1/payment-links/{link}"))?;
        if now["status"] == "active" && now["payment_id"].is_null() {
            let attempts = now["attempts"].as_u64()?;
            form(client, link, attempts, "4242424242424242").try_send()?;
        }
        (now["status"] == "paid").then_some(())
    });
}

/// The page in a browser, where there is one: `acceptance/payment-page/run.sh` installs what it is driven with.
#[test]
fn a_link_is_paid_in_a_browser_with_and_without_a_script() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let modules = root.join("target/payment-page/node_modules");
    let Some(chromium) = browser() else {
        return println!("skipped: no chromium");
    };
    if !modules.join("playwright-core").is_dir() || !modules.join("axe-core").is_dir() {
        return println!("skipped: playwright-core and axe-core are not under target/payment-page");
    }
    let demo = Demo::start(None);
    let client = Client::of(&demo);
    vault_of(&demo);
    assert_eq!(sent(&client, &link(&client), 0, "1").status, 422);
    let script = root.join("target/payment-page/pay.mjs");
    std::fs::copy(root.join("acceptance/payment-page/pay.mjs"), &script).unwrap();
    let ended = Command::new("node")
        .arg(&script)
        .env("BASE_URL", demo.text("base_url"))
        .env("SECRET_KEY", demo.text("secret_key"))
        .env("CHROMIUM", chromium)
        .output();
    let Ok(ended) = ended else {
        return println!("skipped: no node");
    };
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
}

fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders = std::env::split_paths(&std::env::var_os("PATH")?).collect::<Vec<_>>();
    let mut all = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.find(|path| path.is_file())
}
