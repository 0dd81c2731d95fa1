//! `/account`, as a browser without a script uses it: a cookie, forms, and what the API asks for behind them.

use serde_json::{Value, json};
use strongroom_testkit::authenticator::Authenticator;
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::holder::form;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::people::passkeys::{authenticator, settings};
use crate::v1::people::{PASSWORD, Person, decoded, join};

/// A browser with one cookie.
struct Browser<'s> {
    server: &'s TestServer,
    cookie: String,
}

impl<'s> Browser<'s> {
    fn new(server: &'s TestServer) -> Browser<'s> {
        Browser {
            server,
            cookie: String::new(),
        }
    }

    fn request(&self, method: &str, target: &str) -> Outgoing {
        let request = self.server.request(method, target);
        let request = request.header("Sec-Fetch-Site", "same-origin");
        match self.cookie.is_empty() {
            true => request,
            false => request.header("Cookie", &self.cookie),
        }
    }

    fn page(&self) -> Reply {
        self.request("GET", "/account").send()
    }

    fn posts(&self, fields: &[(&str, &str)]) -> Outgoing {
        self.request("POST", "/account")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form(fields))
    }

    /// Sends a form and keeps the cookie that is set.
    fn sends(&mut self, fields: &[(&str, &str)]) -> Reply {
        let reply = self.posts(fields).send();
        if let Some(cookie) = reply.header("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        reply
    }

    /// A form of whoever has signed in.
    fn does(&mut self, word: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = hidden(&self.page().expect(200), "csrf");
        let mut all = vec![("csrf", csrf.as_str()), ("do", word)];
        all.extend_from_slice(fields);
        self.sends(&all)
    }

    fn enters(&mut self, person: &Person<'_>) -> Reply {
        self.sends(&[("email", &person.email), ("password", PASSWORD)])
    }

    fn confirms(&mut self, asked: &Reply, factor: (&str, &str)) -> Reply {
        let halfway = hidden(asked, "halfway");
        self.sends(&[("halfway", halfway.as_str()), factor])
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}: {text}"));
    rest.split(end).next().unwrap()
}

/// A hidden field of a page.
fn hidden(page: &Reply, name: &str) -> String {
    let text = page.text();
    between(&text, &format!("name=\"{name}\" value=\""), "\"").to_owned()
}

/// The question to a passkey that a page holds.
fn question(page: &Reply, kind: &str) -> Value {
    let text = page.text();
    let quoted = between(&text, &format!(" data-{kind}=\""), "\"");
    let plain = quoted
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    json!({ "publicKey": serde_json::from_str::<Value>(&plain).unwrap() })
}

fn arrived(reply: &Reply) {
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("/account")),
        "{}",
        reply.text()
    );
}

/// Registers a passkey on the page, and gives a recovery code.
fn adds(browser: &mut Browser<'_>, key: &Authenticator) -> String {
    let page = browser.page().expect(200);
    let said = key.create(&question(&page, "create")).to_string();
    let shown = browser.does("add-passkey", &[("name", "My laptop"), ("passkey", &said)]);
    let shown = shown.expect(200).text();
    let codes = between(&shown, "<ul class=\"codes\">", "</ul>");
    assert_eq!(codes.matches("<li>").count(), 10);
    between(codes, "<li>", "</li>").to_owned()
}

#[test]
fn somebody_signs_in_and_out_by_a_password_and_by_a_code() {
    let server = TestServer::start(settings());
    let acme = Tenant::found(&server);
    let ana = join(&acme, "viewer");
    let mut browser = Browser::new(&server);
    let page = browser.page().expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!page.text().contains("<script"), "{}", page.text());
    browser
        .sends(&[("email", &ana.email), ("password", "not the password")])
        .expect(422);
    assert_eq!(browser.cookie, "");
    let entered = browser.enters(&ana);
    arrived(&entered);
    let cookie = entered.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-strongroom=sess_test_") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let page = browser.page().expect(200).text();
    assert!(
        page.contains("Ana Cruz") && page.contains("viewer at"),
        "{page}"
    );

    let offered = browser.does("offer-totp", &[]).expect(200).text();
    assert!(
        offered.contains("<svg") && !offered.contains("<script"),
        "{offered}"
    );
    let secret = decoded(&between(&offered, "class=\"secret\">", "</p>").replace(' ', ""));
    let again = browser
        .does("confirm-totp", &[("code", "000000")])
        .expect(422);
    assert!(again.text().contains("The six digits"), "{}", again.text());
    let codes = browser
        .does("confirm-totp", &[("code", &ana.code(&secret))])
        .expect(200);
    assert_eq!(codes.text().matches("<li>").count(), 10);
    let out = browser.does("sign-out", &[]);
    arrived(&out);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(browser.page().expect(200).text().contains("Sign in"));

    server.clock.advance(30_000);
    let asked = browser.enters(&ana).expect(200);
    assert!(asked.text().contains("Confirm that it is you"));
    browser.confirms(&asked, ("code", "000000")).expect(422);
    let code = ana.code(&secret);
    arrived(&browser.confirms(&asked, ("code", &code)));
    assert!(browser.page().expect(200).text().contains("10 are left"));
    let asked = browser.does("sign-out", &[]);
    arrived(&asked);
    let asked = browser.enters(&ana).expect(200);
    browser.confirms(&asked, ("code", &code)).expect(422);
}

