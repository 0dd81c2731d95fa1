//! `serve --role vault` and `serve --role api`: two processes that an operator starts.

use rustix::process::Signal;
use serde_json::json;

use super::program::Running;
use super::program::installation::{Installation, Serving};
use super::{card, children, number, wait};

#[test]
fn the_two_roles_find_each_other_again() {
    let installation = Installation::new("127.0.0.1:0");
    let start = |role: &str| {
        let mut command = installation.command("serve");
        Running::start(command.args(["--role", role]))
    };
    let key = installation.shown("test secret key");
    let vault = start("vault");
    assert!(
        vault.line.starts_with("the vault answers at "),
        "{}",
        vault.line
    );
    let api = Serving {
        running: start("api"),
    };
    assert!(children(api.running.id()).is_empty());
    let number = number(99);
    let made = api
        .request("POST", "/v1/tokens", &key)
        .json(&card(&number, "917"))
        .send();
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["id"].as_str().unwrap().to_owned();

    let status = std::fs::read_to_string(format!("/proc/{}/status", vault.id())).unwrap();
    let stopped = vault.stop(Signal::TERM);
    assert!(stopped.status.success());
    // What it says of its memory is so: none of it goes to the swap, where the system lets that be asked for.
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let all = stopped.err.contains("\"memory\":\"All\"");
    assert_eq!(all, locked.unwrap().trim() != "0 kB", "{}", stopped.err);
    let reveal = || {
        api.request("POST", &format!("/v1/tokens/{token}/reveal"), &key)
            .json(&json!({ "reason": "a test" }))
            .try_send()
    };
    // A connection may be handed over while the vault ends, and closes.
    let away = wait(|| reveal().filter(|reply| reply.status == 503));
    assert_eq!(away.header("retry-after"), Some("1"));
    // Once it has gone for good, before anything is read.
    wait(|| reveal().filter(|reply| reply.json()["code"] == "vault_unavailable"));
    assert_eq!(api.account(&key).0, 200);

    let vault = start("vault");
    let shown = wait(|| reveal().filter(|reply| reply.status == 200));
    assert_eq!(shown.json()["card"]["number"], json!(number));
    assert!(api.running.stop(Signal::TERM).status.success());
    assert!(vault.stop(Signal::TERM).status.success());
}
