//! Who gets in: no credential, another tenant's, another mode's, one that lacks the permission, one that has it.

use serde_json::{Value, json};
use strongroom_auth::permission::ALL;
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_http::{Route, SignatureClass};
use strongroom_testkit::tenant::{Tenant, VISA, fresh, texts};

use crate::sample::{guarded, mutating, name, sample, tenant};

/// A key that holds just these permissions.
fn holding(
    acme: &Tenant<'_>,
    permissions: Vec<&str>,
    signing: SigningPolicy,
) -> strongroom_testkit::books::Key {
    let set = PermissionSet::new(permissions.into_iter().map(str::to_owned).collect()).unwrap();
    acme.books
        .key_with(Role::Custom, set, signing, Dialect::Nextapi)
}

/// Done by whoever made what it is about, and by nobody else whatever he holds; `v1/approvals` tests it.
const BY_ITS_MAKER: &str = "/v1/approvals/{id}/withdraw";

/// Done on a shift by whoever opened it, or by who holds `manage:shifts`; `v1/pos` tests it.
const BY_ITS_CASHIER: &[&str] = &[
    "/v1/shifts/{id}/cash",
    "/v1/shifts/{id}/close",
    "/v1/tills/{id}/transactions",
];

fn others(route: &Route) -> Vec<&'static str> {
    let all = ALL
        .iter()
        .copied()
        .filter(|name| *name != "operate:installation");
    all.filter(|name| Some(*name) != route.permission).collect()
}

#[test]
fn no_credential_is_401() {
    let acme = tenant();
    for route in guarded() {
        let sample = sample(route, &acme);
        let mark = acme.mark();
        for request in [
            sample.request(),
            sample.request().bearer("undefined"),
            sample.request().bearer(""),
        ] {
            let reply = request.send().refused(401, "unauthorized");
            assert_eq!(
                reply.header("www-authenticate"),
                Some("Bearer"),
                "{}",
                name(route)
            );
            assert_eq!(
                reply.header("access-control-allow-origin"),
                Some("*"),
                "{}",
                name(route)
            );
        }
        assert_eq!(acme.audit_since(&mark), [Value::Null; 0], "{}", name(route));
    }
}

#[test]
fn another_tenant_s_ids_are_404() {
    let (acme, other) = (tenant(), tenant());
    for route in guarded().filter(|route| route.path.contains("{id}")) {
        let sample = sample(route, &acme);
        let mark = (acme.mark(), other.mark());
        sample
            .with(&other.owner.text)
            .send()
            .refused(404, missing(route));
        assert_eq!(
            acme.audit_since(&mark.0),
            [Value::Null; 0],
            "{} touched its owner",
            name(route)
        );
        assert_eq!(
            other.events_since(&mark.1),
            [Value::Null; 0],
            "{}",
            name(route)
        );
        sample.done(&acme.owner.text);
    }
}

#[test]
fn another_mode_s_ids_are_404() {
    let acme = tenant();
    let live = acme.live();
    for route in guarded().filter(|route| route.path.contains("{id}")) {
        let sample = sample(route, &acme);
        let mark = acme.mark();
        // What steps up is answered to a signed request alone, whatever it asks for.
        let (status, code) = match route.step_up {
            true => (401, "signature_missing"),
            false => (404, missing(route)),
        };
        sample.with(&live.owner.text).send().refused(status, code);
        assert_eq!(
            acme.audit_since(&mark),
            [Value::Null; 0],
            "{} reached the other mode",
            name(route)
        );
    }
}

/// What a route says of an id that is nobody's.
fn missing(route: &Route) -> &'static str {
    match route.path {
        "/v1/wallets/{id}/credit" | "/v1/wallets/{id}/debit" => "wallet_not_found",
        _ => "not_found",
    }
}

