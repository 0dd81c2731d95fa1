//! How resources look on the wire. Pure renderings: the same resource gives the same bytes.

use serde::Serialize;
use strongroom_auth::{
    CredentialStatus, Dialect, KeyType, MoneyLimits, PermissionSet, Range, RegisteredKey, Role,
    SigningPolicy, SigningScheme, Thumbprint,
};
use strongroom_ledger::{Account, Balances};
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AnyId, ApiKeyId, AuditId, Kind, OrganizationId, RawId, RequestId, RoleId, TillId,
    TransactionId, WalletId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Mode;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::{ApiKey, Minted};
use crate::entry::{EntryActor, EntryFacts, Place, Transaction, TransactionKind};
use crate::organizations::Tenant;
use crate::payments::PaymentView;
use crate::refunds::RefundView;
use crate::wallets::{Books, Business, Owner, Wallet, WalletStatus, WalletType};

pub use crate::payouts::view::{PayoutView, RecipientView};

/// Writes compact JSON.
pub fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Views are plain structs with text keys: there is no JSON error for them to give.
    serde_json::to_vec(value).unwrap_or_default()
}

/// `balance` of a wallet.
#[derive(Serialize)]
pub struct BalanceView {
    pub available: i64,
    pub pending: i64,
    pub reserved: i64,
    pub total: i64,
    pub currency: Currency,
}

impl BalanceView {
    fn new(balances: &Balances, currency: Currency) -> BalanceView {
        BalanceView {
            available: balances.available,
            pending: balances.pending,
            reserved: balances.reserved,
            total: balances.total().unwrap_or(0),
            currency,
        }
    }
}

/// `GET /v1/wallets/{id}/balance`.
#[derive(Serialize)]
pub struct WalletBalanceView {
    pub wallet_id: WalletId,
    pub balances: PlainBalances,
    pub currency: Currency,
}

#[derive(Serialize)]
pub struct PlainBalances {
    pub available: i64,
    pub pending: i64,
    pub reserved: i64,
    pub total: i64,
}

impl PlainBalances {
    fn new(balances: &Balances) -> PlainBalances {
        PlainBalances {
            available: balances.available,
            pending: balances.pending,
            reserved: balances.reserved,
            total: balances.total().unwrap_or(0),
        }
    }
}

impl WalletBalanceView {
    pub fn new(wallet_id: WalletId, account: &Account) -> WalletBalanceView {
        WalletBalanceView {
            wallet_id,
            balances: PlainBalances::new(&account.balances),
            currency: account.currency,
        }
    }
}

/// A wallet.
#[derive(Serialize)]
pub struct WalletView<'a> {
    pub id: WalletId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub wallet_type: WalletType,
    pub status: WalletStatus,
    pub currency: Currency,
    pub parent_id: Option<WalletId>,
    pub owner: Option<&'a Owner>,
    pub business: Option<&'a Business>,
    pub balance: BalanceView,
    pub low_balance_threshold: Option<i64>,
    pub reference_id: Option<&'a ReferenceId>,
    pub metadata: &'a Metadata,
    pub created_at: Timestamp,
}

impl<'a> WalletView<'a> {
    pub fn new(wallet: &'a Wallet, books: &Books) -> WalletView<'a> {
        let body = &wallet.body;
        WalletView {
            id: body.id,
            object: "wallet",
            wallet_type: body.wallet_type,
            status: books.status,
            currency: body.currency,
            parent_id: body.parent,
            owner: wallet.owner.as_ref(),
            business: body.business.as_ref(),
            balance: BalanceView::new(&books.account.balances, body.currency),
            low_balance_threshold: books.low_balance,
            reference_id: body.reference_id.as_ref(),
            metadata: &body.metadata,
            created_at: body.created_at,
        }
    }
}

/// A movement of money.
#[derive(Serialize)]
pub struct TransactionView<'a> {
    pub id: TransactionId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub kind: TransactionKind,
    pub status: &'static str,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub source_wallet_id: Option<WalletId>,
    pub destination_wallet_id: Option<WalletId>,
    pub payout_id: Option<AnyId>,
    pub reference: Option<&'a str>,
    pub description: Option<&'a str>,
    pub created_at: Timestamp,
    /// Only where there is one: what was rendered before there were payments stays the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<AnyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<AnyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_id: Option<AnyId>,
    /// The transaction of a till that moved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_id: Option<AnyId>,
}

