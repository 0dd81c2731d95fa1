//! What a command may know: records and index holders, loaded as sets before it decides.

use std::sync::Arc;

use strongroom_ledger::Account;
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AlertId, AnyId, ApprovalId, CustomerId, Kind, OauthClientId, OauthGrantId, OauthTokenId,
    OrganizationId, PaymentId, PaymentLinkId, PayoutId, ProductId, RawId, RefundId, RoleId, SaleId,
    SessionId, ShiftId, StoreId, TillId, TokenId, UserId, WalletId, WebhookId,
};

use crate::alerts::Alert;
use crate::api_keys::ApiKey;
use crate::approvals::{Approval, Policies, policies_key};
use crate::customers::Customer;
use crate::oauth::{OauthClient, OauthGrant, OauthToken};
use crate::organizations::Tenant;
use crate::payment_links::PaymentLink;
use crate::payments::PaymentBody;
use crate::payouts::Payout;
use crate::products::ProductBody;
use crate::rate_limits::{RateLimits, rate_limits_key};
use crate::record::Record;
use crate::refunds::RefundBody;
use crate::rejection::{Code, Rejection};
use crate::roles::RoleBody;
use crate::sales::SaleBody;
use crate::sessions::Session;
use crate::shifts::{ShiftBody, cash_key};
use crate::stores::StoreBody;
use crate::tills::TillBody;
use crate::tokens::Token;
use crate::users::{Staff, User, staff_key};
use crate::wallets::{Books, Wallet};
use crate::webhooks::Webhook;

/// The blind-indexed fields. The number is the one stored, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    WalletReference,
    PayoutReference,
    TransferReference,
    WalletEmail,
    WalletPhone,
    /// A bank account, to its subject.
    BankAccount,
    PaymentReference,
    RefundReference,
    /// The open alert of a rule and a subject.
    OpenAlert,
    CustomerEmail,
    CustomerPhone,
    CustomerReference,
    ProductSku,
    ProductBarcode,
    /// The key of a till, to the till.
    TillKey,
    SaleReference,
    /// A till and the number of a transaction in its chain, to the transaction.
    OfflineSale,
    /// A person who is not deactivated.
    UserEmail,
    PaymentLinkReference,
    /// The account that a file rail pays from.
    PayoutRailIban,
    /// The bytes of a bank's file, and the message in it.
    BankFileHash,
    BankFileMessage,
    BeneficiaryReference,
    PayoutScheduleReference,
    /// A role that is not deleted.
    RoleName,
    /// An hour, to the sales of earlier ones that were completed or voided in it.
    SaleHour,
}

impl Field {
    pub const ALL: &'static [Field] = &[
        Field::WalletReference,
        Field::PayoutReference,
        Field::TransferReference,
        Field::WalletEmail,
        Field::WalletPhone,
        Field::BankAccount,
        Field::PaymentReference,
        Field::RefundReference,
        Field::OpenAlert,
        Field::CustomerEmail,
        Field::CustomerPhone,
        Field::CustomerReference,
        Field::ProductSku,
        Field::ProductBarcode,
        Field::TillKey,
        Field::SaleReference,
        Field::OfflineSale,
        Field::UserEmail,
        Field::PaymentLinkReference,
        Field::PayoutRailIban,
        Field::BankFileHash,
        Field::BankFileMessage,
        Field::BeneficiaryReference,
        Field::PayoutScheduleReference,
        Field::RoleName,
        Field::SaleHour,
    ];

    pub const fn code(self) -> u16 {
        match self {
            Field::WalletReference => 1,
            Field::PayoutReference => 2,
            Field::TransferReference => 3,
            Field::WalletEmail => 4,
            Field::WalletPhone => 5,
            Field::BankAccount => 6,
            Field::PaymentReference => 7,
            Field::RefundReference => 8,
            Field::OpenAlert => 15,
            Field::CustomerEmail => 34,
            Field::CustomerPhone => 35,
            Field::CustomerReference => 36,
            Field::ProductSku => 37,
            Field::ProductBarcode => 38,
            Field::TillKey => 39,
            Field::SaleReference => 40,
            Field::OfflineSale => 41,
            Field::UserEmail => 20,
            Field::PaymentLinkReference => 50,
            Field::PayoutRailIban => 60,
            Field::BankFileHash => 61,
            Field::BankFileMessage => 62,
            Field::BeneficiaryReference => 70,
            Field::PayoutScheduleReference => 71,
            Field::RoleName => 55,
            Field::SaleHour => 87,
        }
    }

    /// Whether spelling variants of its text are one value: people write addresses in many ways, programs write ids.
    pub const fn folds(self) -> bool {
        self.is_contact()
    }

    /// Whether one value has one holder.
    pub const fn is_unique(self) -> bool {
        !self.is_contact() && !matches!(self, Field::SaleHour)
    }

    /// Whether it is how people are reached.
    const fn is_contact(self) -> bool {
        matches!(
            self,
            Field::WalletEmail
                | Field::WalletPhone
                | Field::CustomerEmail
                | Field::CustomerPhone
                | Field::UserEmail
        )
    }
}

