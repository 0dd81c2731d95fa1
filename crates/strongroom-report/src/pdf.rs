//! PDF: A4 across, as many pages as it takes, in letters as small as the widest line asks for.

use strongroom_domain::reports::{Cell, Column, ColumnKind, Table};
use strongroom_pdf::{A4, Document, Font, MONO_WIDTH, Page};
use strongroom_types::currency::Currency;
use strongroom_types::money::Money;

use crate::Heading;

const MARGIN: f32 = 28.0;
/// The largest and the smallest letters of the lines.
const LARGEST: f32 = 8.0;
const SMALLEST: f32 = 3.5;
const TITLE: f32 = 14.0;
const NOTE: f32 = 8.0;
/// What lies below the heading of a page, and above its number.
const TOP: f32 = 62.0;
const BOTTOM: f32 = 40.0;

/// The longest text of a cell.
const MOST_LETTERS: usize = 48;

pub fn render(heading: &Heading, table: &Table) -> Vec<u8> {
    let shape = Shape::of(table);
    let lines = shape.all(table);
    let (width, height) = (A4.1, A4.0);
    let step = shape.size * 1.35;
    let room = (height - TOP - MARGIN - BOTTOM) / step - 1.0;
    let per_page = whole(room).max(1);
    let pages = lines.len().div_ceil(per_page).max(1);
    let mut document = Document::new(&title(heading));
    for number in 0..pages {
        let mut page = Page::new((width, height));
        head(&mut page, heading, height);
        let mut y = height - MARGIN - TOP;
        page.text(
            (MARGIN, y),
            Font::Mono,
            shape.size,
            &shape.names(table.columns),
        );
        page.rule((MARGIN, y - step * 0.3), width - 2.0 * MARGIN);
        for line in lines.iter().skip(number * per_page).take(per_page) {
            y -= step;
            page.text((MARGIN, y), Font::Mono, shape.size, line);
        }
        let foot = format!("{}   page {} of {pages}", heading.id, number + 1);
        page.text((MARGIN, MARGIN), Font::Plain, NOTE, &foot);
        document.push(page);
    }
    document.bytes()
}

fn title(heading: &Heading) -> String {
    format!("Report: {}", heading.asked.kind.as_str())
}

fn head(page: &mut Page, heading: &Heading, height: f32) {
    let top = height - MARGIN - TITLE;
    page.text((MARGIN, top), Font::Bold, TITLE, &title(heading));
    let asked = &heading.asked;
    let period = format!("from {} up to, and without, {}", asked.from, asked.to);
    page.text((MARGIN, top - 14.0), Font::Plain, NOTE, &period);
    let made = format!("made {}   amounts in major units", heading.made_at);
    page.text((MARGIN, top - 25.0), Font::Plain, NOTE, &made);
}

/// How wide each column is, in letters, and how large a letter.
struct Shape {
    widths: Vec<usize>,
    size: f32,
}

impl Shape {
    fn of(table: &Table) -> Shape {
        let mut widths: Vec<usize> = table.columns.iter().map(|c| c.name.len()).collect();
        for (currency, cells) in table.lines.iter().chain(&table.totals) {
            let pairs = widths.iter_mut().zip(table.columns).zip(cells);
            for ((width, column), cell) in pairs {
                *width = (*width).max(shown(column, cell, *currency).chars().count());
            }
        }
        let letters: usize = widths.iter().map(|width| width + 1).sum();
        let letters = f32::from(u16::try_from(letters).unwrap_or(u16::MAX));
        let size = (A4.1 - 2.0 * MARGIN) / (letters * MONO_WIDTH);
        Shape {
            widths,
            size: size.clamp(SMALLEST, LARGEST),
        }
    }

    fn names(&self, columns: &[Column]) -> String {
        let names = columns.iter().zip(&self.widths);
        let names = names.map(|(column, width)| padded(column, column.name, *width));
        names.collect::<Vec<_>>().join(" ")
    }

    fn line(&self, columns: &[Column], cells: &[Cell], currency: Currency) -> String {
        let cells = columns.iter().zip(cells).zip(&self.widths);
        let cells = cells
            .map(|((column, cell), width)| padded(column, &shown(column, cell, currency), *width));
        cells.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    }

    /// The lines, and below them the sums.
    fn all(&self, table: &Table) -> Vec<String> {
        let line =
            |(currency, cells): &(Currency, Vec<Cell>)| self.line(table.columns, cells, *currency);
        let mut all: Vec<String> = table.lines.iter().map(line).collect();
        all.push(String::new());
        all.push("total".to_owned());
        all.extend(table.totals.iter().map(line));
        all
    }
}

/// Numbers stand at the right, texts at the left.
fn padded(column: &Column, text: &str, width: usize) -> String {
    match column.kind {
        ColumnKind::Text => format!("{text:<width$}"),
        ColumnKind::Count | ColumnKind::Minor => format!("{text:>width$}"),
    }
}

fn shown(column: &Column, cell: &Cell, currency: Currency) -> String {
    match (cell, column.kind) {
        (Cell::Number(minor), ColumnKind::Minor) => Money::new(*minor, currency).decimal(),
        (Cell::Number(number), _) => number.to_string(),
        (Cell::Text(text), _) => {
            let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
            text.chars().map(plain).take(MOST_LETTERS).collect()
        }
        (Cell::Nothing, _) => String::new(),
    }
}

/// The whole part of what is not below zero.
fn whole(number: f32) -> usize {
    let mut count: u16 = 0;
    while f32::from(count) + 1.0 <= number && count < 1_000 {
        count += 1;
    }
    usize::from(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{heading, long, table};

    fn text_of(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    }

    #[test]
    fn amounts_are_in_major_units() {
        let text = text_of(&render(&heading(), &table()));
        assert!(text.contains("100000.00"), "{text}");
        assert!(text.contains("-2.50"), "{text}");
        assert!(text.contains("1.005"), "{text}");
        assert!(text.contains("99997.50"), "{text}");
        assert!(text.contains("/Count 1 "), "{text}");
    }

    #[test]
    fn long_reports_have_as_many_pages_as_it_takes() {
        let bytes = render(&heading(), &long(500));
        let text = text_of(&bytes);
        assert!(text.contains("page 2 of "), "{text}");
        for n in 0..500 {
            assert!(text.contains(&format!("wallet-{n:03} ")), "{n}");
        }
        assert_eq!(bytes, render(&heading(), &long(500)));
        assert_eq!([whole(0.5), whole(1.0), whole(7.9)], [0, 1, 7]);
    }
}
