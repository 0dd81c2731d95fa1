//! pain.002.001.03, customer payment status report: what a bank says of transfers that it was sent.

use crate::xml::{Fault, Limits, Sink, needed, once, short, walk};

pub(crate) const NAMESPACE: &str = "pain.002.001.03";
const MOST_REASONS: usize = 16;

/// A status report about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    pub message_id: String,
    pub original_message_id: String,
    /// Of all that is not said otherwise below.
    pub group: Option<Status>,
    /// ISO external codes, as they stand there.
    pub reasons: Vec<String>,
    pub payments: Vec<PaymentStatus>,
}

/// The status of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentStatus {
    pub payment_id: String,
    pub status: Option<Status>,
    pub reasons: Vec<String>,
    pub transactions: Vec<TransactionStatus>,
}

/// The status of one transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionStatus {
    pub end_to_end: Option<String>,
    pub instruction: Option<String>,
    pub status: Option<Status>,
    pub reasons: Vec<String>,
}

/// What a status code comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// RCVD, PDNG: nothing is decided.
    Waiting,
    /// ACTC, ACCP, ACSP, ACWC: it will be carried out.
    Accepted,
    /// ACSC: it was carried out.
    Settled,
    /// RJCT
    Rejected,
    /// PART: each transfer has its own.
    Partly,
}

impl Status {
    fn parse(code: &str, is_group: bool) -> Result<Status, String> {
        match code {
            "RCVD" if is_group => Ok(Status::Waiting),
            "PART" if is_group => Ok(Status::Partly),
            "PDNG" => Ok(Status::Waiting),
            "ACTC" | "ACCP" | "ACSP" | "ACWC" => Ok(Status::Accepted),
            "ACSC" => Ok(Status::Settled),
            "RJCT" => Ok(Status::Rejected),
            _ => Err("it is no status of this message".into()),
        }
    }
}

/// Reads a status report.
///
/// # Errors
/// [`Fault`]: where and what.
pub fn read_status_report(bytes: &[u8], limits: &Limits) -> Result<StatusReport, Fault> {
    let mut reading = Reading {
        most: limits.entries,
        ..Reading::default()
    };
    walk(bytes, limits, &[NAMESPACE], &mut reading)?;
    let at_end = |detail: String| Fault {
        path: "/Document/CstmrPmtStsRpt".into(),
        line: u32::try_from(bytes.iter().filter(|b| **b == b'\n').count()).unwrap_or(u32::MAX),
        detail,
    };
    reading.finish().map_err(at_end)
}

#[derive(Default)]
struct Reading {
    most: usize,
    count: usize,
    message_id: Option<String>,
    original_message_id: Option<String>,
    original_name: Option<String>,
    group: Option<Status>,
    reasons: Vec<String>,
    payments: Vec<PaymentStatus>,
    payment_id: Option<String>,
    payment: PaymentStatus,
    transaction: TransactionStatus,
}

const ROOT: &str = "/CstmrPmtStsRpt";
const GROUP: &str = "/CstmrPmtStsRpt/OrgnlGrpInfAndSts";
const PAYMENT: &str = "/CstmrPmtStsRpt/OrgnlPmtInfAndSts";
const TRANSACTION: &str = "/CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts";

impl Sink for Reading {
    fn open(&mut self, path: &str) -> Result<(), String> {
        match path {
            TRANSACTION => {
                self.count += 1;
                match self.count > self.most {
                    true => Err(format!("a file has at most {} of them", self.most)),
                    false => Ok(()),
                }
            }
            _ if path.starts_with(ROOT) => Ok(()),
            _ => Err("it does not belong here".into()),
        }
    }

    fn leaf(&mut self, path: &str, text: &str, _: Option<&str>) -> Result<(), String> {
        if path == "/CstmrPmtStsRpt/GrpHdr/MsgId" {
            return once(&mut self.message_id, short(text, 35)?);
        }
        if let Some(rest) = path.strip_prefix(TRANSACTION) {
            return self.of_transaction(rest, text);
        }
        if let Some(rest) = path.strip_prefix(PAYMENT) {
            return match rest {
                "/OrgnlPmtInfId" => once(&mut self.payment_id, short(text, 35)?),
                "/PmtInfSts" => once(&mut self.payment.status, Status::parse(text, true)?),
                _ => reason(rest, text, &mut self.payment.reasons),
            };
        }
        match path.strip_prefix(GROUP) {
            Some("/OrgnlMsgId") => once(&mut self.original_message_id, short(text, 35)?),
            Some("/OrgnlMsgNmId") => once(&mut self.original_name, short(text, 35)?),
            Some("/GrpSts") => once(&mut self.group, Status::parse(text, true)?),
            Some(rest) => reason(rest, text, &mut self.reasons),
            None => Ok(()),
        }
    }

