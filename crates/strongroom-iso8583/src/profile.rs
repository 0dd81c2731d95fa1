//! How an acquirer wants messages written: the standard leaves it open.

/// How digits are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// One byte each.
    Ascii,
    /// Two in a byte; a zero comes before an odd number of them.
    Bcd,
}

/// How bitmaps are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bitmap {
    Binary,
    /// In hexadecimal digits.
    Hex,
}

/// How an acquirer wants messages written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The message type, numeric fields and tracks.
    pub numbers: Digits,
    /// What stands before fields of variable length. It counts characters, of numeric fields digits, in either way.
    pub lengths: Digits,
    pub bitmap: Bitmap,
}

impl Profile {
    /// Text throughout, but for the bitmap.
    pub const ASCII: Profile = Profile {
        numbers: Digits::Ascii,
        lengths: Digits::Ascii,
        bitmap: Bitmap::Binary,
    };

    /// Every profile there is.
    pub fn all() -> impl Iterator<Item = Profile> {
        let digits = [Digits::Ascii, Digits::Bcd];
        digits.into_iter().flat_map(move |numbers| {
            digits.into_iter().flat_map(move |lengths| {
                [Bitmap::Binary, Bitmap::Hex]
                    .into_iter()
                    .map(move |bitmap| Profile {
                        numbers,
                        lengths,
                        bitmap,
                    })
            })
        })
    }
}
