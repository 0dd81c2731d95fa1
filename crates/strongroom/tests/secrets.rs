//! Canaries through every route of a real server at log level trace, right and wrong ones; then the product's own search
//! over everything the server left or shows: files, WAL, log, metrics, backup, arguments, environment.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_http::{ReplyKind, Route, routes};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::{Outgoing, Reply, connect};

use program::installation::{Installation, PASSPHRASE, Serving};
use program::{Ended, address, run, strongroom};

const CANARIES: usize = 50;

/// One of each sort of secret.
struct Canary {
    card: String,
    /// Never a status or another number that a log has reason to show.
    cvv: String,
    password: String,
    key: String,
}

impl Canary {
    fn new(number: usize, dice: &mut Dice) -> Canary {
        let mut letters = |count: usize| -> String {
            let letter = |_| char::from(b'a' + u8::try_from(dice.between(0, 25)).unwrap());
            (0..count).map(letter).collect()
        };
        let (password, key) = (letters(14), letters(40));
        let digits: String = (0..14).map(|_| dice.between(0, 9).to_string()).collect();
        Canary {
            card: with_check_digit(&format!("4{digits}")),
            cvv: format!("{}", 801 + number * 3),
            password: format!("pw-{password}"),
            key: format!("sk_test_{key}"),
        }
    }

    fn grouped(&self) -> String {
        let groups = self.card.as_bytes().chunks(4).map(String::from_utf8_lossy);
        groups.collect::<Vec<_>>().join(" ")
    }

    fn lines(&self) -> [String; 4] {
        // A code alone is three digits; with its quotes it is as the request has it.
        let cvv = format!("\"{}\"", self.cvv);
        [
            self.card.clone(),
            cvv,
            self.password.clone(),
            self.key.clone(),
        ]
    }

    /// Everything at once, where no field of any route is.
    fn body(&self) -> Value {
        json!({
            "note": self.card, "card": { "number": self.grouped(), "cvv": self.cvv }, "cvv": self.cvv,
            "password": self.password, "key": self.key, "amount": self.password, "metadata": { "pin": self.password },
        })
    }
}

