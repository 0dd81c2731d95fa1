//! Tenants × the places where an id may stand in a body or a query: another's id is taken there for what it is to the asker, nothing.
//! The places come from the routes' own schemas; one that is not said here how to fill in fails.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_http::{Parameter, Route, routes};
use strongroom_testkit::bank::{fresh_iban, rail};
use strongroom_testkit::exchange::Outgoing;
use strongroom_testkit::pipeline;
use strongroom_testkit::tenant::{Tenant, VISA, fresh, payout};

use crate::banks;
use crate::planned;
use crate::sample::{guarded, name, sample, tenant};
use crate::shop;
use crate::strangers::{Pair, is_as_if_it_were_not_there, nobody_s, shape};

/// Ids whose schema takes any text.
const IN_WORDS: &[(&str, &str, &str)] = &[
    ("PATCH /v1/rate-limits", "/keys/0/key_id", "key"),
    ("POST /v1/roles", "/conditions/stores/0", "store"),
    ("PATCH /v1/roles/{id}", "/conditions/stores/0", "store"),
];

/// Names that look like one of an id and are texts of the client's own.
const TEXTS: &[&str] = &["reference_id", "request_id", "customer_id"];

/// What takes an id that nobody has, and is about nothing then: so is what takes another's.
const ABOUT_NOTHING: &[(&str, &str)] = &[
    ("POST /v1/reports", "/shift_id"),
    ("POST /v1/reports", "/store_id"),
    ("POST /v1/reports", "/wallet_id"),
    ("POST /v1/roles", "/conditions/stores/0"),
    ("PATCH /v1/roles/{id}", "/conditions/stores/0"),
];

/// A place in a body.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    route: String,
    pointer: String,
    prefix: String,
}

/// The kind of an id that a schema asks for.
fn prefix(schema: &Value) -> Option<String> {
    let pattern = schema.get("pattern")?.as_str()?;
    let prefix = pattern.strip_prefix('^')?.strip_suffix("_[0-9a-f]{24}$")?;
    Some(prefix.to_owned())
}

fn collect(route: &Route, schema: &Value, pointer: &str, found: &mut BTreeSet<Place>) {
    let row = name(route);
    let words = IN_WORDS
        .iter()
        .find(|known| known.0 == row && known.1 == pointer);
    let prefix = prefix(schema).or_else(|| words.map(|known| known.2.to_owned()));
    let last = pointer.rsplit('/').next().unwrap_or_default();
    let is_text = schema.get("type") == Some(&json!("string"));
    match prefix {
        Some(prefix) => {
            found.insert(Place {
                route: row,
                pointer: pointer.to_owned(),
                prefix,
            });
        }
        None if is_text && last.ends_with("_id") => {
            assert!(TEXTS.contains(&last), "whose id is {pointer} of {row}?");
        }
        None => {}
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        collect(route, field, &format!("{pointer}/{name}"), found);
    }
    if let Some(items) = schema.get("items") {
        collect(route, items, &format!("{pointer}/0"), found);
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        for one in schema[word].as_array().into_iter().flatten() {
            collect(route, one, pointer, found);
        }
    }
}

/// Every place of every body, from the route table.
fn places() -> BTreeSet<Place> {
    let mut found = BTreeSet::new();
    for route in guarded() {
        if let Some(schema) = route.body {
            collect(route, &schema(), "", &mut found);
        }
    }
    for (route, pointer, _) in IN_WORDS {
        let is_there = found
            .iter()
            .any(|place| place.route == *route && place.pointer == *pointer);
        assert!(is_there, "{route} has no {pointer} any more");
    }
    found
}

