//! Wallets: the tree, who owns them, their state, and their books.
//!
//! A wallet is two records under one number: the wallet itself (rarely changed, with its owner's personal part) and
//! its [`Books`] (balances and status, all that a payment needs to know).

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_auth::permission::{CreateWallets, ManageWallets};
use strongroom_ledger::Account;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys, books_key};
use crate::organizations::Tenant;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view;

/// Where a wallet stands in the tree: master → operating, reserve, sub-merchant → user wallets (sub-merchant again).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WalletType {
    #[n(0)]
    Master,
    #[n(1)]
    Operating,
    #[n(2)]
    Reserve,
    #[n(3)]
    SubMerchant,
}

impl WalletType {
    pub fn parse(text: &str) -> Option<WalletType> {
        match text {
            "master" => Some(WalletType::Master),
            "operating" => Some(WalletType::Operating),
            "reserve" => Some(WalletType::Reserve),
            "sub_merchant" => Some(WalletType::SubMerchant),
            _ => None,
        }
    }

    fn fits_below(self, parent: WalletType) -> bool {
        match self {
            WalletType::Master => false,
            WalletType::Operating | WalletType::Reserve => parent == WalletType::Master,
            WalletType::SubMerchant => {
                matches!(parent, WalletType::Master | WalletType::SubMerchant)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WalletStatus {
    #[n(0)]
    Active,
    /// Takes no money and gives none.
    #[n(1)]
    Frozen,
    /// Empty for good.
    #[n(2)]
    Closed,
}

impl WalletStatus {
    pub const fn code(self) -> u8 {
        match self {
            WalletStatus::Active => 0,
            WalletStatus::Frozen => 1,
            WalletStatus::Closed => 2,
        }
    }

    pub fn parse(text: &str) -> Option<WalletStatus> {
        match text {
            "active" => Some(WalletStatus::Active),
            "frozen" => Some(WalletStatus::Frozen),
            "closed" => Some(WalletStatus::Closed),
            _ => None,
        }
    }
}

/// A wallet's books: what every payment loads.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct Books {
    #[n(0)]
    #[class(operational)]
    pub status: WalletStatus,
    /// Warn when `available` falls below this many minor units.
    #[n(1)]
    #[class(sensitive)]
    pub low_balance: Option<i64>,
    #[n(2)]
    #[class(sensitive)]
    pub account: Account,
}

impl Books {
    /// Whether this change takes `available` from at or over the threshold to under it.
    pub fn falls_low(&self, after: i64) -> bool {
        self.low_balance
            .is_some_and(|limit| self.account.balances.available >= limit && after < limit)
    }

    /// Refuses unless money may move here.
    ///
    /// # Errors
    /// [`Code::WalletFrozen`] or [`Code::WalletClosed`], naming the wallet.
    pub fn open(&self, id: WalletId) -> Result<(), Rejection> {
        match self.status {
            WalletStatus::Active => Ok(()),
            WalletStatus::Frozen => Err(Rejection::new(
                Code::WalletFrozen,
                format!("`{id}` is frozen"),
            )),
            WalletStatus::Closed => Err(Rejection::new(
                Code::WalletClosed,
                format!("`{id}` is closed"),
            )),
        }
    }
}

/// A wallet without its personal part.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct WalletBody {
    #[n(0)]
    #[class(operational)]
    pub id: WalletId,
    #[n(1)]
    #[class(operational)]
    pub wallet_type: WalletType,
    #[n(2)]
    #[class(operational)]
    pub currency: Currency,
    #[n(3)]
    #[class(operational)]
    pub parent: Option<WalletId>,
    #[n(4)]
    #[class(operational)]
    pub subject: SubjectId,
    #[n(5)]
    #[class(sensitive)]
    pub business: Option<Business>,
    #[n(6)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(7)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(8)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// Wallets directly below that are not closed.
    #[n(9)]
    #[class(operational)]
    pub children: u32,
}

/// The firm behind a wallet.
#[derive(Clone, Encode, Decode, Serialize, Classified)]
#[part(business)]
pub struct Business {
    #[n(0)]
    #[class(sensitive)]
    pub name: Option<String>,
    #[n(1)]
    #[class(sensitive)]
    pub registration_number: Option<String>,
    #[n(2)]
    #[class(sensitive)]
    pub industry: Option<String>,
}

/// The person behind a wallet.
#[derive(Clone, Encode, Decode, Serialize, Classified)]
#[part(personal)]
pub struct Owner {
    #[n(0)]
    #[class(personal)]
    pub name: Option<String>,
    #[n(1)]
    #[class(personal)]
    pub email: Option<String>,
    #[n(2)]
    #[class(personal)]
    pub phone: Option<String>,
}

/// A wallet as stored.
#[derive(Clone)]
pub struct Wallet {
    pub body: WalletBody,
    pub owner: Option<Owner>,
}

/// `POST /v1/wallets`.
pub struct CreateWallet {
    pub wallet_type: WalletType,
    pub currency: Option<Currency>,
    pub parent: Option<WalletId>,
    pub owner: Option<Owner>,
    pub business: Option<Business>,
    pub reference_id: Option<ReferenceId>,
    pub metadata: Metadata,
    /// Minor units of the wallet's currency.
    pub low_balance: Option<i64>,
}

impl Command for CreateWallet {
    type Permission = CreateWallets;

    fn action(&self) -> Action {
        Action::WalletCreated
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let mut keys = Keys::default().record(scope.organization.any());
        if let Some(reference) = &self.reference_id {
            keys = keys.holder(Field::WalletReference, reference.as_str());
        }
        match facts
            .tenant(scope.organization)
            .and_then(|tenant| self.parent_in(tenant))
        {
            Some(parent) => keys.record(parent.any()).books(parent),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let tenant = tenant(facts, moment.scope)?;
        let currency = self.currency.unwrap_or(tenant.currency);
        let parent = self.checked_parent(facts, tenant, currency)?;
        facts.free(
            Field::WalletReference,
            self.reference_id.as_ref().map(ReferenceId::as_str),
        )?;

        // From here it must succeed.
        let id = WalletId(moment.fresh());
        let wallet = self.wallet(id, currency, parent.as_ref().map(|p| p.body.id), moment);
        let books = Books {
            status: WalletStatus::Active,
            low_balance: self.low_balance,
            account: Account::empty(currency),
        };
        let reply = view::json(&view::WalletView::new(&wallet, &books));
        let event = EventFact {
            event: EventType::WalletCreated,
            about: Some(id.any()),
        };
        let mut decision = Decision::new(
            facts,
            Action::WalletCreated,
            id.any(),
            Movement::none(),
            vec![event],
        )
        .claim(
            Field::WalletReference,
            self.reference_id.as_ref().map(ReferenceId::as_str),
            id.any(),
        )
        .change(books_key(id), Record::Books(books))
        .reply(Reply::Stored(reply));
        decision = claim_owner(decision, id, wallet.owner.as_ref());
        if let Some(parent) = parent {
            decision = decision.change(
                parent.body.id.any(),
                Record::Wallet(with_children(parent, 1)),
            );
        }
        if let Some(changed) = tenant.with_wallet(self.wallet_type, currency, id) {
            decision = decision.change(moment.scope.organization.any(), Record::Tenant(changed));
        }
        Ok(decision.change(id.any(), Record::Wallet(wallet)))
    }
}

impl CreateWallet {
    /// The parent named, or the master of the currency.
    fn parent_in(&self, tenant: &Tenant) -> Option<WalletId> {
        match (self.wallet_type, self.parent) {
            (_, Some(parent)) => Some(parent),
            (WalletType::Master, None) => None,
            (_, None) => tenant.master(self.currency.unwrap_or(tenant.currency)),
        }
    }

    fn checked_parent<'a>(
        &self,
        facts: &'a Facts,
        tenant: &Tenant,
        currency: Currency,
    ) -> Result<Option<&'a Wallet>, Rejection> {
        let Some(id) = self.parent_in(tenant) else {
            return Ok(None);
        };
        let missing = || {
            Rejection::at(
                Code::WalletNotFound,
                "/parent_id",
                "there is no such parent wallet",
            )
        };
        let parent = facts.wallet(id).ok_or_else(missing)?;
        facts.books(id).ok_or_else(missing)?.open(id)?;
        let fault = |text: String| Err(Rejection::at(Code::ParentInvalid, "/parent_id", text));
        if !self.wallet_type.fits_below(parent.body.wallet_type) {
            return fault(format!("a wallet of this type cannot stand below `{id}`"));
        }
        if parent.body.currency != currency {
            return fault(format!("`{id}` is kept in {}", parent.body.currency));
        }
        Ok(Some(parent))
    }

    fn wallet(
        &self,
        id: WalletId,
        currency: Currency,
        parent: Option<WalletId>,
        moment: &Moment,
    ) -> Wallet {
        Wallet {
            body: WalletBody {
                id,
                wallet_type: self.wallet_type,
                currency,
                parent,
                subject: SubjectId(id.0),
                business: self.business.clone(),
                reference_id: self.reference_id.clone(),
                metadata: self.metadata.clone(),
                created_at: moment.now,
                children: 0,
            },
            owner: self.owner.clone(),
        }
    }
}

fn claim_owner(decision: Decision, id: WalletId, owner: Option<&Owner>) -> Decision {
    let Some(owner) = owner else { return decision };
    decision
        .claim(Field::WalletEmail, owner.email.as_deref(), id.any())
        .claim(Field::WalletPhone, owner.phone.as_deref(), id.any())
}

fn release_owner(decision: Decision, id: WalletId, owner: Option<&Owner>) -> Decision {
    let Some(owner) = owner else { return decision };
    decision
        .release(Field::WalletEmail, owner.email.as_deref(), id.any())
        .release(Field::WalletPhone, owner.phone.as_deref(), id.any())
}

fn with_children(parent: &Wallet, change: i32) -> Wallet {
    let mut parent = parent.clone();
    parent.body.children = parent.body.children.saturating_add_signed(change);
    parent
}

fn tenant(facts: &Facts, scope: Scope) -> Result<&Tenant, Rejection> {
    facts
        .tenant(scope.organization)
        .ok_or_else(|| Rejection::new(Code::NotFound, "the books are not open yet"))
}

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
    Ok(())
}
