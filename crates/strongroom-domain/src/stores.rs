//! Stores: places of sale, each with one currency and the wallet that its card payments go to.

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_auth::permission::{CreateStores, ManageStores};
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{StoreId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payouts::check_wallet;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// A store.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct StoreBody {
    #[n(0)]
    #[class(operational)]
    pub id: StoreId,
    #[n(1)]
    #[class(sensitive)]
    pub name: String,
    #[n(2)]
    #[class(operational)]
    pub currency: Currency,
    /// Where card payments go; the operating wallet of the currency when absent.
    #[n(3)]
    #[class(operational)]
    pub wallet: Option<WalletId>,
    #[n(4)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(5)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// Printed on receipts: address, tax number.
    #[n(6)]
    #[class(sensitive)]
    pub header: Vec<String>,
}

/// A store on the wire.
#[derive(Serialize)]
pub struct StoreView<'a> {
    pub id: StoreId,
    pub object: &'static str,
    pub name: &'a str,
    pub currency: Currency,
    pub wallet_id: Option<WalletId>,
    pub receipt_header: &'a [String],
    pub metadata: &'a Metadata,
    pub created_at: Timestamp,
}

impl<'a> StoreView<'a> {
    pub fn new(body: &'a StoreBody) -> StoreView<'a> {
        StoreView {
            id: body.id,
            object: "store",
            name: &body.name,
            currency: body.currency,
            wallet_id: body.wallet,
            receipt_header: &body.header,
            metadata: &body.metadata,
            created_at: body.created_at,
        }
    }
}

/// `POST /v1/stores`.
pub struct CreateStore {
    pub name: String,
    /// The organization's when absent.
    pub currency: Option<Currency>,
    pub wallet: Option<WalletId>,
    pub header: Vec<String>,
    pub metadata: Metadata,
}

impl Command for CreateStore {
    type Permission = CreateStores;

    fn action(&self) -> Action {
        Action::StoreCreated
    }

    fn keys(&self, _: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default().record(scope.organization.any());
        match self.wallet {
            Some(wallet) => keys.books(wallet),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let tenant = facts.tenant(moment.scope.organization);
        let missing = || Rejection::new(Code::NotFound, "the books are not open yet");
        let currency = match self.currency {
            Some(currency) => currency,
            None => tenant.ok_or_else(missing)?.currency,
        };
        if let Some(wallet) = self.wallet {
            check_wallet(facts, wallet, currency, "/wallet_id")?;
        }

        // From here it must succeed.
        let body = StoreBody {
            id: StoreId(moment.fresh()),
            name: self.name.clone(),
            currency,
            wallet: self.wallet,
            metadata: self.metadata.clone(),
            created_at: moment.now,
            header: self.header.clone(),
        };
        let id = body.id.any();
        let events = vec![EventFact::new(EventType::StoreCreated, id)];
        let none = Movement::none();
        Ok(Decision::new(facts, Action::StoreCreated, id, none, events)
            .reply(Reply::Stored(json(&StoreView::new(&body))))
            .change(id, Record::Store(body)))
    }
}

/// `PATCH /v1/stores/{id}`: what is `None` stays as it is.
pub struct UpdateStore {
    pub id: StoreId,
    pub name: Option<String>,
    pub header: Option<Vec<String>>,
    pub metadata: Option<Metadata>,
}

impl Command for UpdateStore {
    type Permission = ManageStores;

    fn action(&self) -> Action {
        Action::StoreUpdated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let missing = || Rejection::new(Code::NotFound, "there is no such store");
        let old = facts.store(self.id).ok_or_else(missing)?;

        // From here it must succeed.
        let mut next = old.clone();
        let mut changed = Vec::new();
        if let Some(name) = &self.name {
            next.name.clone_from(name);
            changed.push("name");
        }
        if let Some(header) = &self.header {
            next.header.clone_from(header);
            changed.push("receipt_header");
        }
        if let Some(metadata) = &self.metadata {
            next.metadata = metadata.clone();
            changed.push("metadata");
        }
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::StoreUpdated, id)];
        let none = Movement::none();
        Ok(Decision::new(facts, Action::StoreUpdated, id, none, events)
            .detail("changed", changed.join(","))
            .reply(Reply::Stored(json(&StoreView::new(&next))))
            .change(id, Record::Store(next)))
    }
}
