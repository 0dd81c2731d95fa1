//! Payouts: money leaving a wallet, to another wallet at once or to a bank account over a rail.
//!
//! `initiated → pending → processing → completed`; `failed`, `cancelled` (before processing) and `reversed` (after
//! completed) end it. To a bank, the money is held (available → reserved) until the rail has answered.

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_auth::permission::{CancelPayouts, CreatePayouts, Operate, ReversePayouts};
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PayoutId, RawId, SubjectId, TransactionId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::{EventFact, Transaction, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, books_key, external_key};
use crate::rejection::{Code, Rejection};
use crate::view;

macro_rules! statuses {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// Where a payout stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
        #[cbor(index_only)]
        #[serde(rename_all = "snake_case")]
        pub enum PayoutStatus { $(#[n($code)] $name,)* }

        impl PayoutStatus {
            pub const fn code(self) -> u8 {
                match self { $(PayoutStatus::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(PayoutStatus::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<PayoutStatus> {
                match text { $($text => Some(PayoutStatus::$name),)* _ => None }
            }
        }
    };
}

statuses! {
    Initiated = 0, "initiated";
    Pending = 1, "pending";
    Processing = 2, "processing";
    Completed = 3, "completed";
    Failed = 4, "failed";
    Cancelled = 5, "cancelled";
    Reversed = 6, "reversed";
}

/// Why a rail refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PayoutFailure {
    #[n(0)]
    InsufficientFunds,
    #[n(1)]
    InvalidAccount,
    #[n(2)]
    BankUnavailable,
}

impl PayoutFailure {
    pub const fn as_str(self) -> &'static str {
        match self {
            PayoutFailure::InsufficientFunds => "insufficient_funds",
            PayoutFailure::InvalidAccount => "invalid_account",
            PayoutFailure::BankUnavailable => "bank_unavailable",
        }
    }
}

/// Who is paid. Account numbers and names are in the personal part.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Recipient {
    #[n(0)]
    Wallet(#[n(0)] WalletId),
    #[n(1)]
    BankAccount {
        #[n(0)]
        subject: SubjectId,
        #[n(1)]
        bank_code: Option<String>,
    },
}

/// A payout without its personal part.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct PayoutBody {
    #[n(0)]
    #[class(operational)]
    pub id: PayoutId,
    #[n(1)]
    #[class(operational)]
    pub status: PayoutStatus,
    #[n(2)]
    #[class(sensitive)]
    pub amount: Money,
    #[n(3)]
    #[class(operational)]
    pub source: WalletId,
    #[n(4)]
    #[class(sensitive)]
    pub recipient: Recipient,
    #[n(5)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(6)]
    #[class(sensitive)]
    pub description: Option<String>,
    #[n(7)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(8)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(9)]
    #[class(operational)]
    pub processed_at: Option<Timestamp>,
    #[n(10)]
    #[class(operational)]
    pub failure: Option<PayoutFailure>,
}

impl PayoutBody {
    /// The data subject of the personal part.
    pub fn subject(&self) -> Option<SubjectId> {
        match self.recipient {
            Recipient::BankAccount { subject, .. } => Some(subject),
            Recipient::Wallet(_) => None,
        }
    }
}

/// A bank account to pay to; exactly one of number and IBAN.
#[derive(Clone, Encode, Decode, Classified)]
#[part(personal)]
pub struct BankAccount {
    #[n(0)]
    #[class(personal)]
    pub account_name: String,
    #[n(1)]
    #[class(personal)]
    pub account_number: Option<String>,
    #[n(2)]
    #[class(personal)]
    pub iban: Option<String>,
}

/// A payout as stored.
#[derive(Clone)]
pub struct Payout {
    pub body: PayoutBody,
    pub bank: Option<BankAccount>,
}

/// Who is to be paid, as the request says.
pub enum NewRecipient {
    Wallet(WalletId),
    Bank {
        bank_code: Option<String>,
        account: BankAccount,
    },
}

impl NewRecipient {
    /// The text by which the same account is found again.
    fn index_text(&self) -> Option<String> {
        let NewRecipient::Bank { bank_code, account } = self else {
            return None;
        };
        let number = account
            .iban
            .as_deref()
            .or(account.account_number.as_deref())?;
        Some(format!(
            "{}\u{1f}{number}",
            bank_code.as_deref().unwrap_or("")
        ))
    }
}

/// `POST /v1/payouts`.
pub struct CreatePayout {
    pub amount: Money,
    /// The operating wallet of the currency when absent.
    pub source: Option<WalletId>,
    pub recipient: NewRecipient,
    pub reference_id: Option<ReferenceId>,
    pub description: Option<String>,
    pub metadata: Metadata,
}

impl Command for CreatePayout {
    type Permission = CreatePayouts;

    fn action(&self) -> Action {
        Action::PayoutCreated
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let mut keys = Keys::default();
        match self.source_in(facts, scope) {
            Some(source) => keys = keys.books(source),
            None => keys = keys.record(scope.organization.any()),
        }
        if self.source.is_none() {
            keys = keys.record(scope.organization.any());
        }
        if let NewRecipient::Wallet(wallet) = &self.recipient {
            keys = keys.books(*wallet);
        }
        if let Some(text) = self.recipient.index_text() {
            keys = keys.holder(Field::BankAccount, &text);
        }
        match &self.reference_id {
            Some(reference) => keys.holder(Field::PayoutReference, reference.as_str()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let source = self
            .source_in(facts, moment.scope)
            .ok_or_else(|| no_default(self.amount.currency))?;
        check_wallet(facts, source, self.amount.currency, "/source_wallet_id")?;
        if let NewRecipient::Wallet(wallet) = &self.recipient {
            check_wallet(facts, *wallet, self.amount.currency, "/recipient/id")?;
            if *wallet == source {
                return Err(Rejection::at(
                    Code::SameWallet,
                    "/recipient/id",
                    "a wallet cannot be paid from itself",
                ));
            }
        }
        facts.free(
            Field::PayoutReference,
            self.reference_id.as_ref().map(ReferenceId::as_str),
        )?;
        match &self.recipient {
            NewRecipient::Wallet(wallet) => self.to_wallet(facts, moment, source, *wallet),
            NewRecipient::Bank { bank_code, account } => {
                self.to_bank(facts, moment, source, bank_code, account)
            }
        }
    }
}

fn no_default(currency: Currency) -> Rejection {
    Rejection::at(
        Code::NoDefaultWallet,
        "/source_wallet_id",
        format!("there is no operating wallet in {currency}: name a source"),
    )
}

/// Refuses unless money of `currency` may move in the wallet.
pub(crate) fn check_wallet(
    facts: &Facts,
    id: WalletId,
    currency: Currency,
    pointer: &str,
) -> Result<(), Rejection> {
    let missing = || Rejection::at(Code::WalletNotFound, pointer, "there is no such wallet");
    let books = facts.books(id).ok_or_else(missing)?;
    if books.account.currency != currency {
        return Err(Rejection::at(
            Code::CurrencyMismatch,
            "/currency",
            format!("`{id}` is kept in {}", books.account.currency),
        ));
    }
    books.open(id)
}

impl CreatePayout {
    fn source_in(&self, facts: &Facts, scope: Scope) -> Option<WalletId> {
        self.source.or_else(|| {
            facts
                .tenant(scope.organization)?
                .operating(self.amount.currency)
        })
    }

    fn body(
        &self,
        id: PayoutId,
        source: WalletId,
        recipient: Recipient,
        moment: &Moment,
    ) -> PayoutBody {
        PayoutBody {
            id,
            status: PayoutStatus::Initiated,
            amount: self.amount,
            source,
            recipient,
            reference_id: self.reference_id.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            created_at: moment.now,
            processed_at: None,
            failure: None,
        }
    }

    /// Completes in the commit that makes it.
    fn to_wallet(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        source: WalletId,
        target: WalletId,
    ) -> Result<Decision, Rejection> {
        let id = PayoutId(moment.fresh());
        let legs = [
            Leg::new(books_key(source), Bucket::Available, -self.amount.minor),
            Leg::new(books_key(target), Bucket::Available, self.amount.minor),
        ];
        let transaction = transaction(TransactionKind::Payout, id, id.0, self.amount);
        let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;

        // From here it must succeed.
        let mut body = self.body(id, source, Recipient::Wallet(target), moment);
        body.status = PayoutStatus::Completed;
        body.processed_at = Some(moment.now);
        let events = vec![
            EventFact {
                event: EventType::PayoutInitiated,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::PayoutPending,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::PayoutProcessing,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::WalletDebited,
                about: Some(source.any()),
            },
            EventFact {
                event: EventType::WalletCredited,
                about: Some(target.any()),
            },
            EventFact {
                event: EventType::PayoutCompleted,
                about: Some(id.any()),
            },
        ];
        Ok(
            Decision::new(facts, Action::PayoutCreated, id.any(), movement, events)
                .create(id.any())
                .claim(
                    Field::PayoutReference,
                    self.reference_id.as_ref().map(ReferenceId::as_str),
                    id.any(),
                )
                .about_payout(Payout { body, bank: None }, false),
        )
    }

    /// Holds the money and leaves the rest to the rail.
    fn to_bank(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        source: WalletId,
        bank_code: &Option<String>,
        account: &BankAccount,
    ) -> Result<Decision, Rejection> {
        if moment.scope.mode.is_live() {
            let text = "no rail to banks is connected in live mode: only the sandbox has one";
            return Err(Rejection::at(Code::NoRail, "/recipient/type", text));
        }
        let id = PayoutId(moment.fresh());
        let transaction = transaction(TransactionKind::PayoutHold, id, id.0, self.amount);
        let movement = Movement::post(
            facts,
            transaction,
            &hold(source, self.amount.minor),
            moment.sequence,
        )?;

        // From here it must succeed.
        let index = self.recipient.index_text();
        let known = index
            .as_deref()
            .and_then(|text| facts.holder(Field::BankAccount, text));
        let subject = SubjectId(known.map_or_else(|| moment.fresh(), |id| id.raw));
        let recipient = Recipient::BankAccount {
            subject,
            bank_code: bank_code.clone(),
        };
        let payout = Payout {
            body: self.body(id, source, recipient, moment),
            bank: Some(account.clone()),
        };
        let events = vec![
            EventFact {
                event: EventType::PayoutInitiated,
                about: Some(id.any()),
            },
            EventFact {
                event: EventType::WalletReserved,
                about: Some(source.any()),
            },
        ];
        let mut decision = Decision::new(facts, Action::PayoutCreated, id.any(), movement, events)
            .create(id.any())
            .claim(
                Field::PayoutReference,
                self.reference_id.as_ref().map(ReferenceId::as_str),
                id.any(),
            )
            .job(Job::Rail(id, moment.now))
            .reply(Reply::Stored(view::json(&view::PayoutView::new(&payout))));
        if known.is_none() {
            decision = decision.claim(Field::BankAccount, index.as_deref(), subject.any());
        }
        Ok(decision.about_payout(payout, true))
    }
}

fn transaction(kind: TransactionKind, payout: PayoutId, id: RawId, amount: Money) -> Transaction {
    Transaction {
        id: TransactionId(id),
        kind,
        amount,
        cause: Some(payout.any()),
        reference: None,
        description: None,
        postings: Vec::new(),
    }
}

fn hold(source: WalletId, amount: i64) -> [Leg; 2] {
    let account = books_key(source);
    [
        Leg::new(account, Bucket::Available, -amount),
        Leg::new(account, Bucket::Reserved, amount),
    ]
}

fn release(source: WalletId, amount: i64) -> [Leg; 2] {
    let account = books_key(source);
    [
        Leg::new(account, Bucket::Reserved, -amount),
        Leg::new(account, Bucket::Available, amount),
    ]
}

fn existing(facts: &Facts, id: PayoutId) -> Result<&Payout, Rejection> {
    facts
        .payout(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such payout"))
}

fn wrong_state(payout: &Payout, wish: &str) -> Rejection {
    let text = format!(
        "`{}` is {} and cannot be {wish}",
        payout.body.id,
        payout.body.status.as_str()
    );
    Rejection::new(Code::InvalidState, text)
}

/// A payout that moved on: its new body, the movement, what follows.
struct Step {
    action: Action,
    status: PayoutStatus,
    failure: Option<PayoutFailure>,
    kind: Option<TransactionKind>,
    events: Vec<EventType>,
    job: Option<Job>,
}

impl Step {
    fn take(
        self,
        facts: &Facts,
        moment: &mut Moment,
        payout: &Payout,
    ) -> Result<Decision, Rejection> {
        let mut next = payout.clone();
        next.body.status = self.status;
        next.body.failure = self.failure;
        if !matches!(
            self.status,
            PayoutStatus::Pending | PayoutStatus::Processing
        ) {
            next.body.processed_at = Some(moment.now);
        }
        let id = next.body.id;
        let (source, amount) = (next.body.source, next.body.amount);
        let movement = match self.kind {
            None => Movement::none(),
            Some(kind) => {
                let legs = legs(kind, &next.body);
                Movement::post(
                    facts,
                    transaction(kind, id, moment.fresh(), amount),
                    &legs,
                    moment.sequence,
                )?
            }
        };
        let events = self
            .events
            .into_iter()
            .map(|event| EventFact {
                event,
                about: Some(about(event, id, source, &next.body.recipient)),
            })
            .collect();
        let created: Vec<_> = movement.transactions.iter().map(|t| t.id.any()).collect();
        let mut decision = Decision::new(facts, self.action, id.any(), movement, events)
            .reply(Reply::Stored(view::json(&view::PayoutView::new(&next))))
            .about_payout(next, true);
        decision.created = created;
        Ok(match self.job {
            Some(job) => decision.job(job),
            None => decision,
        })
    }
}

fn legs(kind: TransactionKind, body: &PayoutBody) -> Vec<Leg> {
    let (source, amount) = (books_key(body.source), body.amount.minor);
    let outside = external_key(body.amount.currency);
    match (kind, &body.recipient) {
        (TransactionKind::PayoutSettlement, _) => {
            vec![
                Leg::new(source, Bucket::Reserved, -amount),
                Leg::new(outside, Bucket::Available, amount),
            ]
        }
        (TransactionKind::PayoutReversal, Recipient::Wallet(target)) => vec![
            Leg::new(books_key(*target), Bucket::Available, -amount),
            Leg::new(source, Bucket::Available, amount),
        ],
        (TransactionKind::PayoutReversal, _) => {
            vec![
                Leg::new(outside, Bucket::Available, -amount),
                Leg::new(source, Bucket::Available, amount),
            ]
        }
        _ => release(body.source, amount).to_vec(),
    }
}

fn about(
    event: EventType,
    id: PayoutId,
    source: WalletId,
    recipient: &Recipient,
) -> strongroom_types::id::AnyId {
    match (event, recipient) {
        (EventType::WalletDebited, Recipient::Wallet(target)) => target.any(),
        (EventType::WalletDebited | EventType::WalletCredited | EventType::WalletReleased, _) => {
            source.any()
        }
        _ => id.any(),
    }
}

fn step_keys(facts: &Facts, id: PayoutId) -> Keys {
    let keys = Keys::default().record(id.any());
    let Some(payout) = facts.payout(id) else {
        return keys;
    };
    let keys = keys
        .books(payout.body.source)
        .record(external_key(payout.body.amount.currency));
    match payout.body.recipient {
        Recipient::Wallet(target) => keys.books(target),
        Recipient::BankAccount { .. } => keys,
    }
}

/// `POST /v1/payouts/{id}/cancel`: before processing only.
pub struct CancelPayout {
    pub id: PayoutId,
}

impl Command for CancelPayout {
    type Permission = CancelPayouts;

    fn action(&self) -> Action {
        Action::PayoutCancelled
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payout = existing(facts, self.id)?;
        if !matches!(
            payout.body.status,
            PayoutStatus::Initiated | PayoutStatus::Pending
        ) {
            return Err(wrong_state(payout, "cancelled"));
        }
        let step = Step {
            action: Action::PayoutCancelled,
            status: PayoutStatus::Cancelled,
            failure: None,
            kind: Some(TransactionKind::PayoutRelease),
            events: vec![EventType::WalletReleased, EventType::PayoutCancelled],
            job: Some(Job::RailDone(self.id)),
        };
        step.take(facts, moment, payout)
    }
}

/// `POST /v1/payouts/{id}/reverse`: after completion; the money comes back.
pub struct ReversePayout {
    pub id: PayoutId,
}

impl Command for ReversePayout {
    type Permission = ReversePayouts;

    fn action(&self) -> Action {
        Action::PayoutReversed
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payout = existing(facts, self.id)?;
        if payout.body.status != PayoutStatus::Completed {
            return Err(wrong_state(payout, "reversed"));
        }
        facts
            .books(payout.body.source)
            .map_or(Ok(()), |books| books.open(payout.body.source))?;
        let mut events = vec![EventType::WalletCredited, EventType::PayoutReversed];
        if let Recipient::Wallet(target) = payout.body.recipient {
            facts
                .books(target)
                .map_or(Ok(()), |books| books.open(target))?;
            events.insert(0, EventType::WalletDebited);
        }
        let step = Step {
            action: Action::PayoutReversed,
            status: PayoutStatus::Reversed,
            failure: None,
            kind: Some(TransactionKind::PayoutReversal),
            events,
            job: None,
        };
        step.take(facts, moment, payout)
    }
}

/// One step of the sandbox rail: initiated → pending → processing → completed or failed.
pub struct AdvancePayout {
    pub id: PayoutId,
    /// When to look again after a step that is not the last, in milliseconds.
    pub pause: i64,
}

impl Command for AdvancePayout {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutProcessing
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        step_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let payout = existing(facts, self.id)?;
        let again = Some(Job::Rail(self.id, moment.now.plus(self.pause)));
        let step = match payout.body.status {
            PayoutStatus::Initiated => {
                Step::onward(Action::PayoutPending, PayoutStatus::Pending, again)
            }
            PayoutStatus::Pending => {
                Step::onward(Action::PayoutProcessing, PayoutStatus::Processing, again)
            }
            PayoutStatus::Processing => {
                match sandbox_outcome(moment.scope.mode, payout.body.amount) {
                    None => Step::completed(self.id),
                    Some(failure) => Step::failed(self.id, failure),
                }
            }
            _ => return Err(wrong_state(payout, "advanced")),
        };
        step.take(facts, moment, payout)
    }
}

impl Step {
    fn onward(action: Action, status: PayoutStatus, job: Option<Job>) -> Step {
        let event = match status {
            PayoutStatus::Pending => EventType::PayoutPending,
            _ => EventType::PayoutProcessing,
        };
        Step {
            action,
            status,
            failure: None,
            kind: None,
            events: vec![event],
            job,
        }
    }

    fn completed(id: PayoutId) -> Step {
        Step {
            action: Action::PayoutCompleted,
            status: PayoutStatus::Completed,
            failure: None,
            kind: Some(TransactionKind::PayoutSettlement),
            events: vec![EventType::WalletDebited, EventType::PayoutCompleted],
            job: Some(Job::RailDone(id)),
        }
    }

    fn failed(id: PayoutId, failure: PayoutFailure) -> Step {
        Step {
            action: Action::PayoutFailed,
            status: PayoutStatus::Failed,
            failure: Some(failure),
            kind: Some(TransactionKind::PayoutRelease),
            events: vec![EventType::WalletReleased, EventType::PayoutFailed],
            job: Some(Job::RailDone(id)),
        }
    }
}

/// The sandbox's triggers: in test mode the last two digits of the minor amount choose the failure (CONTRACT 3).
pub fn sandbox_outcome(mode: Mode, amount: Money) -> Option<PayoutFailure> {
    match (mode, amount.minor % 100) {
        (Mode::Test, 1) => Some(PayoutFailure::InsufficientFunds),
        (Mode::Test, 2) => Some(PayoutFailure::InvalidAccount),
        (Mode::Test, 3) => Some(PayoutFailure::BankUnavailable),
        _ => None,
    }
}
