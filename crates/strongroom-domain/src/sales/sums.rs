//! The arithmetic of a sale: lines, discounts, taxes. Integers of minor units only.
//!
//! Rounding: a rate's tax is computed once, over all lines of that rate, and rounded half up; what is split – a discount
//! over lines, a rate's tax over its lines – is split by largest remainder: each share is rounded down, and what is left
//! goes, one unit each, to the shares that lost most, the earlier line first among equals. So the parts of a sum are
//! always the sum, to the minor unit.

use strongroom_types::money::LIMIT;

use crate::products::WHOLE;
use crate::shifts::TaxSum;

/// A line as it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub quantity: i64,
    /// Minor units, for one.
    pub unit: i64,
    /// Off this line, in minor units.
    pub discount: i64,
    pub ppm: u32,
}

/// A line as it is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// Its part of the discount on everything.
    pub share: i64,
    pub tax: i64,
    /// What it adds to the total.
    pub total: i64,
}

/// All of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    pub lines: Vec<Charged>,
    /// Lines less their own discounts.
    pub subtotal: i64,
    /// By rate, the lowest first.
    pub taxes: Vec<TaxSum>,
    pub total: i64,
}

/// Why there are no sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumFault {
    /// The discount of this line is more than the line.
    LineDiscount(usize),
    /// The discount is more than everything.
    Discount,
    /// There is nothing to pay, or more than an amount can be.
    Total,
}

/// Sums a sale up: `discount` is off everything; `added` says that prices are without tax, which then comes on top.
///
/// # Errors
/// The first [`SumFault`].
pub fn sums(wishes: &[Wish], discount: i64, added: bool) -> Result<Sums, SumFault> {
    let (mut nets, mut grosses) = (Vec::with_capacity(wishes.len()), Vec::new());
    for (n, wish) in wishes.iter().enumerate() {
        let gross = wish.quantity.checked_mul(wish.unit).filter(within);
        let gross = gross.ok_or(SumFault::Total)?;
        let net = gross.saturating_sub(wish.discount);
        if wish.discount < 0 || net < 0 {
            return Err(SumFault::LineDiscount(n));
        }
        nets.push(net);
        grosses.push(gross);
    }
    // With it, what is taken off is an amount as well.
    total_of(&grosses)?;
    let subtotal = total_of(&nets)?;
    if !(0..=subtotal).contains(&discount) {
        return Err(SumFault::Discount);
    }
    let shares = split(discount, &nets);
    let pairs = nets.iter().zip(&shares);
    let bases: Vec<i64> = pairs
        .map(|(net, share)| net.saturating_sub(*share))
        .collect();
    let (taxes, of_lines) = taxed(wishes, &bases, added);
    let lines: Vec<Charged> = shares
        .iter()
        .zip(&bases)
        .zip(&of_lines)
        .map(|((share, base), tax)| Charged {
            share: *share,
            tax: *tax,
            total: if added {
                base.saturating_add(*tax)
            } else {
                *base
            },
        })
        .collect();
    let totals: Vec<i64> = lines.iter().map(|line| line.total).collect();
    let total = total_of(&totals)?;
    match total {
        0 => Err(SumFault::Total),
        total => Ok(Sums {
            lines,
            subtotal,
            taxes,
            total,
        }),
    }
}

fn within(minor: &i64) -> bool {
    (0..=LIMIT).contains(minor)
}

fn total_of(parts: &[i64]) -> Result<i64, SumFault> {
    let sum: i128 = parts.iter().map(|part| i128::from(*part)).sum();
    i64::try_from(sum)
        .ok()
        .filter(within)
        .ok_or(SumFault::Total)
}

/// The tax of each rate, and of each line.
fn taxed(wishes: &[Wish], bases: &[i64], added: bool) -> (Vec<TaxSum>, Vec<i64>) {
    let mut rates: Vec<u32> = wishes.iter().map(|wish| wish.ppm).collect();
    rates.sort_unstable();
    rates.dedup();
    let mut of_lines = vec![0; wishes.len()];
    let mut taxes = Vec::with_capacity(rates.len());
    for ppm in rates {
        let weight = |(wish, base): (&Wish, &i64)| if wish.ppm == ppm { *base } else { 0 };
        let weights: Vec<i64> = wishes.iter().zip(bases).map(weight).collect();
        let base = weights.iter().fold(0_i64, |sum, w| sum.saturating_add(*w));
        let tax = tax_of(base, ppm, added);
        for (line, part) in of_lines.iter_mut().zip(split(tax, &weights)) {
            *line += part;
        }
        let net = if added {
            base
        } else {
            base.saturating_sub(tax)
        };
        taxes.push(TaxSum { ppm, net, tax });
    }
    (taxes, of_lines)
}

/// The tax that is in an amount, or comes on top of it, rounded half up.
fn tax_of(base: i64, ppm: u32, added: bool) -> i64 {
    let (whole, rate) = (i128::from(WHOLE), i128::from(ppm));
    let divisor = if added { whole } else { whole + rate };
    let tax = (2 * i128::from(base) * rate + divisor) / (2 * divisor);
    i64::try_from(tax).unwrap_or(i64::MAX)
}

