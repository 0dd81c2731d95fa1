//! What RFC 9700 asks of servers, as far as no other test here shows it. `docs/fapi2.md` lists all of it.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::walk::{
    CALLBACK, PASSWORD, Person, allow, answer, app, error, parameter, person, sign_in, way_back,
};
use crate::{ORIGIN, Plain, refused, server};

/// 4.11.2: a link with something wrong in it gets nobody sent on.
#[test]
fn a_fault_is_shown_before_anybody_is_sent_anywhere() {
    let server = server();
    let acme = Tenant::found(&server);
    for profile in ["oauth21", "classic"] {
        let shop = app(&acme, profile, "client_secret_post", &["read"]);
        for wrong in [
            ("scope", "everything"),
            ("response_type", "token"),
            ("code_challenge_method", "plain"),
            ("response_mode", "form_post"),
        ] {
            let page = server
                .get(&shop.asks(&[wrong, ("state", "\"><b>")]))
                .expect(400);
            assert_eq!(page.header("location"), None, "{wrong:?}");
            let text = page.text();
            assert!(
                !text.contains("<b>") && !text.contains("http-equiv"),
                "{text}"
            );
            assert!(text.contains("Back to https://shop.example"), "{text}");
            let to = way_back(&page);
            assert!(
                parameter(&to, "error").is_some() && to.starts_with(CALLBACK),
                "{to}"
            );
        }
    }
}

/// 2.1.1 and 4.8.2: taking the challenge out of a request helps nobody.
#[test]
fn a_verifier_for_a_code_without_a_challenge_is_refused() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "classic", "client_secret_post", &["read"]);
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = shop.code(&ana, &bare);
    refused(&shop.redeems(&code, &[]), 400, "invalid_grant");
    let code = shop.code(&ana, &bare);
    shop.redeems(&code, &[("code_verifier", "")]).expect(200);
    // Where there must be one, it cannot be taken out.
    for (profile, proof) in [
        ("oauth21", "client_secret_post"),
        ("oauth21", "none"),
        ("classic", "none"),
    ] {
        let shop = app(&acme, profile, proof, &["read"]);
        let page = server.get(&shop.asks(&bare)).expect(400);
        error(&way_back(&page), "invalid_request");
    }
}

/// 2.1.2.
#[test]
fn no_token_comes_out_of_the_authorization_endpoint() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    for profile in ["oauth21", "classic"] {
        let shop = app(&acme, profile, "client_secret_post", &["read"]);
        for kind in [
            "token",
            "code token",
            "id_token token",
            "code id_token token",
        ] {
            let page = server
                .get(&shop.asks(&[("response_type", kind)]))
                .expect(400);
            error(&way_back(&page), "unsupported_response_type");
        }
        let page = server.get(&shop.asks(&[])).expect(200);
        let back = allow(&server, &page, &ana);
        assert_eq!(parameter(&back, "access_token"), None);
        assert!(!back.contains('#') && !back.contains("at_test_"), "{back}");
    }
}

/// 2.3: a token is for this server, and for the books that it was made in.
#[test]
fn a_token_opens_the_books_that_it_was_made_for_alone() {
    let (server, elsewhere) = (server(), server());
    let (acme, other) = (Tenant::found(&server), Tenant::found(&server));
    let plain = Plain::registered(&acme, "oauth21", "client_secret_basic", &["read"]);
    let token = plain.token(&server);
    let (own, foreign) = (acme.wallet("master"), other.wallet("master"));
    let read = |wallet: &str| {
        let request = server.request("GET", &format!("/v1/wallets/{wallet}"));
        request.bearer(&token).send()
    };
    read(&own).expect(200);
    read(&foreign).refused(404, "not_found");
    let there = elsewhere.request("GET", "/v1/account").bearer(&token);
    there.send().refused(401, "unauthorized");
}

