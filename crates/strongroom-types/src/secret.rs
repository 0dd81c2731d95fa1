//! Text that must never be shown: no `Debug`, no `Display`, no `Clone`, no `Serialize`; wiped when dropped.

use minicbor::{Decode, Decoder, Encode, Encoder};
use zeroize::Zeroizing;

/// A secret text, such as an API key or a signing secret. Compare it through `strongroom-crypto`, in constant time.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    pub fn new(text: String) -> SecretText {
        SecretText(Zeroizing::new(text))
    }

    /// The text itself; every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<C> Encode<C> for SecretText {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.expose())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SecretText {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.str().map(|text| SecretText::new(text.to_owned()))
    }
}
