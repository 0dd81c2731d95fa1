//! Many clients at one thing: captures, refunds and voids of a payment, payers of a link, whoever sells at a till whose shift is
//! being closed.
//!
//! Thirty-two clients begin together, over a real server's API. Each round holds what they were answered, and when, against the
//! sequential object that they raced for ([`linear`]): there must be an order, one after another, that explains every answer and
//! contradicts no clock. Then the books: balances, every account against its postings, and in the end `verify`.
//! `STRONGROOM_RACE_ROUNDS` says how many rounds of each kind (200 in a full run).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod linear;
mod links;
mod payments;
mod sales;
mod shifts;

use std::sync::Barrier;
use std::time::Instant;

use strongroom_engine::verify::verify;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use linear::{Event, Object, explained};

const WAYS: usize = 32;
const ROUNDS: u64 = 3;
/// More than all refunds of a run give back, so that only a payment's own bound can hold.
const FUNDS: i64 = 1_000_000_000;

/// A kind of race.
trait Race {
    /// What is raced for.
    type Object: Object;

    const NAME: &'static str;

    /// Whether no more than one of the calls of this round may have an effect.
    fn is_for_one(round: u64) -> bool;

    /// Makes what is raced for, and says how it stands and who wants what of it.
    fn begin(&mut self, round: u64, dice: &mut Dice) -> (StateOf<Self>, Vec<CallOf<Self>>);

    /// One client's request, and what it was answered.
    fn act(&self, call: &CallOf<Self>) -> Told;

    /// What the server does meanwhile by itself.
    fn beside(&self) {}

    /// How it stands at last, as one more call; then its books are settled, and must hold exactly that.
    fn end(&mut self, history: &[Event<CallOf<Self>>]);
}

/// What a client was answered, and the id that is in the answer.
#[derive(Debug)]
struct Told {
    answer: String,
    id: String,
}

type CallOf<R> = <<R as Race>::Object as Object>::Call;
type StateOf<R> = <<R as Race>::Object as Object>::State;

fn rounds() -> u64 {
    let asked = std::env::var("STRONGROOM_RACE_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// All rounds of a kind, on a server of its own.
fn run<'s, R: Race + Sync>(server: &'s TestServer, make: impl FnOnce(Tenant<'s>) -> R)
where
    CallOf<R>: Sync,
{
    let mut race = make(Tenant::found(server));
    let (mut answered, mut effects) = (0, 0);
    let mut dice = Dice::new(20_260_101);
    let rounds = rounds();
    for round in 0..rounds {
        let (first, calls) = race.begin(round, &mut dice);
        let history = at_once(&race, calls);
        let order = explained::<R::Object>(&first, &history);
        let Some(order) = order else {
            panic!("{} {round}: no order explains {history:#?}", R::NAME);
        };
        let changed = order.iter().filter(|step| step.changes).count();
        let told = || {
            history
                .iter()
                .map(|event| &event.answer)
                .collect::<Vec<_>>()
        };
        if R::is_for_one(round) {
            assert_eq!(changed, 1, "{} {round}: {:?}", R::NAME, told());
        }
        assert!(changed > 0, "{} {round}: {:?}", R::NAME, told());
        race.end(&history);
        // Every account against its postings.
        assert_eq!(server.reconcile(), 0, "{} {round}", R::NAME);
        answered += history.len();
        effects += changed;
    }
    println!(
        "{}: {rounds} rounds of {WAYS}, {answered} answers, {effects} with an effect, each history linearizable",
        R::NAME
    );
}

/// Everybody at once, the server's own work beside them; then one who looks how it ended.
fn at_once<R: Race + Sync>(race: &R, calls: Vec<CallOf<R>>) -> Vec<Event<CallOf<R>>>
where
    CallOf<R>: Sync,
{
    assert_eq!(calls.len(), WAYS);
    let gate = Barrier::new(WAYS + 1);
    let timed = |call: &CallOf<R>| {
        let began = Instant::now();
        let answer = race.act(call);
        (began, answer, Instant::now())
    };
    let answers: Vec<(Instant, Told, Instant)> = std::thread::scope(|scope| {
        let clients: Vec<_> = calls
            .iter()
            .map(|call| {
                let (gate, timed) = (&gate, &timed);
                scope.spawn(move || {
                    gate.wait();
                    timed(call)
                })
            })
            .collect();
        gate.wait();
        race.beside();
        let done = clients.into_iter().map(|client| client.join().unwrap());
        done.collect()
    });
    let last = <R::Object as Object>::look();
    let seen = timed(&last);
    let calls = calls.into_iter().chain([last]);
    let answers = answers.into_iter().chain([seen]);
    calls
        .zip(answers)
        .map(|(call, (began, told, ended))| Event {
            call,
            answer: told.answer,
            hint: told.id,
            began,
            ended,
        })
        .collect()
}

/// The code of a refusal, or what `done` reads in the answer.
fn told(reply: &Reply, done: impl FnOnce(&Reply) -> String) -> Told {
    let is_done = (200..300).contains(&reply.status);
    let named = is_done && reply.json()["id"].is_string();
    Told {
        answer: if is_done { done(reply) } else { reply.code() },
        id: if named { reply.id() } else { String::new() },
    }
}

/// Fields of an answer, in a row.
fn fields(reply: &Reply, names: &[&str]) -> String {
    let values = names.iter().map(|name| reply.field(name));
    values.collect::<Vec<_>>().join(" ")
}

/// A kind on a server of its own, which is verified in the end.
macro_rules! races {
    ($($name:ident: $make:expr;)*) => {
        $(#[test]
        fn $name() {
            let server = TestServer::start(ServerSettings::default());
            run(&server, $make);
            verified(server);
        })*
    };
}

races! {
    captures_of_one_authorization: payments::Captures::new;
    voids_of_one_authorization: payments::Voids::new;
    refunds_of_one_payment: payments::Refunds::new;
    captures_voids_refunds_and_settlement_of_one_payment: payments::Everything::new;
    payers_of_one_link: links::Payers::new;
    sales_and_cash_of_a_shift_that_is_closed: shifts::Closing::new;
    voids_and_refunds_of_one_sale: sales::TakenBack::new;
    voids_of_a_sale_and_its_settlement: sales::Settled::new;
}

/// Everything that is stored follows from the log.
fn verified(mut server: TestServer) {
    server.halt();
    let report = server.look(|store| verify(store, server.root_keys(), 2).unwrap());
    assert!(report.is_clean(), "{report}");
}
