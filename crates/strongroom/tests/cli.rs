//! The command line: help for everything, clear refusals, no way to put a secret into it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use program::{run, strongroom};

const COMMANDS: [&[&str]; 17] = [
    &["demo"],
    &["init"],
    &["serve"],
    &["listen"],
    &["verify"],
    &["migrate"],
    &["audit"],
    &["audit", "verify"],
    &["audit", "export"],
    &["organization", "add"],
    &["organization", "keys"],
    &["user", "create"],
    &["keys"],
    &["keys", "passphrase"],
    &["keys", "recover"],
    &["sign"],
    &["verify-signature"],
];

#[test]
fn every_command_explains_itself() {
    for command in COMMANDS {
        let long = run(&[command, &["--help"]].concat()).done();
        assert!(long.contains("Usage: strongroom"), "{long}");
        let has_examples = long.contains("Example");
        let is_group = long.contains("<COMMAND>");
        assert!(
            has_examples || is_group,
            "`{command:?}` shows no example: {long}"
        );
        assert!(run(&[command, &["-h"]].concat()).done().len() <= long.len());
    }
    let all = run(&["--help"]).done();
    for command in COMMANDS {
        assert!(
            all.contains(command[0]),
            "`{}` is not in the overview",
            command[0]
        );
    }
    assert!(run(&["--version"]).done().starts_with("strongroom "));
}

#[test]
fn wrong_usage_ends_with_two() {
    let wrong: [&[&str]; 15] = [
        &[],
        &["dmeo"],
        &["demo", "--port", "70000"],
        &["demo", "--json", "--tour"],
        &["demo", "--rail-step", "-1"],
        &["init"],
        &["init", "--data", "d", "--currency", "XXX"],
        &["serve"],
        &["verify"],
        &["verify", "--data", "a", "--config", "b"],
        &["audit", "verify"],
        &[
            "audit",
            "export",
            "--data",
            "d",
            "--organization",
            "wallet_1",
            "--mode",
            "test",
        ],
        &["organization", "add", "--data", "d"],
        &[
            "organization",
            "keys",
            "--data",
            "d",
            "--organization",
            "key_1",
        ],
        &["keys", "recover", "--data", "d"],
    ];
    for arguments in wrong {
        let ended = run(arguments);
        assert_eq!(
            ended.code,
            Some(2),
            "{arguments:?}: {}{}",
            ended.out,
            ended.err
        );
        assert!(
            ended.err.contains("Usage") || ended.err.contains("--help"),
            "{arguments:?}: {}",
            ended.err
        );
    }
}

/// A secret on the command line is seen by every process of the machine, and stays in the shell's history.
#[test]
fn no_option_takes_a_secret() {
    for command in COMMANDS {
        let help = run(&[command, &["--help"]].concat()).done();
        for line in help
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("--"))
        {
            let about_secret = ["passphrase", "kit", "secret"]
                .iter()
                .any(|word| line.contains(word));
            assert!(!about_secret || line.contains("<FILE>"), "{line}");
        }
    }
    assert_eq!(
        run(&[
            "init",
            "--data",
            "d",
            "--passphrase",
            "correct horse battery"
        ])
        .code,
        Some(2)
    );
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let err =
        run(&["init", "--data", data.to_str().unwrap()]).failed("there is no terminal to ask at");
    assert!(err.contains("--passphrase-file"), "{err}");
    assert!(!data.exists());
}

#[test]
fn what_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let missing = missing.to_str().unwrap();
    run(&["verify", "--data", missing]).failed("there is no store in this directory");
    run(&["serve", "--config", missing]).failed("no such file");
    run(&["audit", "verify", missing]).failed("no such file");
    let odd = dir.path().join("odd.json");
    std::fs::write(&odd, "{\"format\":").unwrap();
    let ended = run(&["audit", "verify", odd.to_str().unwrap()]);
    assert_eq!(
        (ended.code, ended.out.starts_with("damage: ")),
        (Some(1), true),
        "{ended:?}"
    );
    let status = strongroom()
        .args(["verify", "--data", missing])
        .env("RUST_LOG", "not a filter!")
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
