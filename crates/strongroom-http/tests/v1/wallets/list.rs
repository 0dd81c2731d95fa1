//! `GET /v1/wallets`

use serde_json::{Value, json};
use strongroom_testkit::tenant::texts;

use crate::v1::{page, tenant};

#[test]
fn filters_find_what_they_name() {
    let acme = tenant();
    let master = acme.wallet("master");
    let shop = json!({
        "type": "sub_merchant", "reference_id": "shop-1",
        "owner": { "email": "Ana@Example.org", "phone": "+639171234567" },
    });
    let shop = acme.post("/v1/wallets", &shop).expect(201).id();
    let dollars = acme
        .post(
            "/v1/wallets",
            &json!({ "type": "master", "currency": "USD" }),
        )
        .expect(201)
        .id();
    let frozen = acme.wallet("reserve");
    acme.request("POST", &format!("/v1/wallets/{frozen}/freeze"))
        .send()
        .expect(200);
    let found = |query: &str| texts(&acme.all(&format!("/v1/wallets?{query}")), "id");
    assert_eq!(
        found(""),
        [&*frozen, &*dollars, &*shop, &*master],
        "newest first"
    );
    assert_eq!(found("type=master"), [&*dollars, &*master]);
    assert_eq!(found("status=frozen"), [&*frozen]);
    assert_eq!(found("currency=usd"), [&*dollars]);
    assert_eq!(found(&format!("parent_id={master}")), [&*frozen, &*shop]);
    assert_eq!(found("reference_id=shop-1"), [&*shop]);
    assert_eq!(
        found("reference_id=SHOP-1"),
        [""; 0],
        "a program wrote the reference: case counts"
    );
    assert_eq!(
        found("email=ana%40example.ORG"),
        [&*shop],
        "a person wrote the address: case makes no difference"
    );
    assert_eq!(found("phone=%2B639171234567"), [&*shop]);
    assert_eq!(found("email=ana%40example.org&status=frozen"), [""; 0]);
    assert_eq!(found("created_after=2026-01-01T00:00:00Z").len(), 4);
    assert_eq!(found("created_before=2026-01-01T00:00:00Z"), [""; 0]);
    assert_eq!(found("parent_id=nobody"), [""; 0]);
    assert_eq!(
        tenant().get("/v1/wallets").expect(200).json(),
        page(&[]),
        "nobody else sees any of them"
    );
}

#[test]
fn pages_walk_both_ways() {
    let acme = tenant();
    let mut made: Vec<String> = (0..7).map(|_| acme.wallet("master")).collect();
    made.reverse();
    let ids = |page: &Value| texts(page["data"].as_array().unwrap(), "id");
    let first = acme.get("/v1/wallets?limit=3").expect(200).json();
    assert_eq!(
        (ids(&first), &first["has_more"]),
        (made[..3].to_vec(), &json!(true))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = acme
        .get(&format!("/v1/wallets?limit=3&after={cursor}"))
        .expect(200)
        .json();
    assert_eq!(ids(&second), made[3..6]);
    let last = acme
        .get(&format!("/v1/wallets?limit=3&after={}", made[5]))
        .expect(200)
        .json();
    assert_eq!(
        (ids(&last), &last["has_more"], &last["next_cursor"]),
        (made[6..].to_vec(), &json!(false), &json!(null))
    );
    let back = acme
        .get(&format!("/v1/wallets?limit=2&before={}", made[4]))
        .expect(200)
        .json();
    assert_eq!(
        (ids(&back), &back["has_more"]),
        (made[2..4].to_vec(), &json!(true)),
        "the two just before it"
    );
    let front = acme
        .get(&format!("/v1/wallets?before={}", made[1]))
        .expect(200)
        .json();
    assert_eq!(
        (ids(&front), &front["has_more"]),
        (made[..1].to_vec(), &json!(false))
    );
}

#[test]
fn odd_queries_are_named() {
    let acme = tenant();
    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=101", "invalid_parameter"),
        ("limit=ten", "invalid_parameter"),
        ("limit=5&limit=5", "invalid_parameter"),
        ("type=piggy", "invalid_parameter"),
        ("status=open", "invalid_parameter"),
        ("currency=XAU", "invalid_parameter"),
        ("created_after=yesterday", "invalid_parameter"),
        ("reference_id=a%20b", "invalid_parameter"),
        ("email=", "invalid_parameter"),
        ("email=%ff", "invalid_parameter"),
        ("colour=red", "unknown_parameter"),
        ("after=payout_000000000000000000000001", "bad_cursor"),
        ("after=hello", "bad_cursor"),
        ("before=%F0%9F%92%B0", "bad_cursor"),
    ] {
        acme.get(&format!("/v1/wallets?{query}")).refused(400, code);
    }
    let long = format!("/v1/wallets?parent_id={}", "x".repeat(65));
    acme.get(&long).refused(400, "invalid_parameter");
}
