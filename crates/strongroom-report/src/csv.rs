//! CSV as RFC 4180 has it, UTF-8, with a line of names. Nothing, and only nothing, is an empty cell.

use csv::{Terminator, WriterBuilder};
use strongroom_domain::reports::{Cell, Table};

/// What programs for spreadsheets take for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub fn render(table: &Table) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    // Writing to memory has no error to give, and every line has as many cells as there are names.
    drop(writer.write_record(table.columns.iter().map(|column| column.name)));
    for (_, cells) in &table.lines {
        drop(writer.write_record(cells.iter().map(text)));
    }
    writer.into_inner().unwrap_or_default()
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => safe(text),
        Cell::Number(number) => number.to_string(),
        Cell::Nothing => String::new(),
    }
}

/// SECURITY: text that a spreadsheet would run gets an apostrophe in front, which it shows as text. A number is no text:
/// `-250` stays what it is.
fn safe(text: &str) -> String {
    match text.starts_with(FORMULA) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::table;

    #[test]
    fn cells_are_quoted_and_no_formula_is_left() {
        let text = String::from_utf8(render(&table())).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "day,currency,wallet_id,sales,gross",
                "2026-01-01,PHP,'=cmd|'/C calc'!A0,3,10000000",
                "2026-01-02,PHP,,1,-250",
                "2026-01-02,KWD,\"a,\"\"b\"\"\nc\",2,1005",
                "",
            ]
        );
    }

    #[test]
    fn every_beginning_of_a_formula_is_prefixed() {
        for first in FORMULA {
            assert_eq!(safe(&format!("{first}1")), format!("'{first}1"));
        }
        assert_eq!(safe("a=1"), "a=1");
    }
}
