//! Failed logins lock who fails, where he fails, and nobody else.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::v1::people::{PASSWORD, Person, join};

/// A server behind a proxy that says where clients are.
fn server() -> TestServer {
    let mut settings = ServerSettings::default();
    settings.edge.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    TestServer::start(settings)
}

fn from(person: &Person<'_>, address: &str, password: &str) -> Reply {
    person
        .server
        .request("POST", "/v1/sessions")
        .header("X-Forwarded-For", address)
        .json(&json!({ "email": person.email, "password": password }))
        .send()
}

#[test]
fn ten_failures_lock_the_address_and_not_the_owner() {
    let server = server();
    let acme = Tenant::found(&server);
    let person = join(&acme, "viewer");
    for _ in 0..10 {
        from(&person, "203.0.113.9", "not the password at all").refused(401, "login_refused");
    }
    let locked = from(&person, "203.0.113.9", PASSWORD).refused(429, "locked_out");
    assert_eq!(locked.header("retry-after"), Some("1800"));
    from(&person, "198.51.100.4", PASSWORD).expect(201);
    // An account that is not there is locked like one that is.
    let nobody = Person {
        server: &server,
        id: String::new(),
        email: "nobody@lumen.example".into(),
    };
    for _ in 0..10 {
        from(&nobody, "203.0.113.9", PASSWORD).refused(401, "login_refused");
    }
    from(&nobody, "203.0.113.9", PASSWORD).refused(429, "locked_out");
    server.clock.advance(30 * 60_000);
    from(&person, "203.0.113.9", PASSWORD).expect(201);
}