/// 2.6 and 4.15.2: an id of a client is never one of a person.
#[test]
fn nobody_chooses_the_id_of_a_client() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    for name in ["id", "client_id", "sub"] {
        let mut body = json!({ "name": "x", "profile": "classic", "scopes": ["read"] });
        body[name] = json!(ana.id);
        let reply = acme.post("/v1/oauth/clients", &body);
        reply.refused(422, "unknown_field");
    }
    let plain = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    assert!(plain.id.starts_with("client_") && ana.id.starts_with("user_"));
    let token = plain.token(&server);
    let told = [
        ("token", token.as_str()),
        ("client_id", &plain.id),
        ("client_secret", &plain.secret),
    ];
    let told = crate::post(&server, "/oauth/introspect", &told)
        .send()
        .expect(200);
    assert_eq!(told.field("sub"), plain.id);
}

/// Every page that a person may come to see.
fn pages(ana: &Person<'_>, acme: &Tenant<'_>) -> Vec<Reply> {
    let server = ana.server;
    let shop = app(acme, "oauth21", "none", &["read"]);
    let page = server.get(&shop.asks(&[])).expect(200);
    let wrong = sign_in(server, &page, &ana.email, "not the password", "").expect(422);
    let asked = sign_in(server, &page, &ana.email, PASSWORD, "").expect(200);
    let unsure = server.get(&shop.asks(&[("redirect_uri", "https://evil.example")]));
    let fault = server
        .get(&shop.asks(&[("scope", "everything")]))
        .expect(400);
    vec![page, wrong, asked, unsure.expect(400), fault]
}

/// 4.2.4 and 4.16.1.
#[test]
fn pages_tell_other_sites_nothing_and_stand_in_no_frame() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    for page in pages(&ana, &acme) {
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        let text = page.text();
        for loaded in ["<script", "<img", "<link", "<iframe", "src=", "url("] {
            assert!(!text.contains(loaded), "{loaded}: {text}");
        }
    }
}

/// 4.4.2: whoever speaks to several servers can tell which has answered.
#[test]
fn every_answer_names_this_server() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    for profile in ["oauth21", "classic"] {
        let shop = app(&acme, profile, "client_secret_post", &["read"]);
        let begin = || {
            let page = server.get(&shop.asks(&[])).expect(200);
            sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200)
        };
        let fault = server
            .get(&shop.asks(&[("scope", "everything")]))
            .expect(400);
        for back in [
            answer(&server, &begin(), "allow"),
            answer(&server, &begin(), "refuse"),
            way_back(&fault),
        ] {
            assert_eq!(parameter(&back, "iss").as_deref(), Some(ORIGIN), "{back}");
        }
    }
}

/// 4.14.2: it ends with what somebody does who wants it to end, and by itself.
#[test]
fn a_refresh_token_ends_with_the_password_the_person_and_its_time() {
    let server = server();
    let acme = Tenant::found(&server);
    let shop = app(&acme, "oauth21", "client_secret_post", &["read"]);
    let given = |ana: &Person<'_>| {
        let reply = shop.redeems(&shop.code(ana, &[]), &[]).expect(200);
        reply.field("refresh_token")
    };
    let ana = person(&acme, "viewer");
    let refresh = given(&ana);
    shop.refreshes(&refresh).expect(200);
    let other = "orchard kettle 9 lantern";
    let change = json!({ "current_password": PASSWORD, "password": other });
    let request = server.request("POST", "/v1/me/password");
    let request = request
        .bearer(&ana.session())
        .idempotent(&fresh("password"));
    request.json(&change).send().expect(200);
    refused(&shop.refreshes(&refresh), 400, "invalid_grant");
    let ben = person(&acme, "viewer");
    let refresh = given(&ben);
    let gone = acme.post(&format!("/v1/users/{}/deactivate", ben.id), &json!({}));
    gone.expect(200);
    refused(&shop.refreshes(&refresh), 400, "invalid_grant");
    let refresh = given(&person(&acme, "viewer"));
    server.clock.advance(90 * 24 * 3_600_000 - 1);
    shop.refreshes(&refresh).expect(200);
    server.clock.advance(1);
    refused(&shop.refreshes(&refresh), 400, "invalid_grant");
}