/// Something of an organization's that the place could well name.
fn thing(place: &Place, acme: &Tenant<'_>) -> String {
    match (place.route.as_str(), place.prefix.as_str()) {
        ("POST /v1/payout-files", _) => banks::waiting(acme),
        ("POST /v1/shifts", "till") => shop::till(acme),
        ("POST /v1/refunds", "txn") => cash_sale(acme, &shop::selling(acme).0),
        ("POST /v1/wallets", _) => acme.wallet("master"),
        (_, "wallet") => acme.funded("master", 1_000),
        (_, "ben") => planned::payable(acme),
        (_, "tok") => acme.token(VISA).expect(201).id(),
        (_, "pay") => acme.paid(&acme.wallet("master"), 500),
        (_, "till") => shop::selling(acme).0,
        (_, "shift") => shop::selling(acme).1,
        (_, "store") => shop::resource("/v1/stores/{id}", acme),
        (_, "prod") => shop::product(acme),
        (_, "cus") => shop::resource("/v1/customers/{id}", acme),
        (_, "key") => acme.key(Role::Viewer).id,
        (_, "role") => {
            let body = json!({ "name": fresh("role"), "permissions": ["read:products"] });
            acme.post("/v1/roles", &body).expect(201).id()
        }
        (_, "evt") => {
            acme.wallet("master");
            acme.get("/v1/events?limit=1")
                .expect(200)
                .field("data/0/id")
        }
        (route, prefix) => panic!("no `{prefix}` for {route}: say here which one"),
    }
}

fn tea() -> Value {
    json!([{ "name": "Tea", "quantity": 1, "unit_amount": 500 }])
}

fn cash_sale(acme: &Tenant<'_>, till: &str) -> String {
    let body = json!({ "items": tea(), "till_id": till, "tender": "cash" });
    acme.post("/v1/transactions", &body).expect(201).id()
}

/// A body that is good in all else, with this id in its place, and what the route's own id is.
fn filled(place: &Place, acme: &Tenant<'_>, id: &str) -> Value {
    let wallet = || acme.funded("master", 1_000);
    let token = || acme.token(VISA).expect(201).id();
    let report = |kind: &str, pointer: &str| {
        let mut body = json!({
            "type": kind, "format": "json",
            "from": "2025-12-31T00:00:00.000Z", "to": "2026-01-01T00:00:00.000Z",
        });
        body[&pointer[1..]] = json!(id);
        body
    };
    let email = || format!("{}@example.org", fresh("named"));
    match (place.route.as_str(), place.pointer.as_str()) {
        ("POST /v1/api-keys" | "PATCH /v1/users/{id}", _) => json!({ "role": id }),
        ("POST /v1/users", _) => json!({ "name": "Ana Cruz", "email": email(), "role": id }),
        ("POST /v1/payment-links", _) => json!({ "amount": 500, "wallet_id": id }),
        ("POST /v1/payments", "/payment_token") => {
            json!({ "payment_token": id, "amount": 500, "wallet_id": wallet() })
        }
        ("POST /v1/payments", _) => {
            json!({ "payment_token": token(), "amount": 500, "wallet_id": id })
        }
        ("POST /v1/payout-files", _) => json!({ "wallet_id": id }),
        ("POST /v1/payout-rails", _) => rail(id, &fresh_iban()),
        ("POST /v1/payouts", "/recipient/id") => payout(&wallet(), id, 5),
        ("POST /v1/payouts", "/source_wallet_id") => payout(id, &wallet(), 5),
        ("POST /v1/payouts", "/beneficiary_id") => {
            json!({ "amount": 5, "source_wallet_id": wallet(), "beneficiary_id": id })
        }
        ("POST /v1/payout-schedules", pointer) => planned::scheduled(acme, pointer, id),
        ("POST /v1/payouts", _) => {
            let recipient = json!({ "type": "wallet", "id": wallet() });
            json!({ "amount": 5, "wallet_id": id, "recipient": recipient })
        }
        ("POST /v1/refunds", "/payment_id") => {
            json!({ "payment_id": id, "amount": 100, "reason": "returned" })
        }
        ("POST /v1/refunds", "/transaction_id") => {
            json!({ "transaction_id": id, "amount": 100, "reason": "returned" })
        }
        ("POST /v1/refunds", _) => {
            let sale = cash_sale(acme, &shop::selling(acme).0);
            json!({ "transaction_id": sale, "amount": 100, "reason": "returned", "till_id": id })
        }
        ("POST /v1/reports", "/shift_id") => report("shift", "/shift_id"),
        ("POST /v1/reports", "/store_id") => report("tax", "/store_id"),
        ("POST /v1/reports", pointer) => report("balances", pointer),
        ("POST /v1/shifts", _) => json!({ "till_id": id }),
        ("POST /v1/stores", _) => json!({ "name": "Cebu", "wallet_id": id }),
        ("POST /v1/tills", "/store_id") => json!({ "store_id": id, "name": "2" }),
        ("POST /v1/tills", _) => {
            let store = shop::resource("/v1/stores/{id}", acme);
            json!({ "store_id": store, "name": "2", "api_key_id": id })
        }
        ("PATCH /v1/tills/{id}", _) => json!({ "api_key_id": id }),
        ("POST /v1/transactions", pointer) => sale(acme, pointer, id),
        ("POST /v1/transfers", "/source_wallet_id") => {
            json!({ "amount": 5, "source_wallet_id": id, "destination_wallet_id": wallet() })
        }
        ("POST /v1/transfers", _) => {
            json!({ "amount": 5, "source_wallet_id": wallet(), "destination_wallet_id": id })
        }
        ("POST /v1/wallets", _) => json!({ "type": "operating", "parent_id": id }),
        ("POST /v1/webhooks/{id}/replay", _) => json!({ "event_id": id }),
        ("PATCH /v1/rate-limits", _) => json!({ "keys": [{ "key_id": id, "per_second": 5 }] }),
        ("POST /v1/roles", _) => json!({
            "name": fresh("role"), "permissions": ["read:products"], "conditions": { "stores": [id] },
        }),
        ("PATCH /v1/roles/{id}", _) => json!({ "conditions": { "stores": [id] } }),
        (route, pointer) => {
            panic!("no body of {route} with {pointer}: say here how it is used well")
        }
    }
}

