//! Making a product.

use strongroom_auth::permission::CreateProducts;
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
use crate::products::{ProductBody, ProductView, StockChange, stock_detail, unshared};
use crate::record::Record;
use crate::rejection::Rejection;
use crate::view::json;

/// `POST /v1/products`.
pub struct CreateProduct {
    pub sku: String,
    pub name: String,
    pub barcode: Option<String>,
    pub price: Money,
    pub tax_ppm: u32,
    pub stock: Option<i64>,
    pub metadata: Metadata,
}

impl Command for CreateProduct {
    type Permission = CreateProducts;

    fn action(&self) -> Action {
        Action::ProductCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().holder(Field::ProductSku, &self.sku);
        match &self.barcode {
            Some(barcode) => keys.holder(Field::ProductBarcode, barcode),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        unshared(facts, Field::ProductSku, Some(&self.sku), None)?;
        unshared(facts, Field::ProductBarcode, self.barcode.as_deref(), None)?;

        // From here it must succeed.
        let body = ProductBody {
            id: ProductId(moment.fresh()),
            sku: self.sku.clone(),
            name: self.name.clone(),
            barcode: self.barcode.clone(),
            price: self.price,
            tax_ppm: self.tax_ppm,
            stock: self.stock,
            active: true,
            metadata: self.metadata.clone(),
            created_at: moment.now,
            former: None,
        };
        let id = body.id.any();
        let events = vec![EventFact::new(EventType::ProductCreated, id)];
        let (action, none) = (Action::ProductCreated, Movement::none());
        let decision = Decision::new(facts, action, id, none, events)
            .claim(Field::ProductSku, Some(&self.sku), id)
            .claim(Field::ProductBarcode, self.barcode.as_deref(), id)
            .reply(Reply::Stored(json(&ProductView::new(&body))));
        let counted = self.stock.map(|change| StockChange {
            product: body.id,
            change,
        });
        let decision = stock_detail(decision, counted.as_slice());
        Ok(decision.change(id, Record::Product(body)))
    }
}
