//! "The API process, attached with a debugger or reading `/proc`, holds no key and no card number": its memory is read
//! whole, and so is the vault's, where the same search must find what it looks for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::json;
use strongroom_crypto::{Hierarchy, KeyringFile, Purpose, hkdf_sha256};
use strongroom_store::{SqliteStore, Store};

use super::program::{Demo, address};
use super::{Client, card, number, reveal, tokenize, vault_of, wait};

/// Bytes read at once; a needle may stand across two reads.
const CHUNK: usize = 1 << 16;

/// Writable memory that is there: address and length.
fn regions(pid: u32) -> Option<Vec<(u64, u64)>> {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).ok()?;
    let mut regions = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next()?, words.next().unwrap_or(""));
        if let Some((start, end)) = first.split_once('-').filter(|_| second.len() == 4) {
            let parse = |text| u64::from_str_radix(text, 16).ok();
            current = Some((parse(start)?, parse(end)?)).filter(|_| second.starts_with("rw"));
        } else if first == "Rss:" && second != "0" {
            regions.extend(current.take().map(|(start, end)| (start, end - start)));
        }
    }
    (!regions.is_empty()).then_some(regions)
}

/// Which needles stand in a process's memory; `None` where that may not be read.
pub(super) fn found(pid: u32, needles: &[Vec<u8>]) -> Option<Vec<bool>> {
    let mut memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let longest = needles.iter().map(Vec::len).max().unwrap();
    let mut found = vec![false; needles.len()];
    let mut buffer = vec![0; CHUNK + longest];
    let zeros = vec![0; CHUNK + longest];
    let mut read_any = false;
    for (start, length) in regions(pid)? {
        let mut at = 0;
        while at < length {
            let wanted = (CHUNK + longest).min(usize::try_from(length - at).unwrap());
            memory.seek(SeekFrom::Start(start + at)).ok()?;
            // A region may be gone since it was listed.
            let Ok(read) = memory.read(&mut buffer[..wanted]) else {
                break;
            };
            if read == 0 {
                break;
            }
            read_any = true;
            // Most of what an allocator has reserved was never written.
            if buffer[..read] != zeros[..read] {
                search(&buffer[..read], needles, &mut found);
            }
            at += u64::try_from(read.min(CHUNK)).unwrap();
        }
    }
    read_any.then_some(found)
}

fn search(hay: &[u8], needles: &[Vec<u8>], found: &mut [bool]) {
    for (needle, found) in needles.iter().zip(found) {
        if *found {
            continue;
        }
        let (first, rest) = (needle[0], &needle[1..]);
        let mut from = 0;
        while let Some(at) = hay[from..].iter().position(|byte| *byte == first) {
            let begin = from + at + 1;
            if hay[begin..].starts_with(rest) {
                *found = true;
                break;
            }
            from = begin;
        }
    }
}