#[test]
fn lists_hold_nothing_of_others() {
    let acme = tenant();
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
    acme.pay(&from, &to, 5).expect(201);
    acme.pay_bank(&from, 5).expect(201);
    let token = acme.token(VISA).expect(201).id();
    let payment = acme.paid(&to, 500);
    let refund = acme.refund(&payment, 5).expect(201).id();
    acme.server.checkpoint();
    for stranger in [tenant(), acme.live()] {
        for route in guarded().filter(|route| !route.is_mutating() && !route.path.contains("{id}"))
        {
            let sample = sample(route, &stranger);
            let text = sample.done(&stranger.owner.text).text();
            for id in [&from, &to, &acme.owner.id, &token, &payment, &refund] {
                assert!(
                    !text.contains(id.as_str()),
                    "{} shows {id}: {text}",
                    name(route)
                );
            }
        }
    }
}

#[test]
fn texts_that_are_no_id_are_404() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let odd = [
        "x".to_owned(),
        "0".to_owned(),
        "undefined".to_owned(),
        "%00".to_owned(),
        "%F0%9F%92%B0".to_owned(),
        "..%2F..%2Fwallets".to_owned(),
        "x".repeat(64),
        wallet.to_uppercase(),
        wallet.replace("wallet_", "WALLET_"),
        wallet.replace("wallet_", "payment_"),
        format!("{wallet}0"),
        wallet[..wallet.len() - 1].to_owned(),
        "wallet_000000000000000000000000".to_owned(),
        "wallet_ffffffffffffffffffffffff".to_owned(),
        "audit_ffffffffffffffffffffffff".to_owned(),
        "audit_000000000000000000000000".to_owned(),
        "payout_ffffffffffffffffffffffff".to_owned(),
        "key_000000000000000000000000".to_owned(),
        acme.owner.id.clone(),
        wallet.clone(),
    ];
    for route in guarded().filter(|route| route.path.contains("{id}")) {
        let good = sample(route, &acme);
        for text in &odd {
            let kind = route.path.split('/').nth(2).unwrap();
            let own = (kind == "wallets" && *text == wallet)
                || (kind == "api-keys" && *text == acme.owner.id);
            if own {
                continue;
            }
            let mut sample = sample_with(&good, route.path.replace("{id}", text));
            sample.body.clone_from(&good.body);
            let reply = sample.with(&acme.owner.text).send();
            assert_eq!(
                reply.status,
                404,
                "{} with {text}: {}",
                name(route),
                reply.text()
            );
            reply.refused(404, missing(route));
        }
    }
}

fn sample_with(good: &crate::sample::Sample, target: String) -> crate::sample::Sample {
    crate::sample::Sample {
        route: good.route,
        target,
        body: good.body.clone(),
    }
}

#[test]
fn without_its_permission_it_is_403_and_on_record() {
    let acme = tenant();
    for route in guarded() {
        let lacking = holding(&acme, others(route), SigningPolicy::Never);
        let sample = sample(route, &acme);
        let mark = acme.mark();
        let reply = sample
            .with(&lacking.text)
            .send()
            .refused(403, "permission_denied");
        assert!(
            reply.text().contains(route.permission.unwrap()),
            "{}: {}",
            name(route),
            reply.text()
        );
        assert_eq!(
            acme.events_since(&mark),
            [Value::Null; 0],
            "{}",
            name(route)
        );
        let audit = acme.audit_since(&mark);
        assert_eq!(
            texts(&audit, "action"),
            ["access_denied"],
            "{}",
            name(route)
        );
        assert_eq!(
            (&audit[0]["outcome"], &audit[0]["credential_id"]),
            (&json!("refused"), &json!(lacking.id))
        );
    }
}

#[test]
fn its_permission_alone_is_enough() {
    let acme = tenant();
    for route in guarded() {
        let is_handed_on = ["/v1/api-keys", "/v1/users", "/v1/oauth", "/v1/roles"]
            .iter()
            .any(|path| route.path.starts_with(path));
        let makes_keys = is_handed_on && route.is_mutating() && !route.path.ends_with("/revoke");
        let just = if makes_keys || route.path.ends_with("/roll") {
            // Who makes a key hands on rights, and must hold those too.
            let viewer = Role::Viewer.permissions();
            let held = viewer.patterns().iter().map(String::as_str);
            holding(
                &acme,
                held.chain(route.permission).collect(),
                SigningPolicy::Never,
            )
        } else {
            holding(&acme, vec![route.permission.unwrap()], SigningPolicy::Never)
        };
        if route.path == BY_ITS_MAKER || BY_ITS_CASHIER.contains(&route.path) {
            continue;
        }
        sample(route, &acme).done(&just.text);
    }
}