impl<'a> TransactionView<'a> {
    pub fn new(transaction: &'a Transaction, time: Timestamp) -> TransactionView<'a> {
        let caused_by = |kind| transaction.cause.filter(|cause| cause.kind == kind);
        TransactionView {
            id: transaction.id,
            object: "transaction",
            kind: transaction.kind,
            status: "completed",
            amount: transaction.amount.minor,
            amount_decimal: transaction.amount.decimal(),
            currency: transaction.amount.currency,
            source_wallet_id: transaction.source(),
            destination_wallet_id: transaction.destination(),
            payout_id: caused_by(Kind::Payout),
            reference: transaction.reference.as_deref(),
            description: transaction.description.as_deref(),
            created_at: time,
            payment_id: caused_by(Kind::Payment),
            refund_id: caused_by(Kind::Refund),
            shift_id: caused_by(Kind::Shift),
            sale_id: caused_by(Kind::Sale),
        }
    }
}

/// A line of a wallet's statement: the transaction, what it changed here, and the balances after it.
#[derive(Serialize)]
pub struct StatementLineView<'a> {
    #[serde(flatten)]
    pub transaction: TransactionView<'a>,
    pub wallet_id: WalletId,
    /// Signed change per balance.
    pub change: PlainBalances,
    pub balances_after: PlainBalances,
}

impl<'a> StatementLineView<'a> {
    /// `None` when the transaction does not touch the wallet.
    pub fn new(
        transaction: &'a Transaction,
        wallet: WalletId,
        time: Timestamp,
    ) -> Option<StatementLineView<'a>> {
        let posting = transaction.posting(wallet)?;
        Some(StatementLineView {
            transaction: TransactionView::new(transaction, time),
            wallet_id: wallet,
            change: PlainBalances::new(&posting.change),
            balances_after: PlainBalances::new(&posting.after),
        })
    }
}

/// An API key; its texts only in the reply that makes it.
#[derive(Serialize)]
pub struct ApiKeyView<'a> {
    pub id: ApiKeyId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub key_type: KeyType,
    pub mode: Mode,
    pub name: Option<&'a str>,
    pub hint: &'a str,
    pub role: Role,
    pub role_id: Option<RoleId>,
    pub permissions: &'a PermissionSet,
    pub dialect: Dialect,
    pub signing: SigningPolicy,
    pub signing_scheme: SigningScheme,
    pub public_keys: &'a [RegisteredKey],
    pub status: CredentialStatus,
    pub rolled_from: Option<ApiKeyId>,
    pub till_id: Option<TillId>,
    pub networks: &'a [Range],
    pub networks_mode: Option<&'static str>,
    pub limits: Option<&'a MoneyLimits>,
    pub client_certificates: &'a [Thumbprint],
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<&'a str>,
}

impl<'a> ApiKeyView<'a> {
    pub fn new(key: &'a ApiKey, mode: Mode) -> ApiKeyView<'a> {
        ApiKeyView {
            id: key.id,
            object: "api_key",
            key_type: key.key_type,
            mode,
            name: key.name.as_deref(),
            hint: &key.hint,
            role: key.role,
            role_id: key.role_id,
            permissions: &key.permissions,
            dialect: key.dialect,
            signing: key.signing,
            signing_scheme: key
                .signed_by
                .as_ref()
                .map_or_else(SigningScheme::default, |by| by.scheme),
            public_keys: key.signed_by.as_ref().map_or(&[], |by| &by.keys),
            status: key.status,
            rolled_from: key.rolled_from,
            till_id: key.till,
            networks: key.networks.as_ref().map_or(&[], |all| &all.ranges),
            networks_mode: key.networks.as_ref().map(|all| match all.report_only {
                true => "report",
                false => "enforce",
            }),
            limits: key.limits.as_ref(),
            client_certificates: key.certificates.as_deref().unwrap_or_default(),
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            created_at: key.created_at,
            key: None,
            signing_secret: None,
        }
    }

    pub fn with_secrets(key: &'a ApiKey, mode: Mode, minted: &'a Minted) -> ApiKeyView<'a> {
        let mut view = ApiKeyView::new(key, mode);
        view.key = Some(minted.key_text.expose());
        view.signing_secret = Some(minted.signing_secret.expose());
        view
    }
}

