//! The authorization code flow, from the application's link to its last refresh.

use std::sync::Barrier;

use serde_json::json;
use strongroom_testkit::tenant::{Tenant, texts};

use crate::walk::{
    App, CALLBACK, PASSWORD, allow, answer, app, form, parameter, person, query, sign_in, ticket,
};
use crate::{ORIGIN, permissions, refused, server};

#[test]
fn somebody_lets_an_application_act_for_him() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "none", &["read", "write"]);
    let mark = acme.mark();
    let page = server
        .get(&shop.asks(&[("state", "a b&c"), ("scope", "read")]))
        .expect(200);
    assert!(page.text().contains("Shop &lt;b&gt;") && !page.text().contains("<script"));
    assert_eq!(page.header("access-control-allow-origin"), None);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("form-action 'self' https://shop.example;"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("script-src"));
    let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
    assert!(asked.text().contains("see wallets") && !asked.text().contains("make and cancel"));
    let back = answer(&server, &asked, "allow");
    assert!(back.starts_with(&format!("{CALLBACK}?code=ac_")), "{back}");
    assert_eq!(parameter(&back, "state").as_deref(), Some("a b&c"));
    assert_eq!(parameter(&back, "iss").as_deref(), Some(ORIGIN));
    let code = parameter(&back, "code").unwrap();
    let given = shop.redeems(&code, &[]).expect(200);
    assert_eq!(given.field("scope"), "read");
    let token = given.field("access_token");
    let verified = server
        .request("GET", "/v1/auth/verify")
        .bearer(&token)
        .send()
        .expect(200);
    assert_eq!(verified.field("user_id"), ana.id);
    assert_eq!(
        permissions(&verified),
        [
            "read:account",
            "read:payment_links",
            "read:payouts",
            "read:transactions",
            "read:wallets"
        ]
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(
        texts(&audit, "action"),
        [
            "user_signed_in",
            "oauth_grant_created",
            "oauth_token_issued"
        ]
    );
    assert_eq!(audit[1]["user_id"], json!(ana.id));
    let told = texts(&acme.events_since(&mark), "type");
    assert!(told.contains(&"oauth_grant.created".to_owned()), "{told:?}");
    // The session was for this alone, and is over.
    let sessions = server
        .request("GET", "/v1/sessions")
        .bearer(&ana.session())
        .send();
    assert_eq!(
        sessions.expect(200).json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_token_holds_no_more_than_the_person_and_ends_with_him() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "admin");
    let shop = app(&acme, "oauth21", "none", &["read", "write", "admin"]);
    let given = shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    let (token, refresh) = (given.field("access_token"), given.field("refresh_token"));
    let by = |method: &str, target: &str| server.request(method, target).bearer(&token);
    by("POST", "/v1/wallets")
        .json(&json!({ "type": "master" }))
        .send()
        .expect(201);
    // What a person does with a second factor, no application does for him.
    let person = json!({ "name": "Ben", "email": "ben@lumen.example", "role": "viewer" });
    by("POST", "/v1/users")
        .json(&person)
        .send()
        .refused(403, "oauth_token_too_weak");
    by("GET", "/v1/me").send().refused(403, "session_required");
    let change = |body| {
        acme.request("PATCH", &format!("/v1/users/{}", ana.id))
            .json(&body)
            .send()
    };
    change(json!({ "role": "viewer" })).expect(200);
    by("POST", "/v1/wallets")
        .json(&json!({ "type": "master" }))
        .send()
        .refused(403, "permission_denied");
    by("GET", "/v1/wallets").send().expect(200);
    // Signed out everywhere, he has taken everything back.
    let end = format!("/v1/users/{}/end-sessions", ana.id);
    acme.post(&end, &json!({})).expect(200);
    by("GET", "/v1/wallets").send().refused(401, "unauthorized");
    refused(&shop.refreshes(&refresh), 400, "invalid_grant");
}

#[test]
fn what_a_client_may_not_have_any_more_its_tokens_of_people_lose() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "admin");
    let shop = app(&acme, "oauth21", "none", &["read", "admin"]);
    let given = shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    let token = given.field("access_token");
    let makes = || {
        let request = server.request("POST", "/v1/wallets").bearer(&token);
        request.json(&json!({ "type": "master" })).send()
    };
    makes().expect(201);
    let code = shop.code(&ana, &[]);
    let narrow = |scope: &str| {
        let request = acme.request("PATCH", &format!("/v1/oauth/clients/{}", shop.id));
        request.json(&json!({ "scopes": [scope] })).send()
    };
    narrow("read").expect(200);
    makes().refused(403, "permission_denied");
    let wallets = server.request("GET", "/v1/wallets").bearer(&token);
    wallets.send().expect(200);
    let other = shop.redeems(&code, &[]).expect(200);
    assert_eq!(other.field("scope"), "read");
    let next = shop.refreshes(&given.field("refresh_token")).expect(200);
    assert_eq!(next.field("scope"), "read");
    narrow("webhooks").expect(200);
    let refresh = next.field("refresh_token");
    refused(&shop.refreshes(&refresh), 400, "invalid_scope");
}

