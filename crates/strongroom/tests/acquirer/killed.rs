//! Killed between every two steps of authorize, capture, settle, refund, while the acquirer and the way to it fail as well: in the
//! end both sides' books say the same.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;

use super::bank::{Bank, Mood};
use super::kill;
use super::program::assert_clean_with;
use super::program::installation::Serving;
use super::shop::{Client, Shop, card, wait};

const WRITERS: u64 = 3;
const CYCLES: u64 = 3;

/// Takes money and gives some of it back, under keys of its own, until the server is gone. Gives what must be sent again: the
/// requests whose answers were lost.
fn write(
    client: &Client,
    (writer, cycle): (u64, u64),
    earlier: &[String],
    done: &Sender<()>,
) -> Vec<(String, String, Value)> {
    let mut dice = Dice::new(cycle << 8 | writer);
    let send = |path: &str, key: String, body: Value| {
        let reply = client.post(path, &key, &body);
        // The vault lived on for a moment, and says that nobody answered.
        let reply = reply.filter(|reply| reply.status != 503);
        let told = done.send(()).is_ok();
        match reply {
            Some(reply) if told => Ok(Some(reply).filter(|reply| reply.status < 300)),
            _ => Err(vec![(path.to_owned(), key, body)]),
        }
    };
    for n in 0.. {
        let key = format!("{cycle}-{writer}-{n}");
        let number = match dice.below(10) {
            0 => "4000000000000002",
            1 => "4000000000001018",
            _ => "4242424242424242",
        };
        let token = match send("/v1/tokens", format!("{key}-t"), card(number)) {
            Ok(token) => token.unwrap().id(),
            Err(lost) => return lost,
        };
        let capture = dice.below(3) > 0;
        let amount = 100 * dice.between(1, 9);
        let body = json!({ "payment_token": token, "amount": amount, "capture": capture });
        let made = match send("/v1/payments", format!("{key}-p"), body) {
            Ok(made) => made.unwrap().id(),
            Err(lost) => return lost,
        };
        // Of this payment or one of before: captured in part, undone, given back, or refused, as it stands by then.
        let mut known = earlier.to_vec();
        known.push(made);
        let about = known[dice.below(known.len())].clone();
        let (path, body) = match dice.below(4) {
            0 => (
                format!("/v1/payments/{about}/capture"),
                json!({ "amount": 50 }),
            ),
            1 => (format!("/v1/payments/{about}/void"), json!({})),
            _ => {
                let body = json!({ "payment_id": about, "amount": 30, "reason": "crash" });
                ("/v1/refunds".to_owned(), body)
            }
        };
        if let Err(lost) = send(&path, format!("{key}-x"), body) {
            return lost;
        }
    }
    Vec::new()
}

/// Lets the writers go on until so many answers have come, then kills the server at once.
fn kill_under_load(
    shop: &Shop,
    serving: &Serving,
    cycle: u64,
    earlier: &[String],
    answers: usize,
) -> Vec<(String, String, Value)> {
    let (done, answered) = channel();
    let (stop, stopped) = channel::<()>();
    let (client, server) = (Client::of(serving, shop), serving.running.id());
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, done) = (client.clone(), done.clone());
                scope.spawn(move || write(&client, (writer, cycle), earlier, &done))
            })
            .collect();
        scope.spawn(move || {
            for _ in 0..answers {
                answered.recv_timeout(Duration::from_secs(300)).unwrap();
            }
            kill(server);
            // Until the writers have ended, who tell of their answers here.
            let _ = stopped.recv();
        });
        let lost: Vec<_> = writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect();
        drop(stop);
        lost
    })
}

/// Waits until nothing moves any more on either side.
pub fn at_rest(client: &Client, bank: &Bank) -> (Vec<Value>, Vec<Value>) {
    wait(|| {
        // Refunds first: one that ends between the two looks shows in its payment.
        let refunds = client.all("/v1/refunds");
        let payments = client.all("/v1/payments");
        let moving = payments.iter().find(|payment| {
            payment["status"] == "processing"
                || payment["amount_settled"] != payment["amount_captured"]
        });
        let pending = refunds.iter().find(|refund| refund["status"] == "pending");
        // A void is final at once, and the acquirer is told until it has heard.
        let accounts = bank.accounts();
        let untold = payments.iter().find(|payment| {
            let account = accounts.get(payment["approval_code"].as_str().unwrap_or(""));
            payment["status"] == "voided" && account.is_some_and(|account| !account.reversed)
        });
        match moving.or(pending).or(untold) {
            Some(one) => Err(one.to_string()),
            None => Ok((payments, refunds)),
        }
    })
}

pub fn compare(payments: &[Value], bank: &Bank) {
    let mut accounts = bank.accounts();
    for payment in payments {
        let Some(approval) = payment["approval_code"].as_str() else {
            continue;
        };
        let account = accounts.remove(approval).unwrap();
        assert_eq!(payment["amount"], account.minor, "{payment}");
        assert_eq!(payment["amount_captured"], account.captured, "{payment}");
        assert_eq!(payment["amount_refunded"], account.refunded, "{payment}");
        assert_eq!(payment["status"] == "voided", account.reversed, "{payment}");
    }
    // What the bank approved and the server never took: undone, each one.
    for (approval, account) in accounts {
        assert!(account.reversed, "{approval}: {account:?}");
    }
}

#[test]
fn a_kill_between_any_two_steps_leaves_both_books_the_same() {
    let cycles = std::env::var("STRONGROOM_CRASH_CYCLES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CYCLES);
    let bank = Bank::start(Mood::Rough, 5);
    let shop = Shop::of(&bank, 1);
    let mut dice = Dice::new(17);
    let mut serving = shop.installation.serve();
    let client = Client::of(&serving, &shop);
    client.made("/v1/wallets", "wallet", &json!({ "type": "operating" }));
    for cycle in 0..cycles {
        let paid = Client::of(&serving, &shop).all("/v1/payments");
        let earlier: Vec<String> = paid
            .iter()
            .map(|payment| payment["id"].as_str().unwrap().to_owned())
            .collect();
        let answers = 6 + dice.below(40);
        let lost = kill_under_load(&shop, &serving, cycle, &earlier, answers);
        drop(serving);
        assert_clean_with(&mut shop.installation.command("verify"));
        serving = shop.installation.serve();
        let client = Client::of(&serving, &shop);
        for (path, key, body) in lost {
            // Under its key it is done once, whether or not it was before.
            let again = wait(|| {
                let reply = client.post(&path, &key, &body);
                reply
                    .filter(|reply| reply.status != 503)
                    .ok_or_else(|| "away".to_owned())
            });
            assert!(again.status < 500, "{path}: {}", again.text());
        }
    }
    bank.mood(Mood::Calm);
    let client = Client::of(&serving, &shop);
    let (payments, refunds) = at_rest(&client, &bank);
    compare(&payments, &bank);
    println!(
        "{} payments, {} refunds, {cycles} kills, {} messages",
        payments.len(),
        refunds.len(),
        bank.heard().len()
    );
    assert!(payments.len() > 3);
    assert_eq!(serving.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean_with(&mut shop.installation.command("verify"));
}