/// Luhn.
fn with_check_digit(digits: &str) -> String {
    let sum: u32 = (0..)
        .zip(digits.bytes().rev())
        .map(|(place, byte): (u32, u8)| {
            let digit = u32::from(byte - b'0');
            match place % 2 {
                0 if digit > 4 => 2 * digit - 9,
                0 => 2 * digit,
                _ => digit,
            }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

struct Attack<'a> {
    address: SocketAddr,
    owner: &'a str,
    canaries: &'a [Canary],
    sent: usize,
}

impl Attack<'_> {
    fn send(&mut self, request: &Outgoing) -> Reply {
        self.sent += 1;
        request.send()
    }

    /// Bytes that are not even a request; whatever the answer is.
    fn raw(&mut self, bytes: &[u8]) {
        self.sent += 1;
        let mut stream = connect(self.address);
        // One that was refused early is closed before all was taken, and nobody waits for more.
        drop(stream.write_all(bytes));
        drop(stream.shutdown(Shutdown::Write));
        drop(stream.read_to_end(&mut Vec::new()));
    }

    fn route(&mut self, number: usize, route: &Route) {
        let canary = &self.canaries[number % CANARIES];
        let verb = route.verb.as_str();
        let Canary {
            card,
            cvv,
            password,
            key,
        } = canary;
        let plain = route.path.replace("{id}", "none");
        let odd = route.path.replace("{id}", password);
        let (at, key_of_owner) = (self.address, self.owner.to_owned());
        let request = |target: &str| Outgoing::new(at, verb, target);
        let basic = format!("Basic {password}");
        let form = format!("card={card}&cvv={cvv}&password={password}");
        let mut requests = vec![
            request(&plain).bearer(key),
            request(&plain).header("Authorization", basic),
            request(&plain)
                .header("X-Signature", password)
                .bearer(key)
                .json(&canary.body()),
            request(&format!("{odd}?key={key}&password={password}")),
        ];
        // A stream that begins has no end to wait for.
        if route.reply != ReplyKind::Stream {
            let owner = |target: &str| request(target).bearer(&key_of_owner);
            let joint = if plain.contains('?') { '&' } else { '?' };
            requests.extend([
                owner(&odd).idempotent(password).json(&canary.body()),
                owner(&format!("{plain}{joint}note={card}&cvv={cvv}")),
                owner(&format!("{plain}{joint}after={password}&limit={key}")),
                owner(&plain)
                    .header("X-Note", canary.grouped())
                    .header("Cookie", password),
                owner(&plain)
                    .header("User-Agent", password)
                    .idempotent(card),
                owner(&plain)
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .body(&form),
                owner(&plain).body(format!(
                    "{{\"card\": {{\"number\": \"{card}\", \"cvv\": \"{cvv}\""
                )),
                owner(&plain).body(format!("[\"{password}\", {card}]")),
                owner(&plain)
                    .header("X-Forwarded-For", password)
                    .json(&canary.body()),
            ]);
        }
        for request in &requests {
            self.send(request);
        }
    }

    /// Paths, methods and bytes that no route is for.
    fn nowhere(&mut self) {
        for canary in self.canaries {
            let Canary {
                card,
                password,
                key,
                ..
            } = canary;
            for (verb, target) in [
                ("GET", format!("/v1/{password}/{card}")),
                ("POST", format!("/{key}")),
                ("PURGE", format!("/v1/tokens/{password}")),
                ("GET", format!("/v1/tokens/{card}?cvv={}", canary.cvv)),
            ] {
                let request = Outgoing::new(self.address, verb, &target).bearer(self.owner);
                self.send(&request.json(&canary.body()));
            }
            self.raw(format!("{password} /{card} HTTP/9\r\n{key}\r\n\r\n").as_bytes());
            self.raw(
                format!("POST /v1/tokens HTTP/1.1\r\nHost: x\r\n{password}: \0\r\n\r\n").as_bytes(),
            );
            let cut = format!(
                "POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n{card}"
            );
            self.raw(cut.as_bytes());
        }
    }

    /// What works: each card becomes a token, is paid with and revealed; each key is sent in as leaked.
    fn cards(&mut self) {
        let wallet = json!({ "name": "shop", "currency": "EUR", "metadata": {} });
        let (at, owner) = (self.address, self.owner.to_owned());
        let post = |target: &str| Outgoing::new(at, "POST", target).bearer(&owner);
        let made = self.send(&post("/v1/wallets").idempotent("wallet").json(&wallet));
        let wallet = made.json()["id"].as_str().unwrap_or_default().to_owned();
        for canary in self.canaries {
            let card = json!({ "number": canary.card, "exp_month": 12, "exp_year": 2031, "cvv": canary.cvv,
                "name": canary.password });
            let reply = self.send(
                &post("/v1/tokens")
                    .idempotent(&canary.password)
                    .json(&json!({ "card": card })),
            );
            assert_eq!(reply.status, 201, "{}", reply.text());
            let token = reply.json()["id"].as_str().unwrap().to_owned();
            let reveal = json!({ "reason": canary.password });
            let reply = self.send(
                &post(&format!("/v1/tokens/{token}/reveal"))
                    .idempotent(&format!("r-{token}"))
                    .json(&reveal),
            );
            assert!(reply.text().contains(&canary.card), "{}", reply.text());
            let payment = json!({ "amount": 100, "currency": "EUR", "wallet_id": wallet, "token": token,
                "description": canary.password });
            self.send(
                &post("/v1/payments")
                    .idempotent(&format!("p-{token}"))
                    .json(&payment),
            );
            let leak = json!({ "key": canary.key, "secret": canary.password });
            self.send(&Outgoing::new(self.address, "POST", "/leaks").json(&leak));
            let hook = json!({ "url": format!("https://hooks.example/{}", canary.password), "event_types": ["*"] });
            self.send(
                &post("/v1/webhooks")
                    .idempotent(&format!("w-{token}"))
                    .json(&hook),
            );
        }
    }
}

/// Runs the search and says what it said; it exits 0 only where nothing was found.
fn scan(canaries: &str, paths: &[&Path]) -> Ended {
    let mut command = strongroom();
    command.args(["secret-scan", "--canaries", "-"]).args(paths);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), canaries.as_bytes()).unwrap();
    Ended::of(child.wait_with_output().unwrap())
}

