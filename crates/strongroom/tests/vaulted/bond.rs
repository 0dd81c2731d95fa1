//! A vault belongs to one installation: whoever else asks for it is sent away, and changes nothing in it.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use super::program::Running;
use super::program::installation::{Installation, Serving, failed};
use super::{card, number, wait};

fn api(installation: &Installation, socket: &std::path::Path) -> Command {
    let mut command = installation.command("serve");
    command
        .args(["--role", "api", "--vault-socket"])
        .arg(socket);
    command
}

#[test]
fn two_installations_on_one_socket_lose_no_number() {
    let [first, second] = [(); 2].map(|()| Installation::new("127.0.0.1:0"));
    let socket = first.path("v.sock");
    let start_vault = || {
        let mut command = first.command("serve");
        command
            .args(["--role", "vault", "--vault-socket"])
            .arg(&socket);
        Running::start(&mut command)
    };
    let vault = start_vault();
    let serving = Serving {
        running: Running::start(&mut api(&first, &socket)),
    };
    let key = first.shown("test secret key");
    let made = serving
        .request("POST", "/v1/tokens", &key)
        .json(&card(&number(7), "917"))
        .send();
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["id"].as_str().unwrap().to_owned();
    let reveal = |serving: &Serving| {
        wait(|| {
            let target = format!("/v1/tokens/{token}/reveal");
            let asked = serving.request("POST", &target, &key);
            let reply = asked.json(&json!({ "reason": "a test" })).try_send();
            reply.filter(|reply| reply.status == 200)
        })
    };
    assert_eq!(reveal(&serving).json()["card"]["number"], json!(number(7)));

    // Beside the first one, after it, and with a vault that was started anew.
    failed(
        &mut api(&second, &socket),
        "keeps the cards of another installation",
    );
    assert!(serving.running.stop(Signal::TERM).status.success());
    failed(
        &mut api(&second, &socket),
        "keeps the cards of another installation",
    );
    assert!(vault.stop(Signal::TERM).status.success());
    let vault = start_vault();
    failed(
        &mut api(&second, &socket),
        "keeps the cards of another installation",
    );
    let serving = Serving {
        running: Running::start(&mut api(&first, &socket)),
    };
    assert_eq!(reveal(&serving).json()["card"]["number"], json!(number(7)));
    assert!(serving.running.stop(Signal::TERM).status.success());
    assert!(vault.stop(Signal::TERM).status.success());
}
