//! Payout schedules, newest first.

use strongroom_domain::facts::Field;
use strongroom_domain::payout_schedules::{PayoutSchedule, PayoutScheduleStatus};
use strongroom_domain::record::Record;
use strongroom_types::id::{BeneficiaryId, Kind, PayoutScheduleId};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::payments::Looked;
use crate::view::{Listing, PageQuery, ReadFault, View};

#[derive(Clone, Debug, Default)]
pub struct PayoutScheduleFilter {
    pub status: Option<PayoutScheduleStatus>,
    pub beneficiary: Option<BeneficiaryId>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

impl View<'_> {
    /// One schedule, ended or not.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn payout_schedule(&mut self, id: PayoutScheduleId) -> Result<PayoutSchedule, ReadFault> {
        match self.record(id.any())? {
            Some(Record::PayoutSchedule(schedule)) => Ok(schedule),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Schedules, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn payout_schedules(
        &mut self,
        filter: &PayoutScheduleFilter,
        page: &PageQuery,
    ) -> Result<Listing<PayoutSchedule>, ReadFault> {
        let reference = filter.reference_id.as_deref();
        let looked_for = Looked {
            kind: Kind::PayoutSchedule,
            reference: reference.map(|text| (Field::PayoutScheduleReference, text)),
            times: (filter.created_after, filter.created_before),
            cursor: page.cursor(PayoutScheduleId::parse)?.map(|id| id.0),
        };
        let wanted = |schedule: &PayoutSchedule| {
            let body = &schedule.body;
            filter.status.is_none_or(|status| status == body.status)
                && filter
                    .beneficiary
                    .is_none_or(|id| body.payee.is_some_and(|payee| payee.id == id))
                && within(body.created_at, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::PayoutSchedule(schedule) => Some(schedule).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|schedule| schedule.body.id.to_string()))
    }
}
