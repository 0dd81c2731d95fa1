//! Payout schedules: a payout that is made again and again, in a [`Rhythm`].
//!
//! Each of its times has a number, and each number makes one payout at most: the entry that makes it moves the schedule on
//! in the same commit. INVARIANT(one-occurrence): no two payouts name one number of one schedule. A payout that cannot be
//! done is made all the same, `failed`, and the schedule goes on. What was missed while no server ran is made up for one
//! after another, or left out, as the schedule says; what came while it was paused is left out.
//!
//! Amount and end can be changed; whom it pays and when it does are fixed: another rhythm is another schedule.

mod change;
mod create;
mod run;
mod view;

use std::sync::Arc;

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::id::{ApiKeyId, PayoutId, PayoutScheduleId, SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::rhythm::{Day, Rhythm};
use strongroom_types::time::Timestamp;

use crate::facts::Facts;
use crate::payouts::{BankAccount, CreatePayout, NewRecipient, Payee, Recipient};
use crate::record::Record;
use crate::rejection::{Code, Rejection};

pub use change::{DeletePayoutSchedule, UpdatePayoutSchedule};
pub use create::CreatePayoutSchedule;
pub use run::{MOST_MISSED, RunPayoutSchedule};
pub use view::PayoutScheduleView;

macro_rules! named {
    ($(#[$doc:meta])* $set:ident: $($(#[$about:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $set { $($(#[$about])* #[n($code)] $name,)* }

        impl $set {
            pub const ALL: &'static [$set] = &[$($set::$name,)*];

            pub const fn code(self) -> u8 {
                match self { $($set::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $($set::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<$set> {
                match text { $($text => Some($set::$name),)* _ => None }
            }
        }
    };
}

named! {
    /// Where a schedule stands.
    PayoutScheduleStatus:
    Active = 0, "active";
    Paused = 1, "paused";
    /// Its end has come.
    Completed = 2, "completed";
    /// Somebody has ended it.
    Cancelled = 3, "cancelled";
}

named! {
    /// What becomes of times that passed while no server ran.
    Missed:
    /// Each is made up for, in order.
    Execute = 0, "execute";
    /// What is late by more than an hour is left out.
    Skip = 1, "skip";
}

/// When a schedule ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum End {
    #[n(0)]
    Never,
    /// The last day that it may have.
    #[n(1)]
    On(#[n(0)] Day),
    /// The last number that it has.
    #[n(2)]
    After(#[n(0)] u32),
}

/// A number of a schedule, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Next {
    #[n(0)]
    pub number: u32,
    #[n(1)]
    pub at: Timestamp,
}

/// A schedule without what is personal.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct PayoutScheduleBody {
    #[n(0)]
    #[class(operational)]
    pub id: PayoutScheduleId,
    #[n(1)]
    #[class(operational)]
    pub status: PayoutScheduleStatus,
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
    #[class(operational)]
    pub payee: Option<Payee>,
    #[n(6)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(7)]
    #[class(sensitive)]
    pub description: Option<String>,
    #[n(8)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(9)]
    #[class(operational)]
    pub rhythm: Rhythm,
    #[n(10)]
    #[class(operational)]
    pub end: End,
    #[n(11)]
    #[class(operational)]
    pub missed: Missed,
    /// Whose rights and limits its payouts are made by: whoever made it, or said last what it moves.
    #[n(12)]
    #[class(operational)]
    pub maker: ApiKeyId,
    /// What comes next; kept while it is paused, nothing once it is over.
    #[n(13)]
    #[class(operational)]
    pub next: Option<Next>,
    /// How many payouts it has made.
    #[n(14)]
    #[class(operational)]
    pub made: u32,
    #[n(15)]
    #[class(operational)]
    pub skipped: u32,
    #[n(16)]
    #[class(operational)]
    pub last: Option<PayoutId>,
    #[n(17)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(18)]
    #[class(operational)]
    pub updated_at: Timestamp,
}

/// A schedule as stored.
#[derive(Clone)]
pub struct PayoutSchedule {
    pub body: PayoutScheduleBody,
    /// The account that it pays; nothing where that is a beneficiary's.
    pub bank: Option<BankAccount>,
}

impl PayoutScheduleBody {
    /// The data subject of the personal part.
    pub fn subject(&self) -> Option<SubjectId> {
        match self.recipient {
            Recipient::BankAccount { subject, .. } => Some(subject),
            Recipient::Wallet(_) => None,
        }
    }

    /// When it is to be looked at.
    pub fn waits_until(&self) -> Option<Timestamp> {
        let is_active = self.status == PayoutScheduleStatus::Active;
        self.next.filter(|_| is_active).map(|next| next.at)
    }

    /// The first number from one on that is not before a time, or the one behind the schedule's last.
    fn first_from(&self, number: u32, time: Timestamp) -> u32 {
        let first = self.rhythm.first_from(number, time);
        match self.end {
            End::Never => first,
            End::On(day) => first.min(self.rhythm.first_behind(number, day)),
            End::After(last) => first.min(last.saturating_add(1)),
        }
    }

    /// A number and its time; nothing where the schedule is over before it.
    fn due(&self, number: u32) -> Option<Next> {
        let at = self.rhythm.time(number)?;
        let is_over = match self.end {
            End::Never => false,
            End::On(last) => self.rhythm.date(number)? > last,
            End::After(last) => number > last,
        };
        (!is_over).then_some(Next { number, at })
    }

    /// Goes on with a number, or ends where there is none; says whether it has ended.
    fn go_on(&mut self, number: u32) -> bool {
        self.next = self.due(number);
        let is_over = self.next.is_none();
        if is_over {
            self.status = PayoutScheduleStatus::Completed;
        }
        is_over
    }
}

impl PayoutSchedule {
    /// The payout that it makes, to be decided by the facts of now; nothing where the account was erased.
    fn order(&self) -> Option<CreatePayout> {
        let body = &self.body;
        let recipient = NewRecipient::as_planned(&body.recipient, body.payee, self.bank.as_ref())?;
        Some(CreatePayout {
            amount: body.amount,
            source: Some(body.source),
            recipient,
            reference_id: None,
            description: body.description.clone(),
            metadata: body.metadata.clone(),
            later: None,
        })
    }
}

impl Facts {
    pub fn payout_schedule(&self, id: PayoutScheduleId) -> Option<&PayoutSchedule> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::PayoutSchedule(schedule)) => Some(schedule),
            _ => None,
        }
    }
}

/// A schedule that has not ended.
///
/// # Errors
/// [`Code::NotFound`], or [`Code::InvalidState`].
fn standing(facts: &Facts, id: PayoutScheduleId) -> Result<&PayoutSchedule, Rejection> {
    let missing = || Rejection::new(Code::NotFound, "there is no such payout schedule");
    let schedule = facts.payout_schedule(id).ok_or_else(missing)?;
    match schedule.body.status {
        PayoutScheduleStatus::Active | PayoutScheduleStatus::Paused => Ok(schedule),
        other => {
            let text = format!("`{id}` is {}", other.as_str());
            Err(Rejection::new(Code::InvalidState, text))
        }
    }
}
