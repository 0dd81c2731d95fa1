//! Doors for the fuzz targets: what reads a client's bytes in this crate, behind functions of bytes. Not for others.

use std::net::IpAddr;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Request};
use ipnet::IpNet;

use crate::query::{CREATED, PAGE, Parameter, Query};
use crate::routes::routes;
use crate::{address, front, idempotency, leaks, oauth, presented, tripwire};

/// A query string, with all that lists read of it.
pub fn query(raw: &str) {
    let more = [
        Parameter::text("reference_id", ""),
        Parameter::text("wallet_id", ""),
        Parameter::integer("min_amount", ""),
    ];
    let known: Vec<Parameter> = PAGE.into_iter().chain(CREATED).chain(more).collect();
    let Ok(query) = Query::parse(Some(raw), &known) else {
        return;
    };
    let page = query.page();
    assert!(page.is_err() || page.is_ok_and(|page| (1..=100).contains(&page.limit)));
    let _ = query.reference_id();
    let _ = query.wallet("wallet_id");
    let _ = query.time("created_after");
    let amount = query.minor_units("min_amount");
    assert!(amount.is_err() || amount.is_ok_and(|amount| amount.is_none_or(|minor| minor >= 0)));
}

/// Headers, one a line: whose request it is, its keys, and what another node may have written into it.
pub fn headers(lines: &[u8]) {
    let headers = map(lines);
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"]
        .iter()
        .filter_map(|net| net.parse().ok())
        .collect();
    let stranger = IpAddr::from([203, 0, 113, 9]);
    let seen = address::client_address(stranger, &headers, &trusted);
    assert_eq!(seen, stranger, "a stranger chose its address");
    let _ = address::client_address(IpAddr::from([10, 0, 0, 1]), &headers, &trusted);
    if let Ok(Some(key)) = idempotency::key(&headers) {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let _ = presented::unverified_key(&headers);
    let _ = presented::approval(&headers);
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    let (mut head, ()) = request.into_parts();
    if front::relay::received(&mut head).is_some() {
        let own = |name: &HeaderName| name.as_str().starts_with("strongroom-");
        assert!(!head.headers.keys().any(own), "a node's header stayed");
    }
}

/// A body before the tripwire of each route that takes one, and what is read without a credential: keys that were found, and limits that clients of OAuth ask for.
pub fn body(bytes: &[u8]) {
    let (head, ()) = Request::new(()).into_parts();
    for route in routes().iter().filter(|route| route.is_mutating()) {
        let _ = tripwire::check(&head, bytes, route);
    }
    let _ = leaks::read(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        oauth::check_details(text);
    }
}

fn map(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().and_then(|n| HeaderName::from_bytes(n).ok());
        let value = parts.next().map(<[u8]>::trim_ascii);
        let value = value.and_then(|value| HeaderValue::from_bytes(value).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}
