//! RFC 9396: how much money somebody lets an application move, shown to him, told to it, and asked in the decision of every payout.

use std::sync::Barrier;

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::holder::Holder;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, fresh, payout, texts};
use strongroom_types::time::DAY;

use crate::walk::{
    App, CALLBACK, PASSWORD, VERIFIER, ahead, allow, answer, app, error, fapi, page_of, parameter,
    person, sign_in, way_back,
};
use crate::{Fapi, TOKEN_URL, is_challenged, post, refused, server};

/// Wallets to pay from and to.
pub struct Purse {
    pub from: String,
    pub to: String,
}

impl Purse {
    pub fn of(acme: &Tenant<'_>) -> Purse {
        let (from, to) = (acme.funded("master", 100_000), acme.wallet("operating"));
        Purse { from, to }
    }

    /// A payout by a token or a session.
    pub fn pays(&self, server: &TestServer, text: &str, minor: i64) -> Reply {
        let request = server.request("POST", "/v1/payouts").bearer(text);
        let request = request.idempotent(&fresh("limit"));
        request.json(&payout(&self.from, &self.to, minor)).send()
    }
}

fn limit(per_transaction: i64, per_day: i64) -> Value {
    json!([{
        "type": "payment_limit", "per_transaction": per_transaction, "per_day": per_day,
        "currencies": ["PHP"],
    }])
}

/// What an application is given for what a person allowed within limits.
fn given(shop: &App<'_>, ana: &crate::walk::Person<'_>, details: &Value) -> Reply {
    let code = shop.code(ana, &[("authorization_details", &details.to_string())]);
    shop.redeems(&code, &[]).expect(200)
}

fn refresh(shop: &App<'_>, token: &str, details: Option<&Value>) -> Reply {
    let details = details.map(ToString::to_string);
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    fields.extend(
        details
            .as_deref()
            .map(|text| ("authorization_details", text)),
    );
    shop.sends("/oauth/token", &fields)
}

#[test]
fn a_person_allows_an_application_so_much_money_and_no_more() {
    let server = server();
    let acme = Tenant::found(&server);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["read", "write"]);
    let asked = limit(500, 800).to_string();
    let page = server.get(&shop.asks(&[("authorization_details", &asked)]));
    let consent = sign_in(&server, &page.expect(200), &ana.email, PASSWORD, "").expect(200);
    let shown = consent.text();
    for line in [
        "<li>at most 5.00 PHP at once</li>",
        "<li>at most 8.00 PHP a day</li>",
        "<li>nothing but PHP</li>",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let mark = acme.mark();
    let back = answer(&server, &consent, "allow");
    let code = parameter(&back, "code").unwrap();
    let granted = acme.audit_since(&mark);
    assert_eq!(texts(&granted, "action"), ["oauth_grant_created"]);
    assert!(
        granted[0]["details"]["limits"]
            .as_str()
            .unwrap()
            .contains("800")
    );
    let given = shop.redeems(&code, &[]).expect(200);
    assert_eq!(given.json()["authorization_details"], limit(500, 800));
    let token = given.field("access_token");

    purse
        .pays(&server, &token, 501)
        .refused(403, "consent_limit_exceeded");
    purse.pays(&server, &token, 500).expect(201);
    purse
        .pays(&server, &token, 301)
        .refused(403, "consent_limit_exceeded");
    purse.pays(&server, &token, 300).expect(201);
    purse
        .pays(&server, &token, 1)
        .refused(403, "consent_limit_exceeded");
    assert_eq!(acme.available(&purse.to), 800);
    // What is counted is what was allowed, whichever token it is moved by.
    let next = refresh(&shop, &given.field("refresh_token"), None).expect(200);
    assert_eq!(next.json()["authorization_details"], limit(500, 800));
    let token = next.field("access_token");
    purse
        .pays(&server, &token, 1)
        .refused(403, "consent_limit_exceeded");
    // He himself is bound by nothing that he allowed others.
    purse.pays(&server, &ana.session(), 2_000).expect(201);
    server.clock.advance(DAY);
    let next = refresh(&shop, &next.field("refresh_token"), None).expect(200);
    let token = next.field("access_token");
    purse.pays(&server, &token, 500).expect(201);
}

