//! `GET /v1/auth/verify`

use serde_json::json;
use strongroom_auth::Role;

use crate::v1::tenant;

#[test]
fn a_key_learns_what_it_is() {
    let acme = tenant();
    let operator = acme.key(Role::Operator);
    let reply = acme
        .server
        .request("GET", "/v1/auth/verify")
        .bearer(&operator.text)
        .send()
        .expect(200);
    assert_eq!(
        reply.json(),
        json!({
            "object": "credential", "organization_id": acme.books.organization.to_string(), "store_id": null, "user_id": null,
            "mode": "test", "key_id": operator.id, "type": "secret", "role": "operator", "role_id": null, "dialect": "nextapi",
            "permissions": [
                "read:account", "read:approvals", "withdraw:approvals", "read:events", "cancel:payment_links",
                "create:payment_links", "read:payment_links", "capture:payments", "create:payments", "read:payments",
                "void:payments", "cancel:payouts", "create:payouts", "read:payouts", "read:refunds",
                "create:transfers", "read:transactions", "read:wallets", "read:customers", "create:customers", "read:products",
                "read:stores", "read:tills", "read:shifts", "read:payout_rails",
                "read:payout_files", "read:bank_files", "read:beneficiaries", "read:fee_schedules", "read:reports", "manage:reports",
            ],
        })
    );
    let publishable = acme.key(Role::Publishable);
    let reply = acme
        .server
        .request("GET", "/v1/auth/verify")
        .bearer(&publishable.text)
        .send()
        .expect(200)
        .json();
    assert_eq!(
        (&reply["type"], &reply["permissions"]),
        (
            &json!("publishable"),
            &json!(["read:account", "read:payment_links", "create:tokens"])
        )
    );
    let owner = acme.get("/v1/auth/verify").expect(200).json();
    assert!(
        !owner.to_string().contains("operate:installation"),
        "no key reaches the installation"
    );
}
