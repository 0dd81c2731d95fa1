//! What the server writes beside its books: secrets and numbers never.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that was logged, at every level.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Collected {
    type Writer = Collected;

    fn make_writer(&'a self) -> Collected {
        self.clone()
    }
}

#[test]
fn number_redaction() {
    let logged = Collected::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(logged.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 7_391_846_205);
    let recipient = json!({
        "type": "bank_account", "account_name": "Quillon Zephyrine", "bank_code": "BDO", "account_number": "48151623421",
    });
    let body = json!({
        "amount": 6_174_208_953_i64, "source_wallet_id": from, "recipient": recipient, "reference_id": "ref-90210777",
        "metadata": { "pin": "73550912" },
    });
    let payout = acme.post("/v1/payouts", &body).expect(201).id();
    acme.post("/v1/payouts", &body)
        .refused(409, "reference_id_taken");
    let huge = json!({ "amount": 8_888_777_766_i64, "source_wallet_id": from, "recipient": { "type": "wallet", "id": from } });
    acme.post("/v1/payouts", &huge).refused(422, "same_wallet");
    let odd = r#"{"amount":5551239871,"amount":5551239872}"#;
    acme.request("POST", "/v1/payouts")
        .idempotent("48151623424")
        .body(odd)
        .send()
        .refused(422, "duplicate_key");
    acme.get("/v1/wallets?phone=%2B4477009001234&email=quillon%40example.org")
        .expect(200);
    acme.get("/v1/transactions?min_amount=6174208953")
        .expect(200);
    acme.get("/v1/wallets/48151623421")
        .refused(404, "not_found");
    acme.server
        .get(&format!("/v1/{}", acme.owner.text))
        .refused(404, "not_found");
    let forged = acme
        .request("GET", "/v1/account")
        .header("X-Signature", "0".repeat(64))
        .header("X-Timestamp", "48151623");
    forged.send().refused(401, "signature_expired");
    let made = acme
        .request("POST", "/v1/api-keys")
        .idempotent(&fresh("k"))
        .json(&json!({ "role": "viewer" }))
        .send();
    let token = acme.token("4000056655665556").expect(201).id();
    let reveal = format!("/v1/tokens/{token}/reveal");
    let shown = acme.post(&reveal, &json!({ "reason": "dispute" }));
    shown.expect(200);
    acme.token("4000056655665555")
        .refused(422, "card_number_invalid");
    let pasted = json!({ "type": "master", "metadata": { "note": "5105 1051 0510 5100" } });
    acme.post("/v1/wallets", &pasted)
        .refused(422, "card_number_refused");
    while server.rail() > 0 {}
    server.checkpoint();
    server.summarise();
    let secrets = [
        "7391846205",
        "6174208953",
        "73918462.05",
        "61742089.53",
        "48151623421",
        "90210777",
        "73550912",
        "8888777766",
        "5551239871",
        "4477009001234",
        "4000056655665556",
        "4000056655665555",
        "5105 1051",
        "51051051",
        "Quillon",
        "quillon",
        &acme.owner.text,
        &acme.owner.signing_secret,
        &made.field("key"),
        &made.field("signing_secret"),
    ];
    // The log that operators see.
    let text = String::from_utf8_lossy(&logged.0.lock().unwrap()).into_owned();
    for secret in secrets {
        assert!(!text.contains(secret), "`{secret}` was logged: {text}");
    }
    // What the audit trail and the request log show to a reader: ids, names and codes, never values.
    let trail =
        serde_json::to_string(&(acme.all("/v1/audit-logs"), acme.all("/v1/request-logs"))).unwrap();
    assert!(trail.contains(&payout));
    for secret in secrets {
        assert!(
            !trail.contains(secret),
            "`{secret}` is in the trail: {trail}"
        );
    }
    // And what is not in the organization's trail at all.
    let events = serde_json::to_string(&acme.all("/v1/events")).unwrap();
    for personal in ["48151623421", "Quillon", "73550912", "90210777"] {
        assert!(!events.contains(personal), "`{personal}` is in an event");
    }
}
