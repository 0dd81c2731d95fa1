//! Beneficiaries, newest first, and the settings that bound payouts.

use strongroom_domain::beneficiaries::{
    Beneficiary, BeneficiaryStatus, PayoutSettings, payout_settings_key,
};
use strongroom_domain::facts::Field;
use strongroom_domain::record::Record;
use strongroom_types::id::{BeneficiaryId, Kind};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::payments::Looked;
use crate::view::{Listing, PageQuery, ReadFault, View};

#[derive(Clone, Debug, Default)]
pub struct BeneficiaryFilter {
    /// Those that are active, unless it says otherwise.
    pub status: Option<BeneficiaryStatus>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

impl View<'_> {
    /// One beneficiary, deleted or not.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn beneficiary(&mut self, id: BeneficiaryId) -> Result<Beneficiary, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Beneficiary(beneficiary)) => Ok(beneficiary),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Beneficiaries, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn beneficiaries(
        &mut self,
        filter: &BeneficiaryFilter,
        page: &PageQuery,
    ) -> Result<Listing<Beneficiary>, ReadFault> {
        let reference = filter.reference_id.as_deref();
        let looked_for = Looked {
            kind: Kind::Beneficiary,
            reference: reference.map(|text| (Field::BeneficiaryReference, text)),
            times: (filter.created_after, filter.created_before),
            cursor: page.cursor(BeneficiaryId::parse)?.map(|id| id.0),
        };
        let wanted = |found: &Beneficiary| {
            let body = &found.body;
            body.status == filter.status.unwrap_or(BeneficiaryStatus::Active)
                && within(body.created_at, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Beneficiary(beneficiary) => Some(beneficiary).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|beneficiary| beneficiary.body.id.to_string()))
    }

    /// What bounds payouts.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn payout_settings(&mut self) -> Result<PayoutSettings, ReadFault> {
        match self.record(payout_settings_key())? {
            Some(Record::PayoutSettings(settings)) => Ok(settings),
            _ => Ok(PayoutSettings::default()),
        }
    }
}
