//! What the pages on which people sign in have in common: OAuth's, and `/account`.
//!
//! SECURITY: everything that somebody wrote passes `escaped`. The policy names the style by its hash, and the script on pages that ask for
//! a passkey; nothing is loaded. A form goes to where it came from and, as browsers ask that of a redirect too, on to the one address
//! that waits for the answer.

pub(crate) mod forms;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::HeaderValue;
use strongroom_crypto::sha256;
use strongroom_engine::Failure;

use crate::call::Answer;
use crate::edge::Passed;
use crate::pay::{Shown, escaped};
use crate::problem::Problem;

const STYLE: &str = include_str!("../pay/style.css");
const SCRIPT: &str = include_str!("passkey.js");

pub(crate) const CROSS: &str = "<svg width=\"28\" height=\"28\" viewBox=\"0 0 28 28\" aria-hidden=\"true\"><path fill=\"none\" stroke=\"currentColor\" stroke-width=\"3\" stroke-linecap=\"round\" d=\"m8 8 12 12M20 8 8 20\"/></svg>";

/// Why there is no page to go on with.
pub(crate) struct Trouble {
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

    /// As a page; `code` is what the log of requests says of it.
    pub fn page(&self, code: &'static str) -> Passed {
        let html = format!(
            "<div class=\"rest\"><div class=\"sign bad\">{CROSS}</div><h1 class=\"head\">{}</h1><p>{}</p></div>",
            self.title,
            escaped(self.text)
        );
        let mut passed = document(self.status, self.title, &html, "");
        if let Some(shown) = &mut passed.answer.shown {
            shown.retry = self.retry;
        }
        passed.answer.refused = Some(code);
        passed
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Trouble {
        let retry = problem.retry_seconds();
        let (title, text) = match problem.status() {
            429 => (
                "Too many attempts",
                "Wait some minutes, then begin again where you came from.",
            ),
            500.. => (
                "This page is not reachable right now",
                "Wait a moment, then begin again where you came from.",
            ),
            _ => (
                "The form could not be read",
                "Begin again where you came from.",
            ),
        };
        Trouble {
            retry,
            ..Trouble::new(problem.status(), title, text)
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::from(Problem::from(failure))
    }
}

/// SECURITY: no password travels in clear beyond this machine.
pub(crate) const UNSAFE: Trouble = Trouble::new(
    403,
    "This page is not safe here",
    "People sign in over TLS or from this machine only.",
);

/// Whose role forbids it.
pub(crate) const NOT_NOW: Trouble = Trouble::new(
    403,
    "This is not allowed now",
    "Your role does not let you answer from here, or at this time.",
);

/// A form of another site's.
pub(crate) const FOREIGN: Trouble = Trouble::new(
    403,
    "This form came from elsewhere",
    "Begin again where you came from.",
);

/// What somebody is told whose login was none; nothing where that is not his to mend.
pub(crate) fn said(problem: &Problem) -> Option<&'static str> {
    match (problem.status(), problem.code()) {
        (429, _) => Some("Too many logins failed from here. Try again later."),
        (_, "second_factor_invalid") => Some("The second factor does not fit, or was used before."),
        (401 | 422, _) => Some("The e-mail address or the password is not right."),
        _ => None,
    }
}

/// Sends the browser on, by a request that carries nothing of this one (RFC 9700, 4.12).
pub(crate) fn moved(to: String) -> Passed {
    let mut passed = document(303, "Going on", "", "");
    if let Some(shown) = &mut passed.answer.shown {
        shown.location = Some(to);
    }
    passed
}

/// A page. `redirect_uri` is where its form leads on to, if anywhere.
pub(crate) fn document(status: u16, title: &str, main: &str, redirect_uri: &str) -> Passed {
    let title = escaped(title);
    // Nobody's text has a quotation mark here.
    let asks = main.contains(" data-get=\"") || main.contains(" data-create=\"");
    let script = match asks {
        true => format!("<script type=\"module\">{SCRIPT}</script>"),
        false => String::new(),
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{main}</main>{script}</body></html>\n"
    );
    Passed {
        status,
        answer: Answer {
            body: Bytes::from(html),
            shown: Some(Box::new(Shown {
                kind: "text/html; charset=utf-8",
                policy: policy(redirect_uri, asks),
                location: None,
                retry: None,
                embeddable: false,
            })),
            ..Answer::default()
        },
    }
}

fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256(&[text.as_bytes()])))
}

fn policy(redirect_uri: &str, asks: bool) -> HeaderValue {
    let style = source(STYLE);
    let script = match asks {
        true => format!("script-src {}; ", source(SCRIPT)),
        false => String::new(),
    };
    let target = origin(redirect_uri);
    let policy = format!(
        "default-src 'none'; {script}style-src {style}; form-action 'self' {target}; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Scheme and host of an address, or the scheme of an application's own. It was checked when it was registered: nothing in it ends a
/// rule of the policy.
pub(crate) fn origin(address: &str) -> String {
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
            let policy = policy(address, false);
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
    fn a_page_that_asks_for_a_passkey_runs_our_script_and_no_other() {
        for (main, asks) in [
            ("<form data-get=\"{}\">", true),
            ("<form data-create=\"{}\">", true),
            ("<p>data-get=&quot;</p>", false),
        ] {
            let passed = document(200, "x", main, "");
            let html = String::from_utf8(passed.answer.body.to_vec()).unwrap();
            let policy = passed.answer.shown.unwrap().policy;
            let policy = policy.to_str().unwrap();
            let rule = format!("script-src {};", source(SCRIPT));
            assert_eq!(policy.contains(&rule), asks, "{policy}");
            assert_eq!(html.contains("<script"), asks, "{main}");
        }
        for word in ["://", "fetch(", "innerHTML", "eval(", "import"] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
    }
}
