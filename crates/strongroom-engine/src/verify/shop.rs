//! What is sold, from the log and from the transactions alone: stock, the sums of shifts and customers, what was given
//! back. A record says no more than what it is made of.

use std::collections::{BTreeMap, HashMap};

use strongroom_domain::customers::CustomerBody;
use strongroom_domain::entry::{EntryFacts, TransactionKind};
use strongroom_domain::facts::Field;
use strongroom_domain::products::{ProductBody, read_stock};
use strongroom_domain::record::Record;
use strongroom_domain::refunds::RefundBody;
use strongroom_domain::sales::{SaleBody, SaleStatus, chain_text};
use strongroom_domain::shifts::{ShiftBody, ShiftTotals, TaxSum};
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, CustomerId, ProductId, SaleId, ShiftId};

use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// Says what must hold of a record of a log, and what is wrong where it does not.
type Must<'a> = dyn FnMut(u32, AnyId, bool, &str) + 'a;

/// What is known of stores and what is sold there.
#[derive(Default)]
pub(super) struct Shop {
    stock: HashMap<(u32, ProductId), i64>,
    /// Minor units per kind of movement, of a shift, a sale or a refund.
    moved: HashMap<(u32, AnyId, u8), i64>,
    products: Vec<(u32, ProductBody)>,
    shifts: Vec<(u32, ShiftBody)>,
    sales: Vec<(u32, SaleBody)>,
    customers: Vec<(u32, CustomerBody)>,
    refunds: Vec<(u32, RefundBody)>,
}

/// The kinds of movements that are added up.
const KINDS: [TransactionKind; 7] = [
    TransactionKind::CashFloat,
    TransactionKind::CashIn,
    TransactionKind::CashOut,
    TransactionKind::CashClose,
    TransactionKind::SaleCash,
    TransactionKind::SaleVoid,
    TransactionKind::CashRefund,
];

fn number(kind: TransactionKind) -> Option<u8> {
    let place = KINDS.iter().position(|known| *known == kind)?;
    u8::try_from(place).ok()
}

/// The index rows that a record of a shop claims.
pub(super) fn claims(record: &Record) -> Vec<(Field, String, AnyId)> {
    let mut all = Vec::new();
    let mut claim = |field, text: Option<String>, id| {
        if let Some(text) = text {
            all.push((field, text, id));
        }
    };
    match record {
        Record::Customer(customer) => {
            let (id, person) = (customer.body.id.any(), customer.person.as_ref());
            let reference = customer.body.reference_id.as_ref();
            let reference = reference.map(|r| r.as_str().to_owned());
            claim(Field::CustomerReference, reference, id);
            claim(
                Field::CustomerEmail,
                person.and_then(|p| p.email.clone()),
                id,
            );
            claim(
                Field::CustomerPhone,
                person.and_then(|p| p.phone.clone()),
                id,
            );
        }
        Record::Product(product) => {
            let id = product.id.any();
            claim(Field::ProductSku, Some(product.sku.clone()), id);
            claim(Field::ProductBarcode, product.barcode.clone(), id);
        }
        Record::Till(till) => {
            let key = till.key.map(|key| key.to_string());
            claim(Field::TillKey, key, till.id.any());
        }
        Record::Sale(sale) => {
            let id = sale.id.any();
            let reference = sale.reference_id.as_ref();
            let reference = reference.map(|r| r.as_str().to_owned());
            claim(Field::SaleReference, reference, id);
            let place = sale.till.zip(sale.offline);
            let place = place.map(|(till, place)| chain_text(till, place.sequence));
            claim(Field::OfflineSale, place, id);
            for hour in sale.later_hours() {
                claim(Field::SaleHour, Some(hour), id);
            }
        }
        _ => {}
    }
    all
}

impl Shop {
    /// Adds up what one entry moved and took from stock.
    pub fn fold(&mut self, log: u32, seq: u64, facts: &EntryFacts, damages: &mut Damages) {
        for transaction in &facts.transactions {
            if let (Some(cause), Some(kind)) = (transaction.cause, number(transaction.kind)) {
                let sum = self.moved.entry((log, cause, kind)).or_default();
                *sum = sum.saturating_add(transaction.amount.minor);
            }
        }
        for (_, text) in facts.details.iter().filter(|(name, _)| name == "stock") {
            let Some(changes) = read_stock(text) else {
                damages.note(format!("entry {seq} of log {log}: its `stock` is none"));
                continue;
            };
            for change in changes {
                let sum = self.stock.entry((log, change.product)).or_default();
                *sum = sum.saturating_add(change.change);
            }
        }
    }

