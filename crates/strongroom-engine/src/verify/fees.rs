//! Fees, from the schedules and the movements alone: who fixed which terms when, and what each settlement charged.

use std::collections::HashMap;

use strongroom_domain::action::Action;
use strongroom_domain::entry::{EntryFacts, Transaction, TransactionKind};
use strongroom_domain::fees::{FeeOn, FeeSchedules, FeeTerms, PaymentFees, PayoutFee};
use strongroom_domain::payments::PaymentBody;
use strongroom_domain::payouts::{PayoutBody, PayoutStatus};
use strongroom_domain::record::Record;
use strongroom_types::id::{AnyId, Kind, PaymentId, RawId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// What was settled and given back of a payment that is charged for.
#[derive(Clone, Copy)]
struct Sums {
    settled: i64,
    refunded: i64,
    fees: PaymentFees,
}

/// The terms that something was made under.
enum Terms {
    Payment(Option<FeeTerms>),
    Payout(Option<PayoutFee>),
}

/// When terms were fixed, for what.
struct Fixed {
    log: u32,
    about: AnyId,
    amount: Money,
    time: Timestamp,
    base: RawId,
    terms: Terms,
}

/// Everything that is known of fees.
#[derive(Default)]
pub(super) struct Fees {
    schedules: HashMap<u32, FeeSchedules>,
    payments: HashMap<(u32, PaymentId), Sums>,
    fixed: Vec<Fixed>,
}

impl Fees {
    /// Takes in what one entry fixed and charged.
    pub fn fold(
        &mut self,
        log: u32,
        (seq, time): (u64, i64),
        facts: &EntryFacts,
        unread: &Unread,
        damages: &mut Damages,
    ) {
        self.fix(log, Timestamp(time), facts);
        let mut wrong = false;
        for transaction in &facts.transactions {
            wrong |= self.expected(log, transaction, facts) != posted(transaction);
        }
        if let Some(payment) = &facts.payment {
            let known = self.payments.get(&(log, payment.id));
            wrong |= known.map(|sums| sums.fees) != payment.fees;
        }
        // What follows from an entry that could not be read is not blamed on this one.
        if wrong && !unread.any(log) {
            damages.note(format!(
                "entry {seq} of log {log}: what it charges is not what the terms say"
            ));
        }
    }

    fn fix(&mut self, log: u32, time: Timestamp, facts: &EntryFacts) {
        let base = facts.base;
        let mut fixed = |about, amount, terms| {
            self.fixed.push(Fixed {
                log,
                about,
                amount,
                time,
                base,
                terms,
            });
        };
        let payout = facts.payout.as_ref();
        // One that is for later, or came to nothing at once, is charged nothing in the entry that makes it.
        let begins = |payout: &&PayoutBody| match facts.action {
            Action::PayoutCreated => !matches!(
                payout.status,
                PayoutStatus::Scheduled | PayoutStatus::Failed
            ),
            Action::PayoutExecuted => true,
            _ => false,
        };
        if let Some(payout) = payout.filter(begins) {
            let terms = Terms::Payout(payout.fee);
            fixed(payout.id.any(), payout.amount, terms);
        }
        let Some(payment) = facts.payment.as_ref().filter(|p| captures_first(p, facts)) else {
            return;
        };
        let terms = payment.fees.map(|fees| fees.terms);
        fixed(payment.id.any(), payment.amount, Terms::Payment(terms));
        if let Some(terms) = terms {
            let sums = Sums {
                settled: 0,
                refunded: 0,
                fees: PaymentFees { terms, charged: 0 },
            };
            self.payments.insert((log, payment.id), sums);
        }
    }

    /// What a movement has to bring to the accounts of fees.
    fn expected(&mut self, log: u32, transaction: &Transaction, facts: &EntryFacts) -> i64 {
        let minor = transaction.amount.minor;
        let payment = facts.payment.as_ref().map(|payment| (log, payment.id));
        let sums = payment.and_then(|key| self.payments.get_mut(&key));
        match (transaction.kind, sums) {
            (TransactionKind::Payout | TransactionKind::PayoutSettlement, _) => {
                facts.payout.as_ref().map_or(0, |payout| payout.fee())
            }
            (TransactionKind::PaymentSettlement, Some(sums)) => {
                sums.settled = sums.settled.saturating_add(minor);
                let charged = sums.fees.charge(sums.settled, sums.refunded, minor);
                sums.fees.charged = sums.fees.charged.saturating_add(charged);
                charged
            }
            (TransactionKind::RefundSettlement, Some(sums)) => {
                sums.refunded = sums.refunded.saturating_add(minor);
                let back = sums.fees.back(sums.settled, sums.refunded);
                sums.fees.charged = sums.fees.charged.saturating_sub(back);
                back.saturating_neg()
            }
            _ => 0,
        }
    }

    /// Takes in the list of schedules.
    pub fn record(&mut self, log: u32, record: &Record) {
        if let Record::FeeSchedules(schedules) = record {
            self.schedules.insert(log, schedules.clone());
        }
    }

    /// Holds the terms that were fixed against the schedules that were in force.
    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        let none = FeeSchedules::default();
        for fixed in self.fixed.iter().filter(|fixed| !unread.any(fixed.log)) {
            let schedules = self.schedules.get(&fixed.log).unwrap_or(&none);
            let in_force = |on| {
                let schedule = schedules.in_force_before(on, fixed.time, fixed.base)?;
                Some(schedule.terms(fixed.amount.currency))
            };
            let same = match fixed.terms {
                Terms::Payment(terms) => terms == in_force(FeeOn::Payments),
                Terms::Payout(fee) => {
                    let due = in_force(FeeOn::Payouts).map(|terms| PayoutFee {
                        schedule: terms.schedule,
                        minor: terms.of(fixed.amount.minor),
                    });
                    fee == due
                }
            };
            if !same {
                damages.note(format!(
                    "`{}` of log {}: its fee is not what the schedule in force said",
                    fixed.about, fixed.log
                ));
            }
        }
    }
}

/// Whether an entry makes a payment's first capture, which fixes its terms.
fn captures_first(payment: &PaymentBody, facts: &EntryFacts) -> bool {
    facts.transactions.iter().any(|transaction| {
        transaction.kind == TransactionKind::PaymentCapture
            && transaction.cause == Some(payment.id.any())
            && transaction.amount.minor == payment.captured
    })
}

/// What a movement brought to the accounts of fees.
fn posted(transaction: &Transaction) -> i64 {
    let fees = transaction.postings.iter();
    let fees = fees.filter(|posting| posting.account.kind == Kind::Fees);
    fees.fold(0_i64, |sum, posting| {
        sum.saturating_add(posting.change.total().unwrap_or(i64::MAX))
    })
}