fn sale(acme: &Tenant<'_>, pointer: &str, id: &str) -> Value {
    let token = || acme.token(VISA).expect(201).id();
    acme.wallet("operating");
    match pointer {
        "/customer_id" => json!({ "items": tea(), "payment_token": token(), "customer_id": id }),
        "/items/0/product_id" => {
            json!({ "items": [{ "product_id": id, "quantity": 1 }], "payment_token": token() })
        }
        "/payment_token" => json!({ "items": tea(), "payment_token": id }),
        "/tenders/0/payment_token" => {
            let till = shop::selling(acme).0;
            let tenders = [json!({ "type": "card", "amount": 500, "payment_token": id })];
            json!({ "items": tea(), "till_id": till, "tenders": tenders })
        }
        "/till_id" => json!({ "items": tea(), "till_id": id, "tender": "cash" }),
        pointer => panic!("no sale with {pointer}: say here how it is made well"),
    }
}

/// The request of a place, on a record of ours where the route has one.
fn request(pair: &Pair<'_>, place: &Place, id: &str) -> Outgoing {
    let route = guarded().find(|route| name(route) == place.route).unwrap();
    let target = match route.path.contains("{id}") {
        true => sample(route, pair.ours).target,
        false => route.path.to_owned(),
    };
    let request = pair.ours.request(route.verb.as_str(), &target);
    request
        .idempotent(&fresh("named"))
        .json(&filled(place, pair.ours, id))
}

/// Whose id it is decides, and nothing else: with one of ours the same body is taken.
#[test]
fn an_id_of_another_s_in_a_body_is_nobody_s() {
    let (acme, other) = (tenant(), tenant());
    let pair = Pair {
        title: "another organization",
        ours: &acme,
        theirs: &other,
    };
    let places = places();
    for place in &places {
        let what = format!("{} {}", place.route, place.pointer);
        let own = request(&pair, place, &thing(place, &acme)).send();
        assert!((200..300).contains(&own.status), "{what}: {}", own.text());
    }
    let mut cells = 0;
    let live = acme.live();
    for theirs in [&other, &live] {
        let pair = Pair { theirs, ..pair };
        let is_made = |place: &&Place| {
            let prefix = place.prefix.as_str();
            !theirs.books.scope.mode.is_live() || !["pay", "txn"].contains(&prefix)
        };
        for place in places.iter().filter(is_made) {
            let what = format!("{} {}", place.route, place.pointer);
            let id = thing(place, theirs);
            let none = nobody_s(&id);
            let mark = theirs.mark();
            let replies = [&id, &none].map(|id| request(&pair, place, id).send());
            let known = (place.route.as_str(), place.pointer.as_str());
            match ABOUT_NOTHING.contains(&known) {
                true => assert_eq!(replies[0].status, replies[1].status, "{what}"),
                false => {
                    let both = [(&replies[0], id.as_str()), (&replies[1], none.as_str())];
                    is_as_if_it_were_not_there(&what, both);
                }
            }
            assert_eq!(theirs.audit_since(&mark), [Value::Null; 0], "{what}");
            cells += 1;
        }
    }
    println!("tenants × places in bodies: {cells} cells, 0 wrong");
}

