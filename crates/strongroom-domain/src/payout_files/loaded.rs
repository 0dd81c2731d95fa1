//! Rails and files among the facts of a decision.

use std::sync::Arc;

use strongroom_types::id::{BankFileId, FilePageId, PayoutFileId, PayoutRailId};

use crate::bank_files::BankFile;
use crate::facts::Facts;
use crate::payout_files::{FilePage, PayoutFile};
use crate::payout_rails::PayoutRail;
use crate::record::Record;

impl Facts {
    pub fn payout_rail(&self, id: PayoutRailId) -> Option<&PayoutRail> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::PayoutRail(rail)) => Some(rail),
            _ => None,
        }
    }

    pub fn payout_file(&self, id: PayoutFileId) -> Option<&PayoutFile> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::PayoutFile(file)) => Some(file),
            _ => None,
        }
    }

    pub fn bank_file(&self, id: BankFileId) -> Option<&BankFile> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::BankFile(file)) => Some(file),
            _ => None,
        }
    }

    pub fn file_page(&self, id: FilePageId) -> Option<&FilePage> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::FilePage(page)) => Some(page),
            _ => None,
        }
    }
}