#[test]
fn what_a_key_must_sign_is_refused_unsigned() {
    let acme = tenant();
    let seconds = acme.server.seconds();
    for signing in [SigningPolicy::Always, SigningPolicy::Sensitive] {
        let needed = |route: &Route| {
            signing == SigningPolicy::Always || route.signature == SignatureClass::Sensitive
        };
        for route in guarded().filter(|route| needed(route) && route.path != BY_ITS_MAKER) {
            let key = acme.books.key_with(
                Role::Owner,
                Role::Owner.permissions(),
                signing,
                Dialect::Nextapi,
            );
            let sample = sample(route, &acme);
            let mark = acme.mark();
            sample
                .with(&key.text)
                .send()
                .refused(401, "signature_missing");
            assert_eq!(
                texts(&acme.audit_since(&mark), "action"),
                ["signature_refused"],
                "{}",
                name(route)
            );
            let signed = sample
                .with(&key.text)
                .signed(&key.signing_secret, seconds)
                .send();
            assert_eq!(
                signed.status,
                route.success,
                "{}: {}",
                name(route),
                signed.text()
            );
            let forged = sample
                .with(&key.text)
                .signed("another secret", seconds)
                .send();
            forged.refused(401, "signature_invalid");
        }
    }
}

#[test]
fn a_secret_key_from_a_browser_opens_nothing() {
    let acme = tenant();
    for route in guarded() {
        let key = acme.key(Role::Owner);
        let sample = sample(route, &acme);
        let mark = acme.mark();
        for header in ["Origin", "Sec-Fetch-Site"] {
            let reply = sample
                .with(&key.text)
                .header(header, "https://shop.example")
                .send();
            let reply = reply.refused(403, "secret_key_in_browser");
            assert_eq!(
                reply.header("access-control-allow-origin"),
                Some("*"),
                "the page can read why"
            );
        }
        assert_eq!(
            texts(&acme.audit_since(&mark), "action"),
            ["secret_key_in_browser"; 2],
            "{}",
            name(route)
        );
        // Node's own fetch sends these two; it is no browser.
        let node = sample
            .with(&key.text)
            .header("Sec-Fetch-Mode", "cors")
            .header("Accept-Language", "*")
            .send();
        if route.path != BY_ITS_MAKER {
            assert_eq!(node.status, route.success, "{}", node.text());
        }
    }
}

#[test]
fn a_publishable_key_makes_tokens_reads_the_account_and_nothing_else() {
    let acme = tenant();
    for route in guarded() {
        let key = acme.key(Role::Publishable);
        let request = sample(route, &acme)
            .with(&key.text)
            .header("Origin", "https://shop.example");
        match route.permission {
            Some("read:account" | "create:tokens") => request.send().expect(route.success),
            // One link by its id; a list would show everybody's.
            Some("read:payment_links") if route.path.contains("{id}") => {
                request.send().expect(route.success)
            }
            _ => request.send().refused(403, "permission_denied"),
        };
    }
}

#[test]
fn money_moves_under_a_key_only() {
    let acme = tenant();
    for route in mutating() {
        let sample = sample(route, &acme);
        let bare = sample.request().bearer(&acme.owner.text).send();
        match route.money {
            true => drop(bare.refused(400, "idempotency_key_required")),
            false => drop(bare.expect(route.success)),
        }
        for odd in ["", " ", "a b", "\"open", "ñ", &"k".repeat(256)] {
            let request = sample.request().bearer(&acme.owner.text).idempotent(odd);
            request.send().refused(400, "idempotency_key_invalid");
        }
        let two = sample
            .with(&acme.owner.text)
            .header("X-Idempotency-Key", fresh("other"));
        two.send().refused(400, "idempotency_key_conflict");
    }
}
