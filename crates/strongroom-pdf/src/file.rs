//! The file: objects, the table that finds them, the trailer.

use crate::encoding::win_ansi;
use crate::page::{Font, Page, short};

/// A document.
pub struct Document {
    title: String,
    pages: Vec<Page>,
}

/// Numbers of the objects that every document has: catalog, tree of pages, particulars, and the fonts behind them.
const CATALOG: usize = 1;
const TREE: usize = 2;
const PARTICULARS: usize = 3;
const FIRST_FONT: usize = 4;
const FIRST_PAGE: usize = FIRST_FONT + Font::ALL.len();

impl Document {
    pub fn new(title: &str) -> Document {
        Document {
            title: title.to_owned(),
            pages: Vec::new(),
        }
    }

    pub fn push(&mut self, page: Page) {
        self.pages.push(page);
    }

    /// The whole file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = File::begin();
        let kids: Vec<String> = (0..self.pages.len())
            .map(|n| format!("{} 0 R", FIRST_PAGE + 2 * n))
            .collect();
        file.object(&format!("<< /Type /Catalog /Pages {TREE} 0 R >>"));
        file.object(&format!(
            "<< /Type /Pages /Count {} /Kids [{}] >>",
            self.pages.len(),
            kids.join(" ")
        ));
        file.object(&format!(
            "<< /Title <{}> /Producer (Strongroom) >>",
            hex(&self.title)
        ));
        for font in Font::ALL {
            file.object(&format!(
                "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>",
                font.name()
            ));
        }
        let fonts = Font::ALL.iter().enumerate();
        let fonts = fonts.map(|(n, font)| format!("/{} {} 0 R", font.resource(), FIRST_FONT + n));
        let fonts = fonts.collect::<Vec<_>>().join(" ");
        for (n, page) in self.pages.iter().enumerate() {
            let content = FIRST_PAGE + 2 * n + 1;
            file.object(&format!(
                "<< /Type /Page /Parent {TREE} 0 R /MediaBox [0 0 {} {}] /Resources << /Font << {fonts} >> >> /Contents {content} 0 R >>",
                short(page.width),
                short(page.height)
            ));
            file.stream(&page.content);
        }
        file.end()
    }
}

/// A file as it is written, with where each object begins.
struct File {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl File {
    fn begin() -> File {
        // The second line tells programs that copy files that this one is no text.
        let bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
        File {
            bytes,
            places: Vec::new(),
        }
    }

    fn write(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn open(&mut self) {
        self.places.push(self.bytes.len());
        let number = self.places.len();
        self.write(&format!("{number} 0 obj\n"));
    }

    fn object(&mut self, body: &str) {
        self.open();
        self.write(body);
        self.write("\nendobj\n");
    }

    fn stream(&mut self, content: &[u8]) {
        self.open();
        self.write(&format!("<< /Length {} >>\nstream\n", content.len()));
        self.bytes.extend_from_slice(content);
        self.write("\nendstream\nendobj\n");
    }

    fn end(mut self) -> Vec<u8> {
        let (table, count) = (self.bytes.len(), self.places.len() + 1);
        self.write(&format!("xref\n0 {count}\n0000000000 65535 f \n"));
        for place in std::mem::take(&mut self.places) {
            self.write(&format!("{place:010} 00000 n \n"));
        }
        self.write(&format!(
            "trailer\n<< /Size {count} /Root {CATALOG} 0 R /Info {PARTICULARS} 0 R >>\nstartxref\n{table}\n%%EOF\n"
        ));
        self.bytes
    }
}

fn hex(text: &str) -> String {
    let bytes = text.chars().map(win_ansi);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::A4;

    fn document() -> Vec<u8> {
        let mut document = Document::new("Pe\u{f1}a (1)");
        for n in 0..2 {
            let mut page = Page::new(A4);
            page.text((50.0, 700.0), Font::Bold, 12.0, &format!("Page {n}"));
            page.rule((50.0, 690.0), 100.0);
            page.square((50.0, 600.0), 2.5);
            document.push(page);
        }
        document.bytes()
    }

    /// Each entry of the table leads to the object of its number.
    #[test]
    fn the_table_finds_every_object() {
        let bytes = document();
        // As many letters as bytes, so that places stay places.
        let plain = |byte: &u8| {
            if byte.is_ascii() {
                char::from(*byte)
            } else {
                '?'
            }
        };
        let text: String = bytes.iter().map(plain).collect();
        let start = text.rsplit("startxref\n").next().unwrap();
        let start: usize = start.lines().next().unwrap().parse().unwrap();
        let mut lines = text.get(start..).unwrap().lines();
        assert_eq!(lines.next(), Some("xref"));
        assert_eq!(lines.next(), Some("0 11"));
        assert_eq!(lines.next(), Some("0000000000 65535 f "));
        for number in 1..=10 {
            let place: usize = lines.next().unwrap().get(..10).unwrap().parse().unwrap();
            let begins = format!("{number} 0 obj");
            assert!(text.get(place..).unwrap().starts_with(&begins), "{number}");
        }
        assert!(text.contains("/Count 2 /Kids [7 0 R 9 0 R]"), "{text}");
        assert!(text.contains("<5065f16120283129>"), "{text}");
    }

    #[test]
    fn the_same_document_is_the_same_bytes() {
        assert_eq!(document(), document());
        assert!(document().starts_with(b"%PDF-1.7\n"));
        assert!(document().ends_with(b"%%EOF\n"));
    }
}
