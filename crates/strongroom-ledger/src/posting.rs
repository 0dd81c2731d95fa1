//! Legs, postings and the proof that they balance.

use minicbor::{Decode, Encode};
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, Kind};

use crate::account::{Account, Balances, Bucket};

/// One wish: add `amount` (signed minor units) to a bucket of an account.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    pub account: AnyId,
    pub bucket: Bucket,
    pub amount: i64,
}

impl Leg {
    pub fn new(account: AnyId, bucket: Bucket, amount: i64) -> Leg {
        Leg {
            account,
            bucket,
            amount,
        }
    }
}

/// What one movement did to one account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Posting {
    #[n(0)]
    pub account: AnyId,
    #[n(1)]
    pub currency: Currency,
    /// Signed change per bucket.
    #[n(2)]
    pub change: Balances,
    /// The account's balances after it.
    #[n(3)]
    pub after: Balances,
    /// Log sequence of the account's previous posting; 0 for its first.
    #[n(4)]
    pub previous: u64,
}

/// Postings whose changes sum to zero per currency. Only [`Balanced::post`] and [`Balanced::none`] make one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balanced(Vec<Posting>);

/// Why legs are no movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerFault {
    /// A leg names an account that was not handed in.
    UnknownAccount(AnyId),
    /// The legs do not sum to zero in some currency.
    Unbalanced,
    /// The account does not hold enough in the bucket.
    Insufficient(AnyId),
    /// A balance would leave ±(2^53 − 1).
    Limit(AnyId),
}

impl Balanced {
    /// No movement at all.
    pub fn none() -> Balanced {
        Balanced(Vec::new())
    }

    /// Applies `legs` to `accounts` in place, as the entry numbered `sequence`.
    ///
    /// # Errors
    /// A [`LedgerFault`]; then `accounts` must not be used further.
    pub fn post(
        accounts: &mut [(AnyId, Account)],
        legs: &[Leg],
        sequence: u64,
    ) -> Result<Balanced, LedgerFault> {
        let mut postings: Vec<Posting> = Vec::with_capacity(accounts.len());
        for leg in legs {
            let posting = match postings.iter_mut().find(|p| p.account == leg.account) {
                Some(posting) => posting,
                None => {
                    postings.push(opened(accounts, leg.account)?);
                    postings.last_mut().ok_or(LedgerFault::Unbalanced)?
                }
            };
            posting
                .change
                .add(leg.bucket, leg.amount)
                .ok_or(LedgerFault::Limit(leg.account))?;
        }
        if !sums_to_zero(&postings) {
            return Err(LedgerFault::Unbalanced);
        }
        for posting in &mut postings {
            close(accounts, posting, sequence)?;
        }
        // INVARIANT(ledger-balanced): what leaves here sums to zero per currency, checked again on every verify.
        Ok(Balanced(postings))
    }

    pub fn postings(&self) -> &[Posting] {
        &self.0
    }

    pub fn into_postings(self) -> Vec<Posting> {
        self.0
    }
}

fn opened(accounts: &[(AnyId, Account)], id: AnyId) -> Result<Posting, LedgerFault> {
    let (_, account) = accounts
        .iter()
        .find(|(key, _)| *key == id)
        .ok_or(LedgerFault::UnknownAccount(id))?;
    Ok(Posting {
        account: id,
        currency: account.currency,
        change: Balances::default(),
        after: account.balances,
        previous: account.last,
    })
}

fn close(
    accounts: &mut [(AnyId, Account)],
    posting: &mut Posting,
    sequence: u64,
) -> Result<(), LedgerFault> {
    let id = posting.account;
    let (_, account) = accounts
        .iter_mut()
        .find(|(key, _)| *key == id)
        .ok_or(LedgerFault::UnknownAccount(id))?;
    let after = account
        .balances
        .plus(&posting.change)
        .ok_or(LedgerFault::Limit(id))?;
    // The outside world may owe or be owed; a wallet may never be short in any bucket it pays from.
    let short = |now: i64, change: i64| change < 0 && now < 0;
    let lacks = short(after.available, posting.change.available)
        || short(after.pending, posting.change.pending)
        || short(after.reserved, posting.change.reserved);
    if id.kind != Kind::External && lacks {
        return Err(LedgerFault::Insufficient(id));
    }
    after.total().ok_or(LedgerFault::Limit(id))?;
    posting.after = after;
    account.balances = after;
    account.last = sequence;
    Ok(())
}

