//! Bodies that no route takes: each is refused clearly and changes nothing.

use serde_json::Value;
use strongroom_testkit::exchange::Outgoing;

use crate::sample::{guarded, mutating, name, sample, tenant};

/// Bodies and what they are answered with.
fn odd_bodies() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let deep = |levels: usize| {
        let open = "{\"a\":".repeat(levels);
        let close = "}".repeat(levels);
        format!("{open}1{close}").into_bytes()
    };
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20)).into_bytes();
    vec![
        ("no JSON", b"amount=5".to_vec(), 400, "invalid_json"),
        ("cut", b"{\"amount\":1".to_vec(), 400, "invalid_json"),
        (
            "trailing comma",
            b"{\"amount\":1,}".to_vec(),
            400,
            "invalid_json",
        ),
        (
            "single quotes",
            b"{'amount':1}".to_vec(),
            400,
            "invalid_json",
        ),
        ("two values", b"{}{}".to_vec(), 400, "invalid_json"),
        (
            "a byte-order mark",
            b"\xef\xbb\xbf{}".to_vec(),
            400,
            "invalid_json",
        ),
        (
            "no UTF-8",
            b"{\"a\":\"\xff\xfe\"}".to_vec(),
            400,
            "invalid_json",
        ),
        (
            "an overlong form",
            b"{\"a\":\"\xc0\xaf\"}".to_vec(),
            400,
            "invalid_json",
        ),
        (
            "half a surrogate pair",
            b"{\"a\":\"\\ud800\"}".to_vec(),
            400,
            "invalid_json",
        ),
        (
            "a raw control character",
            b"{\"a\":\"\n\"}".to_vec(),
            400,
            "invalid_json",
        ),
        ("a NUL", b"{\"a\":1}\0".to_vec(), 400, "invalid_json"),
        ("a list", b"[]".to_vec(), 422, "body_not_object"),
        ("a text", b"\"{}\"".to_vec(), 422, "body_not_object"),
        ("null", b"null".to_vec(), 422, "body_not_object"),
        (
            "a key twice",
            b"{\"zz\":1,\"zz\":1}".to_vec(),
            422,
            "duplicate_key",
        ),
        (
            "a key twice, once escaped",
            b"{\"zz\":1,\"z\\u007a\":1}".to_vec(),
            422,
            "duplicate_key",
        ),
        ("33 levels", deep(33), 422, "json_too_deep"),
        ("100,000 levels", deep(100_000), 422, "json_too_deep"),
        (
            "a field of nobody's",
            b"{\"__proto__\":{}}".to_vec(),
            422,
            "unknown_field",
        ),
        ("over a mebibyte", large, 413, "body_too_large"),
    ]
}

#[test]
fn odd_bodies_change_nothing() {
    let acme = tenant();
    for route in mutating() {
        let sample = sample(route, &acme);
        let mark = acme.mark();
        for (what, body, status, code) in odd_bodies() {
            let reply = sample.with(&acme.owner.text).body(body).send();
            let found = (reply.status, reply.code());
            assert_eq!(
                found,
                (status, code.to_owned()),
                "{what} for {}: {}",
                name(route),
                reply.text()
            );
            reply.refused(status, code);
        }
        for odd in [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/html",
            "image/png",
        ] {
            let reply = sample
                .with(&acme.owner.text)
                .header("Content-Type", odd)
                .send();
            reply.refused(415, "unsupported_media_type");
        }
        let zipped = sample
            .with(&acme.owner.text)
            .header("Content-Encoding", "gzip");
        zipped.send().refused(415, "unsupported_media_type");
        assert_eq!(
            acme.audit_since(&mark),
            [Value::Null; 0],
            "{} changed something",
            name(route)
        );
        assert_eq!(
            acme.events_since(&mark),
            [Value::Null; 0],
            "{}",
            name(route)
        );
        sample.done(&acme.owner.text);
    }
}

#[test]
fn json_by_its_other_names_is_taken() {
    let acme = tenant();
    for route in mutating() {
        for kind in [
            "application/json; charset=utf-8",
            "text/plain;charset=UTF-8",
            "application/merge-patch+json",
        ] {
            let sample = sample(route, &acme);
            let reply = sample
                .with(&acme.owner.text)
                .header("Content-Type", kind)
                .send();
            assert_eq!(
                reply.status,
                route.success,
                "{} as {kind}: {}",
                name(route),
                reply.text()
            );
        }
    }
}

#[test]
fn parameters_of_nobody_s_are_named() {
    let acme = tenant();
    for route in guarded() {
        let sample = sample(route, &acme);
        let joint = if sample.target.contains('?') {
            '&'
        } else {
            '?'
        };
        let target = format!("{}{joint}dry_run=true&colour=red", sample.target);
        let mark = acme.mark();
        let mut request = acme.request(route.verb.as_str(), &target);
        if let Some(body) = &sample.body {
            request = request.json(body).idempotent("unused");
        }
        let reply = request.send().refused(400, "unknown_parameter");
        let detail = reply.field("detail");
        assert!(
            detail.contains("`dry_run`, `colour`"),
            "{}: {detail}",
            name(route)
        );
        assert_eq!(acme.audit_since(&mark), [Value::Null; 0], "{}", name(route));
    }
}

#[test]
fn a_body_that_breaks_off_changes_nothing() {
    let acme = tenant();
    for route in mutating() {
        let sample = sample(route, &acme);
        let mark = acme.mark();
        let whole = sample.with(&acme.owner.text).bytes();
        half(&sample.with(&acme.owner.text), &whole);
        assert_eq!(acme.audit_since(&mark), [Value::Null; 0], "{}", name(route));
    }
}

/// Sends all but the last byte and hangs up.
fn half(request: &Outgoing, whole: &[u8]) {
    use std::io::{Read, Write};
    let mut stream = strongroom_testkit::exchange::connect(request.address());
    stream.write_all(&whole[..whole.len() - 1]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let text = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || text.starts_with("HTTP/1.1 400"),
        "{text}"
    );
}
