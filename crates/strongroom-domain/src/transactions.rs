//! Reading movements of money: which wallets a transaction concerns, and a wallet's line of it.

use strongroom_ledger::Posting;
use strongroom_types::id::{Kind, WalletId};

use crate::entry::{Transaction, TransactionKind};
use crate::facts::books_key;

impl Transaction {
    /// The wallets whose books it touched, in posting order.
    pub fn wallets(&self) -> impl Iterator<Item = WalletId> + '_ {
        self.postings
            .iter()
            .filter(|p| p.account.kind == Kind::Account)
            .map(|p| WalletId(p.account.raw))
    }

    pub fn posting(&self, wallet: WalletId) -> Option<&Posting> {
        self.postings
            .iter()
            .find(|p| p.account == books_key(wallet))
    }

    /// The wallet money left, if a wallet.
    pub fn source(&self) -> Option<WalletId> {
        self.side(|total| total < 0)
    }

    /// The wallet money reached, if a wallet.
    pub fn destination(&self) -> Option<WalletId> {
        self.side(|total| total > 0)
    }

    fn side(&self, wanted: impl Fn(i64) -> bool) -> Option<WalletId> {
        self.postings
            .iter()
            .find(|p| p.account.kind == Kind::Account && p.change.total().is_some_and(&wanted))
            .map(|p| WalletId(p.account.raw))
            .or_else(|| self.held())
    }

    /// The wallet whose own buckets a hold or its release moved between.
    fn held(&self) -> Option<WalletId> {
        let inner = matches!(
            self.kind,
            TransactionKind::PayoutHold
                | TransactionKind::PayoutRelease
                | TransactionKind::PaymentSettlement
                | TransactionKind::RefundHold
                | TransactionKind::RefundRelease
        );
        inner.then(|| self.wallets().next()).flatten()
    }
}
