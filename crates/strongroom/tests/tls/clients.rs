//! Certificates of clients, and keys that are held to them.

use rustls::ALL_VERSIONS;
use serde_json::json;
use strongroom_crypto::sha256;
use strongroom_testkit::exchange::Outgoing;

use crate::authority::{Authority, Issued, Odd, put};
use crate::client::{Client, Served, ask, wait};

const OPTIONAL: &str = "client_authorities = 'clients.pem'\nclient_revoked = 'clients.crl'\nclient_certificates = 'optional'\n";

pub fn thumbprint(issued: &Issued) -> String {
    sha256(&[&issued.der])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn required_means_none_without_a_good_one() {
    let issuer = Authority::new("Clients");
    let (good, revoked) = (issuer.client(10, Odd::Not), issuer.client(11, Odd::Not));
    let more = OPTIONAL.replace("optional", "required");
    let served = Served::start(&more, |_, dir| {
        put(&dir.join("clients.pem"), &issuer.pem(), 0o644);
        put(
            &dir.join("clients.crl"),
            &issuer.revoked(&[&revoked]),
            0o644,
        );
    });
    let with = |own: Option<&Issued>| Client::with(&served.authority, own, ALL_VERSIONS);
    let request = served.request("GET", "/v1/account");
    with(Some(&good)).send(&request).unwrap().expect(200);
    let expired = issuer.client(12, Odd::Expired);
    // The same names and number, from an authority that nobody named.
    let foreign = Authority::new("Clients").client(10, Odd::Not);
    for own in [None, Some(&revoked), Some(&expired), Some(&foreign)] {
        assert!(with(own).send(&request).is_err());
    }
    assert!(served.metric("tls_handshakes_failed_total") >= 4);
    served.stop();
}

#[test]
fn a_key_can_be_held_to_certificates() {
    let issuer = Authority::new("Clients");
    let (own, other) = (issuer.client(20, Odd::Not), issuer.client(21, Odd::Not));
    let served = Served::start(OPTIONAL, |_, dir| {
        put(&dir.join("clients.pem"), &issuer.pem(), 0o644);
        put(&dir.join("clients.crl"), &issuer.revoked(&[]), 0o644);
    });
    let with = |own: Option<&Issued>| Client::with(&served.authority, own, ALL_VERSIONS);
    let owner = |method: &str, target: &str| served.request(method, target);
    let bad = json!({ "role": "viewer", "client_certificates": ["00"] });
    let refused = with(None)
        .send(&owner("POST", "/v1/api-keys").json(&bad))
        .unwrap();
    assert_eq!(
        refused
            .refused(422, "invalid_field")
            .field("errors/0/pointer"),
        "/client_certificates"
    );

    let wanted = json!({ "role": "viewer", "client_certificates": [thumbprint(&own)] });
    let made = with(None)
        .send(&owner("POST", "/v1/api-keys").json(&wanted))
        .unwrap()
        .expect(201);
    assert_eq!(
        made.json()["client_certificates"],
        json!([thumbprint(&own)])
    );
    let (id, key) = (made.id(), made.field("key"));
    let request = Outgoing::new(served.api, "GET", "/v1/account").bearer(&key);
    let status = |own: Option<&Issued>| with(own).send(&request).unwrap();
    status(Some(&own)).expect(200);
    status(Some(&other)).refused(403, "certificate_not_allowed");
    status(None).refused(403, "certificate_not_allowed");
    // No header stands in for a handshake.
    let claimed = request
        .clone()
        .header("X-Client-Cert", own.certificate.replace('\n', " "));
    let claimed = claimed.header("X-SSL-Client-SHA256", thumbprint(&own));
    with(None)
        .send(&claimed)
        .unwrap()
        .refused(403, "certificate_not_allowed");
    let log = with(None)
        .send(&owner("GET", "/v1/audit-logs?action=certificate_refused"))
        .unwrap();
    assert!(
        !log.expect(200).json()["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    let target = format!("/v1/api-keys/{id}");
    let change = |list: serde_json::Value| {
        let body = json!({ "client_certificates": list });
        with(None)
            .send(&owner("PATCH", &target).json(&body))
            .unwrap()
            .expect(200);
    };
    change(json!([thumbprint(&other)]));
    status(Some(&own)).refused(403, "certificate_not_allowed");
    status(Some(&other)).expect(200);
    change(json!([]));
    status(None).expect(200);
    served.stop();
}

#[test]
fn who_is_taken_back_is_out_at_the_reload() {
    let issuer = Authority::new("Clients");
    let own = issuer.client(30, Odd::Not);
    let served = Served::start(OPTIONAL, |_, dir| {
        put(&dir.join("clients.pem"), &issuer.pem(), 0o644);
        put(&dir.join("clients.crl"), &issuer.revoked(&[]), 0o644);
    });
    let client = Client::with(&served.authority, Some(&own), ALL_VERSIONS);
    let request = served.request("GET", "/v1/account");
    let mut lasting = client.open(served.api).unwrap();
    assert_eq!(ask(&mut lasting, &request), Some(200));
    let mut stranger = served.client().open(served.api).unwrap();
    assert_eq!(ask(&mut stranger, &request), Some(200));
    put(
        &served.made.path("clients.crl"),
        &issuer.revoked(&[&own]),
        0o644,
    );
    wait("the end of the connection", || {
        ask(&mut lasting, &request).is_none()
    });
    assert!(client.send(&request).is_err());
    // Who showed no certificate goes on.
    assert_eq!(ask(&mut stranger, &request), Some(200));
    served.stop();
}
