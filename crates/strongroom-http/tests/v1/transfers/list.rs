//! `GET /v1/transfers` and `GET /v1/transfers/{id}`

use serde_json::json;

use crate::v1::tenant;

#[test]
fn transfers_alone_are_listed() {
    let acme = tenant();
    let from = acme.wallet("master");
    let to = acme.wallet("operating");
    let reserve = acme.wallet("reserve");
    let credit = acme.credit(&from, 1_000).id();
    let transfer = |target: &str, minor: i64, reference: &str| {
        let body = json!({
            "amount": minor, "source_wallet_id": from, "destination_wallet_id": target, "reference_id": reference,
        });
        acme.post("/v1/transfers", &body).expect(201).id()
    };
    let first = transfer(&to, 10, "t-1");
    let second = transfer(&reserve, 20, "t-2");
    acme.pay(&from, &to, 5).expect(201);
    let found = |query: &str| {
        strongroom_testkit::tenant::texts(&acme.all(&format!("/v1/transfers?{query}")), "id")
    };
    assert_eq!(found(""), [&*second, &*first]);
    assert_eq!(found(&format!("wallet_id={to}")), [&*first]);
    assert_eq!(found(&format!("wallet_id={from}")), [&*second, &*first]);
    assert_eq!(found("reference_id=t-2"), [&*second]);
    assert_eq!(found("reference_id=t-3"), [""; 0]);
    assert_eq!(found("min_amount=15"), [&*second]);
    assert_eq!(found("max_amount=15"), [&*first]);
    acme.get("/v1/transfers?type=credit")
        .refused(400, "unknown_parameter");
    acme.get("/v1/transfers?min_amount=-1")
        .refused(400, "invalid_parameter");
    acme.get(&format!("/v1/transfers/{credit}"))
        .refused(404, "not_found");
}
