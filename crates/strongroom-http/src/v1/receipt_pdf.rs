//! A receipt on paper as wide as a till's printer has it, with a code that leads to its proof in the log.

use qrcode::{Color, EcLevel, QrCode};
use strongroom_domain::sales::{Printed, SaleBody};
use strongroom_domain::stores::StoreBody;
use strongroom_pdf::{Document, Font, Page};

/// 80 mm, in points.
const WIDTH: f32 = 226.8;
const MARGIN: f32 = 12.0;
const SIZE: f32 = 7.5;
const STEP: f32 = 10.0;
/// Letters of a line at that size, within the margins.
const LETTERS: usize = 45;
/// The side of the code.
const CODE: f32 = 96.0;
/// Light modules around it.
const QUIET: usize = 4;

/// The receipt as a PDF.
pub fn receipt_pdf(sale: &SaleBody, store: Option<&StoreBody>) -> Vec<u8> {
    let printed = Printed::new(sale, store);
    let top: Vec<String> = printed.top.iter().flat_map(|line| wrapped(line)).collect();
    let rows: Vec<String> = printed
        .rows
        .iter()
        .flat_map(|row| spread(&row.what, &row.amount))
        .collect();
    let proof = wrapped(&printed.verification);
    let lines = top.len() + printed.below.len() + rows.len() + proof.len() + 4;
    let height = 2.0 * MARGIN + STEP * points(lines) + CODE;
    let mut page = Page::new((WIDTH, height));
    let mut y = height - MARGIN;
    let mut line = |page: &mut Page, font, text: &str| {
        y -= STEP;
        page.text((MARGIN, y), font, SIZE, text);
        y
    };
    for text in &top {
        line(&mut page, Font::Bold, text);
    }
    for text in &printed.below {
        line(&mut page, Font::Mono, text);
    }
    let end = line(&mut page, Font::Mono, "");
    page.rule((MARGIN, end + SIZE / 2.0), WIDTH - 2.0 * MARGIN);
    for text in &rows {
        line(&mut page, Font::Mono, text);
    }
    let end = line(&mut page, Font::Mono, "");
    page.rule((MARGIN, end + SIZE / 2.0), WIDTH - 2.0 * MARGIN);
    code(&mut page, &printed.verification, end);
    let mut below = end - CODE;
    for text in &proof {
        below -= STEP;
        page.text((MARGIN, below), Font::Mono, SIZE, text);
    }
    let mut document = Document::new(&format!("Receipt {}", sale.id));
    document.push(page);
    document.bytes()
}

/// Draws a text as a QR code, below a height. A text that is too long for one stands there in letters only.
fn code(page: &mut Page, text: &str, top: f32) {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else {
        return;
    };
    let width = code.width();
    let side = CODE / points(width + 2 * QUIET);
    let left = (WIDTH - CODE) / 2.0;
    for (row, colors) in code.to_colors().chunks(width).enumerate() {
        for (column, color) in colors.iter().enumerate() {
            if *color == Color::Dark {
                let x = left + side * points(column + QUIET);
                let y = top - side * points(row + QUIET + 1);
                page.square((x, y), side);
            }
        }
    }
}

/// What at the left, how much at the right; what is too long goes on in the next line.
fn spread(what: &str, amount: &str) -> Vec<String> {
    let room = LETTERS.saturating_sub(amount.chars().count() + 1).max(1);
    let letters: Vec<char> = what.chars().collect();
    let mut lines: Vec<String> = letters
        .chunks(room)
        .map(|part| part.iter().collect())
        .collect();
    let last = lines.pop().unwrap_or_default();
    let gap = LETTERS.saturating_sub(last.chars().count() + amount.chars().count());
    lines.push(format!("{last}{}{amount}", " ".repeat(gap)));
    lines
}

fn wrapped(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters
        .chunks(LETTERS)
        .map(|part| part.iter().collect())
        .collect()
}

fn points(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_goes_on_in_the_next_line() {
        let lines = spread(&"x".repeat(60), "12.00");
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.chars().count() <= LETTERS));
        assert!(lines[1].ends_with(" 12.00"));
        assert_eq!(spread("", "1.00").len(), 1);
        assert_eq!(wrapped(&"y".repeat(46)), ["y".repeat(45), "y".into()]);
    }

    /// The squares are of one size and stay on the page.
    #[test]
    fn a_code_is_drawn_within_its_place() {
        let mut page = Page::new((WIDTH, 300.0));
        code(&mut page, "/v1/audit-logs/audit_0/proof#txn_0,1,PHP", 200.0);
        let mut document = Document::new("code");
        document.push(page);
        let bytes = document.bytes();
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let squares: Vec<Vec<f32>> = text
            .lines()
            .filter_map(|line| line.strip_suffix(" re f"))
            .map(|line| line.split(' ').map(|n| n.parse().unwrap()).collect())
            .collect();
        assert!(squares.len() > 200, "{}", squares.len());
        for square in &squares {
            assert!(square[0] >= (WIDTH - CODE) / 2.0 && square[0] <= (WIDTH + CODE) / 2.0);
            assert!(square[1] >= 200.0 - CODE && square[1] <= 200.0);
            assert_eq!(square[2], squares[0][2]);
        }
    }
}
