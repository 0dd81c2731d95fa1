//! What people see when an application asks: a page to sign in on, one for the second factor, and one that asks whether the application
//! may act for them.

use std::fmt::Write;

use crate::edge::Passed;
use crate::login::forms::{Target, alert};
use crate::login::{CROSS, Trouble, document, origin};
use crate::oauth::details;
use crate::oauth::waiting::Wish;
use crate::pay::escaped;
use crate::v1::entering::Methods;

const ACTION: &str = "/oauth/authorize";

/// What a request is over by: its time, its answer, or too many tries.
pub(super) const OVER: Trouble = Trouble::new(
    400,
    "This request is over",
    "Go back to the application that sent you here, and begin again.",
);

/// Who asks, and whom.
pub(super) struct Asking<'a> {
    pub client: &'a str,
    pub organization: &'a str,
    pub is_live: bool,
    pub ticket: &'a str,
    /// Where the answer is sent.
    pub redirect_uri: &'a str,
}

/// The page to sign in on. `fault` says why the last try was none; `email` is what was typed then.
pub(super) fn sign_in(asking: &Asking<'_>, fault: Option<&str>, email: &str) -> Passed {
    let target = Target {
        action: ACTION,
        hidden: &[("ticket", asking.ticket)],
    };
    let main = format!(
        "{}<div class=\"rest\">{}{}</div>",
        head(asking, "Sign in to continue"),
        alert(fault),
        target.password(email)
    );
    let status = if fault.is_some() { 422 } else { 200 };
    document(status, "Sign in", &main, asking.redirect_uri)
}

/// The page for somebody whose password was right, as `halfway` says.
pub(super) fn second_factor(
    asking: &Asking<'_>,
    fault: Option<&str>,
    (halfway, methods): (&str, &Methods),
) -> Passed {
    let target = Target {
        action: ACTION,
        hidden: &[("ticket", asking.ticket), ("halfway", halfway)],
    };
    let main = format!(
        "{}<div class=\"rest\">{}{}</div>",
        head(asking, "Confirm that it is you"),
        alert(fault),
        target.factor(methods)
    );
    let status = if fault.is_some() { 422 } else { 200 };
    let title = "Confirm that it is you";
    document(status, title, &main, asking.redirect_uri)
}

/// The page that asks.
pub(super) fn consent(asking: &Asking<'_>, person: &str, wish: &Wish) -> Passed {
    let client = escaped(asking.client);
    let mut html = head(asking, "Allow access?");
    let _ = write!(html, "<div class=\"rest\"><h2>{client} wants to</h2><ul>");
    for name in wish.scopes.names() {
        let _ = write!(html, "<li>{}</li>", words(name));
    }
    html.push_str("</ul>");
    if let Some(limits) = &wish.limits {
        html.push_str("<h2>Of your money it moves</h2><ul>");
        for line in details::lines(limits) {
            let _ = write!(html, "<li>{}</li>", escaped(&line));
        }
        html.push_str("</ul>");
    }
    let _ = write!(
        html,
        "<p>It acts for you, never with more rights than you have yourself, for 90 days at most. Signing out \
         everywhere ends it.</p><p class=\"small\">Signed in as {}. The answer is sent to {}.</p>\
         <form method=\"post\" action=\"{ACTION}\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">\
         <button type=\"submit\" name=\"answer\" value=\"allow\">Allow</button>\
         <button class=\"other\" type=\"submit\" name=\"answer\" value=\"refuse\">Refuse</button></form></div>",
        escaped(person),
        escaped(&origin(asking.redirect_uri)),
        escaped(asking.ticket),
    );
    document(200, "Allow access", &html, asking.redirect_uri)
}

fn head(asking: &Asking<'_>, title: &str) -> String {
    let test = match asking.is_live {
        true => "",
        false => "<p class=\"test\">Test mode: no money moves</p>",
    };
    format!(
        "<div class=\"bill\">{test}<h1>{} at {}</h1><p class=\"about\">{title}</p></div>",
        escaped(asking.client),
        escaped(asking.organization)
    )
}

/// What a scope stands for.
fn words(scope: &str) -> &'static str {
    match scope {
        "read" => "see wallets, balances, payouts, payment links and transactions",
        "write" => "make and cancel payouts and payment links",
        "admin" => "make and change wallets, and see people",
        "webhooks" => "see events, and have them sent to addresses of its own",
        _ => "do something else",
    }
}

/// What a client got wrong, and the way back to it. SECURITY: whoever writes a link with something wrong in it gets nobody sent on by
/// this server, but by his own hand (RFC 9700, 4.11.2).
pub(super) fn way_back(to: &str, detail: &str) -> Passed {
    const TITLE: &str = "The application asked in a way that is not taken";
    let html = format!(
        "<div class=\"rest\"><div class=\"sign bad\">{CROSS}</div><h1 class=\"head\">{TITLE}</h1><p>What is wrong: {}.</p>\
         <a class=\"go\" href=\"{}\">Back to {}</a></div>",
        escaped(detail),
        escaped(to),
        escaped(&origin(to)),
    );
    let mut passed = document(400, TITLE, &html, "");
    passed.answer.refused = Some("oauth_page_refused");
    passed
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strongroom_auth::Scopes;
    use strongroom_types::id::{OauthClientId, RawId};

    use super::*;

    #[test]
    fn what_a_client_is_called_is_no_markup() {
        let asking = Asking {
            client: "<script>alert(1)</script>",
            organization: "A & B",
            is_live: false,
            ticket: "\"><b>",
            redirect_uri: "https://shop.example/cb",
        };
        let wish = Wish {
            client: OauthClientId(RawId::ZERO),
            redirect_uri: asking.redirect_uri.to_owned(),
            redirect_was_named: true,
            scopes: Scopes::of(Scopes::all()).unwrap(),
            limits: None,
            state: None,
            challenge: None,
            proof_key: None,
        };
        let methods = Methods {
            code: true,
            passkey: Some(json!({"rpId": "\"><img>"})),
        };
        for (page, scripts) in [
            (sign_in(&asking, Some("<i>"), "\"><img>"), 0),
            (second_factor(&asking, Some("<i>"), ("\"><b>", &methods)), 1),
            (consent(&asking, "<u>ana</u>", &wish), 0),
        ] {
            let html = String::from_utf8(page.answer.body.to_vec()).unwrap();
            assert_eq!(html.matches("<script").count(), scripts);
            for markup in ["<script>", "<b>", "<img", "<u>", "<i>\""] {
                assert!(!html.contains(markup), "{markup}");
            }
            assert!(html.contains("A &amp; B") && !html.contains("do something else"));
        }
    }
}
