//! Reports, the newest first, and their content.

use strongroom_domain::record::Record;
use strongroom_domain::reports::{ReportBody, ReportStatus, ReportType};
use strongroom_types::id::{Kind, ReportId, StoreId};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::payments::Looked;
use crate::view::{Listing, PageQuery, ReadFault, View};

#[derive(Clone, Debug, Default)]
pub struct ReportFilter {
    pub kind: Option<ReportType>,
    /// Only those that were narrowed to it.
    pub store: Option<StoreId>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

impl View<'_> {
    /// One report, and how far it is while it is made.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn report(&mut self, id: ReportId) -> Result<(ReportBody, Option<u8>), ReadFault> {
        match self.record(id.any())? {
            Some(Record::Report(report)) => {
                let progress = self.shared.reports.progress(id);
                Ok((report, progress))
            }
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Reports that are not deleted, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn reports(
        &mut self,
        filter: &ReportFilter,
        page: &PageQuery,
    ) -> Result<Listing<(ReportBody, Option<u8>)>, ReadFault> {
        let looked_for = Looked {
            kind: Kind::Report,
            reference: None,
            times: (filter.created_after, filter.created_before),
            cursor: page.cursor(ReportId::parse)?.map(|id| id.0),
        };
        let shared = self.shared;
        let wanted = |report: &ReportBody| {
            let created = report.created_at;
            report.status != ReportStatus::Deleted
                && filter
                    .store
                    .is_none_or(|store| report.asked.store == Some(store))
                && filter.kind.is_none_or(|kind| kind == report.asked.kind)
                && within(created, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Report(report) if wanted(&report) => {
                let progress = shared.reports.progress(report.id);
                Some((report, progress))
            }
            _ => None,
        })?;
        Ok(found.finish(|(report, _)| report.id.to_string()))
    }

    /// The content of a completed report.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`] when a part of it is not there.
    pub fn report_content(&mut self, report: &ReportBody) -> Result<Vec<u8>, ReadFault> {
        let mut bytes = Vec::with_capacity(usize::try_from(report.size).unwrap_or(0));
        for key in report.part_keys() {
            match self.record(key)? {
                Some(Record::ReportPart(part)) => bytes.extend_from_slice(&part.bytes),
                _ => return Err(ReadFault::NotFound),
            }
        }
        // Taken away while it was read.
        match u64::try_from(bytes.len()) == Ok(report.size) {
            true => Ok(bytes),
            false => Err(ReadFault::NotFound),
        }
    }
}
