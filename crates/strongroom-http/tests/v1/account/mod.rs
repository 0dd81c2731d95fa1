//! `GET /v1/account`

use serde_json::json;

use crate::v1::{NOW, tenant};

#[test]
fn the_first_call_a_client_makes() {
    let acme = tenant();
    let expected = |mode: &str| {
        json!({
            "id": acme.books.organization.to_string(), "object": "account", "name": "Acme", "mode": mode,
            "default_currency": "PHP", "created_at": NOW,
        })
    };
    assert_eq!(acme.get("/v1/account").expect(200).json(), expected("test"));
    assert_eq!(
        acme.live().get("/v1/account").expect(200).json(),
        expected("live")
    );
    let by_header = acme
        .server
        .request("GET", "/v1/account")
        .header("X-API-Key", &acme.owner.text)
        .send();
    assert_eq!(by_header.expect(200).json(), expected("test"));
}
