//! `PATCH /v1/api-keys/{id}`

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::{refuses, tenant};

fn patch(acme: &Tenant<'_>, id: &str, body: &Value) -> Reply {
    let request = acme.request("PATCH", &format!("/v1/api-keys/{id}"));
    request.json(body).send()
}

#[test]
fn what_is_given_changes_and_all_else_stays() {
    let acme = tenant();
    let limits = json!({ "per_transaction": 100, "per_day": null, "currencies": ["PHP"], "directions": ["out"] });
    let body = json!({ "role": "operator", "name": "till", "limits": limits });
    let made = acme.post("/v1/api-keys", &body).expect(201);
    assert_eq!(made.json()["limits"], limits);
    assert_eq!(
        (&made.json()["networks"], &made.json()["networks_mode"]),
        (&json!([]), &json!(null))
    );
    let mark = acme.mark();
    let change = json!({ "networks": ["10.0.0.0/8", "::1/128"], "networks_mode": "report" });
    let changed = patch(&acme, &made.id(), &change).expect(200);
    assert_eq!(changed.json()["networks"], change["networks"]);
    assert_eq!(changed.field("networks_mode"), "report");
    assert_eq!(
        (changed.field("name"), &changed.json()["limits"]),
        ("till".into(), &limits)
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["api_key.updated"]
    );
    let record = &acme.audit_since(&mark)[0];
    assert_eq!(record["details"], json!({ "changed": "networks" }));
    let shown = acme.get(&format!("/v1/api-keys/{}", made.id())).expect(200);
    assert_eq!(shown.json(), changed.json());
    // Removed again.
    let bare = json!({ "name": null, "networks": [], "limits": null });
    let bare = patch(&acme, &made.id(), &bare).expect(200).json();
    assert_eq!(
        (&bare["name"], &bare["networks"], &bare["limits"]),
        (&json!(null), &json!([]), &json!(null))
    );
}

#[test]
fn an_end_comes_only_sooner_and_never_to_the_last_owner() {
    let acme = tenant();
    let key = acme.key(Role::Viewer);
    let end = |text: &str| patch(&acme, &key.id, &json!({ "expires_at": text }));
    end("2026-06-01T00:00:00Z").expect(200);
    end("2026-05-01T00:00:00Z").expect(200);
    for text in ["2026-05-02T00:00:00Z", "2025-12-31T00:00:00Z"] {
        let refused = end(text).refused(422, "invalid_field");
        assert_eq!(refused.field("errors/0/pointer"), "/expires_at");
    }
    let last = json!({ "expires_at": "2026-05-01T00:00:00Z" });
    patch(&acme, &acme.owner.id, &last).refused(409, "last_owner");
    for bound in [
        json!({ "limits": { "per_day": 1 } }),
        json!({ "networks": ["192.0.2.0/24"] }),
    ] {
        patch(&acme, &acme.owner.id, &bound).refused(409, "last_owner");
    }
    let second = acme.key(Role::Owner);
    let bound = json!({ "limits": { "per_day": 1 } });
    patch(&acme, &second.id, &bound).expect(200);
    patch(&acme, &acme.owner.id, &last).refused(409, "last_owner");
    patch(&acme, &second.id, &json!({ "limits": null })).expect(200);
    patch(&acme, &acme.owner.id, &last).expect(200);
}

#[test]
fn bodies_that_are_refused_and_why() {
    let acme = tenant();
    let path = format!("/v1/api-keys/{}", acme.key(Role::Viewer).id);
    refuses(
        &acme,
        "PATCH",
        &path,
        &[
            (
                r#"{"networks":["10.0.0.1/8"]}"#,
                422,
                "invalid_field",
                "/networks",
            ),
            (
                r#"{"networks":["10.0.0.1"]}"#,
                422,
                "invalid_field",
                "/networks",
            ),
            (
                r#"{"networks":"10.0.0.0/8"}"#,
                422,
                "invalid_field",
                "/networks",
            ),
            (
                r#"{"networks_mode":"report"}"#,
                422,
                "invalid_field",
                "/networks_mode",
            ),
            (
                r#"{"networks":["::/0"],"networks_mode":"x"}"#,
                422,
                "invalid_field",
                "/networks_mode",
            ),
            (r#"{"limits":[]}"#, 422, "invalid_field", "/limits"),
            (
                r#"{"limits":{}}"#,
                422,
                "invalid_field",
                "/limits/per_transaction",
            ),
            (
                r#"{"limits":{"per_day":-1}}"#,
                422,
                "invalid_field",
                "/limits/per_day",
            ),
            (
                r#"{"limits":{"per_day":1.5}}"#,
                422,
                "invalid_field",
                "/limits/per_day",
            ),
            (
                r#"{"limits":{"currencies":["XXQ"]}}"#,
                422,
                "invalid_field",
                "/limits/currencies",
            ),
            (
                r#"{"limits":{"directions":["up"]}}"#,
                422,
                "invalid_field",
                "/limits/directions",
            ),
            (
                r#"{"limits":{"per_week":1}}"#,
                422,
                "unknown_field",
                "/limits/per_week",
            ),
            (r#"{"role":"owner"}"#, 422, "unknown_field", "/role"),
        ],
    );
}
