//! `POST /v1/tokens`

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, card, fresh, texts};
use strongroom_types::time::Timestamp;

use crate::v1::tokens::{card_with, token_with};
use crate::v1::{NOW, refuses, tenant};

#[test]
fn a_card_becomes_a_token_that_shows_all_but_its_number() {
    let acme = tenant();
    let mark = acme.mark();
    let reply = acme
        .post("/v1/tokens", &card_with(json!({ "name": "Ana Cruz" })))
        .expect(201);
    let id = reply.id();
    let fingerprint = reply.field("card/fingerprint");
    assert_eq!(fingerprint.len(), 32);
    let shown = json!({
        "id": id, "object": "token", "status": "active", "use": "single_use",
        "card": {
            "brand": "visa", "bin": "424242", "last4": "4242", "exp_month": 12, "exp_year": 2030,
            "fingerprint": fingerprint,
        },
        "cardholder_name": "Ana Cruz", "expires_at": "2026-01-01T01:00:00.000Z", "created_at": NOW,
    });
    assert_eq!(reply.json(), shown);
    assert_eq!(
        acme.get(&format!("/v1/tokens/{id}")).expect(200).json(),
        shown
    );
    let events = acme.events_since(&mark);
    assert_eq!(
        (texts(&events, "type"), &events[0]["data"]),
        (vec!["token.created".into()], &json!({ "id": id }))
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(
        (texts(&audit, "action"), &audit[0]["details"]),
        (
            vec!["token_created".into()],
            &json!({ "brand": "visa", "last4": "4242" })
        )
    );
}

#[test]
fn the_number_and_the_code_are_in_no_answer_but_the_reveal_s() {
    let acme = tenant();
    let body = card_with(json!({ "number": "4000 0566-5566 5556", "cvv": "919" }));
    let made = acme.post("/v1/tokens", &body).expect(201);
    for path in [
        format!("/v1/tokens/{}", made.id()),
        "/v1/tokens".into(),
        "/v1/events?limit=100".into(),
        "/v1/audit-logs?limit=100".into(),
        "/v1/request-logs?limit=100".into(),
    ] {
        let text = acme.get(&path).expect(200).text();
        for secret in ["4000056655665556", "4000 0566", "\"919\"", "cvv"] {
            assert!(!text.contains(secret), "{path}: {text}");
        }
    }
}

#[test]
fn a_publishable_key_makes_tokens_and_cannot_read_them() {
    let acme = tenant();
    let public = acme.key(Role::Publishable);
    let from_browser = |method: &str, path: &str| {
        let request = acme.server.request(method, path).bearer(&public.text);
        request.header("Origin", "https://shop.example")
    };
    let made = from_browser("POST", "/v1/tokens").json(&card(VISA)).send();
    let made = made.expect(201);
    assert_eq!(made.header("access-control-allow-origin"), Some("*"));
    let path = format!("/v1/tokens/{}", made.id());
    from_browser("GET", &path)
        .send()
        .refused(403, "permission_denied");
    from_browser("GET", "/v1/tokens")
        .send()
        .refused(403, "permission_denied");
    acme.get(&path).expect(200);
}

#[test]
fn every_network_is_known_and_people_write_as_they_like() {
    let acme = tenant();
    for (number, brand, bin, last4) in [
        ("4242 4242 4242 4242", "visa", "424242", "4242"),
        ("5555-5555-5555-4444", "mastercard", "555555", "4444"),
        ("2223003122003222", "mastercard", "222300", "3222"),
        ("378282246310005", "amex", "378282", "0005"),
        ("6011111111111117", "discover", "601111", "1117"),
        ("3056930009020004", "diners", "305693", "0004"),
        ("3566002020360505", "jcb", "356600", "0505"),
        ("6200000000000005", "unionpay", "620000", "0005"),
        ("6759649826438453", "maestro", "675964", "8453"),
    ] {
        let mut body = card(number);
        body["card"]["cvv"] = json!(if brand == "amex" { "1234" } else { "123" });
        let made = acme.post("/v1/tokens", &body).expect(201).json();
        let card = &made["card"];
        assert_eq!(
            [&card["brand"], &card["bin"], &card["last4"]],
            [brand, bin, last4],
            "{number}"
        );
    }
    for (month, year) in [
        (json!(1), json!(2026)),
        (json!("1"), json!("26")),
        (json!("01"), json!("2026")),
        (json!(1), json!(26)),
    ] {
        let body = card_with(json!({ "exp_month": month, "exp_year": year }));
        let made = acme.post("/v1/tokens", &body).expect(201).json();
        let card = &made["card"];
        assert_eq!(
            (&card["exp_month"], &card["exp_year"]),
            (&json!(1), &json!(2026))
        );
    }
}

#[test]
fn ids_are_random_throughout() {
    let acme = tenant();
    let ids: Vec<String> = (0..40).map(|_| acme.token(VISA).expect(201).id()).collect();
    for place in 0..8 {
        let digits: std::collections::HashSet<&str> = ids
            .iter()
            .map(|id| &id[4 + 3 * place..7 + 3 * place])
            .collect();
        assert!(
            digits.len() > 30,
            "twelve bits at {place} hardly vary: {digits:?}"
        );
    }
}

#[test]
fn a_fingerprint_knows_a_card_again_in_its_own_books_only() {
    let acme = tenant();
    let fingerprint = |tenant: &Tenant<'_>, number: &str| {
        tenant.token(number).expect(201).field("card/fingerprint")
    };
    let first = fingerprint(&acme, VISA);
    assert_eq!(fingerprint(&acme, "4242-4242-4242-4242"), first);
    let others = [
        fingerprint(&acme, "4000056655665556"),
        fingerprint(&tenant(), VISA),
        fingerprint(&acme.live(), VISA),
    ];
    for other in &others {
        assert_ne!(*other, first);
    }
}

