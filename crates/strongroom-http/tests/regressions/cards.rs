//! Card numbers: what a stolen or changed file gives away, and that none gets in but by the one door.

use std::collections::HashSet;

use serde_json::json;
use strongroom_crypto::{MacKey, sha256};
use strongroom_engine::verify::{NumberFound, VerifyReport, verify};
use strongroom_store::{Batch, IdRange, RecordRow, SqliteStore, Store};
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, card};
use strongroom_types::id::Kind;

const NUMBER: &str = "4539578763621486";

/// The bytes of every file of a stopped server.
fn files(server: &TestServer) -> Vec<u8> {
    let copy = DataFolder::copy_of(server.folder());
    let names = ["strongroom.db", "strongroom.db-wal"];
    names
        .iter()
        .filter_map(|name| std::fs::read(copy.path().join(name)).ok())
        .flatten()
        .collect()
}

fn passes_luhn(number: u64) -> bool {
    let mut rest = number;
    let mut sum = 0;
    for place in 0..16 {
        let digit = rest % 10 * if place % 2 == 0 { 1 } else { 2 };
        sum += digit / 10 + digit % 10;
        rest /= 10;
    }
    sum % 10 == 0
}

/// Whether trying every number of this BIN and these last four digits meets a hash in the bytes.
fn is_confirmed(bytes: &[u8], beside: &[&str]) -> bool {
    let windows: HashSet<&[u8]> = bytes.windows(16).collect();
    let bin: u64 = NUMBER[..6].parse().unwrap();
    let last4: u64 = NUMBER[12..].parse().unwrap();
    let numbers = (0..1_000_000_u64).map(|middle| (bin * 1_000_000 + middle) * 10_000 + last4);
    numbers.filter(|number| passes_luhn(*number)).any(|number| {
        let number = number.to_string();
        let plain = number.as_bytes();
        let mut hashes = vec![sha256(&[plain]), MacKey::new(&[]).tag(&[plain])];
        for salt in beside {
            hashes.push(sha256(&[salt.as_bytes(), plain]));
            hashes.push(MacKey::new(salt.as_bytes()).tag(&[plain]));
        }
        hashes.iter().any(|hash| windows.contains(&hash[..16]))
    })
}

#[test]
fn pan_hash_bruteforce() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    let (id, organization) = {
        let acme = Tenant::found(&server);
        let made = acme.token(NUMBER).expect(201);
        (made.id(), acme.books.organization.to_string())
    };
    server.halt();
    let mut bytes = files(&server);
    // Whoever holds the files knows the token's id and the organization's, and no key.
    let beside = [id.as_str(), organization.as_str()];
    assert!(!is_confirmed(&bytes, &beside), "the files confirm a number");
    // The search is worth what it finds.
    bytes.extend_from_slice(&sha256(&[NUMBER.as_bytes()]));
    assert!(is_confirmed(&bytes, &beside));
}

#[test]
fn cvv_never_on_disk() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let body = json!({ "card": { "number": "378282246310005", "exp_month": 7, "exp_year": 2031, "cvv": "9137" } });
        let request = acme.request("POST", "/v1/tokens").idempotent("once");
        let request = request.json(&body);
        request.send().expect(201);
        request.send().expect(201);
        let wrong = body.to_string().replace("2031", "2020");
        acme.request("POST", "/v1/tokens")
            .idempotent("two")
            .body(wrong)
            .send()
            .refused(422, "card_expired");
        server.checkpoint();
        server.summarise();
    }
    server.halt();
    let mut waiting = vec![server.folder().to_owned()];
    let mut looked = 0;
    while let Some(path) = waiting.pop() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            looked += 1;
            let bytes = std::fs::read(&path).unwrap();
            // As JSON writes it, as CBOR does, and as a keyless hash of it.
            for form in [
                &b"\"9137\""[..],
                b"d9137",
                b"cvv",
                &sha256(&[b"9137"])[..16],
            ] {
                let found = bytes.windows(form.len()).any(|window| window == form);
                assert!(!found, "{path:?} holds the code as {form:?}");
            }
        }
    }
    assert!(looked >= 2, "database and request log were looked at");
}

/// A record's parts: what comes before each blob, and the blob.
fn parts(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rest = &body[2..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let head = if rest[0] == 1 { 13 } else { 1 };
        let length = u32::from_be_bytes(rest[head..head + 4].try_into().unwrap());
        let end = head + 4 + usize::try_from(length).unwrap();
        found.push((rest[..head].to_vec(), rest[head + 4..end].to_vec()));
        rest = &rest[end..];
    }
    found
}

fn joined(parts: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![1, u8::try_from(parts.len()).unwrap()];
    for (head, blob) in parts {
        body.extend_from_slice(head);
        body.extend_from_slice(&u32::try_from(blob.len()).unwrap().to_be_bytes());
        body.extend_from_slice(blob);
    }
    body
}

fn verified(folder: &DataFolder, server: &TestServer) -> VerifyReport {
    let store = SqliteStore::open_read_only(folder.path()).unwrap();
    verify(&store, server.root_keys(), 1).unwrap()
}

