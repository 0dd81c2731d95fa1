//! `POST /v1/tills/{id}/transactions`

use serde_json::{Value, json};
use strongroom_crypto::{SigningKey, sha256};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::v1::pos::{SEED, Shop, hex, thing, verified};
use crate::v1::tenant;

/// A till without a connection: it keeps its own chain.
struct Offline {
    till: String,
    seed: [u8; 32],
    sequence: u64,
    head: [u8; 32],
}

/// What a till uploads.
#[derive(Clone)]
struct Sent(Value);

impl Offline {
    fn new(till: &str) -> Offline {
        Offline {
            till: till.to_owned(),
            seed: SEED,
            sequence: 0,
            head: [0; 32],
        }
    }

    fn sell(&mut self, minor: i64) -> Sent {
        self.sell_at(minor, "2026-01-01T00:00:00Z")
    }

    fn sell_at(&mut self, minor: i64, time: &str) -> Sent {
        let payload = json!({ "sold_at": time, "items": [thing(minor)], "amount": minor });
        self.sign(&payload.to_string())
    }

    /// The chain as the document describes it, written down once more.
    fn sign(&mut self, payload: &str) -> Sent {
        let raw = self.till.strip_prefix("till_").unwrap();
        let till: Vec<u8> = (0..12)
            .map(|n| u8::from_str_radix(&raw[2 * n..2 * n + 2], 16).unwrap())
            .collect();
        self.sequence += 1;
        let sequence = self.sequence.to_be_bytes();
        let hash = sha256(&[
            b"strongroom/till/1",
            &till,
            &sequence,
            &self.head,
            payload.as_bytes(),
        ]);
        let signature = SigningKey::from_seed(&self.seed).sign(&hash);
        let sent = json!({
            "sequence": self.sequence, "previous": hex(&self.head), "payload": payload,
            "signature": hex(&signature),
        });
        self.head = hash;
        Sent(sent)
    }
}

fn leased(shop: &Shop<'_>, floor: i64, total: i64) {
    let body = json!({
        "floor_limit": floor, "total_limit": total,
        "starts_at": "2025-12-31T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z",
    });
    let path = format!("/v1/tills/{}/lease", shop.till);
    shop.acme.post(&path, &body).expect(200);
}

fn upload(shop: &Shop<'_>, sent: &Sent) -> Reply {
    shop.acme
        .post(&format!("/v1/tills/{}/transactions", shop.till), &sent.0)
}

#[test]
fn offline_sync_once() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        leased(&shop, 1_000, 2_500);
        let mut till = Offline::new(&shop.till);
        let sold: Vec<Sent> = [700, 800, 900].map(|minor| till.sell(minor)).to_vec();
        let first = upload(&shop, &sold[0]).expect(201);
        assert_eq!(first.field("offline/sequence"), "1");
        assert_eq!(shop.expected(), 1_700);
        // The same again, under another key: the same transaction, and nothing is done.
        let mark = shop.acme.mark();
        let again = upload(&shop, &sold[0]).expect(201);
        assert_eq!(again.json(), first.json());
        assert_eq!(shop.acme.events_since(&mark), [Value::Null; 0]);
        assert_eq!(shop.expected(), 1_700);
        // An upload that was cut short goes on where it stopped.
        let path = format!("/v1/tills/{}", shop.till);
        assert_eq!(
            shop.acme
                .get(&path)
                .expect(200)
                .field("offline/next_sequence"),
            "2"
        );
        upload(&shop, &sold[2]).refused(422, "chain_gap");
        upload(&shop, &sold[1]).expect(201);
        assert_eq!(shop.acme.get(&path).expect(200).field("lease/used"), "1500");
        upload(&shop, &sold[2]).expect(201);
        upload(&shop, &sold[1]).expect(201);
        assert_eq!(shop.expected(), 1_000 + 2_400);
        assert_eq!(shop.report()["transactions"], 3);
        // All that the lease allowed is used up.
        let over = till.sell(200);
        upload(&shop, &over).refused(422, "floor_limit_exceeded");
        // A lease for that time lets it in after all: no chain is stuck for ever.
        leased(&shop, 1_000, 5_000);
        upload(&shop, &over).expect(201);
    }
    verified(server);
}