#[test]
fn who_may_not_reveal_sees_no_fingerprint() {
    let acme = tenant();
    let id = acme.token(VISA).expect(201).id();
    let path = format!("/v1/tokens/{id}");
    let seen = |role: Role, path: &str| {
        let request = acme.server.request("GET", path);
        request
            .bearer(&acme.key(role).text)
            .send()
            .expect(200)
            .json()
    };
    assert!(seen(Role::Owner, &path)["card"]["fingerprint"].is_string());
    assert!(seen(Role::Owner, "/v1/tokens")["data"][0]["card"]["fingerprint"].is_string());
    let token = seen(Role::Admin, &path);
    assert_eq!(token["card"]["fingerprint"], Value::Null);
    assert_eq!(token["card"]["last4"], "4242");
    assert_eq!(seen(Role::Admin, "/v1/tokens")["data"][0], token);
    let public = acme.key(Role::Publishable);
    let key = fresh("card");
    let make = || {
        let request = acme.server.request("POST", "/v1/tokens");
        let request = request.bearer(&public.text).idempotent(&key);
        request.json(&card(VISA)).send().expect(201)
    };
    let made = make();
    assert_eq!(made.json()["card"]["fingerprint"], Value::Null);
    assert_eq!(make().body, made.body);
}

#[test]
fn a_card_is_good_until_its_month_is_over() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let february = || {
        let body = card_with(json!({ "exp_month": 2, "exp_year": 2026 }));
        acme.post("/v1/tokens", &body)
    };
    let end = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
    server.clock.advance(end.0 - server.engine.now().0 - 1);
    february().expect(201);
    server.clock.advance(1);
    let refused = february().refused(422, "card_expired");
    assert_eq!(refused.field("errors/0/pointer"), "/card/exp_month");
}

#[test]
fn a_retry_gets_the_same_token_and_another_card_does_not() {
    let acme = tenant();
    let key = fresh("card");
    let send = |body: &Value| {
        let request = acme.request("POST", "/v1/tokens").idempotent(&key);
        request.json(body).send()
    };
    let first = send(&card(VISA)).expect(201);
    let again = send(&card(VISA)).expect(201);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    for other in [
        card("4000056655665556"),
        card_with(json!({ "exp_month": 11 })),
        token_with(json!({ "use": "multi_use" })),
    ] {
        send(&other).refused(409, "idempotency_key_reused");
    }
    // The code leaves no trace, so it cannot tell two requests apart.
    assert_eq!(
        send(&card_with(json!({ "cvv": "738" }))).expect(201).body,
        first.body
    );
    assert_eq!(acme.all("/v1/tokens").len(), 1);
}

#[test]
fn how_long_a_token_lives() {
    let acme = tenant();
    let made = |more: Value| {
        acme.post("/v1/tokens", &token_with(more))
            .expect(201)
            .json()
    };
    for (more, end) in [
        (json!({}), json!("2026-01-01T01:00:00.000Z")),
        (
            json!({ "expires_in": 60 }),
            json!("2026-01-01T00:01:00.000Z"),
        ),
        (
            json!({ "expires_in": 86_400 }),
            json!("2026-01-02T00:00:00.000Z"),
        ),
        (json!({ "use": "multi_use" }), Value::Null),
        (
            json!({ "use": "multi_use", "expires_in": 31_536_000 }),
            json!("2027-01-01T00:00:00.000Z"),
        ),
    ] {
        let token = made(more.clone());
        assert_eq!(token["expires_at"], end, "{more}");
    }
}

