//! Text as blind indexes see it: NFKC with full case folding, so that spelling variants meet.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// NFKC, case-folded, NFKC again.
pub(crate) fn folded(text: &str) -> String {
    text.nfkc().default_case_fold().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_meet() {
        assert_eq!(folded("Straße@EXAMPLE.com"), folded("STRASSE@example.COM"));
        assert_eq!(folded("ﬁ"), "fi");
        assert_ne!(folded("a"), folded("b"));
    }
}
