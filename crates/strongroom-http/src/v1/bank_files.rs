//! Files of banks: what they say of payouts and of accounts.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{CreateBankFiles, ReadBankFiles};
use strongroom_crypto::sha256;
use strongroom_domain::bank_files::{
    BankEntry, BankEntryView, BankFile, BankFileView, EntryStatus, MOST_ENTRIES, Plan,
    ReceiveBankFile, plan,
};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::view;
use strongroom_engine::{BankFileFilter, Failure, View};
use strongroom_iso20022::{BankMessage, Limits};
use strongroom_types::id::{BankFileId, PayoutFileId};
use strongroom_vault::scrub;

use crate::call::{Answer, Call};
use crate::json::NOBODY;
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;

/// `POST /v1/bank-files`: takes a file in; what it says is applied afterwards, entry by entry.
pub async fn receive(caller: Caller<CreateBankFiles>, call: Call) -> Result<Answer, Problem> {
    let body = call.body.clone();
    let (hash, bytes) = (sha256(&[&body]), body.len());
    let read = tokio::task::spawn_blocking(move || {
        let limits = Limits {
            // How many it may have, the edge has said.
            bytes,
            entries: MOST_ENTRIES,
        };
        strongroom_iso20022::read(&body, &limits)
    });
    let read = read.await.map_err(|_| Failure::Internal)?;
    let message = read.map_err(|fault| {
        let problem = Problem::from(Rejection::new(Code::BankFileInvalid, fault.to_string()));
        problem
            .detail("path", fault.path)
            .detail("line", fault.line.to_string())
    })?;
    let engine = call.engine().clone();
    let work = move |view: &mut View<'_>| known_or_planned(view, &message, &hash);
    let plan = match engine.read(&caller, work).await? {
        Found::Before(file) => return Ok(again(&file)),
        Found::Planned(plan) => plan,
    };
    let texts = plan
        .as_ref()
        .ok()
        .map(|plan| (hex(&hash), plan.message_text()));
    let command = ReceiveBankFile {
        plan: plan.map_err(|rejection| *rejection),
        sha256: hash,
        bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
    };
    let (problem, texts) = match (call.execute(&caller, command).await, texts) {
        (Err(problem), Some(texts)) if problem.code() == Code::BankFileKnown.as_str() => {
            (problem, texts)
        }
        (done, _) => return done,
    };
    // The same file came twice at once: the other was first.
    let work = move |view: &mut View<'_>| view.bank_file_of(&texts.0, &texts.1);
    match engine.read(&caller, work).await? {
        Some(file) => Ok(again(&file)),
        None => Err(problem),
    }
}

/// Digits of a file's hash behind an id that is masked: so many are never taken for a card number themselves.
const MARK: usize = 20;

/// What the books know of a file.
enum Found {
    Before(Box<BankFile>),
    Planned(Result<Plan, Box<Rejection>>),
}

fn known_or_planned(
    view: &mut View<'_>,
    message: &BankMessage,
    hash: &[u8; 32],
) -> Result<Found, strongroom_engine::ReadFault> {
    let hash = hex(hash);
    if let Some(file) = view.bank_file_of(&hash, "")? {
        return Ok(Found::Before(Box::new(file)));
    }
    let mut planned = plan(message, view)?.map_err(Box::new);
    if let Ok(plan) = &mut planned {
        withhold(plan, &hash);
        if let Some(file) = view.bank_file_of(&hash, &plan.message_text())? {
            return Ok(Found::Before(Box::new(file)));
        }
    }
    Ok(Found::Planned(planned))
}

/// The answer that the file got when it came first, as it stands now.
fn again(file: &BankFile) -> Answer {
    Answer {
        replayed: true,
        ..Answer::json(view::json(&BankFileView::new(file)))
    }
}

/// SECURITY: a bank may put a card's number into a reference. The tripwire passes over these files, since most long
/// numbers in them are none; of what is kept, none stays.
fn withhold(plan: &mut Plan, hash: &str) {
    if masked(&mut plan.message_id) {
        // Two ids that are masked may look the same: the file's hash tells them apart, and says nothing of the number.
        let mark = hash.get(..MARK).unwrap_or(hash);
        plan.message_id = format!("{}~{mark}", plan.message_id);
    }
    for entry in &mut plan.entries {
        let BankEntry {
            reference,
            bank_reference,
            reason,
            ..
        } = entry;
        for text in [reference, bank_reference, reason].into_iter().flatten() {
            masked(text);
        }
    }
}