/// Whether the changes of all buckets sum to zero in each currency.
fn sums_to_zero(postings: &[Posting]) -> bool {
    postings.iter().all(|one| {
        let sum: i128 = postings
            .iter()
            .filter(|p| p.currency == one.currency)
            .map(|p| {
                i128::from(p.change.available)
                    + i128::from(p.change.pending)
                    + i128::from(p.change.reserved)
            })
            .sum();
        sum == 0
    })
}

impl Posting {
    /// Whether a list of postings, from a log entry, balances per currency.
    pub fn balance(postings: &[Posting]) -> bool {
        sums_to_zero(postings)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strongroom_types::id::RawId;

    use super::*;

    fn account(kind: Kind, n: u8, code: &str, available: i64) -> (AnyId, Account) {
        let mut account = Account::empty(Currency::parse(code).unwrap());
        account.balances.available = available;
        account.last = u64::from(n);
        (
            AnyId {
                kind,
                raw: RawId([n; 12]),
            },
            account,
        )
    }

    #[test]
    fn a_transfer_posts_both_sides_and_links_back() {
        let mut accounts = [
            account(Kind::Account, 1, "PHP", 500),
            account(Kind::Account, 2, "PHP", 0),
        ];
        let legs = [
            Leg::new(accounts[0].0, Bucket::Available, -200),
            Leg::new(accounts[1].0, Bucket::Available, 200),
        ];
        let moved = Balanced::post(&mut accounts, &legs, 9).unwrap();
        assert_eq!(accounts[0].1.balances.available, 300);
        assert_eq!(accounts[1].1.balances.available, 200);
        assert_eq!(moved.postings()[0].previous, 1);
        assert_eq!(accounts[0].1.last, 9);
        assert!(Posting::balance(moved.postings()));
    }

    #[test]
    fn faults_are_named() {
        let mut accounts = [
            account(Kind::Account, 1, "PHP", 500),
            account(Kind::Account, 2, "USD", 0),
            account(Kind::Account, 3, "PHP", strongroom_types::money::LIMIT),
            account(Kind::External, 4, "PHP", 0),
        ];
        let [php, usd, full, outside] =
            [accounts[0].0, accounts[1].0, accounts[2].0, accounts[3].0];
        let one = |id, amount| Leg::new(id, Bucket::Available, amount);
        let cases = [
            (vec![one(php, -1), one(usd, 1)], LedgerFault::Unbalanced),
            (vec![one(php, -1)], LedgerFault::Unbalanced),
            (
                vec![one(php, -501), one(outside, 501)],
                LedgerFault::Insufficient(php),
            ),
            (vec![one(php, -1), one(full, 1)], LedgerFault::Limit(full)),
            (
                vec![one(
                    AnyId {
                        kind: Kind::Account,
                        raw: RawId([9; 12]),
                    },
                    1,
                )],
                LedgerFault::UnknownAccount(AnyId {
                    kind: Kind::Account,
                    raw: RawId([9; 12]),
                }),
            ),
        ];
        for (legs, fault) in cases {
            assert_eq!(Balanced::post(&mut accounts.clone(), &legs, 1), Err(fault));
        }
        assert!(Balanced::post(&mut accounts, &[one(outside, -700), one(php, 700)], 1).is_ok());
    }

    proptest! {
        /// Whatever is posted, the world's sum stays the same and no wallet goes below zero.
        #[test]
        fn sums_are_conserved(moves in proptest::collection::vec((0usize..4, 0usize..4, 1i64..1_000), 0..60)) {
            let mut accounts = vec![
                account(Kind::External, 1, "PHP", 0),
                account(Kind::Account, 2, "PHP", 1_000),
                account(Kind::Account, 3, "PHP", 0),
                account(Kind::Account, 4, "PHP", 10),
            ];
            for (from, to, amount) in moves {
                let legs = [
                    Leg::new(accounts[from].0, Bucket::Available, -amount),
                    Leg::new(accounts[to].0, Bucket::Reserved, amount),
                ];
                let mut copy = accounts.clone();
                if Balanced::post(&mut copy, &legs, 1).is_ok() {
                    accounts = copy;
                }
                let sum: i64 = accounts.iter().map(|(_, a)| a.balances.total().unwrap()).sum();
                prop_assert_eq!(sum, 1_010);
                prop_assert!(accounts.iter().skip(1).all(|(_, a)| a.balances.available >= 0));
            }
        }
    }
}
