//! Payments and refunds: records from their first moment on.

use strongroom_domain::facts::Field;
use strongroom_domain::payments::PaymentBody;
use strongroom_domain::record::Record;
use strongroom_domain::refunds::RefundBody;
use strongroom_store::IdRange;
use strongroom_types::id::{AnyId, Kind, PaymentId, RawId, RefundId};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, PaymentFilter, ReadFault, RefundFilter, View};

impl View<'_> {
    /// One payment.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn payment(&mut self, id: PaymentId) -> Result<PaymentBody, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Payment(payment)) => Ok(payment),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// One refund.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn refund(&mut self, id: RefundId) -> Result<RefundBody, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Refund(refund)) => Ok(refund),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Payments, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn payments(
        &mut self,
        filter: &PaymentFilter,
        page: &PageQuery,
    ) -> Result<Listing<PaymentBody>, ReadFault> {
        let cursor = page.cursor(PaymentId::parse)?.map(|id| id.0);
        let looked_for = Looked {
            kind: Kind::Payment,
            reference: named(Field::PaymentReference, filter.reference_id.as_deref()),
            times: (filter.created_after, filter.created_before),
            cursor,
        };
        let wanted = |payment: &PaymentBody| {
            let created = payment.created_at;
            filter.status.is_none_or(|status| status == payment.status)
                && filter.wallet.is_none_or(|wallet| wallet == payment.wallet)
                && within(created, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Payment(payment) => Some(payment).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|payment| payment.id.to_string()))
    }

    /// Refunds, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn refunds(
        &mut self,
        filter: &RefundFilter,
        page: &PageQuery,
    ) -> Result<Listing<RefundBody>, ReadFault> {
        let cursor = page.cursor(RefundId::parse)?.map(|id| id.0);
        let looked_for = Looked {
            kind: Kind::Refund,
            reference: named(Field::RefundReference, filter.reference_id.as_deref()),
            times: (filter.created_after, filter.created_before),
            cursor,
        };
        let wanted = |refund: &RefundBody| {
            let created = refund.created_at;
            filter.status.is_none_or(|status| status == refund.status)
                && filter
                    .payment
                    .is_none_or(|payment| Some(payment) == refund.payment)
                && filter.sale.is_none_or(|sale| Some(sale) == refund.sale)
                && within(created, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Refund(refund) => Some(refund).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|refund| refund.id.to_string()))
    }

    /// A page of records of one kind, or the one that a reference id belongs to.
    pub(super) fn found<T>(
        &mut self,
        looked_for: &Looked<'_>,
        page: &PageQuery,
        wanted: impl Fn(Record) -> Option<T>,
    ) -> Result<Collector<T>, ReadFault> {
        let mut found = Collector::new(page);
        if let Some((field, text)) = looked_for.reference {
            let holder = self.holders(field, text, 1)?.first().copied();
            if let Some(id) = holder.filter(|_| looked_for.cursor.is_none()) {
                found.extend(self.record(id)?.and_then(&wanted));
            }
            return Ok(found);
        }
        let backward = page.is_backward();
        let mut range = looked_for.range(backward);
        while !found.is_full() {
            let (scope, kind, chunk) = (self.scope.number, looked_for.kind.code(), found.chunk());
            let rows = self.reader.records(scope, kind, range, !backward, chunk)?;
            let Some(last) = rows.last() else { break };
            match backward {
                true => range.after = Some(last.id),
                false => range.before = Some(last.id),
            }
            for row in &rows {
                found.looked()?;
                let (_, record): (AnyId, Record) = self.open_record(row)?;
                found.extend(wanted(record));
            }
        }
        Ok(found)
    }
}

/// What a list looks for.
pub(super) struct Looked<'a> {
    pub kind: Kind,
    pub reference: Option<(Field, &'a str)>,
    pub times: (Option<Timestamp>, Option<Timestamp>),
    pub cursor: Option<RawId>,
}

fn named(field: Field, text: Option<&str>) -> Option<(Field, &str)> {
    text.map(|text| (field, text))
}

impl Looked<'_> {
    /// The ids that the times and the cursor leave.
    fn range(&self, backward: bool) -> IdRange {
        let start = |time: Timestamp| RawId::from_parts(u64::try_from(time.0).unwrap_or(0), 0).0;
        let (after, before) = self.times;
        // An id may be a millisecond ahead of its time, so the upper bound leaves room.
        let before = before.map(|time| start(time.plus(2)));
        let after = after.map(start);
        let cursor = self.cursor.map(|id| id.0);
        match backward {
            true => IdRange {
                after: cursor.max(after),
                before,
            },
            false => IdRange {
                after,
                before: cursor.or(before),
            },
        }
    }
}
