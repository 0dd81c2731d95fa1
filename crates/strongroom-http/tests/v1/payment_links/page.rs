//! `/pay/{id}`: what a browser is given, and what it may send.

use serde_json::{Value, json};
use strongroom_http::EdgeSettings;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use super::{card, form, id, link, now, pay};
use crate::v1::tenant;

/// A page that a browser can use whole, in one round trip.
#[track_caller]
fn good(reply: &Reply, status: u16) -> String {
    let text = reply.text();
    assert_eq!(reply.status, status, "{text}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    let policy = reply.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    assert!(reply.body.len() <= 30 * 1_024, "{} bytes", reply.body.len());
    assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
    for foreign in [" src=", "@import", "url("] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    text
}

#[test]
fn the_page_says_what_is_asked_for() {
    let acme = tenant();
    let made = link(
        &acme,
        &json!({
            "amount": 125_000, "description": "Chairs <script>alert(1)</script> & \"more\"",
            "customer": { "email": "ana@example.org" }, "cancel_url": "https://shop.example/cart?a=1&b=2",
        }),
    );
    let text = good(&acme.server.get(&format!("/pay/{}", id(&made))), 200);
    assert!(
        text.contains("Pay Acme") && text.contains("1,250.00"),
        "{text}"
    );
    assert!(text.contains("Chairs &lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"));
    assert!(text.contains("href=\"https://shop.example/cart?a=1&amp;b=2\""));
    assert!(
        !text.contains("ana@example.org"),
        "who is asked is nobody's business"
    );
    assert!(text.contains("name=\"attempt\" value=\"0\""));
}

#[test]
fn the_code_leads_to_the_page() {
    let acme = tenant();
    let made = link(&acme, &json!({}));
    let reply = acme.server.get(&format!("/pay/{}/qr", id(&made)));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("image/svg+xml"));
    assert_eq!(
        reply.header("cross-origin-resource-policy"),
        Some("cross-origin")
    );
    assert!(reply.text().starts_with("<svg ") && reply.text().contains("<path "));
}

#[test]
fn links_that_are_not_there_are_said_so_and_counted() {
    let acme = tenant();
    for odd in [
        "x",
        "plink_000000000000000000000000",
        "plink_ffffffffffffffffffffffff",
        "%00",
        "..%2f",
    ] {
        for reply in [
            acme.server.get(&format!("/pay/{odd}")),
            acme.server.get(&format!("/pay/{odd}/qr")),
            form(acme.server, odd, &card(0, "4242424242424242")).send(),
        ] {
            assert!(good(&reply, 404).contains("no such payment link"));
        }
    }
    let settings = ServerSettings {
        edge: EdgeSettings {
            unauthenticated_limit: 3,
            payers_limit: 4,
            ..ServerSettings::default().edge
        },
        ..ServerSettings::default()
    };
    let server = TestServer::start(settings);
    let acme = Tenant::found(&server);
    let made = link(&acme, &json!({}));
    for _ in 0..3 {
        good(&server.get("/pay/plink_000000000000000000000000"), 404);
    }
    let slowed = server.get("/pay/plink_000000000000000000000000");
    assert!(
        good(&slowed, 429).contains("Too many attempts") && slowed.header("retry-after").is_some()
    );
    // Whoever has a link is not kept from it by that.
    good(&server.get(&format!("/pay/{}", id(&made))), 200);
    // Of one link there are two forms in a window, of one address four.
    for (n, number) in ["1", "1", "4242424242424242"].iter().enumerate() {
        let expected = if n < 2 { 422 } else { 429 };
        good(&form(&server, id(&made), &card(0, number)).send(), expected);
    }
    assert_eq!(now(&acme, id(&made))["attempts"], 0);
}

