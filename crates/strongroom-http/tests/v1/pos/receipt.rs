//! `GET /v1/transactions/{id}/receipt` as a PDF

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::Tenant;

use super::Shop;

/// The strings of a PDF that is not compressed, with what is escaped in them.
fn shown(reply: &Reply) -> Vec<String> {
    let text: String = reply.body.iter().map(|byte| char::from(*byte)).collect();
    let strings = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once(" Td (")?;
        rest.strip_suffix(") Tj ET")
    });
    strings.map(str::to_owned).collect()
}

#[test]
fn a_receipt_is_printed_with_a_code_of_its_proof() {
    let shop = Shop::new(Tenant::found(TestServer::shared()));
    let items = json!([
        { "name": "Café (large) ) Tj ET", "quantity": 2, "unit_amount": 9_500 },
        { "name": "₱ bag \\", "quantity": 1, "unit_amount": 500 },
    ]);
    let sale = shop.sell(json!({ "items": items, "tender": "cash", "tendered": 20_000 }));
    let path = format!("/v1/transactions/{}/receipt", sale.expect(201).id());
    let asked = shop.acme.get(&format!("{path}?format=pdf")).expect(200);
    let accepted = shop.acme.request("GET", &path);
    let accepted = accepted.header("Accept", "application/pdf, */*").send();
    assert_eq!(asked.body, accepted.expect(200).body);
    assert_eq!(asked.header("content-type"), Some("application/pdf"));
    let name = asked.header("content-disposition").unwrap();
    assert!(
        name.starts_with("attachment; filename=\"receipt-txn_"),
        "{name}"
    );
    assert!(asked.body.starts_with(b"%PDF-1.7\n"));
    let lines = shown(&asked);
    let has = |words: &str| lines.iter().any(|line| line.contains(words));
    assert!(has("Makati"), "{lines:?}");
    assert!(has("2 x Caf\\351 \\(large\\) \\) Tj ET"), "{lines:?}");
    assert!(has("1 x ? bag \\\\"), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("TOTAL PHP") && l.ends_with(" 195.00"))
    );
    let receipt = shop.acme.get(&path).expect(200);
    assert_eq!(receipt.header("content-type"), Some("application/json"));
    // The proof stands there in letters, as many lines as it takes, and in squares.
    let proof = receipt.field("verification");
    assert!(lines.concat().contains(&proof), "{lines:?}");
    let squares = asked.text().matches(" re f\n").count();
    assert!(squares > 200, "{squares}");
    shop.acme
        .get(&format!("{path}?format=doc"))
        .refused(400, "invalid_parameter");
}
