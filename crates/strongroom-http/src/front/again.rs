//! Which requests may be sent again when nobody knows whether they were carried out.

use hyper::Method;
use hyper::http::request::Parts;

use crate::route::Door;
use crate::routes::routes;
use crate::table::{Found, Table};

/// Whether doing it twice does it once. A key that is none is refused both times, and one that its row does not look at is none;
/// nor is one of a person's own matters, where the password or the code that was good the first time is asked for before it.
pub(super) fn may_be_repeated(head: &Parts) -> bool {
    let reads = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    // Connections break seldom: the table is made for the occasion.
    let heeds = match Table::new(routes()).find(&head.method, head.uri.path()) {
        Found::Route(route, _) => matches!(route.door, Door::Guarded(_)),
        _ => false,
    };
    let has_key = ["idempotency-key", "x-idempotency-key"]
        .iter()
        .any(|name| head.headers.contains_key(*name));
    reads || (heeds && has_key)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn what_is_done_once_by_its_key_is_sent_again_and_nothing_else() {
        for (method, path, key, is_repeated) in [
            ("GET", "/v1/payouts", None, true),
            ("POST", "/v1/payouts", Some("idempotency-key"), true),
            ("POST", "/v1/payouts", Some("x-idempotency-key"), true),
            ("POST", "/v1/payouts", None, false),
            (
                "POST",
                "/v1/payments/pay_1/void",
                Some("idempotency-key"),
                true,
            ),
            // Their rows do not look at a key.
            ("POST", "/oauth/token", Some("idempotency-key"), false),
            ("POST", "/v1/sessions", Some("idempotency-key"), false),
            ("POST", "/v1/me/password", Some("idempotency-key"), false),
            ("POST", "/nowhere", Some("idempotency-key"), false),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(key) = key {
                request = request.header(key, "order-7");
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(
                may_be_repeated(&head),
                is_repeated,
                "{method} {path} {key:?}"
            );
        }
    }
}
