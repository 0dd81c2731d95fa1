//! The form for a card, and what is said above it.

use std::fmt::Write;

use strongroom_domain::payment_links::PaymentLinkBody;
use strongroom_domain::payments::PaymentFailure;
use strongroom_engine::Bill;
use strongroom_types::id::PaymentId;

use crate::pay::page::Faults;
use crate::pay::text::{escaped, grouped};

pub(super) fn form(bill: &Bill, attempt: Option<PaymentId>, faults: &Faults) -> String {
    let link = &bill.link.body;
    let (currency, amount) = (link.amount.currency.code(), grouped(link.amount));
    let field = |name, label, rest, half| Field {
        name,
        label,
        rest,
        half,
    };
    let number = field(
        "number",
        "Card number",
        "inputmode=\"numeric\" autocomplete=\"cc-number\" maxlength=\"37\" placeholder=\"1234 1234 1234 1234\" required",
        false,
    );
    let expiry = field(
        "expiry",
        "Expiry date",
        "inputmode=\"numeric\" autocomplete=\"cc-exp\" maxlength=\"9\" placeholder=\"MM / YY\" required",
        true,
    );
    let code = field(
        "cvv",
        "Security code",
        "inputmode=\"numeric\" autocomplete=\"cc-csc\" maxlength=\"4\" placeholder=\"123\" required",
        true,
    );
    let name = field(
        "name",
        "Name on card <i>(optional)</i>",
        "autocomplete=\"cc-name\" maxlength=\"100\"",
        false,
    );
    format!(
        "<div class=\"rest\">{}<form method=\"post\" action=\"/pay/{}\" novalidate>\
         <input type=\"hidden\" name=\"attempt\" value=\"{}\">{}{}{}{}\
         <button id=\"pay\" type=\"submit\" data-busy=\"Paying…\">Pay {currency} {amount}</button></form>{}</div>",
        alert(link, attempt, faults),
        link.id,
        link.attempts,
        number.html(faults, ""),
        expiry.html(faults, &faults.expiry_typed),
        code.html(faults, ""),
        name.html(faults, &faults.name_typed),
        back(link)
    )
}

struct Field {
    name: &'static str,
    label: &'static str,
    rest: &'static str,
    half: bool,
}

impl Field {
    fn html(&self, faults: &Faults, value: &str) -> String {
        let Field {
            name, label, rest, ..
        } = self;
        let found = faults.fields().into_iter().find(|(known, _)| known == name);
        let fault = found.and_then(|(_, fault)| fault);
        let focus = match faults.first() == Some(name) {
            true => " autofocus",
            false => "",
        };
        let value = match value {
            "" => String::new(),
            value => format!(" value=\"{}\"", escaped(value)),
        };
        let marks = fault.map_or_else(String::new, |_| {
            format!(" aria-invalid=\"true\" aria-describedby=\"{name}-fault\"{focus}")
        });
        let text = fault.map_or_else(String::new, |text| {
            format!("<span class=\"fault\" id=\"{name}-fault\">{text}</span>")
        });
        let class = if self.half { " class=\"half\"" } else { "" };
        format!(
            "<div{class}><label for=\"{name}\">{label}</label>\
             <input id=\"{name}\" name=\"{name}\" type=\"text\" spellcheck=\"false\" {rest}{value}{marks}>{text}</div>"
        )
    }
}

/// What went wrong, above the form.
fn alert(link: &PaymentLinkBody, attempt: Option<PaymentId>, faults: &Faults) -> String {
    if faults.closed {
        return "<div class=\"alert\" role=\"alert\"><p>This link cannot be paid at the moment. Nothing was charged.</p></div>"
            .to_owned();
    }
    let found = faults.fields();
    let found: Vec<_> = found
        .iter()
        .filter_map(|(name, fault)| fault.map(|fault| (name, fault)))
        .collect();
    if !found.is_empty() {
        let mut items = String::new();
        for (name, fault) in found {
            let _ = write!(items, "<li><a href=\"#{name}\">{fault}</a></li>");
        }
        return format!(
            "<div class=\"alert\" role=\"alert\"><p>Nothing was charged. Please look at these fields:</p><ul>{items}</ul></div>"
        );
    }
    let Some(text) = what_failed(link, attempt) else {
        return String::new();
    };
    format!("<div class=\"alert\" role=\"alert\"><p>{text}</p></div>")
}

/// Why the last attempt came to nothing. One that was approved and then voided, or lapsed, failed for no reason of the card's:
/// that is said to whoever comes back with its id.
fn what_failed(link: &PaymentLinkBody, attempt: Option<PaymentId>) -> Option<&'static str> {
    let Some(failure) = link.failure else {
        let tried = link.attempts > 0 && attempt.is_some();
        return tried
            .then_some("Your payment was not taken. Nothing was charged. You can pay again.");
    };
    Some(match failure {
        PaymentFailure::InsufficientFunds => {
            "The card does not have enough money for this payment. Nothing was charged. Try another card."
        }
        PaymentFailure::ExpiredCard => {
            "The card has expired. Nothing was charged. Try another card."
        }
        PaymentFailure::IncorrectCvv => {
            "The security code was wrong. Nothing was charged. Check it and try again."
        }
        PaymentFailure::ProcessingError
        | PaymentFailure::AcquirerUnreachable
        | PaymentFailure::TokenUnusable => {
            "The card's bank could not be reached. Nothing was charged. Try again."
        }
        PaymentFailure::AuthenticationFailed => {
            "Your bank was told that it is not you who pays. Nothing was charged. Try again, or try another card."
        }
        PaymentFailure::AuthenticationAbandoned => {
            "Your bank did not hear from you in time. Nothing was charged. Try again."
        }
        // SECURITY: that a card is reported lost or stolen is not for whoever holds it.
        PaymentFailure::CardDeclined | PaymentFailure::LostCard | PaymentFailure::StolenCard => {
            "The card was declined. Nothing was charged. Try another card, or ask your bank."
        }
    })
}

fn back(link: &PaymentLinkBody) -> String {
    match &link.cancel_url {
        Some(url) => format!(
            "<p class=\"back\"><a href=\"{}\" rel=\"noreferrer\">Cancel and go back</a></p>",
            escaped(url)
        ),
        None => String::new(),
    }
}