/// Whether there was anything to mask.
fn masked(text: &mut String) -> bool {
    let clean = String::from_utf8_lossy(&scrub(text.as_bytes())).into_owned();
    let is_masked = clean != *text;
    *text = clean;
    is_masked
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /v1/bank-files/{id}`.
pub async fn read(caller: Caller<ReadBankFiles>, call: Call) -> Result<Answer, Problem> {
    let id = file_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&BankFileView::new(&view.bank_file(id)?)))
    })
    .await
}

/// `GET /v1/bank-files`.
pub async fn list(caller: Caller<ReadBankFiles>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let named = |text: &str| PayoutFileId::parse(text).unwrap_or(PayoutFileId(NOBODY));
    let filter = BankFileFilter {
        payout_file: call.query().id("payout_file_id", named)?,
    };
    call.read(&caller, move |view| {
        let listing = view.bank_files(&filter, &page)?;
        Ok(pages::render(&listing, |file| {
            view::json(&BankFileView::new(file))
        }))
    })
    .await
}

/// `GET /v1/bank-files/{id}/entries`.
pub async fn entries(caller: Caller<ReadBankFiles>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let status = call.query().choice("status", EntryStatus::parse)?;
    let id = file_id(&call);
    call.read(&caller, move |view| {
        let listing = view.bank_entries(id, status, &page)?;
        Ok(pages::render(&listing, |(number, entry)| {
            view::json(&BankEntryView::new(*number, entry))
        }))
    })
    .await
}

fn file_id(call: &Call) -> BankFileId {
    call.id(BankFileId::parse, BankFileId(NOBODY))
}

const STATUSES: &[&str] = &[
    "waiting",
    "applied",
    "confirmed",
    "acknowledged",
    "unmatched",
];

const MISMATCHES: &[&str] = &[
    "no_reference",
    "unknown_reference",
    "amount_differs",
    "wrong_state",
    "wallet_blocked",
];

/// The parameters of `GET /v1/bank-files` beside the page.
pub const FILTERS: &[Parameter] = &[Parameter::text(
    "payout_file_id",
    "Only status reports about this payout file.",
)];

/// Those of its entries.
pub const ENTRY_FILTERS: &[Parameter] = &[Parameter::one_of(
    "status",
    || STATUSES.to_vec(),
    "Only entries of which this became.",
)];

/// A message of ISO 20022.
pub fn body_schema() -> Schema {
    schema::text()
}

pub fn schema() -> Schema {
    let number = || json!({"type": "integer", "minimum": 0});
    let counts = schema::reply(vec![
        ("applied", number()),
        ("confirmed", number()),
        ("acknowledged", number()),
        ("unmatched", number()),
    ]);
    let kinds = &["status_report", "statement", "notification"];
    let fields = vec![
        ("id", schema::id("bfile")),
        ("object", schema::constant("bank_file")),
        ("type", schema::one_of(kinds)),
        ("status", schema::one_of(&["processing", "completed"])),
        ("message_id", schema::text()),
        ("payout_file_id", schema::nullable(schema::id("pfile"))),
        ("wallet_ids", schema::list(schema::id("wallet"))),
        ("sha256", schema::text()),
        ("bytes", number()),
        ("entries", number()),
        ("entries_done", number()),
        ("counts", counts),
        ("completed_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    schema::named("bank_file", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

fn entry_schema() -> Schema {
    let text = || schema::nullable(schema::text());
    let amount = json!({"type": ["integer", "null"], "minimum": 0});
    let mismatches = schema::nullable(schema::one_of(MISMATCHES));
    let directions = schema::nullable(schema::one_of(&["credit", "debit"]));
    let fields = vec![
        ("id", schema::text()),
        ("object", schema::constant("bank_file_entry")),
        ("status", schema::one_of(STATUSES)),
        ("mismatch", mismatches),
        ("payout_id", schema::nullable(schema::id("payout"))),
        ("direction", directions),
        ("amount", amount),
        ("amount_decimal", text()),
        ("currency", schema::nullable(schema::currency())),
        ("reason_code", text()),
        ("reference", text()),
        ("bank_reference", text()),
        ("booked_on", text()),
    ];
    schema::named("bank_file_entry", schema::reply(fields))
}

pub fn entries_schema() -> Schema {
    schema::page(entry_schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_states_is_the_one_understood() {
        let known = |text: &&str| EntryStatus::parse(text).is_some();
        assert!(STATUSES.iter().all(known));
    }
}