    /// Takes in what a record says.
    pub fn record(&mut self, log: u32, record: &Record) {
        match record {
            Record::Product(product) => self.products.push((log, product.clone())),
            Record::Shift(shift) => self.shifts.push((log, shift.clone())),
            Record::Sale(sale) => self.sales.push((log, sale.clone())),
            Record::Customer(customer) => self.customers.push((log, customer.body.clone())),
            Record::Refund(refund) if refund.sale.is_some() => {
                self.refunds.push((log, refund.clone()));
            }
            _ => {}
        }
    }

    fn moved(&self, log: u32, cause: AnyId, kind: TransactionKind) -> i64 {
        let sum = number(kind).and_then(|kind| self.moved.get(&(log, cause, kind)));
        sum.copied().unwrap_or(0)
    }

    /// Names what does not add up; logs of which entries could not be read are left out.
    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        let mut must = |log: u32, id: AnyId, holds: bool, fault: &str| {
            if !holds && !unread.any(log) {
                damages.note(format!("`{id}` of log {log}: {fault}"));
            }
        };
        for (log, product) in &self.products {
            let sum = self.stock.get(&(*log, product.id)).copied();
            let same = product.stock.unwrap_or(0) == sum.unwrap_or(0);
            let fault = "its stock is not what its entries say";
            must(*log, product.id.any(), same, fault);
        }
        self.check_sales(&mut must);
        self.check_shifts(&mut must);
        self.check_customers(&mut must);
    }

    fn check_sales(&self, must: &mut Must<'_>) {
        let back = self.given_back();
        for (log, sale) in &self.sales {
            let (log, id) = (*log, sale.id.any());
            let (cash, card) = back.get(&(log, sale.id)).copied().unwrap_or_default();
            let same = (sale.cash_refunded, sale.card_refunded) == (cash, card);
            must(log, id, same, "its refunds are not what it says");
            let same = self.is_paid(log, sale);
            must(
                log,
                id,
                same,
                "the cash that moved for it is not what it says",
            );
            must(log, id, adds_up(sale), "its lines are not its total");
        }
    }

    fn check_shifts(&self, must: &mut Must<'_>) {
        let sums = self.sums();
        for (log, shift) in &self.shifts {
            let (log, id) = (*log, shift.id.any());
            let sum = sums.get(&(log, shift.id)).cloned().unwrap_or_default();
            let same = self.with_cash(log, shift, sum.totals) == shift.totals;
            must(log, id, same, "its sums are not those of its transactions");
            let same = sum.pending == shift.pending;
            must(log, id, same, "transactions wait that it does not know");
            let same = self.is_counted(log, shift);
            must(log, id, same, "its cash is not what moved");
        }
    }

    fn check_customers(&self, must: &mut Must<'_>) {
        let bought = self.bought();
        for (log, customer) in &self.customers {
            let mut found: Vec<(Currency, u32, i64)> = customer
                .totals
                .iter()
                .filter(|total| total.sales != 0 || total.amount != 0)
                .map(|total| (total.currency, total.sales, total.amount))
                .collect();
            found.sort_unstable();
            let wanted = bought.get(&(*log, customer.id));
            let wanted = wanted.into_iter().flatten();
            let wanted: Vec<_> = wanted.map(|(c, (n, sum))| (*c, *n, *sum)).collect();
            let fault = "its totals are not its transactions";
            must(*log, customer.id.any(), found == wanted, fault);
        }
    }

    /// What was given back of each sale, or is on its way, in cash and by card.
    fn given_back(&self) -> HashMap<(u32, SaleId), (i64, i64)> {
        let mut back: HashMap<(u32, SaleId), (i64, i64)> = HashMap::new();
        for (log, refund) in &self.refunds {
            let Some(sale) = refund.sale.filter(|_| refund.failure.is_none()) else {
                continue;
            };
            let sums = back.entry((*log, sale)).or_default();
            let sum = match refund.payment {
                None => &mut sums.0,
                Some(_) => &mut sums.1,
            };
            *sum = sum.saturating_add(refund.amount.minor);
        }
        back
    }

    fn is_paid(&self, log: u32, sale: &SaleBody) -> bool {
        let id = sale.id.any();
        let taken = self.moved(log, id, TransactionKind::SaleCash);
        let returned = self.moved(log, id, TransactionKind::SaleVoid);
        match (sale.status, sale.shift) {
            (SaleStatus::Completed, Some(_)) => (taken, returned) == (sale.cash, 0),
            (SaleStatus::Voided, _) => taken == returned,
            _ => (taken, returned) == (0, 0),
        }
    }

    /// The sums of each shift, from its transactions.
    fn sums(&self) -> HashMap<(u32, ShiftId), Sum> {
        let mut all: HashMap<(u32, ShiftId), Sum> = HashMap::new();
        for (log, sale) in &self.sales {
            let Some(shift) = sale.shift else { continue };
            let sum = all.entry((*log, shift)).or_default();
            match sale.status {
                SaleStatus::Pending => sum.pending += 1,
                SaleStatus::Voided => sum.totals.voided += 1,
                SaleStatus::Failed => {}
                SaleStatus::Completed => sum.add(sale),
            }
        }
        for (log, refund) in &self.refunds {
            let Some(shift) = refund.shift else { continue };
            let totals = &mut all.entry((*log, shift)).or_default().totals;
            totals.refunds += 1;
            totals.cash_refunds = totals.cash_refunds.saturating_add(refund.amount.minor);
        }
        for sum in all.values_mut() {
            let taxes = std::mem::take(&mut sum.taxes).into_iter();
            let taxes = taxes.map(|(ppm, (net, tax))| TaxSum { ppm, net, tax });
            sum.totals.taxes = taxes.filter(|t| t.net != 0 || t.tax != 0).collect();
        }
        all
    }

    fn with_cash(&self, log: u32, shift: &ShiftBody, totals: ShiftTotals) -> ShiftTotals {
        let id = shift.id.any();
        ShiftTotals {
            cash_in: self.moved(log, id, TransactionKind::CashIn),
            cash_out: self.moved(log, id, TransactionKind::CashOut),
            ..totals
        }
    }

    /// Float, and what left the drawer when it was counted.
    fn is_counted(&self, log: u32, shift: &ShiftBody) -> bool {
        let id = shift.id.any();
        let totals = &shift.totals;
        let sums = [
            shift.float,
            totals.cash_in,
            -totals.cash_out,
            totals.cash,
            -totals.cash_refunds,
        ];
        let expected: i128 = sums.iter().map(|sum| i128::from(*sum)).sum();
        let closed = self.moved(log, id, TransactionKind::CashClose);
        let counted = match shift.is_open() {
            true => closed == 0 && shift.expected.is_none(),
            false => shift.expected == Some(closed) && i128::from(closed) == expected,
        };
        counted && self.moved(log, id, TransactionKind::CashFloat) == shift.float
    }

    fn bought(&self) -> HashMap<(u32, CustomerId), BTreeMap<Currency, (u32, i64)>> {
        let mut all: HashMap<(u32, CustomerId), BTreeMap<Currency, (u32, i64)>> = HashMap::new();
        let done = |sale: &&(u32, SaleBody)| sale.1.status == SaleStatus::Completed;
        for (log, sale) in self.sales.iter().filter(done) {
            let Some(customer) = sale.customer else {
                continue;
            };
            let currencies = all.entry((*log, customer)).or_default();
            let (count, sum) = currencies.entry(sale.amount.currency).or_default();
            *count += 1;
            *sum = sum.saturating_add(sale.amount.minor);
        }
        all
    }
}

