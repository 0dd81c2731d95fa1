//! What cards' acquirers have told, from what moved: captured, taken back, settled, given back, and what they have yet to say.

use std::collections::BTreeMap;

use strongroom_types::currency::Currency;
use strongroom_types::time::Timestamp;

use crate::entry::{Transaction, TransactionKind};
use crate::reports::ReportFailure;
use crate::reports::reconciliation::figure;
use crate::reports::table::{Cell, Line};

/// How often, and minor units.
#[derive(Clone, Copy, Default)]
struct Figure {
    count: i128,
    amount: i128,
}

impl Figure {
    fn add(&mut self, minor: i64) {
        self.count += 1;
        self.amount += i128::from(minor);
    }
}

/// What moved in one currency.
#[derive(Default)]
struct Told {
    captured: Figure,
    reversed: Figure,
    settled: Figure,
    refunded: Figure,
    /// Captured, and neither settled nor taken back by the end of the period.
    unsettled: i128,
    /// Held for refunds that were not answered by then.
    refunding: i128,
}

pub struct Acquirers {
    period: (Timestamp, Timestamp),
    currencies: BTreeMap<&'static str, (Currency, Told)>,
}

impl Acquirers {
    pub fn new(period: (Timestamp, Timestamp)) -> Acquirers {
        Acquirers {
            period,
            currencies: BTreeMap::new(),
        }
    }

    pub fn take(&mut self, time: Timestamp, transaction: &Transaction) {
        let (from, to) = self.period;
        let minor = transaction.amount.minor;
        let (unsettled, refunding) = match transaction.kind {
            TransactionKind::PaymentCapture => (minor, 0),
            TransactionKind::PaymentReversal | TransactionKind::PaymentSettlement => (-minor, 0),
            TransactionKind::RefundHold => (0, minor),
            TransactionKind::RefundSettlement | TransactionKind::RefundRelease => (0, -minor),
            _ => return,
        };
        if time >= to {
            return;
        }
        let currency = transaction.amount.currency;
        let known = self.currencies.entry(currency.code());
        let told = &mut known.or_insert((currency, Told::default())).1;
        told.unsettled += i128::from(unsettled);
        told.refunding += i128::from(refunding);
        let figure = match transaction.kind {
            _ if time < from => return,
            TransactionKind::PaymentCapture => &mut told.captured,
            TransactionKind::PaymentReversal => &mut told.reversed,
            TransactionKind::PaymentSettlement => &mut told.settled,
            TransactionKind::RefundSettlement => &mut told.refunded,
            _ => return,
        };
        figure.add(minor);
    }

    /// The lines of a reconciliation.
    ///
    /// # Errors
    /// [`ReportFailure`].
    pub fn lines(&self) -> Result<Vec<Line>, ReportFailure> {
        let mut lines = Vec::with_capacity(self.currencies.len().saturating_mul(6));
        for (currency, told) in self.currencies.values() {
            for (item, figure) in [
                ("captured", told.captured),
                ("reversed", told.reversed),
                ("settled", told.settled),
                ("refunded", told.refunded),
            ] {
                let count = Cell::sum(figure.count)?;
                lines.push(line(*currency, item, None, count, figure.amount)?);
            }
            for (item, amount) in [("unsettled", told.unsettled), ("refunding", told.refunding)] {
                let status = (amount != 0).then_some("waits");
                lines.push(line(*currency, item, status, Cell::Nothing, amount)?);
            }
        }
        Ok(lines)
    }
}

fn line(
    currency: Currency,
    item: &str,
    status: Option<&str>,
    count: Cell,
    amount: i128,
) -> Result<Line, ReportFailure> {
    let place = [Cell::text("acquirer"), Cell::Nothing];
    let told = [Cell::text(item), count, Cell::sum(amount)?];
    Ok(figure((place, Cell::Nothing), currency, status, told))
}
