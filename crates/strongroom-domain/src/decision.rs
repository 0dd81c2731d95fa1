//! What a command decided: everything the commit needs, and nothing it could do without.

use std::sync::Arc;

use strongroom_ledger::{Account, Balanced, LedgerFault, Leg};
use strongroom_types::id::{
    AnyId, ApprovalId, BankFileId, Kind, PaymentId, PaymentLinkId, PayoutFileId, PayoutId,
    PayoutScheduleId, RawId, RefundId, ReportId, SubjectId, TokenId, WalletId,
};
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::entry::{EventFact, Transaction};
use crate::event::EventType;
use crate::facts::{Facts, Field, IndexKey, books_key, external_key};
use crate::payments::PaymentBody;
use crate::payouts::{Payout, PayoutBody};
use crate::record::Record;
use crate::refunds::RefundBody;
use crate::rejection::{Code, Rejection};
use crate::wallets::Books;
use crate::webhooks::{Delivery, Lane};

/// The outcome of a decision. Made with its act, its movement of money (or none) and its events: an act without an
/// audit fact cannot be written down.
pub struct Decision {
    pub action: Action,
    pub resource: AnyId,
    pub transactions: Vec<Transaction>,
    pub events: Vec<EventFact>,
    /// New and changed records; books touched by the movement are among them.
    pub changes: Vec<(AnyId, Arc<Record>)>,
    /// Resources that came to be: they get a row that leads from their id to this entry.
    pub created: Vec<AnyId>,
    /// The payout this is about, as it is after the act.
    pub payout: Option<PayoutBody>,
    /// The payment and the refund this is about.
    pub payment: Option<PaymentBody>,
    pub refund: Option<RefundBody>,
    pub claims: Vec<Claim>,
    /// Subjects whose keys are destroyed with the commit.
    pub erased: Vec<SubjectId>,
    pub jobs: Vec<Job>,
    /// Further facts for the audit record; never personal or highly sensitive.
    pub details: Vec<(String, String)>,
    pub reply: Reply,
}

/// A change of a blind index.
#[derive(Clone, Debug)]
pub struct Claim {
    pub key: IndexKey,
    pub holder: AnyId,
    pub released: bool,
}

/// Work after the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Look at this payout's rail again at the given time.
    Rail(PayoutId, Timestamp),
    /// Nothing more to do for it.
    RailDone(PayoutId),
    /// Drop this token's number at the given time.
    Token(TokenId, Timestamp),
    /// It is dropped.
    TokenDone(TokenId),
    /// Look at this payment again at the given time.
    Payment(PaymentId, Timestamp),
    PaymentDone(PaymentId),
    /// The same for a refund.
    Refund(RefundId, Timestamp),
    RefundDone(RefundId),
    /// Write down that this approval's time is over, at the given time.
    Approval(ApprovalId, Timestamp),
    ApprovalDone(ApprovalId),
    /// Write down that nobody has paid this link in time, at the given time.
    PaymentLink(PaymentLinkId, Timestamp),
    PaymentLinkDone(PaymentLinkId),
    /// Look at this payout file again at the given time.
    PayoutFile(PayoutFileId, Timestamp),
    PayoutFileDone(PayoutFileId),
    /// Go on with this bank's file.
    BankFile(BankFileId, Timestamp),
    BankFileDone(BankFileId),
    /// Make this report, or end it, at the given time.
    Report(ReportId, Timestamp),
    ReportDone(ReportId),
    /// Do this payout at the given time.
    ScheduledPayout(PayoutId, Timestamp),
    ScheduledPayoutDone(PayoutId),
    /// Make the next payout of this schedule at the given time.
    PayoutSchedule(PayoutScheduleId, Timestamp),
    PayoutScheduleDone(PayoutScheduleId),
    /// Send an endpoint what a stretch of the log holds for it.
    Lane(RawId, Lane),
    /// Send an endpoint one event.
    Delivery(RawId, Delivery),
}

/// How the reply is kept for a retry under the same idempotency key.
#[derive(Clone)]
pub enum Reply {
    /// Rendered from the entry, then and for ever.
    Rendered,
    /// These bytes, kept sealed for a day.
    Stored(Vec<u8>),
    /// These bytes, shown once, never kept.
    Secret(Vec<u8>),
    /// Nothing to say.
    Empty,
}

/// Money moved by a decision, with the books it changed.
#[derive(Default)]
pub struct Movement {
    pub transactions: Vec<Transaction>,
    accounts: Vec<(AnyId, Account)>,
}

