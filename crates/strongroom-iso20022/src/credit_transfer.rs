//! pain.001.001.09, customer credit transfer initiation: what a company sends to its bank.

use strongroom_types::money::Money;

use crate::identifier::{Bic, Iban};
use crate::text::latin;

/// The way the bytes are written. Stored beside each file: another way is another number, and the old one stays.
pub const FORMAT: u8 = 1;

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";
const MOST_NAME: usize = 140;
const MOST_REMITTANCE: usize = 140;

/// A message with one batch of transfers from one account.
#[derive(Clone, Debug)]
pub struct CreditTransfer<'a> {
    /// At most 35 plain letters, unlike every other of this sender.
    pub message_id: &'a str,
    /// `YYYY-MM-DDThh:mm:ssZ`.
    pub created: &'a str,
    /// `YYYY-MM-DD`.
    pub execution_date: &'a str,
    pub debtor: Debtor<'a>,
    /// All of one currency, the sum's.
    pub transfers: &'a [Transfer<'a>],
    pub sum: Money,
}

/// Whose account pays.
#[derive(Clone, Debug)]
pub struct Debtor<'a> {
    pub name: &'a str,
    pub iban: &'a Iban,
    /// Nothing where the bank knows itself.
    pub bic: Option<&'a Bic>,
}

/// One transfer.
#[derive(Clone, Debug)]
pub struct Transfer<'a> {
    /// At most 35 plain letters; comes back in reports as it was sent.
    pub end_to_end: &'a str,
    pub amount: Money,
    pub name: &'a str,
    pub iban: &'a str,
    pub bic: Option<Bic>,
    pub remittance: Option<&'a str>,
}

/// Writes the message: the same bytes for the same input.
pub fn write(message: &CreditTransfer<'_>) -> Vec<u8> {
    let mut out = Writer(String::with_capacity(1_024 + message.transfers.len() * 640));
    let count = message.transfers.len().to_string();
    let sum = message.sum.decimal();
    out.0
        .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"");
    out.0.push_str(NAMESPACE);
    out.0.push_str("\">\n<CstmrCdtTrfInitn>\n");
    out.within("GrpHdr", |out| {
        out.line("MsgId", message.message_id);
        out.line("CreDtTm", message.created);
        out.line("NbOfTxs", &count);
        out.line("CtrlSum", &sum);
        out.within("InitgPty", |out| {
            out.line("Nm", &latin(message.debtor.name, MOST_NAME));
        });
    });
    out.within("PmtInf", |out| {
        out.line("PmtInfId", message.message_id);
        out.line("PmtMtd", "TRF");
        out.line("BtchBookg", "true");
        out.line("NbOfTxs", &count);
        out.line("CtrlSum", &sum);
        out.within("ReqdExctnDt", |out| out.line("Dt", message.execution_date));
        debtor(out, &message.debtor, message.sum.currency.code());
        // By the rules of the scheme in euros, shared elsewhere.
        let is_euro = message.sum.currency.code() == "EUR";
        out.line("ChrgBr", if is_euro { "SLEV" } else { "SHAR" });
        for each in message.transfers {
            transfer(out, each);
        }
    });
    out.0.push_str("</CstmrCdtTrfInitn>\n</Document>\n");
    out.0.into_bytes()
}

fn debtor(out: &mut Writer, debtor: &Debtor<'_>, currency: &str) {
    out.within("Dbtr", |out| {
        out.line("Nm", &latin(debtor.name, MOST_NAME));
    });
    out.within("DbtrAcct", |out| {
        out.within("Id", |out| out.line("IBAN", debtor.iban.as_str()));
        out.line("Ccy", currency);
    });
    out.within("DbtrAgt", |out| {
        out.within("FinInstnId", |out| match debtor.bic {
            Some(bic) => out.line("BICFI", bic.as_str()),
            None => out.within("Othr", |out| out.line("Id", "NOTPROVIDED")),
        });
    });
}

fn transfer(out: &mut Writer, transfer: &Transfer<'_>) {
    out.within("CdtTrfTxInf", |out| {
        out.within("PmtId", |out| {
            out.line("InstrId", transfer.end_to_end);
            out.line("EndToEndId", transfer.end_to_end);
        });
        out.within("Amt", |out| out.amount("InstdAmt", transfer.amount));
        if let Some(bic) = &transfer.bic {
            out.within("CdtrAgt", |out| {
                out.within("FinInstnId", |out| out.line("BICFI", bic.as_str()));
            });
        }
        out.within("Cdtr", |out| {
            out.line("Nm", &latin(transfer.name, MOST_NAME));
        });
        out.within("CdtrAcct", |out| {
            out.within("Id", |out| out.line("IBAN", transfer.iban));
        });
        if let Some(text) = transfer.remittance {
            out.within("RmtInf", |out| {
                out.line("Ustrd", &latin(text, MOST_REMITTANCE));
            });
        }
    });
}

struct Writer(String);

impl Writer {
    fn within(&mut self, name: &str, write: impl FnOnce(&mut Writer)) {
        self.open(name);
        self.0.push('\n');
        write(self);
        self.close(name);
    }

    fn line(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    fn amount(&mut self, name: &str, amount: Money) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push_str(" Ccy=\"");
        self.0.push_str(amount.currency.code());
        self.0.push_str("\">");
        self.text(&amount.decimal());
        self.close(name);
    }

    /// SECURITY: what stands in a text never becomes markup, whoever wrote it.
    fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                c if c.is_control() => self.0.push(' '),
                c => self.0.push(c),
            }
        }
    }

    fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::currency::Currency;

    use super::*;

    /// The bytes of format 1, for ever: files of today must come out the same in ten years.
    #[test]
    fn the_bytes_of_format_one_are_these() {
        let eur = Currency::parse("EUR").unwrap();
        let iban = Iban::parse("DE89370400440532013000").unwrap();
        let bic = Bic::parse("DEUTDEFF").unwrap();
        let transfers = [
            Transfer {
                end_to_end: "PO018f0123456789abcdef0123",
                amount: Money::new(12_345, eur),
                name: "Peña <& Söhne>",
                iban: "GB82WEST12345698765432",
                bic: Bic::parse("WESTGB22"),
                remittance: Some("Invoice 7"),
            },
            Transfer {
                end_to_end: "PO018f0123456789abcdef0124",
                amount: Money::new(5, eur),
                name: "B",
                iban: "FR1420041010050500013M02606",
                bic: None,
                remittance: None,
            },
        ];
        let message = CreditTransfer {
            message_id: "SR018f0123456789abcdef0100",
            created: "2026-11-27T10:00:00Z",
            execution_date: "2026-11-27",
            debtor: Debtor {
                name: "Ünion GmbH",
                iban: &iban,
                bic: Some(&bic),
            },
            transfers: &transfers,
            sum: Money::new(12_350, eur),
        };
        let text = String::from_utf8(write(&message)).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/format-1.xml");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            text,
            "files that were sent could not be made again: add a format instead"
        );
        assert!(text.contains("<Nm>Pena ?+ Sohne?</Nm>"), "{text}");
        assert_eq!(FORMAT, 1);
    }
}
