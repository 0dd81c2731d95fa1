//! FAPI 2.0 Security Profile: what it asks of authorization servers, as far as a request can show it. Sections are of the Final.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::holder::Holder;
use strongroom_testkit::tenant::{Tenant, texts};

use crate::walk::{
    CALLBACK, PASSWORD, VERIFIER, ahead, allow, answer, app, fapi, page_of, parameter, person,
    sign_in,
};
use crate::{Fapi, ORIGIN, TOKEN_URL, is_challenged, post, refused, server};

/// A request to the token endpoint with a proof by the nonce that the client knows, once more where it should know another.
pub fn asks(client: &mut Fapi<'_>, fields: &[(&str, &str)]) -> Reply {
    for _ in 0..2 {
        let assertion = client.assertion();
        let mut all = client.fields(&assertion);
        all.extend_from_slice(fields);
        let nonce = client.nonce.as_deref();
        let seconds = client.server.seconds();
        let proof = client
            .proof_key
            .proof(("POST", TOKEN_URL), seconds, nonce, None);
        let reply = post(client.server, "/oauth/token", &all)
            .header("DPoP", proof)
            .send();
        if let Some(nonce) = reply.header("dpop-nonce") {
            client.nonce = Some(nonce.to_owned());
        }
        if !is_challenged(&reply) {
            return reply;
        }
    }
    panic!("a nonce was asked for twice");
}

pub fn redeems(client: &mut Fapi<'_>, code: &str) -> Reply {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    asks(client, &fields)
}

pub fn refreshes(client: &mut Fapi<'_>, token: &str) -> Reply {
    asks(
        client,
        &[("grant_type", "refresh_token"), ("refresh_token", token)],
    )
}

/// 5.3.2.2: pushed requests, a code that comes back with `iss`, a token that is bound, a refresh token that is not rotated.
#[test]
fn fapi_the_whole_way() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "operator");
    let mut client = fapi(&acme, Holder::p256(), &["read", "write"]);
    let mark = acme.mark();
    let pushed = client.asks("/oauth/par", &ahead()).expect(201);
    assert!(pushed.json()["expires_in"].as_i64().unwrap() < 600);
    let page = page_of(&client, &pushed).expect(200);
    let back = allow(&server, &page, &ana);
    assert_eq!(parameter(&back, "state").as_deref(), Some("s-1"));
    assert_eq!(parameter(&back, "iss").as_deref(), Some(ORIGIN));
    let code = parameter(&back, "code").unwrap();
    let given = redeems(&mut client, &code).expect(200);
    assert_eq!(given.field("token_type"), "DPoP");
    let token = given.field("access_token");
    client.get(&token, "/v1/wallets").expect(200);
    let bare = server.request("GET", "/v1/wallets").bearer(&token).send();
    bare.refused(401, "invalid_dpop_proof");
    let refresh = given.field("refresh_token");
    for _ in 0..3 {
        // 5.3.2.1, 9: refresh tokens of clients that show who they are stay as they are.
        let again = refreshes(&mut client, &refresh).expect(200);
        assert!(again.json().get("refresh_token").is_none());
        client
            .get(&again.field("access_token"), "/v1/wallets")
            .expect(200);
    }
    let audit = texts(&acme.audit_since(&mark), "action");
    assert!(
        audit.contains(&"oauth_request_pushed".to_owned()),
        "{audit:?}"
    );
}

/// 5.3.2.2, 3: only requests that were sent ahead.
#[test]
fn fapi_a_request_in_the_browser_alone_is_refused() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let mut fields = ahead();
    fields.push(("client_id", &client.id));
    let target = format!("/oauth/authorize?{}", crate::walk::query(&fields));
    let page = server.get(&target).expect(400);
    assert_eq!(page.header("location"), None);
}

