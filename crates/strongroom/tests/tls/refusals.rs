//! A start that cannot be right ends with the file that is wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rcgen::KeyPair;

use crate::authority::{Authority, Odd, put};
use crate::client::{HOST, config};
use crate::program::Ended;
use crate::program::installation::{Installation, failed};

#[test]
fn every_bad_file_is_named_at_the_start() {
    let made = Installation::configured(&config(""));
    let authority = Authority::new("Test Authority");
    let key = KeyPair::generate().unwrap();
    let good = || authority.issue(&[HOST], &key, 1, Odd::Not);
    let start = |words: &str, file: &str| {
        let told = failed(&mut made.command("serve"), words);
        assert!(told.contains(file), "{told}");
        let doctor = made_doctor(&made);
        assert_eq!(doctor.code, Some(1), "{}", doctor.out);
        assert!(
            doctor.out.contains("fail  ") && doctor.out.contains(words),
            "{}",
            doctor.out
        );
    };
    start("cannot be read", "certificate.pem");
    good().write(made.dir.path());
    fs::set_permissions(made.path("key.pem"), Permissions::from_mode(0o640)).unwrap();
    start("may be read by others", "key.pem");
    for (content, words) in [
        (
            key.serialize_pem()
                .replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            "an encrypted key",
        ),
        (
            KeyPair::generate().unwrap().serialize_pem(),
            "does not belong to the certificate",
        ),
        (good().certificate, "a certificate and no private key"),
        (String::new(), "no private key in PEM"),
    ] {
        put(&made.path("key.pem"), &content, 0o600);
        start(words, "key.pem");
    }
    for (issued, words) in [
        (
            authority.issue(&[HOST], &key, 2, Odd::Expired),
            "has expired",
        ),
        (
            authority.issue(&[HOST], &key, 3, Odd::NotYet),
            "is not yet valid",
        ),
        (
            authority.issue(&["other.example"], &key, 4, Odd::Not),
            "is not for `pay.example`",
        ),
    ] {
        issued.write(made.dir.path());
        start(words, "certificate.pem");
    }
    good().write(made.dir.path());
    let two = format!("{}{}", authority.pem(), good().certificate);
    put(&made.path("certificate.pem"), &two, 0o644);
    start("in another order", "certificate.pem");
    good().write(made.dir.path());
    let doctor = made_doctor(&made);
    assert_eq!(doctor.code, Some(0), "{}", doctor.out);
    assert!(
        doctor
            .out
            .contains("ok    the certificate holds until 2090"),
        "{}",
        doctor.out
    );
}

fn made_doctor(made: &Installation) -> Ended {
    let mut doctor = crate::program::strongroom();
    doctor
        .args(["doctor", "--config"])
        .arg(made.path("strongroom.toml"));
    Ended::of(doctor.output().unwrap())
}
