//! `GET /v1/request-logs`

use crate::v1::tenant;

#[test]
fn requests_are_listed_without_what_they_said() {
    let acme = tenant();
    let made = acme.wallet("master");
    let failed = acme.get("/v1/wallets?email=secret%40example.org&limit=0");
    let request = failed.header("x-request-id").unwrap().to_owned();
    failed.refused(400, "invalid_parameter");
    let found = acme.all(&format!("/v1/request-logs?request_id={request}"));
    assert_eq!(found.len(), 1, "{found:?}");
    let line = found[0].to_string();
    assert!(
        line.contains(&request) && line.contains("400") && line.contains(&acme.owner.id),
        "{line}"
    );
    let everything = acme.all("/v1/request-logs?status=400");
    let text = serde_json::to_string(&everything).unwrap();
    for word in [
        "secret",
        "example.org",
        &acme.owner.text,
        &acme.owner.signing_secret,
    ] {
        assert!(!text.contains(word), "`{word}` in {text}");
    }
    assert!(
        !tenant()
            .get("/v1/request-logs")
            .expect(200)
            .text()
            .contains(&made)
    );
    acme.get("/v1/request-logs?status=9000")
        .refused(400, "invalid_parameter");
}
