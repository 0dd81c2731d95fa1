//! ISO 20022 as files between a company and its bank: credit transfers out, their status and the statements in.
//!
//! Pure: text and values, no IO, no clock. Writing gives the same bytes for the same input ([`credit_transfer`]).
//! Reading is strict ([`status_report`], [`account_report`]): one namespace, no document type, no entities, bounds on
//! size, depth and number; a fault names the element and the line, never what stands in it. What a status or an entry
//! means for a payout is the domain's business.

mod account_report;
mod amount;
mod credit_transfer;
mod identifier;
mod status_report;
mod text;
mod xml;

pub use account_report::{
    AccountReport, BankReport, Batch, Detail, Direction, Entry, ReportKind, read_account_report,
};
pub use amount::exact_amount;
pub use credit_transfer::{CreditTransfer, Debtor, FORMAT, Transfer, write};
pub use identifier::{Bic, Iban};
pub use status_report::{
    PaymentStatus, Status, StatusReport, TransactionStatus, read_status_report,
};
pub use text::{latin, reads_as_latin};
pub use xml::{Fault, Limits};

/// A message of a bank, of whichever kind its namespace says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BankMessage {
    Status(StatusReport),
    Report(BankReport),
}

/// Reads a file of a bank.
///
/// # Errors
/// [`Fault`]: where and what.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<BankMessage, Fault> {
    let namespace = xml::namespace(bytes, limits)?;
    match namespace.as_str() {
        status_report::NAMESPACE => read_status_report(bytes, limits).map(BankMessage::Status),
        _ => read_account_report(bytes, limits).map(BankMessage::Report),
    }
}
