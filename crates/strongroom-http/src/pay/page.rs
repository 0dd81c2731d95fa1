//! What the payer sees.
//!
//! SECURITY: everything that somebody wrote passes [`escaped`]; the policy names style and script by their hashes and allows
//! nothing else but posting the form to where it came from.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use strongroom_crypto::sha256;
use strongroom_domain::payment_links::{PaymentLinkBody, PaymentLinkStatus};
use strongroom_domain::payments::{PaymentBody, PaymentFailure};
use strongroom_engine::Bill;
use strongroom_types::card::Brand;
use strongroom_types::id::{PaymentId, PaymentLinkId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::edge::Passed;
use crate::pay::passed;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("form.js");

const LOCK: &str = "<svg width=\"16\" height=\"16\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path fill=\"currentColor\" d=\"M8 1a4 4 0 0 0-4 4v2H3v8h10V7h-1V5a4 4 0 0 0-4-4Zm2.4 6H5.6V5a2.4 2.4 0 0 1 4.8 0v2Z\"/></svg>";
const CHECK: &str = "<svg width=\"28\" height=\"28\" viewBox=\"0 0 28 28\" aria-hidden=\"true\"><path fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\" stroke-linecap=\"round\" stroke-linejoin=\"round\" d=\"m6 15 5.5 5.5L22 9\"/></svg>";
const CROSS: &str = "<svg width=\"28\" height=\"28\" viewBox=\"0 0 28 28\" aria-hidden=\"true\"><path fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\" stroke-linecap=\"round\" d=\"m8 8 12 12M20 8 8 20\"/></svg>";
const CLOCK: &str = "<svg width=\"28\" height=\"28\" viewBox=\"0 0 28 28\" aria-hidden=\"true\"><path fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.5\" stroke-linecap=\"round\" d=\"M14 4a10 10 0 1 1 0 20 10 10 0 0 1 0-20Zm0 4.5V14l4 2.5\"/></svg>";
const WHEEL: &str = "<svg class=\"turn\" width=\"28\" height=\"28\" viewBox=\"0 0 28 28\" aria-hidden=\"true\"><path fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\" stroke-linecap=\"round\" d=\"M14 4a10 10 0 1 1-10 10\"/></svg>";

/// What is wrong with a form, field by field, and what of it may be shown again.
#[derive(Default)]
pub(super) struct Faults {
    pub number: Option<&'static str>,
    pub expiry: Option<&'static str>,
    pub cvv: Option<&'static str>,
    pub name: Option<&'static str>,
    pub expiry_typed: String,
    pub name_typed: String,
    /// The link cannot be paid now, whatever the card.
    closed: bool,
}

impl Faults {
    pub fn closed() -> Faults {
        Faults {
            closed: true,
            ..Faults::default()
        }
    }

    fn fields(&self) -> [(&'static str, Option<&'static str>); 4] {
        [
            ("number", self.number),
            ("expiry", self.expiry),
            ("cvv", self.cvv),
            ("name", self.name),
        ]
    }

    fn first(&self) -> Option<&'static str> {
        let mut fields = self.fields().into_iter();
        fields.find_map(|(name, fault)| fault.map(|_| name))
    }
}

/// Why there is no page of a link.
#[derive(Clone, Copy)]
pub(super) enum Trouble {
    Missing,
    Unreadable,
    Foreign,
    NoForm,
    TooMany,
    Away(u16),
}

impl Trouble {
    pub fn of(status: u16) -> Trouble {
        match status {
            404 => Trouble::Missing,
            429 => Trouble::TooMany,
            500.. => Trouble::Away(status),
            _ => Trouble::Unreadable,
        }
    }
}

/// The page of a link as it stands.
pub(super) fn of(bill: &Bill, attempt: Option<PaymentId>, faults: &Faults) -> Passed {
    let link = &bill.link.body;
    let status = link.status_at(bill.now);
    let under_way = link.payment.is_some();
    let code = match status {
        PaymentLinkStatus::Expired | PaymentLinkStatus::Cancelled => 410,
        _ if faults.closed => 409,
        _ if faults.first().is_some() => 422,
        _ => 200,
    };
    let (state, rest) = match status {
        PaymentLinkStatus::Active if under_way => ("Processing", processing(attempt)),
        PaymentLinkStatus::Active => ("Pay", form(bill, faults)),
        PaymentLinkStatus::Paid => ("Paid", paid(bill, attempt)),
        PaymentLinkStatus::Expired => ("Expired", over("This payment link has expired", bill)),
        PaymentLinkStatus::Cancelled => {
            ("Cancelled", over("This payment link was cancelled", bill))
        }
    };
    let asked = match code {
        // What was asked for once is nobody's business afterwards.
        410 => String::new(),
        _ => summary(bill),
    };
    let title = format!("{state} · {}", bill.merchant);
    let refresh = match status == PaymentLinkStatus::Active && under_way {
        true => format!(
            "<meta http-equiv=\"refresh\" content=\"2;url=/pay/{}{}\">",
            link.id,
            query(attempt)
        ),
        false => String::new(),
    };
    document(code, (&title, &refresh), &format!("{asked}{rest}"))
}

