//! What is wrong with the fields of a body. All faults of a body are collected; their order, and so the code of the
//! answer, depends on the body alone.

use serde::Serialize;

/// Kinds of fault, the ones that decide the answer's code first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    UnknownField,
    FieldRequired,
    InvalidField,
    AmountInvalid,
    AmountNotInteger,
    AmountDecimals,
    AmountNotPositive,
    AmountTooLarge,
    EncryptionKeyUnknown,
    EncryptionInvalid,
    CardNumberInvalid,
    CardCodeInvalid,
}

impl FaultKind {
    pub const ALL: &'static [FaultKind] = &[
        FaultKind::UnknownField,
        FaultKind::FieldRequired,
        FaultKind::InvalidField,
        FaultKind::AmountInvalid,
        FaultKind::AmountNotInteger,
        FaultKind::AmountDecimals,
        FaultKind::AmountNotPositive,
        FaultKind::AmountTooLarge,
        FaultKind::EncryptionKeyUnknown,
        FaultKind::EncryptionInvalid,
        FaultKind::CardNumberInvalid,
        FaultKind::CardCodeInvalid,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            FaultKind::UnknownField => "unknown_field",
            FaultKind::FieldRequired => "field_required",
            FaultKind::InvalidField => "invalid_field",
            FaultKind::AmountInvalid => "amount_invalid",
            FaultKind::AmountNotInteger => "amount_not_integer",
            FaultKind::AmountDecimals => "amount_decimals",
            FaultKind::AmountNotPositive => "amount_not_positive",
            FaultKind::AmountTooLarge => "amount_too_large",
            FaultKind::EncryptionKeyUnknown => "encryption_key_unknown",
            FaultKind::EncryptionInvalid => "encryption_invalid",
            FaultKind::CardNumberInvalid => "card_number_invalid",
            FaultKind::CardCodeInvalid => "card_cvv_invalid",
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            FaultKind::UnknownField => "The body has an unknown field",
            FaultKind::FieldRequired => "A field is missing",
            FaultKind::InvalidField => "A field is not valid",
            FaultKind::AmountInvalid => "The amount is not valid",
            FaultKind::AmountNotInteger => "The amount is not an integer",
            FaultKind::AmountDecimals => "The amount has the wrong number of decimals",
            FaultKind::AmountNotPositive => "The amount is not positive",
            FaultKind::AmountTooLarge => "The amount is too large",
            FaultKind::EncryptionKeyUnknown => "A field is encrypted to a key that is not known",
            FaultKind::EncryptionInvalid => "An encrypted field does not open",
            FaultKind::CardNumberInvalid => "The card number is not valid",
            FaultKind::CardCodeInvalid => "The card's security code is not valid",
        }
    }
}

/// One field at fault, as the answer's `errors` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    #[serde(skip)]
    pub kind: FaultKind,
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    pub detail: String,
}

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldFault>);

/// More faults than this are counted, not listed: a body of 100,000 unknown fields gets a short answer.
const LISTED: usize = 50;

impl Faults {
    pub fn add(&mut self, kind: FaultKind, pointer: String, detail: impl Into<String>) {
        if self.0.len() < LISTED {
            self.0.push(FieldFault {
                kind,
                pointer,
                detail: detail.into(),
            });
        }
    }

    /// The faults in their fixed order, or `None` when there are none.
    pub fn into_sorted(mut self) -> Option<Vec<FieldFault>> {
        self.0
            .sort_by(|a, b| (a.kind, &a.pointer).cmp(&(b.kind, &b.pointer)));
        (!self.0.is_empty()).then_some(self.0)
    }
}