#[test]
fn each_grant_is_counted_by_itself_and_two_payouts_never_pass_together() {
    let server = server();
    let acme = Tenant::found(&server);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["write"]);
    let tokens = [0, 1].map(|_| given(&shop, &ana, &limit(100, 100)).field("access_token"));
    for token in &tokens {
        let together = Barrier::new(8);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let one = || {
                together.wait();
                purse.pays(&server, token, 60).status
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let made = statuses.iter().filter(|status| **status == 201).count();
        assert_eq!(made, 1, "{statuses:?}");
    }
    assert_eq!(acme.available(&purse.to), 120);
}

#[test]
fn a_token_is_narrowed_and_never_widened() {
    let server = server();
    let acme = Tenant::found(&server);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["read", "write"]);
    let asked = limit(500, 800);
    let given = given(&shop, &ana, &asked);
    let first = given.field("refresh_token");
    for wider in [
        limit(501, 800),
        limit(500, 801),
        json!([{ "type": "payment_limit", "per_transaction": 500, "currencies": ["PHP"] }]),
        json!([{ "type": "payment_limit", "per_transaction": 5, "per_day": 5, "currencies": ["PHP", "USD"] }]),
        json!([{ "type": "payment_limit", "directions": ["out"] }]),
    ] {
        let reply = refresh(&shop, &first, Some(&wider));
        refused(&reply, 400, "invalid_authorization_details");
    }
    // What was refused has used up nothing.
    let narrow = refresh(&shop, &first, Some(&limit(20, 50))).expect(200);
    assert_eq!(narrow.json()["authorization_details"], limit(20, 50));
    let token = narrow.field("access_token");
    purse
        .pays(&server, &token, 21)
        .refused(403, "consent_limit_exceeded");
    purse.pays(&server, &token, 20).expect(201);
    let next = refresh(&shop, &narrow.field("refresh_token"), None).expect(200);
    assert_eq!(next.json()["authorization_details"], asked);
    purse
        .pays(&server, &next.field("access_token"), 500)
        .expect(201);
    // So is a code: what was allowed without limits is taken within some.
    let code = shop.code(&ana, &[]);
    let within = limit(7, 7).to_string();
    let bound = shop.redeems(&code, &[("authorization_details", &within)]);
    let bound = bound.expect(200);
    assert_eq!(bound.json()["authorization_details"], limit(7, 7));
    purse
        .pays(&server, &bound.field("access_token"), 8)
        .refused(403, "consent_limit_exceeded");
    // Without any, nothing is said of them.
    let free = shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    assert!(free.json().get("authorization_details").is_none());
    purse
        .pays(&server, &free.field("access_token"), 5_000)
        .expect(201);
}

#[test]
fn a_limit_names_the_way_that_money_goes_and_its_currency() {
    let server = server();
    let acme = Tenant::found(&server);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["write"]);
    for (detail, code) in [
        (json!({ "directions": ["in", "internal"] }), 403),
        (json!({ "currencies": ["USD"] }), 403),
        (json!({ "directions": ["out"], "currencies": ["PHP"] }), 201),
    ] {
        let mut detail = detail;
        detail["type"] = json!("payment_limit");
        let token = given(&shop, &ana, &json!([detail])).field("access_token");
        let reply = purse.pays(&server, &token, 5);
        assert_eq!(reply.status, code, "{}", reply.text());
    }
}

