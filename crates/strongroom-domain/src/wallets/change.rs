//! Changing a wallet: its particulars, and its state.

use strongroom_auth::permission::ManageWallets;
use strongroom_types::id::WalletId;
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, books_key};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view;

use super::create::{claim_owner, with_children};
use super::{Books, Business, Owner, Wallet, WalletStatus};

/// `PATCH /v1/wallets/{id}`: what is `None` stays as it is.
pub struct UpdateWallet {
    pub id: WalletId,
    pub owner: Option<Owner>,
    pub business: Option<Business>,
    pub metadata: Option<Metadata>,
    /// `Some(None)` removes the threshold.
    pub low_balance: Option<Option<i64>>,
}

impl Command for UpdateWallet {
    type Permission = ManageWallets;

    fn action(&self) -> Action {
        Action::WalletUpdated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any()).books(self.id)
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let (wallet, books) = both(facts, self.id)?;
        if books.status == WalletStatus::Closed {
            return Err(Rejection::new(
                Code::WalletClosed,
                format!("`{}` is closed", self.id),
            ));
        }

        // From here it must succeed.
        let mut changed = wallet.clone();
        let mut new_books = books.clone();
        let mut names = Vec::new();
        if let Some(owner) = &self.owner {
            changed.owner = Some(owner.clone());
            names.push("owner");
        }
        if let Some(business) = &self.business {
            changed.body.business = Some(business.clone());
            names.push("business");
        }
        if let Some(metadata) = &self.metadata {
            changed.body.metadata = metadata.clone();
            names.push("metadata");
        }
        if let Some(limit) = self.low_balance {
            new_books.low_balance = limit;
            names.push("low_balance_threshold");
        }
        let reply = view::json(&view::WalletView::new(&changed, &new_books));
        let event = EventFact {
            event: EventType::WalletUpdated,
            about: Some(self.id.any()),
        };
        let mut decision = Decision::new(
            facts,
            Action::WalletUpdated,
            self.id.any(),
            Movement::none(),
            vec![event],
        )
        .change(books_key(self.id), Record::Books(new_books))
        .detail("changed", names.join(","))
        .reply(Reply::Stored(reply));
        if self.owner.is_some() {
            decision = release_owner(decision, self.id, wallet.owner.as_ref());
            decision = claim_owner(decision, self.id, changed.owner.as_ref());
        }
        Ok(decision.change(self.id.any(), Record::Wallet(changed)))
    }
}

/// `POST /v1/wallets/{id}/freeze|unfreeze|close`.
pub struct SetWalletStatus {
    pub id: WalletId,
    pub status: WalletStatus,
}

impl Command for SetWalletStatus {
    type Permission = ManageWallets;

    fn action(&self) -> Action {
        match self.status {
            WalletStatus::Active => Action::WalletUnfrozen,
            WalletStatus::Frozen => Action::WalletFrozen,
            WalletStatus::Closed => Action::WalletClosed,
        }
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default()
            .record(self.id.any())
            .books(self.id)
            .record(scope.organization.any());
        let parent = facts.wallet(self.id).and_then(|wallet| wallet.body.parent);
        match (self.status, parent) {
            (WalletStatus::Closed, Some(parent)) => keys.record(parent.any()),
            _ => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let (wallet, books) = both(facts, self.id)?;
        let id = self.id;
        match (books.status, self.status) {
            (WalletStatus::Closed, _) => {
                return Err(Rejection::new(
                    Code::WalletClosed,
                    format!("`{id}` is closed"),
                ));
            }
            (now, wanted) if now == wanted => {
                return Err(Rejection::new(
                    Code::InvalidState,
                    format!("`{id}` is in that state already"),
                ));
            }
            (_, WalletStatus::Closed) => may_close(wallet, books)?,
            _ => {}
        }

        // From here it must succeed.
        let books = Books {
            status: self.status,
            ..books.clone()
        };
        let event = match self.status {
            WalletStatus::Active => EventType::WalletUnfrozen,
            WalletStatus::Frozen => EventType::WalletFrozen,
            WalletStatus::Closed => EventType::WalletClosed,
        };
        let reply = view::json(&view::WalletView::new(wallet, &books));
        let events = vec![EventFact {
            event,
            about: Some(id.any()),
        }];
        let mut decision = Decision::new(facts, self.action(), id.any(), Movement::none(), events)
            .change(books_key(id), Record::Books(books))
            .reply(Reply::Stored(reply));
        if self.status == WalletStatus::Closed {
            if let Some(parent) = wallet.body.parent.and_then(|parent| facts.wallet(parent)) {
                decision = decision.change(
                    parent.body.id.any(),
                    Record::Wallet(with_children(parent, -1)),
                );
            }
            if let Some(changed) = facts
                .tenant(moment.scope.organization)
                .and_then(|t| t.without_wallet(id))
            {
                decision =
                    decision.change(moment.scope.organization.any(), Record::Tenant(changed));
            }
        }
        Ok(decision)
    }
}

fn both(facts: &Facts, id: WalletId) -> Result<(&Wallet, &Books), Rejection> {
    match (facts.wallet(id), facts.books(id)) {
        (Some(wallet), Some(books)) => Ok((wallet, books)),
        _ => Err(Rejection::new(Code::NotFound, "there is no such wallet")),
    }
}

fn may_close(wallet: &Wallet, books: &Books) -> Result<(), Rejection> {
    let id = wallet.body.id;
    if !books.account.balances.is_zero() {
        return Err(Rejection::new(
            Code::WalletNotEmpty,
            format!("`{id}` still holds money"),
        ));
    }
    if wallet.body.children > 0 {
        return Err(Rejection::new(
            Code::WalletHasChildren,
            format!("`{id}` has {} open wallets below it", wallet.body.children),
        ));
    }
    books.awaited.unwrap_or_default().over(id)
}

fn release_owner(decision: Decision, id: WalletId, owner: Option<&Owner>) -> Decision {
    let Some(owner) = owner else { return decision };
    decision
        .release(Field::WalletEmail, owner.email.as_deref(), id.any())
        .release(Field::WalletPhone, owner.phone.as_deref(), id.any())
}
