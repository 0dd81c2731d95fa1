//! Ceremonies: roots in new hands, and a transcript that can be verified again.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::custody::{Kept, Kind, wallet};
use crate::program::{Ended, strongroom};

fn transcript_verify(kept: &Kept, name: &str, more: &[&str]) -> Ended {
    let mut command = strongroom();
    command
        .args(["keys", "transcript", "verify"])
        .arg(kept.path(name))
        .args(more);
    if let Some(hsm) = &kept.hsm {
        command.env("SOFTHSM2_CONF", &hsm.conf);
    }
    Ended::of(command.output().unwrap())
}

#[test]
fn from_a_passphrase_to_shares_under_a_running_server() {
    let mut kept = Kept::new(Kind::Passphrase).unwrap();
    let serving = kept.serve();
    wallet(&serving, &kept.key(), "before");
    let path = |name: &str| kept.path(name).to_str().unwrap().to_owned();
    let (transcript, shares) = (path("ceremony.json"), path("handed-out"));
    let to_shares = |people: &[&str]| {
        let mut arguments = vec!["--root", "shares", "--shares", "3", "--threshold", "2"];
        arguments.extend(["--share-dir", &shares, "--transcript", &transcript]);
        people
            .iter()
            .for_each(|name| arguments.extend(["--participant", name]));
        kept.run("keys ceremony", &arguments)
    };
    to_shares(&["Ana Cruz"]).failed("two participants or more");
    to_shares(&["Ana Cruz", "ana cruz"]).failed("each named once");
    assert!(!kept.path("ceremony.json").exists());
    let told = to_shares(&["Ana Cruz", "Ben Reyes"]).done();
    assert!(
        told.contains("New roots, version 2, kept by shares"),
        "{told}"
    );
    assert!(
        told.contains("wrapped again, not replaced") && told.contains("keys vault-kit"),
        "it says what stays: {told}"
    );
    wallet(&serving, &kept.key(), "after");
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));

    kept.run("verify", &[])
        .failed("shares of the root are needed");
    let opening = [1, 3]
        .into_iter()
        .flat_map(|n| ["--share-file".to_owned(), format!("{shares}/share-{n}.txt")]);
    kept.opening = opening.collect();
    kept.assert_clean();

    let keyring = kept.path("keyring.toml").to_str().unwrap().to_owned();
    let mut with_keyring = vec!["--keyring", keyring.as_str()];
    with_keyring.extend(kept.opening.iter().map(String::as_str));
    let told = transcript_verify(&kept, "ceremony.json", &with_keyring).done();
    assert!(
        told.contains("verified: 4 steps, as entry ") && told.contains("check value is the one"),
        "{told}"
    );
    assert!(told.contains("the key that it names itself"), "{told}");
    transcript_verify(&kept, "ceremony.json", &["--key", &"ab".repeat(32)])
        .failed("signed by another key");

    // The entry on the log holds the transcript's hash.
    let text = fs::read_to_string(kept.path("ceremony.json")).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let hash = read["steps"][3]["hash"].as_str().unwrap();
    let exported = kept.run("audit export", &["--opened"]).done();
    assert!(exported.contains("log_sequence") || read["log_sequence"].as_u64().unwrap() > 0);
    let opened = crate::program::ceremony_hashes(&exported);
    assert!(opened.contains(&hash.to_owned()), "{opened:?}");

    // Every changed value is found.
    let altered = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        fs::write(kept.path("altered.json"), text.replacen(from, to, 1)).unwrap();
        transcript_verify(&kept, "altered.json", &[])
    };
    altered("Ben Reyes", "Bea Reyes").failed("hash of step 1");
    altered("\"threshold\": 2", "\"threshold\": 1").failed("hash of step 3");
    let signature = read["signature"].as_str().unwrap();
    let other = match signature.starts_with('0') {
        true => format!("1{}", &signature[1..]),
        false => format!("0{}", &signature[1..]),
    };
    altered(signature, &other).failed("its signature does not fit");
    for (at, byte) in text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_digit())
        .step_by(7)
    {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if byte == b'9' { b'8' } else { byte + 1 };
        fs::write(kept.path("altered.json"), bytes).unwrap();
        let code = transcript_verify(&kept, "altered.json", &[]).code;
        assert_ne!(code, Some(0), "byte {at} may be changed");
    }
    let sequence = format!("\"log_sequence\": {}", read["log_sequence"]);
    altered(&sequence, "\"log_sequence\": 4711").failed("its signature does not fit");
    unsigned_places(&kept, &read);
}

