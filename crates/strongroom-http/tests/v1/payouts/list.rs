//! `GET /v1/payouts`

use serde_json::json;
use strongroom_testkit::tenant::{payout, texts};

use crate::v1::{NOW, page, tenant};

#[test]
fn filters_find_what_they_name() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.funded("operating", 1_000);
    let mut named = payout(&from, &to, 10);
    named["reference_id"] = json!("p-1");
    let first = acme.post("/v1/payouts", &named).expect(201).id();
    let second = acme.pay(&to, &from, 20).expect(201).id();
    let bank = acme.pay_bank(&from, 30).expect(201).id();
    let gone = acme.pay_bank(&from, 40).expect(201).id();
    acme.request("POST", &format!("/v1/payouts/{gone}/cancel"))
        .idempotent("c")
        .send()
        .expect(200);
    let found = |query: &str| texts(&acme.all(&format!("/v1/payouts?{query}")), "id");
    assert_eq!(found(""), [&*gone, &*bank, &*second, &*first]);
    assert_eq!(found("status=completed"), [&*second, &*first]);
    assert_eq!(found("status=initiated"), [&*bank]);
    assert_eq!(found("status=cancelled"), [&*gone]);
    assert_eq!(
        found(&format!("wallet_id={to}")),
        [&*second, &*first],
        "from it and to it"
    );
    assert_eq!(found("reference_id=p-1"), [&*first]);
    assert_eq!(found("reference_id=p-2"), [""; 0]);
    assert_eq!(found(&format!("created_before={NOW}")), [""; 0]);
    let page_two = acme
        .get(&format!("/v1/payouts?limit=2&after={bank}"))
        .expect(200)
        .json();
    assert_eq!(
        texts(page_two["data"].as_array().unwrap(), "id"),
        [&*second, &*first]
    );
    acme.get("/v1/payouts?status=lost")
        .refused(400, "invalid_parameter");
    assert_eq!(tenant().get("/v1/payouts").expect(200).json(), page(&[]));
}