fn serve(installation: &Installation) -> Serving {
    let mut command = installation.command("serve");
    command
        .env("RUST_LOG", "trace")
        .current_dir(installation.dir.path());
    Serving {
        running: program::Running::start(&mut command),
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn no_secret_that_went_through_any_route_is_found_anywhere() {
    let admin = free_port();
    let text = format!(
        "data = 'data'\nkeyring = 'keyring.toml'\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:{admin}'\n[limits]\nunauthenticated_per_15_minutes = 1000000\n"
    );
    let installation = Installation::configured(&text);
    let owner = installation.shown("test secret key");
    let mut dice = Dice::new(20_261_127);
    let canaries: Vec<Canary> = (0..CANARIES).map(|n| Canary::new(n, &mut dice)).collect();
    let serving = serve(&installation);
    let mut attack = Attack {
        address: address(&serving.running.line),
        owner: &owner,
        canaries: &canaries,
        sent: 0,
    };
    attack.cards();
    for (number, route) in (0..).zip(routes()) {
        attack.route(number, route);
    }
    attack.nowhere();
    let sent = attack.sent;

    let metrics = Outgoing::new(
        format!("127.0.0.1:{admin}").parse().unwrap(),
        "GET",
        "/metrics",
    )
    .send();
    assert_eq!(metrics.status, 200);
    let place = |name: &str| installation.path(name);
    fs::write(place("metrics.txt"), metrics.text()).unwrap();
    let mut backup = installation.command("backup");
    backup.arg("--out").arg(place("backup.strongroom"));
    Ended::of(backup.output().unwrap()).done();
    let mut list: String = canaries
        .iter()
        .flat_map(Canary::lines)
        .map(|line| format!("{line}\n"))
        .collect();
    for secret in [
        &owner[..],
        PASSPHRASE,
        &installation.shown("test signing secret"),
        &installation.shown("live secret key"),
    ] {
        list.push_str(&format!("{secret}\n"));
    }
    // While it runs: the write-ahead log, and what the system shows of the process.
    let data = place("data");
    assert!(fs::metadata(data.join("strongroom.db-wal")).unwrap().len() > 0);
    scan(
        &list,
        &[&data, &place("metrics.txt"), &place("backup.strongroom")],
    )
    .done();
    let process = format!("/proc/{}", serving.running.id());
    for name in ["cmdline", "environ"] {
        let path = format!("{process}/{name}");
        // Not dumpable, so that only root may look at all.
        if fs::read(&path).is_ok() {
            scan(&list, &[path.as_ref()]).done();
        }
    }
    // A crash that would leave its memory behind, if it were let.
    let stopped = serving.running.stop(Signal::ABORT);
    assert!(stopped.status.code().is_none());
    assert!(stopped.err.contains("ready"), "{}", stopped.err);
    fs::write(place("server.log"), &stopped.err).unwrap();
    let names = fs::read_dir(installation.dir.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let cores = names
        .iter()
        .filter(|name| name.to_string_lossy().starts_with("core"));
    assert_eq!(cores.count(), 0, "{names:?}");
    scan(&list, &[&data, &place("server.log")]).done();
    println!(
        "{} canaries, {sent} requests over {} routes: 0 hits",
        list.lines().count(),
        routes().len()
    );

    // The same search finds them where they are: in the list itself.
    fs::write(place("list"), &list).unwrap();
    let found = scan(&list, &[&place("list")]);
    assert_eq!(found.code, Some(1));
    for canary in &canaries {
        for line in canary.lines() {
            assert!(!found.out.contains(&line), "a hit shows no canary");
        }
    }
}

#[test]
fn the_search_proves_itself_and_says_what_it_did_not_read() {
    let told = run(&["secret-scan", "--self-test"]).done();
    assert!(told.contains("0 found that were not planted"), "{told}");
    let counts: Vec<u64> = told
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect();
    assert!(counts[0] > 1_000 && counts[0] == counts[1], "{told}");
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let ended = scan("a canary of gold\n", &[&missing]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("not searched"), "{}", ended.out);
    assert!(ended.out.contains("self-test:"), "it searches itself first");
    scan("1234\n", &[dir.path()]).failed("line 1 is shorter");
    scan("", &[dir.path()]).failed("there is no canary");
    // In a process: its arguments, its environment and its memory.
    let mut child = Command::new("sh")
        .args(["-c", "echo; read line", "a canary of gold"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]);
    said.unwrap();
    let list = dir.path().join("list");
    fs::write(&list, "a canary of gold\n").unwrap();
    let pid = child.id().to_string();
    let list = list.to_str().unwrap();
    let in_process = || run(&["secret-scan", "--canaries", list, "--process", &pid]);
    let ended = in_process();
    drop(child.stdin.take());
    child.wait().unwrap();
    let gone = in_process();
    assert_eq!(gone.code, Some(1), "a process that has ended is not clean");
    assert!(gone.out.contains("not searched"), "{}", gone.out);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.out.contains(&format!("/proc/{pid}/cmdline")),
        "{}",
        ended.out
    );
    assert!(!ended.out.contains("of gold"), "{}", ended.out);
}