impl Movement {
    pub fn none() -> Movement {
        Movement::default()
    }

    /// Posts one transaction over the accounts of `facts`.
    ///
    /// # Errors
    /// [`Code::InsufficientFunds`] or [`Code::BalanceLimit`].
    pub fn post(
        facts: &Facts,
        mut transaction: Transaction,
        legs: &[Leg],
        sequence: u64,
    ) -> Result<Movement, Rejection> {
        let mut accounts: Vec<(AnyId, Account)> = Vec::with_capacity(legs.len());
        for leg in legs {
            if accounts.iter().all(|(id, _)| *id != leg.account) {
                accounts.push((leg.account, account_of(facts, leg.account, &transaction)?));
            }
        }
        let balanced = Balanced::post(&mut accounts, legs, sequence).map_err(refusal)?;
        transaction.postings = balanced.into_postings();
        Ok(Movement {
            transactions: vec![transaction],
            accounts,
        })
    }

    /// The balances an account has after this movement.
    pub fn after(&self, id: AnyId) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|(key, _)| *key == id)
            .map(|(_, account)| account)
    }
}

fn account_of(facts: &Facts, id: AnyId, transaction: &Transaction) -> Result<Account, Rejection> {
    match facts.record(id).map(Arc::as_ref) {
        Some(Record::Books(books)) => Ok(books.account),
        Some(Record::External(account) | Record::Cash(account) | Record::Fees(account)) => {
            Ok(*account)
        }
        // The drawer of a shift that opens, whose id nobody could ask for before.
        None if id.kind == Kind::Cash => Ok(Account::empty(transaction.amount.currency)),
        // The first of a currency. One that was not asked for is no empty one.
        None if facts.knows(id)
            && (id.kind == Kind::Fees || id == external_key(transaction.amount.currency)) =>
        {
            Ok(Account::empty(transaction.amount.currency))
        }
        _ => Err(Rejection::new(
            Code::WalletNotFound,
            "there is no such wallet",
        )),
    }
}

fn refusal(fault: LedgerFault) -> Rejection {
    match fault {
        LedgerFault::Insufficient(id) => Rejection::new(
            Code::InsufficientFunds,
            format!("`{}` does not hold enough for this", wallet_of(id)),
        ),
        LedgerFault::Limit(id) => Rejection::new(
            Code::BalanceLimit,
            format!(
                "the balance of `{}` would pass 9007199254740991 minor units",
                wallet_of(id)
            ),
        ),
        LedgerFault::Unbalanced | LedgerFault::UnknownAccount(_) => Rejection::new(
            Code::CurrencyMismatch,
            "the wallets do not share one currency",
        ),
    }
}

fn wallet_of(account: AnyId) -> AnyId {
    match account.kind {
        Kind::Account => AnyId {
            kind: Kind::Wallet,
            raw: account.raw,
        },
        _ => account,
    }
}

impl Decision {
    /// A decision from its three duties: the act, the movement and the events.
    pub fn new(
        facts: &Facts,
        action: Action,
        resource: AnyId,
        movement: Movement,
        events: Vec<EventFact>,
    ) -> Decision {
        let mut decision = Decision {
            action,
            resource,
            transactions: movement.transactions,
            events,
            changes: Vec::with_capacity(movement.accounts.len()),
            created: Vec::new(),
            payout: None,
            payment: None,
            refund: None,
            claims: Vec::new(),
            erased: Vec::new(),
            jobs: Vec::new(),
            details: Vec::new(),
            reply: Reply::Rendered,
        };
        for (id, account) in movement.accounts {
            decision.move_books(facts, id, account);
        }
        decision
    }

    /// With a further movement in the same entry, over what the decision moves already.
    ///
    /// # Errors
    /// As [`Movement::post`].
    pub fn also(
        mut self,
        facts: &Facts,
        mut transaction: Transaction,
        legs: &[Leg],
        sequence: u64,
    ) -> Result<Decision, Rejection> {
        let mut accounts: Vec<(AnyId, Account)> = Vec::with_capacity(legs.len());
        for leg in legs {
            if accounts.iter().all(|(id, _)| *id != leg.account) {
                let account = match self.moved(leg.account) {
                    Some(account) => account,
                    None => account_of(facts, leg.account, &transaction)?,
                };
                accounts.push((leg.account, account));
            }
        }
        let balanced = Balanced::post(&mut accounts, legs, sequence).map_err(refusal)?;
        transaction.postings = balanced.into_postings();
        self.created.push(transaction.id.any());
        self.transactions.push(transaction);
        for (id, account) in accounts {
            self.move_books(facts, id, account);
        }
        Ok(self)
    }

