//! `/v1/payout-settings`: how long an account cools off.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use super::{DAY, beneficiary, change, now};
use crate::v1::{refuses, tenant};

const PATH: &str = "/v1/payout-settings";

#[test]
fn a_day_is_the_rule_and_a_change_is_told() {
    let acme = tenant();
    let before = acme.get(PATH).expect(200).json();
    assert_eq!(before["beneficiary_cooling_off"], 86_400);
    assert_eq!(
        (&before["upcoming"], &before["updated_at"]),
        (&Value::Null, &Value::Null)
    );
    let mark = acme.mark();
    let body = json!({ "beneficiary_cooling_off": 60 });
    let after = change(&acme, "PATCH", PATH, &body).expect(200).json();
    assert_eq!(after["beneficiary_cooling_off"], 60);
    assert_eq!(acme.get(PATH).expect(200).json(), after);
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payout_settings.updated"]
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(
        audit[0]["details"],
        json!({ "from": "86400", "beneficiary_cooling_off": "60" })
    );
    let id = beneficiary(&acme, 20);
    let path = format!("/v1/beneficiaries/{id}");
    assert_eq!(
        now(&acme, &path, "payable_from"),
        "2026-01-01T00:01:00.000Z"
    );
    // What has begun is not shortened.
    change(
        &acme,
        "PATCH",
        PATH,
        &json!({ "beneficiary_cooling_off": 0 }),
    )
    .expect(200);
    assert_eq!(
        now(&acme, &path, "payable_from"),
        "2026-01-01T00:01:00.000Z"
    );
    refuses(
        &acme,
        "PATCH",
        PATH,
        &[
            (
                r#"{"beneficiary_cooling_off":-1}"#,
                422,
                "invalid_field",
                "/beneficiary_cooling_off",
            ),
            (
                r#"{"beneficiary_cooling_off":2592001}"#,
                422,
                "invalid_field",
                "/beneficiary_cooling_off",
            ),
            (
                r#"{"beneficiary_cooling_off":"60"}"#,
                422,
                "invalid_field",
                "/beneficiary_cooling_off",
            ),
        ],
    );
    let admin = acme.key(Role::Admin);
    let request = acme.server.request("PATCH", PATH).bearer(&admin.text);
    request.json(&body).send().refused(403, "permission_denied");
}

#[test]
fn a_shorter_live_period_begins_when_the_one_in_force_is_over() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let live = acme.live();
    let set = |seconds: i64| -> Reply {
        let body = json!({ "beneficiary_cooling_off": seconds });
        let request = live.request("PATCH", PATH).idempotent(&fresh("live"));
        let request = request.json(&body);
        request
            .signed(&live.owner.signing_secret, server.seconds())
            .send()
    };
    let waits = set(0).expect(200).json();
    assert_eq!(waits["beneficiary_cooling_off"], 86_400);
    assert_eq!(
        waits["upcoming"],
        json!({ "beneficiary_cooling_off": 0, "from": "2026-01-02T00:00:00.000Z" })
    );
    let made = beneficiary(&live, 21);
    let path = format!("/v1/beneficiaries/{made}");
    assert_eq!(
        now(&live, &path, "payable_from"),
        "2026-01-02T00:00:00.000Z"
    );
    server.clock.advance(DAY);
    let begun = live.get(PATH).expect(200).json();
    assert_eq!(
        (&begun["beneficiary_cooling_off"], &begun["upcoming"]),
        (&json!(0), &Value::Null)
    );
    let made = beneficiary(&live, 22);
    let path = format!("/v1/beneficiaries/{made}");
    assert_eq!(
        now(&live, &path, "payable_from"),
        "2026-01-02T00:00:00.000Z"
    );
    // A longer one begins at once.
    assert_eq!(set(60).expect(200).field("beneficiary_cooling_off"), "60");
}
