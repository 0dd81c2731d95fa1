//! Shifts and the transactions of tills.

use strongroom_domain::facts::Field;
use strongroom_domain::record::Record;
use strongroom_domain::sales::{SaleBody, SaleStatus};
use strongroom_domain::shifts::{ShiftBody, ShiftStatus, cash_key};
use strongroom_types::id::{CustomerId, Kind, SaleId, ShiftId, StoreId, TillId};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::payments::Looked;
use crate::view::{Listing, PageQuery, ReadFault, View};

#[derive(Clone, Debug, Default)]
pub struct ShiftFilter {
    pub status: Option<ShiftStatus>,
    pub till: Option<TillId>,
    pub store: Option<StoreId>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct SaleFilter {
    pub status: Option<SaleStatus>,
    pub till: Option<TillId>,
    pub store: Option<StoreId>,
    pub shift: Option<ShiftId>,
    pub customer: Option<CustomerId>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

impl View<'_> {
    /// One shift, and what its drawer holds.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn shift(&mut self, id: ShiftId) -> Result<(ShiftBody, i64), ReadFault> {
        // One set, and so one moment: else it could be closed between the two, and seem open and empty.
        let (mut found, mut held) = (None, 0);
        for (_, record) in self.records(&[id.any(), cash_key(id)])? {
            match record {
                Record::Shift(shift) => found = Some(shift),
                Record::Cash(account) => held = account.balances.available,
                _ => {}
            }
        }
        found.map(|shift| (shift, held)).ok_or(ReadFault::NotFound)
    }

    /// One transaction of a till.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn sale(&mut self, id: SaleId) -> Result<SaleBody, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Sale(sale)) => Ok(sale),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Shifts, newest first, each with what its drawer holds.
    ///
    /// # Errors
    /// As every list.
    pub fn shifts(
        &mut self,
        filter: &ShiftFilter,
        page: &PageQuery,
    ) -> Result<Listing<(ShiftBody, i64)>, ReadFault> {
        let looked_for = Looked {
            kind: Kind::Shift,
            reference: None,
            times: (filter.created_after, filter.created_before),
            cursor: page.cursor(ShiftId::parse)?.map(|id| id.0),
        };
        let wanted = |shift: &ShiftBody| {
            let created = shift.created_at;
            filter.status.is_none_or(|status| status == shift.status)
                && filter.till.is_none_or(|till| till == shift.till)
                && filter.store.is_none_or(|store| store == shift.store)
                && within(created, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Shift(shift) => Some(shift).filter(&wanted),
            _ => None,
        })?;
        let found = found.finish(|shift| shift.id.to_string());
        let mut items = Vec::with_capacity(found.items.len());
        for shift in found.items {
            items.push(self.shift(shift.id)?);
        }
        Ok(Listing {
            items,
            has_more: found.has_more,
            next_cursor: found.next_cursor,
        })
    }

    /// Transactions of tills, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn sales(
        &mut self,
        filter: &SaleFilter,
        page: &PageQuery,
    ) -> Result<Listing<SaleBody>, ReadFault> {
        let reference = filter.reference_id.as_deref();
        let looked_for = Looked {
            kind: Kind::Sale,
            reference: reference.map(|text| (Field::SaleReference, text)),
            times: (filter.created_after, filter.created_before),
            cursor: page.cursor(SaleId::parse)?.map(|id| id.0),
        };
        let wanted = |sale: &SaleBody| {
            let created = sale.created_at;
            filter.status.is_none_or(|status| status == sale.status)
                && filter.till.is_none_or(|till| Some(till) == sale.till)
                && filter.store.is_none_or(|store| Some(store) == sale.store)
                && filter.shift.is_none_or(|shift| Some(shift) == sale.shift)
                && filter.customer.is_none_or(|who| Some(who) == sale.customer)
                && within(created, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Sale(sale) => Some(sale).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|sale| sale.id.to_string()))
    }
}