#[test]
fn nobody_allows_what_the_hours_of_his_role_forbid() {
    let server = server();
    let acme = Tenant::found(&server);
    // It is 08:00 in Manila.
    let hours =
        json!({ "days": [], "from": "08:00", "until": "08:01", "time_zone": "Asia/Manila" });
    let role = json!({
        "name": "Early",
        "permissions": ["read:account"],
        "conditions": { "hours": hours },
    });
    let role = acme.post("/v1/roles", &role).expect(201).id();
    let ana = person(&acme, &role);
    let shop = app(&acme, "oauth21", "none", &["read"]);
    shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    let page = server.get(&shop.asks(&[])).expect(200);
    let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
    server.clock.advance(60_000);
    let ticket = ticket(&asked);
    let refused = form(&server, &[("ticket", &ticket), ("answer", "allow")]).expect(403);
    assert!(refused.text().contains("not allowed now"));
    assert_eq!(acme.all("/v1/audit-logs?action=condition_refused").len(), 1);
}

#[test]
fn a_code_is_good_once_and_its_second_use_ends_everything() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    for proof in ["none", "client_secret_post"] {
        let shop = app(&acme, "oauth21", proof, &["read"]);
        let code = shop.code(&ana, &[]);
        let given = shop.redeems(&code, &[]).expect(200);
        let account = || {
            let request = server.request("GET", "/v1/account");
            request.bearer(&given.field("access_token")).send()
        };
        account().expect(200);
        let mark = acme.mark();
        for _ in 0..100 {
            refused(&shop.redeems(&code, &[]), 400, "invalid_grant");
        }
        account().refused(401, "unauthorized");
        refused(
            &shop.refreshes(&given.field("refresh_token")),
            400,
            "invalid_grant",
        );
        let told = texts(&acme.events_since(&mark), "type");
        assert_eq!(told, ["oauth_grant.revoked"]);
    }
}

#[test]
fn of_many_who_redeem_at_once_one_has_it_and_then_nobody() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "client_secret_post", &["read"]);
    let code = shop.code(&ana, &[]);
    let tokens = race(|| shop.redeems(&code, &[]));
    assert_eq!(tokens.len(), 1, "one wins");
    let account = server
        .request("GET", "/v1/account")
        .bearer(&tokens[0])
        .send();
    account.refused(401, "unauthorized");
    // The same for a refresh token of a client that keeps no secret.
    let open = app(&acme, "oauth21", "none", &["read"]);
    let given = open.redeems(&open.code(&ana, &[]), &[]).expect(200);
    let refresh = given.field("refresh_token");
    let tokens = race(|| open.refreshes(&refresh));
    assert_eq!(tokens.len(), 1, "one wins");
    for token in [&tokens[0], &given.field("access_token")] {
        let account = server.request("GET", "/v1/account").bearer(token).send();
        account.refused(401, "unauthorized");
    }
}

/// The tokens that eight who ask at once are given.
fn race(ask: impl Fn() -> strongroom_testkit::exchange::Reply + Sync) -> Vec<String> {
    let (start, ask) = (Barrier::new(8), &ask);
    std::thread::scope(|scope| {
        let one = |_| {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                let reply = ask();
                (reply.status == 200).then(|| reply.field("access_token"))
            })
        };
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter()
            .filter_map(|one| one.join().unwrap())
            .collect()
    })
}

#[test]
fn refresh_tokens_are_used_once_where_nothing_binds_them() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "none", &["read"]);
    let first = shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    let second = shop.refreshes(&first.field("refresh_token")).expect(200);
    let third = shop.refreshes(&second.field("refresh_token")).expect(200);
    assert_ne!(second.field("refresh_token"), third.field("refresh_token"));
    refused(
        &shop.refreshes(&first.field("refresh_token")),
        400,
        "invalid_grant",
    );
    refused(
        &shop.refreshes(&third.field("refresh_token")),
        400,
        "invalid_grant",
    );
    let account = server
        .request("GET", "/v1/account")
        .bearer(&third.field("access_token"))
        .send();
    account.refused(401, "unauthorized");
    // Whoever made one up has ended nothing.
    let other = shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    let mut altered = other.field("refresh_token");
    let last = if altered.ends_with('A') { 'B' } else { 'A' };
    altered.pop();
    altered.push(last);
    refused(&shop.refreshes(&altered), 400, "invalid_grant");
    let theirs = app(&acme, "oauth21", "none", &["read"]);
    refused(
        &theirs.refreshes(&other.field("refresh_token")),
        400,
        "invalid_grant",
    );
    shop.refreshes(&other.field("refresh_token")).expect(200);
}

