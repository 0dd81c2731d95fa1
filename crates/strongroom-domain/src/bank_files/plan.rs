//! What a bank's message comes to: entries, each about one payout or about none.

use std::collections::HashSet;

use strongroom_iso20022::{
    BankMessage, BankReport, Detail, Direction, Entry, PaymentStatus, ReportKind, Status,
    StatusReport, TransactionStatus,
};
use strongroom_types::id::{PayoutFileId, PayoutId, WalletId};
use strongroom_types::money::Money;

use crate::payout_files::{PayoutFile, PayoutFileStatus, file_of_message, payout_of_reference};
use crate::payouts::PayoutStatus;
use crate::rejection::{Code, Rejection};

use super::batches::{Batch, Batches};
use super::{BankEntry, BankFileKind, EntryAct, EntryStatus, MOST_ENTRIES, Mismatch, message_text};

/// A payout file with what is in it.
pub struct KnownFile {
    pub file: PayoutFile,
    pub payouts: Vec<(PayoutId, Money, PayoutStatus)>,
}

/// What the books know of what a message names. SECURITY: those of one organization in one mode: what belongs to
/// another is not known.
pub trait Known {
    type Fault;

    /// The file of that number.
    ///
    /// # Errors
    /// When it cannot be read.
    fn payout_file(&mut self, id: PayoutFileId) -> Result<Option<KnownFile>, Self::Fault>;

    /// The payouts that files of banks refuse which came before and are still being applied.
    ///
    /// # Errors
    /// When they cannot be read.
    fn about_to_fail(&mut self) -> Result<HashSet<PayoutId>, Self::Fault>;

    /// The wallet that is paid from the account.
    ///
    /// # Errors
    /// When it cannot be read.
    fn wallet_of(&mut self, iban: &str) -> Result<Option<WalletId>, Self::Fault>;
}

/// A message's entries.
pub struct Plan {
    pub kind: BankFileKind,
    pub message_id: String,
    pub about: Option<PayoutFileId>,
    pub wallets: Vec<WalletId>,
    pub entries: Vec<BankEntry>,
}

impl Plan {
    /// The text by which the same message is found again.
    pub fn message_text(&self) -> String {
        message_text(self.kind, self.about, &self.wallets, &self.message_id)
    }
}

/// Plans a message: its entries, or why it is refused as a whole.
///
/// # Errors
/// When the books cannot be read.
pub fn plan<K: Known>(
    message: &BankMessage,
    known: &mut K,
) -> Result<Result<Plan, Rejection>, K::Fault> {
    let planned = match message {
        BankMessage::Status(report) => of_status(report, known)?,
        BankMessage::Report(report) => of_report(report, known)?,
    };
    Ok(planned.and_then(|plan| bounded(&plan.entries).map(|()| plan)))
}

fn bounded(entries: &[BankEntry]) -> Result<(), Rejection> {
    match entries.len() > MOST_ENTRIES {
        true => Err(Rejection::new(
            Code::BankFileInvalid,
            format!("a file speaks of at most {MOST_ENTRIES} payouts"),
        )),
        false => Ok(()),
    }
}

/// Payouts that may be opened for lines of which most stand for none.
const MOST_OPENED: usize = 4 * MOST_ENTRIES;

fn opened_few(batches: &Batches) -> Result<(), Rejection> {
    match batches.opened() > MOST_OPENED {
        true => Err(Rejection::new(
            Code::BankFileInvalid,
            format!("the payout files that it names hold more than {MOST_OPENED} payouts"),
        )),
        false => Ok(()),
    }
}

fn foreign(text: &str) -> Rejection {
    Rejection::new(Code::BankFileForeign, text)
}

fn blank(act: EntryAct) -> BankEntry {
    BankEntry {
        act,
        payout: None,
        file: None,
        wallet: None,
        amount: None,
        reason: None,
        reference: None,
        bank_reference: None,
        date: None,
        credit: None,
        status: EntryStatus::Waiting,
        mismatch: None,
    }
}

fn of_status<K: Known>(
    report: &StatusReport,
    known: &mut K,
) -> Result<Result<Plan, Rejection>, K::Fault> {
    let id = file_of_message(&report.original_message_id);
    let found = match id {
        Some(id) => known.payout_file(id)?,
        None => None,
    };
    let Some(found) = found else {
        let text = "it is about a message that was not sent from here";
        return Ok(Err(foreign(text)));
    };
    if found.file.status != PayoutFileStatus::Sent {
        let id = found.file.id;
        let text =
            format!("nobody has said that `{id}` was sent: `POST /v1/payout-files/{id}/sent`");
        return Ok(Err(Rejection::new(Code::InvalidState, text)));
    }
    Ok(Ok(Plan {
        kind: BankFileKind::StatusReport,
        message_id: report.message_id.clone(),
        about: Some(found.file.id),
        wallets: vec![found.file.wallet()],
        entries: statuses(report, &found),
    }))
}

