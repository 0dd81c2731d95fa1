//! Organizations and their books in each mode.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::Operate;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{OrganizationId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::wallets::WalletType;

/// An organization, as the installation knows it.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct Organization {
    #[n(0)]
    #[class(operational)]
    pub id: OrganizationId,
    /// Scope numbers of its books.
    #[n(1)]
    #[class(operational)]
    pub test_scope: u32,
    #[n(2)]
    #[class(operational)]
    pub live_scope: u32,
    #[n(3)]
    #[class(operational)]
    pub created_at: Timestamp,
}

/// An organization's books in one mode.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct Tenant {
    #[n(0)]
    #[class(operational)]
    pub id: OrganizationId,
    #[n(1)]
    #[class(sensitive)]
    pub name: String,
    /// Used where a request names none.
    #[n(2)]
    #[class(operational)]
    pub currency: Currency,
    /// The first master wallet of each currency.
    #[n(3)]
    #[class(operational)]
    pub masters: Vec<CurrencyWallet>,
    /// The first operating wallet of each currency: payouts that name no source leave from it.
    #[n(4)]
    #[class(operational)]
    pub operating: Vec<CurrencyWallet>,
    #[n(5)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// Owner keys that are neither revoked nor about to expire.
    #[n(6)]
    #[class(operational)]
    pub owner_keys: u32,
    /// Endpoints that are not deleted; `None` before the first.
    #[n(7)]
    #[class(operational)]
    pub webhooks: Option<u32>,
    /// Alerts that nobody has resolved; `None` before the first.
    #[n(8)]
    #[class(operational)]
    pub open_alerts: Option<u32>,
    /// Roles that are not deleted; `None` before the first.
    #[n(12)]
    #[class(operational)]
    pub roles: Option<u32>,
}

/// A wallet chosen for a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CurrencyWallet {
    #[n(0)]
    pub currency: Currency,
    #[n(1)]
    pub wallet: WalletId,
}

impl Tenant {
    pub fn master(&self, currency: Currency) -> Option<WalletId> {
        chosen(&self.masters, currency)
    }

    pub fn operating(&self, currency: Currency) -> Option<WalletId> {
        chosen(&self.operating, currency)
    }

    /// The tenant with a new wallet as its currency's first of a kind; `None` when nothing changes.
    pub fn with_wallet(
        &self,
        wallet_type: WalletType,
        currency: Currency,
        wallet: WalletId,
    ) -> Option<Tenant> {
        let mut changed = self.clone();
        let list = match wallet_type {
            WalletType::Master => &mut changed.masters,
            WalletType::Operating => &mut changed.operating,
            WalletType::Reserve | WalletType::SubMerchant => return None,
        };
        if chosen(list, currency).is_some() {
            return None;
        }
        list.push(CurrencyWallet { currency, wallet });
        Some(changed)
    }

    /// The tenant after a wallet was closed; `None` when nothing changes.
    pub fn without_wallet(&self, wallet: WalletId) -> Option<Tenant> {
        let mut changed = self.clone();
        changed.masters.retain(|choice| choice.wallet != wallet);
        changed.operating.retain(|choice| choice.wallet != wallet);
        let same = changed.masters.len() == self.masters.len()
            && changed.operating.len() == self.operating.len();
        (!same).then_some(changed)
    }
}

fn chosen(list: &[CurrencyWallet], currency: Currency) -> Option<WalletId> {
    list.iter()
        .find(|choice| choice.currency == currency)
        .map(|choice| choice.wallet)
}

/// Founds an organization, in the installation's books.
pub struct CreateOrganization {
    /// Chosen by the engine from its own id source, so that keys can be made for it in the same commit.
    pub id: OrganizationId,
    pub test_scope: u32,
    pub live_scope: u32,
}

impl Command for CreateOrganization {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::OrganizationCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        if facts.record(self.id.any()).is_some() {
            return Err(Rejection::new(
                Code::AlreadyExists,
                "there is such an organization",
            ));
        }
        let organization = Organization {
            id: self.id,
            test_scope: self.test_scope,
            live_scope: self.live_scope,
            created_at: moment.now,
        };
        Ok(Decision::new(
            facts,
            Action::OrganizationCreated,
            self.id.any(),
            Movement::none(),
            Vec::new(),
        )
        .change(self.id.any(), Record::Organization(organization))
        .reply(Reply::Empty))
    }
}

/// Opens an organization's books in one mode.
pub struct OpenBooks {
    pub name: String,
    pub currency: Currency,
}

impl Command for OpenBooks {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::BooksOpened
    }

    fn keys(&self, _: &Facts, scope: Scope) -> Keys {
        Keys::default().record(scope.organization.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let id = moment.scope.organization;
        if facts.tenant(id).is_some() {
            return Err(Rejection::new(
                Code::AlreadyExists,
                "the books are open already",
            ));
        }
        let tenant = Tenant {
            id,
            name: self.name.clone(),
            currency: self.currency,
            masters: Vec::new(),
            operating: Vec::new(),
            created_at: moment.now,
            owner_keys: 0,
            webhooks: None,
            open_alerts: None,
            roles: None,
        };
        Ok(Decision::new(
            facts,
            Action::BooksOpened,
            id.any(),
            Movement::none(),
            Vec::new(),
        )
        .change(id.any(), Record::Tenant(tenant))
        .reply(Reply::Empty))
    }
}