/// What a shift's transactions come to.
#[derive(Clone, Default)]
struct Sum {
    totals: ShiftTotals,
    taxes: BTreeMap<u32, (i64, i64)>,
    pending: u32,
}

impl Sum {
    fn add(&mut self, sale: &SaleBody) {
        let totals = &mut self.totals;
        totals.sales += 1;
        totals.sold = totals.sold.saturating_add(sale.amount.minor);
        let lines = sale.lines.iter().map(|line| line.discount).sum::<i64>();
        totals.discounts = totals.discounts.saturating_add(sale.discount + lines);
        totals.cash = totals.cash.saturating_add(sale.cash);
        totals.card = totals.card.saturating_add(sale.card);
        for tax in &sale.taxes {
            let (net, sum) = self.taxes.entry(tax.ppm).or_default();
            *net = net.saturating_add(tax.net);
            *sum = sum.saturating_add(tax.tax);
        }
    }
}

/// Whether the parts of a sale are its sums.
fn adds_up(sale: &SaleBody) -> bool {
    let of_lines = |value: fn(&strongroom_domain::sales::SaleLine) -> i64| -> i128 {
        sale.lines.iter().map(|line| i128::from(value(line))).sum()
    };
    let amount = i128::from(sale.amount.minor);
    let taxes: i128 = sale
        .taxes
        .iter()
        .map(|tax| i128::from(tax.net) + i128::from(tax.tax))
        .sum();
    of_lines(|line| line.total) == amount
        && taxes == amount
        && of_lines(|line| line.share) == i128::from(sale.discount)
        && i128::from(sale.cash) + i128::from(sale.card) == amount
}
