//! The payout files that lines of a report stand for as a whole.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use strongroom_types::currency::Currency;
use strongroom_types::id::{PayoutFileId, PayoutId, WalletId};
use strongroom_types::money::Money;

use crate::payout_files::PayoutFileStatus;
use crate::payouts::PayoutStatus;

use super::{Known, KnownFile};

/// A payout file that was sent.
pub(super) struct Batch {
    pub file: PayoutFileId,
    pub wallet: WalletId,
    /// Its payouts that were not refused before.
    pub left: Vec<(PayoutId, Money)>,
    /// Of these, in minor units.
    pub sum: i128,
    pub currency: Currency,
}

/// Those that one message names.
///
/// SECURITY: each is looked up once, however many lines name it: it has all its payouts opened.
#[derive(Default)]
pub(super) struct Batches {
    found: HashMap<PayoutFileId, Option<Batch>>,
    opened: usize,
    refused: Option<HashSet<PayoutId>>,
}

impl Batches {
    /// The file of that number, if it was sent.
    pub fn sent<K: Known>(
        &mut self,
        id: PayoutFileId,
        known: &mut K,
    ) -> Result<Option<&Batch>, K::Fault> {
        let batch = match self.found.entry(id) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(slot) => {
                let found = known.payout_file(id)?;
                let opened = found.as_ref().map_or(0, |found| found.payouts.len());
                self.opened = self.opened.saturating_add(opened);
                slot.insert(match found {
                    Some(found) => batch(found, known, &mut self.refused)?,
                    None => None,
                })
            }
        };
        Ok(batch.as_ref())
    }

    /// Payouts that were opened so far, whatever came of it.
    pub fn opened(&self) -> usize {
        self.opened
    }
}

