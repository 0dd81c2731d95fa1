//! Messages of ISO 8583:1987 taken apart and put together by hand, as far as an acquirer of these tests needs them. Nothing of the
//! server's codec is used.

use std::collections::BTreeMap;

/// A message's type and fields.
#[derive(Clone, Debug)]
pub struct Wire {
    pub mti: String,
    pub fields: BTreeMap<u8, String>,
}

/// How long a field is, or by how many digits that is told.
enum Size {
    Fixed(usize),
    Told(usize),
}

fn size(field: u8) -> Size {
    match field {
        2 | 32 => Size::Told(2),
        48 => Size::Told(3),
        3 | 11 | 12 | 38 => Size::Fixed(6),
        4 | 37 => Size::Fixed(12),
        7 => Size::Fixed(10),
        13 | 14 | 18 => Size::Fixed(4),
        22 | 49 | 70 => Size::Fixed(3),
        25 | 39 => Size::Fixed(2),
        41 => Size::Fixed(8),
        42 => Size::Fixed(15),
        90 => Size::Fixed(42),
        other => panic!("nobody was to send field {other}"),
    }
}

impl Wire {
    pub fn read(bytes: &[u8]) -> Wire {
        let mti = text(&bytes[..4]);
        let second = bytes[4] & 0x80 != 0;
        let (bits, mut rest) = bytes[4..].split_at(if second { 16 } else { 8 });
        let mut fields = BTreeMap::new();
        for field in 2..=128u8 {
            let place = usize::from(field - 1);
            let is_there = bits
                .get(place / 8)
                .is_some_and(|byte| byte & (0x80 >> (place % 8)) != 0);
            if !is_there {
                continue;
            }
            let length = match size(field) {
                Size::Fixed(length) => length,
                Size::Told(digits) => {
                    let (told, left) = rest.split_at(digits);
                    rest = left;
                    text(told).parse().unwrap()
                }
            };
            let (value, left) = rest.split_at(length);
            rest = left;
            fields.insert(field, text(value));
        }
        assert!(rest.is_empty(), "bytes follow the last field");
        Wire { mti, fields }
    }

    pub fn field(&self, field: u8) -> &str {
        self.fields.get(&field).map_or("", |text| text.trim_end())
    }

    /// The message with its length, in bytes.
    pub fn framed(&self) -> Vec<u8> {
        let mut bits = [0u8; 16];
        let mut values = String::new();
        for (field, value) in &self.fields {
            let place = usize::from(field - 1);
            bits[place / 8] |= 0x80 >> (place % 8);
            if let Size::Told(digits) = size(*field) {
                values.push_str(&format!("{:0digits$}", value.len()));
            }
            values.push_str(value);
        }
        let second = bits[8..].iter().any(|byte| *byte != 0);
        if second {
            bits[0] |= 0x80;
        }
        let bits = &bits[..if second { 16 } else { 8 }];
        let body = [self.mti.as_bytes(), bits, values.as_bytes()].concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&length[..], &body].concat()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
