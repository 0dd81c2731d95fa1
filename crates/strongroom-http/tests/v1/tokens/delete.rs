//! `DELETE /v1/tokens/{id}`

use serde_json::json;
use strongroom_testkit::tenant::{VISA, texts};

use crate::v1::tenant;
use crate::v1::tokens::{because, token_with};

#[test]
fn a_deleted_token_is_gone_with_its_number() {
    let acme = tenant();
    for body in [
        token_with(json!({})),
        token_with(json!({ "use": "multi_use" })),
    ] {
        let id = acme.post("/v1/tokens", &body).expect(201).id();
        let path = format!("/v1/tokens/{id}");
        let mark = acme.mark();
        let reply = acme.request("DELETE", &path).send().expect(200);
        assert_eq!(
            reply.json(),
            json!({ "id": id, "object": "token", "deleted": true })
        );
        assert_eq!(texts(&acme.events_since(&mark), "type"), ["token.deleted"]);
        assert_eq!(texts(&acme.audit_since(&mark), "action"), ["token_deleted"]);
        acme.get(&path).refused(404, "not_found");
        acme.request("DELETE", &path)
            .send()
            .refused(404, "not_found");
        let reveal = format!("{path}/reveal");
        acme.post(&reveal, &because("late"))
            .refused(404, "not_found");
        assert!(!acme.get("/v1/tokens").text().contains(&id));
    }
    acme.token(VISA).expect(201);
    assert_eq!(acme.all("/v1/tokens").len(), 1);
}
