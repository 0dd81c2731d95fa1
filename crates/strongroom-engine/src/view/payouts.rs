//! Payouts: from their record once they changed, before that from the entry that made them.

use std::collections::HashMap;

use strongroom_domain::facts::Field;
use strongroom_domain::payouts::{Payout, Recipient};
use strongroom_domain::record::Record;
use strongroom_store::{IdRange, LocatorRow, Wanted};
use strongroom_types::id::{Kind, PayoutId, RawId};

use crate::view::filters::within;
use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, PayoutFilter, ReadFault, View};

impl View<'_> {
    /// One payout.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn payout(&mut self, id: PayoutId) -> Result<Payout, ReadFault> {
        if let Some(Record::Payout(payout)) = self.record(id.any())? {
            return Ok(payout);
        }
        let wanted = Wanted {
            locators: vec![(self.scope.number, id.0.0)],
            ..Wanted::default()
        };
        let rows = self.reader.load(&wanted)?.locators;
        self.payouts_at(&rows)?
            .into_iter()
            .find(|payout| payout.body.id == id)
            .ok_or(ReadFault::NotFound)
    }

    /// Payouts, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn payouts(
        &mut self,
        filter: &PayoutFilter,
        page: &PageQuery,
    ) -> Result<Listing<Payout>, ReadFault> {
        let cursor = page.cursor(PayoutId::parse)?.map(|id| id.0.0);
        let backward = page.is_backward();
        let mut found = Collector::new(page);
        if let Some(text) = &filter.reference_id {
            let holder = self
                .holders(Field::PayoutReference, text, 1)?
                .first()
                .copied();
            if let Some(id) = holder.filter(|id| id.kind == Kind::Payout && cursor.is_none()) {
                let payout = self.payout(PayoutId(id.raw))?;
                if matches_payout(filter, &payout) {
                    found.push(payout);
                }
            }
            return Ok(found.finish(|payout| payout.body.id.to_string()));
        }
        let mut range = bounds(filter, cursor, backward);
        loop {
            let rows = self.reader.locators(
                self.scope.number,
                &[Kind::Payout.code()],
                range,
                !backward,
                found.chunk(),
            )?;
            let Some(last) = rows.last() else { break };
            let at = Some(last.id);
            if backward {
                range.after = at;
            } else {
                range.before = at;
            }
            for payout in self.payouts_at(&rows)? {
                found.looked()?;
                if matches_payout(filter, &payout) {
                    found.push(payout);
                }
            }
            if found.is_full() {
                break;
            }
        }
        Ok(found.finish(|payout| payout.body.id.to_string()))
    }

    /// The payouts that locators lead to, in their order.
    fn payouts_at(&mut self, rows: &[LocatorRow]) -> Result<Vec<Payout>, ReadFault> {
        let scope = self.scope.number;
        let payouts = rows.iter().filter(|row| row.kind == Kind::Payout.code());
        let wanted = Wanted {
            records: payouts
                .clone()
                .map(|row| (scope, row.kind, row.id))
                .collect(),
            entries: payouts.map(|row| (scope, row.seq)).collect(),
            ..Wanted::default()
        };
        let loaded = self.reader.load(&wanted)?;
        let mut found: HashMap<RawId, Payout> = HashMap::new();
        for row in &loaded.entries {
            if let Some(body) = self.open_entry(row)?.facts.and_then(|facts| facts.payout) {
                found.insert(body.id.0, Payout { body, bank: None });
            }
        }
        for row in &loaded.records {
            if let (id, Record::Payout(payout)) = self.open_record(row)? {
                found.insert(id.raw, payout);
            }
        }
        Ok(rows
            .iter()
            .filter_map(|row| found.remove(&RawId(row.id)))
            .collect())
    }
}

/// The id range of a filter's times and the cursor.
fn bounds(filter: &PayoutFilter, cursor: Option<[u8; 12]>, backward: bool) -> IdRange {
    let start = |time: strongroom_types::time::Timestamp| {
        RawId::from_parts(u64::try_from(time.0).unwrap_or(0), 0).0
    };
    // An id may be a millisecond ahead of its time, so the upper bound leaves room.
    let before = filter.created_before.map(|time| start(time.plus(2)));
    let after = filter.created_after.map(start);
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

fn matches_payout(filter: &PayoutFilter, payout: &Payout) -> bool {
    let body = &payout.body;
    let names = |wallet| body.source == wallet || body.recipient == Recipient::Wallet(wallet);
    filter.status.is_none_or(|status| status == body.status)
        && filter.wallet.is_none_or(names)
        && filter
            .beneficiary
            .is_none_or(|wanted| body.payee.is_some_and(|payee| payee.id == wanted))
        && filter
            .schedule
            .is_none_or(|wanted| body.occurrence.is_some_and(|of| of.schedule == wanted))
        && within(body.created_at, filter.created_after, filter.created_before)
}
