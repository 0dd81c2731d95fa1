//! Alerts, the newest first.

use strongroom_domain::alerts::Alert;
use strongroom_domain::record::Record;
use strongroom_types::id::{AlertId, Kind};

use crate::view::filters::within;
use crate::view::payments::Looked;
use crate::view::{AlertFilter, Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One alert.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn alert(&mut self, id: AlertId) -> Result<Alert, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Alert(alert)) => Ok(alert),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn alerts(
        &mut self,
        filter: &AlertFilter,
        page: &PageQuery,
    ) -> Result<Listing<Alert>, ReadFault> {
        let looked_for = Looked {
            kind: Kind::Alert,
            reference: None,
            times: (filter.created_after, filter.created_before),
            cursor: page.cursor(AlertId::parse)?.map(|id| id.0),
        };
        let wanted = |alert: &Alert| {
            filter.status.is_none_or(|status| status == alert.status)
                && filter
                    .severity
                    .is_none_or(|severity| severity == alert.severity)
                && filter.rule.is_none_or(|rule| rule == alert.rule)
                && within(
                    alert.created_at,
                    filter.created_after,
                    filter.created_before,
                )
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Alert(alert) => Some(alert).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|alert| alert.id.to_string()))
    }
}
