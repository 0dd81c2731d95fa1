//! camt.053, bank to customer statement, and camt.054, debit and credit notification: what has moved on an account.

use strongroom_types::money::Money;

use crate::amount::exact_amount;
use crate::identifier::Iban;
use crate::xml::{Fault, Limits, Sink, namespace, needed, once, short, walk};

/// The messages that are read.
const NAMES: [&str; 4] = [
    "camt.053.001.02",
    "camt.053.001.08",
    "camt.054.001.02",
    "camt.054.001.08",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// camt.053
    Statement,
    /// camt.054
    Notification,
}

/// A message with the reports of one or more accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankReport {
    pub kind: ReportKind,
    pub message_id: String,
    pub accounts: Vec<AccountReport>,
}

/// One account's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountReport {
    pub id: String,
    /// Nothing where the account has another number, and so is none that transfers are sent from.
    pub iban: Option<Iban>,
    pub entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Credit,
    Debit,
}

/// A line of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub amount: Money,
    pub direction: Direction,
    /// Whether it undoes an earlier line.
    pub reversal: bool,
    /// Whether it is booked, and not only announced.
    pub booked: bool,
    /// `YYYY-MM-DD`
    pub date: Option<String>,
    /// What the bank calls it.
    pub bank_reference: Option<String>,
    pub batch: Option<Batch>,
    pub details: Vec<Detail>,
}

/// Of a line that stands for a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub message_id: Option<String>,
    pub payment_id: Option<String>,
    pub count: Option<u64>,
}

/// One transfer of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    pub end_to_end: Option<String>,
    pub instruction: Option<String>,
    pub message_id: Option<String>,
    pub payment_id: Option<String>,
    pub bank_reference: Option<String>,
    /// The line's, when absent.
    pub amount: Option<Money>,
    pub direction: Option<Direction>,
    /// The code by which it came back, if it did.
    pub return_reason: Option<String>,
}

/// Reads a statement or a notification.
///
/// # Errors
/// [`Fault`]: where and what.
pub fn read_account_report(bytes: &[u8], limits: &Limits) -> Result<BankReport, Fault> {
    let name = namespace(bytes, limits)?;
    let kind = match name.starts_with("camt.053") {
        true => ReportKind::Statement,
        false => ReportKind::Notification,
    };
    let mut reading = Reading {
        root: match kind {
            ReportKind::Statement => "/BkToCstmrStmt",
            ReportKind::Notification => "/BkToCstmrDbtCdtNtfctn",
        },
        report: match kind {
            ReportKind::Statement => "/BkToCstmrStmt/Stmt",
            ReportKind::Notification => "/BkToCstmrDbtCdtNtfctn/Ntfctn",
        },
        most: limits.entries,
        ..Reading::default()
    };
    walk(bytes, limits, &NAMES, &mut reading)?;
    let missing = |detail: String| Fault {
        path: format!("/Document{}/GrpHdr", reading.root),
        line: 1,
        detail,
    };
    if reading.accounts.is_empty() {
        return Err(missing("there is no account's report in it".into()));
    }
    let message_id = needed(reading.message_id.clone(), "MsgId").map_err(missing)?;
    Ok(BankReport {
        kind,
        message_id,
        accounts: reading.accounts,
    })
}

#[derive(Default)]
struct Reading {
    root: &'static str,
    report: &'static str,
    most: usize,
    count: usize,
    message_id: Option<String>,
    accounts: Vec<AccountReport>,
    id: Option<String>,
    iban: Option<Iban>,
    entries: Vec<Entry>,
    line: Line,
    detail: Loose,
}

/// A line while it is read.
#[derive(Default)]
struct Line {
    amount: Option<Money>,
    direction: Option<Direction>,
    reversal: Option<bool>,
    booked: Option<bool>,
    date: Option<String>,
    bank_reference: Option<String>,
    batch: Option<Batch>,
    details: Vec<Detail>,
}

/// A transfer while it is read. Newer messages have the amount beside the references, older ones below `AmtDtls`.
#[derive(Default)]
struct Loose {
    detail: Detail,
    own: Option<Money>,
    below: Option<Money>,
}

impl Sink for Reading {
    fn open(&mut self, path: &str) -> Result<(), String> {
        if !path.starts_with(self.root) {
            return Err("it does not belong here".into());
        }
        let counts = matches!(self.inside(path), Some("/Ntry" | "/Ntry/NtryDtls/TxDtls"));
        self.count += usize::from(counts);
        match counts && self.count > self.most {
            true => Err(format!("a file has at most {} entries", self.most)),
            false => Ok(()),
        }
    }