fn batch<K: Known>(
    found: KnownFile,
    known: &mut K,
    refused: &mut Option<HashSet<PayoutId>>,
) -> Result<Option<Batch>, K::Fault> {
    if found.file.status != PayoutFileStatus::Sent {
        return Ok(None);
    }
    let refused = match refused {
        Some(refused) => refused,
        None => refused.insert(known.about_to_fail()?),
    };
    let is_left = |id: &PayoutId, status: PayoutStatus| {
        !matches!(status, PayoutStatus::Failed | PayoutStatus::Cancelled) && !refused.contains(id)
    };
    let payouts = found.payouts.into_iter();
    let left: Vec<(PayoutId, Money)> = payouts
        .filter(|(id, _, status)| is_left(id, *status))
        .map(|(id, amount, _)| (id, amount))
        .collect();
    Ok(Some(Batch {
        file: found.file.id,
        wallet: found.file.wallet(),
        sum: left.iter().map(|(_, one)| i128::from(one.minor)).sum(),
        currency: found.file.sum.currency,
        left,
    }))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use strongroom_iso20022::{
        AccountReport, BankMessage, BankReport, Batch as Named, Direction, Entry as Line, Iban,
        ReportKind,
    };
    use strongroom_types::id::{PayoutRailId, RawId};
    use strongroom_types::time::Timestamp;

    use super::super::{BankEntry, EntryAct, MOST_ENTRIES, Mismatch, Plan, plan};
    use super::*;
    use crate::payout_files::{PayoutFile, message_id};
    use crate::rejection::{Code, Rejection};

    const COUNT: u8 = 20;
    const FILE: PayoutFileId = PayoutFileId(RawId([7; 12]));

    fn php() -> Currency {
        Currency::parse("PHP").unwrap()
    }

    /// One file of payouts of 1.00, the last of which an earlier file refuses; or one for every number.
    #[derive(Default)]
    struct Books {
        has_all: bool,
        looks: usize,
        refusals: usize,
    }

    impl Known for Books {
        type Fault = Infallible;

        fn payout_file(&mut self, id: PayoutFileId) -> Result<Option<KnownFile>, Infallible> {
            self.looks += 1;
            let one = |n| {
                let id = PayoutId(RawId([n; 12]));
                (id, Money::new(100, php()), PayoutStatus::Processing)
            };
            Ok((id == FILE || self.has_all).then(|| KnownFile {
                file: file(),
                payouts: (1..=COUNT).map(one).collect(),
            }))
        }

        fn about_to_fail(&mut self) -> Result<HashSet<PayoutId>, Infallible> {
            self.refusals += 1;
            Ok(HashSet::from([PayoutId(RawId([COUNT; 12]))]))
        }

        fn wallet_of(&mut self, _: &str) -> Result<Option<WalletId>, Infallible> {
            Ok(Some(file().wallet()))
        }
    }

    fn file() -> PayoutFile {
        PayoutFile {
            id: FILE,
            rail: PayoutRailId(RawId([9; 12])),
            status: PayoutFileStatus::Sent,
            sum: Money::new(100 * i64::from(COUNT), php()),
            count: u32::from(COUNT),
            pages: Vec::new(),
            created_at: Timestamp(5),
            cut_off: Timestamp(9),
            closing: None,
            content: None,
            sent_at: Some(Timestamp(11)),
            released: u32::from(COUNT),
        }
    }

    /// A statement of lines of one amount that all stand for the same file.
    fn planned(
        books: &mut Books,
        id: PayoutFileId,
        minor: i64,
        count: usize,
    ) -> Result<Plan, Rejection> {
        planned_of(books, std::iter::repeat_n(id, count), minor)
    }

    fn planned_of(
        books: &mut Books,
        ids: impl Iterator<Item = PayoutFileId>,
        minor: i64,
    ) -> Result<Plan, Rejection> {
        let line = |id| Line {
            amount: Money::new(minor, php()),
            direction: Direction::Debit,
            reversal: false,
            booked: true,
            date: None,
            bank_reference: None,
            batch: Some(Named {
                message_id: Some(message_id(id)),
                ..Named::default()
            }),
            details: Vec::new(),
        };
        let account = AccountReport {
            id: "S".into(),
            iban: Iban::parse("GB82WEST12345698765432"),
            entries: ids.map(line).collect(),
        };
        let report = BankReport {
            kind: ReportKind::Statement,
            message_id: "S".into(),
            accounts: vec![account],
        };
        let Ok(planned) = plan(&BankMessage::Report(report), books);
        planned
    }

    #[test]
    fn a_file_is_looked_up_once_however_many_lines_name_it() {
        let other = PayoutFileId(RawId([8; 12]));
        for (id, minor, mismatch) in [
            (FILE, 2_000, Mismatch::AmountDiffers),
            (other, 1_900, Mismatch::NoReference),
        ] {
            let mut books = Books::default();
            let plan = planned(&mut books, id, minor, 2_000).unwrap();
            let is_left = |entry: &BankEntry| entry.mismatch == Some(mismatch);
            assert_eq!(plan.entries.len(), 2_000);
            assert!(plan.entries.iter().all(is_left));
            assert_eq!(books.looks, 1);
            assert!(books.refusals <= 1);
        }
        let mut books = Books::default();
        let plan = planned(&mut books, FILE, 1_900, 2).unwrap();
        let settles = |entry: &&BankEntry| entry.act == EntryAct::Settle;
        assert_eq!(plan.entries.iter().filter(settles).count(), 2 * 19);
        assert_eq!((books.looks, books.refusals), (1, 1));
    }

    /// Each line names another file, whose sum is another one.
    #[test]
    fn lines_that_have_too_many_payouts_opened_are_refused() {
        let id = |n: usize| {
            let mut id = [0; 12];
            id[..8].copy_from_slice(&n.to_be_bytes());
            PayoutFileId(RawId(id))
        };
        let mut books = Books {
            has_all: true,
            ..Books::default()
        };
        let few = planned_of(&mut books, (1..=100).map(id), 77).unwrap();
        assert_eq!((few.entries.len(), books.looks), (100, 100));
        let refusal = planned_of(&mut books, (1..=MOST_ENTRIES).map(id), 77).err();
        assert_eq!(refusal.unwrap().code, Code::BankFileInvalid);
        assert!(books.looks < MOST_ENTRIES / 2, "{}", books.looks);
    }

    #[test]
    fn lines_that_stand_for_too_many_payouts_are_refused() {
        let most = MOST_ENTRIES / 19;
        assert!(planned(&mut Books::default(), FILE, 1_900, most).is_ok());
        for count in [most + 1, MOST_ENTRIES] {
            let mut books = Books::default();
            let refusal = planned(&mut books, FILE, 1_900, count).err().unwrap();
            assert_eq!(refusal.code, Code::BankFileInvalid);
            assert_eq!((books.looks, books.refusals), (1, 1));
        }
    }
}