/// One from before places were signed verifies, and nothing is said of its place but that; one that was cut short does not.
fn unsigned_places(kept: &Kept, transcript: &Value) {
    let without = |names: &[&str]| {
        let mut older = transcript.clone();
        let members = older.as_object_mut().unwrap();
        names.iter().for_each(|name| drop(members.remove(*name)));
        fs::write(kept.path("older.json"), older.to_string()).unwrap();
        transcript_verify(kept, "older.json", &[])
    };
    let key = transcript["public_key"].as_str().unwrap();
    let told = without(&["entry_signature"]).done();
    let verified = format!("verified: 4 steps, signed by {key}, the key that it names itself\n");
    assert!(told.contains(&verified), "{told}");
    assert!(told.contains("not verified: that it is entry"), "{told}");
    without(&["entry_signature", "signature"]).failed("the ceremony was cut short");
}

/// A ceremony that nothing could tell of is not held, and one that is given up before it changed anything leaves no file.
#[test]
fn nothing_changes_without_a_place_for_the_transcript() {
    let kept = Kept::new(Kind::Passphrase).unwrap();
    let path = |name: &str| kept.path(name).to_str().unwrap().to_owned();
    let before = fs::read(kept.path("keyring.toml")).unwrap();
    let ceremony = |transcript: &str| {
        let (transcript, shares) = (path(transcript), path("handed-out"));
        let to_shares = ["--root", "shares", "--shares", "2", "--threshold", "2"];
        let people = ["--participant", "Ana Cruz", "--participant", "Ben Reyes"];
        let places = ["--share-dir", &shares, "--transcript", &transcript];
        kept.run(
            "keys ceremony",
            &[&to_shares[..], &people, &places].concat(),
        )
    };
    ceremony("missing/ceremony.json").failed("cannot write");
    assert!(!kept.path("handed-out").exists());
    fs::write(kept.path("taken.json"), "theirs").unwrap();
    ceremony("taken.json").failed("exists already");
    assert_eq!(fs::read(kept.path("taken.json")).unwrap(), b"theirs");
    // The shares cannot be handed out.
    fs::create_dir(kept.path("handed-out")).unwrap();
    fs::write(kept.path("handed-out/share-1.txt"), "an old one").unwrap();
    ceremony("ceremony.json").failed("exists already");
    assert!(!kept.path("ceremony.json").exists());
    assert_eq!(fs::read(kept.path("keyring.toml")).unwrap(), before);
    fs::remove_dir_all(kept.path("handed-out")).unwrap();
    ceremony("ceremony.json").done();
    transcript_verify(&kept, "ceremony.json", &[]).done();
}