/// Splits `total` in proportion to `weights`, by largest remainder. Without any weight nothing is split.
pub fn split(total: i64, weights: &[i64]) -> Vec<i64> {
    let all: i128 = weights.iter().map(|w| i128::from(*w)).sum();
    if all == 0 {
        return vec![0; weights.len()];
    }
    let exact = |w: &i64| i128::from(total) * i128::from(*w);
    let mut parts: Vec<i64> = weights
        .iter()
        .map(|w| i64::try_from(exact(w) / all).unwrap_or(0))
        .collect();
    let given: i64 = parts.iter().sum();
    let mut order: Vec<(i128, usize)> = weights
        .iter()
        .enumerate()
        .map(|(n, w)| (exact(w) % all, n))
        .collect();
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let left = usize::try_from(total.saturating_sub(given)).unwrap_or(0);
    for (_, n) in order.iter().take(left) {
        if let Some(part) = parts.get_mut(*n) {
            *part += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(quantity: i64, unit: i64, discount: i64, ppm: u32) -> Wish {
        Wish {
            quantity,
            unit,
            discount,
            ppm,
        }
    }

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        assert_eq!(split(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(split(7, &[5, 3, 1]), [4, 2, 1]);
        assert_eq!(split(1, &[1, 1]), [1, 0]);
        assert_eq!(split(5, &[0, 0]), [0, 0]);
        assert_eq!(split(0, &[3, 4]), [0, 0]);
    }

    #[test]
    fn taxes_are_rounded_once_for_each_rate() {
        // Three lines of 0.10 at 12 %, in the price: 0.30 holds 0.03, not three times 0.01 by luck.
        let three = [line(1, 10, 0, 120_000); 3];
        let sum = sums(&three, 0, false).unwrap();
        assert_eq!((sum.total, sum.taxes[0].tax, sum.taxes[0].net), (30, 3, 27));
        assert_eq!(sum.lines.iter().map(|l| l.tax).sum::<i64>(), 3);
        // On top: 0.30 × 12 % = 0.036, so 0.04; the first line bears the odd unit.
        let sum = sums(&three, 0, true).unwrap();
        assert_eq!((sum.total, sum.taxes[0].tax), (34, 4));
        assert_eq!(
            sum.lines.iter().map(|l| l.tax).collect::<Vec<_>>(),
            [2, 1, 1]
        );
        // Half a unit goes up.
        assert_eq!(tax_of(50, 10_000, true), 1);
        assert_eq!(tax_of(49, 10_000, true), 0);
    }

    #[test]
    fn faults_are_named() {
        let one = [line(1, 100, 0, 0)];
        assert_eq!(
            sums(&[line(1, 100, 101, 0)], 0, false),
            Err(SumFault::LineDiscount(0))
        );
        assert_eq!(sums(&one, 101, false), Err(SumFault::Discount));
        assert_eq!(sums(&one, 100, false), Err(SumFault::Total));
        assert_eq!(
            sums(&[line(i64::MAX, 2, 0, 0)], 0, false),
            Err(SumFault::Total)
        );
        assert_eq!(
            sums(&[line(2, LIMIT, 0, 0)], 0, false),
            Err(SumFault::Total)
        );
        let all_off = [line(1, LIMIT, LIMIT - 1, 0); 2];
        assert_eq!(sums(&all_off[..1], 0, false).unwrap().total, 1);
        assert_eq!(sums(&all_off, 0, false), Err(SumFault::Total));
        assert_eq!(sums(&[], 0, false), Err(SumFault::Total));
    }

    fn rate() -> impl Strategy<Value = u32> {
        proptest::sample::select(vec![0, 50_000, 120_000, 77_777])
    }

    proptest! {
        /// Whatever is sold, the parts are the sums, and no line pays less than nothing.
        #[test]
        fn parts_are_sums(
            lines in proptest::collection::vec((1i64..50, 0i64..10_000, rate()), 1..12),
            percent in 0i64..100,
            added: bool,
        ) {
            let wishes: Vec<Wish> = lines
                .iter()
                .map(|(quantity, unit, rate)| line(*quantity, *unit, quantity * unit / 7, *rate))
                .collect();
            let subtotal: i64 = wishes.iter().map(|w| w.quantity * w.unit - w.discount).sum();
            let discount = subtotal * percent / 100;
            if let Ok(sum) = sums(&wishes, discount, added) {
                prop_assert_eq!(sum.subtotal, subtotal);
                prop_assert_eq!(sum.lines.iter().map(|l| l.share).sum::<i64>(), discount);
                prop_assert_eq!(sum.lines.iter().map(|l| l.total).sum::<i64>(), sum.total);
                let tax: i64 = sum.taxes.iter().map(|t| t.tax).sum();
                let net: i64 = sum.taxes.iter().map(|t| t.net).sum();
                prop_assert_eq!(sum.lines.iter().map(|l| l.tax).sum::<i64>(), tax);
                prop_assert_eq!(net + tax, sum.total);
                prop_assert!(sum.lines.iter().all(|l| l.total >= 0 && l.tax >= 0 && l.share >= 0));
                prop_assert_eq!(sum.total, if added { subtotal - discount + tax } else { subtotal - discount });
            } else {
                prop_assert_eq!(subtotal, discount);
            }
        }
    }
}