#[test]
fn a_refresh_token_is_revoked_with_all_that_came_of_it() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "client_secret_post", &["read", "write"]);
    let given = shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    let refresh = given.field("refresh_token");
    // A client with a secret keeps its refresh token, and may ask for less.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("scope", "read"),
    ];
    let less = shop.sends("/oauth/token", &fields).expect(200);
    assert_eq!(less.field("scope"), "read");
    assert!(less.json().get("refresh_token").is_none());
    let more = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("scope", "admin"),
    ];
    refused(&shop.sends("/oauth/token", &more), 400, "invalid_scope");
    let account = |token: &str| server.request("GET", "/v1/account").bearer(token).send();
    account(&less.field("access_token")).expect(200);
    shop.sends("/oauth/revoke", &[("token", &refresh)])
        .expect(200);
    account(&less.field("access_token")).refused(401, "unauthorized");
    account(&given.field("access_token")).refused(401, "unauthorized");
    refused(&shop.refreshes(&refresh), 400, "invalid_grant");
    shop.sends("/oauth/revoke", &[("token", &refresh)])
        .expect(200);
}

#[test]
fn a_code_is_bound_to_its_client_its_address_its_verifier_and_its_minute() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "none", &["read"]);
    let other = app(&acme, "oauth21", "none", &["read"]);
    let code = shop.code(&ana, &[]);
    let wrong = "a".repeat(43);
    for (what, besides) in [
        ("another verifier", [("code_verifier", wrong.as_str())]),
        ("no verifier", [("code_verifier", "")]),
        ("a short verifier", [("code_verifier", "abc")]),
        ("the challenge", [("code_verifier", crate::walk::CHALLENGE)]),
        (
            "another address",
            [("redirect_uri", "https://shop.example/other")],
        ),
        ("no address", [("redirect_uri", "")]),
    ] {
        let reply = shop.redeems(&code, &besides);
        assert_eq!(
            reply.field("error"),
            "invalid_grant",
            "{what}: {}",
            reply.text()
        );
    }
    refused(&other.redeems(&code, &[]), 400, "invalid_grant");
    refused(&shop.redeems("ac_x", &[]), 400, "invalid_grant");
    // None of these was the client's, and none has used it up.
    server.clock.advance(59_999);
    shop.redeems(&code, &[]).expect(200);
    let late = shop.code(&ana, &[]);
    server.clock.advance(60_000);
    refused(&shop.redeems(&late, &[]), 400, "invalid_grant");
}

/// The documents' flow: no challenge, no state but the application's own, a plus for a space, JSON at the token endpoint.
#[test]
fn the_plain_flow_of_the_documents_works() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "operator");
    let shop = app(&acme, "classic", "client_secret_post", &["read", "write"]);
    let target = format!(
        "/oauth/authorize?response_type=code&client_id={}&redirect_uri={CALLBACK}&scope=read+write&state=xyz",
        shop.id
    );
    let page = server.get(&target).expect(200);
    let back = allow(&server, &page, &ana);
    assert_eq!(parameter(&back, "state").as_deref(), Some("xyz"));
    let body = json!({
        "grant_type": "authorization_code",
        "code": parameter(&back, "code"),
        "redirect_uri": CALLBACK,
        "client_id": shop.id,
        "client_secret": shop.secret,
    });
    let request = server.request("POST", "/oauth/token");
    let given = request
        .header("Content-Type", "text/plain;charset=UTF-8")
        .json(&body)
        .send()
        .expect(200);
    assert_eq!(given.field("scope"), "read write");
    assert_eq!(given.json()["expires_in"], json!(3_600));
    let wallets = server
        .request("GET", "/v1/wallets")
        .bearer(&given.field("access_token"));
    wallets.send().expect(200);
    // A challenge that is sent is honoured here, too; a verifier without one is refused.
    let code = shop.code(&ana, &[]);
    refused(
        &shop.redeems(&code, &[("code_verifier", "")]),
        400,
        "invalid_grant",
    );
    shop.redeems(&code, &[]).expect(200);
    let bare = shop.code(
        &ana,
        &[("code_challenge", ""), ("code_challenge_method", "")],
    );
    refused(&shop.redeems(&bare, &[]), 400, "invalid_grant");
}

#[test]
fn after_a_restart_grants_go_on_and_what_was_spent_is_spent() {
    let server = strongroom_testkit::server::TestServer::start_in_files(crate::settings());
    let acme = Tenant::found(&server);
    let (ana, shop) = (
        person(&acme, "viewer"),
        app(&acme, "oauth21", "none", &["read"]),
    );
    let code = shop.code(&ana, &[]);
    let first = shop.redeems(&code, &[]).expect(200);
    let second = shop.refreshes(&first.field("refresh_token")).expect(200);
    let id = shop.id.clone();
    // It holds on to the store.
    drop(acme);
    let server = server.restart(crate::settings());
    let shop = App {
        server: &server,
        id,
        secret: None,
    };
    let account = |token: &str| server.request("GET", "/v1/account").bearer(token).send();
    account(&second.field("access_token")).expect(200);
    let third = shop.refreshes(&second.field("refresh_token")).expect(200);
    refused(&shop.redeems(&code, &[]), 400, "invalid_grant");
    for given in [&first, &second, &third] {
        account(&given.field("access_token")).refused(401, "unauthorized");
    }
    refused(
        &shop.refreshes(&third.field("refresh_token")),
        400,
        "invalid_grant",
    );
    assert!(!query(&[("a", "b c")]).contains(' '));
}
