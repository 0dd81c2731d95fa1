//! `GET /v1/me/grants`, `DELETE /v1/me/grants/{id}`: what somebody lets applications do, and takes back one by one.

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, texts};

use crate::walk::{app, person};
use crate::{refused, server};

fn listed(server: &strongroom_testkit::server::TestServer, session: &str) -> Vec<Value> {
    let reply = server
        .request("GET", "/v1/me/grants")
        .bearer(session)
        .send();
    reply.expect(200).json()["data"].as_array().unwrap().clone()
}

#[test]
fn a_person_sees_what_he_allowed_and_takes_one_back() {
    let server = server();
    let acme = Tenant::found(&server);
    let (ana, ben) = (person(&acme, "operator"), person(&acme, "operator"));
    let shop = app(&acme, "oauth21", "none", &["read", "write"]);
    let till = app(&acme, "oauth21", "none", &["read"]);
    let detail = json!([{ "type": "payment_limit", "per_day": 800, "currencies": ["PHP"] }]);
    let code = shop.code(&ana, &[("authorization_details", &detail.to_string())]);
    let kept = till.redeems(&till.code(&ana, &[]), &[]).expect(200);
    let lost = shop.redeems(&code, &[]).expect(200);
    let (mine, his) = (ana.session(), ben.session());
    let all = listed(&server, &mine);
    assert_eq!(texts(&all, "client_id"), [till.id.as_str(), &shop.id]);
    let shown = &all[1];
    assert_eq!(shown["client_name"], "Shop <b>");
    assert_eq!(shown["scopes"], json!(["read", "write"]));
    assert_eq!(shown["limits"]["per_day"], 800);
    assert_eq!(listed(&server, &his), [Value::Null; 0]);

    let path = format!("/v1/me/grants/{}", shown["id"].as_str().unwrap());
    let take = |session: &str| -> Reply {
        let request = server.request("DELETE", &path).bearer(session);
        request.body("{}").send()
    };
    take(&his).refused(404, "not_found");
    take(&acme.owner.text).refused(403, "session_required");
    take(&lost.field("access_token")).refused(403, "session_required");
    let mark = acme.mark();
    assert_eq!(take(&mine).expect(200).field("status"), "revoked");
    take(&mine).refused(404, "not_found");
    let told = acme.events_since(&mark);
    assert_eq!(texts(&told, "type"), ["oauth_grant.revoked"]);
    let audit = acme.audit_since(&mark);
    assert_eq!(audit[0]["user_id"], json!(ana.id));
    let uses = |token: &str| server.request("GET", "/v1/wallets").bearer(token).send();
    uses(&lost.field("access_token")).refused(401, "unauthorized");
    refused(
        &shop.refreshes(&lost.field("refresh_token")),
        400,
        "invalid_grant",
    );
    uses(&kept.field("access_token")).expect(200);
    assert_eq!(
        texts(&listed(&server, &mine), "client_id"),
        std::slice::from_ref(&till.id)
    );
    // What ends otherwise is not listed, either.
    let request = acme.request("DELETE", &format!("/v1/oauth/clients/{}", till.id));
    request.body("{}").send().expect(200);
    assert_eq!(listed(&server, &mine), [Value::Null; 0]);
}

#[test]
fn so_many_grants_go_on_at_a_time_and_ended_ones_make_room() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "none", &["read"]);
    for _ in 0..3 {
        shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    }
    assert_eq!(listed(&server, &ana.session()).len(), 3);
    acme.post(&format!("/v1/users/{}/end-sessions", ana.id), &json!({}))
        .expect(200);
    assert_eq!(listed(&server, &ana.session()), [Value::Null; 0]);
    shop.redeems(&shop.code(&ana, &[]), &[]).expect(200);
    assert_eq!(listed(&server, &ana.session()).len(), 1);
}
