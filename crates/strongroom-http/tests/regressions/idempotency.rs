//! Idempotency keys: one tenant's own, one effect, however they race.

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, payout};

use crate::gate::GatedStore;
use crate::{at_once, tenant};

#[test]
fn idem_tenant_scope() {
    let (acme, other) = (tenant(), tenant());
    let live = acme.live();
    let body = json!({ "type": "master", "owner": { "name": "Ana" } });
    let send = |tenant: &Tenant<'_>| {
        tenant
            .request("POST", "/v1/wallets")
            .idempotent("shared-key")
            .json(&body)
            .send()
    };
    let first = send(&acme).expect(201);
    for stranger in [&other, &live] {
        let reply = send(stranger).expect(201);
        assert_ne!(reply.id(), first.id(), "a reply of another tenant or mode");
        assert_eq!(reply.header("idempotent-replayed"), None);
        let changed = json!({ "type": "master" });
        let reused = stranger
            .request("POST", "/v1/wallets")
            .idempotent("shared-key")
            .json(&changed)
            .send();
        assert!(
            !reused
                .refused(409, "idempotency_key_reused")
                .text()
                .contains(&first.id())
        );
    }
    assert_eq!(send(&acme).expect(201).body, first.body);
    // Another key of the same organization and mode retries the same request.
    let colleague = acme.key(strongroom_auth::Role::Admin);
    let request = acme
        .server
        .request("POST", "/v1/wallets")
        .bearer(&colleague.text)
        .idempotent("shared-key");
    assert_eq!(
        request.clone().json(&body).send().expect(201).body,
        first.body
    );
    // A reply goes only to whoever may make the request now.
    let viewer = acme.key(strongroom_auth::Role::Viewer);
    let request = acme
        .server
        .request("POST", "/v1/wallets")
        .bearer(&viewer.text)
        .idempotent("shared-key");
    request.json(&body).send().refused(403, "permission_denied");
}

#[test]
fn idem_inflight_409() {
    let store = GatedStore::default();
    let gate = store.gate.clone();
    let server = TestServer::start_on(&store, ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let send = |minor| {
        acme.request("POST", "/v1/payouts")
            .idempotent("slow")
            .json(&payout(&from, &to, minor))
            .send()
    };
    gate.close();
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| send(10));
        gate.await_write();
        for minor in [10, 11] {
            let busy = send(minor).refused(409, "idempotency_key_in_use");
            assert_eq!(busy.header("retry-after"), Some("1"));
        }
        gate.open();
        first.join().unwrap()
    });
    let first = first.expect(201);
    let again = send(10).expect(201);
    assert_eq!(
        (&again.body, again.header("idempotent-replayed")),
        (&first.body, Some("true"))
    );
    send(11).refused(409, "idempotency_key_reused");
    let replies = at_once(24, |_| {
        acme.request("POST", "/v1/payouts")
            .idempotent("race")
            .json(&payout(&from, &to, 20))
            .send()
    });
    let done: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert!(!done.is_empty() && done.iter().all(|reply| reply.body == done[0].body));
    let fresh = done
        .iter()
        .filter(|reply| reply.header("idempotent-replayed").is_none())
        .count();
    assert_eq!(fresh, 1, "one of them did it");
    assert!(
        replies
            .iter()
            .all(|r| r.status == 201 || r.code() == "idempotency_key_in_use")
    );
    assert_eq!(acme.available(&to), 30);
}
