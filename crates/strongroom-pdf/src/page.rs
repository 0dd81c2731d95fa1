//! One page: what is drawn on it, in the order it is drawn.

use crate::encoding::string;

/// A standard font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Font {
    /// Helvetica.
    Plain,
    /// Helvetica-Bold.
    Bold,
    /// Courier: every letter as wide as every other.
    Mono,
}

impl Font {
    pub(crate) const ALL: [Font; 3] = [Font::Plain, Font::Bold, Font::Mono];

    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Font::Plain => "F1",
            Font::Bold => "F2",
            Font::Mono => "F3",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Font::Plain => "Helvetica",
            Font::Bold => "Helvetica-Bold",
            Font::Mono => "Courier",
        }
    }
}

/// A page. Places are in points from its lower left corner.
pub struct Page {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) content: Vec<u8>,
}

impl Page {
    pub fn new((width, height): (f32, f32)) -> Page {
        Page {
            width,
            height,
            content: Vec::new(),
        }
    }

    /// Text whose first letter stands at a place.
    pub fn text(&mut self, (x, y): (f32, f32), font: Font, size: f32, text: &str) {
        let (font, size) = (font.resource(), short(size));
        let place = format!("BT /{font} {size} Tf {} {} Td ", short(x), short(y));
        self.content.extend_from_slice(place.as_bytes());
        string(text, &mut self.content);
        self.content.extend_from_slice(b" Tj ET\n");
    }

    /// A thin line across.
    pub fn rule(&mut self, (x, y): (f32, f32), width: f32) {
        let (from, to) = (short(x), short(x + width));
        let line = format!("0.5 w {from} {y} m {to} {y} l S\n", y = short(y));
        self.content.extend_from_slice(line.as_bytes());
    }

    /// A filled square.
    pub fn square(&mut self, (x, y): (f32, f32), side: f32) {
        let (x, y, side) = (short(x), short(y), short(side));
        let square = format!("{x} {y} {side} {side} re f\n");
        self.content.extend_from_slice(square.as_bytes());
    }
}

/// A number with two decimals at most.
pub(crate) fn short(number: f32) -> String {
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "" | "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_exponents() {
        let texts = [0.0, -0.001, 12.5, 7.0, 1e9, 3.456_78].map(short);
        assert_eq!(texts, ["0", "0", "12.5", "7", "1000000000", "3.46"]);
    }
}