fn is_id(parameter: &Parameter) -> bool {
    let named = parameter.name;
    let cursor = ["after", "before"].contains(&named);
    let other = ["actor", "resource"].contains(&named);
    (named.ends_with("_id") || cursor || other) && !TEXTS[..2].contains(&named)
}

/// An id of the kind that a parameter names.
fn filter(named: &str, acme: &Tenant<'_>) -> String {
    let kind = match named {
        "actor" | "key_id" | "credential_id" => return acme.owner.id.clone(),
        "payout_file_id" => return banks::resource("/v1/payout-files/{id}", acme),
        "payout_id" => {
            let (from, to) = (acme.funded("master", 100), acme.wallet("master"));
            return acme.pay(&from, &to, 50).expect(201).id();
        }
        "after" | "before" | "resource" | "resource_id" | "wallet_id" | "parent_id" => "wallet",
        "payment_id" => "pay",
        "beneficiary_id" => "ben",
        "payout_schedule_id" => {
            return planned::resource("/v1/payout-schedules/{id}", acme);
        }
        "transaction_id" => return shop::sold(acme),
        "till_id" => "till",
        "store_id" => "store",
        "shift_id" => "shift",
        "customer_id" => "cus",
        "event_id" => "evt",
        other => panic!("no id for the parameter `{other}`: say here of what"),
    };
    let place = Place {
        route: String::new(),
        pointer: String::new(),
        prefix: kind.to_owned(),
    };
    thing(&place, acme)
}

#[test]
fn an_id_of_another_s_in_a_query_is_nobody_s() {
    let (acme, other) = (tenant(), tenant());
    let mut requests = Vec::new();
    let mut cells = Vec::new();
    let with_ids = routes()
        .iter()
        .filter(|route| route.query.iter().any(is_id));
    for route in with_ids.filter(|route| guarded().any(|known| std::ptr::eq(known, *route))) {
        let own = sample(route, &acme);
        for parameter in route.query.iter().filter(|parameter| is_id(parameter)) {
            let id = filter(parameter.name, &other);
            let none = nobody_s(&id);
            let (path, query) = own.target.split_once('?').unwrap_or((&own.target, ""));
            for id in [&id, &none] {
                let kept = query.split('&').filter(|pair| {
                    !pair.is_empty() && !pair.starts_with(&format!("{}=", parameter.name))
                });
                let asked = format!("{}={id}", parameter.name);
                let all: Vec<&str> = kept.chain([asked.as_str()]).collect();
                requests.push(acme.request("GET", &format!("{path}?{}", all.join("&"))));
            }
            cells.push((format!("{} {}", name(route), parameter.name), id, none));
        }
    }
    let replies = pipeline::all(&requests);
    for ((what, id, none), replies) in cells.iter().zip(replies.chunks_exact(2)) {
        assert!(replies[0].status < 500, "{what}: {}", replies[0].text());
        assert!(
            !replies[0].text().contains(&other.owner.id) || *id == other.owner.id,
            "{what}"
        );
        // A cursor is a place between ids, whoever has them.
        if what.ends_with(" after") || what.ends_with(" before") {
            assert!(!replies[0].text().contains(id.as_str()), "{what}");
            continue;
        }
        assert_eq!(shape(&replies[0], id), shape(&replies[1], none), "{what}");
    }
    println!("tenants × parameters: {} cells, 0 wrong", cells.len());
}
