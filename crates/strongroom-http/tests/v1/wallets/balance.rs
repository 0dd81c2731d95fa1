//! `GET /v1/wallets/{id}/balance`

use serde_json::json;

use crate::v1::tenant;

#[test]
fn four_balances_and_their_currency() {
    let acme = tenant();
    let id = acme.funded("master", 10_000);
    acme.pay_bank(&id, 2_500).expect(201);
    assert_eq!(
        acme.get(&format!("/v1/wallets/{id}/balance"))
            .expect(200)
            .json(),
        json!({
            "wallet_id": id,
            "balances": { "available": 7_500, "pending": 0, "reserved": 2_500, "total": 10_000 },
            "currency": "PHP",
        })
    );
}
