//! Everything that can happen to a client of OAuth, and to what a person lets it do.

use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::holder::{escaped, form};

use crate::program::{Demo, address};
use crate::receiving::every_event::{change, id, post};

const CALLBACK: &str = "https://shop.example/cb";
const PASSWORD: &str = "kelp tonic 7 umbrella";

pub fn clients(demo: &Demo) {
    let body = json!({ "name": "Shop", "profile": "classic", "scopes": ["read"] });
    let made = post(demo, "/v1/oauth/clients", &body);
    let path = format!("/v1/oauth/clients/{}", id(&made));
    change(demo, "PATCH", &path, &json!({ "name": "Shop 2" }));
    post(demo, &format!("{path}/rotate-secret"), &json!({}));
    change(demo, "DELETE", &path, &json!({}));
    grants(demo);
}

/// Somebody lets a client act for him, and the client gives it back.
fn grants(demo: &Demo) {
    let person = json!({ "name": "Ana Cruz", "email": "ana@shop.example", "role": "viewer" });
    let invited = post(demo, "/v1/users", &person);
    let accepted = json!({ "token": invited["invitation_token"], "password": PASSWORD });
    let accept = sent(demo, "POST", "/v1/invitations/accept").json(&accepted);
    accept.send().expect(201);
    let body = json!({
        "name": "Shop",
        "profile": "classic",
        "redirect_uris": [CALLBACK],
        "scopes": ["read"],
    });
    let client = post(demo, "/v1/oauth/clients", &body);
    let target = format!(
        "/oauth/authorize?response_type=code&client_id={}&redirect_uri={}",
        id(&client),
        escaped(CALLBACK)
    );
    let page = sent(demo, "GET", &target).send().expect(200);
    let login = [("email", "ana@shop.example"), ("password", PASSWORD)];
    let asked = answered(demo, &page, &login).expect(200);
    let moved = answered(demo, &asked, &[("answer", "allow")]).expect(303);
    let back = moved.header("location").unwrap();
    let code = back
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let given = asks(
        demo,
        &client,
        "/oauth/token",
        &[
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code", code),
        ],
    );
    let refresh = given.field("refresh_token");
    asks(demo, &client, "/oauth/revoke", &[("token", &refresh)]);
}

fn sent(demo: &Demo, method: &str, target: &str) -> Outgoing {
    Outgoing::new(address(demo.text("base_url")), method, target)
}

fn answered(demo: &Demo, page: &Reply, fields: &[(&str, &str)]) -> Reply {
    let text = page.text();
    let ticket = text.split("name=\"ticket\" value=\"").nth(1).unwrap();
    let mut all = vec![("ticket", ticket.split('"').next().unwrap())];
    all.extend_from_slice(fields);
    posted(demo, "/oauth/authorize", &all)
}

fn asks(demo: &Demo, client: &Value, target: &str, fields: &[(&str, &str)]) -> Reply {
    let mut all = vec![
        ("client_id", id(client)),
        ("client_secret", client["client_secret"].as_str().unwrap()),
    ];
    all.extend_from_slice(fields);
    posted(demo, target, &all).expect(200)
}

fn posted(demo: &Demo, target: &str, fields: &[(&str, &str)]) -> Reply {
    sent(demo, "POST", target)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form(fields))
        .send()
}
