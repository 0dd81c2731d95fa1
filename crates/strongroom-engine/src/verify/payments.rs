//! Payments and refunds, from their movements alone: what a record says was captured, settled and given back is what
//! moved for it, and what is on its way back is what its pending refunds hold.

use std::collections::HashMap;

use strongroom_domain::entry::{EntryFacts, TransactionKind};
use strongroom_domain::payment_links::{PaymentLinkBody, PaymentLinkStatus};
use strongroom_domain::payments::{PaymentBody, PaymentStatus};
use strongroom_domain::record::Record;
use strongroom_domain::refunds::RefundBody;
use strongroom_types::id::{AnyId, PaymentId, PaymentLinkId};

use crate::verify::awaited::Awaited;
use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// What moved for one payment or refund, in minor units.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Moved {
    captured: i64,
    settled: i64,
    held: i64,
    given_back: i64,
    released: i64,
    /// Captures that were taken back.
    reversed: i64,
    cash: i64,
}

/// Everything that is known of card payments.
#[derive(Default)]
pub(super) struct Payments {
    moved: HashMap<(u32, AnyId), Moved>,
    payments: Vec<(u32, PaymentBody)>,
    refunds: Vec<(u32, RefundBody)>,
    links: Vec<(u32, PaymentLinkBody)>,
}

impl Payments {
    /// Adds up the movements of one entry.
    pub fn fold(&mut self, log: u32, facts: &EntryFacts) {
        for transaction in &facts.transactions {
            let Some(cause) = transaction.cause else {
                continue;
            };
            let mut none = 0;
            let moved = self.moved.entry((log, cause)).or_default();
            let sum = match transaction.kind {
                TransactionKind::PaymentCapture => &mut moved.captured,
                TransactionKind::PaymentSettlement => &mut moved.settled,
                TransactionKind::RefundHold => &mut moved.held,
                TransactionKind::RefundSettlement => &mut moved.given_back,
                TransactionKind::RefundRelease => &mut moved.released,
                TransactionKind::PaymentReversal => &mut moved.reversed,
                TransactionKind::CashRefund => &mut moved.cash,
                _ => &mut none,
            };
            *sum = sum.saturating_add(transaction.amount.minor);
        }
    }

    /// Takes in what a record says.
    pub fn record(&mut self, log: u32, record: &Record) {
        match record {
            Record::Payment(payment) => self.payments.push((log, payment.clone())),
            Record::Refund(refund) => self.refunds.push((log, refund.clone())),
            Record::PaymentLink(link) => self.links.push((log, link.body.clone())),
            _ => {}
        }
    }

