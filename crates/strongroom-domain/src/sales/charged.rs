//! What a past sale was charged: what its till stated stands, and what it did not state is found.
//!
//! A price or a rate that is missing is the product's at the time of the sale. Where the stated amount is another sum, it is
//! looked for among what the products cost before and since; where none of that fits either, what was not stated follows
//! from the amount, and the sale says so. What all was stated and does not add up is refused.

use strongroom_types::time::Timestamp;

use crate::facts::Facts;
use crate::products::WHOLE;
use crate::rejection::Rejection;
use crate::sales::NewSale;
use crate::sales::cart::{Cart, NewItem, Rules, former_of};
use crate::sales::sums::{Wish, split, sums};

/// Changes of products that are looked behind for one sale.
const MOST_CHANGES: usize = 16;

/// The cart of a past sale for which `tendered` was handed over, and whether what its products cost had to be left aside.
///
/// # Errors
/// Whatever [`Cart::fill`] refuses.
pub(super) fn charged(
    facts: &Facts,
    new: &NewSale,
    rules: Rules,
    tendered: Option<i64>,
) -> Result<(Cart, bool), Rejection> {
    let first = Cart::fill(facts, &new.items, rules);
    let amount = new.amount.map(|amount| amount.minor);
    let fits = |cart: &Cart| match (amount, tendered) {
        (Some(amount), _) => cart.sums.total == amount,
        (None, Some(tendered)) => cart.sums.total <= tendered,
        (None, None) => true,
    };
    let Some(total) = amount
        .or(tendered)
        .filter(|_| !first.as_ref().is_ok_and(fits))
    else {
        return first.map(|cart| (cart, false));
    };
    for time in other_times(facts, &new.items) {
        let past = Some(time);
        let other = Cart::fill(facts, &new.items, Rules { past, ..rules });
        if let Some(cart) = other.ok().filter(fits) {
            return Ok((cart, false));
        }
    }
    let open = Open::new(&new.items);
    let mut cart = first?;
    let wishes = open.fitted(&cart.wishes(), rules, total);
    match wishes.map(|wishes| cart.charge(&wishes, rules)) {
        Some(Ok(())) => Ok((cart, true)),
        _ => Ok((cart, false)),
    }
}

/// Times at which the products may have cost something else: now, and before each of their newest changes.
fn other_times(facts: &Facts, items: &[NewItem]) -> Vec<Timestamp> {
    let former = former_of(facts, items);
    let mut times: Vec<Timestamp> = former.map(|terms| terms.until.plus(-1)).collect();
    times.sort_unstable();
    times.dedup();
    times.reverse();
    times.truncate(MOST_CHANGES);
    times.insert(0, Timestamp(i64::MAX));
    times
}

/// What was not stated, item by item.
struct Open {
    units: Vec<bool>,
    rates: Vec<bool>,
}

impl Open {
    fn new(items: &[NewItem]) -> Open {
        let units = items
            .iter()
            .map(|i| i.product.is_some() && i.unit.is_none());
        let rates = items.iter().map(|i| i.product.is_some() && i.ppm.is_none());
        Open {
            units: units.collect(),
            rates: rates.collect(),
        }
    }

    /// The wishes with what was not stated as it has to be for them to come to `total`.
    fn fitted(&self, wishes: &[Wish], rules: Rules, total: i64) -> Option<Vec<Wish>> {
        let fits = |wishes: &Vec<Wish>| total_of(wishes, rules) == Some(total);
        let wishes = match self.units.contains(&true) {
            true => self.priced(wishes, rules, total)?,
            false => wishes.to_vec(),
        };
        if fits(&wishes) {
            return Some(wishes);
        }
        let rate = self.rate(&wishes, rules, total)?;
        // Beside a line of the same rate the tax may round otherwise.
        let rates = [rate, rate.saturating_add(1), rate.saturating_sub(1)];
        let mut all = rates.map(|rate| self.rated(&wishes, rate)).into_iter();
        all.find(fits)
    }

    /// Unstated prices, raised or lowered in proportion until everything comes to `total`, or just above it.
    fn priced(&self, wishes: &[Wish], rules: Rules, total: i64) -> Option<Vec<Wish>> {
        let reaches = |sum: i64| {
            let reached = total_of(&self.spread(wishes, sum), rules);
            reached.is_some_and(|reached| reached >= total)
        };
        // What is to be paid is never less than the lines less the discount on everything.
        let (mut low, mut high) = (0, total.saturating_add(rules.discount));
        while low < high {
            let middle = low + (high - low) / 2;
            match reaches(middle) {
                true => high = middle,
                false => low = middle.saturating_add(1),
            }
        }
        let priced = self.spread(wishes, low);
        total_of(&priced, rules).map(|_| priced)
    }

    /// The same lines, with those without a price of their own coming to `sum` together, to the minor unit: what does not
    /// go into their quantity is taken off the line.
    fn spread(&self, wishes: &[Wish], sum: i64) -> Vec<Wish> {
        let net = |wish: &Wish| {
            wish.quantity.saturating_mul(wish.unit).max(wish.discount) - wish.discount
        };
        let pairs = || wishes.iter().zip(&self.units);
        let weights: Vec<i64> = pairs()
            .map(|(wish, is_open)| if *is_open { net(wish) } else { 0 })
            .collect();
        let parts = split(sum, &weights);
        let priced = |((wish, is_open), part): ((&Wish, &bool), i64)| {
            if !is_open {
                return *wish;
            }
            let gross = part.saturating_add(wish.discount);
            let unit = gross.saturating_add(wish.quantity.saturating_sub(1)) / wish.quantity.max(1);
            let surplus = unit.saturating_mul(wish.quantity).saturating_sub(gross);
            Wish {
                unit,
                discount: wish.discount.saturating_add(surplus),
                ..*wish
            }
        };
        pairs().zip(parts).map(priced).collect()
    }

    /// The one rate of all that has none of its own which brings the taxes on top to `total`.
    fn rate(&self, wishes: &[Wish], rules: Rules, total: i64) -> Option<u32> {
        let bare = sums(&self.rated(wishes, 0), rules.discount, rules.taxes_added).ok()?;
        let tax = total.checked_sub(bare.total).filter(|tax| *tax >= 0)?;
        let open = bare
            .lines
            .iter()
            .zip(&self.rates)
            .filter(|(_, is_open)| **is_open);
        let base: i128 = open.map(|(line, _)| i128::from(line.total)).sum();
        let rate = (2 * i128::from(tax) * i128::from(WHOLE) + base).checked_div(2 * base)?;
        u32::try_from(rate).ok().filter(|rate| *rate <= WHOLE)
    }

    fn rated(&self, wishes: &[Wish], rate: u32) -> Vec<Wish> {
        let rated = |(wish, is_open): (&Wish, &bool)| Wish {
            ppm: if *is_open { rate } else { wish.ppm },
            ..*wish
        };
        wishes.iter().zip(&self.rates).map(rated).collect()
    }
}

fn total_of(wishes: &[Wish], rules: Rules) -> Option<i64> {
    let sums = sums(wishes, rules.discount, rules.taxes_added);
    sums.ok().map(|sums| sums.total)
}

#[cfg(test)]
mod tests;
