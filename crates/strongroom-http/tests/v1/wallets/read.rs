//! `GET /v1/wallets/{id}`

use serde_json::json;

use crate::v1::{NOW, tenant};

#[test]
fn a_bare_wallet_has_every_member() {
    let acme = tenant();
    let id = acme.wallet("master");
    assert_eq!(
        acme.get(&format!("/v1/wallets/{id}")).expect(200).json(),
        json!({
            "id": id, "object": "wallet", "type": "master", "status": "active", "currency": "PHP", "parent_id": null,
            "owner": null, "business": null,
            "balance": { "available": 0, "pending": 0, "reserved": 0, "total": 0, "currency": "PHP" },
            "low_balance_threshold": null, "reference_id": null, "metadata": {}, "created_at": NOW,
        })
    );
}
