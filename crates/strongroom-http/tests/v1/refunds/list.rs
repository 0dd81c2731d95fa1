//! `GET /v1/refunds`

use serde_json::Value;

use crate::v1::tenant;

#[test]
fn refunds_are_listed_newest_first_and_narrowed() {
    let acme = tenant();
    let wallet = acme.wallet("master");
    let (one, two) = (acme.paid(&wallet, 500), acme.paid(&wallet, 500));
    let first = acme.refund(&one, 100).expect(201).id();
    acme.attend(&first);
    let second = acme.refund(&two, 100).expect(201).id();
    let third = acme.refund(&one, 100).expect(201).id();
    let ids = |query: &str| -> Vec<String> {
        let page = acme.get(&format!("/v1/refunds{query}")).expect(200).json();
        let data = page["data"].as_array().unwrap();
        let id = |refund: &Value| refund["id"].as_str().unwrap().to_owned();
        data.iter().map(id).collect()
    };
    assert_eq!(ids(""), [third.clone(), second.clone(), first.clone()]);
    assert_eq!(ids("?status=completed"), [first.as_str()]);
    assert_eq!(
        ids(&format!("?payment_id={one}")),
        [third.clone(), first.clone()]
    );
    assert_eq!(ids("?payment_id=pay_1"), [""; 0]);
    assert_eq!(ids(&format!("?limit=1&after={third}")), [second.as_str()]);
    acme.get("/v1/refunds?status=done")
        .refused(400, "invalid_parameter");
}
