//! `GET /v1/payments`

use serde_json::{Value, json};
use strongroom_testkit::tenant::{VISA, fresh};

use crate::v1::payments::pay;
use crate::v1::tenant;

#[test]
fn payments_are_listed_newest_first_and_narrowed() {
    let acme = tenant();
    let (one, two) = (acme.wallet("master"), acme.wallet("operating"));
    let reference = fresh("order");
    let first = pay(&acme, VISA, &one, json!({ "reference_id": reference }))
        .expect(201)
        .id();
    let second = acme.payment(&two, 700, true);
    let third = acme.payment(&one, 700, false);
    let ids = |query: &str| -> Vec<String> {
        let page = acme.get(&format!("/v1/payments{query}")).expect(200).json();
        let data = page["data"].as_array().unwrap();
        let id = |payment: &Value| payment["id"].as_str().unwrap().to_owned();
        data.iter().map(id).collect()
    };
    let all = [third.clone(), second.clone(), first.clone()];
    assert_eq!(ids(""), all);
    assert_eq!(ids("?status=processing"), [first.as_str()]);
    assert_eq!(ids("?status=captured"), [second.as_str()]);
    assert_eq!(
        ids(&format!("?wallet_id={one}")),
        [third.clone(), first.clone()]
    );
    assert_eq!(ids(&format!("?reference_id={reference}")), [first.as_str()]);
    assert_eq!(ids("?created_after=2026-01-02T00:00:00Z"), [""; 0]);
    assert_eq!(ids(&format!("?limit=1&after={third}")), [second.as_str()]);
    assert_eq!(ids(&format!("?before={first}")), [third, second]);
    acme.get("/v1/payments?status=paid")
        .refused(400, "invalid_parameter");
    acme.get(&format!("/v1/payments?after={one}"))
        .refused(400, "bad_cursor");
}
