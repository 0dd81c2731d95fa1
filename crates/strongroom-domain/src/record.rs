//! Records: resources that change, as they are sealed.
//!
//! A record has one business part and any number of personal parts, each naming the subject whose key seals it.
//! Parts are a version byte and CBOR; every version ever written stays readable.

use strongroom_ledger::Account;
use strongroom_types::id::{Kind, SubjectId};

use crate::alerts::Alert;
use crate::api_keys::{Allowance, ApiKey};
use crate::approvals::{Approval, ApprovalBody, PersonalRequest, Policies};
use crate::bank_files::BankFile;
use crate::beneficiaries::{Beneficiary, BeneficiaryBody, PayoutSettings};
use crate::customers::{Customer, CustomerBody, Person};
use crate::entry::{decode, encode};
use crate::fees::FeeSchedules;
use crate::oauth::{OauthClient, OauthGrant, OauthToken};
use crate::organizations::{Organization, Tenant};
use crate::payment_links::{LinkCustomer, PaymentLink, PaymentLinkBody};
use crate::payments::PaymentBody;
use crate::payout_files::{FilePage, PayoutFile};
use crate::payout_rails::PayoutRail;
use crate::payout_schedules::{PayoutSchedule, PayoutScheduleBody};
use crate::payouts::{BankAccount, Payout, PayoutBody};
use crate::products::ProductBody;
use crate::rate_limits::RateLimits;
use crate::refunds::RefundBody;
use crate::reports::{ReportBody, ReportDesk, ReportPart};
use crate::roles::RoleBody;
use crate::sales::SaleBody;
use crate::sessions::{Session, SessionBody, Trace};
use crate::shifts::ShiftBody;
use crate::stores::StoreBody;
use crate::tills::TillBody;
use crate::tokens::{Cardholder, Token, TokenBody};
use crate::users::{Profile, Staff, User, UserBody};
use crate::wallets::{Books, Owner, Wallet, WalletBody};
use crate::webhooks::Webhook;

/// A stored resource.
pub enum Record {
    Organization(Organization),
    Tenant(Tenant),
    Wallet(Wallet),
    Books(Books),
    External(Account),
    Payout(Payout),
    ApiKey(ApiKey),
    Webhook(Webhook),
    Allowance(Allowance),
    Token(Token),
    Payment(PaymentBody),
    Refund(RefundBody),
    Alert(Alert),
    Approval(Approval),
    Policies(Policies),
    Customer(Customer),
    Product(ProductBody),
    Store(StoreBody),
    Till(TillBody),
    User(User),
    Session(Session),
    Staff(Staff),
    PaymentLink(PaymentLink),
    Shift(ShiftBody),
    Cash(Account),
    Sale(SaleBody),
    PayoutRail(PayoutRail),
    PayoutFile(PayoutFile),
    BankFile(BankFile),
    FilePage(FilePage),
    Beneficiary(Beneficiary),
    PayoutSettings(PayoutSettings),
    PayoutSchedule(PayoutSchedule),
    Fees(Account),
    FeeSchedules(FeeSchedules),
    Report(ReportBody),
    ReportPart(ReportPart),
    ReportDesk(ReportDesk),
    OauthClient(OauthClient),
    OauthToken(OauthToken),
    OauthGrant(OauthGrant),
    Role(RoleBody),
    RateLimits(RateLimits),
}

/// A personal part, in clear.
pub struct PersonalPart {
    pub subject: SubjectId,
    pub bytes: Vec<u8>,
}

