//! Products: what is sold, at which price, with which tax, and how many are left.
//!
//! A stock count is optional. Every entry that changes one says by how much in its detail `stock`, so the count can be
//! derived again from the log.

mod change;
mod create;
mod stock;
mod terms;
mod view;

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::id::ProductId;
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::facts::{Facts, Field};
use crate::rejection::{Code, Rejection};

pub use change::UpdateProduct;
pub use create::CreateProduct;
pub(crate) use stock::stock_detail;
pub use stock::{AdjustStock, StockChange, StockWish, read_stock};
pub use terms::Terms;
pub use view::ProductView;

/// The most of one product that a count says, and that is sold on one line.
pub const MOST_STOCK: i64 = 1_000_000_000;

/// Parts per million that are all of it.
pub const WHOLE: u32 = 1_000_000;

/// A product.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct ProductBody {
    #[n(0)]
    #[class(operational)]
    pub id: ProductId,
    #[n(1)]
    #[class(sensitive)]
    pub sku: String,
    #[n(2)]
    #[class(sensitive)]
    pub name: String,
    #[n(3)]
    #[class(sensitive)]
    pub barcode: Option<String>,
    #[n(4)]
    #[class(sensitive)]
    pub price: Money,
    /// Parts per million: 120000 is 12 %.
    #[n(5)]
    #[class(sensitive)]
    pub tax_ppm: u32,
    /// How many are left; nothing where nobody counts.
    #[n(6)]
    #[class(sensitive)]
    pub stock: Option<i64>,
    #[n(7)]
    #[class(operational)]
    pub active: bool,
    #[n(8)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(9)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// What it cost before, the newest last: what was sold without a connection may be of then.
    #[n(10)]
    #[class(sensitive)]
    pub former: Option<Vec<Terms>>,
}

fn existing(facts: &Facts, id: ProductId) -> Result<&ProductBody, Rejection> {
    facts
        .product(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such product"))
}

/// Refuses a SKU or a barcode that another product has.
fn unshared(
    facts: &Facts,
    field: Field,
    text: Option<&str>,
    own: Option<ProductId>,
) -> Result<(), Rejection> {
    let holder = text.and_then(|text| facts.holder(field, text));
    let pointer = match field {
        Field::ProductBarcode => "/barcode",
        _ => "/sku",
    };
    match holder.filter(|holder| Some(*holder) != own.map(ProductId::any)) {
        Some(holder) => {
            let text = format!("`{holder}` has it");
            Err(Rejection::at(Code::AlreadyExists, pointer, text))
        }
        None => Ok(()),
    }
}