/// A value of an indexed field, in clear: the engine turns it into a keyed hash before it leaves memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IndexKey {
    pub field: Field,
    pub text: String,
}

/// What a command asks for.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub records: Vec<AnyId>,
    pub indexes: Vec<IndexKey>,
}

impl Keys {
    pub fn record(mut self, id: AnyId) -> Keys {
        self.records.push(id);
        self
    }

    pub fn books(self, wallet: WalletId) -> Keys {
        self.record(books_key(wallet))
    }

    pub fn holder(mut self, field: Field, text: &str) -> Keys {
        self.indexes.push(IndexKey {
            field,
            text: text.to_owned(),
        });
        self
    }
}

/// The key of a wallet's books.
pub fn books_key(wallet: WalletId) -> AnyId {
    AnyId {
        kind: Kind::Account,
        raw: wallet.0,
    }
}

/// The key of the outside world's account in one currency.
pub fn external_key(currency: Currency) -> AnyId {
    let mut raw = [0; 12];
    for (to, from) in raw.iter_mut().zip(currency.code().bytes()) {
        *to = from;
    }
    AnyId {
        kind: Kind::External,
        raw: RawId(raw),
    }
}

/// The facts a command decides over. Asking for what was never loaded reads as absent.
#[derive(Default)]
pub struct Facts {
    records: Vec<(AnyId, Option<Arc<Record>>)>,
    holders: Vec<(IndexKey, Option<AnyId>)>,
}

impl Facts {
    pub fn insert(&mut self, id: AnyId, record: Option<Arc<Record>>) {
        self.records.push((id, record));
    }

    pub fn insert_holder(&mut self, key: IndexKey, holder: Option<AnyId>) {
        self.holders.push((key, holder));
    }

    pub fn knows(&self, id: AnyId) -> bool {
        self.records.iter().any(|(key, _)| *key == id)
    }

    pub fn knows_holder(&self, wanted: &IndexKey) -> bool {
        self.holders.iter().any(|(key, _)| key == wanted)
    }

    pub fn record(&self, id: AnyId) -> Option<&Arc<Record>> {
        self.records
            .iter()
            .find(|(key, _)| *key == id)
            .and_then(|(_, record)| record.as_ref())
    }

    pub fn holder(&self, field: Field, text: &str) -> Option<AnyId> {
        self.holders
            .iter()
            .find(|(key, _)| key.field == field && key.text == text)
            .and_then(|(_, holder)| *holder)
    }

    pub fn books(&self, wallet: WalletId) -> Option<&Books> {
        match self.record(books_key(wallet)).map(Arc::as_ref) {
            Some(Record::Books(books)) => Some(books),
            _ => None,
        }
    }

