//! What one entry of the log says, part by part.
//!
//! `facts` (the books: who moved what), `actor` (who, from where, under which rule) and `changes` (which record
//! version came to be). Audit records, events and replies are rendered from these and stored nowhere else.
//! Format: one version byte, then CBOR arrays; fields are only ever added at the end.

use minicbor::{Decode, Decoder, Encode};
use strongroom_ledger::Posting;
use strongroom_types::id::{AnyId, AuditId, EventId, RawId, TransactionId, UserId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::event::EventType;
use crate::payments::PaymentBody;
use crate::payouts::PayoutBody;
use crate::refunds::RefundBody;
use crate::rejection::Rejection;

/// Tags of the parts of an entry. Stored, never reused.
pub mod tag {
    pub const FACTS: u8 = 1;
    pub const ACTOR: u8 = 2;
    pub const CHANGES: u8 = 3;
    pub const REPLY: u8 = 4;
}

/// Retention policies of parts. Stored, never reused.
pub mod policy {
    /// As long as the log.
    pub const LOG: u8 = 0;
    /// Facts about money: 7 years.
    pub const MONEY: u8 = 1;
    /// Security investigations: 1 year.
    pub const AUDIT: u8 = 2;
    /// Stored replies: 25 hours.
    pub const REPLY: u8 = 3;
}

/// The `facts` part.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct EntryFacts {
    #[n(0)]
    pub action: Action,
    #[n(1)]
    pub resource: Option<AnyId>,
    /// Set when the act was refused; then nothing moved.
    #[n(2)]
    pub refusal: Option<Rejection>,
    #[n(3)]
    pub transactions: Vec<Transaction>,
    #[n(4)]
    pub payout: Option<PayoutBody>,
    #[n(5)]
    pub events: Vec<EventFact>,
    #[n(6)]
    pub details: Vec<(String, String)>,
    /// The first of the entry's ids: audit record, resources and events count from it.
    #[n(7)]
    pub base: RawId,
    /// The payment it is about, as it is after the act.
    #[n(8)]
    pub payment: Option<PaymentBody>,
    #[n(9)]
    pub refund: Option<RefundBody>,
}

/// How far event ids stand behind the entry's base.
const EVENT_IDS: u64 = 4_096;

impl EntryFacts {
    /// The entry's id as an audit record.
    pub fn audit_id(&self) -> AuditId {
        AuditId(self.base)
    }

    /// The id of the entry's `n`-th event, from 0.
    pub fn event_id(&self, n: usize) -> EventId {
        EventId(
            self.base
                .plus(EVENT_IDS.saturating_add(u64::try_from(n).unwrap_or(u64::MAX))),
        )
    }

    /// A particular of the audit record; nothing when it has none of that name.
    pub fn detail(&self, name: &str) -> &str {
        let found = self.details.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The posting and transaction that touched an account, if any.
    pub fn posting_of(&self, account: AnyId) -> Option<(&Transaction, &Posting)> {
        self.transactions.iter().find_map(|t| {
            t.postings
                .iter()
                .find(|p| p.account == account)
                .map(|posting| (t, posting))
        })
    }
}

/// One movement of money.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Transaction {
    #[n(0)]
    pub id: TransactionId,
    #[n(1)]
    pub kind: TransactionKind,
    #[n(2)]
    pub amount: Money,
    /// The payout, payment or refund it belongs to.
    #[n(3)]
    pub cause: Option<AnyId>,
    #[n(4)]
    pub reference: Option<String>,
    #[n(5)]
    pub description: Option<String>,
    #[n(6)]
    pub postings: Vec<Posting>,
}

/// Of the `facts` part, what moved: what a reader of movements decodes, who has no use for the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryMoves {
    pub transactions: Vec<Transaction>,
}

/// Where they stand among the fields of [`EntryFacts`].
const MOVES: u64 = 3;

