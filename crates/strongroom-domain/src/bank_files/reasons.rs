//! What a bank's reason codes (ISO 20022 external status and return reasons) come to.

use crate::payouts::PayoutFailure;

/// The stable code of a reason; what is not in the table was refused by the bank for reasons of its own.
pub fn failure_of(reason: Option<&str>) -> PayoutFailure {
    match reason.unwrap_or("") {
        "AM04" => PayoutFailure::InsufficientFunds,
        "AC01" | "AC02" | "AC03" | "AC13" | "AC14" | "BE17" | "IN1N" => {
            PayoutFailure::InvalidAccount
        }
        "AC04" | "AC05" | "AC07" | "MD07" => PayoutFailure::AccountClosed,
        "AC06" | "AG01" | "AG03" => PayoutFailure::AccountBlocked,
        "RC01" | "RC02" | "RC03" | "RC04" | "RC07" | "AG02" | "AG07" | "AG10" | "AG11" | "CNOR"
        | "DNOR" | "ED05" => PayoutFailure::BankUnavailable,
        "BE01" | "BE04" | "BE05" | "BE06" | "BE07" | "BE08" | "BE21" | "BE22" => {
            PayoutFailure::RecipientMismatch
        }
        "AM01" | "AM02" | "AM03" | "AM06" | "AM07" | "AM09" | "AM10" | "AM12" | "AM14" | "CURR" => {
            PayoutFailure::AmountRefused
        }
        "AM05" | "DU01" | "DU02" | "DU03" | "DU04" | "DUPL" => PayoutFailure::Duplicate,
        "RR01" | "RR02" | "RR03" | "RR04" | "RR05" | "RR06" | "RR07" | "RR08" | "RR09" | "RR10"
        | "RR11" | "RR12" | "FRAD" => PayoutFailure::RegulatoryReason,
        "MS02" | "MS03" | "SL01" | "CUST" | "FOCR" | "UPAY" => PayoutFailure::RecipientRefused,
        "TM01" | "DT01" | "DT06" => PayoutFailure::TooLate,
        _ => PayoutFailure::BankRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_meaning() {
        for (code, failure) in [
            (Some("AC04"), "account_closed"),
            (Some("AC01"), "invalid_account"),
            (Some("AM04"), "insufficient_funds"),
            (Some("RR04"), "regulatory_reason"),
            (Some("NARR"), "bank_refused"),
            (Some("ac04"), "bank_refused"),
            (None, "bank_refused"),
        ] {
            assert_eq!(failure_of(code).as_str(), failure, "{code:?}");
        }
    }
}
