//! What people see: a page to sign in on, one that asks whether a program may act for them, and what went wrong.
//!
//! SECURITY: everything that somebody wrote passes `escaped`; the pages have no script, and their policy allows none. A form goes to
//! where it came from and, as browsers ask that of a redirect too, on to the one address that waits for the answer.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::HeaderValue;
use strongroom_crypto::sha256;

use crate::call::Answer;
use crate::edge::Passed;
use crate::oauth::details;
use crate::oauth::waiting::Wish;
use crate::pay::{Shown, escaped};

const STYLE: &str = include_str!("../pay/style.css");

const CROSS: &str = "<svg width=\"28\" height=\"28\" viewBox=\"0 0 28 28\" aria-hidden=\"true\"><path fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\" stroke-linecap=\"round\" d=\"m8 8 12 12M20 8 8 20\"/></svg>";

/// Why there is no page to go on with.
pub(super) struct Trouble {
    pub status: u16,
    pub title: &'static str,
    pub text: &'static str,
    pub retry: Option<u64>,
}

impl Trouble {
    pub const fn new(status: u16, title: &'static str, text: &'static str) -> Trouble {
        Trouble {
            status,
            title,
            text,
            retry: None,
        }
    }
}

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
    let mut html = head(asking, "Sign in to continue");
    html.push_str("<div class=\"rest\">");
    if let Some(fault) = fault {
        let fault = escaped(fault);
        let _ = write!(
            html,
            "<div class=\"alert\" role=\"alert\"><p>{fault}</p></div>"
        );
    }
    let _ = write!(
        html,
        "<form method=\"post\" action=\"/oauth/authorize\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">\
         <div><label for=\"email\">E-mail address</label><input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" \
         maxlength=\"254\" required value=\"{}\"></div>\
         <div><label for=\"password\">Password</label><input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" maxlength=\"128\" required></div>\
         <div><label for=\"code\">Security code <i>(if you have an authenticator, or a recovery code)</i></label>\
         <input id=\"code\" name=\"code\" autocomplete=\"one-time-code\" autocapitalize=\"none\" spellcheck=\"false\" \
         maxlength=\"64\"></div><button type=\"submit\">Sign in</button></form></div>",
        escaped(asking.ticket),
        escaped(email),
    );
    let status = if fault.is_some() { 422 } else { 200 };
    document(status, "Sign in", &html, asking.redirect_uri)
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
         <form method=\"post\" action=\"/oauth/authorize\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">\
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

pub(super) fn trouble(trouble: &Trouble) -> Passed {
    let html = format!(
        "<div class=\"rest\"><div class=\"sign bad\">{CROSS}</div><h1 class=\"head\">{}</h1><p>{}</p></div>",
        trouble.title,
        escaped(trouble.text)
    );
    let mut passed = document(trouble.status, trouble.title, &html, "");
    if let Some(shown) = &mut passed.answer.shown {
        shown.retry = trouble.retry;
    }
    passed.answer.refused = Some("oauth_page_refused");
    passed
}

/// Sends the browser on, by a request that carries nothing of this one (RFC 9700, 4.12).
pub(super) fn moved(to: String) -> Passed {
    let mut passed = document(303, "Going on", "", "");
    if let Some(shown) = &mut passed.answer.shown {
        shown.location = Some(to);
    }
    passed
}

fn document(status: u16, title: &str, main: &str, redirect_uri: &str) -> Passed {
    let title = escaped(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{main}</main></body></html>\n"
    );
    Passed {
        status,
        answer: Answer {
            body: Bytes::from(html),
            shown: Some(Box::new(Shown {
                kind: "text/html; charset=utf-8",
                policy: policy(redirect_uri),
                location: None,
                retry: None,
                embeddable: false,
            })),
            ..Answer::default()
        },
    }
}

fn policy(redirect_uri: &str) -> HeaderValue {
    let style = STANDARD.encode(sha256(&[STYLE.as_bytes()]));
    let target = origin(redirect_uri);
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self' {target}; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Scheme and host of an address, or the scheme of an application's own. It was checked when it was registered: nothing in it ends a
/// rule of the policy.
fn origin(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            let end = rest.find(['/', '?', ';', ',']).unwrap_or(rest.len());
            format!("{scheme}://{}", rest.get(..end).unwrap_or_default())
        }
        _ => {
            let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
            match scheme {
                "" => String::new(),
                scheme => format!("{scheme}:"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_auth::Scopes;
    use strongroom_types::id::{OauthClientId, RawId};

    use super::*;

    #[test]
    fn a_policy_names_the_style_and_the_one_address() {
        for (address, target) in [
            (
                "https://shop.example/cb?x=1",
                "'self' https://shop.example;",
            ),
            ("http://127.0.0.1:4567/cb", "'self' http://127.0.0.1:4567;"),
            ("org.example.app:/cb", "'self' org.example.app:;"),
            ("", "'self' ;"),
        ] {
            let policy = policy(address);
            let policy = policy.to_str().unwrap();
            assert!(
                policy.contains(&format!("form-action {target}")),
                "{policy}"
            );
            assert!(
                !policy.contains("script") && !policy.contains("unsafe"),
                "{policy}"
            );
        }
    }

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
        for page in [
            sign_in(&asking, Some("<i>"), "\"><img>"),
            consent(&asking, "<u>ana</u>", &wish),
        ] {
            let html = String::from_utf8(page.answer.body.to_vec()).unwrap();
            for markup in ["<script", "<b>", "<img", "<u>", "<i>\""] {
                assert!(!html.contains(markup), "{markup}");
            }
            assert!(html.contains("A &amp; B") && !html.contains("do something else"));
        }
    }
}