#[test]
fn cards_that_cannot_be() {
    let acme = tenant();
    let with = |changes: Value| card_with(changes).to_string();
    let number = |text: &str| with(json!({ "number": text }));
    let bodies = [
        ("{}".to_owned(), "field_required", "/card"),
        (r#"{"card":"4"}"#.to_owned(), "invalid_field", "/card"),
        (
            with(json!({ "number": null })),
            "field_required",
            "/card/number",
        ),
        (with(json!({ "cvv": null })), "field_required", "/card/cvv"),
        (
            with(json!({ "exp_month": null })),
            "field_required",
            "/card/exp_month",
        ),
        (
            with(json!({ "exp_year": null })),
            "field_required",
            "/card/exp_year",
        ),
        (with(json!({ "pin": "1" })), "unknown_field", "/card/pin"),
        (
            number("4242424242424241"),
            "card_number_invalid",
            "/card/number",
        ),
        (
            number("424242424242"),
            "card_number_invalid",
            "/card/number",
        ),
        (
            number("1234567890123452"),
            "card_number_invalid",
            "/card/number",
        ),
        (
            number("4242x4242x4242x4242"),
            "card_number_invalid",
            "/card/number",
        ),
        (number(""), "card_number_invalid", "/card/number"),
        (
            with(json!({ "exp_month": 13 })),
            "invalid_field",
            "/card/exp_month",
        ),
        (
            with(json!({ "exp_month": 0 })),
            "invalid_field",
            "/card/exp_month",
        ),
        (
            with(json!({ "exp_month": "+1" })),
            "invalid_field",
            "/card/exp_month",
        ),
        (
            with(json!({ "exp_month": 1.5 })),
            "invalid_field",
            "/card/exp_month",
        ),
        (
            with(json!({ "exp_year": 1999 })),
            "invalid_field",
            "/card/exp_year",
        ),
        (
            with(json!({ "exp_year": 2025 })),
            "card_expired",
            "/card/exp_month",
        ),
        (
            with(json!({ "cvv": "12" })),
            "card_cvv_invalid",
            "/card/cvv",
        ),
        (
            with(json!({ "cvv": "1234" })),
            "card_cvv_invalid",
            "/card/cvv",
        ),
        (with(json!({ "cvv": 737 })), "invalid_field", "/card/cvv"),
        (with(json!({ "name": "" })), "invalid_field", "/card/name"),
        (
            token_with(json!({ "use": "often" })).to_string(),
            "invalid_field",
            "/use",
        ),
        (
            token_with(json!({ "expires_in": 0 })).to_string(),
            "invalid_field",
            "/expires_in",
        ),
        (
            token_with(json!({ "expires_in": 86_401 })).to_string(),
            "invalid_field",
            "/expires_in",
        ),
    ];
    let cases: Vec<_> = bodies
        .iter()
        .map(|(body, code, pointer)| (body.as_str(), 422, *code, *pointer))
        .collect();
    refuses(&acme, "POST", "/v1/tokens", &cases);
    // A JSON number is no text, which is what the reader of the field says, not the tripwire.
    let bare = with(json!({ "number": 4_242_424_242_424_242_i64 }));
    refuses(
        &acme,
        "POST",
        "/v1/tokens",
        &[(&bare, 422, "invalid_field", "/card/number")],
    );
    for (body, _, _, _) in cases {
        let request = acme
            .request("POST", "/v1/tokens")
            .idempotent(&fresh("echo"));
        let text = request.body(body).send().text();
        assert!(!text.contains("4242"), "{body} comes back: {text}");
    }
}

#[test]
fn a_body_that_is_no_json_is_refused_for_that() {
    let acme = tenant();
    for (body, status, code) in [
        (
            r#"{"card":{"number":"4242424242424242","#,
            400,
            "invalid_json",
        ),
        (
            r#"{"card":{"number":"4242424242424242","number":"4242424242424242"}}"#,
            422,
            "duplicate_key",
        ),
        (r#"["4242424242424242"]"#, 422, "body_not_object"),
    ] {
        let request = acme.request("POST", "/v1/tokens").body(body);
        let text = request.send().refused(status, code).text();
        assert!(!text.contains("4242"), "{text}");
    }
}

#[test]
fn a_wrong_signature_is_not_explained_by_the_card() {
    let acme = tenant();
    let request = acme.request("POST", "/v1/tokens").json(&card(VISA));
    let reply = request
        .signed("another secret", acme.server.seconds())
        .send();
    let reply = reply.refused(401, "signature_invalid");
    assert!(!reply.text().contains("4242"), "{}", reply.text());
}
