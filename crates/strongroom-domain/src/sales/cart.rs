//! What is sold: each item found, priced, and taken from stock.

use strongroom_types::currency::Currency;
use strongroom_types::id::{Kind, ProductId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::decision::Decision;
use crate::facts::{Facts, Field, Keys};
use crate::products::{ProductBody, StockChange, Terms, stock_detail};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sales::SaleLine;
use crate::sales::sums::{SumFault, Sums, Wish, sums};

/// How an item names a product.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemProduct {
    Id(ProductId),
    Sku(String),
}

/// An item as it is asked for: a product, or something with a name and a price of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct NewItem {
    pub product: Option<ItemProduct>,
    pub name: Option<String>,
    pub quantity: i64,
    /// For one; a product's own price when absent.
    pub unit: Option<Money>,
    /// Off this line.
    pub discount: Option<Money>,
    /// Of what is no product, or was charged for one.
    pub ppm: Option<u32>,
}

/// How a cart is to be filled.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub currency: Currency,
    /// Off everything, in minor units.
    pub discount: i64,
    pub taxes_added: bool,
    /// The sale has happened: its prices stand, and what is not in stock is sold all the same. What it does not say is as
    /// it was at this time.
    pub past: Option<Timestamp>,
}

impl Rules {
    fn is_past(&self) -> bool {
        self.past.is_some()
    }
}

/// A full cart.
pub(super) struct Cart {
    pub lines: Vec<SaleLine>,
    pub sums: Sums,
    products: Vec<ProductBody>,
    changes: Vec<StockChange>,
}

/// The products that items name, as far as they are known by now.
pub(super) fn item_keys(facts: &Facts, mut keys: Keys, items: &[NewItem]) -> Keys {
    for item in items {
        if let Some(ItemProduct::Sku(sku)) = &item.product {
            keys = keys.holder(Field::ProductSku, sku);
        }
        if let Some(id) = item.product.as_ref().and_then(|named| id_of(facts, named)) {
            keys = keys.record(id.any());
        }
    }
    keys
}

fn id_of(facts: &Facts, named: &ItemProduct) -> Option<ProductId> {
    match named {
        ItemProduct::Id(id) => Some(*id),
        ItemProduct::Sku(sku) => {
            let holder = facts.holder(Field::ProductSku, sku)?;
            (holder.kind == Kind::Product).then_some(ProductId(holder.raw))
        }
    }
}

impl Cart {
    /// Fills a cart.
    ///
    /// # Errors
    /// The first item that is not there, is priced otherwise, or is not left; or sums that are none.
    pub fn fill(facts: &Facts, items: &[NewItem], rules: Rules) -> Result<Cart, Rejection> {
        let mut cart = Cart {
            lines: Vec::with_capacity(items.len()),
            sums: Sums {
                lines: Vec::new(),
                subtotal: 0,
                taxes: Vec::new(),
                total: 0,
            },
            products: Vec::new(),
            changes: Vec::new(),
        };
        for (n, item) in items.iter().enumerate() {
            let line = cart.line(facts, (n, item), rules)?;
            cart.lines.push(line);
        }
        let wishes = cart.wishes();
        cart.charge(&wishes, rules).map_err(explain)?;
        Ok(cart)
    }

    /// Its lines, as they are asked for.
    pub fn wishes(&self) -> Vec<Wish> {
        self.lines.iter().map(wish).collect()
    }

    /// Charges its lines by `wishes`, one for each.
    ///
    /// # Errors
    /// A [`SumFault`]; then nothing of it has changed.
    pub fn charge(&mut self, wishes: &[Wish], rules: Rules) -> Result<(), SumFault> {
        self.sums = sums(wishes, rules.discount, rules.taxes_added)?;
        let charged = wishes.iter().zip(&self.sums.lines);
        for (line, (wish, charged)) in self.lines.iter_mut().zip(charged) {
            line.unit = wish.unit;
            line.discount = wish.discount;
            line.ppm = wish.ppm;
            line.share = charged.share;
            line.tax = charged.tax;
            line.total = charged.total;
        }
        Ok(())
    }