/// A redirect to the page of a link.
pub(super) fn moved(link: PaymentLinkId, attempt: Option<PaymentId>) -> Passed {
    let mut moved = passed(303, String::new(), policy());
    if let Some(shown) = &mut moved.answer.shown {
        shown.location = Some(format!("/pay/{link}{}", query(attempt)));
    }
    moved
}

fn query(attempt: Option<PaymentId>) -> String {
    attempt.map_or_else(String::new, |payment| format!("?attempt={payment}"))
}

/// A page that is of no link.
pub(super) fn trouble(trouble: Trouble) -> Passed {
    let (status, title, text) = match trouble {
        Trouble::Missing => (
            404,
            "There is no such payment link",
            "Check the address, or ask whoever sent it to you for a new one.",
        ),
        Trouble::Unreadable => (
            400,
            "The form could not be read",
            "Nothing was charged. Open the payment link again and fill the form in once more.",
        ),
        Trouble::Foreign => (
            403,
            "This form came from another site",
            "Nothing was charged. Open the payment link itself to pay.",
        ),
        Trouble::NoForm => (
            415,
            "This is not the payment form",
            "Nothing was charged. Open the payment link in a browser to pay.",
        ),
        Trouble::TooMany => (
            429,
            "Too many attempts",
            "Nothing was charged by the last one. Wait some minutes, then open the payment link again.",
        ),
        Trouble::Away(status) => (
            status,
            "The payment page is not reachable right now",
            "Wait a moment and open the payment link again: it says whether it was paid.",
        ),
    };
    let body = format!(
        "<div class=\"rest\"><div class=\"sign bad\">{CROSS}</div><h2 role=\"alert\">{title}</h2><p>{text}</p></div>"
    );
    document(status, (title, ""), &body)
}

fn document(status: u16, (title, head): (&str, &str), main: &str) -> Passed {
    let title = escaped(title);
    // A page without a summary has one column.
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><meta name=\"color-scheme\" content=\"light dark\">{head}\
         <title>{title}</title><style>{STYLE}</style></head><body><main{}>{main}</main>{}{}</body></html>\n",
        match main.contains("class=\"bill\"") {
            true => " class=\"pair\"",
            false => "",
        },
        format_args!(
            "<footer>{LOCK}<p>Your card's number goes to the card vault alone.</p></footer>"
        ),
        match main.contains("<form") {
            true => format!("<script type=\"module\">{SCRIPT}</script>"),
            false => String::new(),
        }
    );
    passed(status, html, policy())
}

fn policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let source =
            |text: &str| format!("'sha256-{}'", STANDARD.encode(sha256(&[text.as_bytes()])));
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            source(SCRIPT),
            source(STYLE)
        );
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    });
    POLICY.clone()
}

fn summary(bill: &Bill) -> String {
    let link = &bill.link.body;
    let verb = match link.status {
        PaymentLinkStatus::Paid => "Paid to",
        _ => "Pay",
    };
    let mut html = String::from("<div class=\"bill\">");
    // There is no other mode yet in which a link can be made.
    html.push_str("<p class=\"test\">Test mode: no money moves</p>");
    let (currency, amount) = (link.amount.currency.code(), grouped(link.amount));
    // Writing to a string has no error to give.
    let _ = write!(
        html,
        "<h1>{verb} {}</h1><p class=\"amount\"><span>{currency}</span>{amount}</p>",
        escaped(&bill.merchant)
    );
    if let Some(text) = &link.description {
        let _ = write!(html, "<p class=\"about\">{}</p>", escaped(text));
    }
    if link.status == PaymentLinkStatus::Active {
        let _ = write!(
            html,
            "<p class=\"small\">Can be paid until {}</p>",
            moment(link.expires_at)
        );
    }
    html.push_str("</div>");
    html
}

