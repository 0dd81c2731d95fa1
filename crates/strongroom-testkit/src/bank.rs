//! A bank for tests: accounts with true numbers, and the files that it answers a payout file with.
//!
//! Its files are put together as text, apart from what the product reads and writes them with.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// A German account's number that no other test of this process has.
pub fn fresh_iban() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    iban(LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

/// The `n`-th account of a bank.
pub fn iban(n: u64) -> String {
    let account = format!("37040044{n:010}");
    let rest = format!("{account}131400");
    let remainder = rest.bytes().fold(0u64, |value, byte| {
        (value * 10 + u64::from(byte - b'0')) % 97
    });
    format!("DE{:02}{account}", 98 - remainder)
}

/// What puts a wallet on a file rail that pays from an account, closed each night.
pub fn rail(wallet: &str, iban: &str) -> Value {
    json!({
        "wallet_id": wallet,
        "debtor": { "name": "Ácme & Söhne", "iban": iban, "bic": "DEUTDEFF" },
        "cut_off": { "time": "23:59", "zone": "Europe/Berlin" },
    })
}

/// A payout to an account.
pub fn payout(wallet: &str, minor: i64, iban: &str) -> Value {
    let recipient = json!({ "type": "bank_account", "account_name": "Ana Peña", "iban": iban });
    json!({ "amount": minor, "source_wallet_id": wallet, "recipient": recipient })
}

/// The transfers of a payout file: what each is called, and its amount as it stands there.
pub fn transfers(file: &str) -> Vec<(String, String)> {
    let between = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap_or(("", ""));
        rest.split_once(to).map(|(value, _)| value.to_owned())
    };
    let all = file.split("<CdtTrfTxInf>").skip(1);
    all.filter_map(|one| {
        let name = between(one, "<EndToEndId>", "<")?;
        let (_, amount) = one.split_once("<InstdAmt Ccy=\"")?;
        Some((name, between(amount, ">", "<")?))
    })
    .collect()
}

/// What a status report says of one transfer: what it is called, the status, the reason.
pub type Said<'a> = (&'a str, &'a str, Option<&'a str>);

/// A pain.002.001.03 about a message: of the whole, if a status is given, and of transfers.
pub fn status_report(id: &str, about: &str, whole: Option<&str>, said: &[Said<'_>]) -> String {
    let mut transfers = String::new();
    for (name, status, reason) in said {
        let reason = reason.map_or(String::new(), |code| {
            format!("<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>")
        });
        write!(
            transfers,
            "<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>{status}</TxSts>{reason}</TxInfAndSts>"
        )
        .unwrap_or_default();
    }
    let whole = whole.map_or(String::new(), |status| format!("<GrpSts>{status}</GrpSts>"));
    let batch = match said.is_empty() {
        true => String::new(),
        false => format!(
            "<OrgnlPmtInfAndSts><OrgnlPmtInfId>{about}</OrgnlPmtInfId>{transfers}</OrgnlPmtInfAndSts>"
        ),
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-02T10:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{about}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{whole}</OrgnlGrpInfAndSts>
{batch}</CstmrPmtStsRpt></Document>
"#
    )
}

/// A line of an account, booked.
#[derive(Clone, Debug)]
pub struct Line {
    pub credit: bool,
    /// As it stands there, such as `12.00`.
    pub amount: String,
    /// What the transfer is called; nothing where the line names none.
    pub name: Option<String>,
    /// Why it came back, if it did.
    pub reason: Option<String>,
    /// The message that it stands for as a whole.
    pub batch: Option<String>,
}

impl Line {
    /// A transfer that went out.
    pub fn debit(name: &str, amount: &str) -> Line {
        Line {
            credit: false,
            amount: amount.to_owned(),
            name: Some(name.to_owned()),
            reason: None,
            batch: None,
        }
    }

    /// One that came back.
    pub fn back(name: &str, amount: &str, reason: &str) -> Line {
        Line {
            credit: true,
            reason: Some(reason.to_owned()),
            ..Line::debit(name, amount)
        }
    }
}

/// A camt.053 of version `02` or `08` with the lines of one account.
pub fn statement(version: &str, id: &str, iban: &str, currency: &str, lines: &[Line]) -> String {
    let entries: String = lines
        .iter()
        .map(|line| entry(version, currency, line))
        .collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>
<GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-02T20:00:00</CreDtTm></GrpHdr>
<Stmt><Id>{id}</Id><CreDtTm>2026-01-02T20:00:00</CreDtTm><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">0.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-02</Dt></Dt></Bal>
{entries}</Stmt></BkToCstmrStmt></Document>
"#
    )
}

fn entry(version: &str, currency: &str, line: &Line) -> String {
    let direction = if line.credit { "CRDT" } else { "DBIT" };
    let amount = format!("<Amt Ccy=\"{currency}\">{}</Amt>", line.amount);
    let is_old = version == "02";
    let status = match is_old {
        true => "<Sts>BOOK</Sts>",
        false => "<Sts><Cd>BOOK</Cd></Sts>",
    };
    let code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>";
    let reason = line.reason.as_ref().map_or(String::new(), |code| {
        format!("<RtrInf><Rsn><Cd>{code}</Cd></Rsn></RtrInf>")
    });
    let inner = match is_old {
        true => format!("<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>"),
        false => format!("{amount}<CdtDbtInd>{direction}</CdtDbtInd>"),
    };
    let details = match (&line.batch, &line.name) {
        (Some(message), _) => {
            format!("<NtryDtls><Btch><MsgId>{message}</MsgId></Btch></NtryDtls>")
        }
        (None, Some(name)) => format!(
            "<NtryDtls><TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs>{inner}{reason}</TxDtls></NtryDtls>"
        ),
        (None, None) => String::new(),
    };
    format!(
        "<Ntry>{amount}<CdtDbtInd>{direction}</CdtDbtInd>{status}<BookgDt><Dt>2026-01-02</Dt></BookgDt>\
         <AcctSvcrRef>B-1</AcctSvcrRef>{code}{details}</Ntry>\n"
    )
}