impl Record {
    /// The kind of the record's key.
    pub fn kind(&self) -> Kind {
        match self {
            Record::Organization(_) | Record::Tenant(_) => Kind::Organization,
            Record::Wallet(_) => Kind::Wallet,
            Record::Books(_) => Kind::Account,
            Record::External(_) => Kind::External,
            Record::Payout(_) => Kind::Payout,
            Record::ApiKey(_) => Kind::ApiKey,
            Record::Webhook(_) => Kind::Webhook,
            Record::Allowance(_) => Kind::Allowance,
            Record::Token(_) => Kind::Token,
            Record::Payment(_) => Kind::Payment,
            Record::Refund(_) => Kind::Refund,
            Record::Alert(_) => Kind::Alert,
            Record::Approval(_) => Kind::Approval,
            Record::Policies(_) => Kind::ApprovalPolicy,
            Record::Customer(_) => Kind::Customer,
            Record::Product(_) => Kind::Product,
            Record::Store(_) => Kind::Store,
            Record::Till(_) => Kind::Till,
            Record::User(_) => Kind::User,
            Record::Session(_) => Kind::Session,
            Record::Staff(_) => Kind::Staff,
            Record::PaymentLink(_) => Kind::PaymentLink,
            Record::Shift(_) => Kind::Shift,
            Record::Cash(_) => Kind::Cash,
            Record::Sale(_) => Kind::Sale,
            Record::PayoutRail(_) => Kind::PayoutRail,
            Record::PayoutFile(_) => Kind::PayoutFile,
            Record::BankFile(_) => Kind::BankFile,
            Record::FilePage(_) => Kind::FilePage,
            Record::Beneficiary(_) => Kind::Beneficiary,
            Record::PayoutSettings(_) => Kind::PayoutSettings,
            Record::PayoutSchedule(_) => Kind::PayoutSchedule,
            Record::Fees(_) => Kind::Fees,
            Record::FeeSchedules(_) => Kind::FeeSchedule,
            Record::Report(_) => Kind::Report,
            Record::ReportPart(_) => Kind::ReportPart,
            Record::ReportDesk(_) => Kind::ReportDesk,
            Record::OauthClient(_) => Kind::OauthClient,
            Record::OauthToken(_) => Kind::OauthToken,
            Record::OauthGrant(_) => Kind::OauthGrant,
            Record::Role(_) => Kind::Role,
            Record::RateLimits(_) => Kind::RateLimits,
        }
    }

    /// The status that stands in clear beside the record.
    pub fn status(&self) -> u8 {
        match self {
            Record::Organization(_)
            | Record::Tenant(_)
            | Record::Wallet(_)
            | Record::External(_)
            | Record::Allowance(_)
            | Record::Policies(_)
            | Record::Staff(_)
            | Record::RateLimits(_)
            | Record::Store(_)
            | Record::Cash(_)
            | Record::Fees(_)
            | Record::FeeSchedules(_)
            | Record::ReportPart(_)
            | Record::ReportDesk(_) => 0,
            Record::Report(report) => report.status.code(),
            Record::Books(books) => books.status.code(),
            Record::Payout(payout) => payout.body.status.code(),
            Record::ApiKey(key) => key.status_code(),
            Record::Webhook(webhook) => webhook.status.code(),
            Record::Token(token) => token.body.status.code(),
            Record::Payment(payment) => payment.status.code(),
            Record::Refund(refund) => refund.status.code(),
            Record::Alert(alert) => alert.status.code(),
            Record::Approval(approval) => approval.body.status.code(),
            Record::Customer(customer) => u8::from(customer.body.erased_at.is_some()),
            Record::Product(product) => u8::from(!product.active),
            Record::Till(till) => u8::from(till.retired),
            Record::User(user) => user.body.status.code(),
            Record::Session(session) => session.body.status_code(),
            Record::PaymentLink(link) => link.body.status.code(),
            Record::Shift(shift) => shift.status.code(),
            Record::Sale(sale) => sale.status.code(),
            Record::PayoutRail(rail) => u8::from(!rail.active),
            Record::PayoutFile(file) => file.status.code(),
            Record::BankFile(file) => u8::from(file.is_done()),
            Record::FilePage(_) | Record::PayoutSettings(_) => 0,
            Record::Beneficiary(beneficiary) => beneficiary.body.status.code(),
            Record::PayoutSchedule(schedule) => schedule.body.status.code(),
            Record::OauthClient(client) => client.status_code(),
            Record::OauthToken(token) => token.status_code(),
            Record::OauthGrant(grant) => grant.status_code(),
            Record::Role(role) => role.status.code(),
        }
    }

