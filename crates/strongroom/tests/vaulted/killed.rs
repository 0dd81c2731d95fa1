//! Killed between the steps: every token that was acknowledged has its number afterwards.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use strongroom_testkit::dice::Dice;

use super::program::{Demo, assert_clean};
use super::{Client, number, reveal, tokenize, vault_of, wait};

const CYCLES: u64 = 4;
const WRITERS: u64 = 3;

pub(super) fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = kill_process(pid, Signal::KILL);
}

/// Makes tokens until told to stop; gives those that were acknowledged.
fn write(
    client: &Client,
    writer: u64,
    made: &AtomicU64,
    stop: &AtomicBool,
) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let number = number(writer * 1_000_000 + n);
        let key = format!("{writer}-{n}");
        // Under one key until it is answered: a token that was made before the answer was lost is given again.
        let token = loop {
            match tokenize(client, &key, &number) {
                Some(token) => break Some(token),
                None if stop.load(Ordering::Relaxed) => break None,
                None => std::thread::park_timeout(Duration::from_millis(5)),
            }
        };
        let Some(token) = token else { break };
        made.fetch_add(1, Ordering::Relaxed);
        tokens.push((token, number));
    }
    tokens
}

#[test]
fn a_killed_vault_loses_no_token_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let demo = Demo::start(Some(&data));
    let client = Client::of(&demo);
    let (made, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut dice = Dice::new(31);
    let tokens: HashMap<String, String> = std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=WRITERS)
            .map(|writer| {
                let (client, made, stop) = (&client, &made, &stop);
                scope.spawn(move || write(client, writer, made, stop))
            })
            .collect();
        for _ in 0..CYCLES {
            let before = made.load(Ordering::Relaxed);
            let more = u64::try_from(dice.below(12)).unwrap();
            wait(|| (made.load(Ordering::Relaxed) > before + more).then_some(()));
            kill(vault_of(&demo));
            // What needs no vault goes on.
            assert_eq!(demo.request("GET", "/v1/account").send().status, 200);
        }
        let before = made.load(Ordering::Relaxed);
        wait(|| (made.load(Ordering::Relaxed) > before + 3).then_some(()));
        stop.store(true, Ordering::Relaxed);
        let tokens = writers.into_iter().map(|writer| writer.join().unwrap());
        tokens.flatten().collect()
    });
    assert!(tokens.len() > 8);
    for (token, number) in &tokens {
        assert_eq!(wait(|| reveal(&client, token)), *number);
    }

    // The server itself, and the vault with it.
    let vault = vault_of(&demo);
    demo.running.kill();
    wait(|| (!std::path::Path::new(&format!("/proc/{vault}/stat")).exists()).then_some(()));
    assert_clean(&data);
    let demo = Demo::start(Some(&data));
    let client = Client::of(&demo);
    for (token, number) in &tokens {
        assert_eq!(wait(|| reveal(&client, token)), *number);
    }
    let vault = vault_of(&demo);
    let stopped = demo.running.stop(Signal::TERM);
    assert!(stopped.status.success(), "{stopped:?}");
    wait(|| (!std::path::Path::new(&format!("/proc/{vault}/stat")).exists()).then_some(()));
}