fn statuses(report: &StatusReport, found: &KnownFile) -> Vec<BankEntry> {
    let file = found.file.id;
    let mut named = HashSet::new();
    let mut entries = Vec::new();
    let mut batch = None;
    for payment in &report.payments {
        let is_ours = payment.payment_id == report.original_message_id;
        if is_ours {
            batch = Some(payment);
        }
        for transaction in &payment.transactions {
            let entry = of_transaction(report, payment, transaction, file, is_ours);
            named.extend(entry.payout);
            entries.push(entry);
        }
        if !is_ours && payment.transactions.is_empty() {
            entries.push(BankEntry {
                reference: Some(payment.payment_id.clone()),
                mismatch: Some(Mismatch::UnknownReference),
                ..blank(EntryAct::Note)
            });
        }
    }
    // What is said of the whole goes for all that nothing is said of.
    let (status, reasons) = match batch.and_then(|batch| Some((batch.status?, &batch.reasons))) {
        Some((status, reasons)) => (Some(status), reasons),
        None => (report.group, &report.reasons),
    };
    let rest = || found.payouts.iter().filter(|(id, ..)| !named.contains(id));
    // Of a message that is taken in part the single transfers say what became of them, and of the others nothing is said.
    let is_part = status == Some(Status::Partly) && !entries.is_empty();
    match status.map(act_of) {
        Some(act @ (EntryAct::Settle | EntryAct::Fail)) => {
            let reason = reasons.first().or(report.reasons.first());
            entries.extend(rest().map(|(id, ..)| BankEntry {
                payout: Some(*id),
                file: Some(file),
                reason: reason.cloned(),
                ..blank(act)
            }));
        }
        Some(EntryAct::Acknowledge) if rest().next().is_some() && !is_part => {
            entries.push(BankEntry {
                file: Some(file),
                reference: Some(report.original_message_id.clone()),
                ..blank(EntryAct::Acknowledge)
            });
        }
        _ => {}
    }
    entries
}

fn of_transaction(
    report: &StatusReport,
    payment: &PaymentStatus,
    transaction: &TransactionStatus,
    file: PayoutFileId,
    is_ours: bool,
) -> BankEntry {
    let references = [&transaction.end_to_end, &transaction.instruction];
    let references = references.into_iter().flatten();
    let payout = references
        .clone()
        .find_map(|text| payout_of_reference(text));
    let status = transaction.status.or(payment.status).or(report.group);
    let reasons = [&transaction.reasons, &payment.reasons, &report.reasons];
    let act = status.map_or(EntryAct::Note, act_of);
    let reference = references.clone().next().cloned();
    let mismatch = match (payout.is_some() && is_ours, &reference) {
        (true, _) => None,
        (false, Some(_)) => Some(Mismatch::UnknownReference),
        (false, None) => Some(Mismatch::NoReference),
    };
    BankEntry {
        payout: payout.filter(|_| is_ours),
        file: Some(file),
        reason: reasons.iter().find_map(|reasons| reasons.first().cloned()),
        reference,
        mismatch,
        ..blank(act)
    }
}

fn act_of(status: Status) -> EntryAct {
    match status {
        Status::Settled => EntryAct::Settle,
        Status::Rejected => EntryAct::Fail,
        // Never guessed: what is accepted is not carried out yet.
        Status::Accepted | Status::Waiting | Status::Partly => EntryAct::Acknowledge,
    }
}

fn of_report<K: Known>(
    report: &BankReport,
    known: &mut K,
) -> Result<Result<Plan, Rejection>, K::Fault> {
    let mut wallets = Vec::new();
    for account in &report.accounts {
        let wallet = match &account.iban {
            Some(iban) => known.wallet_of(iban.as_str())?,
            None => None,
        };
        let Some(wallet) = wallet else {
            let text = "it reports an account that no payout rail here is paid from";
            return Ok(Err(foreign(text)));
        };
        wallets.push(wallet);
    }
    let (mut entries, mut batches) = (Vec::new(), Batches::default());
    for (account, wallet) in report.accounts.iter().zip(&wallets) {
        for line in account.entries.iter().filter(|line| line.booked) {
            entries.extend(of_line(line, *wallet, known, &mut batches)?);
            // SECURITY: not only at the end: a few bytes of a line may stand for thousands of payouts.
            if let Err(rejection) = bounded(&entries).and_then(|()| opened_few(&batches)) {
                return Ok(Err(rejection));
            }
        }
    }
    // Whatever the order of lines: what went out comes before what came back.
    entries.sort_by_key(|entry| entry.act == EntryAct::Return);
    Ok(Ok(Plan {
        kind: match report.kind {
            ReportKind::Statement => BankFileKind::Statement,
            ReportKind::Notification => BankFileKind::Notification,
        },
        message_id: report.message_id.clone(),
        about: None,
        wallets,
        entries,
    }))
}

