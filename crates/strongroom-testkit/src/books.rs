//! An engine with one organization, ready to be used: the actors and wallets most tests begin with.

use std::sync::Arc;

use strongroom_auth::permission::Permission;
use strongroom_auth::{
    Caller, Dialect, KeyType, PermissionSet, Role, SignedBy, SigningPolicy, SystemActor,
};
use strongroom_crypto::RootKeys;
use strongroom_domain::api_keys::CreateApiKey;
use strongroom_domain::command::Command;
use strongroom_domain::funding::{Credit, Funding};
use strongroom_domain::payouts::{CreatePayout, NewRecipient};
use strongroom_domain::wallets::{CreateWallet, WalletType};
use strongroom_engine::{Clock, Committed, Engine, Envelope, Failure, Settings};
use strongroom_store::Store;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, OrganizationId, RawId, RequestId, RoleId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::money::Money;

/// A key's id and its texts.
pub struct Key {
    pub id: String,
    pub text: String,
    pub signing_secret: String,
}

/// A running engine and the scope of its first organization's test mode.
pub struct Books {
    pub engine: Engine,
    pub organization: OrganizationId,
    pub scope: Scope,
}

impl Books {
    /// Starts an engine on an empty store and founds an organization in PHP.
    pub fn found(store: &dyn Store, clock: Arc<dyn Clock>, settings: Settings) -> Books {
        let engine = Engine::start(store, RootKeys::generate(), clock, settings, None)
            .unwrap_or_else(|error| panic!("the engine does not start: {error}"));
        Books::found_in(engine, "Acme")
    }

    /// Founds a further organization in a running engine.
    pub fn found_in(engine: Engine, name: &str) -> Books {
        let organization = engine
            .create_organization(name, php())
            .unwrap_or_else(|failure| panic!("no organization: {failure:?}"));
        let scope = engine
            .scope_of(organization, Mode::Test)
            .unwrap_or_else(|| panic!("no scope"));
        Books {
            engine,
            organization,
            scope,
        }
    }

    /// The same organization in another mode.
    pub fn in_mode(&self, mode: Mode) -> Books {
        let scope = self
            .engine
            .scope_of(self.organization, mode)
            .unwrap_or_else(|| panic!("no scope"));
        Books {
            engine: self.engine.clone(),
            organization: self.organization,
            scope,
        }
    }

    /// A caller for any permission, as the operator.
    pub fn caller<P: Permission>(&self) -> Caller<P> {
        Caller::system(SystemActor::Operator, self.scope)
    }

    /// Commits a command as the operator.
    pub fn run<C: Command>(&self, command: C) -> Result<Committed, Failure> {
        self.engine
            .execute_blocking(&self.caller(), command, self.envelope())
    }

    pub fn envelope(&self) -> Envelope {
        Envelope {
            request: RequestId(RawId::from_parts(1, 1)),
            address: "192.0.2.7".into(),
            user_agent: "testkit".into(),
            idempotency: None,
            signature: None,
            approval: None,
        }
    }

    /// A new wallet of the organization's currency.
    pub fn wallet(&self, wallet_type: WalletType) -> WalletId {
        let made = self
            .run(new_wallet(wallet_type))
            .unwrap_or_else(|failure| panic!("no wallet: {failure:?}"));
        wallet_of(made.resource())
    }

    /// Puts money into a wallet.
    pub fn fund(&self, wallet: WalletId, minor: i64) {
        let funding = Funding {
            wallet,
            amount: money(minor),
            reference: None,
            description: None,
        };
        if let Err(failure) = self.run(Credit(funding)) {
            panic!("no funds: {failure:?}");
        }
    }

    /// A new key with a built-in role, unsigned.
    pub fn key(&self, role: Role) -> Key {
        self.key_with(
            role,
            role.permissions(),
            SigningPolicy::Never,
            Dialect::Nextapi,
        )
    }

    /// A new key that holds a role by its id, unsigned.
    pub fn key_of(&self, role: RoleId) -> Key {
        let nothing = PermissionSet::NONE.clone();
        let (signing, dialect) = (SigningPolicy::Never, Dialect::Nextapi);
        self.made(Role::Custom, (nothing, Some(role)), signing, dialect)
    }

    pub fn key_with(
        &self,
        role: Role,
        permissions: PermissionSet,
        signing: SigningPolicy,
        dialect: Dialect,
    ) -> Key {
        self.made(role, (permissions, None), signing, dialect)
    }

    fn made(
        &self,
        role: Role,
        (permissions, role_id): (PermissionSet, Option<RoleId>),
        signing: SigningPolicy,
        dialect: Dialect,
    ) -> Key {
        let key_type = match role {
            Role::Publishable => KeyType::Publishable,
            _ => KeyType::Secret,
        };
        let minted = self.engine.mint(key_type, self.scope.mode);
        let text = minted.key_text.expose().to_owned();
        let signing_secret = minted.signing_secret.expose().to_owned();
        let command = CreateApiKey {
            key_type,
            name: None,
            role,
            permissions,
            role_id,
            dialect,
            signing,
            expires_at: None,
            networks: None,
            certificates: None,
            limits: None,
            signed_by: SignedBy::default(),
            minted,
            held: None,
        };
        let made = self
            .run(command)
            .unwrap_or_else(|failure| panic!("no key: {failure:?}"));
        let id = made.resource().map(|id| id.to_string()).unwrap_or_default();
        Key {
            id,
            text,
            signing_secret,
        }
    }
}

/// The currency of all fixtures.
pub fn php() -> Currency {
    Currency::parse("PHP").unwrap_or_else(|| panic!("PHP is a currency"))
}

pub fn money(minor: i64) -> Money {
    Money::new(minor, php())
}

/// A payout between two wallets.
pub fn payout(source: WalletId, target: WalletId, minor: i64) -> CreatePayout {
    CreatePayout {
        amount: money(minor),
        source: Some(source),
        recipient: NewRecipient::Wallet(target),
        reference_id: None,
        description: None,
        metadata: Metadata::default(),
        later: None,
    }
}

/// A plain wallet of a type.
pub fn new_wallet(wallet_type: WalletType) -> CreateWallet {
    CreateWallet {
        wallet_type,
        currency: None,
        parent: None,
        owner: None,
        business: None,
        reference_id: None,
        metadata: Metadata::default(),
        low_balance: None,
    }
}

fn wallet_of(id: Option<AnyId>) -> WalletId {
    id.map_or_else(|| panic!("no resource"), |id| WalletId(id.raw))
}
