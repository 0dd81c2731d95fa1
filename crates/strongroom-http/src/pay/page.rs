//! What the payer sees.
//!
//! SECURITY: everything that somebody wrote passes `escaped`; the policy names style and script by their hashes and allows
//! nothing else but posting the form to where it came from.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use strongroom_crypto::sha256;
use strongroom_domain::payment_links::PaymentLinkStatus;
use strongroom_domain::payments::{PaymentBody, PaymentStatus};
use strongroom_engine::{Asked, Bill};
use strongroom_types::id::PaymentId;
use strongroom_types::time::Timestamp;

use crate::edge::Passed;
use crate::pay::form::form;
use crate::pay::passed;
use crate::pay::text::{brand, escaped, grouped, moment};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("form.js");
/// A page that waits looks again by itself; without a script the document says so.
const AGAIN: &str = "setTimeout(() => location.reload(), 2000);";

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
    pub closed: bool,
}

impl Faults {
    pub fn closed() -> Faults {
        Faults {
            closed: true,
            ..Faults::default()
        }
    }

    pub fn fields(&self) -> [(&'static str, Option<&'static str>); 4] {
        [
            ("number", self.number),
            ("expiry", self.expiry),
            ("cvv", self.cvv),
            ("name", self.name),
        ]
    }

    pub fn first(&self) -> Option<&'static str> {
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
        PaymentLinkStatus::Active if under_way => ("Processing", processing(bill, attempt)),
        PaymentLinkStatus::Active => ("Pay", form(bill, attempt, faults)),
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
            "<noscript><meta http-equiv=\"refresh\" content=\"2;url=/pay/{}{}\"></noscript>",
            link.id,
            query(attempt)
        ),
        false => String::new(),
    };
    document(code, (&title, &refresh), &format!("{asked}{rest}"))
}

/// A redirect to the page of a link.
pub(super) fn moved(path: &str) -> Passed {
    let mut moved = passed(303, String::new(), policy());
    if let Some(shown) = &mut moved.answer.shown {
        shown.location = Some(path.to_owned());
    }
    moved
}

/// The question of the cardholder's bank.
pub(super) fn asked(id: &str, asked: &Asked) -> Passed {
    let payment = &asked.payment;
    let (currency, amount) = (payment.amount.currency.code(), grouped(payment.amount));
    let body = format!(
        "<div class=\"rest\"><p class=\"test\">Sandbox bank</p><h1 class=\"head\">Is it you who pays?</h1>\
         <p>{} asks for <strong>{currency} {amount}</strong> from your {} ending in {}. A real bank would now ask for a code \
         or for your finger.</p><form method=\"post\" action=\"/challenges/{id}\">\
         <button type=\"submit\" name=\"answer\" value=\"confirm\">Yes, it is me</button>\
         <button class=\"other\" type=\"submit\" name=\"answer\" value=\"refuse\">No, refuse it</button></form></div>",
        escaped(&asked.merchant),
        brand(payment.brand),
        escaped(&payment.last4),
    );
    document(200, ("Is it you who pays?", ""), &body)
}

/// What came of it, for a payment that no link of ours asked for.
pub(super) fn answered(asked: &Asked) -> Passed {
    let payment = &asked.payment;
    // What was to be captured at once and was not has not been taken.
    let taken = !payment.capture || payment.captured > 0;
    let (class, sign, title) = match payment.status {
        PaymentStatus::Processing => ("", WHEEL, "Your payment is being processed"),
        PaymentStatus::Authorized if !taken => ("", WHEEL, "Your payment is being processed"),
        PaymentStatus::Failed
        | PaymentStatus::RequiresAction
        | PaymentStatus::Voided
        | PaymentStatus::Expired => ("bad", CROSS, "The payment was not made"),
        PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured | PaymentStatus::Captured => {
            ("good", CHECK, "Payment complete")
        }
    };
    let refresh = match sign == WHEEL {
        true => "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>",
        false => "",
    };
    let on = match &payment.return_url {
        Some(url) => format!(
            "<a class=\"go\" href=\"{}\" rel=\"noreferrer\">Continue to {}</a>",
            escaped(url),
            escaped(&asked.merchant)
        ),
        None => "<p>You can close this page.</p>".to_owned(),
    };
    let body = format!(
        "<div class=\"rest\"><div class=\"sign {class}\">{sign}</div><h1 class=\"head\">{title}</h1>{on}</div>"
    );
    document(200, (title, refresh), &body)
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
        "<div class=\"rest\"><div class=\"sign bad\">{CROSS}</div><h1 class=\"head\">{title}</h1><p>{text}</p></div>"
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
        match (main.contains("id=\"pay\""), head.contains("refresh")) {
            (true, _) => format!("<script type=\"module\">{SCRIPT}</script>"),
            (false, true) => format!("<script>{AGAIN}</script>"),
            (false, false) => String::new(),
        }
    );
    passed(status, html, policy())
}

fn policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let source =
            |text: &str| format!("'sha256-{}'", STANDARD.encode(sha256(&[text.as_bytes()])));
        let policy = format!(
            "default-src 'none'; script-src {} {}; style-src {}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            source(SCRIPT),
            source(AGAIN),
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

fn processing(bill: &Bill, attempt: Option<PaymentId>) -> String {
    // SECURITY: the way to his bank is for whoever pays, who comes here with the payment's id.
    let own = bill
        .payment
        .as_ref()
        .filter(|payment| attempt == Some(payment.id));
    if let Some(path) = own.and_then(|payment| payment.challenge_path()) {
        return format!(
            "<div class=\"rest\"><div class=\"sign\">{LOCK}</div><h2>Your bank wants to know that it is you</h2>\
             <p>Confirm the payment there; then you come back here.</p><a class=\"go\" href=\"{path}\">Go on to your \
             bank</a></div>"
        );
    }
    let whose = match attempt {
        Some(_) => "Your payment is being processed",
        None => "A payment is being processed",
    };
    let status = bill.payment.as_ref().map(|payment| payment.status);
    let why = match status {
        Some(PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured) => format!(
            "The card's bank has agreed, and {} has not taken the money yet.",
            escaped(&bill.merchant)
        ),
        _ => "The card's bank has not answered yet.".to_owned(),
    };
    format!(
        "<div class=\"rest\"><div class=\"sign\">{WHEEL}</div><div role=\"status\"><h2>{whose}</h2></div>\
         <p>{why} This page looks again by itself every two seconds; you need not pay again.</p></div>"
    )
}

fn paid(bill: &Bill, attempt: Option<PaymentId>) -> String {
    let link = &bill.link.body;
    let mut html = format!(
        "<div class=\"rest\"><div class=\"sign good\">{CHECK}</div><div role=\"status\"><h2>Payment complete</h2></div>\
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
        "<div class=\"rest\"><div class=\"sign\">{CLOCK}</div><h1 class=\"head\">{text}</h1><p>It can no longer be paid. Ask {} for a new \
         one.</p></div>",
        escaped(&bill.merchant)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