#[test]
fn what_a_till_did_not_sell_like_that_is_refused_and_nothing_moves() {
    let shop = Shop::new(tenant());
    let mut till = Offline::new(&shop.till);
    let early = till.sell(500);
    upload(&shop, &early).refused(422, "lease_ended");
    leased(&shop, 1_000, 10_000);
    upload(&shop, &early).expect(201);

    let good = till.sell(600);
    let with = |field: &str, value: Value| {
        let mut sent = good.clone();
        sent.0[field] = value;
        upload(&shop, &sent)
    };
    // Every field is under the signature.
    let other = json!({ "sold_at": "2026-01-01T00:00:00Z", "items": [thing(1)], "amount": 1 });
    with("payload", json!(other.to_string())).refused(422, "till_signature_invalid");
    with("sequence", json!(3)).refused(422, "till_signature_invalid");
    with("previous", json!("00".repeat(32))).refused(422, "till_signature_invalid");
    with("signature", json!("00".repeat(64))).refused(422, "till_signature_invalid");
    with("signature", json!("zz")).refused(422, "invalid_field");
    with("payload", json!("{")).refused(400, "invalid_json");
    // Another till's key.
    let mut stranger = Offline::new(&shop.till);
    (stranger.seed, stranger.sequence, stranger.head) = ([1; 32], till.sequence - 1, [0; 32]);
    upload(&shop, &stranger.sell(600)).refused(422, "till_signature_invalid");

    // A fork: the till tells two stories of one place.
    let mut fork = Offline::new(&shop.till);
    upload(&shop, &fork.sell(501)).refused(409, "chain_forked");
    let mut elsewhere = Offline::new(&shop.till);
    (elsewhere.sequence, elsewhere.head) = (1, [7; 32]);
    upload(&shop, &elsewhere.sell(600)).refused(409, "chain_forked");

    // Over the floor, after the lease, ahead of time: each at its own place in the chain.
    let place = (till.sequence - 1, early_head(&shop));
    let at_place = |minor: i64, time: &str| {
        let mut till = Offline::new(&shop.till);
        (till.sequence, till.head) = place;
        till.sell_at(minor, time)
    };
    upload(&shop, &at_place(1_001, "2026-01-01T00:00:00Z")).refused(422, "floor_limit_exceeded");
    upload(&shop, &at_place(500, "2025-12-30T00:00:00Z")).refused(422, "lease_ended");
    upload(&shop, &at_place(500, "2026-01-01T12:00:00Z")).refused(422, "invalid_field");
    assert_eq!(shop.expected(), 1_500);
    upload(&shop, &good).expect(201);
    assert_eq!(shop.expected(), 2_100);
}

#[test]
fn what_was_charged_stands_and_what_changed_since_stops_no_chain() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        leased(&shop, 10_000, 50_000);
        let mut till = Offline::new(&shop.till);
        let product = shop.product(1_000, Some(5));
        let customer = shop.acme.post("/v1/customers", &json!({ "name": "Ana" }));
        let customer = customer.expect(201).id();
        shop.cash(5).expect(201);
        let taken = json!({ "items": [thing(5)], "tender": "cash", "reference_id": "order-7" });
        shop.sell(taken).expect(201);
        let line = json!({ "product_id": product, "quantity": 2, "unit_amount": 1_000, "tax_rate_ppm": 50_000 });
        let past = |more: &Value| {
            let mut body = json!({ "sold_at": "2026-01-01T00:00:00Z", "amount": 2_100, "taxes_included": false });
            for (key, value) in more.as_object().unwrap() {
                body[key] = value.clone();
            }
            body.to_string()
        };
        let sent = till.sign(&past(&json!({
            "items": [line], "customer_id": customer, "reference_id": "order-7",
        })));
        // Since then: dearer, another rate, nobody there any more, and the reference is another's.
        let path = format!("/v1/products/{product}");
        let body = json!({ "price": 1_500, "tax_rate_ppm": 120_000 });
        shop.acme
            .request("PATCH", &path)
            .json(&body)
            .send()
            .expect(200);
        shop.acme
            .post(&format!("/v1/customers/{customer}/erase"), &json!({}))
            .expect(200);
        let sold = upload(&shop, &sent).expect(201);
        assert_eq!(sold.field("amount"), "2100");
        assert_eq!(sold.field("items/0/tax_rate_ppm"), "50000");
        assert_eq!(sold.json()["reference_id"], Value::Null);
        assert_eq!(upload(&shop, &sent).expect(201).json(), sold.json());
        assert_eq!(shop.stock(&product), "3");
    }
    verified(server);
}