    fn close(&mut self, path: &str) -> Result<(), String> {
        match path {
            TRANSACTION => {
                let transaction = std::mem::take(&mut self.transaction);
                self.payment.transactions.push(transaction);
            }
            PAYMENT => {
                let mut payment = std::mem::take(&mut self.payment);
                payment.payment_id = needed(self.payment_id.take(), "OrgnlPmtInfId")?;
                self.payments.push(payment);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Reading {
    fn of_transaction(&mut self, rest: &str, text: &str) -> Result<(), String> {
        let transaction = &mut self.transaction;
        match rest {
            "/OrgnlEndToEndId" => once(&mut transaction.end_to_end, short(text, 35)?),
            "/OrgnlInstrId" => once(&mut transaction.instruction, short(text, 35)?),
            "/TxSts" => once(&mut transaction.status, Status::parse(text, false)?),
            _ => reason(rest, text, &mut transaction.reasons),
        }
    }

    fn finish(self) -> Result<StatusReport, String> {
        let name = needed(self.original_name, "OrgnlMsgNmId")?;
        if !name.starts_with("pain.001") {
            return Err("it is about another message than pain.001".into());
        }
        Ok(StatusReport {
            message_id: needed(self.message_id, "MsgId")?,
            original_message_id: needed(self.original_message_id, "OrgnlMsgId")?,
            group: self.group,
            reasons: self.reasons,
            payments: self.payments,
        })
    }
}

/// Keeps a code of `StsRsnInf`, where it is one.
fn reason(rest: &str, text: &str, to: &mut Vec<String>) -> Result<(), String> {
    if !matches!(rest, "/StsRsnInf/Rsn/Cd" | "/StsRsnInf/Rsn/Prtry") {
        return Ok(());
    }
    if to.len() < MOST_REASONS {
        to.push(short(text, 35)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        bytes: 1 << 20,
        entries: 3,
    };

    fn report(group: &str, payments: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>B1</MsgId><CreDtTm>2026-11-27T10:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>SR1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group}</OrgnlGrpInfAndSts>
{payments}
</CstmrPmtStsRpt></Document>"#
        )
    }

    fn read(text: &str) -> Result<StatusReport, Fault> {
        read_status_report(text.as_bytes(), &LIMITS)
    }

    #[test]
    fn all_three_levels_are_read() {
        let text = report(
            "<GrpSts>PART</GrpSts>",
            "<OrgnlPmtInfAndSts><OrgnlPmtInfId>SR1</OrgnlPmtInfId><PmtInfSts>PART</PmtInfSts>
<TxInfAndSts><OrgnlEndToEndId>PO1</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed &amp; gone</AddtlInf></StsRsnInf></TxInfAndSts>
<TxInfAndSts><OrgnlInstrId>PO2</OrgnlInstrId><TxSts>ACSC</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>",
        );
        let report = read(&text).unwrap();
        assert_eq!(
            (
                report.message_id.as_str(),
                report.original_message_id.as_str()
            ),
            ("B1", "SR1")
        );
        assert_eq!(report.group, Some(Status::Partly));
        let [payment] = &report.payments[..] else {
            panic!("{report:?}")
        };
        assert_eq!(payment.transactions[0].reasons, ["AC04"]);
        assert_eq!(payment.transactions[0].status, Some(Status::Rejected));
        assert_eq!(payment.transactions[1].instruction.as_deref(), Some("PO2"));
        assert_eq!(payment.transactions[1].status, Some(Status::Settled));
    }

    #[test]
    fn a_rejected_file_has_its_reasons() {
        let text = report(
            "<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>AM04</Cd></Rsn></StsRsnInf>",
            "",
        );
        let report = read(&text).unwrap();
        assert_eq!(report.group, Some(Status::Rejected));
        assert_eq!(report.reasons, ["AM04"]);
    }

    /// What is put in place of what, the path and the line that are named for it, and a part of the words.
    const FAULTS: [(&str, &str, &str, u32, &str); 15] = [
        (
            "<GrpSts>ACCP",
            "<GrpSts>FINE",
            "/Document/CstmrPmtStsRpt/OrgnlGrpInfAndSts/GrpSts",
            4,
            "no status",
        ),
        (
            "<MsgId>B1</MsgId>",
            "<MsgId></MsgId>",
            "/Document/CstmrPmtStsRpt/GrpHdr/MsgId",
            3,
            "1 to 35",
        ),
        (
            "<MsgId>B1</MsgId>",
            "<MsgId>B1</MsgId><MsgId>B2</MsgId>",
            "/Document/CstmrPmtStsRpt/GrpHdr/MsgId",
            3,
            "twice",
        ),
        (
            "<MsgId>B1</MsgId>",
            "",
            "/Document/CstmrPmtStsRpt",
            5,
            "`MsgId` is missing",
        ),
        (
            "pain.001.001.09",
            "pacs.008.001.08",
            "/Document/CstmrPmtStsRpt",
            5,
            "another message",
        ),
        (
            "<GrpHdr>",
            "text<GrpHdr>",
            "/Document/CstmrPmtStsRpt",
            6,
            "between its elements",
        ),
        (
            "<CstmrPmtStsRpt>",
            "<CstmrPmtStsRpt><x:A xmlns:x='urn:x'/>",
            "/Document/CstmrPmtStsRpt",
            2,
            "another namespace",
        ),
        (
            "pain.002.001.03",
            "pain.002.001.14",
            "/Document",
            2,
            "none of pain.002.001.03",
        ),
        ("urn:iso", "urn:oso", "", 2, "no `Document`"),
        ("UTF-8", "UTF-16", "", 1, "not UTF-8"),
        (
            "<Document",
            "<?go?><Document",
            "",
            2,
            "processing instructions",
        ),
        (
            "B1</MsgId>",
            "&b;</MsgId>",
            "/Document/CstmrPmtStsRpt/GrpHdr/MsgId",
            3,
            "entity",
        ),
        (
            "B1</MsgId>",
            "B1",
            "/Document/CstmrPmtStsRpt/GrpHdr/MsgId",
            3,
            "not well-formed",
        ),
        ("</Document>", "", "/Document", 6, "ends in the middle"),
        (
            "</Document>",
            "</Document><Document/>",
            "",
            6,
            "nothing behind it",
        ),
    ];

    #[test]
    fn faults_name_the_element_and_the_line() {
        let good = report("<GrpSts>ACCP</GrpSts>", "");
        for (from, to, path, line, detail) in FAULTS {
            let text = good.replace(from, to);
            assert_ne!(text, good, "{from}");
            let fault = read(&text).unwrap_err();
            assert!(fault.detail.contains(detail), "{fault} for {to}");
            assert_eq!(fault.path, path, "{fault} for {to}");
            assert!(fault.line.abs_diff(line) <= 2, "{fault} for {to}");
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let laughs = (1..10).fold(String::from("<!ENTITY a0 \"ha\">"), |text, n| {
            let inner = format!("&a{};", n - 1).repeat(10);
            format!("{text}<!ENTITY a{n} \"{inner}\">")
        });
        let good = report("", "");
        let bomb = good
            .replace("<Document", &format!("<!DOCTYPE x [{laughs}]><Document"))
            .replace("B1", "&a9;");
        let fault = read(&bomb).unwrap_err();
        assert_eq!(fault.detail, "there is no document type here");
        let outside = good.replace(
            "<Document",
            "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><Document",
        );
        assert!(read(&outside).is_err());
        let deep = good.replace("<GrpHdr>", &format!("{}<GrpHdr>", "<A>".repeat(40)));
        assert!(
            read(&deep)
                .unwrap_err()
                .detail
                .contains("too many elements")
        );
        let long = good.replace("B1", &"x".repeat(5_000));
        assert_eq!(read(&long).unwrap_err().detail, "its text is too long");
        let status = "<TxInfAndSts><TxSts>RJCT</TxSts></TxInfAndSts>".repeat(4);
        let many = report(
            "",
            &format!(
                "<OrgnlPmtInfAndSts><OrgnlPmtInfId>a</OrgnlPmtInfId>{status}</OrgnlPmtInfAndSts>"
            ),
        );
        assert!(read(&many).unwrap_err().detail.contains("at most 3"));
        let large = good.replace("B1", &" ".repeat(1 << 20));
        assert!(read(&large).unwrap_err().detail.contains("1048576 bytes"));
        assert!(read_status_report(b"\xff", &LIMITS).is_err());
        assert!(read("").is_err());
    }

    #[test]
    fn prefixes_and_supplements_pass() {
        let text = report(
            "",
            "<SplmtryData><Envlp><p:any-thing xmlns:p='urn:p' a='&lt;'>x<p:b/></p:any-thing></Envlp></SplmtryData>",
        );
        assert!(read(&text).is_ok(), "{:?}", read(&text));
        let text = report("", "")
            .replace("<Document xmlns=", "<n:Document xmlns:n=")
            .replace("</Document", "</n:Document");
        assert!(read(&text).is_err(), "its elements have no namespace");
    }
}