/// RFC 9126: what was sent ahead is of one client, for a short time, and used up by its answer.
#[test]
fn what_was_sent_ahead_is_of_one_client_and_of_one_answer() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let client = fapi(&acme, Holder::p256(), &["read"]);
    let other = fapi(&acme, Holder::ed25519(8), &["read"]);
    let pushed = client.asks("/oauth/par", &ahead()).expect(201);
    page_of(&other, &pushed).expect(400);
    // A page may be loaded again; the first answer is the only one.
    let (one, two) = (page_of(&client, &pushed), page_of(&client, &pushed));
    let asked = sign_in(&server, &two, &ana.email, PASSWORD, "").expect(200);
    allow(&server, &one, &ana);
    let fields = [
        ("ticket", crate::walk::ticket(&asked)),
        ("answer", "allow".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    crate::walk::form(&server, &fields).expect(400);
    page_of(&client, &pushed).expect(400);
    let late = client.asks("/oauth/par", &ahead()).expect(201);
    server.clock.advance(90_000);
    page_of(&client, &late).expect(400);
    let nested = [("request_uri", "urn:ietf:params:oauth:request_uri:x")];
    refused(&client.asks("/oauth/par", &nested), 400, "invalid_request");
}

/// 5.3.2.2: what is wrong is said to the client, before anybody is bothered.
#[test]
fn fapi_what_is_wrong_is_said_when_it_is_sent_ahead() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = fapi(&acme, Holder::p256(), &["read"]);
    for (name, value, expected) in [
        ("redirect_uri", "https://evil.example/cb", "invalid_request"),
        ("redirect_uri", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "admin", "invalid_scope"),
    ] {
        let mut fields = ahead();
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value));
        refused(&client.asks("/oauth/par", &fields), 400, expected);
    }
    // 5.3.2.1, 6: who does not show who he is sends nothing ahead.
    let mut fields = ahead();
    fields.push(("client_id", &client.id));
    refused(
        &post(&server, "/oauth/par", &fields).send(),
        401,
        "invalid_client",
    );
}

/// 5.3.2.1: confidential clients, keys instead of secrets, bound tokens, `https` to go back to; 5.4.1: three algorithms.
#[test]
fn fapi_a_client_is_confidential_and_goes_back_by_https() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = Holder::p256();
    let refuse = |name: &str, value: serde_json::Value| {
        let mut body = json!({
            "name": "x",
            "scopes": ["read"],
            "jwks": key.jwks(),
            "redirect_uris": [CALLBACK],
        });
        body[name] = value;
        acme.post("/v1/oauth/clients", &body)
            .refused(422, "invalid_field");
    };
    refuse("token_endpoint_auth_method", json!("none"));
    refuse("token_endpoint_auth_method", json!("client_secret_basic"));
    refuse("redirect_uris", json!(["http://127.0.0.1/cb"]));
    refuse("redirect_uris", json!(["org.example.app:/cb"]));
    refuse("redirect_uris", json!(["https://shop.example/cb#x"]));
    refuse("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }));
    refuse("grant_types", json!(["password"]));
    refuse("grant_types", json!(["refresh_token"]));
    let client = crate::walk::fapi(&acme, Holder::p256(), &["read"]);
    for address in ["http://127.0.0.1/cb", "org.example.app:/cb"] {
        let change = acme.request("PATCH", &format!("/v1/oauth/clients/{}", client.id));
        let change = change.json(&json!({ "redirect_uris": [CALLBACK, address] }));
        change.send().refused(422, "invalid_field");
    }
    let told = server
        .get("/.well-known/oauth-authorization-server")
        .expect(200)
        .json();
    assert_eq!(told["response_types_supported"], json!(["code"]));
    assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(
        told["authorization_response_iss_parameter_supported"],
        json!(true)
    );
    assert_eq!(
        told["token_endpoint_auth_signing_alg_values_supported"],
        json!(["ES256", "EdDSA", "PS256"])
    );
}

/// 5.3.2.2, 8 to 10: a code is good for a minute, once, and for its own client; its grant type is none of a password.
#[test]
fn fapi_a_code_is_spent_and_its_second_use_ends_everything() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let mut client = fapi(&acme, Holder::p256(), &["read"]);
    let mut other = fapi(&acme, Holder::ed25519(8), &["read"]);
    let code = |client: &Fapi<'_>| {
        let pushed = client.asks("/oauth/par", &ahead()).expect(201);
        let back = allow(&server, &page_of(client, &pushed), &ana);
        parameter(&back, "code").unwrap()
    };
    let first = code(&client);
    refused(&redeems(&mut other, &first), 400, "invalid_grant");
    let given = redeems(&mut client, &first).expect(200);
    refused(&redeems(&mut client, &first), 400, "invalid_grant");
    let token = given.field("access_token");
    client
        .get(&token, "/v1/account")
        .refused(401, "unauthorized");
    refused(
        &refreshes(&mut client, &given.field("refresh_token")),
        400,
        "invalid_grant",
    );
    let late = code(&client);
    server.clock.advance(60_000);
    refused(&redeems(&mut client, &late), 400, "invalid_grant");
    refused(
        &asks(&mut client, &[("grant_type", "password")]),
        400,
        "unsupported_grant_type",
    );
}

