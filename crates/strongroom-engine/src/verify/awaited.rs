//! What wallets wait for, from the payments and links themselves: each wallet counts as many as there are.

use std::collections::HashMap;

use strongroom_domain::payment_links::PaymentLinkStatus;
use strongroom_domain::record::Record;
use strongroom_domain::wallets::{Awaited as Count, WalletStatus};
use strongroom_types::id::{AnyId, RawId, WalletId};

use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// The counts of wallets, and what there is to count.
#[derive(Default)]
pub(super) struct Awaited {
    counts: HashMap<(u32, WalletId), (WalletStatus, Count)>,
    payments: HashMap<(u32, WalletId), Vec<RawId>>,
    links: HashMap<(u32, WalletId), Vec<RawId>>,
}

impl Awaited {
    /// Takes in what a record says.
    pub fn record(&mut self, log: u32, id: AnyId, record: &Record) {
        match record {
            Record::Books(books) => {
                let key = (log, WalletId(id.raw));
                let count = books.awaited.map(|count| (key, (books.status, count)));
                self.counts.extend(count);
            }
            Record::Payment(payment) if payment.is_awaited() => {
                let numbers = self.payments.entry((log, payment.wallet)).or_default();
                numbers.push(payment.id.0);
            }
            Record::PaymentLink(link) if link.body.status == PaymentLinkStatus::Active => {
                let numbers = self.links.entry((log, link.body.wallet)).or_default();
                numbers.push(link.body.order);
            }
            _ => {}
        }
    }

    /// Whether what has this number is in its wallet's count.
    pub fn counts(&self, log: u32, wallet: WalletId, number: RawId) -> bool {
        let count = self.counts.get(&(log, wallet));
        count.is_some_and(|(_, count)| number >= count.since)
    }

    /// INVARIANT(awaited-counted): names the wallets whose count is wrong, and closed ones that wait for something.
    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        let mut wallets: Vec<_> = self.counts.iter().collect();
        wallets.sort_unstable_by_key(|(wallet, _)| **wallet);
        let read = |log: &u32| !unread.any(*log);
        for (wallet, (status, count)) in wallets.into_iter().filter(|(w, _)| read(&w.0)) {
            let of = |numbers: &HashMap<(u32, WalletId), Vec<RawId>>| {
                let all = numbers.get(wallet).map_or(&[][..], Vec::as_slice);
                let counted = all.iter().filter(|number| **number >= count.since);
                u64::try_from(counted.count()).unwrap_or(u64::MAX)
            };
            let (log, id) = wallet;
            let found = (of(&self.payments), of(&self.links));
            let counted = (u64::from(count.payments), u64::from(count.links));
            if found != counted {
                damages.note(format!(
                    "`{id}` of log {log}: it counts {} payments and {} links that are not over, and has {} and {}",
                    counted.0, counted.1, found.0, found.1
                ));
            }
            if *status == WalletStatus::Closed && counted != (0, 0) {
                damages.note(format!(
                    "`{id}` of log {log}: it is closed and waits for money"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::VerifyReport;

    const WALLET: WalletId = WalletId(RawId([1; 12]));

    fn damages(status: WalletStatus, payments: &[u8], links: &[u8]) -> Vec<String> {
        let numbers = |all: &[u8]| {
            let all = all.iter().map(|n| RawId([*n; 12])).collect();
            HashMap::from([((7, WALLET), all)])
        };
        let count = Count {
            since: RawId([5; 12]),
            payments: 1,
            links: 0,
        };
        let awaited = Awaited {
            counts: HashMap::from([((7, WALLET), (status, count))]),
            payments: numbers(payments),
            links: numbers(links),
        };
        let mut damages = Damages::default();
        awaited.finish(&Unread::default(), &mut damages);
        let mut report = VerifyReport::default();
        damages.into_report(&mut report);
        report.damages
    }

    #[test]
    fn a_wallet_counts_what_began_since_it_counts() {
        let active = WalletStatus::Active;
        assert_eq!(damages(active, &[5], &[]), [""; 0]);
        assert_eq!(damages(active, &[4, 6], &[4]), [""; 0]);
        for (payments, links) in [
            (&[][..], &[][..]),
            (&[4], &[]),
            (&[5, 6], &[]),
            (&[5], &[5]),
        ] {
            let found = damages(active, payments, links);
            assert!(
                found.len() == 1 && found[0].contains("it counts 1 payments and 0 links"),
                "{found:?}"
            );
        }
        let found = damages(WalletStatus::Closed, &[5], &[]);
        assert!(
            found.len() == 1 && found[0].contains("is closed"),
            "{found:?}"
        );
    }
}
