//! Requests as the engine takes them, and what became of each.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use serde_json::Value;
use strongroom_auth::permission::Permission;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::command::Command;
use strongroom_domain::funding::{Credit, Debit, Funding};
use strongroom_domain::payouts::{
    AdvancePayout, BankAccount, CancelPayout, CreatePayout, NewRecipient, ReversePayout,
};
use strongroom_domain::transfers::CreateTransfer;
use strongroom_domain::wallets::{
    CreateWallet, Owner, SetWalletStatus, UpdateWallet, WalletStatus, WalletType,
};
use strongroom_engine::{Committed, Engine, Envelope, Failure, Idempotency};
use strongroom_testkit::reference::{Op, Reference, To};
use strongroom_types::currency::Currency;
use strongroom_types::id::{PayoutId, RawId, RequestId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;

/// Milliseconds between two steps of the rail.
pub const PAUSE: i64 = 1_000;

/// A request that some client has sent, and its answer once it is settled.
pub struct Sent {
    pub op: Op,
    pub key: [u8; 16],
    pub answer: Option<Answer>,
    /// When it was sent last, by the clock; a day later its key may be forgotten.
    pub when: i64,
    /// Whether a request under its key is in the queue.
    pub flying: bool,
}

/// An answer that a retry must get again.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done(Vec<u8>),
    Refused(String),
}

type Ending = Result<Committed, Failure>;

/// A request on its way.
pub struct Flying {
    future: Option<Pin<Box<dyn Future<Output = Ending>>>>,
    ending: Option<Ending>,
}

impl Flying {
    /// Puts a request into the queue; an answer may be there at once.
    pub fn start(
        engine: &Engine,
        scope: Scope,
        reference: &Reference,
        op: &Op,
        envelope: Envelope,
    ) -> Flying {
        let mut flying = Flying {
            future: Some(send(engine, scope, reference, op, envelope)),
            ending: None,
        };
        flying.poll();
        flying
    }

    pub fn of<C: Command>(engine: &Engine, scope: Scope, command: C) -> Flying {
        let mut flying = Flying {
            future: Some(run(engine, scope, command, Envelope::internal())),
            ending: None,
        };
        flying.poll();
        flying
    }

    fn poll(&mut self) {
        let Some(future) = &mut self.future else {
            return;
        };
        if let Poll::Ready(ending) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            self.ending = Some(ending);
            self.future = None;
        }
    }

    /// The answer, which must be there by now.
    pub fn land(mut self) -> Ending {
        self.poll();
        self.ending
            .expect("a request was not answered with its batch")
    }
}

pub fn envelope(key: [u8; 16], request: [u8; 16]) -> Envelope {
    let idempotency = Some(Idempotency { key, request });
    Envelope {
        request: RequestId(RawId::from_parts(1, 1)),
        idempotency,
        ..Envelope::internal()
    }
}

/// The hash of a request's content: two requests differ in it exactly when they differ.
pub fn fingerprint(op: &Op) -> [u8; 16] {
    *strongroom_crypto::sha256(&[format!("{op:?}").as_bytes()])
        .first_chunk()
        .unwrap()
}

pub fn body(committed: &Committed) -> Value {
    serde_json::from_slice(&committed.body()).unwrap()
}

fn run<C: Command>(
    engine: &Engine,
    scope: Scope,
    command: C,
    envelope: Envelope,
) -> Pin<Box<dyn Future<Output = Ending>>> {
    let engine = engine.clone();
    Box::pin(async move {
        let caller = caller::<C::Permission>(scope);
        engine.execute(&caller, command, envelope).await
    })
}

pub fn caller<P: Permission>(scope: Scope) -> Caller<P> {
    Caller::system(SystemActor::Operator, scope)
}