#[test]
fn from_a_passphrase_to_an_hsm_and_back() {
    let Some(hsm) = Kept::new(Kind::Hsm) else {
        return;
    };
    let kept = Kept::new(Kind::Passphrase).unwrap();
    let softhsm = hsm.hsm.as_ref().unwrap();
    let module = softhsm.module.to_str().unwrap();
    let path = |name: &str| kept.path(name).to_str().unwrap().to_owned();
    let ceremony = |opening: &[&str], new: &[&str], name: &str| {
        let mut command = kept.bare("keys ceremony");
        command
            .env("SOFTHSM2_CONF", &softhsm.conf)
            .args(opening)
            .args(new);
        command
            .args([
                "--participant",
                "Ana",
                "--participant",
                "Ben",
                "--transcript",
            ])
            .arg(kept.path(name));
        Ended::of(command.output().unwrap())
    };
    let (pin, passphrase) = (path("pin"), path("passphrase"));
    let by_hsm = ["--hsm-module", module, "--pin-file", &pin];
    let by_passphrase = ["--passphrase-file", passphrase.as_str()];
    let to_hsm = ["--root", "hsm", "--hsm-token", "pay", "--hsm-key", "second"];
    let opening = [by_hsm.as_slice(), by_passphrase.as_slice()].concat();
    assert!(
        ceremony(&opening, &to_hsm, "to.json")
            .done()
            .contains("kept by hsm")
    );
    assert_eq!(
        softhsm.objects().len(),
        2,
        "the second installation has a key of its own"
    );
    let back = ["--new-passphrase-file", passphrase.as_str()];
    assert!(
        ceremony(&by_hsm, &back, "back.json")
            .done()
            .contains("New roots, version 3, kept by passphrase")
    );
    for name in ["to.json", "back.json"] {
        transcript_verify(&kept, name, &[]).done();
    }
    kept.assert_clean();
}

/// What shares or a token kept becomes one passphrase's only where somebody says so, and the log tells of it.
#[test]
fn a_passphrase_takes_the_place_of_shares_before_witnesses_alone() {
    let mut kept = Kept::new(Kind::Shares).unwrap();
    let path = |name: &str| kept.path(name).to_str().unwrap().to_owned();
    let (new, transcript) = (path("new-passphrase"), path("custody.json"));
    fs::write(&new, "a passphrase for one person\n").unwrap();
    let keyring = kept.path("keyring.toml");
    let before = fs::read(&keyring).unwrap();
    let change = |more: &[&str]| {
        let words = [&["--new-passphrase-file", new.as_str()], more].concat();
        kept.run("keys passphrase", &words)
    };
    let err = change(&[]).failed("the roots are kept by shares");
    assert!(err.contains("--replace-custody"), "{err}");
    let flag = ["--replace-custody", "--transcript", &transcript];
    assert_eq!(change(&flag).code, Some(2));
    let alone = [&flag[..], &["--participant", "Ana Cruz"]].concat();
    change(&alone).failed("two participants or more");
    assert_eq!(fs::read(&keyring).unwrap(), before, "nothing was changed");
    let both = [&alone[..], &["--participant", "Ben Reyes"]].concat();
    change(&both).done();
    assert_ne!(fs::read(&keyring).unwrap(), before);

    let passphrase = ["--passphrase-file", new.as_str()];
    let keyring = keyring.to_str().unwrap().to_owned();
    let more = [&["--keyring", keyring.as_str()][..], &passphrase].concat();
    let told = transcript_verify(&kept, "custody.json", &more).done();
    assert!(told.contains("verified: 4 steps"), "{told}");
    let read: Value = serde_json::from_str(&fs::read_to_string(&transcript).unwrap()).unwrap();
    let steps = read["steps"].as_array().unwrap();
    assert_eq!(steps[1]["values"]["kept_by"], "shares");
    assert_eq!(steps[2]["values"]["kept_by"], "passphrase");
    kept.opening = passphrase.map(str::to_owned).into();
    kept.assert_clean();
    let bundle = kept.run("audit export", &["--opened"]).done();
    let hash = steps[3]["hash"].as_str().unwrap();
    assert_eq!(crate::program::ceremony_hashes(&bundle), [hash]);
    // A passphrase for a passphrase needs nobody beside.
    let next = kept.path("next").to_str().unwrap().to_owned();
    fs::write(&next, "another passphrase for one\n").unwrap();
    kept.run("keys passphrase", &["--new-passphrase-file", &next])
        .done();
}