fn form(bill: &Bill, faults: &Faults) -> String {
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
        alert(link, faults),
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
fn alert(link: &PaymentLinkBody, faults: &Faults) -> String {
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
    let Some(failure) = link.failure else {
        return String::new();
    };
    let text = match failure {
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
        // SECURITY: that a card is reported lost or stolen is not for whoever holds it.
        PaymentFailure::CardDeclined | PaymentFailure::LostCard | PaymentFailure::StolenCard => {
            "The card was declined. Nothing was charged. Try another card, or ask your bank."
        }
    };
    format!("<div class=\"alert\" role=\"alert\"><p>{text}</p></div>")
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

fn processing(attempt: Option<PaymentId>) -> String {
    let whose = match attempt {
        Some(_) => "Your payment is being processed",
        None => "A payment is being processed",
    };
    format!(
        "<div class=\"rest\"><div class=\"sign\">{WHEEL}</div><h2 role=\"status\">{whose}</h2>\
         <p>The card's bank has not answered yet. This page looks again by itself every two seconds; you need not \
         pay again.</p></div>"
    )
}

fn paid(bill: &Bill, attempt: Option<PaymentId>) -> String {
    let link = &bill.link.body;
    let mut html = format!(
        "<div class=\"rest\"><div class=\"sign good\">{CHECK}</div><h2 role=\"status\">Payment complete</h2>\
         <p>{} has received it. You can close this page.</p>",
        escaped(&bill.merchant)
    );
    // SECURITY: which card it was is shown to whoever paid, who comes here with the payment's id.
    let own = bill
        .payment
        .as_ref()
        .filter(|payment| attempt == Some(payment.id));
    if let Some(payment) = own {
        html.push_str(&receipt(payment, link.ended_at));
    }
    if let Some(url) = &link.success_url {
        let _ = write!(
            html,
            "<a class=\"go\" href=\"{}\" rel=\"noreferrer\">Continue to {}</a>",
            escaped(url),
            escaped(&bill.merchant)
        );
    }
    html.push_str("</div>");
    html
}

fn receipt(payment: &PaymentBody, at: Option<Timestamp>) -> String {
    let time = at.map_or_else(String::new, |at| {
        format!("<div><dt>Time</dt><dd>{}</dd></div>", moment(at))
    });
    format!(
        "<dl><div><dt>Card</dt><dd>{} ending in {}</dd></div>{time}<div><dt>Reference</dt><dd>{}</dd></div></dl>",
        brand(payment.brand),
        escaped(&payment.last4),
        payment.id
    )
}

fn over(text: &str, bill: &Bill) -> String {
    format!(
        "<div class=\"rest\"><div class=\"sign\">{CLOCK}</div><h2>{text}</h2><p>It can no longer be paid. Ask {} for a new \
         one.</p></div>",
        escaped(&bill.merchant)
    )
}

fn brand(brand: Brand) -> &'static str {
    match brand {
        Brand::Visa => "Visa",
        Brand::Mastercard => "Mastercard",
        Brand::Amex => "American Express",
        Brand::Discover => "Discover",
        Brand::Diners => "Diners Club",
        Brand::Jcb => "JCB",
        Brand::Unionpay => "UnionPay",
        Brand::Maestro => "Maestro",
    }
}

/// `1,250.00`.
fn grouped(amount: Money) -> String {
    let text = amount.decimal();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::with_capacity(text.len() + 4);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !decimals.is_empty() {
        out.push('.');
        out.push_str(decimals);
    }
    out
}

/// `2026-01-31 09:30 UTC`.
fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    let minutes = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!("{minutes} UTC")
}

/// Text as HTML, in an element or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns the direction of the text around it could make an amount read otherwise.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use strongroom_types::currency::Currency;

    use super::*;

    #[test]
    fn amounts_are_grouped() {
        for (code, minor, text) in [
            ("PHP", 5, "0.05"),
            ("PHP", 99_999, "999.99"),
            ("PHP", 125_000, "1,250.00"),
            ("JPY", 1_234_567, "1,234,567"),
            ("KWD", 1_234_567, "1,234.567"),
        ] {
            let money = Money::new(minor, Currency::parse(code).unwrap());
            assert_eq!(grouped(money), text);
        }
    }

    #[test]
    fn nothing_that_somebody_wrote_is_markup() {
        assert_eq!(
            escaped("<b a=\"1\" c='2'>&\u{202e}x"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;x"
        );
    }

    #[test]
    fn the_page_has_no_handlers_styles_or_assets_of_others() {
        for word in [
            " onclick",
            " onsubmit",
            " style=",
            "src=",
            "://",
            "fetch(",
            "innerHTML",
            "eval(",
            "@import",
            "url(",
        ] {
            assert!(!STYLE.contains(word) && !SCRIPT.contains(word), "{word}");
        }
        let policy = policy();
        let policy = policy.to_str().unwrap();
        assert!(
            policy.contains("form-action 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
}
