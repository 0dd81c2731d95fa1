//! Starts that are refused because of what is configured of an acquirer.

use super::program::installation::failed;
use super::shop::{Shop, acquirer};

fn refuses(table: &str, words: &str) {
    let shop = Shop::configured("");
    let path = shop.installation.path("strongroom.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{table}")).unwrap();
    failed(&mut shop.installation.command("serve"), words);
}

#[test]
fn a_wrong_acquirer_is_told_at_the_start() {
    let good = acquirer("127.0.0.1:5000".parse().unwrap(), 5);
    for (from, to, words) in [
        (
            "127.0.0.1:5000",
            "bank.example:5000",
            "names are not looked up",
        ),
        ("127.0.0.1:5000", "192.0.2.1:5000", "needs `tls`"),
        ("['EUR']", "['EURO']", "`EURO` is no currency"),
        ("'TERM0001'", "'TERMINAL1'", "field 41 is too long"),
        (
            "answer_seconds = 5",
            "answer_seconds = 60",
            "is not between 1 and 15",
        ),
        (
            "echo_seconds = 5",
            "colour = 'red'",
            "unknown field `colour`",
        ),
    ] {
        refuses(&good.replace(from, to), words);
    }
}

/// What the vault process reads is told by it.
#[test]
fn a_file_that_is_no_certificate_is_told_at_the_start() {
    let good = acquirer("192.0.2.1:5000".parse().unwrap(), 5);
    let tls = "[acquirers.bank.tls]\nauthorities = 'passphrase'\nserver_name = 'bank.example'\n";
    refuses(
        &format!("{good}{tls}"),
        "`tls.authorities` holds no certificate in PEM",
    );
}