    /// The outside world's account; empty before its first use.
    pub fn external(&self, currency: Currency) -> Account {
        match self.record(external_key(currency)).map(Arc::as_ref) {
            Some(Record::External(account)) => *account,
            _ => Account::empty(currency),
        }
    }

    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Wallet(wallet)) => Some(wallet),
            _ => None,
        }
    }

    pub fn payout(&self, id: PayoutId) -> Option<&Payout> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Payout(payout)) => Some(payout),
            _ => None,
        }
    }

    pub fn payment(&self, id: PaymentId) -> Option<&PaymentBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Payment(payment)) => Some(payment),
            _ => None,
        }
    }

    pub fn payment_link(&self, id: PaymentLinkId) -> Option<&PaymentLink> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::PaymentLink(link)) => Some(link),
            _ => None,
        }
    }

    pub fn refund(&self, id: RefundId) -> Option<&RefundBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Refund(refund)) => Some(refund),
            _ => None,
        }
    }

    pub fn api_key(&self, id: AnyId) -> Option<&ApiKey> {
        match self.record(id).map(Arc::as_ref) {
            Some(Record::ApiKey(key)) => Some(key),
            _ => None,
        }
    }

    pub fn oauth_client(&self, id: OauthClientId) -> Option<&OauthClient> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::OauthClient(client)) => Some(client),
            _ => None,
        }
    }

    pub fn oauth_grant(&self, id: OauthGrantId) -> Option<&OauthGrant> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::OauthGrant(grant)) => Some(grant),
            _ => None,
        }
    }

    pub fn oauth_token(&self, id: OauthTokenId) -> Option<&OauthToken> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::OauthToken(token)) => Some(token),
            _ => None,
        }
    }

    pub fn webhook(&self, id: WebhookId) -> Option<&Webhook> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Webhook(webhook)) => Some(webhook),
            _ => None,
        }
    }

    pub fn token(&self, id: TokenId) -> Option<&Token> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Token(token)) => Some(token),
            _ => None,
        }
    }

    pub fn alert(&self, id: AlertId) -> Option<&Alert> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Alert(alert)) => Some(alert),
            _ => None,
        }
    }

    pub fn approval(&self, id: ApprovalId) -> Option<&Approval> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Approval(approval)) => Some(approval),
            _ => None,
        }
    }

    pub fn customer(&self, id: CustomerId) -> Option<&Customer> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Customer(customer)) => Some(customer),
            _ => None,
        }
    }

    pub fn product(&self, id: ProductId) -> Option<&ProductBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Product(product)) => Some(product),
            _ => None,
        }
    }

    pub fn store(&self, id: StoreId) -> Option<&StoreBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Store(store)) => Some(store),
            _ => None,
        }
    }

    pub fn till(&self, id: TillId) -> Option<&TillBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Till(till)) => Some(till),
            _ => None,
        }
    }

    pub fn shift(&self, id: ShiftId) -> Option<&ShiftBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Shift(shift)) => Some(shift),
            _ => None,
        }
    }

    /// The cash of a shift.
    pub fn cash(&self, shift: ShiftId, currency: Currency) -> Account {
        match self.record(cash_key(shift)).map(Arc::as_ref) {
            Some(Record::Cash(account)) => *account,
            _ => Account::empty(currency),
        }
    }

    pub fn sale(&self, id: SaleId) -> Option<&SaleBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Sale(sale)) => Some(sale),
            _ => None,
        }
    }

    /// The policies of approvals, once there was one.
    pub fn policies(&self) -> Option<&Policies> {
        match self.record(policies_key()).map(Arc::as_ref) {
            Some(Record::Policies(policies)) => Some(policies),
            _ => None,
        }
    }

    pub fn user(&self, id: UserId) -> Option<&User> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::User(user)) => Some(user),
            _ => None,
        }
    }

    /// What the organization bounds its requests by, once it did.
    pub fn rate_limits(&self) -> Option<&RateLimits> {
        match self.record(rate_limits_key()).map(Arc::as_ref) {
            Some(Record::RateLimits(limits)) => Some(limits),
            _ => None,
        }
    }

    pub fn role(&self, id: RoleId) -> Option<&RoleBody> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Role(role)) => Some(role),
            _ => None,
        }
    }

    pub fn session(&self, id: SessionId) -> Option<&Session> {
        match self.record(id.any()).map(Arc::as_ref) {
            Some(Record::Session(session)) => Some(session),
            _ => None,
        }
    }

    /// How many people there are, once there was one.
    pub fn staff(&self) -> Option<&Staff> {
        match self.record(staff_key()).map(Arc::as_ref) {
            Some(Record::Staff(staff)) => Some(staff),
            _ => None,
        }
    }

    pub fn tenant(&self, organization: OrganizationId) -> Option<&Tenant> {
        match self.record(organization.any()).map(Arc::as_ref) {
            Some(Record::Tenant(tenant)) => Some(tenant),
            _ => None,
        }
    }

    /// Refuses when a reference id has a holder already.
    ///
    /// # Errors
    /// [`Code::ReferenceTaken`], naming the holder.
    pub fn free(&self, field: Field, text: Option<&str>) -> Result<(), Rejection> {
        match text.and_then(|text| self.holder(field, text)) {
            Some(holder) => Err(Rejection::at(
                Code::ReferenceTaken,
                "/reference_id",
                format!("the reference id belongs to `{holder}`"),
            )),
            None => Ok(()),
        }
    }
}
