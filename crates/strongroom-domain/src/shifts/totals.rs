//! What a shift sums up.

use minicbor::{Decode, Encode};

/// The transactions of a shift, in minor units of its currency. Voided and failed ones count as if they had not been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct ShiftTotals {
    #[n(0)]
    pub sales: u32,
    #[n(1)]
    pub voided: u32,
    /// Cash refunds.
    #[n(2)]
    pub refunds: u32,
    /// What was sold, taxes included, discounts taken off.
    #[n(3)]
    pub sold: i64,
    #[n(4)]
    pub discounts: i64,
    /// Of what was sold: paid in cash, and by card.
    #[n(5)]
    pub cash: i64,
    #[n(6)]
    pub card: i64,
    /// Put into the drawer and taken out of it.
    #[n(7)]
    pub cash_in: i64,
    #[n(8)]
    pub cash_out: i64,
    #[n(9)]
    pub cash_refunds: i64,
    /// By rate, the lowest first.
    #[n(10)]
    pub taxes: Vec<TaxSum>,
}

/// What was sold at one rate of tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaxSum {
    /// Parts per million.
    #[n(0)]
    pub ppm: u32,
    /// Without the tax.
    #[n(1)]
    pub net: i64,
    #[n(2)]
    pub tax: i64,
}

/// Adds sums of taxes, or takes them off again; a rate that nothing is left of goes.
pub(crate) fn add_taxes(to: &mut Vec<TaxSum>, taxes: &[TaxSum], sign: i64) {
    for tax in taxes {
        let at = to.partition_point(|known| known.ppm < tax.ppm);
        if to.get(at).is_none_or(|known| known.ppm != tax.ppm) {
            let none = TaxSum {
                ppm: tax.ppm,
                net: 0,
                tax: 0,
            };
            to.insert(at, none);
        }
        if let Some(known) = to.get_mut(at) {
            known.net = known.net.saturating_add(sign.saturating_mul(tax.net));
            known.tax = known.tax.saturating_add(sign.saturating_mul(tax.tax));
        }
    }
    to.retain(|tax| tax.net != 0 || tax.tax != 0);
}
