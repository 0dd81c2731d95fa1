//! What a demo prints: what was made, and lines that work as pasted.

use std::path::Path;

use super::Demo;
use super::account::{Account, Wallets};
use crate::table;

/// The text for a person at a terminal.
pub(super) fn text(demo: &Demo<'_>) -> String {
    let data = demo.home.path();
    format!(
        "{}\n{}\n{}",
        made(demo),
        lines(&demo.base_url, &demo.account, data),
        ending(demo)
    )
}

fn made(demo: &Demo<'_>) -> String {
    let Demo {
        base_url,
        admin_url,
        home,
        place,
        account,
    } = demo;
    let Wallets {
        master,
        operating,
        reserve,
    } = &account.wallets;
    let data = home.path().display().to_string();
    let books = place.books();
    let metrics = format!("{admin_url}/metrics");
    let mut rows = vec![
        ("API", base_url.as_str()),
        ("metrics", &metrics),
        ("data", &data),
        ("organization", &account.organization_id),
        ("secret key", &account.secret_key),
        ("signing secret", &account.signing_secret),
        ("publishable key", &account.publishable_key),
        ("master wallet", master),
        ("operating wallet", operating),
        ("reserve wallet", reserve),
    ];
    if place.is_in_database() {
        rows.insert(3, ("books", &books));
    }
    format!(
        "Strongroom demo: a sandbox. Each wallet holds 10,000,000 minor units, PHP 100,000.00.\n\n{}",
        table::pairs(2, &rows)
    )
}

fn lines(base: &str, account: &Account, data: &Path) -> String {
    let Account {
        secret_key,
        wallets,
        audit_id,
        ..
    } = account;
    let Wallets {
        operating, reserve, ..
    } = wallets;
    let auth = format!("-H 'Authorization: Bearer {secret_key}'");
    let proof = shell(&data.join("proof.json"));
    let program =
        std::env::current_exe().map_or_else(|_| "strongroom".to_owned(), |path| shell(&path));
    let post = format!(
        "curl -sS -w '\\n' -X POST {base}/v1/payouts {auth} -H 'Content-Type: application/json'"
    );
    let to_wallet = format!(
        r#"{{"amount":10000,"currency":"PHP","recipient":{{"type":"wallet","id":"{reserve}"}}}}"#
    );
    let to_bank = r#"{"amount":"125.00","currency":"PHP","recipient":{"type":"bank_account","account_name":"Ana Reyes","bank_code":"BDO","account_number":"001234567890"}}"#;
    [
        ("Who am I?", format!("curl -sS -w '\\n' {base}/v1/account {auth}")),
        ("How much is there?", format!("curl -sS -w '\\n' {base}/v1/wallets/{operating}/balance {auth}")),
        (
            "Pay PHP 100.00 from the operating to the reserve wallet. Paste it twice: it pays once.",
            format!("{post} -H 'Idempotency-Key: demo-payout-1' -d '{to_wallet}'"),
        ),
        (
            "Pay a bank account; the sandbox's bank answers within seconds.",
            format!("{post} -H 'Idempotency-Key: demo-payout-2' -d '{to_bank}'"),
        ),
        ("The wallet's statement", format!("curl -sS -w '\\n' {base}/v1/wallets/{operating}/transactions {auth}")),
        ("What happened, for programs", format!("curl -sS -w '\\n' {base}/v1/events {auth}")),
        (
            "Every event to a program of yours, as a webhook would bring it; asks for the secret key",
            format!("{program} listen --url {base} --forward http://localhost:3000/hooks"),
        ),
        ("What happened, for auditors", format!("curl -sS -w '\\n' {base}/v1/audit-logs {auth}")),
        (
            "The proof that the funding stands in the log, verified without the server",
            format!("curl -sS {base}/v1/audit-logs/{audit_id}/proof {auth} -o {proof} && {program} audit verify {proof}"),
        ),
    ]
    .map(|(title, line)| format!("# {title}\n{line}\n"))
    .join("\n")
}

fn ending(demo: &Demo<'_>) -> String {
    let verify = verify_line(demo);
    match (demo.home.is_temporary(), demo.place.is_in_database()) {
        (true, _) => "Ctrl-C ends it and removes the data; --data DIR keeps them.\n".to_owned(),
        (_, true) => format!(
            "Ctrl-C ends it; a second demo on this database serves beside it, and takes over then. `{verify}` checks everything.\n"
        ),
        (_, false) => {
            format!("Ctrl-C ends it. After that, `{verify}` checks everything.\n")
        }
    }
}

/// The command that verifies this demo.
pub(super) fn verify_line(demo: &Demo<'_>) -> String {
    let data = shell(demo.home.path());
    match demo.place.is_in_database() {
        true => format!(
            "strongroom verify --data {data} --postgres postgres://{}",
            demo.place.books()
        ),
        false => format!("strongroom verify --data {data}"),
    }
}

/// A path as one word for the shell.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_one_word() {
        assert_eq!(shell(Path::new("/tmp/demo-1")), "/tmp/demo-1");
        assert_eq!(shell(Path::new("/tmp/it's here")), r"'/tmp/it'\''s here'");
    }
}
