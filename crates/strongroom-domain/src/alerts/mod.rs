//! Alerts: what somebody should look at. Rules raise them from typed happenings; people acknowledge and resolve them.
//!
//! There is one open alert per rule and subject, which counts what happens again; a subject is something of the
//! organization's own (a key, an endpoint, a wallet), never what a stranger can make up, so their number is bounded. An alert names
//! what happened and to what, and holds nothing of what was sent.

mod change;
mod raise;
mod view;

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::id::{AlertId, AnyId, ApiKeyId, RequestId};
use strongroom_types::time::Timestamp;

pub use change::{AcknowledgeAlert, ResolveAlert};
pub use raise::{Happening, MOST_OPEN, RaiseAlert};
pub use view::AlertView;

macro_rules! named {
    ($(#[$doc:meta])* $set:ident: $($(#[$about:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $set { $($(#[$about])* #[n($code)] $name,)* }

        impl $set {
            pub const ALL: &'static [$set] = &[$($set::$name,)*];

            pub const fn code(self) -> u8 {
                match self { $($set::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $($set::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<$set> {
                match text { $($text => Some($set::$name),)* _ => None }
            }
        }
    };
}

named! {
    /// What raises an alert. The number is the one stored, never reused.
    Rule:
    /// A signature that does not fit what it came with.
    ForgedSignature = 0, "forged_signature";
    /// A signature that was spent before.
    ReplayedSignature = 1, "replayed_signature";
    /// Somebody sent in a key that he found.
    LeakedKey = 2, "leaked_key";
    SecretKeyInBrowser = 3, "secret_key_in_browser";
    /// A key was used from outside of its networks.
    AddressRefused = 4, "address_refused";
    /// An endpoint was to be pointed at what nothing is sent to.
    WebhookTargetRefused = 5, "webhook_target_refused";
    /// One key was refused many times for rights it lacks.
    PrivilegeProbing = 6, "privilege_probing";
    /// The server gave an endpoint up.
    WebhookDisabled = 7, "webhook_disabled";
    CardNumberInField = 8, "card_number_in_field";
    /// A key was used without a client certificate that it is held to.
    CertificateRefused = 20, "certificate_refused";
    /// More than five logins on one account failed.
    FailedLogins = 40, "failed_logins";
    /// An account is recorded to hold something else than its postings add up to.
    BooksDiffer = 88, "books_differ";
    /// Somebody has changed where a beneficiary's money goes.
    BeneficiaryAccountChanged = 79, "beneficiary_account_changed";
    /// Somebody started to reset a person's password, or has done it.
    PasswordReset = 45, "password_reset";
    /// An acquirer does not take what was captured into a wallet.
    CaptureRefused = 95, "capture_refused";
}

named! {
    /// How soon somebody should look.
    Severity:
    Medium = 0, "medium";
    High = 1, "high";
    Critical = 2, "critical";
}

named! {
    /// Where an alert stands.
    AlertStatus:
    Open = 0, "open";
    /// Somebody has seen it; it counts on.
    Acknowledged = 1, "acknowledged";
    /// Done with; what happens now raises another.
    Resolved = 2, "resolved";
}

impl Rule {
    pub const fn severity(self) -> Severity {
        match self {
            Rule::LeakedKey | Rule::BooksDiffer => Severity::Critical,
            Rule::ForgedSignature
            | Rule::ReplayedSignature
            | Rule::SecretKeyInBrowser
            | Rule::PrivilegeProbing
            | Rule::BeneficiaryAccountChanged
            | Rule::FailedLogins
            | Rule::CaptureRefused => Severity::High,
            Rule::AddressRefused
            | Rule::WebhookTargetRefused
            | Rule::WebhookDisabled
            | Rule::CardNumberInField
            | Rule::CertificateRefused
            | Rule::PasswordReset => Severity::Medium,
        }
    }
}

/// An alert as stored.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct Alert {
    #[n(0)]
    #[class(operational)]
    pub id: AlertId,
    #[n(1)]
    #[class(operational)]
    pub rule: Rule,
    #[n(2)]
    #[class(operational)]
    pub severity: Severity,
    #[n(3)]
    #[class(operational)]
    pub status: AlertStatus,
    /// The key, endpoint or wallet that it is about.
    #[n(4)]
    #[class(operational)]
    pub subject: AnyId,
    #[n(5)]
    #[class(operational)]
    pub count: u64,
    #[n(6)]
    #[class(operational)]
    pub first_seen: Timestamp,
    #[n(7)]
    #[class(operational)]
    pub last_seen: Timestamp,
    /// The last request that it happened in.
    #[n(8)]
    #[class(operational)]
    pub request: Option<RequestId>,
    #[n(9)]
    #[class(operational)]
    pub acknowledged: Option<Handled>,
    #[n(10)]
    #[class(operational)]
    pub resolved: Option<Handled>,
    #[n(11)]
    #[class(sensitive)]
    pub note: Option<String>,
    #[n(12)]
    #[class(operational)]
    pub created_at: Timestamp,
}

/// Who took an alert up, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Handled {
    #[n(0)]
    pub by: Option<ApiKeyId>,
    #[n(1)]
    pub at: Timestamp,
}

impl Alert {
    /// The text by which the open alert of a rule and a subject is found.
    pub fn index_text(rule: Rule, subject: AnyId) -> String {
        format!("{}\u{1f}{subject}", rule.as_str())
    }

    /// The same, of one that is not resolved.
    pub fn open_text(&self) -> Option<String> {
        (self.status != AlertStatus::Resolved).then(|| Alert::index_text(self.rule, self.subject))
    }
}