/// `GET /v1/account`.
#[derive(Serialize)]
pub struct AccountView<'a> {
    pub id: OrganizationId,
    pub object: &'static str,
    pub name: &'a str,
    pub mode: Mode,
    pub default_currency: Currency,
    pub created_at: Timestamp,
}

impl<'a> AccountView<'a> {
    pub fn new(tenant: &'a Tenant, mode: Mode) -> AccountView<'a> {
        AccountView {
            id: tenant.id,
            object: "account",
            name: &tenant.name,
            mode,
            default_currency: tenant.currency,
            created_at: tenant.created_at,
        }
    }
}

/// An audit record, rendered from an entry.
#[derive(Serialize)]
pub struct AuditView<'a> {
    pub id: AuditId,
    pub object: &'static str,
    pub sequence: u64,
    pub timestamp: Timestamp,
    pub created_at: Timestamp,
    /// Who acted, or tried to sign in: a person, a key, or the server's own hand.
    pub user_id: Option<String>,
    pub credential_id: Option<AnyId>,
    pub action: Action,
    pub resource_id: Option<AnyId>,
    pub outcome: &'static str,
    pub code: Option<&'static str>,
    pub organization_id: OrganizationId,
    pub mode: Mode,
    pub ip_address: &'a str,
    pub user_agent: &'a str,
    /// The request that asked for it; none for the server's own acts.
    pub request_id: Option<RequestId>,
    pub policy: &'a str,
    pub signed: bool,
    pub details: Details<'a>,
}

/// Further facts, as a JSON object.
pub struct Details<'a>(pub &'a [(String, String)]);

impl Serialize for Details<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'a> AuditView<'a> {
    pub fn new(
        facts: &'a EntryFacts,
        actor: &'a EntryActor,
        place: &Place,
        organization: OrganizationId,
        mode: Mode,
    ) -> AuditView<'a> {
        AuditView {
            id: facts.audit_id(),
            object: "audit_log",
            sequence: place.sequence,
            timestamp: place.time,
            created_at: place.time,
            user_id: actor
                .user
                .map(|id| id.to_string())
                .or_else(|| actor.credential.map(|id| id.to_string()))
                .or_else(|| actor.system.clone()),
            credential_id: actor.credential,
            action: facts.action,
            resource_id: facts.resource,
            outcome: if facts.refusal.is_some() {
                "refused"
            } else {
                "success"
            },
            code: facts.refusal.as_ref().map(|r| r.code.as_str()),
            organization_id: organization,
            mode,
            ip_address: &actor.address,
            user_agent: &actor.user_agent,
            request_id: (actor.request != RawId::ZERO).then_some(RequestId(actor.request)),
            policy: &actor.rule,
            signed: actor.signed,
            details: Details(&facts.details),
        }
    }
}

/// The reply to a command whose reply is rendered from its entry; `None` when it is not one of those.
pub fn rendered_reply(facts: &EntryFacts, time: Timestamp) -> Option<Vec<u8>> {
    // What a refund leaves of its payment is told beside it.
    if let Some(refund) = &facts.refund {
        return Some(json(&RefundView::new(refund)));
    }
    if let Some(payment) = &facts.payment {
        return Some(json(&PaymentView::new(payment)));
    }
    if let Some(payout) = &facts.payout {
        return Some(json(&PayoutView::of(payout, None)));
    }
    facts
        .transactions
        .first()
        .map(|transaction| json(&TransactionView::new(transaction, time)))
}
