//! What is asked of people beyond what is asked of keys: that a cookie's request comes from a page of ours, and that a
//! second factor was shown lately for what is dangerous.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::ORIGIN;
use hyper::http::request::Parts;
use strongroom_auth::{Credential, Presence};
use strongroom_crypto::equal;
use strongroom_domain::action::Action;
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_types::time::Timestamp;

use crate::app::App;
use crate::presented;
use crate::problem::Problem;
use crate::route::{Route, SignatureClass};
use crate::visit::Visit;

impl App {
    /// SECURITY: a browser sends the cookie along with whatever asks for it, so that a page of somebody else's could act
    /// for the visitor. `SameSite` keeps it from other sites; the rest is asked here, should a browser not know it.
    pub(crate) async fn refuse_foreign_page(
        &self,
        visit: &Visit,
        head: &Parts,
        credential: &Arc<Credential>,
        route: &Route,
    ) -> Result<(), Problem> {
        let by_cookie = presented::unverified_session(&head.headers).is_some();
        let Some(presence) = credential.presence.as_ref().filter(|_| by_cookie) else {
            return Ok(());
        };
        let origins = &self.settings().public_origins;
        let is_ours = match route.is_mutating() {
            true => is_from_here(&head.headers, origins) && shows_token(&head.headers, presence),
            false => is_no_other_site(&head.headers),
        };
        if is_ours {
            return Ok(());
        }
        let text = "a request by cookie comes from this server's own pages, and changes nothing without `X-CSRF-Token`";
        let rejection = Rejection::new(Code::CsrfRefused, text);
        Err(self
            .refuse(visit, credential, Action::AccessDenied, rejection)
            .await)
    }
}

/// Refuses a person who has not shown a second factor lately, where the route asks for it. SECURITY: he has no secret to sign with, so
/// with live money he shows one for all that keys sign.
///
/// # Errors
/// [`Code::StepUpRequired`].
pub(crate) fn stepped_up(
    credential: &Credential,
    route: &Route,
    now: Timestamp,
) -> Result<(), Rejection> {
    let signed = route.signature == SignatureClass::Sensitive && credential.scope.mode.is_live();
    let asked = route.recent || signed;
    let presence = credential.presence.as_ref().filter(|_| asked);
    match presence {
        Some(presence) if !presence.is_stepped_up(now) => Err(step_up()),
        _ => Ok(()),
    }
}

pub(crate) fn step_up() -> Rejection {
    let text =
        "show a second factor first (`POST /v1/me/step-up`), or enrol one (`POST /v1/me/totp`)";
    Rejection::new(Code::StepUpRequired, text)
}

fn word<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_from_here(headers: &HeaderMap, origins: &[String]) -> bool {
    let site = word(headers, "sec-fetch-site");
    let named = word(headers, ORIGIN.as_str());
    let is_known = named.is_some_and(|named| origins.iter().any(|origin| origin == named));
    // Where no origin is configured, the browser's own word has to do.
    let is_same = origins.is_empty() && site == Some("same-origin");
    is_no_other_site(headers) && (is_known || is_same)
}

fn is_no_other_site(headers: &HeaderMap) -> bool {
    let site = word(headers, "sec-fetch-site");
    site.is_none_or(|site| matches!(site, "same-origin" | "none"))
}

fn shows_token(headers: &HeaderMap, presence: &Presence) -> bool {
    let shown = headers.get("x-csrf-token").map(|value| value.as_bytes());
    shown.is_some_and(|shown| equal(shown, presence.csrf.as_bytes()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = hyper::header::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn a_page_of_ours_is_known_by_its_origin() {
        let ours = ["https://pay.example".to_owned()];
        for (pairs, configured, bare) in [
            (vec![("origin", "https://pay.example")], true, false),
            (
                vec![
                    ("origin", "https://pay.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
                true,
            ),
            (
                vec![
                    ("origin", "https://pay.example"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
                false,
            ),
            (
                vec![
                    ("origin", "https://evil.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
                true,
            ),
            (vec![("origin", "null")], false, false),
            (vec![("sec-fetch-site", "same-site")], false, false),
            (vec![], false, false),
        ] {
            let headers = headers(&pairs);
            assert_eq!(is_from_here(&headers, &ours), configured, "{pairs:?}");
            assert_eq!(is_from_here(&headers, &[]), bare, "{pairs:?}");
        }
        assert!(is_no_other_site(&headers(&[("sec-fetch-site", "none")])));
        assert!(!is_no_other_site(&headers(&[(
            "sec-fetch-site",
            "cross-site"
        )])));
    }
}
