//! Tables of the tests.

use strongroom_domain::reports::{Asked, Cell, Column, ReportFormat, ReportType, Table};
use strongroom_types::currency::Currency;
use strongroom_types::id::{RawId, ReportId};
use strongroom_types::time::Timestamp;

use crate::Heading;

const COLUMNS: &[Column] = &[
    Column::text("day"),
    Column::text("currency"),
    Column::text("wallet_id"),
    Column::count("sales"),
    Column::minor("gross"),
];

pub fn heading() -> Heading {
    Heading {
        id: ReportId(RawId([7; 12])),
        asked: Asked {
            kind: ReportType::Sales,
            format: ReportFormat::Json,
            from: Timestamp(1_767_225_600_000),
            to: Timestamp(1_767_398_400_000),
            wallet: None,
            store: None,
            shift: None,
            kept_for: 0,
            currency: None,
        },
        made_at: Timestamp(1_767_398_400_000),
    }
}

fn line(day: &str, code: &str, wallet: Cell, sales: i64, gross: i64) -> (Currency, Vec<Cell>) {
    let cells = vec![
        Cell::text(day),
        Cell::text(code),
        wallet,
        Cell::Number(sales),
        Cell::Number(gross),
    ];
    (Currency::parse(code).unwrap(), cells)
}

pub fn table() -> Table {
    let formula = Cell::text("=cmd|'/C calc'!A0");
    let quoted = Cell::text("a,\"b\"\nc");
    let lines = vec![
        line("2026-01-01", "PHP", formula, 3, 10_000_000),
        line("2026-01-02", "PHP", Cell::Nothing, 1, -250),
        line("2026-01-02", "KWD", quoted, 2, 1_005),
    ];
    let mut table = Table::new(COLUMNS, lines).unwrap();
    table.totals.reverse();
    table
}

pub fn long(count: usize) -> Table {
    let wallet = |n: usize| Cell::Text(format!("wallet-{n:03}"));
    let lines = (0..count).map(|n| line("2026-01-01", "PHP", wallet(n), 1, 100));
    Table::new(COLUMNS, lines.collect()).unwrap()
}