    /// Names what does not add up; logs of which entries could not be read are left out.
    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        let mut back: HashMap<(u32, PaymentId), (i64, i64)> = HashMap::new();
        for (log, refund) in self.refunds.iter().filter(|(log, _)| !unread.any(*log)) {
            let moved = self.moved_for(*log, refund.id.any());
            let amount = refund.amount.minor;
            let Some(payment) = refund.payment else {
                if moved.cash != amount || moved.held != 0 {
                    let what = "the cash that moved for it is not what it says";
                    damages.note(format!("`{}` of log {log}: {what}", refund.id));
                }
                continue;
            };
            let ended = match (refund.is_pending(), refund.failure) {
                (true, _) => (0, 0),
                (false, None) => (amount, 0),
                (false, Some(_)) => (0, amount),
            };
            if (moved.held, moved.given_back, moved.released) != (amount, ended.0, ended.1) {
                let what = "what moved for it is not what it says";
                damages.note(format!("`{}` of log {log}: {what}", refund.id));
            }
            let sums = back.entry((*log, payment)).or_default();
            sums.0 = sums.0.saturating_add(ended.0);
            sums.1 = sums.1.saturating_add(amount - ended.0 - ended.1);
        }
        for (log, payment) in self.payments.iter().filter(|(log, _)| !unread.any(*log)) {
            let moved = self.moved_for(*log, payment.id.any());
            let (given_back, on_its_way) =
                back.get(&(*log, payment.id)).copied().unwrap_or_default();
            let mut must = |holds: bool, fault: &str| {
                if !holds {
                    damages.note(format!("`{}` of log {log}: {fault}", payment.id));
                }
            };
            let moved_as_told = moved.captured - moved.reversed == payment.captured
                && moved.settled == payment.settled;
            must(moved_as_told, "what moved for it is not what it says");
            // A void takes back what is left besides.
            let taken_back = match payment.status {
                PaymentStatus::Voided => payment.refused() <= moved.reversed,
                _ => payment.refused() == moved.reversed,
            };
            must(
                taken_back,
                "what was refused of it is not what was taken back",
            );
            let returned = (payment.refunded, payment.refunding) == (given_back, on_its_way);
            must(returned, "its refunds are not what it says");
            // INVARIANT(refund-bound)
            let bounded = payment.settled <= payment.captured
                && payment.captured <= payment.amount.minor
                && (!payment.is_overdrawn() || is_refused(payment));
            must(bounded, "more was captured or given back than can be");
        }
    }

    /// INVARIANT(one-payment): of the payments that name a link, the one that money came of or may come of is the one that it
    /// names, and a link is paid by what was captured alone.
    pub fn finish_links(&self, awaited: &Awaited, unread: &Unread, damages: &mut Damages) {
        let mut standing: HashMap<(u32, PaymentLinkId), Vec<&PaymentBody>> = HashMap::new();
        for (log, payment) in &self.payments {
            // A link stays paid by one whose capture is refused afterwards.
            let stands = payment.is_awaited()
                || payment.status == PaymentStatus::Captured
                || payment.refused.is_some();
            if let Some(link) = payment.link.filter(|_| stands) {
                standing.entry((*log, link)).or_default().push(payment);
            }
        }
        let mut known = 0;
        for (log, link) in self.links.iter().filter(|(log, _)| !unread.any(*log)) {
            let paid_by = standing
                .get(&(*log, link.id))
                .map_or(&[][..], Vec::as_slice);
            known += usize::from(!paid_by.is_empty());
            // Links of before were paid by what was approved, also where it lapsed afterwards.
            let by_approval = !awaited.counts(*log, link.wallet, link.order);
            if !is_as_told(link, paid_by, by_approval) {
                let what = "the payments that name it are not what it says";
                damages.note(format!("`{}` of log {log}: {what}", link.id));
            }
        }
        let read = standing.keys().filter(|(log, _)| !unread.any(*log)).count();
        if known != read {
            damages.note("payments name payment links that are not there".to_owned());
        }
    }

    fn moved_for(&self, log: u32, cause: AnyId) -> Moved {
        self.moved.get(&(log, cause)).copied().unwrap_or_default()
    }
}

fn is_as_told(link: &PaymentLinkBody, paid_by: &[&PaymentBody], by_approval: bool) -> bool {
    let ids: Vec<PaymentId> = paid_by.iter().map(|payment| payment.id).collect();
    let named: Vec<PaymentId> = link.payment.into_iter().collect();
    let amounts = paid_by.iter().all(|payment| payment.amount == link.amount);
    let is_paid = link.status == PaymentLinkStatus::Paid;
    let captured = paid_by
        .iter()
        .all(|payment| payment.captured.saturating_add(payment.refused()) == link.amount.minor);
    match is_paid && by_approval {
        true => amounts && link.payment.is_some() && (ids == named || ids.is_empty()),
        false => amounts && ids == named && (!is_paid || (captured && !ids.is_empty())),
    }
}

/// Whether captures were refused that refunds were to give back, which fail before they are sent.
fn is_refused(payment: &PaymentBody) -> bool {
    payment.refused.is_some() && payment.refunded <= payment.settled
}
