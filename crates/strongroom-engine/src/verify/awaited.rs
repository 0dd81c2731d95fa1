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
