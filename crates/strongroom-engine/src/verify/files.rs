//! Files to banks and from banks, from the payouts and their pages alone: each payout is in one file at most, a file is
//! no more than its payouts, and what it says was done was done.

use std::collections::HashMap;

use strongroom_domain::bank_files::{BankEntry, BankFile, Counts, EntryStatus};
use strongroom_domain::facts::Field;
use strongroom_domain::payout_files::{FilePage, FileWaits, PayoutFile, PayoutFileStatus, Seat};
use strongroom_domain::payout_rails::PayoutRail;
use strongroom_domain::payouts::PayoutStatus;
use strongroom_domain::record::Record;
use strongroom_types::id::{AnyId, FilePageId, PayoutFileId, PayoutId};

use crate::accept::{BANK_FILE_JOB, PAYOUT_FILE_JOB};
use crate::verify::due::{Changed, Due};
use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// The index rows that a record of files claims.
pub(super) fn claims(record: &Record) -> Vec<(Field, String, AnyId)> {
    match record {
        Record::PayoutRail(rail) => {
            vec![(Field::PayoutRailIban, rail.iban.clone(), rail.id.any())]
        }
        Record::BankFile(file) => vec![
            (Field::BankFileHash, file.hash_text(), file.id.any()),
            (Field::BankFileMessage, file.message_text(), file.id.any()),
        ],
        _ => Vec::new(),
    }
}

/// Scope, kind and number of a job.
type JobKey = (u32, u8, [u8; 12]);

/// The job that a record of files must have.
pub(super) fn job(scope: u32, record: &Record, changed: Changed) -> Option<(JobKey, Due)> {
    match record {
        Record::PayoutFile(file) => {
            let due = match file.waits() {
                FileWaits::Soon => Due::Soon(changed),
                FileWaits::Until(time) => Due::At(time.0),
                FileWaits::Never => return None,
            };
            Some(((scope, PAYOUT_FILE_JOB, file.id.0.0), due))
        }
        Record::BankFile(file) if !file.is_done() => {
            Some(((scope, BANK_FILE_JOB, file.id.0.0), Due::Soon(changed)))
        }
        _ => None,
    }
}

/// A payout as far as files are concerned.
struct Seated {
    id: PayoutId,
    amount: i64,
    status: PayoutStatus,
    seat: Seat,
}

/// Everything that is known of files.
#[derive(Default)]
pub(super) struct Files {
    payouts: Vec<(u32, Seated)>,
    rails: Vec<(u32, PayoutRail)>,
    payout_files: Vec<(u32, PayoutFile)>,
    bank_files: Vec<(u32, BankFile)>,
    pages: HashMap<(u32, FilePageId), FilePage>,
}

/// Says what must hold of something of a log, and what is wrong where it does not.
type Must<'a> = dyn FnMut(u32, AnyId, bool, &str) + 'a;

impl Files {
    /// Takes in what a record says.
    pub fn record(&mut self, log: u32, record: &Record) {
        match record {
            Record::Payout(payout) => {
                if let Some(seat) = payout.body.seat {
                    let seated = Seated {
                        id: payout.body.id,
                        amount: payout.body.amount.minor,
                        status: payout.body.status,
                        seat,
                    };
                    self.payouts.push((log, seated));
                }
            }
            Record::PayoutRail(rail) => self.rails.push((log, rail.clone())),
            Record::PayoutFile(file) => self.payout_files.push((log, file.clone())),
            Record::BankFile(file) => self.bank_files.push((log, file.clone())),
            Record::FilePage(page) => {
                self.pages.insert((log, page.id), page.clone());
            }
            _ => {}
        }
    }