    fn line(
        &mut self,
        facts: &Facts,
        (n, item): (usize, &NewItem),
        rules: Rules,
    ) -> Result<SaleLine, Rejection> {
        let own = [item.unit, item.discount];
        let foreign = |money: &Option<Money>| money.is_some_and(|m| m.currency != rules.currency);
        if own.iter().any(foreign) {
            let text = format!("the transaction is in {}", rules.currency);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        let mut line = SaleLine {
            product: None,
            name: item.name.clone().unwrap_or_default(),
            quantity: item.quantity,
            unit: item.unit.map_or(0, |unit| unit.minor),
            discount: item.discount.map_or(0, |discount| discount.minor),
            share: 0,
            ppm: item.ppm.unwrap_or(0),
            tax: 0,
            total: 0,
            counted: false,
        };
        let Some(named) = &item.product else {
            return Ok(line);
        };
        let product = found(facts, n, named)?;
        fits(product, (n, item), rules)?;
        line.product = Some(product.id);
        line.name.clone_from(&product.name);
        let (price, rate) = match rules.past {
            Some(time) => product.terms_at(time),
            None => (product.price, product.tax_ppm),
        };
        line.unit = item.unit.unwrap_or(price).minor;
        let charged = item.ppm.filter(|_| rules.is_past());
        line.ppm = charged.unwrap_or(rate);
        line.counted = self.take(product, (n, item.quantity), rules)?;
        Ok(line)
    }

    /// Takes so many of a product from its stock; says whether anybody counts it.
    fn take(
        &mut self,
        product: &ProductBody,
        (n, quantity): (usize, i64),
        rules: Rules,
    ) -> Result<bool, Rejection> {
        if product.stock.is_none() {
            return Ok(false);
        }
        let known = self.products.iter().position(|p| p.id == product.id);
        let place = known.unwrap_or_else(|| {
            self.products.push(product.clone());
            self.changes.push(StockChange {
                product: product.id,
                change: 0,
            });
            self.products.len().saturating_sub(1)
        });
        let taken = self
            .products
            .get_mut(place)
            .zip(self.changes.get_mut(place));
        let Some((next, change)) = taken else {
            return Ok(false);
        };
        let before = next.stock.unwrap_or(0);
        let after = before.saturating_sub(quantity);
        if after < 0 && !rules.is_past() {
            let text = format!("{before} of `{}` are left", product.id);
            let at = format!("/items/{n}/quantity");
            return Err(Rejection::at(Code::OutOfStock, &at, text));
        }
        next.stock = Some(after);
        change.change = change.change.saturating_sub(quantity);
        Ok(true)
    }

    /// Writes down what it took from stock.
    pub fn taken(self, mut decision: Decision) -> Decision {
        decision = stock_detail(decision, &self.changes);
        for product in self.products {
            decision = decision.change(product.id.any(), Record::Product(product));
        }
        decision
    }
}

/// What the products that items name cost before.
pub(super) fn former_of<'f>(
    facts: &'f Facts,
    items: &'f [NewItem],
) -> impl Iterator<Item = &'f Terms> {
    let ids = items
        .iter()
        .filter_map(|item| id_of(facts, item.product.as_ref()?));
    let products = ids.filter_map(|id| facts.product(id));
    products.flat_map(|product| product.former.iter().flatten())
}

fn wish(line: &SaleLine) -> Wish {
    Wish {
        quantity: line.quantity,
        unit: line.unit,
        discount: line.discount,
        ppm: line.ppm,
    }
}

fn found<'f>(
    facts: &'f Facts,
    n: usize,
    named: &ItemProduct,
) -> Result<&'f ProductBody, Rejection> {
    let missing = || {
        let field = match named {
            ItemProduct::Id(_) => "product_id",
            ItemProduct::Sku(_) => "sku",
        };
        let text = "there is no such product";
        Rejection::at(Code::ProductNotFound, &format!("/items/{n}/{field}"), text)
    };
    id_of(facts, named)
        .and_then(|id| facts.product(id))
        .ok_or_else(missing)
}

/// Whether a product is sold at this price, now.
fn fits(
    product: &ProductBody,
    (n, item): (usize, &NewItem),
    rules: Rules,
) -> Result<(), Rejection> {
    let at = |code, field: &str, text: String| {
        Err(Rejection::at(code, &format!("/items/{n}/{field}"), text))
    };
    if product.price.currency != rules.currency {
        let text = format!("`{}` is priced in {}", product.id, product.price.currency);
        return at(Code::CurrencyMismatch, "product_id", text);
    }
    if rules.is_past() {
        return Ok(());
    }
    if !product.active {
        return at(
            Code::ProductInactive,
            "product_id",
            format!("`{}`", product.id),
        );
    }
    // SECURITY: the price is the shop's; whoever sends another must not be believed.
    match item.unit {
        Some(unit) if unit != product.price => {
            let text = format!("`{}` costs {}", product.id, product.price.minor);
            at(Code::PriceMismatch, "unit_amount", text)
        }
        _ => Ok(()),
    }
}

fn explain(fault: SumFault) -> Rejection {
    let (at, text) = match fault {
        SumFault::LineDiscount(n) => (
            format!("/items/{n}/discount_amount"),
            "is more than its line",
        ),
        SumFault::Discount => ("/discount_amount".into(), "is more than everything"),
        SumFault::Total => (
            "/items".into(),
            "the total must be from 1 to 9007199254740991 minor units",
        ),
    };
    Rejection::at(Code::AmountInvalid, &at, text)
}