fn send(
    engine: &Engine,
    scope: Scope,
    reference: &Reference,
    op: &Op,
    envelope: Envelope,
) -> Pin<Box<dyn Future<Output = Ending>>> {
    let currency = |named: Option<&'static str>, wallet: Option<&str>| {
        Currency::parse(reference.currency_of(named, wallet)).unwrap()
    };
    match op {
        Op::CreateWallet(new) => {
            let command = CreateWallet {
                wallet_type: WalletType::parse(new.kind).unwrap(),
                currency: new.currency.map(|code| Currency::parse(code).unwrap()),
                parent: new.parent.as_deref().map(wallet),
                owner: new.email.clone().map(owner),
                business: None,
                reference_id: reference_id(&new.reference),
                metadata: note(new.note.as_ref()),
                low_balance: new.threshold,
            };
            run(engine, scope, command, envelope)
        }
        Op::UpdateWallet {
            wallet: id,
            email,
            threshold,
            note: text,
        } => {
            let command = UpdateWallet {
                id: wallet(id),
                owner: email.clone().map(owner),
                business: None,
                metadata: text.as_ref().map(|text| note(Some(text))),
                low_balance: *threshold,
            };
            run(engine, scope, command, envelope)
        }
        Op::SetStatus { wallet: id, status } => {
            let command = SetWalletStatus {
                id: wallet(id),
                status: WalletStatus::parse(status).unwrap(),
            };
            run(engine, scope, command, envelope)
        }
        Op::Credit(fund) | Op::Debit(fund) => {
            let funding = Funding {
                wallet: wallet(&fund.wallet),
                amount: Money::new(fund.amount, currency(fund.currency, Some(&fund.wallet))),
                reference: fund.reference.clone(),
                description: None,
            };
            match op {
                Op::Credit(_) => run(engine, scope, Credit(funding), envelope),
                _ => run(engine, scope, Debit(funding), envelope),
            }
        }
        Op::Transfer {
            from,
            to,
            amount,
            currency: named,
            reference,
        } => {
            let command = CreateTransfer {
                amount: Money::new(*amount, currency(*named, Some(from))),
                source: wallet(from),
                destination: wallet(to),
                reference_id: reference_id(reference),
                description: None,
            };
            run(engine, scope, command, envelope)
        }
        Op::Payout(new) => {
            let command = CreatePayout {
                amount: Money::new(new.amount, currency(new.currency, new.from.as_deref())),
                source: new.from.as_deref().map(wallet),
                recipient: recipient(&new.to),
                reference_id: reference_id(&new.reference),
                description: None,
                metadata: note(new.note.as_ref()),
                later: None,
            };
            run(engine, scope, command, envelope)
        }
        Op::Cancel(id) => run(engine, scope, CancelPayout { id: payout(id) }, envelope),
        Op::Reverse(id) => run(engine, scope, ReversePayout { id: payout(id) }, envelope),
        Op::Token { .. } | Op::Pay(_) | Op::Capture { .. } | Op::Void(_) | Op::Refund { .. } => {
            unreachable!("the simulator's clients have no cards")
        }
        Op::Advance(id) => run(
            engine,
            scope,
            AdvancePayout {
                id: payout(id),
                pause: PAUSE,
            },
            envelope,
        ),
    }
}

fn recipient(to: &To) -> NewRecipient {
    match to {
        To::Wallet(id) => NewRecipient::Wallet(wallet(id)),
        To::Bank { name, code, number } => NewRecipient::Bank {
            bank_code: Some((*code).to_owned()),
            account: BankAccount {
                account_name: name.clone(),
                account_number: Some(number.clone()),
                iban: None,
            },
        },
    }
}

/// Text that is no id is nobody's, as at the edge.
fn wallet(id: &str) -> WalletId {
    WalletId::parse(id).unwrap_or(WalletId(RawId([0xff; 12])))
}

fn payout(id: &str) -> PayoutId {
    PayoutId::parse(id).unwrap_or(PayoutId(RawId([0xff; 12])))
}

fn owner(email: String) -> Owner {
    Owner {
        name: None,
        email: Some(email),
        phone: None,
    }
}

fn reference_id(text: &Option<String>) -> Option<ReferenceId> {
    text.as_deref()
        .map(|text| ReferenceId::parse(text).unwrap())
}

fn note(text: Option<&String>) -> Metadata {
    let pairs = text.map(|text| vec![("note".to_owned(), text.clone())]);
    Metadata::new(pairs.unwrap_or_default()).ok().unwrap()
}