#[test]
fn a_passkey_is_added_used_asked_for_again_and_removed() {
    let server = TestServer::start(settings());
    let acme = Tenant::found(&server);
    let ana = join(&acme, "viewer");
    let mut browser = Browser::new(&server);
    arrived(&browser.enters(&ana));
    let mut key = authenticator(5);
    let recovery = adds(&mut browser, &key);
    arrived(&browser.does("sign-out", &[]));

    let asked = browser.enters(&ana).expect(200);
    let said = key.get(&question(&asked, "get")).to_string();
    arrived(&browser.confirms(&asked, ("passkey", &said)));
    let page = browser.page().expect(200).text();
    assert!(
        page.contains("My laptop") && page.contains("aria-label=\"Remove My laptop\""),
        "{page}"
    );
    let id = between(&page, "name=\"id\" value=\"", "\"").to_owned();

    server.clock.advance(10 * 60_000);
    let page = browser.page().expect(200);
    assert!(!page.text().contains("Remove My laptop"), "{}", page.text());
    let refused = browser.does("remove-passkey", &[("id", &id)]).expect(422);
    assert!(refused.text().contains("Confirm that it is you first."));
    browser.does("step-up", &[("passkey", &said)]).expect(422);
    let said = key
        .get(&question(&browser.page().expect(200), "get"))
        .to_string();
    arrived(&browser.does("step-up", &[("passkey", &said)]));
    browser.does("step-up", &[("passkey", &said)]).expect(422);
    arrived(&browser.does("remove-passkey", &[("id", &id)]));
    assert!(
        browser
            .page()
            .expect(200)
            .text()
            .contains("You have none yet.")
    );
    arrived(&browser.does("sign-out", &[]));
    // Of no use once there is no factor to replace.
    arrived(&browser.enters(&ana));
    browser.does("step-up", &[("code", &recovery)]).expect(422);
}

#[test]
fn a_form_counts_from_this_page_alone() {
    let server = TestServer::start(settings());
    let acme = Tenant::found(&server);
    let ana = join(&acme, "viewer");
    let mut browser = Browser::new(&server);
    arrived(&browser.enters(&ana));
    let csrf = hidden(&browser.page().expect(200), "csrf");
    let mark = acme.mark();
    for token in ["", "0123456789abcdef0123456789abcdef"] {
        browser
            .sends(&[("csrf", token), ("do", "offer-totp")])
            .expect(403);
    }
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["access_denied"; 2]
    );
    let good = [("csrf", csrf.as_str()), ("do", "offer-totp")];
    let foreign = server
        .request("POST", "/account")
        .header("Cookie", &browser.cookie)
        .header("Sec-Fetch-Site", "cross-site")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form(&good));
    foreign.send().expect(403);
    let json = browser
        .request("POST", "/account")
        .json(&json!({ "do": "offer-totp" }));
    json.send().expect(403);
    browser
        .sends(&[("csrf", &csrf), ("do", "sell-everything")])
        .expect(303);
    let twice = browser.request("POST", "/account").body("a=1&a=2");
    let twice = twice.header("Content-Type", "application/x-www-form-urlencoded");
    twice.send().expect(400);
    browser.sends(&good).expect(200);
    // A key in the cookie is none, and what others hold is no session here.
    browser.cookie = format!("__Host-strongroom={}", acme.owner.text);
    assert!(browser.page().expect(200).text().contains("Sign in"));
    browser.sends(&good).expect(422);
}

#[test]
fn of_several_accounts_the_address_of_the_page_says_which() {
    let server = TestServer::start(settings());
    let acme = Tenant::found(&server);
    let ana = join(&acme, "viewer");
    let mut browser = Browser::new(&server);
    let organization = "org_000000000000000000000000";
    let target = format!("/account?organization_id={organization}&mode=test");
    let page = browser.request("GET", &target).send().expect(200);
    assert_eq!(
        (hidden(&page, "organization_id"), hidden(&page, "mode")),
        (organization.into(), "test".into())
    );
    let mut enters = |fields: &[(&str, &str)]| {
        let mut all = vec![("email", ana.email.as_str()), ("password", PASSWORD)];
        all.extend_from_slice(fields);
        browser.sends(&all)
    };
    enters(&[("organization_id", organization)]).expect(422);
    enters(&[("organization_id", "x")]).expect(422);
    enters(&[("mode", "live")]).expect(422);
    arrived(&enters(&[("mode", "test")]));
}
