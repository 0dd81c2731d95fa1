//! Data classes: how each field of a body is to be treated.
//!
//! The four classes are those of the documents' "sensitive data classification" table. They are compile-time facts:
//! `#[derive(Classified)]` writes them and refuses a field without one.

/// How a field must be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Keys and passwords: sealed, never in any log or export.
    HighlySensitive,
    /// Balances and amounts: sealed, their use is audited.
    Sensitive,
    /// Names, e-mail addresses, phones: sealed under their subject's key, erasable.
    Personal,
    /// Ids, kinds, times, statuses: may stand in clear.
    Operational,
}

/// Which part of a sealed body a struct is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Business,
    Personal,
    Event,
}

/// One field with its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldClass {
    pub name: &'static str,
    pub class: Class,
}

/// Implemented by derive only.
pub trait Classified {
    const PART: Part;
    const FIELDS: &'static [FieldClass];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(strongroom_derive::Classified)]
    #[part(business)]
    struct Sample {
        #[class(operational)]
        id: u8,
        #[class(sensitive)]
        #[expect(dead_code, reason = "only its class matters")]
        amount: i64,
    }

    #[test]
    fn debug_shows_operational_fields_only() {
        let text = format!(
            "{:?}",
            Sample {
                id: 7,
                amount: 424_242
            }
        );
        assert_eq!(text, "Sample { id: 7, amount: <sensitive> }");
        assert_eq!(Sample::FIELDS[1].class, Class::Sensitive);
    }
}