/// A card moved between tokens, between tenants, altered or cut out is neither shown nor overlooked.
#[test]
fn a_card_belongs_to_its_token() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    let mut owner = String::new();
    for number in [VISA, NUMBER] {
        let acme = Tenant::found(&server);
        acme.token(number).expect(201);
        acme.token("5555555555554444").expect(201);
        if owner.is_empty() {
            owner.clone_from(&acme.owner.text);
        }
    }
    server.halt();
    let copy = DataFolder::copy_of(server.folder());
    assert!(verified(&copy, &server).is_clean());
    let store = SqliteStore::open_read_only(copy.path()).unwrap();
    let mut reader = store.reader().unwrap();
    let mut rows: Vec<RecordRow> = Vec::new();
    for head in reader.heads().unwrap() {
        let kind = Kind::Token.code();
        rows.extend(
            reader
                .records(head.log, kind, IdRange::default(), false, 10)
                .unwrap(),
        );
    }
    assert_eq!(rows.len(), 4);
    let first = &rows[0];
    let id = format!("tok_{}", strongroom_types::id::RawId(first.id));
    let own = parts(&first.body);
    let last = own.len() - 1;
    assert_eq!(own[last].0, [3], "the card is the last part");
    let card_of = |row: &RecordRow| parts(&row.body)[last].1.clone();
    let with = |blob: Vec<u8>| {
        let mut parts = own.clone();
        parts[last].1 = blob;
        joined(&parts)
    };
    let mut altered = card_of(first);
    *altered.last_mut().unwrap() ^= 1;
    for (what, body) in [
        ("of another token", with(card_of(&rows[1]))),
        ("of another tenant", with(card_of(&rows[2]))),
        ("altered", with(altered)),
        ("the business part", with(own[0].1.clone())),
        ("cut out", joined(&own[..last])),
    ] {
        let copy = DataFolder::copy_of(server.folder());
        let row = RecordRow {
            body,
            ..first.clone()
        };
        let batch = Batch {
            records: vec![row],
            ..Batch::default()
        };
        SqliteStore::open(copy.path())
            .unwrap()
            .writer()
            .unwrap()
            .apply(&batch)
            .unwrap();
        let mut report = verified(&copy, &server);
        assert!(!report.is_clean(), "{what}: nothing was found");
        // One that is cut out reads as one that a vault keeps: so the vault is asked, and does not have it.
        report.hold_numbers(|_| NumberFound::Nothing);
        assert!(!report.is_undamaged(), "{what}: nothing was found");
        assert!(report.to_string().contains(&id), "{what}: {report}");
        let running = TestServer::open(copy, server.root_keys(), ServerSettings::default());
        let path = format!("/v1/tokens/{id}");
        let ask = |method: &str, path: &str| running.request(method, path).bearer(&owner);
        let reveal = ask("POST", &format!("{path}/reveal")).json(&json!({ "reason": "look" }));
        let (status, code) = match what {
            "cut out" => (503, "vault_unavailable"),
            _ => (500, "internal_error"),
        };
        let reply = reveal.send().refused(status, code);
        assert!(!reply.text().contains("4242"), "{what}");
        // What is masked is not at fault.
        ask("GET", &path).send().expect(200);
    }
}

/// Deleting overwrites: the number's ciphertext is in no file any more.
#[test]
fn a_deleted_number_s_ciphertext_is_gone() {
    let mut server = TestServer::start_in_files(ServerSettings::default());
    let (id, owner) = {
        let acme = Tenant::found(&server);
        (acme.token(NUMBER).expect(201).id(), acme.owner.text)
    };
    server.halt();
    let blob = {
        let copy = DataFolder::copy_of(server.folder());
        let store = SqliteStore::open_read_only(copy.path()).unwrap();
        let mut reader = store.reader().unwrap();
        let heads = reader.heads().unwrap();
        let kind = Kind::Token.code();
        let mut rows = heads.iter().flat_map(|head| {
            reader
                .records(head.log, kind, IdRange::default(), false, 10)
                .unwrap()
        });
        parts(&rows.next().unwrap().body).last().unwrap().1.clone()
    };
    let holds = |bytes: &[u8]| bytes.windows(40).any(|window| window == &blob[..40]);
    assert!(holds(&files(&server)));
    let server = server.restart(ServerSettings::default());
    let request = server.request("DELETE", &format!("/v1/tokens/{id}"));
    request.bearer(&owner).send().expect(200);
    // What was written before stands in the write-ahead log until that is folded in.
    let mut server = server.restart(ServerSettings::default());
    server.halt();
    assert!(!holds(&files(&server)));
}

#[test]
fn tripwire_hits_are_counted_and_on_record() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let agent = format!("till/{VISA}");
    let request = acme
        .request("GET", "/v1/account")
        .header("User-Agent", &agent);
    request.send().refused(422, "card_number_refused");
    let mark = acme.mark();
    let body = json!({ "type": "master", "metadata": { "note": format!("card {NUMBER}") } });
    let reply = acme
        .post("/v1/wallets", &body)
        .refused(422, "card_number_refused");
    assert_eq!(reply.field("errors/0/pointer"), "/metadata/note");
    let audit = acme.audit_since(&mark);
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0]["action"], "card_number_refused");
    assert_eq!(
        (&audit[0]["outcome"], &audit[0]["code"]),
        (&json!("refused"), &json!("card_number_refused"))
    );
    // The same body without the number passes, and the token's own door stays open.
    acme.post("/v1/wallets", &json!({ "type": "master" }))
        .expect(201);
    acme.post("/v1/tokens", &card(NUMBER)).expect(201);
    for path in ["/v1/audit-logs?limit=100", "/v1/request-logs?limit=100"] {
        let text = acme.get(path).expect(200).text();
        assert!(
            !text.contains(NUMBER) && !text.contains(VISA),
            "{path}: {text}"
        );
    }
    let agents = acme.all("/v1/request-logs");
    assert!(
        agents
            .iter()
            .any(|line| line["user_agent"] == "till/************4242"),
        "{agents:?}"
    );
}
