//! What the process denies itself, seen from outside; and that no type of a secret can be shown.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::fmt::{Debug, Display};
use std::fs;
use std::marker::PhantomData;
use std::path::Path;

use rustix::process::Signal;

use program::installation::{Installation, PASSPHRASE};
use program::{Ended, strongroom};

/// `Probe::<T>::SHOWN` says whether `T` has `Debug`, `PRINTED` whether it has `Display`, `COPIED` `Clone`: an inherent
/// constant is taken where its bound holds, the trait's where it does not.
struct Probe<T>(PhantomData<T>);

trait Hidden {
    const SHOWN: bool = false;
    const PRINTED: bool = false;
    const COPIED: bool = false;
}

impl<T> Hidden for T {}

impl<T: Debug> Probe<T> {
    const SHOWN: bool = true;
}

impl<T: Display> Probe<T> {
    const PRINTED: bool = true;
}

impl<T: Clone> Probe<T> {
    const COPIED: bool = true;
}

macro_rules! hidden {
    ($($secret:ty),* $(,)?) => {
        [$((stringify!($secret), Probe::<$secret>::SHOWN, Probe::<$secret>::PRINTED, Probe::<$secret>::COPIED)),*]
    };
}

#[test]
fn no_secret_type_is_shown_printed_or_copied() {
    let types = hidden![
        strongroom_types::secret::SecretText,
        strongroom_vault::CardNumber,
        strongroom_vault::SecurityCode,
        strongroom_vault::SecurityCodes,
        strongroom_crypto::RootKeys,
        strongroom_crypto::Hierarchy,
        strongroom_crypto::DataKey,
        strongroom_crypto::SealKey,
        strongroom_crypto::BatchSealer,
        strongroom_crypto::MacKey,
        strongroom_crypto::SigningKey,
        strongroom_crypto::Identity,
        strongroom_crypto::StreamSealer,
        strongroom_crypto::StreamOpener,
        strongroom_crypto::RandomPool,
        strongroom_scan::Canaries,
        strongroom_scan::Scanner,
        strongroom_engine::PaidWith,
        strongroom_engine::backup::SealTo,
    ];
    for (name, shown, printed, copied) in types {
        assert!(
            !shown && !printed && !copied,
            "{name}: {shown} {printed} {copied}"
        );
    }
    // The probe itself sees what there is.
    let plain = hidden![String, strongroom_crypto::Recipient];
    assert!(
        plain
            .iter()
            .all(|(_, shown, printed, copied)| *shown && *printed && *copied)
    );
}

/// What zeroizes on drop prints itself all the same if it is asked to, so no type that holds it may derive `Debug`.
#[test]
fn nothing_that_is_wiped_stands_in_a_type_that_can_be_shown() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut seen, mut types) = (0, 0);
    let mut waiting = vec![crates.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let in_source = path.components().any(|part| part.as_os_str() == "src");
        if !in_source || path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(&path).unwrap();
        for (place, _) in text.match_indices("#[derive(") {
            let derived = text[place..].split(")]").next().unwrap();
            let item = text[place..].split("\n}\n").next().unwrap();
            let item = item.split("\n\n").next().unwrap();
            types += 1;
            if derived.contains("Debug") {
                for wiped in ["Zeroizing<", "SecretText,"] {
                    assert!(!item.contains(wiped), "{}: {item}", path.display());
                }
            }
        }
    }
    assert!(seen > 200 && types > 200, "{seen} files, {types} types");
}

fn status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap().trim().to_owned()
}

#[test]
fn a_server_lets_nobody_look_into_it() {
    let installation = Installation::new("127.0.0.1:0");
    let serving = installation.serve();
    let pid = serving.running.id();
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().collect::<Vec<_>>()[4..6],
        ["0", "0"],
        "{core}"
    );
    // What belongs to a process that may not be dumped belongs to root, whoever runs it.
    let owner =
        std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{pid}/mem")).unwrap());
    assert_eq!(owner, 0);
    if let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) {
        assert!(!String::from_utf8_lossy(&environment).contains(PASSPHRASE));
    }
    let locked = status(pid, "VmLck:");
    let stopped = serving.running.stop(Signal::TERM);
    let all = stopped.err.contains("\"memory\":\"All\"");
    assert_eq!(all, locked != "0 kB", "{locked}: {}", stopped.err);
}

#[test]
fn the_doctor_says_what_is_and_what_should_be() {
    let installation = Installation::new("127.0.0.1:0");
    let doctor = || {
        let mut command = strongroom();
        command
            .arg("doctor")
            .arg("--config")
            .arg(installation.path("strongroom.toml"));
        Ended::of(command.output().unwrap())
    };
    let told = doctor().out;
    for line in [
        "ok    core dumps: off",
        "ok    other processes of this user: cannot look into this one",
        "ok    copies: the keyring is apart from the data",
        "ok    passphrase: not in the data directory",
    ] {
        assert!(told.contains(line), "`{line}` is not in {told}");
    }
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(installation.path("keyring.toml"), open).unwrap();
    let told = doctor();
    assert_eq!(told.code, Some(1));
    assert!(
        told.out.contains("fail  keyring:") && told.out.contains("644"),
        "{}",
        told.out
    );
}
