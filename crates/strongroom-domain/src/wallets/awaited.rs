//! What a wallet waits for: payments that may still bring it money, and links that may be paid into it.
//!
//! None of these stands in a balance, and none could end well in a closed wallet. INVARIANT(awaited-counted): a wallet's books
//! count them, in the commit that begins or ends one; `verify` counts them again.

use minicbor::{Decode, Encode};
use strongroom_types::id::{RawId, WalletId};

use crate::decision::Decision;
use crate::facts::{Facts, books_key};
use crate::payment_links::{PaymentLinkBody, PaymentLinkStatus};
use crate::record::Record;
use crate::rejection::{Code, Rejection};

/// How much a wallet waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Awaited {
    /// What has a lower number is not in the count: it was begun before there was one, or by a clock that was set back.
    #[n(0)]
    pub since: RawId,
    #[n(1)]
    pub payments: u32,
    #[n(2)]
    pub links: u32,
}

impl Awaited {
    /// Refuses while there is any.
    pub(super) fn over(&self, id: WalletId) -> Result<(), Rejection> {
        if self.payments > 0 {
            let text = format!(
                "`{id}` has {} payments that may still be captured: capture or void them first",
                self.payments
            );
            return Err(Rejection::new(Code::WalletHasPayments, text));
        }
        if self.links > 0 {
            let text = format!(
                "`{id}` has {} active payment links: cancel them first",
                self.links
            );
            return Err(Rejection::new(Code::WalletHasPaymentLinks, text));
        }
        Ok(())
    }

    /// The count after something began or ended.
    fn after(self, number: RawId, what: What, begins: bool) -> Awaited {
        let mut next = self;
        // Its end is not counted either; and a payment may be awaited again, once a capture was refused.
        if number < self.since {
            return next;
        }
        let count = match what {
            What::Payment => &mut next.payments,
            What::Link => &mut next.links,
        };
        *count = match begins {
            true => count.saturating_add(1),
            false => count.saturating_sub(1),
        };
        next
    }
}

#[derive(Clone, Copy)]
enum What {
    Payment,
    Link,
}

impl Decision {
    /// Counts the payment that this is about with its wallet from its beginning until no money can come of it any more.
    #[must_use]
    pub(crate) fn counting_payment(self, facts: &Facts) -> Decision {
        let Some(payment) = &self.payment else {
            return self;
        };
        let before = facts.payment(payment.id);
        let was = before.is_some_and(|payment| payment.is_awaited());
        let (place, is) = ((payment.wallet, payment.id.0), payment.is_awaited());
        self.counting(facts, place, What::Payment, (was, is))
    }

    /// Counts a link, as it is from now on, with its wallet while it is active.
    #[must_use]
    pub(crate) fn counting_link(self, facts: &Facts, link: &PaymentLinkBody) -> Decision {
        let before = facts.payment_link(link.id);
        let was = before.is_some_and(|link| link.body.status == PaymentLinkStatus::Active);
        let is = link.status == PaymentLinkStatus::Active;
        let place = (link.wallet, link.order);
        self.counting(facts, place, What::Link, (was, is))
    }

    fn counting(
        self,
        facts: &Facts,
        (wallet, number): (WalletId, RawId),
        what: What,
        (was, is): (bool, bool),
    ) -> Decision {
        if was == is {
            return self;
        }
        let Some(mut books) = self.books_so_far(facts, wallet) else {
            return self;
        };
        // INVARIANT(awaited-counted): what begins is counted; the first of a wallet without a count begins it.
        let first = is.then_some(Awaited {
            since: number,
            ..Awaited::default()
        });
        let Some(count) = books.awaited.or(first) else {
            return self;
        };
        books.awaited = Some(count.after(number, what, is));
        self.replace(books_key(wallet), Record::Books(books))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u8) -> RawId {
        RawId([n; 12])
    }

    #[test]
    fn what_began_before_there_was_a_count_ends_without_it() {
        let since = number(5);
        let none = Awaited {
            since,
            ..Awaited::default()
        };
        let one = none.after(number(5), What::Payment, true);
        assert_eq!((one.payments, one.links), (1, 0));
        assert_eq!(one.after(number(4), What::Payment, false), one);
        assert_eq!(one.after(number(4), What::Payment, true), one);
        assert_eq!(one.after(number(5), What::Payment, false), none);
        let linked = none.after(number(6), What::Link, true);
        assert_eq!((linked.payments, linked.links), (0, 1));
        assert_eq!(linked.after(number(6), What::Link, false), none);
    }

    #[test]
    fn payments_are_named_before_links() {
        let wallet = WalletId(number(1));
        let code = |payments, links| {
            let since = number(0);
            let awaited = Awaited {
                since,
                payments,
                links,
            };
            awaited.over(wallet).err().map(|refused| refused.code)
        };
        assert_eq!(code(1, 1), Some(Code::WalletHasPayments));
        assert_eq!(code(0, 1), Some(Code::WalletHasPaymentLinks));
        assert_eq!(code(0, 0), None);
    }
}
