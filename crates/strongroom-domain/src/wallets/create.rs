//! Making a wallet: its place in the tree, its books, its indexes.

use strongroom_auth::permission::CreateWallets;
use strongroom_ledger::Account;
use strongroom_types::currency::Currency;
use strongroom_types::id::{SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::reference::ReferenceId;

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

use super::{Awaited, Books, Business, Owner, Wallet, WalletBody, WalletStatus, WalletType};

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
            awaited: Some(Awaited::default()),
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

pub(super) fn claim_owner(decision: Decision, id: WalletId, owner: Option<&Owner>) -> Decision {
    let Some(owner) = owner else { return decision };
    decision
        .claim(Field::WalletEmail, owner.email.as_deref(), id.any())
        .claim(Field::WalletPhone, owner.phone.as_deref(), id.any())
}

pub(super) fn with_children(parent: &Wallet, change: i32) -> Wallet {
    let mut parent = parent.clone();
    parent.body.children = parent.body.children.saturating_add_signed(change);
    parent
}

fn tenant(facts: &Facts, scope: Scope) -> Result<&Tenant, Rejection> {
    facts
        .tenant(scope.organization)
        .ok_or_else(|| Rejection::new(Code::NotFound, "the books are not open yet"))
}