    fn leaf(&mut self, path: &str, text: &str, currency: Option<&str>) -> Result<(), String> {
        let Some(inside) = self.inside(path) else {
            return match path.strip_prefix(self.root) {
                Some("/GrpHdr/MsgId") => once(&mut self.message_id, short(text, 35)?),
                _ => Ok(()),
            };
        };
        match inside {
            "/Id" => once(&mut self.id, short(text, 35)?),
            "/Acct/Id/IBAN" => {
                let iban = Iban::parse(text).ok_or("it is no IBAN")?;
                once(&mut self.iban, iban)
            }
            _ => match inside.strip_prefix("/Ntry/NtryDtls/TxDtls") {
                Some(rest) => self.detail.leaf(rest, text, currency),
                None => match inside.strip_prefix("/Ntry") {
                    Some(rest) => self.line.leaf(rest, text, currency),
                    None => Ok(()),
                },
            },
        }
    }

    fn close(&mut self, path: &str) -> Result<(), String> {
        match self.inside(path) {
            Some("/Ntry/NtryDtls/TxDtls") => {
                let loose = std::mem::take(&mut self.detail);
                self.line.details.push(loose.finish());
            }
            Some("/Ntry") => {
                let entry = std::mem::take(&mut self.line).finish()?;
                self.entries.push(entry);
            }
            Some("") => {
                let report = AccountReport {
                    id: needed(self.id.take(), "Id")?,
                    iban: self.iban.take(),
                    entries: std::mem::take(&mut self.entries),
                };
                self.accounts.push(report);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Reading {
    /// The path below an account's report.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.report)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

impl Line {
    fn leaf(&mut self, rest: &str, text: &str, currency: Option<&str>) -> Result<(), String> {
        match rest {
            "/Amt" => once(&mut self.amount, amount(text, currency)?),
            "/CdtDbtInd" => once(&mut self.direction, direction(text)?),
            "/RvslInd" => once(&mut self.reversal, flag(text)?),
            // A code in newer messages, below an element of its own.
            "/Sts" | "/Sts/Cd" => once(&mut self.booked, text == "BOOK"),
            "/BookgDt/Dt" | "/BookgDt/DtTm" => once(&mut self.date, date(text)?),
            "/AcctSvcrRef" => once(&mut self.bank_reference, short(text, 35)?),
            "/NtryDtls/Btch/MsgId" => once(&mut self.batch().message_id, short(text, 35)?),
            "/NtryDtls/Btch/PmtInfId" => once(&mut self.batch().payment_id, short(text, 35)?),
            "/NtryDtls/Btch/NbOfTxs" => {
                let count = text.parse::<u64>().map_err(|_| "it is no number")?;
                once(&mut self.batch().count, count)
            }
            _ => Ok(()),
        }
    }

    fn batch(&mut self) -> &mut Batch {
        self.batch.get_or_insert_default()
    }

    fn finish(self) -> Result<Entry, String> {
        Ok(Entry {
            amount: needed(self.amount, "Amt")?,
            direction: needed(self.direction, "CdtDbtInd")?,
            reversal: self.reversal.unwrap_or(false),
            booked: self.booked.unwrap_or(false),
            date: self.date,
            bank_reference: self.bank_reference,
            batch: self.batch,
            details: self.details,
        })
    }
}

impl Loose {
    fn leaf(&mut self, rest: &str, text: &str, currency: Option<&str>) -> Result<(), String> {
        let detail = &mut self.detail;
        match rest {
            "/Refs/EndToEndId" => once(&mut detail.end_to_end, short(text, 35)?),
            "/Refs/InstrId" => once(&mut detail.instruction, short(text, 35)?),
            "/Refs/MsgId" => once(&mut detail.message_id, short(text, 35)?),
            "/Refs/PmtInfId" => once(&mut detail.payment_id, short(text, 35)?),
            "/Refs/AcctSvcrRef" => once(&mut detail.bank_reference, short(text, 35)?),
            "/CdtDbtInd" => once(&mut detail.direction, direction(text)?),
            "/Amt" => once(&mut self.own, amount(text, currency)?),
            "/AmtDtls/TxAmt/Amt" => once(&mut self.below, amount(text, currency)?),
            "/RtrInf/Rsn/Cd" | "/RtrInf/Rsn/Prtry" => {
                once(&mut detail.return_reason, short(text, 35)?)
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Detail {
        Detail {
            amount: self.own.or(self.below),
            ..self.detail
        }
    }
}

fn amount(text: &str, currency: Option<&str>) -> Result<Money, String> {
    let currency = currency.ok_or("it names no currency")?;
    exact_amount(text, currency)
        .ok_or_else(|| "it is no amount with the decimals of its currency".into())
}

fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "CRDT" => Ok(Direction::Credit),
        "DBIT" => Ok(Direction::Debit),
        _ => Err("it is neither `CRDT` nor `DBIT`".into()),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("it is neither true nor false".into()),
    }
}

/// The day of a date or a time.
fn date(text: &str) -> Result<String, String> {
    let day = text.get(..10).unwrap_or("");
    let shape = day.bytes().enumerate().all(|(n, byte)| match n {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    match day.len() == 10 && shape {
        true => Ok(day.to_owned()),
        false => Err("it is no date".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        bytes: 1 << 20,
        entries: 10,
    };

    fn statement(version: &str, entries: &str) -> String {
        format!(
            r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-27T10:00:00</CreDtTm></GrpHdr>
<Stmt><Id>S1</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Amt Ccy="EUR">0.00</Amt></Bal>{entries}</Stmt></BkToCstmrStmt></Document>"#
        )
    }

    const NEW: &str = r#"<Ntry><Amt Ccy="EUR">123.45</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-11-27</Dt></BookgDt><AcctSvcrRef>X1</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>PO1</EndToEndId></Refs>
<Amt Ccy="EUR">123.45</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls></NtryDtls></Ntry>"#;
    const OLD: &str = r#"<Ntry><Amt Ccy="EUR">123.45</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<NtryDtls><TxDtls><Refs><EndToEndId>PO1</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">123.45</Amt></TxAmt></AmtDtls>
<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>"#;
    const BATCH: &str = r#"<Ntry><Amt Ccy="EUR">200.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><NtryDtls><Btch><MsgId>SR1</MsgId><NbOfTxs>2</NbOfTxs></Btch></NtryDtls></Ntry>"#;

    fn entry(text: &str) -> Entry {
        let report = read_account_report(text.as_bytes(), &LIMITS);
        let report = report.unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(report.message_id, "M1");
        let account = &report.accounts[0];
        assert_eq!(
            account.iban.as_ref().unwrap().as_str(),
            "DE89370400440532013000"
        );
        account.entries[0].clone()
    }

    #[test]
    fn both_versions_say_the_same() {
        let new = entry(&statement("08", NEW));
        assert_eq!(
            (new.amount.minor, new.direction, new.booked),
            (12_345, Direction::Debit, true)
        );
        assert_eq!(new.date.as_deref(), Some("2026-11-27"));
        assert_eq!(new.details[0].end_to_end.as_deref(), Some("PO1"));
        assert_eq!(new.details[0].amount.unwrap().minor, 12_345);
        let old = entry(&statement("02", OLD));
        assert_eq!((old.direction, old.booked), (Direction::Credit, true));
        assert_eq!(old.details[0].amount.unwrap().minor, 12_345);
        assert_eq!(old.details[0].return_reason.as_deref(), Some("AC04"));
        let batch = entry(&statement("08", BATCH));
        assert_eq!(batch.batch.unwrap().count, Some(2));
    }

    #[test]
    fn notifications_are_read_too() {
        let text = statement("08", NEW)
            .replace("camt.053", "camt.054")
            .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
            .replace("Stmt>", "Ntfctn>");
        let report = read_account_report(text.as_bytes(), &LIMITS).unwrap();
        assert_eq!(report.kind, ReportKind::Notification);
        assert_eq!(report.accounts[0].entries.len(), 1);
    }

    #[test]
    fn faults_name_the_element() {
        let good = statement("08", NEW);
        for (from, to, path) in [
            (
                "DE89370400440532013000",
                "DE88370400440532013000",
                "Stmt/Acct/Id/IBAN",
            ),
            (
                "<Ntry><Amt Ccy=\"EUR\">123.45",
                "<Ntry><Amt Ccy=\"EUR\">123.456",
                "Stmt/Ntry/Amt",
            ),
            ("<Ntry><Amt Ccy=\"EUR\">", "<Ntry><Amt>", "Stmt/Ntry/Amt"),
            (
                "<Ntry><Amt Ccy=\"EUR\">",
                "<Ntry><Amt Ccy=\"EUR\" Ccy=\"USD\">",
                "Stmt/Ntry",
            ),
            ("<CdtDbtInd>DBIT</CdtDbtInd><Sts>", "<Sts>", "Stmt/Ntry"),
            (
                "<CdtDbtInd>DBIT</CdtDbtInd><Sts>",
                "<CdtDbtInd>BOTH</CdtDbtInd><Sts>",
                "Stmt/Ntry/CdtDbtInd",
            ),
            ("2026-11-27</Dt>", "27.11.2026</Dt>", "Stmt/Ntry/BookgDt/Dt"),
            ("<Id>S1</Id>", "", "Stmt"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            let fault = read_account_report(text.as_bytes(), &LIMITS).unwrap_err();
            assert_eq!(
                fault.path,
                format!("/Document/BkToCstmrStmt/{path}"),
                "{fault}"
            );
        }
        let many = statement("08", &NEW.repeat(6));
        let fault = read_account_report(many.as_bytes(), &LIMITS).unwrap_err();
        assert!(fault.detail.contains("at most 10"), "{fault}");
        let none = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr></BkToCstmrStmt></Document>";
        assert!(read_account_report(none.as_bytes(), &LIMITS).is_err());
        let other = good.replace("camt.053.001.08", "camt.052.001.08");
        assert!(read_account_report(other.as_bytes(), &LIMITS).is_err());
    }
}
