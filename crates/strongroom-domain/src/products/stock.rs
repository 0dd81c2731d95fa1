//! How many of a product are left: counted again, or changed by so many.

use strongroom_auth::permission::ManageProducts;
use strongroom_types::id::ProductId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::products::{MOST_STOCK, ProductBody, ProductView, existing};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// What a stock count is to become.
#[derive(Clone, Copy, Debug)]
pub enum StockWish {
    /// So many more, or fewer.
    By(i64),
    /// So many were counted.
    Counted(i64),
}

/// `POST /v1/products/{id}/stock`.
pub struct AdjustStock {
    pub id: ProductId,
    pub wish: StockWish,
    pub reason: String,
}

/// By how much an entry changed the count of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockChange {
    pub product: ProductId,
    pub change: i64,
}

impl Command for AdjustStock {
    type Permission = ManageProducts;

    fn action(&self) -> Action {
        Action::ProductStockAdjusted
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        let before = old.stock.unwrap_or(0);
        let after = match self.wish {
            StockWish::By(change) => before.saturating_add(change),
            StockWish::Counted(count) => count,
        };
        if !(0..=MOST_STOCK).contains(&after) {
            let text = format!("{before} of `{}` are left", self.id);
            return Err(Rejection::at(Code::OutOfStock, "/change", text));
        }

        // From here it must succeed.
        let next = ProductBody {
            stock: Some(after),
            ..old.clone()
        };
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::ProductStockAdjusted, id)];
        let (action, none) = (Action::ProductStockAdjusted, Movement::none());
        let decision = Decision::new(facts, action, id, none, events)
            .detail("reason", self.reason.clone())
            .reply(Reply::Stored(json(&ProductView::new(&next))));
        let change = StockChange {
            product: self.id,
            change: after.saturating_sub(before),
        };
        Ok(stock_detail(decision, &[change]).change(id, Record::Product(next)))
    }
}

/// Writes down by how much counts change.
pub(crate) fn stock_detail(decision: Decision, changes: &[StockChange]) -> Decision {
    if changes.is_empty() {
        return decision;
    }
    let one = |c: &StockChange| format!("{}:{:+}", c.product, c.change);
    let text: Vec<String> = changes.iter().map(one).collect();
    decision.detail("stock", text.join(" "))
}

/// Reads back what an entry's detail `stock` says; nothing where it says something else.
pub fn read_stock(text: &str) -> Option<Vec<StockChange>> {
    let one = |word: &str| {
        let (product, change) = word.split_once(':')?;
        Some(StockChange {
            product: ProductId::parse(product)?,
            change: change.parse().ok()?,
        })
    };
    text.split(' ').filter(|w| !w.is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let id = |n| ProductId(RawId([n; 12]));
        let changes = [(1, -3), (2, 0), (3, 1_000_000_000)].map(|(n, change)| StockChange {
            product: id(n),
            change,
        });
        let one = |c: &StockChange| format!("{}:{:+}", c.product, c.change);
        let text: Vec<String> = changes.iter().map(one).collect();
        assert_eq!(read_stock(&text.join(" ")).as_deref(), Some(&changes[..]));
        assert_eq!(read_stock(""), Some(Vec::new()));
        assert_eq!(read_stock("prod_x:+1"), None);
    }
}
