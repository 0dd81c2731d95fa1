//! Changing a product. A price that changes changes nothing that was sold before.

use strongroom_auth::permission::ManageProducts;
use strongroom_types::id::ProductId;
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::products::{ProductBody, ProductView, existing, unshared};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// `PATCH /v1/products/{id}`: what is `None` stays as it is.
pub struct UpdateProduct {
    pub id: ProductId,
    pub name: Option<String>,
    /// `Some(None)` removes it.
    pub barcode: Option<Option<String>>,
    /// In the currency that it has.
    pub price: Option<Money>,
    pub tax_ppm: Option<u32>,
    pub active: Option<bool>,
    pub metadata: Option<Metadata>,
}

impl Command for UpdateProduct {
    type Permission = ManageProducts;

    fn action(&self) -> Action {
        Action::ProductUpdated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.id.any());
        match &self.barcode {
            Some(Some(barcode)) => keys.holder(Field::ProductBarcode, barcode),
            _ => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let barcode = self.barcode.as_ref().and_then(Option::as_deref);
        unshared(facts, Field::ProductBarcode, barcode, Some(self.id))?;
        let currency = old.price.currency;
        if self.price.is_some_and(|price| price.currency != currency) {
            let text = format!("`{}` is priced in {currency}", self.id);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }

        // From here it must succeed.
        let (mut next, changed) = self.applied(old);
        next.former = old.followed_by(&next, moment.now);
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::ProductUpdated, id)];
        let (action, none) = (Action::ProductUpdated, Movement::none());
        let decision = Decision::new(facts, action, id, none, events)
            .release(Field::ProductBarcode, old.barcode.as_deref(), id)
            .claim(Field::ProductBarcode, next.barcode.as_deref(), id)
            .detail("changed", changed.join(","))
            .reply(Reply::Stored(json(&ProductView::new(&next))));
        Ok(decision.change(id, Record::Product(next)))
    }
}

impl UpdateProduct {
    fn applied(&self, old: &ProductBody) -> (ProductBody, Vec<&'static str>) {
        let next = ProductBody {
            name: self.name.clone().unwrap_or_else(|| old.name.clone()),
            barcode: self.barcode.clone().unwrap_or_else(|| old.barcode.clone()),
            price: self.price.unwrap_or(old.price),
            tax_ppm: self.tax_ppm.unwrap_or(old.tax_ppm),
            active: self.active.unwrap_or(old.active),
            metadata: self
                .metadata
                .clone()
                .unwrap_or_else(|| old.metadata.clone()),
            ..old.clone()
        };
        let wishes = [
            ("name", self.name.is_some()),
            ("barcode", self.barcode.is_some()),
            ("price", self.price.is_some()),
            ("tax_rate_ppm", self.tax_ppm.is_some()),
            ("active", self.active.is_some()),
            ("metadata", self.metadata.is_some()),
        ];
        let changed = wishes.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
        (next, changed.collect())
    }
}