    /// An account as the decision leaves it, where it changes it.
    fn moved(&self, id: AnyId) -> Option<Account> {
        match self.changed(id)? {
            Record::Books(books) => Some(books.account),
            Record::External(account) | Record::Cash(account) | Record::Fees(account) => {
                Some(*account)
            }
            _ => None,
        }
    }

    /// What the decision makes of a record by now.
    fn changed(&self, id: AnyId) -> Option<&Record> {
        let mut changes = self.changes.iter().rev();
        let (_, record) = changes.find(|(known, _)| *known == id)?;
        Some(record.as_ref())
    }

    /// A wallet's books as the decision leaves them by now.
    pub(crate) fn books_so_far(&self, facts: &Facts, wallet: WalletId) -> Option<Books> {
        match self.changed(books_key(wallet)) {
            Some(Record::Books(books)) => Some(books.clone()),
            _ => facts.books(wallet).cloned(),
        }
    }

    /// Writes an account's new state and warns when it fell below its wallet's threshold.
    fn move_books(&mut self, facts: &Facts, id: AnyId, account: Account) {
        let record = match facts.record(id).map(Arc::as_ref) {
            Some(Record::Books(books)) => {
                if books.falls_low(account.balances.available) {
                    let wallet = AnyId {
                        kind: Kind::Wallet,
                        raw: id.raw,
                    };
                    self.events.push(EventFact {
                        event: EventType::WalletLowBalance,
                        about: Some(wallet),
                    });
                }
                let so_far = self.books_so_far(facts, WalletId(id.raw));
                Record::Books(Books {
                    account,
                    ..so_far.unwrap_or_else(|| books.clone())
                })
            }
            _ if id.kind == Kind::Cash => Record::Cash(account),
            _ if id.kind == Kind::Fees => Record::Fees(account),
            _ => Record::External(account),
        };
        self.changes.retain(|(known, _)| *known != id);
        self.changes.push((id, Arc::new(record)));
    }

    /// In place of what it made of that record before.
    #[must_use]
    pub(crate) fn replace(mut self, id: AnyId, record: Record) -> Decision {
        self.changes.retain(|(known, _)| *known != id);
        self.change(id, record)
    }

    #[must_use]
    pub fn change(mut self, id: AnyId, record: Record) -> Decision {
        self.changes.push((id, Arc::new(record)));
        self
    }

    #[must_use]
    pub fn create(mut self, id: AnyId) -> Decision {
        self.created.push(id);
        self
    }

    /// Says which payout it is about; keeps a record of it besides the log when `stored`.
    #[must_use]
    pub fn about_payout(mut self, payout: Payout, stored: bool) -> Decision {
        self.payout = Some(payout.body.clone());
        if stored {
            let id = payout.body.id.any();
            self.changes.push((id, Arc::new(Record::Payout(payout))));
        }
        self
    }

    #[must_use]
    pub fn claim(mut self, field: Field, text: Option<&str>, holder: AnyId) -> Decision {
        if let Some(text) = text {
            let key = IndexKey {
                field,
                text: text.to_owned(),
            };
            self.claims.push(Claim {
                key,
                holder,
                released: false,
            });
        }
        self
    }

    #[must_use]
    pub fn release(mut self, field: Field, text: Option<&str>, holder: AnyId) -> Decision {
        if let Some(text) = text {
            let key = IndexKey {
                field,
                text: text.to_owned(),
            };
            self.claims.push(Claim {
                key,
                holder,
                released: true,
            });
        }
        self
    }

    /// Destroys a subject's key: what was sealed under it opens never again.
    #[must_use]
    pub fn erase(mut self, subject: SubjectId) -> Decision {
        self.erased.push(subject);
        self
    }

    /// With a further event, behind those it has.
    #[must_use]
    pub fn event(mut self, event: EventFact) -> Decision {
        self.events.push(event);
        self
    }

    #[must_use]
    pub fn job(mut self, job: Job) -> Decision {
        self.jobs.push(job);
        self
    }

    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<String>) -> Decision {
        self.details.push((name.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Decision {
        self.reply = reply;
        self
    }
}