impl<'b, C> Decode<'b, C> for EntryMoves {
    /// What comes after them is not looked at: whoever reads a whole log has no time for it.
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        let fields = d.array()?.unwrap_or(u64::MAX);
        if fields <= MOVES {
            return Err(minicbor::decode::Error::missing_value(3));
        }
        for _ in 0..MOVES {
            d.skip()?;
        }
        let transactions = d.decode_with(context)?;
        Ok(EntryMoves { transactions })
    }
}

/// What a movement was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    #[n(0)]
    Credit,
    #[n(1)]
    Debit,
    #[n(2)]
    Transfer,
    #[n(3)]
    Payout,
    #[n(4)]
    PayoutHold,
    #[n(5)]
    PayoutSettlement,
    #[n(6)]
    PayoutRelease,
    #[n(7)]
    PayoutReversal,
    #[n(8)]
    PaymentCapture,
    #[n(9)]
    PaymentSettlement,
    #[n(10)]
    RefundHold,
    #[n(11)]
    RefundSettlement,
    #[n(12)]
    RefundRelease,
    /// What was in the drawer when a shift was opened.
    #[n(40)]
    CashFloat,
    #[n(41)]
    CashIn,
    #[n(42)]
    CashOut,
    /// What had to be in the drawer when a shift was closed.
    #[n(43)]
    CashClose,
    #[n(44)]
    SaleCash,
    #[n(45)]
    SaleVoid,
    #[n(46)]
    CashRefund,
    /// A capture that was taken back before it was settled.
    #[n(47)]
    PaymentReversal,
}

/// An event to publish: its type and what it is about. Its body is rendered from the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EventFact {
    #[n(0)]
    pub event: EventType,
    /// What it is about; nothing when that is the entry's resource.
    #[n(1)]
    pub about: Option<AnyId>,
}

impl EventFact {
    pub fn new(event: EventType, about: AnyId) -> EventFact {
        EventFact {
            event,
            about: Some(about),
        }
    }

    /// The same event in an entry about `resource`, without naming that twice.
    #[must_use]
    pub fn within(self, resource: AnyId) -> EventFact {
        EventFact {
            about: self.about.filter(|about| *about != resource),
            ..self
        }
    }
}

/// The `actor` part.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct EntryActor {
    /// The key or session that acted, or nothing when the server did.
    #[n(0)]
    pub credential: Option<AnyId>,
    /// The server's own hand, when no key acted: `system:rail`.
    #[n(1)]
    pub system: Option<String>,
    #[n(2)]
    pub request: RawId,
    #[n(3)]
    pub address: String,
    #[n(4)]
    pub user_agent: String,
    /// The rule that allowed or refused it.
    #[n(5)]
    pub rule: String,
    /// Whether the request was signed.
    #[n(6)]
    pub signed: bool,
    /// The person: the credential is his session, or he is about to get one.
    #[n(7)]
    pub user: Option<UserId>,
}

/// The `changes` part: one line per record written.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct EntryChanges(#[n(0)] pub Vec<ChangeLine>);

/// A record's version and what commits to its content.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ChangeLine {
    #[n(0)]
    pub record: AnyId,
    #[n(1)]
    pub version: u64,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub commitment: [u8; 32],
}

/// Where and when an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub sequence: u64,
    pub time: Timestamp,
    /// The number of its first event.
    pub first_event: u64,
}

/// The version byte in front of each part's CBOR.
const FORMAT: u8 = 1;

/// Writes a part.
pub fn encode<T: Encode<()>>(value: &T, out: &mut Vec<u8>) {
    out.push(FORMAT);
    minicbor::encode(value, out)
        .unwrap_or_else(|_| unreachable!("writing CBOR to memory has no error to give"));
}

/// Reads a part of any format ever written.
///
/// # Errors
/// A message without content when the bytes are none.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, String> {
    match bytes.split_first() {
        Some((&FORMAT, body)) => minicbor::decode(body).map_err(|error| error.to_string()),
        Some((other, _)) => Err(format!("format {other} is not known")),
        None => Err("empty".into()),
    }
}
