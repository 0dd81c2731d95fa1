//! `/v1/access` and `/v1/api-keys/{id}/usage`

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::tenant;

fn explain(acme: &Tenant<'_>, actor: &str, permission: &str, more: &str) -> Value {
    let path = format!("/v1/access/explain?actor={actor}&permission={permission}{more}");
    acme.get(&path).expect(200).json()
}

fn outcomes(explained: &Value) -> Vec<(String, String)> {
    let checks = explained["checks"].as_array().unwrap().iter();
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    checks
        .map(|check| (text(check, "check"), text(check, "outcome")))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[test]
fn a_decision_is_explained_by_the_rule_that_makes_it() {
    let acme = tenant();
    let operator = acme.key(Role::Operator);
    let told = explain(&acme, &operator.id, "create:payouts", "");
    assert_eq!(
        (&told["allowed"], &told["rule"]),
        (&json!(true), &json!("role:operator:create:payouts"))
    );
    assert_eq!(
        outcomes(&told),
        pairs(&[("credential", "passes"), ("permission", "passes")])
    );
    let told = explain(&acme, &operator.id, "create:webhooks", "");
    assert_eq!(
        (&told["allowed"], &told["rule"]),
        (&json!(false), &json!("role:operator:none"))
    );
    let told = explain(&acme, &acme.owner.id, "create:webhooks", "");
    assert_eq!(told["rule"], "role:owner:*");
    // It is the rule that the log holds.
    let from = acme.funded("master", 100);
    acme.pay_bank(&from, 5).expect(201);
    let told = explain(
        &acme,
        &acme.owner.id,
        "create:payouts",
        &format!("&resource={from}"),
    );
    let audit = acme.all("/v1/audit-logs?action=payout_created");
    assert_eq!(audit[0]["policy"], told["rule"]);
    assert_eq!(
        outcomes(&told),
        pairs(&[
            ("credential", "passes"),
            ("permission", "passes"),
            ("resource", "passes")
        ])
    );
}

#[test]
fn what_a_request_is_held_to_besides_is_named() {
    let acme = tenant();
    let body = json!({
        "role": "operator", "signing": "always", "networks": ["192.0.2.0/24"], "limits": {"per_day": 5},
        "client_certificates": ["00ff".repeat(16)],
    });
    let id = acme.post("/v1/api-keys", &body).expect(201).id();
    let told = explain(&acme, &id, "create:payouts", "");
    assert_eq!(told["allowed"], true);
    let expected = pairs(&[
        ("credential", "passes"),
        ("permission", "passes"),
        ("network", "depends"),
        ("client_certificate", "depends"),
        ("signature", "depends"),
        ("money_limits", "depends"),
    ]);
    assert_eq!(outcomes(&told), expected);
    acme.post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
        .expect(200);
    let told = explain(&acme, &id, "create:payouts", "");
    assert_eq!(told["allowed"], false);
    assert_eq!(outcomes(&told)[0], ("credential".into(), "fails".into()));
}

#[test]
fn nothing_is_told_of_other_books() {
    let (acme, other) = (tenant(), tenant());
    let theirs = other.wallet("master");
    for resource in [theirs.as_str(), "x", "txn_000000000000000000000000"] {
        let told = explain(
            &acme,
            &acme.owner.id,
            "read:wallets",
            &format!("&resource={resource}"),
        );
        assert_eq!(told["allowed"], false, "{resource}");
        let path = format!("/v1/access/who-can?permission=read:wallets&resource={resource}");
        assert_eq!(
            acme.get(&path).expect(200).json()["data"],
            json!([]),
            "{resource}"
        );
    }
    let of = |actor: &str| format!("/v1/access/explain?actor={actor}&permission=read:wallets");
    acme.get(&of(&other.owner.id)).refused(404, "not_found");
    acme.get(&of(&acme.live().owner.id))
        .refused(404, "not_found");
    acme.get(&of("x")).refused(404, "not_found");
    for path in [
        "/v1/access/explain",
        "/v1/access/explain?permission=read:wallets",
        "/v1/access/explain?actor=x",
        "/v1/access/explain?actor=x&permission=fly:moon",
        "/v1/access/who-can",
        "/v1/access/who-can?permission=*",
        "/v1/access/who-can?permission=read:wallets&after=x",
        "/v1/access/who-can?permission=read:wallets&limit=0",
    ] {
        assert_eq!(acme.get(path).status, 400, "{path}");
    }
}

#[test]
fn who_can_is_the_reverse() {
    let acme = tenant();
    let operator = acme.key(Role::Operator);
    let viewer = acme.key(Role::Viewer);
    let gone = acme.key(Role::Operator);
    acme.post(&format!("/v1/api-keys/{}/revoke", gone.id), &json!({}))
        .expect(200);
    let who = |permission: &str| acme.all(&format!("/v1/access/who-can?permission={permission}"));
    let payouts = who("create:payouts");
    assert_eq!(
        texts(&payouts, "actor"),
        [acme.owner.id.as_str(), &operator.id]
    );
    assert_eq!(
        texts(&payouts, "rule"),
        ["role:owner:*", "role:operator:create:payouts"]
    );
    assert_eq!(
        texts(&who("read:audit_logs"), "actor"),
        [acme.owner.id.as_str(), &viewer.id]
    );
    assert!(who("operate:installation").is_empty());
    // What it says of a key is what is said of that key.
    for permission in strongroom_auth::permission::ALL {
        let holders = who(permission);
        for key in [&acme.owner.id, &operator.id, &viewer.id, &gone.id] {
            let may = holders.iter().any(|holder| holder["actor"] == key.as_str());
            assert_eq!(
                explain(&acme, key, permission, "")["allowed"],
                may,
                "{key} {permission}"
            );
        }
    }
    // A page at a time.
    let path = "/v1/access/who-can?permission=read:wallets&limit=2";
    let first = acme.get(path).expect(200).json();
    assert_eq!(
        (first["data"].as_array().unwrap().len(), &first["has_more"]),
        (2, &json!(true))
    );
    let next = format!("{path}&after={}", first["next_cursor"].as_str().unwrap());
    let second = acme.get(&next).expect(200).json();
    assert_eq!(
        (
            second["data"].as_array().unwrap().len(),
            &second["has_more"]
        ),
        (1, &json!(false))
    );
}

#[test]
fn a_key_s_usage_shows_what_it_holds_in_vain() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let key = acme.key(Role::Operator);
    let send = |method: &str, path: &str| {
        let request = server.request(method, path).bearer(&key.text);
        request.idempotent(&fresh("usage")).body("{}").send().status
    };
    let wallet = acme.wallet("master");
    for _ in 0..150 {
        send("GET", "/v1/account");
    }
    assert_eq!(send("GET", &format!("/v1/wallets/{wallet}")), 200);
    assert_eq!(send("GET", "/v1/wallets?limit=1"), 200);
    assert_eq!(send("POST", "/v1/payouts"), 422);
    assert_eq!(send("GET", "/v1/webhooks"), 403);
    assert_eq!(send("GET", "/v1/nowhere"), 404);
    let path = format!("/v1/api-keys/{}/usage", key.id);
    let report = acme.get(&path).expect(200).json();
    let expected = json!([
        {"permission": "create:payouts", "requests": 1},
        {"permission": "read:account", "requests": 150},
        {"permission": "read:wallets", "requests": 2},
    ]);
    assert_eq!(
        (&report["used"], &report["complete"], &report["days"]),
        (&expected, &json!(true), &json!(30))
    );
    assert_eq!(
        report["denied"],
        json!([{"permission": "read:webhooks", "requests": 1}])
    );
    let unused: Vec<&str> = report["unused"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(unused.contains(&"create:transfers") && !unused.contains(&"read:wallets"));
    assert!(
        !unused.contains(&"create:webhooks"),
        "what is not held is not unused"
    );
    // Another key's requests are another's, and what is long ago is not lately.
    let other = acme.get(&format!("/v1/api-keys/{}/usage", acme.key(Role::Viewer).id));
    assert_eq!(other.expect(200).json()["used"], json!([]));
    server.clock.advance(2 * 86_400_000);
    let lately = acme.get(&format!("{path}?days=1")).expect(200).json();
    assert_eq!(lately["used"], json!([]));
    assert_eq!(
        acme.get(&format!("{path}?days=3")).expect(200).json()["used"],
        expected
    );
    for days in ["0", "91", "x"] {
        acme.get(&format!("{path}?days={days}"))
            .refused(400, "invalid_parameter");
    }
}
