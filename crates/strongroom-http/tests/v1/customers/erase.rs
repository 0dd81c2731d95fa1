//! `POST /v1/customers/{id}/erase`

use serde_json::{Value, json};
use strongroom_crypto::Purpose;
use strongroom_engine::verify::verify;
use strongroom_store::{Store, Wanted};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::id::CustomerId;

const CANARY: &str = "Zacharias Quillfeather";

#[test]
fn who_is_erased_is_nobody_and_the_receipt_is_on_the_log() {
    let mut server = TestServer::start(ServerSettings::default());
    let (scope, id) = {
        let acme = Tenant::found(&server);
        let person =
            json!({ "name": CANARY, "email": "zq@example.org", "metadata": { "note": "limps" } });
        let id = acme.post("/v1/customers", &person).expect(201).id();
        let other = acme
            .post("/v1/customers", &json!({ "name": "Ana" }))
            .expect(201)
            .id();
        let path = format!("/v1/customers/{id}");

        let erased = acme
            .post(&format!("{path}/erase"), &json!({}))
            .expect(200)
            .json();
        for field in ["name", "email", "phone"] {
            assert_eq!(erased[field], Value::Null, "{field}");
        }
        assert_eq!(erased["metadata"], json!({}));
        assert!(erased["erased_at"].is_string());
        assert_eq!(acme.get(&path).expect(200).json(), erased);
        assert_eq!(
            acme.all("/v1/customers?email=zq@example.org"),
            [Value::Null; 0]
        );
        assert_eq!(
            acme.get(&format!("/v1/customers/{other}"))
                .expect(200)
                .field("name"),
            "Ana"
        );

        // The receipt is the entry, and its proof stands in the log.
        let receipt = erased["erasure"]["audit_log_id"].as_str().unwrap();
        let record = acme
            .get(&format!("/v1/audit-logs/{receipt}"))
            .expect(200)
            .json();
        assert_eq!(
            (&record["action"], &record["resource_id"]),
            (&json!("customer_erased"), &json!(id))
        );
        acme.server.checkpoint();
        acme.get(erased["erasure"]["proof"].as_str().unwrap())
            .expect(200);

        let again = acme.post(&format!("{path}/erase"), &json!({}));
        again.refused(422, "customer_erased");
        let change = acme
            .request("PATCH", &path)
            .json(&json!({ "name": "X" }))
            .send();
        change.refused(422, "customer_erased");
        (acme.books.scope, CustomerId::parse(&id).unwrap())
    };
    server.halt();
    let subjects = server.look(|store| subject_keys(store, scope.number, id));
    assert_eq!(subjects, 0, "its key is gone");
    let report = server.look(|store| verify(store, server.root_keys(), 1).unwrap());
    assert!(report.is_clean(), "{report}");
}

/// Keys that open anything of the customer's: an empty one, which only keeps a number from being given out again, opens
/// nothing.
fn subject_keys(store: &dyn Store, scope: u32, id: CustomerId) -> usize {
    let mut reader = store.reader().unwrap();
    let wanted = Wanted {
        records: vec![(scope, id.any().kind.code(), id.0.0)],
        ..Wanted::default()
    };
    let row = reader.load(&wanted).unwrap().records.pop().unwrap();
    // The body holds its business part alone: `0x01 ‖ u8 parts`.
    assert_eq!(row.body.get(..2), Some(&[1, 1][..]));
    let keys = reader.subject_keys(0, 1_000).unwrap();
    keys.iter()
        .filter(|key| key.purpose == Purpose::Subject.number())
        .filter(|key| key.scope == scope && key.subject == id.0.0 && key.created < row.time)
        .count()
}

#[test]
fn a_restart_brings_nobody_back() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let acme = Tenant::found(&server);
    let id = acme
        .post("/v1/customers", &json!({ "name": CANARY }))
        .expect(201)
        .id();
    acme.post(&format!("/v1/customers/{id}/erase"), &json!({}))
        .expect(200);
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    let found = acme.get(&format!("/v1/customers/{id}")).expect(200);
    assert!(!found.text().contains(CANARY));
    // Numbers of keys go on: the next customer is sealed and read as ever.
    let next = acme
        .post("/v1/customers", &json!({ "name": "Ana" }))
        .expect(201)
        .id();
    assert_eq!(
        acme.get(&format!("/v1/customers/{next}"))
            .expect(200)
            .field("name"),
        "Ana"
    );
}