/// The vault's data keys, from a copy of its folder.
fn vault_keys(data: &Path) -> Vec<Vec<u8>> {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(data.join("vault")).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let passphrase = text(&data.join("demo-passphrase"));
    let keyring = text(&data.join("keyring.toml"));
    let installation = KeyringFile::open(&keyring, passphrase.trim().as_bytes()).unwrap();
    // The vault's keyring opens with a secret that follows from the installation's root.
    let (_, key) = installation.root();
    let derived = hkdf_sha256(key, b"", b"strongroom/vault/keyring/1");
    let secret: String = derived.iter().map(|byte| format!("{byte:02x}")).collect();
    let keyring = text(&copy.path().join("keyring.toml"));
    let root = KeyringFile::open(&keyring, secret.as_bytes()).unwrap();
    let store = SqliteStore::open(copy.path()).unwrap();
    let rows = store.reader().unwrap().keys().unwrap();
    let scopes: Vec<u32> = rows.iter().map(|row| row.scope).collect();
    let hierarchy = Hierarchy::open(root, rows).unwrap();
    let mut keys = Vec::new();
    for scope in scopes {
        for purpose in [Purpose::Card, Purpose::CardFingerprint] {
            keys.extend(
                hierarchy
                    .existing(scope, purpose, 0)
                    .map(|key| key.seed().to_vec()),
            );
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

/// Sends a request but for the last byte of its body, and waits until the vault has read it.
fn unfinished(demo: &Demo, number: &str) -> TcpStream {
    let body = card(number, "917").to_string();
    let head = format!(
        "POST /v1/tokens HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        demo.text("secret_key"),
        body.len() + 1
    );
    let mut stream = TcpStream::connect(address(demo.text("base_url"))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

#[test]
fn the_api_process_holds_no_card_number_no_code_and_no_key_of_the_vault() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let demo = Demo::start(Some(&data));
    let client = Client::of(&demo);
    let (api, vault) = (demo.running.id(), vault_of(&demo));
    if found(vault, &[b"strongroom".to_vec()]).is_none() {
        eprintln!("skipped: this user may not read the memory of other processes");
        return;
    }
    // Made, paid with and revealed; refused for its digits, its code, and where it stands; never finished.
    let numbers: Vec<String> = (0..12).map(|n| number(7_310_000_000 + n * 7_919)).collect();
    for (n, number) in numbers[..6].iter().enumerate() {
        let token = tokenize(&client, &format!("key-{n}"), number).unwrap();
        assert_eq!(reveal(&client, &token).unwrap(), *number);
        let paid = demo
            .request("POST", "/v1/payments")
            .idempotent(&format!("pay-{n}"))
            .json(&json!({ "payment_token": token, "amount": 1_000, "currency": "PHP" }))
            .send();
        assert_eq!(paid.status, 201, "{}", paid.text());
        let payment = format!("/v1/payments/{}", paid.json()["id"].as_str().unwrap());
        wait(|| (demo.get(&payment)["status"] == "captured").then_some(()));
    }
    let refused = |body: serde_json::Value, code: &str| {
        let reply = demo.request("POST", "/v1/tokens").json(&body).send();
        assert_eq!((reply.status, &reply.json()["code"]), (422, &json!(code)));
    };
    let mut elsewhere = card(&numbers[6], "917");
    elsewhere["card"]["name"] = json!(numbers[7]);
    refused(elsewhere, "card_number_refused");
    refused(card(&numbers[8], "9"), "card_cvv_invalid");
    let mut odd = card(&numbers[9], "917");
    odd["card"]["number"] = json!([numbers[9]]);
    refused(odd, "card_number_refused");
    let nobody = demo
        .request("POST", "/v1/tokens")
        .header("x-api-key", "nobody")
        .json(&card(&numbers[10], "917"));
    drop(nobody.send());
    let waiting = unfinished(&demo, &numbers[11]);

    let needles: Vec<Vec<u8>> = numbers.iter().map(|n| n.clone().into_bytes()).collect();
    let keys = vault_keys(&data);
    assert!(keys.len() >= 3, "marks, numbers, fingerprints");
    // SECURITY: the search proves something only if it finds in the vault what it looks for.
    wait(|| found(vault, &needles[11..12]).unwrap()[0].then_some(()));
    assert_eq!(found(vault, &keys).unwrap(), vec![true; keys.len()]);
    assert_eq!(found(api, &needles).unwrap(), vec![false; needles.len()]);
    assert_eq!(found(api, &keys).unwrap(), vec![false; keys.len()]);
    let code = vec![b"\"cvv\":\"917\"".to_vec()];
    assert_eq!(found(api, &code).unwrap(), [false]);
    drop(waiting);
}

#[test]
fn the_vault_process_is_confined() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(&dir.path().join("demo")));
    let vault = vault_of(&demo);
    let status = std::fs::read_to_string(format!("/proc/{vault}/status")).unwrap();
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(':').trim().to_owned())
    };
    assert_eq!(value("NoNewPrivs").as_deref(), Some("1"));
    assert_eq!(value("Seccomp").as_deref(), Some("2"));
    let limits = std::fs::read_to_string(format!("/proc/{vault}/limits")).unwrap();
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core"))
        .unwrap();
    assert!(
        cores.split_whitespace().filter(|word| *word == "0").count() == 2,
        "{cores}"
    );
    // Not dumpable: its files in /proc are root's, whoever runs it; and it was given nothing of our environment.
    let environment = std::fs::read(format!("/proc/{vault}/environ"));
    assert!(environment.is_ok_and(|text| text.is_empty()) || !is_root());
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(format!("/proc/{vault}/mem"))
        .unwrap()
        .uid();
    assert_eq!(owner, 0);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
