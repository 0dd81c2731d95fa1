//! What the codes of field 39 mean: one table, by which every answer is judged.
//!
//! INVARIANT(never-guessed): a code that is not in it, and one that leaves open what happened, is no answer. What it was about
//! is asked for no more but undone.

use strongroom_domain::payments::PaymentFailure;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approved,
    Declined(PaymentFailure),
    Unclear,
}

/// The codes that approve, or decline as said; documented in `docs/acquirers.md`.
const CODES: [(&str, Verdict); 41] = {
    use PaymentFailure as F;
    use Verdict::{Approved, Declined};
    [
        ("00", Approved),
        ("01", Declined(F::CardDeclined)),
        ("02", Declined(F::CardDeclined)),
        ("03", Declined(F::ProcessingError)),
        ("04", Declined(F::CardDeclined)),
        ("05", Declined(F::CardDeclined)),
        ("06", Declined(F::ProcessingError)),
        ("07", Declined(F::CardDeclined)),
        ("11", Approved),
        ("12", Declined(F::ProcessingError)),
        ("13", Declined(F::ProcessingError)),
        ("14", Declined(F::CardDeclined)),
        ("15", Declined(F::CardDeclined)),
        ("16", Approved),
        ("19", Declined(F::ProcessingError)),
        ("30", Declined(F::ProcessingError)),
        ("31", Declined(F::ProcessingError)),
        ("33", Declined(F::ExpiredCard)),
        ("34", Declined(F::CardDeclined)),
        ("36", Declined(F::CardDeclined)),
        ("39", Declined(F::CardDeclined)),
        ("41", Declined(F::LostCard)),
        ("43", Declined(F::StolenCard)),
        ("51", Declined(F::InsufficientFunds)),
        ("54", Declined(F::ExpiredCard)),
        ("56", Declined(F::CardDeclined)),
        ("57", Declined(F::CardDeclined)),
        ("58", Declined(F::ProcessingError)),
        ("59", Declined(F::CardDeclined)),
        ("61", Declined(F::CardDeclined)),
        ("62", Declined(F::CardDeclined)),
        ("63", Declined(F::CardDeclined)),
        ("65", Declined(F::CardDeclined)),
        ("78", Declined(F::CardDeclined)),
        ("82", Declined(F::IncorrectCvv)),
        ("89", Declined(F::ProcessingError)),
        ("91", Declined(F::ProcessingError)),
        ("92", Declined(F::ProcessingError)),
        ("93", Declined(F::CardDeclined)),
        ("96", Declined(F::ProcessingError)),
        ("N7", Declined(F::IncorrectCvv)),
    ]
};

/// What a code of field 39 says of a request.
pub(crate) fn verdict(code: &str) -> Verdict {
    let mut codes = CODES.iter();
    codes
        .find(|(known, _)| *known == code)
        .map_or(Verdict::Unclear, |(_, verdict)| *verdict)
}

/// The table as text, for those who compare it with its document: code, and what becomes of the payment.
pub fn response_codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    CODES.iter().map(|(code, verdict)| {
        let text = match verdict {
            Verdict::Approved => "approved",
            Verdict::Declined(failure) => failure.as_str(),
            Verdict::Unclear => "unclear",
        };
        (*code, text)
    })
}

/// Whether the acquirer has heard that money was captured: taken now, or at an earlier time.
pub(crate) fn has_heard(code: &str) -> bool {
    matches!(code, "00" | "94")
}

/// Why a capture was never taken, where the answer to its repetition says that.
///
/// INVARIANT(never-guessed): that the repetition could not be processed says nothing of the advice before it, which may have been
/// taken; 12 and 13 judge what both of them tell.
pub(crate) fn refusal(code: &str) -> Option<PaymentFailure> {
    match verdict(code) {
        Verdict::Declined(PaymentFailure::ProcessingError) if !matches!(code, "12" | "13") => None,
        Verdict::Declined(failure) => Some(failure),
        Verdict::Approved | Verdict::Unclear => None,
    }
}

/// Whether the acquirer has had the same request at an earlier time.
pub(crate) fn is_known(code: &str) -> bool {
    code == "94"
}

/// Whether a request is undone: now, at an earlier time, or because it never arrived.
pub(crate) fn has_undone(code: &str) -> bool {
    matches!(code, "00" | "94") || found_nothing(code)
}

/// Whether there was nothing to undo: it never arrived, or is still on its way.
pub(crate) fn found_nothing(code: &str) -> bool {
    code == "25"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_once_and_what_is_open_is_in_no_table() {
        let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
        // Honoured with identification, approved in part, answered too late, sent twice, unheard of.
        for code in ["08", "10", "68", "94", "ZZ", ""] {
            assert_eq!(verdict(code), Verdict::Unclear, "{code}");
        }
        assert!(!has_heard("25") && has_undone("25") && !has_undone("21"));
    }

    #[test]
    fn a_capture_is_refused_by_what_judges_it_alone() {
        let refused = [
            "01", "02", "04", "05", "07", "12", "13", "14", "15", "33", "34", "36", "39", "41",
            "43", "51", "54", "56", "57", "59", "61", "62", "63", "65", "78", "82", "93", "N7",
        ];
        for (code, _) in CODES {
            assert_eq!(refusal(code).is_some(), refused.contains(&code), "{code}");
        }
        // In no table: no record, answered too late, sent twice, unheard of.
        for code in ["25", "68", "94", "ZZ", ""] {
            assert!(refusal(code).is_none(), "{code}");
        }
    }

    #[test]
    fn the_document_says_the_same() {
        let document = include_str!("../../../../docs/acquirers.md");
        for (code, text) in response_codes() {
            let line = document
                .lines()
                .find(|line| line.starts_with(&format!("| `{code}` |")))
                .unwrap_or_else(|| panic!("`{code}` is not documented"));
            assert!(line.contains(&format!("`{text}`")), "{line}");
        }
    }
}
