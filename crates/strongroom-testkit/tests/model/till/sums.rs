//! What a cart comes to, by the rules of docs/pos.md, worked out a second time: with fractions, and handing out what is left one unit
//! after another.

use std::collections::BTreeMap;

/// A line that somebody wants.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which of the shop's products, or something with a name of its own.
    pub product: Option<usize>,
    pub quantity: i64,
    pub unit: i64,
    /// Off this line.
    pub off: i64,
    /// Parts per million.
    pub rate: i64,
}

/// A line as it is charged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Charged {
    /// Of the discount on everything.
    pub share: i64,
    pub tax: i64,
    pub total: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Sums {
    pub lines: Vec<Charged>,
    pub subtotal: i64,
    pub total: i64,
    /// Without tax, and the tax, by rate.
    pub taxes: BTreeMap<i64, (i64, i64)>,
}

/// Nothing where there is nothing to pay, or a discount is more than what it is off.
pub fn sums(lines: &[Line], off: i64, is_added: bool) -> Option<Sums> {
    let nets: Vec<i64> = lines
        .iter()
        .map(|line| line.quantity * line.unit - line.off)
        .collect();
    let subtotal: i64 = nets.iter().sum();
    if nets.iter().any(|net| *net < 0) || off > subtotal {
        return None;
    }
    let shares = dealt(off, &nets);
    let left: Vec<i64> = nets
        .iter()
        .zip(&shares)
        .map(|(net, share)| net - share)
        .collect();
    let mut charged = vec![Charged::default(); lines.len()];
    let mut taxes = BTreeMap::new();
    for rate in lines.iter().map(|line| line.rate) {
        if taxes.contains_key(&rate) {
            continue;
        }
        let of_rate = lines.iter().zip(&left);
        let of_rate: Vec<i64> = of_rate
            .map(|(line, left)| if line.rate == rate { *left } else { 0 })
            .collect();
        let base: i64 = of_rate.iter().sum();
        let whole = if is_added {
            1_000_000
        } else {
            1_000_000 + rate
        };
        let tax = half_up(base * rate, whole);
        for (line, part) in charged.iter_mut().zip(dealt(tax, &of_rate)) {
            line.tax += part;
        }
        taxes.insert(rate, (if is_added { base } else { base - tax }, tax));
    }
    for ((line, share), left) in charged.iter_mut().zip(shares).zip(left) {
        line.share = share;
        line.total = if is_added { left + line.tax } else { left };
    }
    let total = charged.iter().map(|line| line.total).sum();
    (total > 0).then_some(Sums {
        lines: charged,
        subtotal,
        total,
        taxes,
    })
}

fn half_up(top: i64, bottom: i64) -> i64 {
    let rest = top % bottom;
    top / bottom + i64::from(2 * rest >= bottom)
}

/// Deals an amount out by weights: everybody the whole units of his part, then one unit each to those who lack most of theirs, the
/// first of those who lack as much.
fn dealt(amount: i64, weights: &[i64]) -> Vec<i64> {
    let all: i64 = weights.iter().sum();
    let mut parts = vec![0; weights.len()];
    if all == 0 {
        return parts;
    }
    let mut lacks: Vec<i64> = Vec::new();
    for (part, weight) in parts.iter_mut().zip(weights) {
        *part = amount * weight / all;
        lacks.push(amount * weight - *part * all);
    }
    let mut left = amount - parts.iter().sum::<i64>();
    while left > 0 {
        let most = *lacks.iter().max().unwrap();
        let first = lacks.iter().position(|lack| *lack == most).unwrap();
        parts[first] += 1;
        lacks[first] = -1;
        left -= 1;
    }
    parts
}