#[test]
fn faults_are_told_at_their_fields_and_nothing_is_tried() {
    let acme = tenant();
    let made = link(&acme, &json!({}));
    let id = id(&made);
    let mark = acme.mark();
    for (fields, names) in [
        (
            "attempt=0&number=&expiry=&cvv=&name=",
            &["number", "expiry", "cvv"][..],
        ),
        (
            "attempt=0&number=4242424242424241&expiry=12/30&cvv=737&name=",
            &["number"],
        ),
        (
            "attempt=0&number=4242424242424242&expiry=12/25&cvv=737&name=",
            &["expiry"],
        ),
        (
            "attempt=0&number=4242424242424242&expiry=13/30&cvv=737&name=",
            &["expiry"],
        ),
        (
            "attempt=0&number=4242424242424242&expiry=12/30&cvv=7373&name=",
            &["cvv"],
        ),
        (
            "attempt=0&number=378282246310005&expiry=12/30&cvv=737&name=",
            &["cvv"],
        ),
        (
            "attempt=0&number=4242424242424242&expiry=12/30&cvv=737&name=5555555555554444",
            &["name"],
        ),
    ] {
        let text = good(&form(acme.server, id, fields).send(), 422);
        for name in ["number", "expiry", "cvv", "name"] {
            let told = text.contains(&format!("id=\"{name}-fault\""));
            assert_eq!(told, names.contains(&name), "{name} of {fields}");
        }
        assert_eq!(text.matches(" autofocus").count(), 1);
        assert!(text.contains("Nothing was charged"));
        for digits in [
            "4242424242424242",
            "5555555555554444",
            "378282246310005",
            "\"737",
        ] {
            assert!(!text.contains(digits), "{digits} is shown again");
        }
    }
    let kept = form(
        acme.server,
        id,
        "attempt=0&number=1&expiry=12/30&cvv=1&name=%3CAna%3E",
    )
    .send();
    assert!(
        kept.text().contains("value=\"12/30\"") && kept.text().contains("value=\"&lt;Ana&gt;\"")
    );
    assert_eq!(acme.audit_since(&mark), [Value::Null; 0]);
}

#[test]
fn what_is_not_the_form_is_refused_and_nothing_is_tried() {
    let acme = tenant();
    let made = link(&acme, &json!({}));
    let id = id(&made);
    let mark = acme.mark();
    let good_card = card(0, "4242424242424242");
    for body in [
        "",
        "number=4242424242424242",
        "attempt=0",
        "attempt=-1&number=1&expiry=1&cvv=1",
        "attempt=99999999999&number=1&expiry=1&cvv=1",
        &format!("{good_card}&amount=1"),
        &format!("{good_card}&number=1"),
        &format!("{good_card}&a=%zz"),
        "{\"number\":\"4242424242424242\"}",
    ] {
        good(&form(acme.server, id, body).send(), 400);
    }
    let large = format!("{good_card}{}", "0".repeat(9_000));
    good(&form(acme.server, id, &large).send(), 400);
    let huge = form(acme.server, id, &"a".repeat((1 << 20) + 1)).send();
    assert!(good(&huge, 400).contains("could not be read"));
    let page = format!("/pay/{id}");
    for (name, value) in [
        ("Content-Type", "application/json"),
        ("Content-Type", "multipart/form-data; boundary=x"),
    ] {
        let sent = acme
            .server
            .request("POST", &page)
            .header(name, value)
            .body(&good_card);
        good(&sent.send(), 415);
    }
    for site in ["cross-site", "same-site"] {
        let sent = form(acme.server, id, &good_card).header("Sec-Fetch-Site", site);
        good(&sent.send(), 403);
    }
    assert_eq!(acme.audit_since(&mark), [Value::Null; 0]);
    assert_eq!(now(&acme, id)["attempts"], 0);
}

#[test]
fn a_payer_sees_his_receipt_and_others_that_it_is_paid() {
    let acme = tenant();
    let made = link(
        &acme,
        &json!({ "success_url": "https://shop.example/thanks?o=7" }),
    );
    let id = id(&made);
    let payment = pay(&acme, id, 0, "4242+4242+4242+4242");
    let (own, others) = (format!("/pay/{id}?attempt={payment}"), format!("/pay/{id}"));
    let waiting = good(&acme.server.get(&own), 200);
    assert!(
        waiting.contains("Your payment is being processed"),
        "{waiting}"
    );
    assert!(waiting.contains(&format!("content=\"2;url={own}\"")));
    acme.attend(&payment);
    let text = good(&acme.server.get(&own), 200);
    for part in [
        "Payment complete",
        "Visa ending in 4242",
        "https://shop.example/thanks?o=7",
        &payment,
    ] {
        assert!(text.contains(part), "{part}");
    }
    let text = good(&acme.server.get(&others), 200);
    assert!(
        text.contains("Payment complete") && !text.contains("4242"),
        "{text}"
    );
    let text = good(
        &acme
            .server
            .get(&format!("/pay/{id}?attempt=pay_000000000000000000000000")),
        200,
    );
    assert!(!text.contains("4242"), "{text}");
}