/// RFC 9449, section 10: a code that was asked for with a key is redeemed with that key.
#[test]
fn a_code_is_bound_to_the_key_that_it_was_asked_for_with() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let mut client = fapi(&acme, Holder::p256(), &["read"]);
    let holder = Holder::ed25519(200);
    let mut fields = ahead();
    let thumbprint = thumbprint(&holder);
    fields.push(("dpop_jkt", &thumbprint));
    let pushed = client.asks("/oauth/par", &fields).expect(201);
    let back = allow(&server, &page_of(&client, &pushed), &ana);
    let code = parameter(&back, "code").unwrap();
    client.proof_key = Holder::ed25519(201);
    refused(&redeems(&mut client, &code), 400, "invalid_grant");
    client.proof_key = holder;
    redeems(&mut client, &code).expect(200);
}

fn thumbprint(holder: &Holder) -> String {
    let members = format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#,
        holder.jwk()["x"]
    );
    strongroom_testkit::holder::b64(&strongroom_crypto::sha256(&[members.as_bytes()]))
}

/// RFC 9449, section 5: without a secret, a refresh token is bound to the key of its first proof.
#[test]
fn a_refresh_token_without_a_secret_is_bound_to_its_key() {
    let server = server();
    let acme = Tenant::found(&server);
    let ana = person(&acme, "viewer");
    let shop = app(&acme, "oauth21", "none", &["read"]);
    let nonce = std::cell::RefCell::new(None::<String>);
    let ask = |holder: Option<&Holder>, fields: &[(&str, &str)]| {
        let mut all = vec![("client_id", shop.id.as_str())];
        all.extend_from_slice(fields);
        loop {
            let known = nonce.borrow().clone();
            let mut request = post(&server, "/oauth/token", &all);
            if let Some(holder) = holder {
                let asked = ("POST", TOKEN_URL);
                let proof = holder.proof(asked, server.seconds(), known.as_deref(), None);
                request = request.header("DPoP", proof);
            }
            let reply = request.send();
            if !is_challenged(&reply) {
                return reply;
            }
            nonce.replace(reply.header("dpop-nonce").map(str::to_owned));
        }
    };
    let holder = Holder::p256();
    let code = shop.code(&ana, &[]);
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let given = ask(Some(&holder), &redeem).expect(200);
    assert_eq!(given.field("token_type"), "DPoP");
    let refresh = given.field("refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    // `dpop_refresh_requires_proof`: without one it is refused, and nothing is spent.
    refused(&ask(None, &fields), 400, "invalid_grant");
    refused(
        &ask(Some(&Holder::ed25519(9)), &fields),
        400,
        "invalid_grant",
    );
    // `dpop_nonce_retry`: a challenge for a nonce spends nothing either.
    nonce.replace(None);
    let again = ask(Some(&holder), &fields).expect(200);
    assert_ne!(again.field("refresh_token"), refresh);
}

/// With live money a person allows nothing without a second factor.
#[test]
fn live_money_takes_a_second_factor() {
    let server = server();
    let acme = Tenant::found(&server);
    let live = acme.live();
    let signed = |target: &str, body: &serde_json::Value| {
        let request = server.request("POST", target).bearer(&live.owner.text);
        let request = request
            .idempotent(&strongroom_testkit::tenant::fresh("live"))
            .json(body);
        request
            .signed(&live.owner.signing_secret, server.seconds())
            .send()
            .expect(201)
    };
    let email = "ana@live.example";
    let invited = signed(
        "/v1/users",
        &json!({ "name": "Ana", "email": email, "role": "viewer" }),
    );
    let accepted = json!({ "token": invited.field("invitation_token"), "password": PASSWORD });
    let request = server
        .request("POST", "/v1/invitations/accept")
        .json(&accepted);
    request.send().expect(201);
    let body = json!({
        "name": "Shop",
        "profile": "oauth21",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [CALLBACK],
        "scopes": ["read"],
    });
    let shop = crate::walk::App {
        server: &server,
        id: signed("/v1/oauth/clients", &body).id(),
        secret: None,
    };
    let page = server.get(&shop.asks(&[])).expect(200);
    assert!(!page.text().contains("Test mode"));
    let asked = sign_in(&server, &page, email, PASSWORD, "").expect(200);
    crate::walk::error(&answer(&server, &asked, "allow"), "access_denied");
}