    /// The business part, in clear.
    pub fn business(&self, out: &mut Vec<u8>) {
        match self {
            Record::Organization(value) => encode(value, out),
            Record::Tenant(value) => encode(value, out),
            Record::Wallet(value) => encode(&value.body, out),
            Record::Books(value) => encode(value, out),
            Record::External(value) => encode(value, out),
            Record::Payout(value) => encode(&value.body, out),
            Record::ApiKey(value) => encode(value, out),
            Record::Webhook(value) => encode(value, out),
            Record::Allowance(value) => encode(value, out),
            Record::Token(value) => encode(&value.body, out),
            Record::Payment(value) => encode(value, out),
            Record::Refund(value) => encode(value, out),
            Record::Alert(value) => encode(value, out),
            Record::Approval(value) => encode(&value.body, out),
            Record::Policies(value) => encode(value, out),
            Record::Customer(value) => encode(&value.body, out),
            Record::Product(value) => encode(value, out),
            Record::Store(value) => encode(value, out),
            Record::Till(value) => encode(value, out),
            Record::User(value) => encode(&value.body, out),
            Record::Session(value) => encode(&value.body, out),
            Record::Staff(value) => encode(value, out),
            Record::PaymentLink(value) => encode(&value.body, out),
            Record::Shift(value) => encode(value, out),
            Record::Cash(value) => encode(value, out),
            Record::Sale(value) => encode(value, out),
            Record::PayoutRail(value) => encode(value, out),
            Record::PayoutFile(value) => encode(value, out),
            Record::BankFile(value) => encode(value, out),
            Record::FilePage(value) => encode(value, out),
            Record::Beneficiary(value) => encode(&value.body, out),
            Record::PayoutSettings(value) => encode(value, out),
            Record::PayoutSchedule(value) => encode(&value.body, out),
            Record::Fees(value) => encode(value, out),
            Record::FeeSchedules(value) => encode(value, out),
            Record::Report(value) => encode(value, out),
            Record::ReportPart(value) => encode(value, out),
            Record::ReportDesk(value) => encode(value, out),
            Record::OauthClient(value) => encode(value, out),
            Record::OauthToken(value) => encode(value, out),
            Record::OauthGrant(value) => encode(value, out),
            Record::Role(value) => encode(value, out),
            Record::RateLimits(value) => encode(value, out),
        }
    }

    /// The personal parts, in clear. An erased one is simply not there.
    pub fn personal(&self) -> Vec<PersonalPart> {
        match self {
            Record::Wallet(wallet) => part(wallet.body.subject, wallet.owner.as_ref()),
            Record::Payout(payout) => payout
                .body
                .subject()
                .map_or_else(Vec::new, |s| part(s, payout.bank.as_ref())),
            Record::Token(token) => token
                .body
                .subject
                .map_or_else(Vec::new, |s| part(s, token.holder.as_ref())),
            Record::Approval(approval) => approval
                .body
                .subject
                .map_or_else(Vec::new, |s| part(s, approval.personal.as_ref())),
            Record::PayoutSchedule(schedule) => schedule
                .body
                .subject()
                .map_or_else(Vec::new, |s| part(s, schedule.bank.as_ref())),
            Record::Beneficiary(found) => part(found.body.subject, found.account.as_ref()),
            Record::Customer(customer) => part(customer.body.subject, customer.person.as_ref()),
            Record::User(user) => part(user.body.subject, user.profile.as_ref()),
            Record::Session(session) => part(session.body.subject, session.trace.as_ref()),
            Record::PaymentLink(link) => link
                .body
                .subject
                .map_or_else(Vec::new, |s| part(s, link.customer.as_ref())),
            _ => Vec::new(),
        }
    }

    /// What a room of its own has sealed already, and only commits to by a hash in the business part.
    pub fn sealed(&self) -> Option<&[u8]> {
        match self {
            Record::Token(token) => token.sealed.as_deref(),
            _ => None,
        }
    }

    /// Puts such a part back where it belongs.
    pub fn set_sealed(&mut self, bytes: Vec<u8>) {
        if let Record::Token(token) = self {
            token.sealed = Some(bytes);
        }
    }

