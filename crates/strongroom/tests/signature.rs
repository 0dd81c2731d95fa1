//! `strongroom sign` and `strongroom verify-signature`: what the one makes, the other takes, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use program::run;

const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
";
const NOW: &str = "1767225600";

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The words of a command, from its parts.
fn words<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    parts.concat()
}

#[test]
fn what_was_signed_is_verified_and_what_was_changed_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name, text: &str| file(dir.path(), name, text);
    let body = at("body.json", r#"{"amount":10000}"#);
    let private = at("key.pem", PRIVATE);
    let public = at("public.pem", PUBLIC);
    let secret = at("secret", "sign_1234567890abcdef\n");
    let url = "https://pay.example/v1/payouts?dry_run=true";
    let request = ["--method", "POST", "--url", url, "--body", &body];
    let key = "Idempotency-Key: order-4711";
    for (sign_with, verify_with) in [
        (["--private-key", &private], ["--public-key", &public]),
        (["--secret-file", &secret], ["--secret-file", &secret]),
    ] {
        let own = [
            "--key-id",
            "till-1",
            "--created",
            NOW,
            "--nonce",
            "n1",
            "--header",
            key,
        ];
        let made = run(&words(&[&["sign"], &request, &sign_with, &own])).done();
        let headers: Vec<&str> = made.lines().collect();
        assert_eq!(headers.len(), 4, "{made}");
        assert!(headers[0] == "Content-Type: application/json", "{made}");
        assert!(
            headers[1].starts_with("Content-Digest: sha-256=:"),
            "{made}"
        );
        assert!(!made.contains("1234567890abcdef"), "{made}");
        let mut lines: Vec<&str> = headers.iter().flat_map(|line| ["--header", line]).collect();
        lines.extend(["--header", key]);
        let verify = |request: &[&str], more: &[&str]| {
            let own = ["--key-id", "till-1"];
            run(&words(&[
                &["verify-signature"],
                request,
                &verify_with,
                &own,
                &lines,
                more,
            ]))
        };
        let good = verify(&request, &["--at", NOW]).done();
        assert!(good.starts_with("good: made by `till-1`"), "{good}");
        verify(&request, &["--at", "1767225901"]).failed("300 seconds");
        let other = at("other.json", r#"{"amount":10001}"#);
        let changed = ["--method", "POST", "--url", url, "--body", &other];
        verify(&changed, &["--at", NOW]).failed("Content-Digest");
        let moved = [
            "--method",
            "POST",
            "--url",
            "https://evil.example/v1/payouts?dry_run=true",
            "--body",
            &body,
        ];
        verify(&moved, &["--at", NOW]).failed("does not match");
        verify(&request, &["--at", NOW, "--header", "Approval-Id: appr_1"])
            .failed("must also cover approval-id");
    }
    let wrong = at("wrong.pem", "hello");
    run(&words(&[
        &["sign"],
        &request,
        &["--key-id", "k", "--private-key", &wrong],
    ]))
    .failed("no private key");
    let odd = [
        "sign",
        "--url",
        "pay.example",
        "--key-id",
        "k",
        "--secret-file",
        &secret,
    ];
    run(&odd).failed("is no URL");
}
