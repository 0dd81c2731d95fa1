//! Taxes and shifts, from the records of what was sold: a posting does not say at which rate.

use std::collections::HashMap;

use strongroom_types::currency::Currency;
use strongroom_types::id::{ShiftId, StoreId};
use strongroom_types::time::Timestamp;

use crate::reports::table::{Cell, Column, Line, MOST_LINES, Table};
use crate::reports::{Asked, ReportFailure};
use crate::sales::{SaleBody, hour_of};
use crate::shifts::ShiftBody;

/// Taxes of what was sold at tills in the period, and of what was taken back in it, by store and rate.
pub struct Taxes {
    period: (Timestamp, Timestamp),
    store: Option<StoreId>,
    shift: Option<ShiftId>,
    sums: HashMap<(Option<StoreId>, Currency, u32, LineKind), Taxed>,
}

/// What a line is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum LineKind {
    Sale,
    Void,
}

impl LineKind {
    const fn as_str(self) -> &'static str {
        match self {
            LineKind::Sale => "sale",
            LineKind::Void => "void",
        }
    }

    const fn sign(self) -> i128 {
        match self {
            LineKind::Sale => 1,
            LineKind::Void => -1,
        }
    }
}

#[derive(Default)]
struct Taxed {
    sales: i128,
    net: i128,
    tax: i128,
}

const TAX: &[Column] = &[
    Column::text("store_id"),
    Column::text("currency"),
    Column::single("tax_rate_ppm"),
    Column::text("kind"),
    Column::count("sales"),
    Column::minor("net"),
    Column::minor("tax"),
    Column::minor("gross"),
];

impl Taxes {
    pub fn new(asked: &Asked) -> Taxes {
        Taxes {
            period: (asked.from, asked.to),
            store: asked.store,
            shift: asked.shift,
            sums: HashMap::new(),
        }
    }

    pub fn lines(&self) -> usize {
        self.sums.len()
    }

    pub fn take(&mut self, sale: &SaleBody) {
        self.take_where(sale, |_| true);
    }

    /// Takes in what happened to a sale in one hour.
    pub fn take_of(&mut self, hour: i64, sale: &SaleBody) {
        self.take_where(sale, |time| hour_of(time) == hour);
    }

    fn take_where(&mut self, sale: &SaleBody, is_then: impl Fn(Timestamp) -> bool) {
        let (from, to) = self.period;
        let is_wanted = self.store.is_none_or(|store| sale.store == Some(store))
            && self.shift.is_none_or(|shift| sale.shift == Some(shift));
        let turns = [
            (LineKind::Sale, sale.counted_at()),
            (LineKind::Void, sale.uncounted_at()),
        ];
        for (kind, time) in turns {
            if is_wanted && time.is_some_and(|time| (from..to).contains(&time) && is_then(time)) {
                self.add(kind, sale);
            }
        }
    }

    fn add(&mut self, kind: LineKind, sale: &SaleBody) {
        for of in &sale.taxes {
            let key = (sale.store, sale.amount.currency, of.ppm, kind);
            let sums = self.sums.entry(key).or_default();
            sums.sales += kind.sign();
            sums.net += kind.sign() * i128::from(of.net);
            sums.tax += kind.sign() * i128::from(of.tax);
        }
    }

    /// # Errors
    /// [`ReportFailure`].
    pub fn table(self) -> Result<Table, ReportFailure> {
        let mut sums: Vec<_> = self.sums.into_iter().collect();
        sums.sort_unstable_by_key(|((store, currency, ppm, kind), _)| {
            (*store, currency.code(), *ppm, *kind)
        });
        let mut lines: Vec<Line> = Vec::with_capacity(sums.len());
        for ((store, currency, ppm, kind), sums) in sums {
            let cells = vec![
                Cell::maybe(store),
                Cell::text(currency),
                Cell::Number(i64::from(ppm)),
                Cell::text(kind.as_str()),
                Cell::sum(sums.sales)?,
                Cell::sum(sums.net)?,
                Cell::sum(sums.tax)?,
                Cell::sum(sums.net + sums.tax)?,
            ];
            lines.push((currency, cells));
        }
        Table::new(TAX, lines)
    }
}

/// Shifts that were opened in the period, or one.
pub struct Shifts {
    period: (Timestamp, Timestamp),
    store: Option<StoreId>,
    shift: Option<ShiftId>,
    lines: Vec<Line>,
    is_full: bool,
}

const SHIFT: &[Column] = &[
    Column::text("shift_id"),
    Column::text("till_id"),
    Column::text("store_id"),
    Column::text("currency"),
    Column::text("status"),
    Column::text("opened_at"),
    Column::text("closed_at"),
    Column::single("z_number"),
    Column::count("sales"),
    Column::count("voided"),
    Column::minor("sold"),
    Column::minor("discounts"),
    Column::minor("tax"),
    Column::minor("card"),
    Column::minor("cash"),
    Column::minor("opening_float"),
    Column::minor("paid_in"),
    Column::minor("paid_out"),
    Column::minor("cash_refunds"),
    Column::minor("expected_cash"),
    Column::minor("counted_cash"),
    Column::minor("difference"),
];

impl Shifts {
    pub fn new(asked: &Asked) -> Shifts {
        Shifts {
            period: (asked.from, asked.to),
            store: asked.store,
            shift: asked.shift,
            lines: Vec::new(),
            is_full: false,
        }
    }

    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    pub fn take(&mut self, shift: &ShiftBody, held: i64) {
        let (from, to) = self.period;
        // One that is asked for by name is wanted whenever it was.
        let in_time = self.shift.is_some() || (from..to).contains(&shift.created_at);
        let is_wanted = in_time
            && self.store.is_none_or(|store| shift.store == store)
            && self.shift.is_none_or(|wanted| shift.id == wanted);
        if !is_wanted {
            return;
        }
        if self.lines.len() >= MOST_LINES {
            self.is_full = true;
            return;
        }
        self.lines.push((shift.currency, cells(shift, held)));
    }

    /// # Errors
    /// [`ReportFailure`].
    pub fn table(self) -> Result<Table, ReportFailure> {
        match self.is_full {
            true => Err(ReportFailure::TooLarge),
            false => Table::new(SHIFT, self.lines),
        }
    }
}

fn cells(shift: &ShiftBody, held: i64) -> Vec<Cell> {
    let totals = &shift.totals;
    let expected = shift.expected.unwrap_or(held);
    let tax = totals.taxes.iter().map(|of| of.tax).sum();
    let counted = shift.counted;
    let number = |value: Option<i64>| value.map_or(Cell::Nothing, Cell::Number);
    vec![
        Cell::text(shift.id),
        Cell::text(shift.till),
        Cell::text(shift.store),
        Cell::text(shift.currency),
        Cell::text(shift.status.as_str()),
        Cell::text(shift.created_at),
        Cell::maybe(shift.closed_at),
        number(shift.number.map(i64::from)),
        Cell::Number(i64::from(totals.sales)),
        Cell::Number(i64::from(totals.voided)),
        Cell::Number(totals.sold),
        Cell::Number(totals.discounts),
        Cell::Number(tax),
        Cell::Number(totals.card),
        Cell::Number(totals.cash),
        Cell::Number(shift.float),
        Cell::Number(totals.cash_in),
        Cell::Number(totals.cash_out),
        Cell::Number(totals.cash_refunds),
        Cell::Number(expected),
        number(counted),
        number(counted.map(|counted| counted.saturating_sub(expected))),
    ]
}
