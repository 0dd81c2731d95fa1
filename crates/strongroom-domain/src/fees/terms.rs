//! The arithmetic of fees. Integers of minor units only.
//!
//! Rounding: a percentage is rounded half to even, once, over all that was settled of a payment by then; what is charged
//! with a settlement is the fee of the new sum less what was charged before. So several partial captures sum to the fee
//! of one capture of their sum, to the minor unit. What a refund brings back is derived in the same way.

use minicbor::{Decode, Encode};
use strongroom_types::id::FeeScheduleId;

/// All of an amount, in hundredths of a percent.
pub const WHOLE_BPS: u32 = 10_000;

/// What a schedule charges in one currency, as it was fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FeeTerms {
    #[n(0)]
    pub schedule: FeeScheduleId,
    #[n(1)]
    pub bps: u32,
    #[n(2)]
    pub fixed: i64,
    #[n(3)]
    pub minimum: i64,
    #[n(4)]
    pub maximum: Option<i64>,
    /// Whether a refund brings back its part.
    #[n(5)]
    pub returned: bool,
}

/// The fees of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PaymentFees {
    #[n(0)]
    pub terms: FeeTerms,
    /// What was charged, less what came back.
    #[n(1)]
    pub charged: i64,
}

/// The fee of a payout, fixed when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PayoutFee {
    #[n(0)]
    pub schedule: FeeScheduleId,
    #[n(1)]
    pub minor: i64,
}

impl FeeTerms {
    /// The fee of an amount: the percentage and what is fixed, within its bounds, and never more than the amount.
    pub fn of(&self, minor: i64) -> i64 {
        if minor <= 0 {
            return 0;
        }
        let share = half_even(
            i128::from(minor) * i128::from(self.bps),
            i128::from(WHOLE_BPS),
        );
        let fee = share + i128::from(self.fixed);
        let fee = fee.max(i128::from(self.minimum));
        let fee = self.maximum.map_or(fee, |most| fee.min(i128::from(most)));
        i64::try_from(fee.clamp(0, i128::from(minor))).unwrap_or(minor)
    }

    /// What must have been charged of a payment by now, less what its refunds brought back.
    pub fn due(&self, settled: i64, refunded: i64) -> i64 {
        let fee = self.of(settled);
        let back = refunded.clamp(0, settled.max(0));
        if !self.returned || back == 0 {
            return fee;
        }
        let returned = half_even(i128::from(fee) * i128::from(back), i128::from(settled));
        fee.saturating_sub(i64::try_from(returned).unwrap_or(0))
    }
}

impl PaymentFees {
    /// What a settlement charges; never more than it settles.
    pub fn charge(&self, settled: i64, refunded: i64, due: i64) -> i64 {
        let all = self.terms.due(settled, refunded);
        all.saturating_sub(self.charged).clamp(0, due.max(0))
    }

    /// What a refund brings back; never more than was charged.
    pub fn back(&self, settled: i64, refunded: i64) -> i64 {
        if !self.terms.returned {
            return 0;
        }
        let all = self.terms.due(settled, refunded);
        self.charged
            .saturating_sub(all)
            .clamp(0, self.charged.max(0))
    }
}

/// A quotient of what is not below zero, rounded to the nearest whole number, and to the even one of two as near.
fn half_even(dividend: i128, divisor: i128) -> i128 {
    let (whole, rest) = (dividend / divisor, dividend % divisor);
    let twice = rest * 2;
    let up = twice > divisor || (twice == divisor && whole % 2 == 1);
    whole + i128::from(up)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strongroom_types::id::RawId;

    use super::*;

    fn terms(bps: u32, fixed: i64, minimum: i64, maximum: Option<i64>, returned: bool) -> FeeTerms {
        FeeTerms {
            schedule: FeeScheduleId(RawId::ZERO),
            bps,
            fixed,
            minimum,
            maximum,
            returned,
        }
    }

    #[test]
    fn fees_are_rounded_half_to_even_and_bounded() {
        // 2.5 % of 0.20, 0.60 and 1.00: half a unit, one and a half, two and a half.
        let plain = terms(250, 0, 0, None, false);
        assert_eq!([20, 60, 100].map(|minor| plain.of(minor)), [0, 2, 2]);
        let fixed = terms(250, 15, 20, Some(500), false);
        assert_eq!(
            [100, 1_000, 100_000].map(|minor| fixed.of(minor)),
            [20, 40, 500]
        );
        // Never more than the amount, nor of nothing.
        assert_eq!([0, 1, 19, 20].map(|minor| fixed.of(minor)), [0, 1, 19, 20]);
        assert_eq!(terms(WHOLE_BPS, 1, 0, None, false).of(7), 7);
    }

    #[test]
    fn a_full_refund_brings_the_whole_fee_back() {
        let back = terms(290, 30, 0, None, true);
        assert_eq!(back.due(10_000, 0), 320);
        assert_eq!(back.due(10_000, 5_000), 160);
        assert_eq!(back.due(10_000, 10_000), 0);
        assert_eq!(terms(290, 30, 0, None, false).due(10_000, 10_000), 320);
    }

    proptest! {
        /// However a payment is captured, it is charged what one capture of its sum is, and each settlement pays its own.
        #[test]
        fn parts_are_charged_as_the_whole(
            parts in proptest::collection::vec(1i64..50_000, 1..8),
            bps in 0u32..=WHOLE_BPS,
            fixed in 0i64..500,
            minimum in 0i64..500,
            more in proptest::option::of(0i64..500),
        ) {
            let terms = terms(bps, fixed, minimum, more.map(|more| minimum + more), false);
            let mut fees = PaymentFees { terms, charged: 0 };
            let mut settled = 0;
            for part in &parts {
                settled += part;
                let due = terms.due(settled, 0) - fees.charged;
                prop_assert!((0..=*part).contains(&due), "{due} of {part}");
                fees.charged += fees.charge(settled, 0, *part);
            }
            prop_assert_eq!(fees.charged, terms.of(parts.iter().sum()));
        }

        /// Refunds in any order and size, between settlements too, leave what the sums ask for; at the end, nothing.
        #[test]
        fn refunds_bring_back_their_part(
            steps in proptest::collection::vec((1i64..20_000, 0i64..20_000), 1..8),
            bps in 0u32..=WHOLE_BPS,
            fixed in 0i64..500,
        ) {
            let terms = terms(bps, fixed, 0, None, true);
            let mut fees = PaymentFees { terms, charged: 0 };
            let (mut settled, mut refunded) = (0, 0);
            for (part, back) in steps {
                settled += part;
                fees.charged += fees.charge(settled, refunded, part);
                let back = back.min(settled - refunded);
                refunded += back;
                fees.charged -= fees.back(settled, refunded);
                prop_assert_eq!(fees.charged, terms.due(settled, refunded));
                prop_assert!((0..=settled).contains(&fees.charged));
            }
            fees.charged -= fees.back(settled, settled);
            prop_assert_eq!(fees.charged, 0);
        }
    }
}
