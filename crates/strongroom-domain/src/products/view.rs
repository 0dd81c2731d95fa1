//! How products look on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::ProductId;
use strongroom_types::metadata::Metadata;
use strongroom_types::time::Timestamp;

use crate::products::ProductBody;

/// A product.
#[derive(Serialize)]
pub struct ProductView<'a> {
    pub id: ProductId,
    pub object: &'static str,
    pub sku: &'a str,
    pub name: &'a str,
    pub barcode: Option<&'a str>,
    pub price: i64,
    pub price_decimal: String,
    pub currency: Currency,
    pub tax_rate_ppm: u32,
    pub stock: Option<i64>,
    pub active: bool,
    pub metadata: &'a Metadata,
    pub created_at: Timestamp,
}

impl<'a> ProductView<'a> {
    pub fn new(body: &'a ProductBody) -> ProductView<'a> {
        ProductView {
            id: body.id,
            object: "product",
            sku: &body.sku,
            name: &body.name,
            barcode: body.barcode.as_deref(),
            price: body.price.minor,
            price_decimal: body.price.decimal(),
            currency: body.price.currency,
            tax_rate_ppm: body.tax_ppm,
            stock: body.stock,
            active: body.active,
            metadata: &body.metadata,
            created_at: body.created_at,
        }
    }
}
