//! Fee schedules, the newest first: they stand in one record.

use strongroom_domain::fees::{FeeOn, FeeSchedule, FeeSchedules, fee_schedules_key};
use strongroom_domain::record::Record;
use strongroom_types::id::FeeScheduleId;

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One schedule, and all beside it.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn fee_schedule(
        &mut self,
        id: FeeScheduleId,
    ) -> Result<(FeeSchedule, FeeSchedules), ReadFault> {
        let all = self.all_fee_schedules()?;
        let found = all.find(id).cloned().ok_or(ReadFault::NotFound)?;
        Ok((found, all))
    }

    /// Schedules, newest first, and all there are.
    ///
    /// # Errors
    /// As every list.
    pub fn fee_schedules(
        &mut self,
        on: Option<FeeOn>,
        page: &PageQuery,
    ) -> Result<(Listing<FeeSchedule>, FeeSchedules), ReadFault> {
        let cursor = page.cursor(FeeScheduleId::parse)?;
        let all = self.all_fee_schedules()?;
        let mut wanted: Vec<FeeSchedule> = all.all.clone();
        wanted.retain(|known| on.is_none_or(|on| on == known.on));
        wanted.sort_by_key(|known| known.id);
        let mut found = Collector::new(page);
        if page.is_backward() {
            let newer = |known: &FeeSchedule| cursor.is_none_or(|id| known.id > id);
            wanted.into_iter().filter(newer).for_each(|s| found.push(s));
        } else {
            let older = |known: &FeeSchedule| cursor.is_none_or(|id| known.id < id);
            let newest = wanted.into_iter().rev().filter(older);
            newest.for_each(|s| found.push(s));
        }
        Ok((found.finish(|known| known.id.to_string()), all))
    }

    fn all_fee_schedules(&mut self) -> Result<FeeSchedules, ReadFault> {
        match self.record(fee_schedules_key())? {
            Some(Record::FeeSchedules(schedules)) => Ok(schedules),
            _ => Ok(FeeSchedules::default()),
        }
    }
}
