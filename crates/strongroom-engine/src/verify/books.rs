//! The books, from postings alone: each account's chain of postings, and the balance it must have by now.

use std::collections::HashMap;

use strongroom_domain::entry::EntryFacts;
use strongroom_ledger::{Account, Balances, Posting};
use strongroom_types::id::{AnyId, Kind};

use crate::verify::report::Damages;
use crate::verify::unread::Unread;

struct State {
    account: Account,
    has_record: bool,
}

/// Every account that was ever posted to, as its postings leave it.
#[derive(Default)]
pub(super) struct Books {
    accounts: HashMap<(u32, AnyId), State, foldhash::fast::RandomState>,
    pub postings: u64,
}

impl Books {
    /// Applies the postings of one entry.
    pub fn fold(
        &mut self,
        log: u32,
        seq: u64,
        facts: &EntryFacts,
        unread: &Unread,
        damages: &mut Damages,
    ) {
        for posting in facts.transactions.iter().flat_map(|t| &t.postings) {
            self.postings += 1;
            if let Some(fault) = self.post(log, seq, posting, unread) {
                damages.note(format!(
                    "entry {seq} of log {log}: its posting to `{}` {fault}",
                    posting.account
                ));
            }
        }
    }

    /// Takes a posting as it is, and says how it does not follow from the one before.
    fn post(
        &mut self,
        log: u32,
        seq: u64,
        posting: &Posting,
        unread: &Unread,
    ) -> Option<&'static str> {
        let fresh = || State {
            account: Account::empty(posting.currency),
            has_record: false,
        };
        let state = self
            .accounts
            .entry((log, posting.account))
            .or_insert_with(fresh);
        let before = state.account;
        state.account = Account {
            currency: posting.currency,
            balances: posting.after,
            last: seq,
        };
        if posting.previous > before.last && unread.contains(log, posting.previous) {
            return None;
        }
        let follows = posting.previous == before.last && posting.currency == before.currency;
        if !follows || before.balances.plus(&posting.change) != Some(posting.after) {
            return Some("does not follow from the one before");
        }
        (posting.account.kind != Kind::External && is_short(&posting.after))
            .then_some("leaves it below zero")
    }

    /// Holds an account's record against its postings.
    pub fn check_record(
        &mut self,
        log: u32,
        id: AnyId,
        found: &Account,
        unread: &Unread,
        damages: &mut Damages,
    ) {
        let same = match self.accounts.get_mut(&(log, id)) {
            Some(state) => {
                state.has_record = true;
                state.account == *found
            }
            None => found.balances.is_zero() && found.last == 0,
        };
        if !same && !unread.contains(log, found.last) {
            damages.note(format!(
                "`{id}` of log {log}: its balances are not what its postings say"
            ));
        }
    }

    /// Names the accounts that have postings and no record.
    pub fn finish(&self, damages: &mut Damages) {
        let mut lost: Vec<_> = self
            .accounts
            .iter()
            .filter(|(_, s)| !s.has_record)
            .map(|(key, _)| *key)
            .collect();
        lost.sort_unstable();
        for (log, id) in lost {
            damages.note(format!(
                "`{id}` of log {log}: it has postings and no record"
            ));
        }
    }

    pub fn len(&self) -> u64 {
        u64::try_from(self.accounts.len()).unwrap_or(u64::MAX)
    }
}

fn is_short(balances: &Balances) -> bool {
    balances.available < 0 || balances.pending < 0 || balances.reserved < 0
}
