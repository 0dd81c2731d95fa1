//! An independent ledger: what every reply and every read must say, from the contract alone.
//!
//! It shares no code with the decisions, the books or the renderings of the product: plain vectors, maps and `i128`.
//! Ids are the server's choice, so it writes placeholders; the first reply that shows an id binds it, and from then on
//! it must stay ([`Names`]). A test hands in each request with its reply in the order of the log ([`Reference::judge`])
//! and asks for whole lists ([`Reference::list`]); the first difference is returned as a sentence.
//! It must never learn a number from the server: only ids, and times where the caller does not know them.

mod card_shapes;
mod cards;
mod compare;
mod effects;
mod fees;
mod lists;
mod payouts;
mod posting;
mod reports;
mod shapes;

use std::collections::BTreeMap;

use serde_json::Value;

pub use cards::CARDS;
pub use compare::{Names, compare};
pub use fees::Rule;
pub use lists::{List, page};
pub use shapes::decimal;

/// The largest balance and amount, 2^53 − 1.
pub const MOST: i128 = (1 << 53) - 1;

/// What a client asks for. Ids are the texts the client sends, known to the server or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    CreateWallet(NewWallet),
    UpdateWallet {
        wallet: String,
        email: Option<String>,
        threshold: Option<Option<i64>>,
        note: Option<String>,
    },
    /// `active`, `frozen` or `closed`.
    SetStatus {
        wallet: String,
        status: &'static str,
    },
    Credit(Fund),
    Debit(Fund),
    Transfer {
        from: String,
        to: String,
        amount: i64,
        currency: Option<&'static str>,
        reference: Option<String>,
    },
    Payout(NewPayout),
    Cancel(String),
    Reverse(String),
    /// One step of the rail.
    Advance(String),
    /// A token for one of [`CARDS`].
    Token {
        card: usize,
        multi: bool,
    },
    Pay(NewPayment),
    Capture {
        payment: String,
        amount: Option<i64>,
    },
    Void(String),
    Refund {
        payment: String,
        amount: Option<i64>,
        reference: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewPayment {
    pub token: String,
    pub amount: i64,
    pub wallet: Option<String>,
    pub currency: Option<&'static str>,
    pub capture: bool,
    pub reference: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewWallet {
    pub kind: &'static str,
    pub currency: Option<&'static str>,
    pub parent: Option<String>,
    pub email: Option<String>,
    pub reference: Option<String>,
    pub threshold: Option<i64>,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fund {
    pub wallet: String,
    pub amount: i64,
    pub currency: Option<&'static str>,
    pub reference: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewPayout {
    pub from: Option<String>,
    pub to: To,
    pub amount: i64,
    pub currency: Option<&'static str>,
    pub reference: Option<String>,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum To {
    Wallet(String),
    Bank {
        name: String,
        code: &'static str,
        number: String,
    },
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    Done(&'a Value),
    /// The code of the refusal.
    Refused(&'a str),
}

pub(crate) struct Wallet {
    kind: &'static str,
    status: &'static str,
    currency: &'static str,
    parent: Option<usize>,
    email: Option<String>,
    reference: Option<String>,
    threshold: Option<i64>,
    note: Option<String>,
    created: Option<i64>,
    /// Available, pending, reserved.
    balances: [i128; 3],
}

pub(crate) struct Payout {
    status: &'static str,
    amount: i64,
    currency: &'static str,
    source: usize,
    to: Target,
    reference: Option<String>,
    note: Option<String>,
    failure: Option<&'static str>,
    created: Option<i64>,
    processed: Option<i64>,
    ended: bool,
    fee: Option<i64>,
    /// When the rail looks at it next.
    due: Option<i64>,
}

pub(crate) struct Token {
    card: usize,
    multi: bool,
    used: bool,
    /// Its number was dropped.
    expired: bool,
    expires: Option<i64>,
    created: Option<i64>,
}

pub(crate) struct Payment {
    status: &'static str,
    amount: i64,
    currency: &'static str,
    wallet: usize,
    token: usize,
    capture: bool,
    captured: i64,
    settled: i64,
    refunded: i64,
    refunding: i64,
    /// Charged, less what came back.
    fee: i64,
    failure: Option<&'static str>,
    /// Voided, and the acquirer is to be told.
    reversing: bool,
    reference: Option<String>,
    created: Option<i64>,
    authorized: Option<i64>,
    expires: Option<i64>,
    due: Option<i64>,
}

pub(crate) struct Refund {
    status: &'static str,
    amount: i64,
    payment: usize,
    failure: Option<&'static str>,
    reference: Option<String>,
    created: Option<i64>,
    processed: Option<i64>,
    /// Of the payment's fee, what came back.
    fee: i64,
    due: Option<i64>,
}

/// What the server does by itself when its time has come, in the order of its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Rail(usize),
    Token(usize),
    Payment(usize),
    Refund(usize),
}

pub(crate) enum Target {
    Wallet(usize),
    Bank {
        subject: String,
        name: String,
        code: &'static str,
        number: String,
    },
}

/// Whose books: a wallet's, or a currency's: the outside world's, and what came in as fees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Account {
    Wallet(usize),
    Outside(&'static str),
    Fees(&'static str),
}

/// What a movement did to one account.
pub(crate) struct Line {
    account: Account,
    change: [i128; 3],
    after: [i128; 3],
}

pub(crate) struct Movement {
    kind: &'static str,
    amount: i64,
    currency: &'static str,
    payout: Option<usize>,
    payment: Option<usize>,
    refund: Option<usize>,
    reference: Option<String>,
    at: Option<i64>,
    lines: Vec<Line>,
}

pub(crate) struct Event {
    kind: &'static str,
    data: Value,
    at: Option<i64>,
}

/// One organization's books in test mode.
pub struct Reference {
    pub names: Names,
    /// Milliseconds between two steps of the rail.
    pub pause: i64,
    /// The clock as a reader sees it: a token may be over before the server has come to it.
    pub now: i64,
    home: &'static str,
    wallets: Vec<Wallet>,
    payouts: Vec<Payout>,
    tokens: Vec<Token>,
    payments: Vec<Payment>,
    refunds: Vec<Refund>,
    movements: Vec<Movement>,
    events: Vec<Event>,
    outside: BTreeMap<&'static str, i128>,
    fees: BTreeMap<&'static str, i128>,
    payment_rule: Option<Rule>,
    payout_rule: Option<Rule>,
    masters: BTreeMap<&'static str, usize>,
    operating: BTreeMap<&'static str, usize>,
    /// Holders of reference ids: what for, and the text.
    references: BTreeMap<(&'static str, String), String>,
    /// Bank accounts paid before, to their subjects.
    accounts: BTreeMap<String, String>,
}

impl Reference {
    /// Empty books with a default currency.
    pub fn new(home: &'static str, pause: i64) -> Reference {
        Reference {
            names: Names::default(),
            pause,
            now: 0,
            home,
            wallets: Vec::new(),
            payouts: Vec::new(),
            tokens: Vec::new(),
            payments: Vec::new(),
            refunds: Vec::new(),
            movements: Vec::new(),
            events: Vec::new(),
            outside: BTreeMap::new(),
            fees: BTreeMap::new(),
            payment_rule: None,
            payout_rule: None,
            masters: BTreeMap::new(),
            operating: BTreeMap::new(),
            references: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// Holds a reply against what it must be, and takes the act over. `at` is the act's time where it is known.
    ///
    /// # Errors
    /// The difference, as a sentence.
    pub fn judge(&mut self, op: &Op, at: Option<i64>, reply: Reply<'_>) -> Result<(), String> {
        match (self.carry_out(op, at), reply) {
            (Ok(wanted), Reply::Done(body)) => compare(&wanted, body, &mut self.names, "reply"),
            (Err(code), Reply::Refused(found)) if code == found => Ok(()),
            (Err(code), Reply::Refused(found)) => {
                Err(format!("refused with `{found}`, expected `{code}`"))
            }
            (Err(code), Reply::Done(body)) => {
                Err(format!("done, expected refusal `{code}`: {body}"))
            }
            (Ok(wanted), Reply::Refused(found)) => {
                Err(format!("refused with `{found}`, expected {wanted}"))
            }
        }
    }

    /// What is due at `now`, each with its time. Of one time, the server takes kinds and then ids in their order; those
    /// of tokens are random.
    pub fn due(&self, now: i64) -> Vec<(i64, Due)> {
        let rails = self.payouts.iter().map(|payout| payout.due);
        let payments = self.payments.iter().map(|payment| payment.due);
        let refunds = self.refunds.iter().map(|refund| refund.due);
        let tokens = self.tokens.iter().map(|token| {
            let waits = !token.used && !token.expired;
            token.expires.filter(|_| waits)
        });
        let all = (rails.enumerate().map(|(n, due)| (due, Due::Rail(n))))
            .chain(tokens.enumerate().map(|(n, due)| (due, Due::Token(n))))
            .chain(payments.enumerate().map(|(n, due)| (due, Due::Payment(n))))
            .chain(refunds.enumerate().map(|(n, due)| (due, Due::Refund(n))));
        let mut jobs: Vec<(i64, Due)> = all
            .filter_map(|(due, job)| due.filter(|due| *due <= now).map(|due| (due, job)))
            .collect();
        let id = |job: &Due| match job {
            Due::Token(n) => self.names.id("tok", *n).unwrap_or("").to_owned(),
            _ => String::new(),
        };
        let kind = |job: &Due| match job {
            Due::Token(_) => Due::Token(0),
            other => *other,
        };
        jobs.sort_by_key(|(due, job)| (*due, kind(job), id(job)));
        jobs
    }

    /// The payouts among what is due.
    pub fn payouts_due(&self, now: i64) -> Vec<usize> {
        let due = self.due(now).into_iter();
        due.filter_map(|(_, job)| match job {
            Due::Rail(n) => Some(n),
            _ => None,
        })
        .collect()
    }

    /// Takes over that something happened which is none of the books' business; its event says no more than an id.
    pub fn other_event(&mut self, kind: &'static str) {
        let data = serde_json::json!({ "id": Names::anything() });
        self.events.push(Event {
            kind,
            data,
            at: None,
        });
    }

    /// The sum of all wallets and the outside world, per currency: zero if nothing was made or lost.
    pub fn imbalance(&self) -> i128 {
        let inside: i128 = self.wallets.iter().flat_map(|wallet| wallet.balances).sum();
        inside
            + self
                .outside
                .values()
                .chain(self.fees.values())
                .sum::<i128>()
    }

    pub fn wallet_count(&self) -> usize {
        self.wallets.len()
    }

    pub fn payout_count(&self) -> usize {
        self.payouts.len()
    }

    pub fn movement_count(&self) -> usize {
        self.movements.len()
    }

    pub fn event_count(&self) -> usize {
        self.events.len()
    }

    pub fn token_count(&self) -> usize {
        self.tokens.len()
    }

    pub fn payment_count(&self) -> usize {
        self.payments.len()
    }

    pub fn refund_count(&self) -> usize {
        self.refunds.len()
    }

    fn number(&self, kind: &str, id: &str, count: usize) -> Option<usize> {
        self.names.number(kind, id).filter(|n| *n < count)
    }

    fn wallet_of(&self, id: &str) -> Option<usize> {
        self.names
            .number("wallet", id)
            .filter(|n| *n < self.wallets.len())
    }

    fn payout_of(&self, id: &str) -> Option<usize> {
        self.names
            .number("payout", id)
            .filter(|n| *n < self.payouts.len())
    }
}