#[test]
fn details_that_are_not_understood_are_refused_everywhere() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "operator");
    let shop = app(&acme, "oauth21", "none", &["write"]);
    let client = fapi(&acme, Holder::p256(), &["write"]);
    let code = shop.code(&ana, &[]);
    for odd in [
        "no JSON",
        "{}",
        "[]",
        "null",
        "[{}]",
        r#"{"type":"payment_limit","per_day":5,"currencies":["PHP"]}"#,
        r#"[{"type":"payment_limit","per_day":5,"currencies":["PHP"]}],"b":1"#,
        r#"[{"type":"payment_limit","per_day":5,"currencies":["PHP"]},{"type":"payment_limit","per_day":9,"currencies":["PHP"]}]"#,
        r#"[{"type":"payment_limit"}]"#,
        r#"[{"type":"payment_limit","per_day":-5,"currencies":["PHP"]}]"#,
        r#"[{"type":"payment_limit","per_day":"5","currencies":["PHP"]}]"#,
        r#"[{"type":"payment_limit","per_day":5,"currencies":["PESO"]}]"#,
        r#"[{"type":"payment_limit","directions":["up"]}]"#,
        r#"[{"per_day":5,"currencies":["PHP"]}]"#,
        r#"[{"type":"account_information"}]"#,
        r#"[{"type":"payment_limit","per_day":5}]"#,
        r#"[{"type":"payment_limit","per_day":5,"currencies":["PHP"],"payee":"x"}]"#,
    ] {
        let details = ("authorization_details", odd);
        let page = server.get(&shop.asks(&[details])).expect(400);
        error(&way_back(&page), "invalid_authorization_details");
        let mut fields = ahead();
        fields.push(details);
        let pushed = client.asks("/oauth/par", &fields);
        refused(&pushed, 400, "invalid_authorization_details");
        let redeemed = shop.redeems(&code, &[details]);
        refused(&redeemed, 400, "invalid_authorization_details");
    }
    // The code is still good.
    shop.redeems(&code, &[]).expect(200);
    // For itself a client has nobody's limits.
    let own = crate::Plain::registered(&acme, "classic", "client_secret_post", &["write"]);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", own.id.as_str()),
        ("client_secret", &own.secret),
        ("authorization_details", &limit(5, 5).to_string()),
    ];
    let reply = post(&server, "/oauth/token", &fields).send();
    refused(&reply, 400, "invalid_authorization_details");
}

/// Sent ahead, bound to a key, and told again to the client that asks about its token.
#[test]
fn fapi_clients_send_details_ahead_and_are_told_them_again() {
    let server = server();
    let acme = Tenant::found(&server);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let mut client = fapi(&acme, Holder::p256(), &["read", "write"]);
    let metadata = server.get("/.well-known/oauth-authorization-server");
    assert_eq!(
        metadata.json()["authorization_details_types_supported"],
        json!(["payment_limit"])
    );
    let asked = limit(500, 800).to_string();
    let mut fields = ahead();
    fields.push(("authorization_details", &asked));
    let pushed = client.asks("/oauth/par", &fields).expect(201);
    let page = page_of(&client, &pushed).expect(200);
    let back = allow(&server, &page, &ana);
    let code = parameter(&back, "code").unwrap();
    let given = redeems(&mut client, &code).expect(200);
    assert_eq!(given.json()["authorization_details"], limit(500, 800));
    let token = given.field("access_token");
    let body = payout(&purse.from, &purse.to, 501);
    let request = client.request(&token, "POST", "/v1/payouts");
    let request = request.idempotent(&fresh("fapi")).json(&body);
    request.send().refused(403, "consent_limit_exceeded");
    let told = client
        .asks("/oauth/introspect", &[("token", &token)])
        .expect(200);
    assert_eq!(told.json()["authorization_details"], limit(500, 800));
    assert_eq!(told.json()["active"], json!(true));
}

fn redeems(client: &mut Fapi<'_>, code: &str) -> Reply {
    for _ in 0..2 {
        let assertion = client.assertion();
        let mut fields = client.fields(&assertion);
        fields.extend([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ]);
        let (nonce, seconds) = (client.nonce.as_deref(), client.server.seconds());
        let proof = client
            .proof_key
            .proof(("POST", TOKEN_URL), seconds, nonce, None);
        let reply = post(client.server, "/oauth/token", &fields);
        let reply = reply.header("DPoP", proof).send();
        if let Some(nonce) = reply.header("dpop-nonce") {
            client.nonce = Some(nonce.to_owned());
        }
        if !is_challenged(&reply) {
            return reply;
        }
    }
    panic!("a nonce was asked for twice");
}

/// After a restart it is the same limit, and as much of it is used.
#[test]
fn a_limit_and_what_was_moved_of_it_outlive_the_process() {
    let server = server();
    let acme = Tenant::found(&server);
    let (purse, ana) = (Purse::of(&acme), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["write"]);
    let token = given(&shop, &ana, &limit(500, 800)).field("access_token");
    purse.pays(&server, &token, 500).expect(201);
    drop(acme);
    let server = server.restart(crate::settings());
    purse
        .pays(&server, &token, 301)
        .refused(403, "consent_limit_exceeded");
    purse.pays(&server, &token, 300).expect(201);
}
