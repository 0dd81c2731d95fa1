//! The spine: the one path by which data changes, and the way it is read back.
//!
//! `execute` puts a command in the queue; one commit thread takes what queued up during the last sync, loads the facts
//! it needs, decides one after another, seals, records and commits everything in one transaction, and only then
//! answers. Only the commit makes a [`Committed`]; only this crate reads the clock and opens what is sealed.
//! Never here: SQL, HTTP, business rules. The commit thread is in [`commit`](self), reads are in [`view`].

mod accept;
mod announce;
mod arrivals;
pub mod backup;
mod bases;
mod cache;
mod cardholder;
mod checkpoints;
mod clock;
mod commit;
mod credentials;
mod directory;
mod draft;
mod edge;
mod engine;
mod envelope;
mod failures;
#[doc(hidden)]
pub mod fuzzing;
mod grants;
mod halfway;
mod held;
mod item;
mod jobs;
pub mod journal;
mod load;
mod log;
mod oauth;
mod opened;
mod passwords;
mod payer;
mod payments;
mod people;
mod proofs;
mod queue;
mod rates;
mod reading;
mod refusals;
mod reports;
mod retention;
mod rotation;
mod scopes;
mod seal;
mod sealers;
mod shared;
mod spent;
mod standing;
mod start;
mod text;
mod transport;
mod vault;
pub mod verify;
pub mod view;
mod watch;
mod webhooks;

pub use cardholder::{Asked, Cardholder};
pub use clock::{Clock, WallClock};
pub use engine::{Engine, EngineState, Stats, Summaries};
pub use envelope::{Committed, Envelope, Failure, Idempotency};
pub use jobs::{CardWork, DueJob, DueWork};
pub use journal::{
    AttemptFilter, AttemptLine, AttemptOutcome, JOURNALS, RequestFilter, RequestLine,
};
pub use oauth::{GrantKind, RegisteredClient};
pub use opened::{OpenFault, Opener};
pub use payer::{Bill, Payer};
pub use payments::PaidWith;
pub use people::{Question, SessionTexts};
pub use reports::ReportScan;
pub use rotation::{
    KeyLevel, KeyLine, KeyPolicy, KeyStatus, RootsAge, Rotated, SignedCeremony, StoredKey,
    ceremony_entry_message, ceremony_message,
};
pub use start::{Settings, StartError, require_root};
pub use view::{
    AlertFilter, ApprovalFilter, AuditFilter, BankFileFilter, BeneficiaryFilter, CustomerFilter,
    Listing, PageQuery, PaymentFilter, PaymentLinkFilter, PayoutFileFilter, PayoutFilter,
    PayoutScheduleFilter, ProductFilter, ReadFault, RefundFilter, ReportFilter, SaleFilter,
    ShiftFilter, TillFilter, TransactionFilter, View, WalletFilter, file_content,
};
pub use webhooks::{
    Endpoint, News, OutEvent, Outbox, RowId, ShownDelivery, Signer, WebhookWork,
    mint_webhook_secret,
};