    /// Reads a record back. `installation` tells the two records of kind organization apart.
    ///
    /// # Errors
    /// A message without content when the bytes are none of this kind.
    pub fn read(
        kind: Kind,
        installation: bool,
        business: &[u8],
        personal: &[PersonalPart],
    ) -> Result<Record, String> {
        Ok(match kind {
            Kind::Organization if installation => Record::Organization(decode(business)?),
            Kind::Organization => Record::Tenant(decode(business)?),
            Kind::Account => Record::Books(decode(business)?),
            Kind::External => Record::External(decode(business)?),
            Kind::ApiKey => Record::ApiKey(decode(business)?),
            Kind::Webhook => Record::Webhook(decode(business)?),
            Kind::Allowance => Record::Allowance(decode(business)?),
            Kind::Payment => Record::Payment(decode(business)?),
            Kind::Refund => Record::Refund(decode(business)?),
            Kind::Alert => Record::Alert(decode(business)?),
            Kind::ApprovalPolicy => Record::Policies(decode(business)?),
            Kind::Product => Record::Product(decode(business)?),
            Kind::Store => Record::Store(decode(business)?),
            Kind::Till => Record::Till(decode(business)?),
            Kind::Shift => Record::Shift(decode(business)?),
            Kind::Cash => Record::Cash(decode(business)?),
            Kind::Sale => Record::Sale(decode(business)?),
            Kind::PayoutRail => Record::PayoutRail(decode(business)?),
            Kind::PayoutFile => Record::PayoutFile(decode(business)?),
            Kind::BankFile => Record::BankFile(decode(business)?),
            Kind::FilePage => Record::FilePage(decode(business)?),
            Kind::Beneficiary | Kind::PayoutSchedule => of_accounts(kind, business, personal)?,
            Kind::PayoutSettings => Record::PayoutSettings(decode(business)?),
            Kind::Fees => Record::Fees(decode(business)?),
            Kind::FeeSchedule => Record::FeeSchedules(decode(business)?),
            Kind::Report => Record::Report(decode(business)?),
            Kind::ReportPart => Record::ReportPart(decode(business)?),
            Kind::ReportDesk => Record::ReportDesk(decode(business)?),
            Kind::OauthClient => Record::OauthClient(decode(business)?),
            Kind::OauthToken => Record::OauthToken(decode(business)?),
            Kind::OauthGrant => Record::OauthGrant(decode(business)?),
            Kind::Role => Record::Role(decode(business)?),
            Kind::RateLimits => Record::RateLimits(decode(business)?),
            Kind::Customer => Record::Customer(customer(business, personal)?),
            Kind::Staff => Record::Staff(decode(business)?),
            Kind::User | Kind::Session => of_people(kind, business, personal)?,
            Kind::Approval => Record::Approval(Approval {
                body: decode::<ApprovalBody>(business)?,
                personal: only::<PersonalRequest>(personal)?,
            }),
            Kind::Wallet => Record::Wallet(Wallet {
                body: decode::<WalletBody>(business)?,
                owner: only::<Owner>(personal)?,
            }),
            Kind::Payout => Record::Payout(Payout {
                body: decode::<PayoutBody>(business)?,
                bank: only::<BankAccount>(personal)?,
            }),
            Kind::Token => Record::Token(Token {
                body: decode::<TokenBody>(business)?,
                holder: only::<Cardholder>(personal)?,
                sealed: None,
            }),
            Kind::PaymentLink => read_link(business, personal)?,
            other => return Err(format!("no record is of kind `{}`", other.prefix())),
        })
    }
}

/// Who is paid by an id, or again and again.
fn of_accounts(kind: Kind, business: &[u8], personal: &[PersonalPart]) -> Result<Record, String> {
    Ok(match kind {
        Kind::Beneficiary => Record::Beneficiary(Beneficiary {
            body: decode::<BeneficiaryBody>(business)?,
            account: only::<BankAccount>(personal)?,
        }),
        _ => Record::PayoutSchedule(PayoutSchedule {
            body: decode::<PayoutScheduleBody>(business)?,
            bank: only::<BankAccount>(personal)?,
        }),
    })
}

/// A person, or a session of one.
fn of_people(kind: Kind, business: &[u8], personal: &[PersonalPart]) -> Result<Record, String> {
    Ok(match kind {
        Kind::Session => Record::Session(Session {
            body: decode::<SessionBody>(business)?,
            trace: only::<Trace>(personal)?,
        }),
        _ => Record::User(User {
            body: decode::<UserBody>(business)?,
            profile: only::<Profile>(personal)?,
        }),
    })
}

/// The one personal part; nothing once it was erased.
fn only<T: for<'b> minicbor::Decode<'b, ()>>(
    personal: &[PersonalPart],
) -> Result<Option<T>, String> {
    personal
        .first()
        .map(|part| decode::<T>(&part.bytes))
        .transpose()
}

fn customer(business: &[u8], personal: &[PersonalPart]) -> Result<Customer, String> {
    Ok(Customer {
        body: decode::<CustomerBody>(business)?,
        person: only::<Person>(personal)?,
    })
}

fn read_link(business: &[u8], personal: &[PersonalPart]) -> Result<Record, String> {
    Ok(Record::PaymentLink(PaymentLink {
        body: decode::<PaymentLinkBody>(business)?,
        customer: only::<LinkCustomer>(personal)?,
    }))
}

fn part<T: minicbor::Encode<()>>(subject: SubjectId, value: Option<&T>) -> Vec<PersonalPart> {
    let Some(value) = value else {
        return Vec::new();
    };
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    vec![PersonalPart { subject, bytes }]
}
