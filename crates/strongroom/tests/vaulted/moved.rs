//! An installation of before there was a vault process: its numbers move at the next start.

use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal;
use strongroom_auth::{Caller, SystemActor};
use strongroom_crypto::KeyringFile;
use strongroom_domain::tokens::{CreateToken, TokenUse};
use strongroom_engine::{Engine, Envelope, Settings, WallClock};
use strongroom_store::SqliteStore;
use strongroom_types::card::Expiry;
use strongroom_vault::CardNumber;

use super::program::{Demo, assert_clean};
use super::{Client, number, reveal, wait};

const TOKENS: u64 = 450;

/// Makes tokens as a server without a vault process does.
fn tokens_of_before(data: &Path) -> Vec<(String, String)> {
    let text = |name: &str| std::fs::read_to_string(data.join(name)).unwrap();
    let passphrase = text("demo-passphrase");
    let root = KeyringFile::open(&text("keyring.toml"), passphrase.trim().as_bytes()).unwrap();
    let store = SqliteStore::open(data).unwrap();
    let clock = Arc::new(WallClock);
    let engine = Engine::start(&store, root, clock, Settings::default(), None).unwrap();
    let mut scopes = engine.scopes().into_iter();
    let scope = scopes
        .find(|scope| scope.number > 0 && !scope.mode.is_live())
        .unwrap();
    let caller = Caller::system(SystemActor::Operator, scope);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let made = runtime.block_on(async {
        let mut made = Vec::new();
        for n in 0..TOKENS {
            let number = number(n);
            let parsed = CardNumber::parse(&number).ok().unwrap();
            let card = engine.seal_card(&caller, &parsed);
            let id = card.id.to_string();
            let command = CreateToken {
                card,
                expiry: Expiry::new(2099, 12).unwrap(),
                name: None,
                usage: TokenUse::MultiUse,
                lifetime: None,
                reveals: true,
            };
            engine
                .execute(&caller, command, Envelope::internal())
                .await
                .unwrap();
            made.push((id, number));
        }
        made
    });
    engine.stop();
    made
}

#[test]
fn numbers_move_to_the_vault_at_the_start_and_go_on_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let stop = |demo: Demo| assert!(demo.running.stop(Signal::TERM).status.success());
    stop(Demo::start(Some(&data)));
    let tokens = tokens_of_before(&data);
    let size = |data: &Path| std::fs::metadata(data.join("strongroom.db")).unwrap().len();
    let before = size(&data.join("vault"));
    let demo = Demo::start(Some(&data));
    for (token, number) in tokens.iter().step_by(37) {
        assert_eq!(wait(|| reveal(&Client::of(&demo), token)), *number);
    }
    stop(demo);
    assert!(size(&data.join("vault")) > before);
    assert_clean(&data);
    // Nothing is left to move.
    let demo = Demo::start(Some(&data));
    let (token, number) = tokens.last().unwrap();
    assert_eq!(wait(|| reveal(&Client::of(&demo), token)), *number);
    let audit = demo.get("/v1/audit-logs?action=token_vaulted&limit=1");
    assert_eq!(audit["data"].as_array().unwrap().len(), 1);
    stop(demo);
}
