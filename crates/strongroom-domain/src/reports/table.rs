//! What every report is at the end: columns, lines, and sums by currency.

use strongroom_types::currency::Currency;

use crate::reports::ReportFailure;

/// The most lines of a report.
pub const MOST_LINES: usize = 100_000;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Text,
    /// A whole number.
    Count,
    /// Minor units of the line's currency.
    Minor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: ColumnKind,
    /// Whether lines of one currency are added up in it.
    pub summed: bool,
}

impl Column {
    pub const fn text(name: &'static str) -> Column {
        Column {
            name,
            kind: ColumnKind::Text,
            summed: false,
        }
    }

    pub const fn count(name: &'static str) -> Column {
        Column {
            name,
            kind: ColumnKind::Count,
            summed: true,
        }
    }

    pub const fn minor(name: &'static str) -> Column {
        Column {
            name,
            kind: ColumnKind::Minor,
            summed: true,
        }
    }

    /// Minor units that no sum is made of.
    pub const fn single_minor(name: &'static str) -> Column {
        Column {
            name,
            kind: ColumnKind::Minor,
            summed: false,
        }
    }

    /// A number that no sum is made of.
    pub const fn single(name: &'static str) -> Column {
        Column {
            name,
            kind: ColumnKind::Count,
            summed: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Text(String),
    Number(i64),
    Nothing,
}

impl Cell {
    pub fn text(value: impl ToString) -> Cell {
        Cell::Text(value.to_string())
    }

    pub fn maybe(value: Option<impl ToString>) -> Cell {
        value.map_or(Cell::Nothing, Cell::text)
    }

    /// A sum; what no amount can be is a fault of the whole report.
    pub(super) fn sum(value: i128) -> Result<Cell, ReportFailure> {
        let minor = i64::try_from(value).map_err(|_| ReportFailure::Overflow)?;
        match minor.unsigned_abs() <= strongroom_types::money::LIMIT.unsigned_abs() {
            true => Ok(Cell::Number(minor)),
            false => Err(ReportFailure::Overflow),
        }
    }
}

/// A line: its currency and its cells.
pub type Line = (Currency, Vec<Cell>);

/// A finished report, before it is written in some format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub columns: &'static [Column],
    pub lines: Vec<Line>,
    /// One line per currency: the sums of the columns that are summed, nothing in the others.
    pub totals: Vec<Line>,
}

impl Table {
    /// # Errors
    /// More lines than a report may have, or sums that no amount can be.
    pub fn new(columns: &'static [Column], lines: Vec<Line>) -> Result<Table, ReportFailure> {
        if lines.len() > MOST_LINES {
            return Err(ReportFailure::TooLarge);
        }
        let mut currencies: Vec<Currency> = lines.iter().map(|(currency, _)| *currency).collect();
        currencies.sort_unstable_by_key(|currency| currency.code());
        currencies.dedup();
        let totals = currencies
            .into_iter()
            .map(|currency| Ok((currency, sums(columns, &lines, currency)?)))
            .collect::<Result<Vec<Line>, ReportFailure>>()?;
        Ok(Table {
            columns,
            lines,
            totals,
        })
    }
}

fn sums(
    columns: &[Column],
    lines: &[Line],
    currency: Currency,
) -> Result<Vec<Cell>, ReportFailure> {
    let of = lines.iter().filter(|(known, _)| *known == currency);
    let mut sums = vec![0_i128; columns.len()];
    for (_, cells) in of {
        for (sum, cell) in sums.iter_mut().zip(cells) {
            if let Cell::Number(number) = cell {
                *sum += i128::from(*number);
            }
        }
    }
    let cells = columns.iter().zip(sums).map(|(column, sum)| match column {
        Column { summed: true, .. } => Cell::sum(sum),
        Column {
            name: "currency", ..
        } => Ok(Cell::text(currency)),
        _ => Ok(Cell::Nothing),
    });
    cells.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column::text("currency"),
        Column::text("wallet_id"),
        Column::minor("gross"),
        Column::single("number"),
    ];

    fn line(code: &str, minor: i64) -> Line {
        let currency = Currency::parse(code).unwrap();
        let cells = vec![
            Cell::text(code),
            Cell::text("w"),
            Cell::Number(minor),
            Cell::Number(7),
        ];
        (currency, cells)
    }

    #[test]
    fn sums_are_by_currency() {
        let lines = vec![line("USD", 5), line("PHP", 3), line("USD", -1)];
        let table = Table::new(COLUMNS, lines).unwrap();
        let sum = |code: &str, minor| {
            let cells = vec![
                Cell::text(code),
                Cell::Nothing,
                Cell::Number(minor),
                Cell::Nothing,
            ];
            (Currency::parse(code).unwrap(), cells)
        };
        assert_eq!(table.totals, [sum("PHP", 3), sum("USD", 4)]);
        let limit = strongroom_types::money::LIMIT;
        let over = Table::new(COLUMNS, vec![line("PHP", limit), line("PHP", 1)]);
        assert_eq!(over, Err(ReportFailure::Overflow));
        let many = Table::new(COLUMNS, vec![line("PHP", 0); MOST_LINES + 1]);
        assert_eq!(many, Err(ReportFailure::TooLarge));
    }
}
