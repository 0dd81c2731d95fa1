//! `/v1/checkpoints` and the proof between two of them

use serde_json::{Value, json};
use strongroom_audit::{Checkpoint, VerifierKey, verify_consistency};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::v1::NOW;

fn hash(text: &Value) -> [u8; 32] {
    let Value::String(text) = text else {
        panic!("not a hash: {text}")
    };
    serde_json::from_value::<strongroom_audit::bundle::Hash64>(json!(text))
        .unwrap()
        .0
}

#[test]
fn the_log_only_grows_and_proves_it() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.funded("master", 100);
    assert_eq!(acme.all("/v1/checkpoints"), [Value::Null; 0]);
    server.checkpoint();
    for _ in 0..5 {
        acme.credit(&wallet, 1);
    }
    server.checkpoint();
    server.checkpoint();
    let all = acme.all("/v1/checkpoints");
    assert_eq!(all.len(), 2, "a log that did not grow gets no further one");
    let (new, old) = (&all[0], &all[1]);
    assert_eq!(
        (&new["object"], &new["created_at"]),
        (&json!("checkpoint"), &json!(NOW))
    );
    let sizes = (old["size"].as_u64().unwrap(), new["size"].as_u64().unwrap());
    assert_eq!(sizes.0 + 5, sizes.1);
    let key = VerifierKey::parse(new["verifier_key"].as_str().unwrap()).unwrap();
    let signed = Checkpoint::open(new["note"].as_str().unwrap(), &key.name, &key.public).unwrap();
    assert_eq!((signed.size, signed.root), (sizes.1, hash(&new["root"])));
    let path = format!(
        "/v1/checkpoints/consistency?from={}&to={}",
        sizes.0, sizes.1
    );
    let proof = acme.get(&path).expect(200).json();
    let hashes: Vec<[u8; 32]> = proof["proof"]
        .as_array()
        .unwrap()
        .iter()
        .map(hash)
        .collect();
    verify_consistency(
        sizes.0,
        &hash(&old["root"]),
        sizes.1,
        &hash(&new["root"]),
        &hashes,
    )
    .unwrap();
    assert!(
        verify_consistency(
            sizes.0,
            &hash(&new["root"]),
            sizes.1,
            &hash(&new["root"]),
            &hashes
        )
        .is_err()
    );
    for (query, status, code) in [
        ("", 400, "invalid_parameter"),
        ("?from=x", 400, "invalid_parameter"),
        ("?from=5&to=4", 404, "not_found"),
        ("?from=1&to=99999", 404, "not_found"),
        ("?from=18446744073709551616", 400, "invalid_parameter"),
        ("?from=1&until=2", 400, "unknown_parameter"),
    ] {
        acme.get(&format!("/v1/checkpoints/consistency{query}"))
            .refused(status, code);
    }
}