#[test]
fn what_a_till_did_not_state_stops_no_chain_and_its_amount_stands() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        leased(&shop, 10_000, 90_000);
        let mut till = Offline::new(&shop.till);
        let product = shop.product(1_000, Some(50));
        let patch = |body: Value| {
            server.clock.advance(10_000);
            let path = format!("/v1/products/{product}");
            let request = shop.acme.request("PATCH", &path).json(&body);
            request.send().expect(200)
        };
        patch(json!({ "tax_rate_ppm": 50_000 }));
        let sell = |till: &mut Offline, line: Value, more: Value| {
            let mut body = json!({ "sold_at": "2026-01-01T00:00:15Z", "items": [line] });
            for (key, value) in more.as_object().unwrap() {
                body[key] = value.clone();
            }
            body["items"][0]["product_id"] = json!(product);
            upload(&shop, &till.sign(&body.to_string()))
                .expect(201)
                .json()
        };
        let shown = |sale: &Value| -> Vec<i64> {
            let line = &sale["items"][0];
            let amounts = [
                &sale["amount"],
                &line["unit_amount"],
                &line["tax_rate_ppm"],
                &line["tax"],
            ];
            amounts.iter().map(|v| v.as_i64().unwrap()).collect()
        };
        let differs = |sale: &Value| sale["offline"]["price_differs"] == true;
        // As tills signed it before: neither prices nor a sum.
        let old = sell(
            &mut till,
            json!({ "quantity": 2 }),
            json!({ "tendered": 2_000 }),
        );
        assert_eq!(
            (shown(&old), differs(&old)),
            (vec![2_000, 1_000, 50_000, 95], false)
        );

        // Signed at 5 % by a till that did not hear of another rate: the amount says which it was.
        patch(json!({ "tax_rate_ppm": 120_000 }));
        let stated = json!({ "quantity": 2, "unit_amount": 1_000 });
        let late = "2026-01-01T00:00:45Z";
        let on_top = json!({ "sold_at": late, "amount": 2_100, "taxes_included": false });
        let sold = sell(&mut till, stated.clone(), on_top.clone());
        assert_eq!(
            (shown(&sold), differs(&sold)),
            (vec![2_100, 1_000, 50_000, 100], false)
        );
        // What costs more since is sold for what it cost.
        patch(json!({ "price": 1_500 }));
        let sold = sell(
            &mut till,
            json!({ "quantity": 2 }),
            json!({ "sold_at": late, "amount": 2_000 }),
        );
        assert_eq!((shown(&sold)[0], differs(&sold)), (2_000, false));

        // An amount that the product never came to stands all the same, and the sale says so.
        let sold = sell(
            &mut till,
            stated,
            json!({ "amount": 2_160, "taxes_included": false }),
        );
        assert_eq!(
            (shown(&sold), differs(&sold)),
            (vec![2_160, 1_000, 80_000, 160], true)
        );
        let sold = sell(
            &mut till,
            json!({ "quantity": 3 }),
            json!({ "amount": 1_000 }),
        );
        assert_eq!(
            (shown(&sold)[..2].to_vec(), differs(&sold)),
            (vec![1_000, 334], true)
        );
        assert_eq!(sold["items"][0]["discount_amount"], 2);
        let sold = sell(
            &mut till,
            json!({ "quantity": 1 }),
            json!({ "tendered": 700 }),
        );
        assert_eq!((shown(&sold)[0], differs(&sold)), (700, true));
        // What all was stated has to add up.
        let whole =
            json!({ "product_id": product, "quantity": 1, "unit_amount": 500, "tax_rate_ppm": 0 });
        let whole = json!({ "sold_at": "2026-01-01T00:00:00Z", "items": [whole], "amount": 501 });
        let whole = till.sign(&whole.to_string());
        upload(&shop, &whole).refused(422, "amount_mismatch");
        assert_eq!(shop.report()["transactions"], 6);
        assert_eq!(
            shop.expected(),
            1_000 + 2_000 + 2_100 + 2_000 + 2_160 + 1_000 + 700
        );
    }
    verified(server);
}

#[test]
fn a_rate_is_the_one_of_when_it_was_sold() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        leased(&shop, 10_000, 50_000);
        let mut till = Offline::new(&shop.till);
        let product = shop.product(1_000, None);
        let line = json!({ "product_id": product, "quantity": 1, "unit_amount": 1_120 });
        let body = json!({ "sold_at": "2025-12-31T23:00:00Z", "items": [line], "amount": 1_120 });
        let sent = till.sign(&body.to_string());
        let path = format!("/v1/products/{product}");
        let request = shop.acme.request("PATCH", &path);
        request
            .json(&json!({ "tax_rate_ppm": 0 }))
            .send()
            .expect(200);
        // In the price no sum tells which rate it was.
        let sold = upload(&shop, &sent).expect(201);
        assert_eq!(sold.field("items/0/tax"), "120");
        assert_eq!(sold.field("offline/price_differs"), "false");
        let page = shop.acme.get(&path).expect(200);
        assert_eq!(page.field("tax_rate_ppm"), "0");
    }
    verified(server);
}

#[test]
fn a_card_number_in_what_was_signed_is_found_however_it_is_written() {
    let shop = Shop::new(tenant());
    leased(&shop, 1_000, 5_000);
    let named = [
        r"4242424242424242",
        r"42424242\u00342424242",
        r"4242\u00a04242\u00a04242\u00a04242",
    ];
    for name in named {
        let item = format!(r#"{{"name":"{name}","quantity":1,"unit_amount":100}}"#);
        let payload =
            format!(r#"{{"sold_at":"2026-01-01T00:00:00Z","items":[{item}],"amount":100}}"#);
        let sent = Offline::new(&shop.till).sign(&payload);
        upload(&shop, &sent).refused(422, "card_number_refused");
    }
    assert_eq!(shop.expected(), 1_000);
}

/// The hash that the server's chain stands at.
fn early_head(shop: &Shop<'_>) -> [u8; 32] {
    let till = shop
        .acme
        .get(&format!("/v1/tills/{}", shop.till))
        .expect(200);
    let text = till.field("offline/previous");
    let mut head = [0; 32];
    for (n, byte) in head.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap();
    }
    head
}
