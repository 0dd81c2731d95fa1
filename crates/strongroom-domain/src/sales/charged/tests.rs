use strongroom_types::currency::Currency;
use strongroom_types::id::{ProductId, RawId};
use strongroom_types::money::Money;

use super::*;
use crate::sales::cart::ItemProduct;

fn rules(taxes_added: bool, discount: i64) -> Rules {
    Rules {
        currency: Currency::parse("PHP").unwrap(),
        discount,
        taxes_added,
        past: Some(Timestamp(0)),
    }
}

/// A product's line, with a price or a rate of its own or without.
fn item(unit: Option<i64>, ppm: Option<u32>) -> NewItem {
    let currency = Currency::parse("PHP").unwrap();
    NewItem {
        product: Some(ItemProduct::Id(ProductId(RawId::ZERO))),
        name: None,
        quantity: 1,
        unit: unit.map(|minor| Money::new(minor, currency)),
        discount: None,
        ppm,
    }
}

fn wish(quantity: i64, unit: i64, discount: i64, ppm: u32) -> Wish {
    Wish {
        quantity,
        unit,
        discount,
        ppm,
    }
}

#[test]
fn a_rate_that_was_not_stated_follows_from_the_amount() {
    let open = Open::new(&[item(Some(1), None)]);
    // Signed at 5 %, and 12 % by now: two at 10.00 came to 21.00.
    let now = [wish(2, 1_000, 0, 120_000)];
    let fitted = open.fitted(&now, rules(true, 0), 2_100).unwrap();
    assert_eq!((fitted[0].ppm, fitted[0].unit), (50_000, 1_000));
    // No rate is below nothing, or more than all of it.
    assert!(open.fitted(&now, rules(true, 0), 1_999).is_none());
    assert!(open.fitted(&now, rules(true, 0), 4_001).is_none());
    // With taxes in the price no rate makes another amount.
    assert!(open.fitted(&now, rules(false, 0), 2_100).is_none());
    // What was stated is left as it is.
    let stated = Open::new(&[item(Some(1), Some(120_000))]);
    assert!(stated.fitted(&now, rules(true, 0), 2_100).is_none());
}

#[test]
fn prices_that_were_not_stated_follow_from_the_amount() {
    let open = Open::new(&[item(None, Some(0)), item(Some(1), Some(0))]);
    let now = [wish(3, 150, 10, 120_000), wish(1, 500, 0, 0)];
    // 801 less 500, plus 20 that is off everything: 321 for three, of which 10 are off.
    let fitted = open.fitted(&now, rules(false, 20), 801).unwrap();
    assert_eq!((fitted[0].unit, fitted[0].discount), (111, 12));
    assert_eq!(total_of(&fitted, rules(false, 20)), Some(801));
    assert_eq!((fitted[1].unit, fitted[1].discount), (500, 0));
    // Less than what was stated.
    assert!(open.fitted(&now, rules(false, 0), 499).is_none());
}

#[test]
fn whatever_was_left_open_the_sum_is_the_amount() {
    let open = Open::new(&[
        item(None, None),
        item(None, None),
        item(Some(1), Some(50_000)),
    ]);
    let now = [
        wish(7, 333, 5, 120_000),
        wish(2, 1_999, 0, 80_000),
        wish(1, 250, 0, 50_000),
    ];
    for total in 300..2_300 {
        for added in [false, true] {
            let rules = rules(added, 30);
            let fitted = open.fitted(&now, rules, total);
            let fitted = fitted.unwrap_or_else(|| panic!("{total}, taxes added: {added}"));
            assert_eq!(total_of(&fitted, rules), Some(total));
        }
    }
}