    /// Names what does not add up; logs of which entries could not be read are left out.
    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        let mut must = |log: u32, id: AnyId, holds: bool, fault: &str| {
            if !holds && !unread.any(log) {
                damages.note(format!("`{id}` of log {log}: {fault}"));
            }
        };
        self.check_payouts(&mut must);
        self.check_payout_files(&mut must);
        self.check_rails(&mut must);
        self.check_bank_files(&mut must);
        self.check_pages(&mut must);
    }

    /// INVARIANT(one-file): each payout is listed once, where it says it is.
    fn check_payouts(&self, must: &mut Must<'_>) {
        let mut listed: HashMap<(u32, PayoutId), u32> = HashMap::new();
        for ((log, _), page) in &self.pages {
            for payout in &page.payouts {
                let count = listed.entry((*log, *payout)).or_default();
                *count += 1;
            }
        }
        for (log, payout) in &self.payouts {
            let times = listed.remove(&(*log, payout.id)).unwrap_or(0);
            // One that was cancelled has left its file, and still says which it was.
            let is_gone = payout.status == PayoutStatus::Cancelled;
            let expected = u32::from(payout.seat.place.is_some() && !is_gone);
            let there = payout.seat.place.is_none_or(|place| {
                let page = self.pages.get(&(*log, place.page));
                page.is_some_and(|page| {
                    page.of == place.file.any() && page.payouts.contains(&payout.id) != is_gone
                })
            });
            let fault = "it is not in the one file that it says";
            must(*log, payout.id.any(), times == expected && there, fault);
        }
        for (log, payout) in listed.into_keys() {
            let fault = "a file lists it, and it says of none";
            must(log, payout.any(), false, fault);
        }
    }

    fn check_payout_files(&self, must: &mut Must<'_>) {
        let mut sums: HashMap<(u32, PayoutFileId), (u32, i64)> = HashMap::new();
        for (log, payout) in &self.payouts {
            let Some(place) = payout.seat.place else {
                continue;
            };
            if payout.status != PayoutStatus::Cancelled {
                let sum = sums.entry((*log, place.file)).or_default();
                sum.0 += 1;
                sum.1 = sum.1.saturating_add(payout.amount);
            }
        }
        for (log, file) in &self.payout_files {
            let (log, id) = (*log, file.id.any());
            let sum = sums.get(&(log, file.id)).copied().unwrap_or_default();
            let same = sum == (file.count, file.sum.minor);
            must(log, id, same, "its sum and count are not its payouts'");
            let listed = file
                .pages
                .iter()
                .filter_map(|page| self.pages.get(&(log, *page)));
            let listed: usize = listed.map(|page| page.payouts.len()).sum();
            let same = u32::try_from(listed) == Ok(file.count);
            must(log, id, same, "its pages do not list its payouts");
            let is_closed = file.status != PayoutFileStatus::Open;
            let is_made = matches!(
                file.status,
                PayoutFileStatus::Ready | PayoutFileStatus::Sent
            );
            let is_sent = file.status == PayoutFileStatus::Sent;
            let fits = file.closing.is_some() == is_closed
                && file.content.is_some() == is_made
                && file.sent_at.is_some() == is_sent
                && file.released <= file.count
                && (is_sent || file.released == 0);
            must(log, id, fits, "its state is not what it says was done");
        }
        self.check_order(must);
    }

    /// Nothing of a file that was not sent has gone out.
    fn check_order(&self, must: &mut Must<'_>) {
        let sent = self.payout_files.iter();
        let sent: HashMap<_, _> = sent
            .map(|(log, file)| ((*log, file.id), file.status == PayoutFileStatus::Sent))
            .collect();
        for (log, payout) in &self.payouts {
            let file = payout.seat.place.map(|place| place.file);
            let is_sent = file.and_then(|file| sent.get(&(*log, file))).copied();
            let fits = match payout.status {
                PayoutStatus::Initiated => file.is_none(),
                PayoutStatus::Pending => file.is_some(),
                // It left its file while that was open; what became of the file says nothing of it.
                PayoutStatus::Cancelled => true,
                _ => is_sent == Some(true),
            };
            let fault = "its state is not one that its file allows";
            must(*log, payout.id.any(), fits, fault);
        }
    }

    fn check_rails(&self, must: &mut Must<'_>) {
        for (log, rail) in &self.rails {
            let open = self.payout_files.iter().filter(|(of, file)| {
                of == log && file.rail == rail.id && file.status == PayoutFileStatus::Open
            });
            let open: Vec<_> = open.map(|(_, file)| file).collect();
            let same = match (open.as_slice(), rail.open) {
                ([], None) => true,
                ([file], Some(open)) => {
                    file.id == open.file && file.pages.last() == Some(&open.page)
                }
                _ => false,
            };
            let fault = "the file that is open is not the one that it says";
            must(*log, rail.id.any(), same, fault);
        }
    }

    fn check_bank_files(&self, must: &mut Must<'_>) {
        for (log, file) in &self.bank_files {
            let (log, id) = (*log, file.id.any());
            let pages = file
                .pages
                .iter()
                .filter_map(|page| self.pages.get(&(log, *page)));
            let entries: Vec<&BankEntry> = pages.flat_map(|page| &page.entries).collect();
            let mut counts = Counts::default();
            entries.iter().for_each(|entry| counts.add(entry.status));
            let done = usize::try_from(file.position).unwrap_or(usize::MAX);
            let in_order = entries
                .iter()
                .enumerate()
                .all(|(n, entry)| (entry.status != EntryStatus::Waiting) == (n < done));
            let same = u32::try_from(entries.len()) == Ok(file.entries) && counts == file.counts;
            must(log, id, same, "its counts are not its entries");
            let fits = in_order && file.completed_at.is_some() == file.is_done();
            must(log, id, fits, "its position is not how far its entries are");
        }
    }

    /// Every page belongs to the file that lists it.
    fn check_pages(&self, must: &mut Must<'_>) {
        let of_payouts = self
            .payout_files
            .iter()
            .flat_map(|(log, file)| file.pages.iter().map(|page| (*log, *page, file.id.any())));
        let of_banks = self
            .bank_files
            .iter()
            .flat_map(|(log, file)| file.pages.iter().map(|page| (*log, *page, file.id.any())));
        let mut owners: HashMap<(u32, FilePageId), AnyId> = HashMap::new();
        for (log, page, file) in of_payouts.chain(of_banks) {
            let taken = owners.insert((log, page), file).is_some();
            must(log, page.any(), !taken, "two files list this page");
            let is_there = self.pages.contains_key(&(log, page));
            must(log, page.any(), is_there, "this page is missing");
        }
        for ((log, id), page) in &self.pages {
            let same = owners.get(&(*log, *id)) == Some(&page.of);
            must(*log, id.any(), same, "no file lists this page");
        }
    }
}
