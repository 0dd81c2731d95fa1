//! Receipts: what a customer takes home, as JSON, HTML and plain text. All say by which entry of the log they are proven.

use std::fmt::Write;

use serde::Serialize;
use strongroom_types::money::Money;

use crate::customers::proof_of;
use crate::sales::view::SaleView;
use crate::sales::{SaleBody, SaleLine};
use crate::stores::StoreBody;

/// The columns of a receipt in plain text.
const COLUMNS: usize = 42;

/// A receipt.
#[derive(Serialize)]
pub struct ReceiptView<'a> {
    pub object: &'static str,
    pub store_name: Option<&'a str>,
    pub header: &'a [String],
    pub transaction: SaleView<'a>,
    /// What a code on the receipt says: who scans it can ask for the proof, and hold it against the amount.
    pub verification: String,
}

impl<'a> ReceiptView<'a> {
    pub fn new(sale: &'a SaleBody, store: Option<&'a StoreBody>) -> ReceiptView<'a> {
        ReceiptView {
            object: "receipt",
            store_name: store.map(|store| store.name.as_str()),
            header: store.map_or(&[], |store| store.header.as_slice()),
            transaction: SaleView::new(sale),
            verification: verification(sale),
        }
    }
}

/// `<proof>#<transaction>,<minor units>,<currency>`.
fn verification(sale: &SaleBody) -> String {
    format!(
        "{}#{},{},{}",
        proof_of(sale.audit),
        sale.id,
        sale.amount.minor,
        sale.amount.currency
    )
}

/// One row of a receipt: what, and how much.
pub struct Row {
    pub what: String,
    pub amount: String,
}

/// What stands on a receipt, whatever it is printed on.
pub struct Printed {
    /// The store's name and header.
    pub top: Vec<String>,
    /// Which transaction, when, and how it stands where it is not just completed.
    pub below: Vec<String>,
    pub rows: Vec<Row>,
    /// What a code on it says.
    pub verification: String,
}

impl Printed {
    pub fn new(sale: &SaleBody, store: Option<&StoreBody>) -> Printed {
        let (top, below) = head(sale, store);
        Printed {
            top: top.into_iter().map(str::to_owned).collect(),
            below,
            rows: rows(sale),
            verification: verification(sale),
        }
    }
}

fn rows(sale: &SaleBody) -> Vec<Row> {
    let money = |minor: i64| Money::new(minor, sale.amount.currency).decimal();
    let row = |what: String, minor: i64| Row {
        what,
        amount: money(minor),
    };
    let gross = |line: &SaleLine| line.quantity.saturating_mul(line.unit);
    let mut all = Vec::new();
    for line in &sale.lines {
        let what = format!("{} x {} @ {}", line.quantity, line.name, money(line.unit));
        all.push(row(what, gross(line)));
        if line.discount > 0 {
            all.push(row("  discount".into(), -line.discount));
        }
    }
    if sale.discount > 0 {
        all.push(row("discount".into(), -sale.discount));
    }
    for tax in sale.taxes.iter().filter(|tax| tax.tax != 0) {
        let word = if sale.taxes_added {
            "plus"
        } else {
            "including"
        };
        let what = format!("{word} tax {}", percent(tax.ppm));
        all.push(row(what, tax.tax));
    }
    all.push(row(
        format!("TOTAL {}", sale.amount.currency),
        sale.amount.minor,
    ));
    if sale.cash > 0 {
        all.push(row("cash".into(), sale.tendered));
        all.push(row("change".into(), sale.change()));
    }
    if sale.card > 0 {
        all.push(row("card".into(), sale.card));
    }
    if sale.refunded() > 0 {
        all.push(row("refunded".into(), -sale.refunded()));
    }
    all
}

/// Parts per million as a percentage: `12 %`, `8.875 %`.
fn percent(ppm: u32) -> String {
    let (whole, rest) = (ppm / 10_000, ppm % 10_000);
    let text = format!("{whole}.{rest:04}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

fn head<'a>(sale: &SaleBody, store: Option<&'a StoreBody>) -> (Vec<&'a str>, Vec<String>) {
    let mut top: Vec<&str> = store.iter().map(|store| store.name.as_str()).collect();
    top.extend(
        store
            .iter()
            .flat_map(|s| s.header.iter().map(String::as_str)),
    );
    let mut below = vec![sale.id.to_string(), sale.created_at.to_string()];
    let status = SaleView::new(sale).status;
    if status != "completed" {
        below.push(status.to_uppercase());
    }
    (top, below)
}

/// The receipt as plain text, 42 columns wide.
pub fn text(sale: &SaleBody, store: Option<&StoreBody>) -> String {
    let mut out = String::new();
    let (top, below) = head(sale, store);
    let lines = top.iter().map(|line| (*line).to_owned()).chain(below);
    lines.for_each(|line| put(&mut out, &line));
    put(&mut out, &"-".repeat(COLUMNS));
    for Row { what, amount } in rows(sale) {
        let room = COLUMNS.saturating_sub(amount.chars().count() + 1);
        let what: String = what.chars().take(room).collect();
        let gap = COLUMNS.saturating_sub(what.chars().count() + amount.chars().count());
        put(&mut out, &format!("{what}{}{amount}", " ".repeat(gap)));
    }
    put(&mut out, &"-".repeat(COLUMNS));
    put(&mut out, &verification(sale));
    out
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// The receipt as an HTML page: no script, no style, no foreign resource.
pub fn html(sale: &SaleBody, store: Option<&StoreBody>) -> String {
    let (top, below) = head(sale, store);
    let mut out = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let title = escaped(&sale.id.to_string());
    // Writing to memory has no error to give.
    let _ = write!(out, "<title>{title}</title></head><body>\n<header>");
    for line in top {
        let _ = write!(out, "<p>{}</p>", escaped(line));
    }
    for line in below {
        let _ = write!(out, "<p>{}</p>", escaped(&line));
    }
    out.push_str("</header>\n<table>\n");
    for Row { what, amount } in rows(sale) {
        let (what, amount) = (escaped(what.trim()), escaped(&amount));
        let _ = writeln!(out, "<tr><td>{what}</td><td>{amount}</td></tr>");
    }
    let proof = escaped(&verification(sale));
    let _ = writeln!(
        out,
        "</table>\n<footer><p>Proof: <a href=\"{proof}\">{proof}</a></p></footer>\n</body></html>"
    );
    out
}

/// SECURITY: names come from whoever made the product; none of them becomes markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_percentages() {
        for (ppm, text) in [
            (120_000, "12 %"),
            (88_750, "8.875 %"),
            (0, "0 %"),
            (1_000_000, "100 %"),
        ] {
            assert_eq!(percent(ppm), text);
        }
    }

    #[test]
    fn names_never_become_markup() {
        assert_eq!(
            escaped("<b>\"A\" & 'B'"),
            "&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;"
        );
    }
}
