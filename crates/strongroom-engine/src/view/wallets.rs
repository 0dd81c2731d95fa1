//! Wallets with their books.

use strongroom_domain::facts::{Field, books_key};
use strongroom_domain::record::Record;
use strongroom_domain::wallets::{Books, Wallet};
use strongroom_store::IdRange;
use strongroom_types::id::{AnyId, Kind, RawId, WalletId};
use strongroom_types::reference::ReferenceId;

use crate::view::filters::within;
use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View, WalletFilter};

impl View<'_> {
    /// One wallet.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn wallet(&mut self, id: WalletId) -> Result<(Wallet, Books), ReadFault> {
        self.wallets_of(&[id.0])?.pop().ok_or(ReadFault::NotFound)
    }

    /// Wallets, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn wallets(
        &mut self,
        filter: &WalletFilter,
        page: &PageQuery,
    ) -> Result<Listing<(Wallet, Books)>, ReadFault> {
        if let Some(ids) = self.wallet_candidates(filter)? {
            return self.chosen_wallets(ids, filter, page);
        }
        let mut found = Collector::new(page);
        let mut range = IdRange::default();
        let cursor = page.cursor(WalletId::parse)?.map(|id| id.0.0);
        let backward = page.is_backward();
        loop {
            let bound = if backward {
                &mut range.after
            } else {
                &mut range.before
            };
            if bound.is_none() {
                *bound = cursor;
            }
            let limit = found.chunk();
            let rows = self.reader.records(
                self.scope.number,
                Kind::Wallet.code(),
                range,
                !backward,
                limit,
            )?;
            let Some(last) = rows.last() else { break };
            if backward {
                range.after = Some(last.id);
            } else {
                range.before = Some(last.id);
            }
            let ids: Vec<RawId> = rows.iter().map(|row| RawId(row.id)).collect();
            for pair in self.wallets_of(&ids)? {
                found.looked()?;
                if matches_wallet(filter, &pair.0, &pair.1) {
                    found.push(pair);
                }
            }
            if found.is_full() {
                break;
            }
        }
        Ok(found.finish(|(wallet, _)| wallet.body.id.to_string()))
    }

    /// Wallets named by an indexed field of the filter.
    fn wallet_candidates(
        &mut self,
        filter: &WalletFilter,
    ) -> Result<Option<Vec<RawId>>, ReadFault> {
        let fields = [
            (Field::WalletReference, &filter.reference_id),
            (Field::WalletEmail, &filter.email),
            (Field::WalletPhone, &filter.phone),
        ];
        for (field, text) in fields {
            if let Some(text) = text {
                let mut ids: Vec<RawId> = self
                    .holders(field, text, 1_000)?
                    .iter()
                    .map(|id| id.raw)
                    .collect();
                ids.sort_unstable_by(|a, b| b.cmp(a));
                return Ok(Some(ids));
            }
        }
        Ok(None)
    }

    fn chosen_wallets(
        &mut self,
        ids: Vec<RawId>,
        filter: &WalletFilter,
        page: &PageQuery,
    ) -> Result<Listing<(Wallet, Books)>, ReadFault> {
        let cursor = page.cursor(WalletId::parse)?.map(|id| id.0);
        let backward = page.is_backward();
        let mut ids: Vec<RawId> = ids
            .into_iter()
            .filter(|id| cursor.is_none_or(|c| if backward { *id > c } else { *id < c }))
            .collect();
        if backward {
            ids.reverse();
        }
        let mut found = Collector::new(page);
        for pair in self.wallets_of(&ids)? {
            if matches_wallet(filter, &pair.0, &pair.1) {
                found.push(pair);
            }
        }
        Ok(found.finish(|(wallet, _)| wallet.body.id.to_string()))
    }

    /// Wallets and books of a set of numbers, in its order.
    fn wallets_of(&mut self, ids: &[RawId]) -> Result<Vec<(Wallet, Books)>, ReadFault> {
        let keys: Vec<AnyId> = ids
            .iter()
            .flat_map(|id| [WalletId(*id).any(), books_key(WalletId(*id))])
            .collect();
        let mut wallets = std::collections::HashMap::new();
        let mut books = std::collections::HashMap::new();
        for (id, record) in self.records(&keys)? {
            match record {
                Record::Wallet(wallet) => drop(wallets.insert(id.raw, wallet)),
                Record::Books(value) => drop(books.insert(id.raw, value)),
                _ => {}
            }
        }
        Ok(ids
            .iter()
            .filter_map(|id| Some((wallets.remove(id)?, books.remove(id)?)))
            .collect())
    }
}

fn matches_wallet(filter: &WalletFilter, wallet: &Wallet, books: &Books) -> bool {
    let owner = wallet.owner.as_ref();
    let is = |wanted: &Option<String>, value: Option<&str>| {
        wanted
            .as_deref()
            .is_none_or(|w| value.is_some_and(|v| crate::text::folded(w) == crate::text::folded(v)))
    };
    filter
        .wallet_type
        .is_none_or(|t| t == wallet.body.wallet_type)
        && filter.status.is_none_or(|s| s == books.status)
        && filter.parent.is_none_or(|p| Some(p) == wallet.body.parent)
        && filter.currency.is_none_or(|c| c == wallet.body.currency)
        && filter.reference_id.as_deref().is_none_or(|reference| {
            wallet.body.reference_id.as_ref().map(ReferenceId::as_str) == Some(reference)
        })
        && is(&filter.email, owner.and_then(|o| o.email.as_deref()))
        && is(&filter.phone, owner.and_then(|o| o.phone.as_deref()))
        && within(
            wallet.body.created_at,
            filter.created_after,
            filter.created_before,
        )
}
