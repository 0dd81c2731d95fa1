//! The webhook signature checker: one page, its style and its script, computed once and served as it stands.
//!
//! The server takes no part in a check and never sees what is pasted. SECURITY: the policy names the style and the script
//! by their hashes and allows nothing else, no request above all, so that a pasted secret cannot leave the browser.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::HeaderValue;
use strongroom_crypto::sha256;

const HEAD: &str = include_str!("signature_page/head.html");
const STYLE: &str = include_str!("signature_page/style.css");
const BODY: &str = include_str!("signature_page/body.html");
const SCRIPT: &str = concat!(
    include_str!("signature_page/check.js"),
    "\n",
    include_str!("signature_page/form.js")
);

/// A page and what it may do.
pub struct Page {
    pub html: Bytes,
    /// The value of `Content-Security-Policy`.
    pub policy: HeaderValue,
}

/// The checker.
pub fn page() -> &'static Page {
    static PAGE: LazyLock<Page> = LazyLock::new(|| {
        let html = format!(
            "{HEAD}<style>{STYLE}</style>{BODY}<script type=\"module\">{SCRIPT}</script>\n"
        );
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            source(SCRIPT),
            source(STYLE)
        );
        Page {
            html: Bytes::from(html),
            // Letters, digits and punctuation; were it not, the page would do nothing rather than anything.
            policy: HeaderValue::from_str(&policy)
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    });
    &PAGE
}

/// The hash by which a policy names an inline script or style.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(sha256(&[text.as_bytes()])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_what_stands_between_the_tags() {
        let page = page();
        let html = std::str::from_utf8(&page.html).unwrap();
        let policy = page.policy.to_str().unwrap();
        for (open, close) in [
            ("<style>", "</style>"),
            ("<script type=\"module\">", "</script>"),
        ] {
            let (_, rest) = html.split_once(open).unwrap();
            let (inner, after) = rest.split_once(close).unwrap();
            assert!(policy.contains(&format!("'{}'", source(inner))), "{open}");
            assert!(!after.contains(open), "{open} stands once");
        }
    }

    /// What a policy by hashes would not let run, or would let go elsewhere.
    #[test]
    fn the_page_has_no_handlers_styles_or_addresses_of_its_own() {
        let html = std::str::from_utf8(&page().html).unwrap();
        for word in [
            " onclick",
            " onsubmit",
            " style=",
            "src=",
            "href=",
            "://",
            "fetch(",
            "innerHTML",
            "eval(",
        ] {
            assert!(!html.contains(word), "{word}");
        }
    }
}