/// The entries of a booked line. What is only announced comes again once it is booked.
fn of_line<K: Known>(
    line: &Entry,
    wallet: WalletId,
    known: &mut K,
    batches: &mut Batches,
) -> Result<Vec<BankEntry>, K::Fault> {
    let named = |detail: &Detail| payout_named(detail).is_some();
    if line.details.iter().any(named) || line.details.len() > 1 {
        let alone = line.details.len() == 1;
        let details = line.details.iter();
        return Ok(details
            .map(|detail| of_detail(line, detail, alone, wallet))
            .collect());
    }
    let batch = match line.direction == Direction::Debit && !line.reversal {
        true => batch_of(line),
        false => None,
    };
    let found = match batch {
        Some(id) => batches.sent(id, known)?,
        None => None,
    };
    Ok(match found.filter(|found| found.wallet == wallet) {
        Some(found) => of_batch(line, found),
        None => vec![unmatched(line, line.details.first(), wallet)],
    })
}

fn payout_named(detail: &Detail) -> Option<PayoutId> {
    let references = [&detail.end_to_end, &detail.instruction];
    let mut references = references.into_iter().flatten();
    references.find_map(|text| payout_of_reference(text))
}

fn of_detail(line: &Entry, detail: &Detail, alone: bool, wallet: WalletId) -> BankEntry {
    let Some(payout) = payout_named(detail) else {
        return unmatched(line, Some(detail), wallet);
    };
    let act = match (
        detail.direction.unwrap_or(line.direction),
        &detail.return_reason,
    ) {
        (Direction::Debit, None) if !line.reversal => EntryAct::Settle,
        (Direction::Credit, Some(_)) => EntryAct::Return,
        _ => return unmatched(line, Some(detail), wallet),
    };
    let amount = detail.amount.or(alone.then_some(line.amount));
    BankEntry {
        act,
        payout: Some(payout),
        amount,
        // A transfer whose amount nobody says cannot be held against anything.
        mismatch: amount.is_none().then_some(Mismatch::AmountDiffers),
        ..unmatched(line, Some(detail), wallet)
    }
}

/// The payout file that a line stands for as a whole.
fn batch_of(line: &Entry) -> Option<PayoutFileId> {
    let batch = line.batch.as_ref();
    let detail = line.details.first();
    let names = [
        batch.and_then(|batch| batch.message_id.as_ref()),
        batch.and_then(|batch| batch.payment_id.as_ref()),
        detail.and_then(|detail| detail.message_id.as_ref()),
        detail.and_then(|detail| detail.payment_id.as_ref()),
    ];
    names
        .into_iter()
        .flatten()
        .find_map(|text| file_of_message(text))
}

/// All payouts of a batch that was booked in one sum, if it is the sum of those that were not refused before.
fn of_batch(line: &Entry, found: &Batch) -> Vec<BankEntry> {
    let whole = unmatched(line, line.details.first(), found.wallet);
    let fits = i128::from(line.amount.minor) == found.sum && line.amount.currency == found.currency;
    if !fits {
        return vec![BankEntry {
            mismatch: Some(Mismatch::AmountDiffers),
            ..whole
        }];
    }
    let one = |(id, amount): &(PayoutId, Money)| BankEntry {
        act: EntryAct::Settle,
        payout: Some(*id),
        file: Some(found.file),
        amount: Some(*amount),
        mismatch: None,
        ..whole.clone()
    };
    found.left.iter().map(one).collect()
}

fn unmatched(line: &Entry, detail: Option<&Detail>, wallet: WalletId) -> BankEntry {
    let direction = detail
        .and_then(|detail| detail.direction)
        .unwrap_or(line.direction);
    let reference = detail.and_then(|d| d.end_to_end.clone().or(d.instruction.clone()));
    let own = detail.and_then(|detail| detail.bank_reference.clone());
    BankEntry {
        wallet: Some(wallet),
        amount: Some(detail.and_then(|d| d.amount).unwrap_or(line.amount)),
        reason: detail.and_then(|detail| detail.return_reason.clone()),
        mismatch: Some(match reference {
            Some(_) => Mismatch::UnknownReference,
            None => Mismatch::NoReference,
        }),
        reference,
        bank_reference: own.or(line.bank_reference.clone()),
        date: line.date.clone(),
        credit: Some(direction == Direction::Credit),
        ..blank(EntryAct::Note)
    }
}
