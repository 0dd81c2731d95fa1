//! What the sandbox acquirer does for which card and amount, so that every outcome can be had on purpose.

use strongroom_types::money::Money;

use crate::payments::PaymentFailure;

/// What becomes of a request to the sandbox that is not simply approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxAnswer {
    Declined(PaymentFailure),
    /// The answer is lost; the second question finds it approved.
    AnswersLate,
    /// Nothing about it is ever answered but its reversal.
    NeverAnswers,
    /// The first request is lost on its way.
    NeverArrives,
    /// The cardholder has to identify himself; what is said to whoever has.
    Challenges(Identified),
}

/// What the sandbox says of a card whose holder has identified himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identified {
    Approved,
    Declined,
    AnswersLate,
}

impl SandboxAnswer {
    pub const fn as_str(self) -> &'static str {
        match self {
            SandboxAnswer::Declined(failure) => failure.as_str(),
            SandboxAnswer::AnswersLate => "answers_late",
            SandboxAnswer::NeverAnswers => "never_answers",
            SandboxAnswer::NeverArrives => "never_arrives",
            SandboxAnswer::Challenges(Identified::Approved) => "challenges",
            SandboxAnswer::Challenges(Identified::Declined) => "challenges_then_declines",
            SandboxAnswer::Challenges(Identified::AnswersLate) => "challenges_then_answers_late",
        }
    }
}

/// Test cards with an answer of their own; all others are approved.
pub const SANDBOX_CARDS: [(&str, SandboxAnswer); 13] = {
    use PaymentFailure as F;
    use SandboxAnswer as A;
    [
        ("4000000000000002", A::Declined(F::CardDeclined)),
        ("4000000000009995", A::Declined(F::InsufficientFunds)),
        ("4000000000009987", A::Declined(F::LostCard)),
        ("4000000000009979", A::Declined(F::StolenCard)),
        ("4000000000000069", A::Declined(F::ExpiredCard)),
        ("4000000000000127", A::Declined(F::IncorrectCvv)),
        ("4000000000000119", A::Declined(F::ProcessingError)),
        ("4000000000001000", A::AnswersLate),
        ("4000000000001018", A::NeverAnswers),
        ("4000000000001026", A::NeverArrives),
        ("4000000000003105", A::Challenges(Identified::Approved)),
        ("4000000000003113", A::Challenges(Identified::Declined)),
        ("4000000000003121", A::Challenges(Identified::AnswersLate)),
    ]
};

/// What the sandbox says of a card, unless it approves.
pub fn sandbox_answer(number: &str) -> Option<SandboxAnswer> {
    let mut cards = SANDBOX_CARDS.iter();
    cards
        .find(|(card, _)| *card == number)
        .map(|(_, answer)| *answer)
}

/// What becomes of a refund in the sandbox that is not simply approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxRefund {
    Declined,
    AnswersLate,
}

impl SandboxRefund {
    pub const ALL: &'static [SandboxRefund] =
        &[SandboxRefund::Declined, SandboxRefund::AnswersLate];

    /// The last two digits of the minor amount that it follows from.
    pub const fn digits(self) -> i64 {
        match self {
            SandboxRefund::Declined => 4,
            SandboxRefund::AnswersLate => 5,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            SandboxRefund::Declined => "refund_declined",
            SandboxRefund::AnswersLate => "answers_late",
        }
    }

    /// What the sandbox does with a refund, unless it approves.
    pub fn of(amount: Money) -> Option<SandboxRefund> {
        let all = SandboxRefund::ALL.iter().copied();
        all.into_iter()
            .find(|answer| answer.digits() == amount.minor % 100)
    }
}
