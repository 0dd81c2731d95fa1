//! JSON: an object with the lines as objects.

use serde_json::{Map, Value, json};
use strongroom_domain::reports::{Cell, Column, Table};

use crate::Heading;

pub fn render(heading: &Heading, table: &Table) -> Vec<u8> {
    let asked = &heading.asked;
    let all = |lines: &[(_, Vec<Cell>)]| -> Vec<Value> {
        lines
            .iter()
            .map(|(_, cells)| object(table.columns, cells))
            .collect()
    };
    let document = json!({
        "object": "report_content",
        "report_id": heading.id.to_string(),
        "type": asked.kind.as_str(),
        "from": asked.from.to_string(),
        "to": asked.to.to_string(),
        "created_at": heading.made_at.to_string(),
        "columns": table.columns.iter().map(|column| column.name).collect::<Vec<_>>(),
        "lines": all(&table.lines),
        "totals": all(&table.totals),
    });
    document.to_string().into_bytes()
}

fn object(columns: &[Column], cells: &[Cell]) -> Value {
    let pairs = columns.iter().zip(cells);
    let fields: Map<String, Value> = pairs
        .map(|(column, cell)| (column.name.to_owned(), value(cell)))
        .collect();
    Value::Object(fields)
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Number(number) => Value::from(*number),
        Cell::Nothing => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{heading, table};

    #[test]
    fn lines_are_objects_and_totals_are_sums() {
        let bytes = render(&heading(), &table());
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["lines"][0]["wallet_id"], "=cmd|'/C calc'!A0");
        assert_eq!(read["lines"][1]["gross"], -250);
        assert_eq!(read["lines"][1]["wallet_id"], Value::Null);
        assert_eq!(read["totals"][0]["gross"], 9_999_750);
        assert_eq!(read["totals"][0]["currency"], "PHP");
        assert_eq!(bytes, render(&heading(), &table()));
    }
}
