//! Live payments where an acquirer takes them, one that is away, and one that does not hear of captures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::payments::{LiveCards, UNREACHED_FOR};
use strongroom_domain::tokens::VaultToken;
use strongroom_engine::{Envelope, Settings};
use strongroom_testkit::distant::DistantAcquirer;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, texts};
use strongroom_types::currency::Currency;
use strongroom_types::id::TokenId;

use crate::v1::payments::{balances, now, pay, verified};

/// How long a state is waited for; far longer than it takes.
const PATIENCE: Duration = Duration::from_mins(5);

pub fn wait(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A server whose acquirer takes live pesos.
fn taking_pesos() -> TestServer {
    let pesos = Currency::parse("PHP").unwrap();
    TestServer::start(ServerSettings {
        engine: Settings {
            live_cards: LiveCards::new(&[pesos]),
            ..Settings::default()
        },
        ..ServerSettings::default()
    })
}

#[test]
fn live_payments_are_taken_in_the_currencies_that_have_an_acquirer() {
    let server = taking_pesos();
    let live = Tenant::found(&server).live();
    let wallet = live.wallet("master");
    let id = pay(&live, VISA, &wallet, json!({})).expect(201).id();
    // The sandbox does not answer for it.
    live.attend(&id);
    assert_eq!(now(&live, &id, "status"), "processing");
    let acquirer = Arc::new(DistantAcquirer::default());
    acquirer.come();
    server.at_work(Arc::<DistantAcquirer>::clone(&acquirer), || {
        wait("its approval", || now(&live, &id, "status") == "captured");
    });
    let dollars = json!({ "type": "reserve", "currency": "USD" });
    let dollars = live.post("/v1/wallets", &dollars).expect(201).id();
    let refused = pay(&live, VISA, &dollars, json!({ "currency": "USD" }));
    let refused = refused.refused(422, "no_acquirer");
    assert!(
        refused
            .text()
            .contains("no acquirer takes USD in live mode")
    );
    drop(live);
    verified(server);
}

#[test]
fn an_acquirer_that_is_away_is_asked_nothing_and_writes_no_entries() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.wallet("master");
    let lost = pay(&acme, VISA, &wallet, json!({})).expect(201).id();
    let mark = acme.mark();
    let acquirer = Arc::new(DistantAcquirer::default());
    server.at_work(Arc::<DistantAcquirer>::clone(&acquirer), || {
        // It is looked at before a payment of somebody else's is.
        let other = Tenant::found(&server);
        let source = other.funded("master", 100);
        let payout = other.pay_bank(&source, 40).expect(201).id();
        let path = format!("/v1/payouts/{payout}");
        wait("the payout", || {
            other.get(&path).expect(200).field("status") == "completed"
        });
        assert_eq!(now(&acme, &lost, "status"), "processing");
        server.clock.advance(UNREACHED_FOR);
        wait("the end of it", || now(&acme, &lost, "status") == "failed");
    });
    assert_eq!(now(&acme, &lost, "failure_code"), "acquirer_unreachable");
    assert_eq!(acquirer.counts(), (0, 0));
    let events = texts(&acme.events_since(&mark), "type");
    assert_eq!(events, ["payment.failed"]);
    drop(acme);
    verified(server);
}

/// Its number is in a vault that this server does not have: whoever has it can still be paid.
#[test]
fn a_payment_whose_number_is_elsewhere_does_not_fail_while_its_acquirer_is_away() {
    let server = taking_pesos();
    let live = Tenant::found(&server).live();
    let wallet = live.wallet("master");
    let token = live.token(VISA).expect(201).id();
    let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet });
    let kept = live.post("/v1/payments", &body).expect(201).id();
    let lost = pay(&live, VISA, &wallet, json!({})).expect(201).id();
    let moved = VaultToken {
        id: TokenId::parse(&token).unwrap(),
        fingerprint: [1; 16],
        digest: [2; 32],
    };
    let caller: Caller<Operate> = Caller::system(SystemActor::Housekeeping, live.books.scope);
    let moved = server.engine.execute(&caller, moved, Envelope::internal());
    server.wait(moved).unwrap();
    server.clock.advance(UNREACHED_FOR);
    live.attend(&kept);
    live.attend(&lost);
    assert_eq!(now(&live, &lost, "status"), "failed");
    assert_eq!(now(&live, &kept, "status"), "processing");
}

#[test]
fn a_capture_is_settled_once_the_acquirer_has_heard_of_it() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.wallet("master");
    let id = pay(&acme, VISA, &wallet, json!({})).expect(201).id();
    let acquirer = Arc::new(DistantAcquirer::default());
    acquirer.come();
    server.at_work(Arc::<DistantAcquirer>::clone(&acquirer), || {
        wait("two tries to tell it", || acquirer.counts().1 >= 2);
        assert_eq!(now(&acme, &id, "status"), "captured");
        assert_eq!(balances(&acme, &wallet), [0, 500, 0]);
        acquirer.hear();
        wait("its settlement", || balances(&acme, &wallet) == [500, 0, 0]);
    });
    assert_eq!(acquirer.counts().0, 1);
    drop(acme);
    verified(server);
}
