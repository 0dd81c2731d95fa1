//! Payment links. Their ids are random as those of tokens are, and their list goes the same way.

use strongroom_domain::facts::Field;
use strongroom_domain::payment_links::PaymentLink;
use strongroom_domain::record::Record;
use strongroom_types::id::{Kind, PaymentLinkId};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::tokens::ByOrder;
use crate::view::{Collector, Listing, PageQuery, PaymentLinkFilter, ReadFault, View};

impl View<'_> {
    /// One link.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn payment_link(&mut self, id: PaymentLinkId) -> Result<PaymentLink, ReadFault> {
        match self.record(id.any())? {
            Some(Record::PaymentLink(link)) => Ok(link),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Links, newest first, as they stand at `now`.
    ///
    /// # Errors
    /// As every list.
    pub fn payment_links(
        &mut self,
        filter: &PaymentLinkFilter,
        page: &PageQuery,
        now: Timestamp,
    ) -> Result<Listing<PaymentLink>, ReadFault> {
        let cursor = match page.cursor(PaymentLinkId::parse)? {
            None => None,
            Some(id) => match self.record(id.any())? {
                Some(Record::PaymentLink(link)) => Some(link.body.order.0),
                _ => return Err(ReadFault::BadCursor),
            },
        };
        let wanted = |link: &PaymentLink| {
            let status = link.body.status_at(now);
            filter.status.is_none_or(|wanted| wanted == status)
                && within(
                    link.body.created_at,
                    filter.created_after,
                    filter.created_before,
                )
        };
        let found = match &filter.reference_id {
            Some(reference) => {
                let mut found = Collector::new(page);
                let field = Field::PaymentLinkReference;
                let holder = self.holders(field, reference, 1)?.first().copied();
                if let Some(id) = holder.filter(|_| cursor.is_none())
                    && let Some(Record::PaymentLink(link)) = self.record(id)?
                {
                    found.extend(Some(link).filter(wanted));
                }
                found
            }
            None => {
                let pick = |record| match record {
                    Record::PaymentLink(link) => Some((link.body.order, link)),
                    _ => None,
                };
                let looked_for = ByOrder {
                    kind: Kind::PaymentLink,
                    cursor,
                };
                self.by_order(&looked_for, page, pick, wanted)?
            }
        };
        Ok(found.finish(|link| link.body.id.to_string()))
    }
}
